"""The file of what-if cases in the hands of people: a case is added at its end or taken out of it, everything else stays as it was
written, comments too.

What would be written is read back first; a file that cannot be changed so, or that somebody is editing meanwhile, stays as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from b2bua.config.whatif import Written, read_cases
from b2bua.config.yamltree import Map, Seq, read
from b2bua.delegation.model import Directory
from b2bua.delegation.whatif import Case, Result, run_case
from b2bua.errors import ConfigError, Problem

HEADER: Final = """\
# What-if cases: who calls whom, and what must come of it. docs/what-if.md explains them. Kept with the simulator page.

cases:
"""
MOST_CASES: Final = 5_000


class CannotWrite(Exception):
    """The file stays as it is; the text says why, and what to do."""


class Kept(NamedTuple):
    """One case of the file."""

    id: str
    line: int
    raw: Mapping[str, Any]
    """As it is written."""
    case: Case | None
    """None when something is wrong with it."""


class CasesFile(NamedTuple):
    """The file as it was read."""

    path: Path
    exists: bool
    cases: tuple[Kept, ...] = ()
    problems: tuple[Problem, ...] = ()
    """What is wrong with the file; then the cases that are broken have no `case`."""


def read_file(path: Path, directory: Directory) -> CasesFile:
    """The cases of the file `path`, which need not be there. Blocks; raises nothing."""
    if not path.exists():
        return CasesFile(path, exists=False)
    found, problems = read_cases(path, directory)
    try:
        items = read(path, []).get("cases")
    except ConfigError as error:
        return CasesFile(path, True, (), error.problems)
    if not isinstance(items, Seq):
        return CasesFile(path, True, (), problems)
    return CasesFile(path, True, tuple(_kept(items, found)), problems)


def _kept(items: Seq, found: Sequence[Written]) -> list[Kept]:
    by_line: dict[tuple[int, str], Case] = {(each.line, each.case.name): each.case for each in found}
    kept = []
    for line, item in zip(items.lines, items, strict=True):
        raw = _plain(item) if isinstance(item, Map) else {"name": "?"}
        kept.append(Kept(_id(raw), line, raw, by_line.get((line, str(raw.get("name"))))))
    return kept


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _id(raw: object) -> str:
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()[:16]


def add(path: Path, entry: Mapping[str, Any], directory: Directory) -> tuple[Kept, Result | None]:
    """Write one more case at the end of the file, which is made when there is none; what came of it on `directory`. Blocks.

    Raises CannotWrite.
    """
    before = _bytes(path)
    text = before.decode("utf-8-sig") if before else HEADER
    known = read_file(path, directory) if before else CasesFile(path, exists=False)
    if known.problems:
        raise CannotWrite(f"{path} has problems, which must be put right first: {known.problems[0]}")
    if len(known.cases) >= MOST_CASES:
        raise CannotWrite(f"{path} has {len(known.cases)} cases already; remove some first")
    text = text if text.endswith("\n") else f"{text}\n"
    made = text + _written(entry, _indent(text, known.cases))
    after = _verified(path, made, directory, [*(each.id for each in known.cases), None])
    _replace(path, made, before)
    last = after.cases[-1]
    assert last.case is not None
    return last, run_case(last.case, directory)


def remove(path: Path, case_id: str, directory: Directory) -> Kept | None:
    """Take a case out of the file; the case, None when it is not there. Blocks. Raises CannotWrite."""
    before = _bytes(path)
    if not before:
        return None
    known = read_file(path, directory)
    place = next((place for place, each in reversed([*enumerate(known.cases)]) if each.id == case_id), None)
    if place is None:
        return None
    if len(known.cases) == 1:
        raise CannotWrite(f"it is the last case of {path}, and a file without cases is refused; add another one first")
    taken: Kept = known.cases[place]
    made = _without(before.decode("utf-8-sig"), known.cases, place)
    left = [each.id for number, each in enumerate(known.cases) if number != place]
    _verified(path, made, directory, left)
    _replace(path, made, before)
    return taken


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise CannotWrite(f"{path} cannot be read ({error.strerror})") from error


def _indent(text: str, cases: Sequence[Kept]) -> str:
    """Of the dash of the last case; YAML wants the same of all."""
    if not cases:
        return "  "
    line = text.splitlines()[cases[-1].line - 1]
    return line[: len(line) - len(line.lstrip())]


def _written(entry: Mapping[str, Any], indent: str) -> str:
    """The case as YAML: a key on each line, the values as JSON, which YAML can read."""
    lines = [f"{key}: {_value(value)}" for key, value in entry.items()]
    return "".join(f"{indent}{'- ' if number == 0 else '  '}{line}\n" for number, line in enumerate(lines))


def _value(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _without(text: str, cases: Sequence[Kept], place: int) -> str:
    """The lines of the case are left out; comments and empty lines before the next case belong to that one."""
    lines = text.splitlines(keepends=True)
    start = cases[place].line - 1
    end = cases[place + 1].line - 1 if place + 1 < len(cases) else len(lines)
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return "".join((*lines[:start], *lines[end:]))


def _verified(path: Path, text: str, directory: Directory, ids: Sequence[str | None]) -> CasesFile:
    """What `text` reads as. Raises CannotWrite unless it has these cases; None: any."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        found = read_file(Path(file.name), directory)
    good = len(found.cases) == len(ids) and all(wanted in (None, each.id) for wanted, each in zip(ids, found.cases, strict=True))
    if found.problems and good:
        raise CannotWrite(f"this case cannot be written: {found.problems[0].key}: {found.problems[0].text}")
    if not good:
        raise CannotWrite(f"the cases in {path} are written in a way that cannot be changed from here; edit the file")
    return found


def _replace(path: Path, text: str, before: bytes) -> None:
    """All of the file or nothing. Raises CannotWrite, also when somebody else has written it meanwhile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if before:
                shutil.copymode(path, temporary)
            else:
                temporary.chmod(0o644)
            if _bytes(path) != before:
                raise CannotWrite(f"somebody else has changed {path} meanwhile; try again")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written ({error.strerror})") from error
