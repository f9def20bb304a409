"""``/imports``, ``/bulk`` and ``/export``: many users at once, from a spreadsheet, by a filter, and out again (E4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import IO, Annotated, Any, Final, Literal, TypeVar

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import Response, StreamingResponse

from b2bua.administration import bulk
from b2bua.administration.book import Conflict, Missing, Refusal
from b2bua.administration.columns import columns
from b2bua.administration.entries import Finding
from b2bua.administration.import_state import ChangedSince, Import, NoImport, NotNow, Options, TooMany
from b2bua.administration.sheets import MAX_BYTES, TYPES, Format, Unreadable
from b2bua.administration.viewer import Viewer
from b2bua.errors import Refused
from b2bua.store.ports import ImportRow, Moved, Unavailable
from b2bua.web.api.dependencies import object_body
from b2bua.web.problems import ProblemError
from b2bua.web.security import SignedIn, Writer
from b2bua.web.services import services

router = APIRouter(tags=["imports"])
MOST_SHOWN: Final = 500
"""Problems and changes in one answer; the error sheet has all."""
CHUNK: Final = 1 << 16
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="the import")]
AnyModel = TypeVar("AnyModel", bound=BaseModel)


class Strict(BaseModel):
    """A body: nothing that is not known."""

    model_config = ConfigDict(extra="forbid")


class OptionsBody(Strict):
    """How a sheet is taken in."""

    dry_run: bool = Field(default=True, description="only look what would come of it")
    mode: Literal["all_or_nothing", "partial"] = Field(default="all_or_nothing", description="partial: rows with errors are left out")
    update: Literal["both", "create", "update"] = Field(default="both", description="whether users are made, changed, or both")
    delete_missing: bool = Field(default=False, description="remove the users of whom the sheet says nothing; not with partial")


class ProblemLine(BaseModel):
    """One line of the error sheet."""

    row: int = Field(description="as spreadsheet programs count; 0: no row of its own")
    column: str
    value: str = Field(description="what stands there; never a password")
    text: str = Field(description="what is wrong, and what to write instead")


class ChangeLine(BaseModel):
    """What an import does to one entry."""

    row: int
    kind: str
    key: str
    name: str
    action: Literal["created", "changed", "removed"]
    fields: list[str] = Field(description="what is changed of it")


class Summary(BaseModel):
    """An import, in a list."""

    id: str
    file: str
    account: str = Field(description="who has started it")
    started: float = Field(description="seconds since the epoch")
    state: str = Field(description="reading, checking, checked, refused, applying, applied, failed, cancelled or rolled_back")
    words: str = Field(description="what came of it")
    rows: int
    counts: dict[str, int] = Field(description="created, changed, removed: entries; unchanged, left_out: rows")


class Whole(Summary):
    """An import, as far as it is."""

    options: OptionsBody | None = None
    checked: int = Field(default=0, description="rows that have been looked at in this state")
    applied: int = 0
    notes: list[str] = Field(default=[], description="what was guessed about the file")
    problems: int = Field(description="how many there are; the error sheet has them")
    wrong: list[ProblemLine] = Field(description=f"the first {MOST_SHOWN}")
    changes: list[ChangeLine] = Field(default=[], description=f"the first {MOST_SHOWN}")


class ImportList(BaseModel):
    """The imports, the newest first."""

    items: list[Summary]


class Started(BaseModel):
    """An import that goes on by itself: ask for it again."""

    id: str


class Undone(BaseModel):
    """What a rollback has done."""

    restored: int
    removed: int


class RollbackBody(Strict):
    """How an import is taken back."""

    force: bool = Field(default=False, description="also what others have changed since")


class ColumnInfo(BaseModel):
    """A column that a sheet may have."""

    name: str
    hint: str = Field(description='completes "write …"')
    about: Literal["user", "executive"]
    exported: bool


class BulkBody(Strict):
    """The same for many users."""

    extensions: Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=100_000)] = Field(default=[], description="which users; or `filter`")
    filter: dict[str, Annotated[str, Field(max_length=200)]] = Field(
        default={}, description="all users with this site, cost_centre, status, type, role or search"
    )
    set: dict[str, Any] = Field(default={}, description='columns with values, null takes away: {"location": "HQ", "forwarding.no_answer": "600"}')
    remove: bool = Field(default=False, description="remove the users")
    dry_run: bool = Field(default=True, description="only look what would come of it")
    confirm: int | None = Field(default=None, ge=0, description="how many users are meant: `users` of the dry run")


class BulkDone(BaseModel):
    """What a bulk edit would do, or has done."""

    users: int
    counts: dict[str, int]
    problems: int
    wrong: list[ProblemLine]
    changes: list[ChangeLine]
    id: str = Field(description="for the rollback; empty: nothing was changed")


# --- imports ------------------------------------------------------------------------------------------------------------------

_UPLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": f"CSV or XLSX, at most {MAX_BYTES >> 20} MiB"},
                        "options": {"type": "string", "description": 'JSON: {"dry_run": true, "mode": "all_or_nothing", "update": "both", "delete_missing": false}'},
                    },
                    "required": ["file"],
                }
            }
        },
    }
}


@router.post("/imports", status_code=HTTPStatus.ACCEPTED, openapi_extra=_UPLOAD)
async def start_import(request: Request, response: Response, viewer: Writer) -> Started:
    """Begin an import of users from a spreadsheet; by default a dry run."""
    name, data, options = await _upload(request)
    with _told():
        made = services(request).imports.start(viewer, name, data, options)
    response.headers["Location"] = f"{request.url.path}/{made.id}"
    return Started(id=made.id)


async def _upload(request: Request) -> tuple[str, bytes, Options]:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ProblemError(415, "send the file as multipart/form-data, in the field file")
    async with request.form(max_files=1, max_fields=4) as form:
        file, options = form.get("file"), form.get("options", "{}")
        if not isinstance(file, UploadFile) or not isinstance(options, str):
            raise _invalid("file", "is missing; send the spreadsheet in the field file")
        unknown = sorted(form.keys() - {"file", "options"})
        if unknown:
            raise _invalid(unknown[0], "is no field of this form; there are file and options")
        try:
            wanted = OptionsBody.model_validate_json(options)
        except ValidationError as error:
            raise _not_valid(error) from None
        return file.filename or "", await file.read(), Options(**wanted.model_dump())


@router.get("/imports")
async def list_imports(request: Request, viewer: SignedIn) -> ImportList:
    """The imports of late, and those that were applied."""
    imports = services(request).imports
    with _told():
        past = await imports.past(viewer)
    found = {row.id: _summary(row) for row in past} | {made.id: Summary(**_known(made)) for made in imports.recent(viewer)}
    return ImportList(items=sorted(found.values(), key=lambda each: -each.started))


@router.get("/imports/columns")
async def list_columns(viewer: SignedIn) -> list[ColumnInfo]:  # noqa: ARG001 - for those who have signed in
    """The columns that a sheet may have."""
    return [
        ColumnInfo(
            name=each.name,
            hint=each.hint,
            about="user" if each.holder == "users" else "executive",
            exported=not each.secret and each.shape != "assistant_of",
        )
        for each in columns().values()
    ]


@router.get("/imports/{import_id}")
async def read_import(request: Request, import_id: Id, viewer: SignedIn) -> Whole:
    """How far an import is, and what came of it."""
    return await _whole(request, viewer, import_id)


@router.post("/imports/{import_id}/apply", status_code=HTTPStatus.ACCEPTED)
async def apply_import(request: Request, import_id: Id, viewer: Writer) -> Started:
    """Apply what was tried. Where the directory has changed meanwhile so that something else would come of it, it is only tried again."""
    with _told():
        return Started(id=services(request).imports.apply(viewer, import_id).id)


@router.delete("/imports/{import_id}", status_code=HTTPStatus.ACCEPTED)
async def cancel_import(request: Request, import_id: Id, viewer: Writer) -> Started:
    """End an import before it is applied."""
    with _told():
        return Started(id=services(request).imports.cancel(viewer, import_id).id)


@router.post("/imports/{import_id}/rollback", openapi_extra={"requestBody": {"content": {"application/json": {"schema": RollbackBody.model_json_schema()}}}})
async def roll_back_import(request: Request, import_id: Id, viewer: Writer) -> Undone:
    """Everything as it was before the import. 409 with `changed` where others have changed entries since; `force` restores those as well."""
    body = _valid(RollbackBody, await object_body(request) if await request.body() else {})
    with _told():
        return Undone(**await services(request).imports.rollback(viewer, import_id, force=body.force))


@router.get("/imports/{import_id}/errors.{format_}", response_class=Response, responses={200: {"description": "The error sheet"}})
async def read_errors(request: Request, import_id: Id, format_: Format, viewer: SignedIn) -> Response:
    """The problems as a spreadsheet: row, column, value, problem."""
    imports = services(request).imports
    with _told():
        wrong = await imports.problems(viewer, import_id)
        return _download(await bulk.error_sheet(imports, wrong, format_), f"problems-{import_id}", format_)


# --- export -------------------------------------------------------------------------------------------------------------------


@router.get("/export/users.{format_}", response_class=Response, responses={200: {"description": "The users, one row each"}})
async def export_users(
    request: Request,
    format_: Format,
    viewer: SignedIn,
    search: Annotated[str, Query(max_length=200, description="a part of the extension, the name or the e-mail address")] = "",
    site: Annotated[str, Query(max_length=128)] = "",
    cost_centre: Annotated[str, Query(max_length=128)] = "",
    status: Annotated[str, Query(max_length=32)] = "",
    type: Annotated[str, Query(max_length=32)] = "",  # noqa: A002 - the field's name
    role: Annotated[str, Query(max_length=32)] = "",
) -> Response:
    """The users that the viewer may see whole, ready to be edited and imported; without passwords."""
    given = {"search": search, "site": site, "cost_centre": cost_centre, "status": status, "type": type, "role": role}
    with _told():
        file = await bulk.export_users(services(request).imports, viewer, format_, {key: value for key, value in given.items() if value})
    return _download(file, f"users-{datetime.now(UTC):%Y-%m-%d}", format_)


def _download(file: IO[bytes], name: str, format_: Format) -> Response:
    """Sent piece by piece from a thread, which closes the file at the end."""

    def pieces() -> Iterator[bytes]:
        with file:
            while piece := file.read(CHUNK):
                yield piece

    headers = {"Content-Disposition": f'attachment; filename="{name}.{format_}"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces(), headers=headers, media_type=TYPES[format_])


# --- bulk ---------------------------------------------------------------------------------------------------------------------


@router.post("/bulk", openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": BulkBody.model_json_schema()}}}})
async def change_many(request: Request, viewer: Writer) -> BulkDone:
    """Set the same of many users, or remove them; by default a dry run. 409 with `users` when `confirm` is not their number."""
    body = _valid(BulkBody, await object_body(request))
    imports, selection = services(request).imports, bulk.Selection(tuple(body.extensions), body.filter)
    if body.remove == bool(body.set):
        raise _invalid("set", "or remove: write one of the two")
    with _told():
        if body.remove:
            done = await bulk.remove(imports, viewer, selection, dry_run=body.dry_run, confirm=body.confirm)
        else:
            done = await bulk.edit(imports, viewer, selection, body.set, dry_run=body.dry_run, confirm=body.confirm)
    return BulkDone(
        users=done.users,
        counts=dict(done.counts),
        problems=len(done.wrong),
        wrong=[ProblemLine(**each._asdict()) for each in done.wrong[:MOST_SHOWN]],
        changes=[ChangeLine(**each._asdict()) for each in done.changes[:MOST_SHOWN]],
        id=done.import_id,
    )


# --- common -------------------------------------------------------------------------------------------------------------------


async def _whole(request: Request, viewer: Viewer, import_id: str) -> Whole:
    imports = services(request).imports
    with _told():
        try:
            made = imports.find(viewer, import_id)
        except NoImport:
            row = await imports.find_past(viewer, import_id)
            wrong = [ProblemLine(**each) for each in row.errors[1:]]
            return Whole(**_summary(row).model_dump(), problems=len(wrong), wrong=wrong[:MOST_SHOWN])
    return Whole(
        **_known(made),
        options=OptionsBody(**made.options._asdict()),
        checked=made.checked,
        applied=made.applied,
        notes=list(made.notes),
        problems=len(made.wrong),
        wrong=[ProblemLine(**each._asdict()) for each in made.wrong[:MOST_SHOWN]],
        changes=[ChangeLine(**each._asdict()) for each in made.changes[:MOST_SHOWN]],
    )


def _known(made: Import) -> dict[str, Any]:
    names = ("id", "file", "account", "started", "state", "words", "rows", "counts")
    return {name: getattr(made, name) for name in names}


def _summary(row: ImportRow) -> Summary:
    heading: Mapping[str, Any] = row.errors[0] if row.errors else {}
    return Summary(
        id=row.id,
        file=str(heading.get("file", "")),
        account=row.actor,
        started=row.started,
        state=row.state,
        words=str(heading.get("words", "")),
        rows=int(heading.get("rows", 0)),
        counts=dict(row.counts),
    )


def _valid(model: type[AnyModel], sent: Any) -> AnyModel:
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise _not_valid(error) from None


def _not_valid(error: ValidationError) -> ProblemError:
    """Only where and what: no value that was sent."""
    findings = [
        Finding("request", "body", ".".join(map(str, each["loc"])), each["msg"])._asdict() for each in error.errors(include_url=False, include_input=False)
    ]
    return ProblemError(422, "the request is not accepted", findings=findings)


def _invalid(field: str, text: str) -> ProblemError:
    return ProblemError(422, f"{field} {text}", findings=[Finding("request", "body", field, text)._asdict()])


class _told:  # noqa: N801 - reads as the verb that it is
    """What imports refuse, as problems."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        match error:
            case NoImport():
                raise ProblemError(404, "there is no such import") from None
            case Refused():
                raise ProblemError(error.status, error.reason) from None
            case Unreadable():
                raise ProblemError(422, str(error)) from None
            case NotNow():
                raise ProblemError(409, str(error)) from None
            case ChangedSince():
                changed = [{"kind": kind, "key": key} for kind, key in error.names[:MOST_SHOWN]]
                raise ProblemError(409, f"{error}; restore them all the same with force", changed=changed) from None
            case bulk.Unconfirmed():
                raise ProblemError(409, f"{error}: write that number into confirm", users=error.users) from None
            case TooMany():
                raise ProblemError(429, str(error), {"Retry-After": "10"}) from None
            case Refusal():
                findings = [each._asdict() for each in error.findings[:MOST_SHOWN]]
                raise ProblemError(422, "the directory would not be right; nothing was changed", findings=findings) from None
            case Conflict() | Missing():
                raise ProblemError(409, f"{error}; look again") from None
            case Unavailable() | Moved():
                raise ProblemError(503, "the database does not answer now; nothing was changed, try again", {"Retry-After": "2"}) from None
