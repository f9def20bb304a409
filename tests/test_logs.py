"""Log lines: their shape, what is kept out of them, and that writing them never blocks."""

import io
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from b2bua import logs

Read = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def stream() -> Iterator[io.BytesIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield io.BytesIO()
    logs.flush()
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def read(stream: io.BytesIO) -> Read:
    logs.configure("info", "json", stream)

    def lines() -> list[dict[str, Any]]:
        logs.flush()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    return lines


def test_a_line_has_time_level_event_room_and_values(read: Read) -> None:
    logs.get("net").info("listening", port=5060, secure=False, host=None)
    (line,) = read()
    assert list(line) == ["time", "level", "event", "room", "port", "secure", "host"]
    assert line["time"].endswith("Z")
    assert (line["level"], line["event"], line["room"], line["port"], line["secure"]) == ("info", "listening", "net", 5060, False)


def test_every_line_of_a_call_carries_its_id(read: Read) -> None:
    log = logs.for_call("c1")
    log.info("ringing")
    log.bind(leg="b").warning("refused", status=486)
    assert [line["call"] for line in read()] == ["c1", "c1"]


def test_lines_below_the_level_are_not_written(read: Read) -> None:
    logs.for_call("c1").debug("noise")
    logging.getLogger("somebody").debug("noise")
    assert read() == []


def test_credentials_are_redacted_wherever_they_stand(read: Read) -> None:
    message = 'INVITE sip:1@a SIP/2.0\r\nProxy-Authorization: Digest username="1",\r\n response="0a1b"\r\nAUTHORIZATION: x1y2\r\nCSeq: 1 INVITE\r\n'
    logs.get("net").info(
        "m",
        message=message,
        raw=message.encode(),
        password="p1",
        **{"Proxy-Authorization": "p1"},
        user={"nonce": "p1", "name": "Ana"},
    )
    (line,) = read()
    text = json.dumps(line)
    assert not any(secret in text for secret in ("0a1b", "x1y2", "p1", "username"))
    assert "CSeq: 1 INVITE" in line["message"]
    assert line["user"] == {"nonce": logs.REDACTED, "name": "Ana"}


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_value_starts_a_line_or_moves_the_cursor(stream: io.BytesIO, style: logs.Style) -> None:
    logs.configure("info", style, stream)
    nasty = 'x\r\n{"level": "error"}\x1b[2J\x00\x85\u2028\udcff'
    logs.get("net").info(nasty, **{"from": nasty})
    logs.flush()
    written = stream.getvalue()
    assert written.count(b"\n") == 1
    assert written.endswith(b"\n")
    assert all(byte >= 32 for byte in written[:-1])
    assert "\u2028" not in written.decode()


def test_long_values_are_cut(read: Read) -> None:
    logs.get("net").info("m", value="x" * 100_000)
    (line,) = read()
    assert len(line["value"]) < logs.MAX_VALUE + 50
    assert "100000 characters" in line["value"]


def test_a_traceback_is_one_value_without_the_values_of_variables(read: Read) -> None:
    hidden = "hunter2"
    try:
        int(hidden[:0])
    except ValueError:
        logs.for_call("c1").exception("bug")
    (line,) = read()
    assert line["level"] == "error"
    assert "ValueError" in line["exception"]
    assert hidden not in line["exception"].replace('"hunter2"', "")


def test_standard_logging_comes_the_same_way(read: Read) -> None:
    logging.getLogger("asyncio").error("Task %s", "died", exc_info=RuntimeError("why"))
    logging.getLogger("alembic.runtime").info("noise")
    ours = logging.getLogger().handlers[0]
    ours.emit(logging.makeLogRecord({"name": "odd", "levelno": logging.WARNING, "msg": "%d", "args": ("not a number",)}))
    died, odd = read()
    assert (died["room"], died["event"], died["level"]) == ("asyncio", "Task died", "error")
    assert "RuntimeError: why" in died["exception"]
    assert "not a number" in odd["event"]


def test_a_logger_made_before_configuration_uses_it(stream: io.BytesIO) -> None:
    early = logs.get("early")
    logs.configure("info", "json", stream)
    early.info("m")
    logs.flush()
    assert json.loads(stream.getvalue())["room"] == "early"


def test_an_urgent_line_is_written_without_flush(stream: io.BytesIO) -> None:
    logs.configure("info", "json", stream)
    logs.get("net").warning("now")
    end = time.monotonic() + 5
    while not stream.getvalue() and time.monotonic() < end:
        time.sleep(0.005)
    assert b"now" in stream.getvalue()


def test_a_reader_that_takes_nothing_blocks_nobody_and_memory_is_bounded() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb", buffering=0) as stream:
        lines = logs.LineWriter(stream)
        start = time.monotonic()
        for _ in range(6000):
            lines.info("x" * 1000)
        assert time.monotonic() - start < 2
        assert lines._size <= logs.MAX_WAITING
        drained = threading.Thread(target=_drain, args=(reader,))
        drained.start()
        lines.flush()
        lines.flush()
    drained.join(5)
    assert b"log lines dropped" in _drained[-1]


_drained: list[bytes] = []


def _drain(fd: int) -> None:
    last = b""
    with os.fdopen(fd, "rb") as stream:
        while chunk := stream.read(65536):
            last = (last + chunk)[-65536 * 2 :]
    _drained.append(last)


def test_logging_survives_a_reader_that_left() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as stream:
        lines = logs.LineWriter(stream)
        lines.error("x")
        lines.flush()
        lines.info("y")
        lines.flush()


def test_an_unknown_level_is_an_error() -> None:
    with pytest.raises(ValueError, match="one of debug, info"):
        logs.configure("loud")
