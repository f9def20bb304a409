"""Builds the C media plane: ``python -m b2bua.media.build``. Needs the standard library only, and a C compiler.

The compiler is ``$CC``, else ``cc``, else the one in the ``ziglang`` wheel (``--compiler`` tells make whether that is needed). The library
is named after its sources and flags, so that what is loaded is always what stands in the tree, and two versions live side by side.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parent / "native"
BUILT: Final = Path(__file__).parent / "_native"
FLAGS: Final = ("-std=c11", "-O2", "-shared", "-fPIC", "-fvisibility=hidden")
LIBRARIES: Final = ("-lm",)
ZIG_FLAGS: Final = ("-mcpu=baseline",)
"""Without it zig uses every instruction of the machine that compiles, and an image made there would not run elsewhere."""
COMPILE_SECONDS: Final = 300.0
_SHOWN: Final = 4_000
"""Characters of what a compiler says that are shown."""


class BuildError(Exception):
    """There is no library; the text says why and what to do."""


def library(sources: Path = SOURCES, into: Path = BUILT) -> Path:
    """Where the library of these sources is, or would be."""
    return into / f"libmedia-{_digest(sources)}.so"


def compiler() -> tuple[str, ...] | None:
    """The command that compiles C: ``$CC``, ``cc``, ziglang's; None when there is none."""
    chosen = shlex.split(os.environ.get("CC", ""))
    if chosen:
        return tuple(chosen) if shutil.which(chosen[0]) else None
    if shutil.which("cc"):
        return ("cc",)
    if importlib.util.find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "cc", *ZIG_FLAGS)
    return None


def build(sources: Path = SOURCES, into: Path = BUILT) -> tuple[Path, bool]:
    """The library, and whether it had to be made. Raises `BuildError`.

    It appears whole or not at all: two that build at once do not disturb each other.
    """
    target = library(sources, into)
    if target.exists():
        return target, False
    command = compiler()
    if command is None:
        raise BuildError(
            f"no C compiler: {os.environ.get('CC') or 'cc'} is not there; install gcc or clang, or the Python package ziglang,"
            " and run python -m b2bua.media.build"
        )
    try:
        into.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=".build-") as scratch:
            made = Path(scratch) / target.name
            _compile([*command, *FLAGS, "-o", str(made), *map(str, _units(sources)), *LIBRARIES], Path(scratch))
            made.replace(target)
    except OSError as error:
        raise BuildError(f"cannot build the media library: {error}") from None
    return target, True


def _compile(command: list[str], scratch: Path) -> None:
    caches = {f"ZIG_{which}_CACHE_DIR": str(scratch / "zig") for which in ("LOCAL", "GLOBAL")}  # the user may have no home
    try:
        done = subprocess.run(  # noqa: S603 - the compiler that the operator chose, on our own sources
            command, env={**os.environ, **caches}, capture_output=True, text=True, errors="replace", timeout=COMPILE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{command[0]} did not end within {COMPILE_SECONDS:.0f} s") from None
    if done.returncode:
        raise BuildError(f"{shlex.join(command)} failed with status {done.returncode}:\n{(done.stderr or done.stdout)[:_SHOWN]}")


def _units(sources: Path) -> list[Path]:
    return sorted(sources.glob("*.c"))


def _digest(sources: Path) -> str:
    """Of everything that makes a difference: the sources, how they are compiled, the machine they are for."""
    digest = hashlib.sha256(repr((FLAGS, LIBRARIES, sys.platform, platform.machine(), _libc())).encode())
    for path in sorted([*sources.glob("*.c"), *sources.glob("*.h")]):
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _libc() -> str | None:
    """The C library of this machine: an older one cannot load what was linked with a newer one."""
    return os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None  # musl has no such name


def main() -> int:
    """Build, and say in one line what was done. With ``--compiler``: only whether there is one (exit status 1: none)."""
    parser = argparse.ArgumentParser(prog="python -m b2bua.media.build", description="Builds the C media plane.")
    parser.add_argument("--compiler", action="store_true", help="only tell whether there is a compiler, or nothing to compile")
    if parser.parse_args().compiler:
        return int(not library().exists() and compiler() is None)
    try:
        path, made = build()
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"media library: {path.name} {'built' if made else 'is there'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
