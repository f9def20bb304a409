"""YAML that remembers its lines, and that no file can hurt."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.config import yamltree
from b2bua.config.yamltree import Map, dotted, line_of
from b2bua.errors import ConfigError, Problem


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.yaml"


def read(file: Path, text: str | bytes) -> tuple[Map, list[Problem]]:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    problems: list[Problem] = []
    return yamltree.read(file, problems), problems


def refused(file: Path, text: str | bytes) -> Problem:
    with pytest.raises(ConfigError) as caught:
        read(file, text)
    (problem,) = caught.value.problems
    return problem


def test_scalars_stay_the_text_that_was_written(file: Path) -> None:
    tree, problems = read(file, 'a: 0667\nb: on\nc: ~\nd:\ne: "null"\nf: +62\ng: 1_0\n"null": 12:30\n')
    assert tree == {"a": "0667", "b": "on", "c": None, "d": None, "e": "null", "f": "+62", "g": "1_0", "null": "12:30"}
    assert problems == []


def test_every_part_knows_its_line(file: Path) -> None:
    tree, _ = read(file, "# comment\na:\n  - x\n  - b: 1\n    c:\n      [y,\n       z]\n")
    assert line_of(tree, ()) == 2
    assert line_of(tree, ("a", 0)) == 3
    assert line_of(tree, ("a", 1, "b")) == 4
    assert line_of(tree, ("a", 1, "c", 1)) == 7
    assert line_of(tree, ("a", 1, "missing", 3)) == 4
    assert dotted(("a", 1, "c", 1)) == "a[1].c[1]"


def test_a_key_that_stands_twice_is_told_with_both_lines(file: Path) -> None:
    tree, problems = read(file, "a:\n  - b: 1\n    c: 2\n    b: 3\nd: 4\nd: {e: 1, e: 2}\n")
    assert tree == {"a": [{"b": "1", "c": "2"}], "d": "4"}
    assert [(problem.line, problem.key) for problem in problems] == [(4, "a[0].b"), (6, "d"), (6, "d.e")]
    assert "line 2" in problems[0].text


def test_an_alias_is_what_its_anchor_is(file: Path) -> None:
    tree, problems = read(file, "a: &x {k: v}\nb: *x\nc: [&y z, *y]\n")
    assert tree == {"a": {"k": "v"}, "b": {"k": "v"}, "c": ["z", "z"]}
    assert problems == []


def test_an_alias_bomb_is_not_expanded(file: Path) -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert "aliases are expanded" in refused(file, "\n".join(lines)).text


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: [1,\n", 2, "not YAML"),
        ("a: 1\n b: 2\n", 2, "not YAML"),
        ("a: 1\n\tb: 2\n", 2, "not YAML"),
        ("a: &x [*x]\n", 1, "inside itself"),
        ("a: 1\nb: *x\n", 2, "x"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("? [a]\n: 1\n", 1, "as a key"),
        ("a: &x [1]\n*x : 1\n", 2, "as a key"),
        ("- a\n", 1, "key: value"),
        ("just text", 1, "key: value"),
        ("a: " + "[" * 5000, 1, "deep"),
        (b"a: 1\nb: \xff\n", 1, "UTF-8"),
        (b"a: \x00\n", 1, "not YAML"),
        ("a: \x07\n", 1, "not YAML"),
    ],
)
def test_what_cannot_be_read(file: Path, text: str | bytes, line: int, word: str) -> None:
    problem = refused(file, text)
    assert problem.line == line
    assert word in problem.text


def test_a_tag_constructs_nothing(file: Path) -> None:
    tree, problems = read(file, 'a: !!python/object/apply:os.system ["true"]\nb: !x y\n')
    assert tree == {"a": ["true"], "b": "y"}
    assert [problem.key for problem in problems] == ["a", "b"]


def test_a_file_that_is_not_there_or_too_large(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"file\.yaml:1: \(file\): cannot be read"):
        yamltree.read(file, [])
    with pytest.raises(ConfigError, match="cannot be read"):
        yamltree.read(file.parent, [])
    monkeypatch.setattr(yamltree, "MAX_BYTES", 3)
    assert "larger" in refused(file, "a: 1").text


def test_an_empty_file_is_an_empty_mapping(file: Path) -> None:
    assert read(file, "# nothing\n") == ({}, [])


@given(st.text(alphabet="ab:[]{}&*x,-?!|>#\"'\n ", max_size=60) | st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    problems: list[Problem] = []
    try:
        yamltree.read(file, problems)
    except ConfigError as error:
        assert error.problems
