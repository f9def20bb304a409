"""Imports over a real directory and database: what a sheet asks for, what is wrong with it, what others do meanwhile, and the way back."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from b2bua.administration import bulk, imports
from b2bua.administration import columns as col
from b2bua.administration.book import Actor, Book, open_book
from b2bua.administration.entries import KINDS, Delete, Put, masked
from b2bua.administration.import_state import ChangedSince, Import, NoImport, NotNow, Options, TooMany
from b2bua.administration.imports import Imports
from b2bua.administration.rows import Wrong, read_lines
from b2bua.administration.sheets import guarded, read_sheet
from b2bua.administration.viewer import Viewer
from b2bua.administration.wishes import wish
from b2bua.config.canonical import canonical
from b2bua.errors import Refused
from b2bua.store.organisation.database import Organisation, open_organisation
from b2bua.store.ports import AuditQuery, Entry, Unavailable
from tests.world import EPOCH, configuration

FILE = """organisation: Acme
sites: [{name: HQ}, {name: Branch}]
cost_centres: [{name: Sales}]
caller_groups: {press: ["+1555700*"]}
users:
  - {extension: "667", name: Olivia Boss, password: boss-667, numbers: ["+6221500667"], location: HQ, email: olivia@acme.test}
  - {extension: "668", name: Victor Chief, password: victor-668, numbers: ["+6221500668"], location: Branch}
  - {extension: "676", name: Sam Secretary, password: sam-676, numbers: ["+6221500676"], location: HQ}
  - {extension: "677", name: Ana Aide, password: ana-677, numbers: ["+6221500677"], location: Branch, forwarding: {no_answer: "676"}}
executives:
  - {extension: "667", caller_id: "+6221500667", confidential: [press], rollover: {action: hangup}, assistants: [{extension: "676", ring_seconds: 15}]}
  - {extension: "668", rollover: {action: hangup}, assistants: ["677", "676"]}
groups:
  - {extension: "500", name: Sales, members: ["600"], rollover: {action: hangup}}
"""
FILE = FILE.replace("executives:", '  - {extension: "600", name: Reception, password: reception-600, location: HQ}\nexecutives:')
ADMIN = Viewer("admin", None, "Administrator", "super_admin")
USER_ADMIN = Viewer("600", "600", "Reception", "user_admin")
MANAGER = Viewer("676", "676", "Sam", "manager", sites=frozenset({"HQ"}))
PLAIN = Viewer("677", "677", "Ana", "user")
APPLY = Options(dry_run=False)
PARTIAL = Options(dry_run=False, mode="partial")
_T = TypeVar("_T")


class Desk:
    """A directory, its database, and the imports on it."""

    def __init__(self, folder: Path) -> None:
        (folder / "directory.yaml").write_text(FILE)
        self._folder = folder
        self._config = configuration(directory=str(folder / "directory.yaml"), state=str(folder))
        self.organisation: Organisation
        self.book: Book
        self.imports: Imports
        self.open()

    def open(self) -> None:
        self.organisation = open_organisation(self._folder / "directory.sqlite")
        self.book = open_book(self.organisation.directory, self._config, lambda: EPOCH)
        self.imports = Imports(self.book, self.organisation.imports, lambda: EPOCH)

    def close(self) -> None:
        self.imports.close()
        self.book.close()
        self.organisation.close()

    def body(self, kind: str, key: str) -> Mapping[str, Any]:
        entry = self.book.entry(kind, key)
        assert entry is not None, f"there is no {kind} {key}"
        return entry.body

    async def take(self, text: str | bytes, options: Options = APPLY, viewer: Viewer = ADMIN) -> Import:
        data = text if isinstance(text, bytes) else text.encode()
        made = self.imports.start(viewer, "users.csv", data, options)
        assert made.task is not None
        await asyncio.wait_for(made.task, 30)
        return made

    async def applied(self, made: Import, viewer: Viewer = ADMIN) -> Import:
        task = self.imports.apply(viewer, made.id).task
        assert task is not None
        await asyncio.wait_for(task, 30)
        return made

    async def exported(self, viewer: Viewer = ADMIN, format_: Any = "csv", **wanted: str) -> bytes:
        with await bulk.export_users(self.imports, viewer, format_, wanted) as file:
            return file.read()

    def bodies(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {(kind, key): entry.body for kind in KINDS for key, entry in self.book.entries(kind).items()}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def run(work: Awaitable[_T]) -> _T:
    async def main() -> _T:
        return await work

    return asyncio.run(main())


def one(made: Import) -> Wrong:
    assert len(made.wrong) == 1, made.wrong
    return made.wrong[0]


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def sheet_of(rows: list[dict[str, str]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


# --- what a sheet asks for ------------------------------------------------------------------------------------------------------


def test_users_are_made_and_changed(desk: Desk) -> None:
    text = (
        "Extension,NAME,email,numbers,location,cost_centre,type,status,role,password,forwarding.no_answer,forwarding.no_answer_seconds,dnd\n"
        "701,Mia New,mia@acme.test,+62 21 500 701; +6221500702,HQ,Sales,person,enabled,user,a-password,676,25,yes\n"
        "676,,sam@acme.test,,,,,,user_admin,,,,\n"
    )
    made = run(desk.take(text))
    assert (made.state, made.wrong, made.counts) == ("applied", (), {"created": 1, "changed": 1, "removed": 0, "unchanged": 0, "left_out": 0})
    assert {key: value for key, value in desk.body("users", "701").items() if key != "digest"} == {
        "extension": "701",
        "name": "Mia New",
        "email": "mia@acme.test",
        "numbers": ["+62 21 500 701", "+6221500702"],
        "location": "HQ",
        "cost_centre": "Sales",
        "type": "person",
        "status": "enabled",
        "role": "user",
        "forwarding": {"no_answer": "676", "no_answer_seconds": 25},
        "dnd": True,
    }
    assert "701" in desk.body("users", "701")["digest"]
    sam = desk.body("users", "676")
    assert (sam["name"], sam["email"], sam["role"], sam["numbers"]) == ("Sam Secretary", "sam@acme.test", "user_admin", ["+6221500676"])


def test_a_password_that_others_would_guess_is_refused(desk: Desk) -> None:
    made = run(desk.take("extension,password\n676,1234\n677,long-enough-it-is\n"))
    assert made.state == "refused"
    assert [(each.row, each.column) for each in made.wrong] == [(2, "password")]
    assert "at least 10 characters" in made.wrong[0].text and "1234" not in str(made.wrong)


def test_passwords_are_kept_as_digests_and_shown_nowhere(desk: Desk) -> None:
    before = desk.body("users", "676")["digest"]
    made = run(desk.take("extension,password,role\n676,a-very-secret-word,king\n"))
    assert made.state == "refused"
    assert "secret" not in str(made)
    assert desk.body("users", "676")["digest"] == before
    made = run(desk.take("extension,password\n676,=a-very-secret-word\n"))
    assert made.state == "applied"
    assert made.changes[0].fields == ("password",)
    assert set(desk.body("users", "676")["digest"]) == {"676", "676-667", "676-668"}
    assert desk.body("users", "676")["digest"] != before
    database = (desk._folder / "directory.sqlite").read_bytes() + (desk._folder / "directory.sqlite-wal").read_bytes()
    assert b"secret-word" not in database
    assert run(desk.take("extension,password\n676,-\n")).state == "applied"
    assert "digest" not in desk.body("users", "676")


def test_an_empty_cell_leaves_and_a_hyphen_takes_away(desk: Desk) -> None:
    made = run(desk.take("extension,name,numbers,forwarding.no_answer,location\n677,,-,-,\n"))
    assert made.state == "applied"
    assert masked(desk.body("users", "677")) == {"extension": "677", "name": "Ana Aide", "location": "Branch"}


def test_executives_and_their_assistants_in_order(desk: Desk) -> None:
    text = (
        "extension,executive,caller_id,alerting.mode,alerting.ring_seconds,rollover.action,filtering.type,on_behalf.classes,assistants\n"
        '600,true,,sequential,20,"{""forward"": ""676""}",external,"{""press"": ""self""}",'
        '"677(rights=receive|call, ring_seconds=12); 676(callers=press|+1555*, respect_hours=yes, from=2026-12-01, until=2027-01-31)"\n'
        "667,,-,,,,,,677; 676(ring_seconds=15)\n"
    )
    assert run(desk.take(text.replace("500,", "x"))).state == "refused"  # the reception is in a group
    made = run(desk.take("extension,name,assistants\n601,Lee,\n"))
    made = run(desk.take(text.replace("600,true", "601,true")))
    assert (made.state, made.wrong) == ("applied", ())
    assert desk.body("executives", "601") == {
        "extension": "601",
        "filtering": {"type": "external"},
        "alerting": {"mode": "sequential", "ring_seconds": 20},
        "rollover": {"action": {"forward": "676"}},
        "on_behalf": {"classes": {"press": "self"}},
        "assistants": [
            {"extension": "677", "rights": ["receive", "call"], "ring_seconds": 12},
            {"extension": "676", "callers": ["press", "+1555*"], "respect_hours": True, "from": "2026-12-01", "until": "2027-01-31"},
        ],
    }
    assert desk.body("executives", "667")["assistants"] == ["677", {"extension": "676", "ring_seconds": 15}]
    assert "caller_id" not in desk.body("executives", "667")
    assert run(desk.take("extension,executive\n601,no\n")).counts["removed"] == 1
    assert desk.book.entry("executives", "601") is None


def test_assistant_of_is_the_same_from_the_other_side(desk: Desk) -> None:
    made = run(desk.take('extension,name,assistant_of\n678,Tom,"668(rights=receive|opt, place=1); 667"\n676,,667\n'))
    assert made.state == "applied", made.wrong
    assert desk.body("executives", "668")["assistants"] == [{"extension": "678", "rights": ["receive", "opt"]}, "677"]
    assert desk.body("executives", "667")["assistants"] == [{"extension": "676", "ring_seconds": 15}, "678"]
    made = run(desk.take("extension,assistant_of\n678,-\n"))
    assert made.state == "applied"
    assert "678" not in json.dumps([desk.body("executives", "667"), desk.body("executives", "668")])


@pytest.mark.parametrize(
    ("text", "row", "column", "words"),
    [
        ("name\nx\n", 1, "extension", "there is no column extension"),
        ("extension,nmae\n667,x\n", 1, "nmae", "did you mean name?"),
        ("extension,name,Name\n667,x,y\n", 1, "name", "in the first line twice"),
        ("extension,digest\n667,x\n", 1, "digest", "write the column password"),
        ("extension,,name\n667,x,y\n", 1, "B", "column B has values and no name"),
        ("extension,name\n,Olivia\n", 2, "extension", "is missing"),
        ("extension,name\n667,Olivia,more\n", 2, "", "more cells than the first line"),
        ("extension,name\n6 6 7,Olivia\n", 2, "extension", "write an extension of letters"),
        ("extension,dnd\n667,\n676,\n667,yes\n", 4, "extension", "stands on row 2, too"),
        ("extension,name\n667,=1+1\n", 2, "name", "begins like a formula"),
        ("extension,name\n=cmd|x,y\n", 2, "extension", "begins like a formula"),
        ("extension,location\n676,+cmd|x\n", 2, "location", "begins like a formula"),
        ("extension,name\n701,\n", 2, "name", "is missing"),
        ("extension,name\n701,a\x07b\n", 2, "name", "control character"),
        ("extension,numbers\n676,+6221500667\n", 2, "numbers", "already a number of Olivia Boss (667)"),
        ("extension,numbers\n667,+6221500676; +6221500667\n", 2, "", "is already a number of Olivia Boss (667)"),
        ("extension,email\n676,olivia@acme.test\n", 2, "email", "olivia@acme.test"),
        ("extension,location\n676,Nowhere\n", 2, "location", "Nowhere"),
        ("extension,forwarding.busy\n676,676\n", 2, "forwarding.busy", "write another number"),
        ("extension,forwarding.no_answer_seconds\n676,soon\n", 2, "forwarding.no_answer_seconds", "write seconds from 1"),
        ("extension,dnd\n676,perhaps\n", 2, "dnd", "write true or false"),
        ("extension,assistants\n667,676;667\n", 2, "assistants", "own assistant"),
        ("extension,assistants\n667,676;;999\n", 2, "assistants", "999 is no user's extension"),
        ("extension,assistants\n667,676(ring=5)\n", 2, "assistants", "write some of rights, ring_seconds"),
        ("extension,assistants\n667,676(\n", 2, "assistants", "cannot be read"),
        ('extension,assistants\n667,"""676"\n', 2, "assistants", "without its second one"),
        ("extension,assistant_of\n676,600\n", 2, "assistant_of", "600, who is no executive"),
        ("extension,assistant_of,assistants\n676,,\n667,,677\n677,667;668,\n676,667,\n", 5, "extension", "stands on row 2, too"),
        ("extension,assistant_of,assistants\n667,,677\n676,667,\n", 3, "assistant_of", "row 2 (assistants of 667) contradict"),
        ("extension,assistant_of\n668,667\n", 2, "assistant_of", "is an executive and so nobody's assistant"),
        ("extension,executive,caller_id\n676,no,+6221500676\n", 2, "caller_id", "is written while executive is false"),
        ("extension,executive\n676,boss\n", 2, "executive", "write true or false"),
        ("extension,filtering.criteria\n667,\"[{name: x}]\"\n", 2, "filtering.criteria", "is no JSON"),
        ('extension,filtering.criteria\n667,"[{""name"": ""\\ud800""}]"\n', 2, "filtering.criteria", "half a character"),
    ],
)
def test_what_is_wrong_is_told_by_row_and_column(desk: Desk, text: str, row: int, column: str, words: str) -> None:
    before = desk.bodies()
    made = run(desk.take(text))
    assert made.state == "refused"
    wrong = one(made)
    assert (wrong.row, wrong.column) == (row, column)
    assert words in wrong.text
    assert desk.bodies() == before


@pytest.mark.parametrize("mode", ["all_or_nothing", "partial"])
def test_everything_that_is_wrong_with_a_row_is_told_at_once(desk: Desk, mode: Any) -> None:
    """Whoever corrects a sheet corrects it once."""
    text = (
        "extension,name,numbers,assistant_of\n"
        "801,\"=cmd|' /C calc'!A0\",not a number,999\n"
        "802,Omar,+6221500802,\n"
        "801,Nina,+6221500809,\n"
        "803,=1+1,+6221500803,\n"
        "802,=2+2,+6221500804,\n"
    )
    made = run(desk.take(text, Options(dry_run=False, mode=mode)))
    told = sorted((each.row, each.column) for each in made.wrong)
    assert told == [(2, "assistant_of"), (2, "name"), (2, "numbers"), (4, "extension"), (5, "name"), (6, "extension"), (6, "name")]
    assert "row 2" in next(each.text for each in made.wrong if each.row == 4)
    if mode == "partial":
        assert made.state == "applied"
        assert made.counts == {"created": 1, "changed": 0, "removed": 0, "unchanged": 0, "left_out": 4}
    else:
        assert made.state == "refused"
    assert [key for key in ("801", "802", "803") if desk.book.entry("users", key)] == (["802"] if mode == "partial" else [])


def test_a_row_that_cannot_be_read_makes_no_other_row_wrong(desk: Desk) -> None:
    made = run(desk.take("extension,name,executive,rollover.action,email,assistant_of\n801,Nina,true,hangup,=1+1,\n802,Omar,,,,801\n"))
    assert [(each.row, each.column) for each in made.wrong] == [(2, "email")]


def test_one_assistant_too_many_is_told_where_it_was_written(desk: Desk) -> None:
    rows = "".join(f"{number},N{number},667\n" for number in range(700, 712))
    made = run(desk.take(f"extension,name,assistant_of\n{rows}"))
    assert made.state == "refused"
    assert [wrong.row for wrong in made.wrong] == [11, 12, 13]
    assert made.wrong[0].column == "assistant_of"
    assert "an executive may have 10" in made.wrong[0].text


def test_circles_are_told(desk: Desk) -> None:
    run(desk.book.change(Actor("admin", "page"), [Put("organisation", "", {**desk.body("organisation", ""), "roles": "acyclic"})]))
    made = run(desk.take("extension,assistants\n667,668\n668,667\n"))
    assert made.state == "refused"
    assert "circle" in one(made).text
    assert one(made).column == "assistants"


def test_a_formula_in_a_workbook_is_refused_with_its_place(desk: Desk) -> None:
    import openpyxl  # type: ignore[import-untyped]

    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["extension", "name"])
    book.active.append(["676", "=HYPERLINK(\"http://x\")"])
    file = io.BytesIO()
    book.save(file)
    wrong = one(run(desk.take(file.getvalue())))
    assert (wrong.row, wrong.column, wrong.value) == (2, "name", "")
    assert "is a formula" in wrong.text


def test_a_file_that_cannot_be_read_at_all(desk: Desk) -> None:
    made = run(desk.take(b"PK\x03\x04 nothing"))
    assert made.state == "refused"
    assert "damaged" in one(made).text


@pytest.mark.parametrize("name", ["أوليفيا", "😀 Olivia", "<b>x</b>", "<script>alert(1)</script>", "\u202eevil", "O'Neil \"Bob\"", "  x  "])
def test_names_of_any_kind_are_names_or_refused(desk: Desk, name: str) -> None:
    made = run(desk.take("extension,name\n676," + json.dumps(json.dumps(name, ensure_ascii=False), ensure_ascii=False).replace('\\"', '""').replace("\\\\", "\\") + "\n"))
    if name.isprintable():
        assert made.state == "applied", made.wrong
        assert desk.body("users", "676")["name"] == name
    else:
        assert "control character" in one(made).text


# --- modes ----------------------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_and_changes_nothing_until_it_is_applied(desk: Desk) -> None:
    before = desk.bodies()

    async def work() -> None:
        made = await desk.take("extension,name,location\n701,Mia,HQ\n676,,Branch\n677,,Branch\n", Options())
        assert (made.state, made.counts) == ("checked", {"created": 1, "changed": 1, "removed": 0, "unchanged": 1, "left_out": 0})
        assert {(change.row, change.key, change.action, change.fields) for change in made.changes} == {
            (2, "701", "created", ()),
            (3, "676", "changed", ("location",)),
        }
        assert desk.bodies() == before
        assert (await desk.applied(made)).state == "applied"
        assert desk.body("users", "676")["location"] == "Branch"
        with pytest.raises(NotNow):
            desk.imports.apply(ADMIN, made.id)

    run(work())


def test_what_has_changed_meanwhile_is_shown_again_before_it_is_applied(desk: Desk) -> None:
    async def work() -> None:
        made = await desk.take("extension,name\n701,Mia\n676,Sam\n", Options())
        await desk.book.change(Actor("admin", "page"), [Put("users", "701", {"extension": "701", "name": "Somebody else"})])
        assert (await desk.applied(made)).state == "checked"
        assert "changed meanwhile" in made.words
        assert (made.counts["created"], made.counts["changed"]) == (0, 2)
        assert desk.body("users", "701")["name"] == "Somebody else"
        assert (await desk.applied(made)).state == "applied"
        assert desk.body("users", "701")["name"] == "Mia"

    run(work())


def test_an_import_that_is_being_applied_is_never_shown_as_checked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`checked` means that somebody may apply it: who asks meanwhile would think that it had come to nothing."""
    seen: list[str] = []
    run_beside = desk.imports.run

    def looked_at(work: Callable[[], Any]) -> Awaitable[Any]:
        def then() -> Any:
            done = work()
            seen.extend(each.state for each in desk.imports.recent(ADMIN))  # a page that asks right now
            return done

        return run_beside(then)

    async def main() -> None:
        made = await desk.take("extension,name\n676,Samantha\n", Options())
        monkeypatch.setattr(desk.imports, "run", looked_at)
        assert (await desk.applied(made)).state == "applied"
        assert (await desk.take("extension,name\n677,Anabel\n")).state == "applied"

    run(main())
    assert "checking" in seen
    assert seen.count("checked") == 0, seen


def test_partial_leaves_out_the_rows_that_are_wrong_and_what_leans_on_them(desk: Desk) -> None:
    text = (
        "extension,name,email,assistants,rollover.action,location\n"
        "701,Mia,olivia@acme.test,,,\n"  # the address is Olivia's
        "702,Max,,,,\n"
        "703,Eve,,701; 702,hangup,\n"  # leans on 701
        "704,Tom,,702,hangup,\n"
        "705,Ann,,,,Nowhere\n"
        ",Nobody,,,,\n"
    )
    made = run(desk.take(text, PARTIAL))
    assert made.state == "applied"
    assert {wrong.row for wrong in made.wrong} == {2, 4, 6, 7}
    assert made.counts["left_out"] == 4
    assert {"702", "704"} == {key for key in desk.book.entries("users") if key.startswith("70")}
    assert desk.body("executives", "704")["assistants"] == ["702"]


def test_only_new_ones_or_only_known_ones(desk: Desk) -> None:
    text = "extension,name\n701,Mia\n676,Sam\n"
    created = run(desk.take(text, Options(mode="partial", update="create")))
    assert (one(created).row, created.counts["created"], created.counts["changed"]) == (3, 1, 0)
    updated = run(desk.take(text, Options(mode="partial", update="update")))
    assert (one(updated).row, updated.counts["created"], updated.counts["changed"]) == (2, 0, 1)


def test_who_is_missing_in_the_file_can_be_removed(desk: Desk) -> None:
    options = Options(dry_run=False, delete_missing=True)
    rows = [row for row in table(run(desk.exported())) if row["extension"] not in ("676", "600")]
    made = run(desk.take(sheet_of(rows), options))
    assert (made.state, made.counts["removed"]) == ("applied", 2), made.wrong
    assert "676" not in desk.book.entries("users")
    assert [desk.body("executives", key)["assistants"] for key in ("667", "668")] == [[], ["677"]]
    assert "no_answer" not in desk.body("users", "677").get("forwarding", {})
    with pytest.raises(Refused):
        run(desk.take("extension\n667\n", Options(mode="partial", delete_missing=True)))


def test_nobody_removes_themselves_by_being_missing(desk: Desk) -> None:
    run(desk.book.change(Actor("admin", "page"), [Put("users", "600", {**desk.body("users", "600"), "role": "user_admin"})]))
    rows = [row for row in table(run(desk.exported())) if row["extension"] != "600"]
    made = run(desk.take(sheet_of(rows), Options(dry_run=False, delete_missing=True), USER_ADMIN))
    assert (made.state, made.counts["removed"]) == ("applied", 0)
    assert "600" in desk.book.entries("users")


# --- export, edit, import -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
def test_what_is_exported_changes_nothing_when_it_is_imported(desk: Desk, format_: str) -> None:
    before = desk.bodies()
    data = run(desk.exported(format_=format_))
    made = run(desk.take(data))
    assert (made.state, made.counts["unchanged"], made.ops) == ("applied", 5, ())
    assert desk.bodies() == before
    assert b"digest" not in data


def test_what_is_exported_can_be_edited(desk: Desk) -> None:
    rows = table(run(desk.exported()))
    ana = next(row for row in rows if row["extension"] == "677")
    assert (ana["numbers"], ana["forwarding.no_answer"], ana["executive"]) == ("'+6221500677", "676", "false")
    ana["numbers"] += "; +6221500777"
    before = desk.bodies()
    assert run(desk.take(sheet_of(rows))).counts["changed"] == 1
    after = desk.bodies()
    assert after["users", "677"]["numbers"] == ["+6221500677", "+6221500777"]
    assert {name for name in before if before[name] != after[name]} == {("users", "677")}


def test_the_demo_organisation_survives_the_way_out_and_back() -> None:
    from b2bua.config import load_tree

    tree = load_tree(configuration(directory=str(Path("config/directory.yaml").resolve())))
    entries = {
        kind: {str(item["extension"]): Entry(kind, str(item["extension"]), 0, 1, canonical(kind, item)) for item in tree[kind]}
        for kind in ("users", "executives")
    }
    assert len(entries["executives"]) > 5
    check_round_trip(entries["users"], entries["executives"])


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)
EXTENSION = st.text("0123456789ab._", min_size=1, max_size=5)
NUMBER = st.one_of(st.integers(0, 500), st.floats(0, 500, allow_nan=False).map(lambda number: round(number, 3)))
JSON = st.recursive(st.one_of(st.booleans(), NUMBER, TEXT), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=4)
SHAPES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXT,
    "number": NUMBER,
    "switch": st.booleans(),
    "list": st.lists(TEXT, min_size=1, max_size=3),
    "any": st.one_of(TEXT, st.dictionaries(TEXT, TEXT, min_size=1, max_size=2)),
    "json": st.one_of(st.lists(JSON, min_size=1, max_size=3), st.dictionaries(TEXT, JSON, min_size=1, max_size=2)),
}
OPTION = {"list": st.lists(TEXT, max_size=3), "number": NUMBER, "switch": st.booleans(), "text": TEXT}
ASSISTANT = st.one_of(
    EXTENSION,
    st.fixed_dictionaries({"extension": EXTENSION}, optional={name: OPTION[shape] for name, shape in col.options().items()}).filter(lambda item: len(item) > 1),
)
SHAPES["assistants"] = st.lists(ASSISTANT, min_size=1, max_size=3)


@st.composite
def entry(draw: st.DrawFn, holder: str) -> Entry:
    body: dict[str, Any] = {"extension": draw(EXTENSION)}
    possible = [each for each in col.exported() if each.holder == holder and each.path not in ((), ("extension",))]
    for column in draw(st.lists(st.sampled_from(possible), max_size=6, unique=True)):
        section = body
        for key in column.path[:-1]:
            section = section.setdefault(key, {})
        section[column.path[-1]] = draw(SHAPES[column.shape])
    return Entry(holder, body["extension"], 0, 1, canonical(holder, body))


def check_round_trip(users: Mapping[str, Entry], executives: Mapping[str, Entry]) -> None:
    """Out, and back onto the same: nothing changes. Out, and back onto nothing: the same."""
    nothing: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
    rows = []
    for key, each in users.items():
        bodies = {"users": masked(each.body), "executives": executives[key].body if key in executives else {}}
        rows.append([bulk._cell(column, bodies[column.holder], key in executives) for column in col.exported()])
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([column.name for column in col.exported()])
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    reading = read_lines(read_sheet(file.getvalue().encode()))
    assert reading.wrong == ()
    same = wish(reading.lines, {**nothing, "users": users, "executives": executives})
    assert (same.ops, same.wrong) == ((), [])
    anew = wish(reading.lines, nothing)
    assert anew.wrong == []
    made = {(op.kind, op.key): canonical(op.kind, op.body) for op in anew.ops if isinstance(op, Put)}
    assert made == {(each.kind, each.key): canonical(each.kind, masked(each.body)) for each in (*users.values(), *executives.values())}


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(entry("users"), entry("executives"))
def test_every_field_survives_the_way_out_and_back(user: Entry, executive: Entry) -> None:
    boss = executive._replace(key=user.key, body=canonical("executives", {**executive.body, "extension": user.key}))
    check_round_trip({user.key: user}, {user.key: boss})


def test_every_field_of_the_schema_has_a_column() -> None:
    from b2bua.config.executives import ExecutiveEntry
    from b2bua.config.people import UserEntry

    for holder, model in (("users", UserEntry), ("executives", ExecutiveEntry)):
        fields = {field.alias or name for name, field in model.model_fields.items()}
        have = {column.path[0] for column in col.columns().values() if column.holder == holder and column.path} | {"extension", "assistant_of"}
        assert fields - have == ({"digest"} if holder == "users" else set())


# --- rights ---------------------------------------------------------------------------------------------------------------------


def test_managers_import_and_export_the_users_of_their_sites(desk: Desk) -> None:
    rows = table(run(desk.exported(MANAGER)))
    assert [row["extension"] for row in rows] == ["667", "676", "600"]
    assert all(row["confidential"] == "" for row in rows)
    made = run(desk.take("extension,name,location\n701,Mia,HQ\n600,Front desk,\n", viewer=MANAGER))
    assert made.state == "applied", made.wrong
    made = run(desk.take("extension,name,location,role\n702,Max,Branch,\n677,Ana Aide,,\n703,Eve,HQ,user_admin\n", viewer=MANAGER))
    assert [(wrong.row, wrong.column) for wrong in made.wrong] == [(2, ""), (3, "extension"), (4, "")]
    assert made.state == "refused"


def test_rows_about_hidden_fields_tell_nothing_about_them(desk: Desk) -> None:
    """Whoever may not see a field learns nothing by writing what may stand there."""
    right = run(desk.take("extension,confidential\n667,press\n", viewer=MANAGER))
    wrong = run(desk.take("extension,confidential\n667,any\n", viewer=MANAGER))
    assert [one(each)._replace(value="") for each in (right, wrong)] == [Wrong(2, "confidential", "", "is not shown to you, and so not yours to change; leave this cell empty")] * 2
    guess = [run(desk.take(f"extension,forwarding.no_answer\n677,{number}\n", viewer=MANAGER)) for number in ("676", "600")]
    assert one(guess[0]) == one(guess[1])


def test_who_may_not_import(desk: Desk) -> None:
    for viewer in (PLAIN, ADMIN._replace(read_only=True)):
        with pytest.raises(Refused):
            run(desk.take("extension\n667\n", viewer=viewer))
    with pytest.raises(Refused):
        run(desk.exported(PLAIN))
    made = run(desk.take("extension,name,role\n701,Mia,super_admin\n", viewer=USER_ADMIN))
    assert "super_admin" in one(made).text


def test_imports_are_shown_to_who_started_them_and_to_administrators(desk: Desk) -> None:
    made = run(desk.take("extension,name\n600,Front\n", viewer=MANAGER))
    assert desk.imports.find(USER_ADMIN, made.id) is made
    with pytest.raises(NoImport):
        desk.imports.find(MANAGER._replace(account="667"), made.id)
    assert run(desk.imports.past(MANAGER._replace(account="667"))) == []
    assert [row.id for row in run(desk.imports.past(MANAGER))] == [made.id]


# --- the way back ---------------------------------------------------------------------------------------------------------------


def test_a_whole_import_is_rolled_back(desk: Desk) -> None:
    before = desk.bodies()
    text = "extension,name,password,assistant_of,executive\n701,Mia,phone-of-701,667,\n676,Sam,another-one,-,\n668,,,,false\n"
    made = run(desk.take(text))
    assert made.state == "applied", made.wrong
    assert run(desk.imports.rollback(ADMIN, made.id)) == {"restored": 3, "removed": 1}
    assert desk.bodies() == before
    with pytest.raises(NotNow):
        run(desk.imports.rollback(ADMIN, made.id))
    assert desk.imports.find(ADMIN, made.id).state == "rolled_back"


def test_a_secret_that_there_was_not_before_is_gone_after_the_rollback(desk: Desk) -> None:
    run(desk.take("extension,password\n600,-\n"))
    before = desk.bodies()
    made = run(desk.take("extension,password\n600,a-password\n"))
    run(desk.imports.rollback(ADMIN, made.id))
    assert desk.bodies() == before


def test_what_others_have_changed_since_is_told_and_taken_back_only_when_asked_for(desk: Desk) -> None:
    made = run(desk.take("extension,name\n676,Sammy\n701,Mia\n702,Max\n"))
    run(desk.book.change(Actor("admin", "page"), [Put("users", "676", {**desk.body("users", "676"), "dnd": True}), Delete("users", "702")]))
    with pytest.raises(ChangedSince) as caught:
        run(desk.imports.rollback(ADMIN, made.id))
    assert caught.value.names == (("users", "676"),)
    assert desk.body("users", "676")["name"] == "Sammy"
    assert run(desk.imports.rollback(ADMIN, made.id, force=True)) == {"restored": 1, "removed": 1}
    assert (desk.body("users", "676")["name"], desk.body("users", "676").get("dnd")) == ("Sam Secretary", None)
    assert "701" not in desk.book.entries("users")


def test_an_import_can_be_rolled_back_after_a_restart(desk: Desk) -> None:
    made = run(desk.take("extension,name\n676,Sammy\n701,Mia\n"))
    desk.close()
    desk.open()
    past = run(desk.imports.past(ADMIN))
    assert [(row.id, row.state, row.counts["created"], row.errors[0]["file"]) for row in past] == [(made.id, "applied", 1, "users.csv")]
    run(desk.imports.rollback(ADMIN, made.id))
    assert desk.body("users", "676")["name"] == "Sam Secretary"


def test_a_restart_between_the_commit_and_its_note_forgets_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_made: Import) -> None:
        pass

    monkeypatch.setattr(desk.imports, "_write_down", nothing)
    made = run(desk.take("extension,name\n676,Sammy\n"))
    desk.close()
    desk.open()
    assert [row.state for row in run(desk.imports.past(ADMIN))] == ["applied"]
    assert run(desk.imports.rollback(ADMIN, made.id)) == {"restored": 1, "removed": 0}


def test_the_audit_says_which_import_it_was(desk: Desk) -> None:
    made = run(desk.take("extension,name,password\n676,Sammy,a-new-password\n701,Mia,\n"))
    rows = run(desk.book.audit(AuditQuery(group=made.id)))
    assert {(row.key, row.action, row.actor, row.via) for row in rows} == {("676", "changed", "admin", f"import {made.id}"), ("701", "created", "admin", f"import {made.id}")}
    assert "a-new-password" not in str(rows)


# --- meanwhile ------------------------------------------------------------------------------------------------------------------


class Slow:
    """Holds a step of an import until the test lets it go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        real: Callable[..., Any] = getattr(imports, step)

        def held(*args: Any, **named: Any) -> Any:
            self.reached.set()
            assert self.go.wait(20)
            return real(*args, **named)

        monkeypatch.setattr(imports, step, held)


@pytest.mark.parametrize("step", ["read_sheet", "read_lines", "wish"])
def test_an_import_can_be_cancelled_until_it_is_committed(desk: Desk, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    before, slow = desk.bodies(), Slow(monkeypatch, step)

    async def work() -> None:
        made = desk.imports.start(ADMIN, "users.csv", b"extension,name\n" + b"".join(b"%d,x\n" % number for number in range(1000, 3000)), APPLY)
        assert await asyncio.to_thread(slow.reached.wait, 20)
        assert made.state in ("reading", "checking")
        desk.imports.cancel(ADMIN, made.id)
        slow.go.set()
        assert made.task is not None
        await made.task
        assert (made.state, desk.bodies()) == ("cancelled", before)
        with pytest.raises(NotNow):
            desk.imports.cancel(ADMIN, made.id)

    run(work())


def test_a_dry_run_that_is_not_wanted_is_let_go(desk: Desk) -> None:
    made = run(desk.take("extension,name\n701,Mia\n", Options()))
    desk.imports.cancel(ADMIN, made.id)
    with pytest.raises(NotNow):
        desk.imports.apply(ADMIN, made.id)


def test_an_import_that_takes_too_long_is_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch, "read_lines")
    monkeypatch.setattr(imports, "DEADLINE_SECONDS", 0.05)

    async def work() -> None:
        made = desk.imports.start(ADMIN, "users.csv", b"extension,name\n701,Mia\n", APPLY)
        assert made.task is not None
        while made.state != "failed":  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        slow.go.set()
        await made.task
        assert "longer than" in made.words

    run(work())
    assert "701" not in desk.book.entries("users")


def test_only_so_many_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch, "read_sheet")

    async def work() -> None:
        made = [desk.imports.start(ADMIN, "users.csv", b"extension\n667\n", Options()) for _ in range(imports.MAX_OPEN)]
        with pytest.raises(TooMany):
            desk.imports.start(ADMIN, "users.csv", b"extension\n667\n", Options())
        slow.go.set()
        await asyncio.gather(*(each.task for each in made if each.task is not None))
        assert {each.state for each in made} == {"checked"}

    run(work())


def test_a_bug_ends_the_import_and_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "wish", lambda *_, **__: 1 / 0)
    made = run(desk.take("extension,name\n701,Mia\n"))
    assert (made.state, made.words) == ("failed", "The server failed; its log says why.")


def test_ten_thousand_users_while_the_loop_goes_on(desk: Desk) -> None:
    lines = "".join(f"{100000 + number},User {number},u{number}@acme.test,+4930{1000000 + number},HQ\n" for number in range(10_000))
    gaps: list[float] = []

    async def pulse() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    async def work() -> Import:
        beat = asyncio.create_task(pulse())
        made = await desk.take(f"extension,name,email,numbers,location\n{lines}")
        beat.cancel()
        return made

    began = time.perf_counter()
    made = run(work())
    assert (made.state, made.counts["created"]) == ("applied", 10_000)
    assert time.perf_counter() - began < 60
    assert sorted(gaps)[len(gaps) // 2] < 0.1
    began = time.perf_counter()
    assert run(desk.exported()).count(b"\n") > 10_000
    assert time.perf_counter() - began < 5


def test_a_hundred_thousand_lines_are_looked_at(desk: Desk) -> None:
    lines = "".join(f"{100000 + number},x\n" for number in range(100_000))
    made = run(desk.take(f"extension,nam\n{lines}", Options()))
    assert (made.state, made.rows, one(made).text) == ("refused", 100_000, "is no column; did you mean name?; correct the name, or remove the column")
    made = run(desk.take(f"extension,dnd\n{lines}", Options(update="update")))
    assert made.state == "refused"
    assert len(made.wrong) == 10_000
    assert "first 10,000 of 100,000" in made.notes[-1]


# --- bulk -----------------------------------------------------------------------------------------------------------------------


def test_many_are_changed_at_once_when_their_number_is_confirmed(desk: Desk) -> None:
    async def work() -> None:
        chosen = bulk.Selection(filter={"site": "HQ"})
        tried = await bulk.edit(desk.imports, ADMIN, chosen, {"cost_centre": "Sales", "forwarding.busy": None})
        assert (tried.users, dict(tried.counts), tried.import_id) == (3, {"created": 0, "changed": 3, "removed": 0}, "")
        with pytest.raises(bulk.Unconfirmed):
            await bulk.edit(desk.imports, ADMIN, chosen, {"cost_centre": "Sales"}, dry_run=False, confirm=2)
        done = await bulk.edit(desk.imports, ADMIN, chosen, {"cost_centre": "Sales"}, dry_run=False, confirm=3)
        assert [desk.body("users", key)["cost_centre"] for key in ("667", "676", "600")] == ["Sales"] * 3
        await desk.imports.rollback(ADMIN, done.import_id)
        assert "cost_centre" not in desk.body("users", "676")

    run(work())


def test_many_are_removed_at_once_from_wherever_they_are_named(desk: Desk) -> None:
    async def work() -> None:
        before = desk.bodies()
        chosen = bulk.Selection(("676", "668"))
        tried = await bulk.remove(desk.imports, ADMIN, chosen)
        assert tried.wrong == ()
        done = await bulk.remove(desk.imports, ADMIN, chosen, dry_run=False, confirm=2)
        assert not {"676", "668"} & {*desk.book.entries("users"), *desk.book.entries("executives")}
        assert desk.body("executives", "667")["assistants"] == []
        await desk.imports.rollback(ADMIN, done.import_id)
        assert {name: masked(body) for name, body in desk.bodies().items()} == {name: masked(body) for name, body in before.items()}
        assert desk.body("users", "676")["digest"]["676"] == before["users", "676"]["digest"]["676"]

    run(work())


@pytest.mark.parametrize(
    ("selection", "changes", "words"),
    [
        (bulk.Selection(), {"location": "HQ"}, "by extensions or by a filter"),
        (bulk.Selection(("667",), {"site": "HQ"}), {"location": "HQ"}, "by extensions or by a filter"),
        (bulk.Selection(filter={"colour": "red"}), {"location": "HQ"}, "no such filter"),
        (bulk.Selection(("999",)), {"location": "HQ"}, "no user of yours"),
        (bulk.Selection(("667",)), {"colour": "red"}, "no such column"),
        (bulk.Selection(("667",)), {"password": "same-for-all"}, "cannot be the same"),
        (bulk.Selection(("667",)), {}, "nothing to set"),
    ],
)
def test_bulk_edits_that_are_refused_say_why(desk: Desk, selection: bulk.Selection, changes: Mapping[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        run(bulk.edit(desk.imports, ADMIN, selection, changes))


def test_bulk_edits_tell_whom_they_cannot_be_made_for(desk: Desk) -> None:
    tried = run(bulk.edit(desk.imports, ADMIN, bulk.Selection(("667", "676")), {"location": "Nowhere"}, dry_run=False, confirm=2))
    assert [(wrong.value, wrong.column) for wrong in tried.wrong] == [("667", "location"), ("676", "location")]
    assert tried.import_id == ""
    with pytest.raises(Refused, match="no user of yours"):
        run(bulk.edit(desk.imports, MANAGER, bulk.Selection(("677",)), {"dnd": True}))
    with pytest.raises(Refused, match="nobody removes themselves"):
        run(bulk.remove(desk.imports, USER_ADMIN, bulk.Selection(filter={"site": "HQ"})))


def test_a_connection_that_breaks_at_the_commit_leaves_nothing_in_doubt(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database has it, and we were not told: the list says so, and it can be rolled back."""
    real = desk.book.change

    async def broken(*args: Any) -> Any:
        await real(*args)
        raise Unavailable("the line went dead")

    monkeypatch.setattr(desk.book, "change", broken)
    made = run(desk.take("extension,name\n676,Sammy\n"))
    assert (made.state, "whether this was applied" in made.words) == ("failed", True)
    monkeypatch.setattr(desk.book, "change", real)
    assert [row.state for row in run(desk.imports.past(ADMIN))] == ["applied"]
    assert made.state == "applied"
    assert run(desk.imports.rollback(ADMIN, made.id)) == {"restored": 1, "removed": 0}


def test_a_database_that_is_away_changes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_row: Any) -> None:
        raise Unavailable("directory.sqlite: disk full")

    monkeypatch.setattr(desk.organisation.imports, "save_import", away)
    made = run(desk.take("extension,name\n676,Sammy\n"))
    assert made.state == "failed"
    assert desk.body("users", "676")["name"] == "Sam Secretary"
