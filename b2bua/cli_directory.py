"""The commands ``b2bua directory export``, ``diff`` and ``import``: the directory as a file that can be kept, compared and taken in.

They work beside a running server, which follows within a second, and without one. Each command imports what it needs when it is called.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from b2bua.cli_parts import DEFAULT_CONFIG, FAILED, ConfigFile, fail, print_lines, settings_of, told_as_text, who

if TYPE_CHECKING:
    from b2bua.administration.book import Book
    from b2bua.config import Config
    from b2bua.store.organisation.database import Organisation

app = typer.Typer(help="The directory as a file: export it, compare it with a file, take a file in.", no_args_is_help=True)

DirectoryFile = Annotated[Path, typer.Argument(help="A directory file, YAML.", metavar="FILE")]
Partial = Annotated[
    bool, typer.Option("--partial", help="The file is a part of the directory: what it does not name stays as it is.")
]
DIFFERENT = 1
NO_ANSWER = 2
"""`diff` cannot tell; 1 means there that it has found something."""


@app.command("export")
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write it, for nobody else to read; standard output if not given.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write the directory as YAML, with the digests of the SIP passwords. Taken in again it makes the same directory."""
    with told_as_text(FAILED):
        text = _exported(config)
        if file is None:
            for part in text:
                typer.echo(part, nl=False)
        else:
            _write_privately(file, text)


@app.command("diff")
def diff(file: DirectoryFile, config: ConfigFile = DEFAULT_CONFIG, partial: Partial = False) -> None:
    """Print what `import` would change, entry by entry. Exit status 0: nothing, 1: something, 2: it cannot be told."""
    from b2bua.administration.exchange import changes, counted, told, wanted

    with told_as_text(NO_ANSWER):
        settings = settings_of(config)
        with _opened(settings, or_nowhere=True) as (_, book):
            current = book.bodies()
            ops = changes(current, wanted(settings, file, current, partial=partial))
    if ops:
        print_lines(told(ops, current))
        typer.echo(counted(ops, current))
        raise typer.Exit(DIFFERENT)


@app.command("import")
def import_(
    file: DirectoryFile,
    config: ConfigFile = DEFAULT_CONFIG,
    partial: Partial = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and print what would change; change nothing.")] = False,
) -> None:
    """Take a directory file in: from then on the directory is what the file says. Everything is checked before anything is changed,
    the what-if cases as well, and all of it is applied or nothing."""
    from b2bua.administration.exchange import changes, counted, told, wanted

    with told_as_text(FAILED):
        settings = settings_of(config)
        with _opened(settings, or_nowhere=dry_run) as (organisation, book):
            digest = _digest_if_configured(settings, file)
            current = book.bodies()
            then = wanted(settings, file, current, partial=partial)
            ops = changes(current, then)
            if dry_run:
                _refuse(_findings(book, ops))
                print_lines(told(ops, current))
            else:
                _apply(book, ops)
                if digest and not partial:
                    organisation.directory.keep_base(digest, then)
            done = "would be taken in" if dry_run else "taken in"
            typer.echo(f"{file}: {done}: {counted(ops, current)}; revision {book.revision}")


def _apply(book: "Book", ops: "tuple[object, ...]") -> None:
    from b2bua.administration.book import Actor, Conflict, Missing, Refusal
    from b2bua.store.ports import Moved

    try:
        done = book.write(Actor(who(), "command"), ops, cases=True)  # type: ignore[arg-type]
    except Refusal as refusal:
        _refuse(refusal.findings)
    except (Conflict, Missing, Moved) as error:
        fail(f"{error}; nothing was changed, try again", FAILED)
    else:
        print_lines(f"{warning} (warning)" for warning in done.warnings)


def _findings(book: "Book", ops: "tuple[object, ...]") -> Iterable[object]:
    import asyncio

    return asyncio.run(book.check(ops, cases=True))  # type: ignore[arg-type]


def _refuse(findings: Iterable[object]) -> None:
    """Say what is wrong, if anything is."""
    from b2bua.logs import printable

    lines = [printable(str(each)) for each in findings]
    if lines:
        fail("\n".join([*lines, "Nothing was changed."]), FAILED)


def _digest_if_configured(settings: "Config", file: Path) -> str:
    """Of `file`, where it is the one that the server takes in by itself: it need not do so once more."""
    from b2bua.administration.edition import file_digest

    return file_digest(settings) if settings.directory.exists() and file.exists() and file.samefile(settings.directory) else ""


def _exported(config: Path) -> Iterator[str]:
    import time

    from b2bua.administration.edition import file_bodies
    from b2bua.administration.exchange import exported
    from b2bua.store.organisation.database import existing_organisation
    from b2bua.store.ports import Entry

    settings = settings_of(config)
    organisation = existing_organisation(settings.database, settings.state)
    if organisation is not None:
        try:
            revision, entries, _ = organisation.directory.load()
        finally:
            organisation.close()
        if revision:
            return exported(entries, f"{organisation.name} at revision {revision}", time.time())
    bodies = file_bodies(settings).items()
    entries = [Entry(kind, key, position, 0, body) for position, ((kind, key), body) in enumerate(bodies)]
    return exported(entries, f"{settings.directory}, which no server has taken in yet", time.time())


@contextmanager
def _opened(settings: "Config", *, or_nowhere: bool) -> "Iterator[tuple[Organisation, Book]]":
    """The directory as a server that is started now would find it. Where there is no database yet it is made; with `or_nowhere` in a
    folder that is removed afterwards."""
    from b2bua.store.organisation.database import existing_organisation, open_organisation, place_of

    organisation = existing_organisation(settings.database, settings.state)
    with tempfile.TemporaryDirectory(prefix="b2bua-") as nowhere:
        if organisation is None:
            place = place_of(None, Path(nowhere)) if or_nowhere else place_of(settings.database, settings.state)
            organisation = open_organisation(place)
        try:
            book = _book(organisation, settings)
            try:
                yield organisation, book
            finally:
                book.close()
        finally:
            organisation.close()


def _book(organisation: "Organisation", settings: "Config") -> "Book":
    import time

    from b2bua.administration.book import Book, open_book

    if not organisation.directory.revision():
        return open_book(organisation.directory, settings, time.time)
    book = Book(organisation.directory, settings, time.time)
    try:
        book.load(broken=True)  # after an upgrade, or with another configuration: this command is how to mend it
    except BaseException:
        book.close()
        raise
    return book


def _write_privately(file: Path, parts: Iterable[str]) -> None:
    """All of it or nothing, in place of what is there. Raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.writelines(parts)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink()
        raise
