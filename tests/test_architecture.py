"""Who may import whom, read from the source: the rules that keep each room testable alone."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "b2bua"

LEAVES = ("errors", "logs")
"""Leaf modules that every room but the pure ones may use."""

RULES: dict[str, tuple[str, ...]] = {
    # room: what it may import from b2bua beside itself
    "errors": (),
    "logs": (),
    "sip": ("errors",),
    "delegation": ("errors",),
    "config": (*LEAVES, "delegation"),
    "net": (*LEAVES, "sip"),
    "calls": (*LEAVES, "sip", "delegation", "media.engine", "media.rewriter", "store.ports", "store.decisions", "cluster.bus"),
    "registrar": (*LEAVES, "sip", "delegation.model", "store.ports", "cluster.bus"),
    "media": (*LEAVES, "sip.sdp", "sip.description"),
    # What is kept includes decisions and settings, which are plain data of `delegation.plan`; deciding is none of the store's business.
    "store": (*LEAVES, "delegation.model", "delegation.plan"),
    # What people administer and see: knows the schema, the policy, what is stored and what goes on, and nothing of SIP or HTTP.
    "administration": (*LEAVES, "config", "delegation", "calls.commands", "cluster.bus", "store.ports", "store.history", "store.story"),
    "web": (*LEAVES, "calls.commands", "store.ports", "cluster.bus", "administration"),
    "cluster": LEAVES,
    # Figures of what the composition root starts beside the calls.
    # What the composition root makes for the pages and the API.
    "office": (*LEAVES, "administration", "cluster.bus", "config", "delegation.model", "store", "switchboard", "web"),
    "readings": (*LEAVES, "media.rtpengine", "media.supervisor", "store.database", "web.metrics"),
    # A reload reads the directory, tries it and makes the accounts; what it needs of the composition root is a protocol of its own.
    "reload": (*LEAVES, "administration.book", "config", "delegation.model", "delegation.plan", "registrar.credentials"),
    # What pages and the API do to the running server: what it needs of the composition root is a protocol of its own.
    "switchboard": (*LEAVES, "administration.ports", "calls", "cluster.bus", "config", "delegation", "registrar", "sip"),
    # The command line reads the configuration, asks the policy and the history, and starts the composition root.
    "cli": (*LEAVES, "administration", "app", "cli_account", "cli_directory", "config", "delegation", "media.process", "store"),
    "cli_account": (*LEAVES, "administration", "cli_parts", "config", "store"),
    "cli_directory": (*LEAVES, "administration", "cli_parts", "config", "store"),
    "cli_parts": (*LEAVES, "config"),
    "__main__": ("cli",),
}
PURE = ("sip", "delegation", "errors")
"""Rooms that import nothing but the standard library."""

FORBIDDEN_IN_PURE = ("asyncio", "socket", "threading", "sqlite3", "time", "subprocess")
"""No I/O and no clock in the pure rooms: bytes and the time are arguments."""

COMPOSITION_ROOT = ("app", "core")


class Import(NamedTuple):
    """One import statement: who (dotted, without ``b2bua.``), what (fully dotted), and where."""

    importer: str
    imported: str
    line: int

    @property
    def room(self) -> str:
        return self.importer.split(".")[0]

    def __str__(self) -> str:
        return f"b2bua/{self.importer.replace('.', '/')}.py:{self.line}: imports {self.imported}"


def read_imports() -> Iterator[Import]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield from imports_of(
            ast.parse(path.read_text("utf-8")), [p for p in parts if p != "__init__"], is_package=path.stem == "__init__"
        )


def imports_of(tree: ast.AST, parts: list[str], *, is_package: bool) -> Iterator[Import]:
    importer = ".".join(parts) or "b2bua"
    package = ["b2bua", *(parts if is_package else parts[:-1])]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(importer, name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (Import(importer, f"{module}.{name.name}", node.lineno) for name in node.names)


IMPORTS = tuple(read_imports())
OURS = tuple(i for i in IMPORTS if i.imported.split(".")[0] == "b2bua")


def below(name: str, allowed: str) -> bool:
    return name == allowed or name.startswith(allowed + ".")


def permitted(found: Import) -> bool:
    name = found.imported.removeprefix("b2bua.").removeprefix("b2bua")
    if found.room in (*COMPOSITION_ROOT, "b2bua") or name == "__version__":
        return True
    return any(below(name, allowed) for allowed in (found.room, *RULES.get(found.room, ())))


def test_rooms_import_only_what_they_may() -> None:
    assert [str(i) for i in OURS if not permitted(i)] == []


def test_every_room_has_a_rule() -> None:
    rooms = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert rooms - RULES.keys() - {"__init__", *COMPOSITION_ROOT} == set()


def test_only_the_command_line_imports_the_composition_root() -> None:
    assert [
        str(i)
        for i in OURS
        if any(below(i.imported, f"b2bua.{root}") for root in COMPOSITION_ROOT) and i.room not in ("cli", *COMPOSITION_ROOT)
    ] == []


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_import_only_the_standard_library(room: str) -> None:
    foreign = [i for i in IMPORTS if i.room == room and i.imported.split(".")[0] not in {*sys.stdlib_module_names, "b2bua"}]
    assert [str(i) for i in foreign] == []


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_do_no_io_and_read_no_clock(room: str) -> None:
    active = [i for i in IMPORTS if i.room == room and any(below(i.imported, name) for name in FORBIDDEN_IN_PURE)]
    assert [str(i) for i in active] == []


@pytest.mark.parametrize("room", ["delegation", "sip"])
def test_pure_rooms_ask_no_clock_for_the_time(room: str) -> None:
    calls = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("now", "utcnow", "today")
            ):
                base = node.func.value
                if isinstance(base, ast.Name) and base.id in ("datetime", "date"):
                    calls.append(f"{path.name}:{node.lineno}")
    assert calls == []


@pytest.mark.parametrize("package", ["api", "pages"])
def test_every_router_of_the_web_is_mounted(package: str) -> None:
    """The lists are written out; a module that is forgotten there would answer nothing."""
    folder = PACKAGE / "web" / package
    having = {path.stem for path in folder.glob("*.py") if "\nrouter = APIRouter(" in path.read_text("utf-8")} - {"__init__"}
    listed = set(re.findall(r"^    (\w+)\.router,$", (folder / "__init__.py").read_text("utf-8"), re.MULTILINE))
    assert having and listed == having


def test_the_rules_catch_a_stranger() -> None:
    """The reader itself: absolute, relative, nested and aliased imports are all seen."""
    source = "import b2bua.calls.call\nfrom ..store import models as m\ndef f():\n    from . import stack\n    import asyncio\n"
    found = list(imports_of(ast.parse(source), ["sip", "dialog"], is_package=False))
    assert [i.imported for i in found] == ["b2bua.calls.call", "b2bua.store.models", "b2bua.sip.stack", "asyncio"]
    assert [permitted(i) for i in found[:3]] == [False, False, True]
