"""Building the C library: once, whole, and with an error that says what to do."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from b2bua.media import build
from b2bua.media.build import BuildError

needs_compiler = pytest.mark.skipif(build.compiler() is None, reason="no C compiler")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "native"
    folder.mkdir()
    (folder / "answer.h").write_text("#pragma GCC visibility push(default)\nint answer(void);\n#pragma GCC visibility pop\n")
    (folder / "answer.c").write_text('#include "answer.h"\nint answer(void) { return 42; }\n')
    return folder


@needs_compiler
def test_the_library_is_built_once(sources: Path, tmp_path: Path) -> None:
    path, made = build.build(sources, tmp_path / "built")
    assert made
    assert ctypes.CDLL(str(path)).answer() == 42
    assert build.build(sources, tmp_path / "built") == (path, False)
    assert list((tmp_path / "built").iterdir()) == [path]  # nothing is left of the work


@pytest.mark.parametrize("name", ["answer.c", "answer.h"])
def test_other_sources_are_another_library(sources: Path, name: str) -> None:
    before = build.library(sources)
    (sources / name).write_text((sources / name).read_text() + "\n")
    assert build.library(sources) != before


@needs_compiler
def test_what_the_compiler_says_is_told_and_nothing_is_left(sources: Path, tmp_path: Path) -> None:
    (sources / "answer.c").write_text("int answer(void) { return forty_two; }\n")
    with pytest.raises(BuildError, match="forty_two"):
        build.build(sources, tmp_path / "built")
    assert list((tmp_path / "built").iterdir()) == []


def test_without_a_compiler_it_says_what_to_install(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert build.compiler() is None
    with pytest.raises(BuildError, match=r"no-such-compiler is not there; install gcc"):
        build.build(sources, tmp_path / "built")


def test_the_compiler_is_the_one_chosen_then_cc_then_zig(monkeypatch: pytest.MonkeyPatch) -> None:
    present = {"/opt/my-cc", "cc"}
    monkeypatch.setattr(build.shutil, "which", lambda name: name if name in present else None)
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: name == "ziglang")
    monkeypatch.setenv("CC", "/opt/my-cc -m64")
    assert build.compiler() == ("/opt/my-cc", "-m64")
    monkeypatch.delenv("CC")
    assert build.compiler() == ("cc",)
    present.clear()
    zig = build.compiler()
    assert zig is not None and zig[1:4] == ("-m", "ziglang", "cc")
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: None)
    assert build.compiler() is None


@needs_compiler
def test_a_folder_that_cannot_be_written_is_told(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match="cannot build the media library"):
        build.build(sources, tmp_path / "file" / "built")
