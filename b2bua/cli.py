"""The commands ``run``, ``media``, ``check``, ``explain``, ``coverage``, ``state`` and ``history``; ``directory`` and ``account`` have files of
their own.

Exit status: 0 done, 1 a configuration, address or database that cannot be used, 2 a command line that makes no sense.
Each command imports what it needs when it is called, so that ``--help`` and shell scripts do not wait for a server's modules.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from b2bua import __version__, cli_account, cli_directory
from b2bua.errors import ConfigError

if TYPE_CHECKING:
    from b2bua.config import Config
    from b2bua.delegation.coverage import Cover
    from b2bua.delegation.model import Directory
    from b2bua.store.ports import HistoryRow

T = TypeVar("T", date, datetime)

app = typer.Typer(
    help="A SIP back-to-back user agent with executive/assistant call delegation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print the values of variables, passwords among them
)
app.add_typer(cli_directory.app, name="directory")
app.add_typer(cli_account.app, name="account")

ConfigFile = Annotated[Path, typer.Option("--config", help="The server's YAML file.", metavar="FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_CONFIG = Path("config/b2bua.yaml")
SHORTEST_ID = 6
"""Characters of a call's id that are enough to name it, when it is the only one that begins so."""
SHOWN_ID = 8
YEARS = range(1970, 9000)
"""In which a day can be asked about: a week more, or another time zone, must still be a time that there is."""
HISTORY_COLUMNS = ("id", "started", "direction", "caller", "called", "outcome", "answered_by", "note")


def _moment(text: str) -> datetime:
    """The value of ``--at``."""
    return _in_reach(text, datetime.fromisoformat, "2026-11-23T09:00, with +07:00 behind it for another time zone than the organisation's")


def _day(text: str) -> date:
    """The value of ``coverage --from``."""
    return _in_reach(text, date.fromisoformat, "2026-11-23")


def _in_reach(text: str, parse: Callable[[str], T], example: str) -> T:
    try:
        found = parse(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no such time; write {example}") from None
    if found.year not in YEARS:
        raise typer.BadParameter(f"{text!r} is out of reach; write a year from {YEARS[0]} to {YEARS[-1]}")
    return found


@app.command()
def run(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the server. SIGTERM lets running calls end, SIGHUP reads the directory again."""
    from b2bua.app import run as serve

    with _told_as_text():
        serve(config)


@app.command()
def media(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the media process, which `run` starts by itself when there is none. SIGTERM ends it when no call needs it any more."""
    import sys

    from b2bua import logs
    from b2bua.media.process import Settings
    from b2bua.media.process import run as serve

    settings = _settings(config)
    logs.configure(settings.log.level, settings.log.format, sys.stderr.buffer)
    with _told_as_text():
        serve(Settings(settings.state, settings.media.sounds))


@app.command()
def check(
    config: ConfigFile = DEFAULT_CONFIG,
    what_if: Annotated[
        Path | None,
        typer.Option("--what-if", help="What-if cases to run, instead of those that the server's file names.", metavar="FILE"),
    ] = None,
) -> None:
    """Validate the server's file and its directory, and run the what-if cases; print problems as file:line: key: text."""
    from b2bua.config import check as check_both

    problems, directory = check_both(config)
    if directory is None:
        _print_lines(problems)
        raise typer.Exit(1)
    _print_lines(f"{warning} (warning)" for warning in directory.warnings)
    typer.echo(f"{config}: OK; users: {len(directory.users)}, executives: {len(directory.executives)}")
    cases = what_if or _settings(config).what_if
    if cases is not None:
        _run_cases(cases, directory)


def _run_cases(cases: Path, directory: "Directory") -> None:
    from b2bua.config.whatif import run_cases

    outcome = run_cases(cases, directory)
    _print_lines(outcome.problems)
    if outcome.problems:
        raise typer.Exit(1)
    typer.echo(f"{cases}: {outcome.cases} {'case' if outcome.cases == 1 else 'cases'} OK")


@app.command()
def explain(
    caller: Annotated[
        str | None,
        typer.Option("--from", help="Who calls: an extension, a delegated line 676-667, an outside number, anonymous or unavailable."),
    ] = None,
    dialled: Annotated[str | None, typer.Option("--to", help="What is dialled.")] = None,
    call: Annotated[
        str | None,
        typer.Option("--call", help="A call of the history, by its id or the beginning of it, instead of --from and --to.", metavar="ID"),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    at: Annotated[
        datetime | None,
        typer.Option("--at", help="When, in ISO 8601; now if not given.", metavar="TIME", parser=_moment),
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option("--identity", help="As whom the phone wants to call: the number in P-Preferred-Identity.", metavar="NUMBER"),
    ] = None,
    no_state: Annotated[bool, typer.Option("--no-state", help="As if phones had set nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell why a call would go where, or, with --call, why one went there: each rule that was looked at, then the plan."""
    if call is not None:
        if caller or dialled or at or identity or no_state:
            raise typer.BadParameter("--call is about a call that was made; leave --from, --to, --at, --identity and --no-state away")
        _explain_call(_settings(config), call, as_json=as_json)
    elif caller is None or dialled is None:
        raise typer.BadParameter("write --from and --to for a call that might be made, or --call for one that was")
    else:
        _explain_what_if(_settings(config), (caller, dialled, identity), at, with_state=not no_state, as_json=as_json)


def _explain_what_if(
    settings: "Config", who: tuple[str, str, str | None], at: datetime | None, *, with_state: bool, as_json: bool
) -> None:
    from b2bua.delegation.explain import facts_for, render_text, to_json
    from b2bua.delegation.policy import decide
    from b2bua.delegation.state import State
    from b2bua.store.database import stored_settings

    directory = _directory(settings)
    if with_state:
        with _told_as_text():
            directory = directory.with_state(State.of(stored_settings(settings.state)))
    caller, dialled, identity = who
    try:
        facts = facts_for(caller, dialled, directory, identity)
    except ValueError as error:
        raise typer.BadParameter(f"--from: {error}") from None
    when = _local(at, directory)
    plan = decide(facts, directory, when)
    typer.echo(_dumps(to_json(facts, plan, when)) if as_json else render_text(facts, plan, when, directory))


def _local(at: datetime | None, directory: "Directory") -> datetime:
    """The time asked for, now if none was, in the organisation's zone; one without a zone is the organisation's."""
    if at is None:
        return datetime.now(directory.time_zone)
    return at.replace(tzinfo=directory.time_zone) if at.tzinfo is None else at.astimezone(directory.time_zone)


def _explain_call(settings: "Config", call: str, *, as_json: bool) -> None:
    from b2bua.delegation.explain import named, nothing_decided, render_text, to_json
    from b2bua.logs import printable
    from b2bua.store.history import to_json as row_to_json
    from b2bua.store.story import tell

    row = _call(settings, call)
    directory = _directory_for_names(settings)
    zone = directory.time_zone if directory else UTC
    at, facts, plan = row.decision or (row.started, None, None)
    when = datetime.fromtimestamp(at, zone)
    if facts is None or plan is None:
        decision = nothing_decided(when, row.called)
        text = f"{row.caller} called {row.called} on {when:%A, %Y-%m-%d at %H:%M %z}. No decision is kept with this call."
    else:
        decision = to_json(facts, plan, when)
        text = render_text(facts, plan, when, directory)
    if as_json:
        typer.echo(_dumps({**decision, "call": row_to_json(row)}))
    else:
        story = tell(row, lambda each: named(each, directory), zone)
        _print_lines(printable(line) for line in (*text.split("\n"), "", *story.split("\n")))


def _call(settings: "Config", call: str) -> "HistoryRow":
    """The one call whose id is, or begins with, `call`."""
    from b2bua.store.database import open_history

    with _told_as_text():
        reader = open_history(settings.state)
    found = reader.find(call) if reader else []
    if found and found[0].id == call:
        return found[0]
    if found and len(call) < SHORTEST_ID:
        _fail(f"--call {call}: write at least {SHORTEST_ID} characters of the id")
    if len(found) > 1:
        _fail(f"--call {call}: several calls begin with that: {', '.join(row.id for row in found)}")
    if not found:
        _fail(f"--call {call}: no such call; b2bua history lists them")
    return found[0]


@app.command()
def coverage(
    config: ConfigFile = DEFAULT_CONFIG,
    executive: Annotated[str | None, typer.Option("--executive", help="Of this one only.", metavar="EXTENSION")] = None,
    first: Annotated[
        date | None,
        typer.Option("--from", help="The first day, in ISO 8601; today if not given.", metavar="DATE", parser=_day),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How many days.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Show which assistants cover each executive when, as configured, and when nobody does."""
    from b2bua.delegation.coverage import coverage as covered
    from b2bua.delegation.coverage import render_week

    directory = _directory(_settings(config))
    if executive is not None and executive not in directory.executives:
        _fail(f"--executive {executive}: no such executive, group or service in the directory")
    asked = [boss for extension, boss in directory.executives.items() if executive in (None, extension)]
    calendar = {boss.extension: first or datetime.now(boss.time_zone).date() for boss in asked}
    if as_json:
        spans = {boss.extension: covered(boss, directory.users, calendar[boss.extension], days) for boss in asked}
        typer.echo(_dumps({extension: [_span(each) for each in found] for extension, found in spans.items()}))
        return
    for boss in asked:
        typer.echo(f"{directory.users[boss.extension].shown}, {boss.time_zone}")
        typer.echo(render_week(boss, directory.users, calendar[boss.extension], days))


def _span(cover: "Cover") -> dict[str, object]:
    return {
        "start": cover.start.isoformat(),
        "end": cover.end.isoformat(),
        "assistants": cover.assistants,
        "some_callers_only": cover.limited,
        "gap": cover.gap,
    }


@app.command()
def state(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List what phones have set: filter on and off, opted out, divert, do not disturb, call as, duty, calls back."""
    from b2bua.delegation.explain import told
    from b2bua.store.database import stored_settings

    settings = _settings(config)
    with _told_as_text():
        stored = stored_settings(settings.state)
    directory = _directory_for_names(settings)
    now = datetime.now(directory.time_zone if directory else UTC)
    found = [each for each in stored if each.until is None or each.until > now.timestamp()]
    found.sort(key=lambda each: (each.subject, each.kind, each.object))
    if as_json:
        until = [None if each.until is None else datetime.fromtimestamp(each.until, now.tzinfo).isoformat() for each in found]
        typer.echo(
            _dumps([{**each._asdict(), "until": end, "text": told(each, now, directory)} for each, end in zip(found, until, strict=True)])
        )
    else:
        _print_lines([told(each, now, directory) for each in found] or ["Phones have set nothing."])


@app.command()
def history(
    config: ConfigFile = DEFAULT_CONFIG,
    extension: Annotated[str | None, typer.Option("--as", help="In the view of this user.", metavar="EXTENSION")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many calls, the newest.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Print the call history, newest first."""
    from b2bua.store.database import open_history
    from b2bua.store.history import to_json, view

    settings = _settings(config)
    if extension is not None and extension not in _directory(settings).users:
        _fail(f"--as {extension}: no such user in {settings.directory}")
    with _told_as_text():
        reader = open_history(settings.state)
    rows = reader.rows(extension, limit) if reader else []
    calls = [to_json(row) for row in rows] if extension is None else view(rows, extension)
    if as_json:
        typer.echo(_dumps(calls))
    else:
        _print_table(HISTORY_COLUMNS, [{**row, "id": str(row["id"])[:SHOWN_ID]} for row in calls])


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"b2bua {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """What comes before a command."""


def _settings(config: Path) -> "Config":
    from b2bua.config import load

    with _told_as_text():
        return load(config)


def _directory(settings: "Config") -> "Directory":
    with _told_as_text():
        return _served(settings)


def _served(settings: "Config") -> "Directory":
    """The directory as the server serves it: what the database holds, with what the file has changed since. Raises ConfigError and OSError."""
    import time

    from b2bua.administration.served import served_directory
    from b2bua.store.organisation.database import existing_organisation

    organisation = existing_organisation(settings.database, settings.state)
    try:
        return served_directory(settings, None if organisation is None else organisation.directory, time.time())
    finally:
        if organisation is not None:
            organisation.close()


def _directory_for_names(settings: "Config") -> "Directory | None":
    """The directory; None when it cannot be read, which standard error is told: what was decided and kept can be shown without names."""
    try:
        return _served(settings)
    except (ConfigError, OSError) as error:
        problem = error.problems[0] if isinstance(error, ConfigError) else error
        typer.echo(f"{problem}\nThe directory cannot be read, so there are no names, and times are in UTC.", err=True)
        return None


@contextmanager
def _told_as_text() -> Iterator[None]:
    """A wrong configuration or an address in use is for the operator to read, without a traceback."""
    try:
        yield
    except ConfigError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"b2bua: {error}")


def _fail(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(1)


def _print_lines(lines: Iterable[object]) -> None:
    for line in lines:
        typer.echo(str(line))


def _dumps(value: object) -> str:
    return json.dumps(value, indent=2, default=str)


def _print_table(columns: tuple[str, ...], rows: Iterable[dict[str, object]]) -> None:
    """Columns as wide as their widest cell; numbers and names in a history came from outside, so they are made printable."""
    from b2bua.logs import printable

    cells = [columns, *(tuple(printable(str(row.get(c) or "")) for c in columns) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def main() -> None:
    """The command ``b2bua``."""
    app()
