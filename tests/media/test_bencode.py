"""Bencode: what is written is read again, and nothing that comes in can do more than be refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.media.bencode import BencodeError, decode, encode

VALUES = st.recursive(
    st.integers(-(10**18), 10**18) | st.binary(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, b"i0e"),
        (-12, b"i-12e"),
        (b"", b"0:"),
        ("Grüße", "7:Grüße".encode()),
        ([1, "a", []], b"li1e1:alee"),
        ({"command": "ping"}, b"d7:command4:pinge"),
        ({"b": [{}], "a": 1}, b"d1:bldee1:ai1ee"),
        (("x", "y"), b"l1:x1:ye"),
    ],
)
def test_writes(value: Any, text: bytes) -> None:
    assert encode(value) == text


@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert decode(encode(value)) == value


@given(VALUES, st.data())
def test_what_is_cut_off_is_refused(value: Any, data: st.DataObject) -> None:
    text = encode(value)
    with pytest.raises(BencodeError):
        decode(text[: data.draw(st.integers(0, len(text) - 1))])


@given(st.binary(max_size=60) | st.text("dlie0123456789:-ab", max_size=60).map(str.encode))
def test_anything_else_is_read_or_refused(data: bytes) -> None:
    try:
        value = decode(data)
    except BencodeError:
        return
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    "text",
    [b"", b"i01e", b"i-0e", b"ie", b"i1", b"i 1e", b"01:a", b"-1:a", b"2:a", b"99999999999:a", b"l", b"d", b"di1ei2ee", b"d1:ae",
     b"i1ei2e", b"x", b"1:ab", b"i" + b"9" * 30 + b"e", b"l" * 100_000, b"d1:a" * 100_000],
)  # fmt: skip
def test_refuses(text: bytes) -> None:
    with pytest.raises(BencodeError):
        decode(text)


def test_reads_as_deep_as_rtpengine_writes() -> None:
    text = b"l" * 20 + b"e" * 20
    assert encode(decode(text)) == text


def test_keys_that_are_no_text_survive() -> None:
    assert encode(decode(b"d2:\xff\xfei1ee")) == b"d2:\xff\xfei1ee"
