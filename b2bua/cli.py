"""The commands ``run``, ``check``, ``explain`` and ``history``.

Exit status: 0 done, 1 a configuration, address or database that cannot be used, 2 a command line that makes no sense.
Each command imports what it needs when it is called, so that ``--help`` and shell scripts do not wait for a server's modules.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from b2bua import __version__
from b2bua.errors import ConfigError

if TYPE_CHECKING:
    from b2bua.config import Config
    from b2bua.delegation.model import Directory

app = typer.Typer(
    help="A SIP back-to-back user agent with executive/assistant call delegation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print the values of variables, passwords among them
)

ConfigFile = Annotated[Path, typer.Option("--config", help="The server's YAML file.", metavar="FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_CONFIG = Path("config/b2bua.yaml")
HISTORY_COLUMNS = ("started", "direction", "caller", "called", "outcome", "answered_by", "note")


@app.command()
def run(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the server. SIGTERM lets running calls end, SIGHUP reads the directory again."""
    from b2bua.app import run as serve

    with _told_as_text():
        serve(config)


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Validate the server's file and its directory; print errors and warnings as file:line: key: text."""
    from b2bua.config import check as check_both

    problems, directory = check_both(config)
    if directory is None:
        _print_lines(problems)
        raise typer.Exit(1)
    _print_lines(f"{warning} (warning)" for warning in directory.warnings)
    typer.echo(f"{config}: OK; users: {len(directory.users)}, executives: {len(directory.executives)}")


@app.command()
def explain(
    caller: Annotated[str, typer.Option("--from", help="Who calls: an extension, a delegated line 676-667, or an outside number.")],
    dialled: Annotated[str, typer.Option("--to", help="What is dialled.")],
    config: ConfigFile = DEFAULT_CONFIG,
    at: Annotated[
        datetime | None,
        typer.Option("--at", help="When, in ISO 8601; now if not given.", metavar="TIME", parser=datetime.fromisoformat),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell why a call would go where: each rule that was looked at, then the plan."""
    from b2bua.delegation.explain import facts_for, render_text, to_json
    from b2bua.delegation.policy import decide

    directory = _directory(_settings(config))
    facts = facts_for(caller, dialled, directory)
    when = at or datetime.now().astimezone()
    if when.tzinfo is None:
        when = when.astimezone()
    plan = decide(facts, directory, when)
    typer.echo(_dumps(to_json(facts, plan, when)) if as_json else render_text(facts, plan, when, directory))


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
    reader = open_history(settings.state)
    rows = reader.rows(extension, limit) if reader else []
    calls = [to_json(row) for row in rows] if extension is None else view(rows, extension)
    if as_json:
        typer.echo(_dumps(calls))
    else:
        _print_table(HISTORY_COLUMNS, calls)


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
    from b2bua.config import load_directory

    with _told_as_text():
        return load_directory(settings)


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
