"""Structured logs: one line per event, JSON for machines or text for a terminal, never blocking the event loop.

``get("net").warning("no route", target=...)`` writes ``{"time": ..., "level": "warning", "event": "no route", "room": "net", ...}``.
Every line about a call is written by ``for_call(id)`` and so carries ``"call": id``.

Lines are handed to a thread that writes them in batches: a slow terminal or a full pipe delays no call, and a busy server
does a few writes a second. The memory for waiting lines is bounded; what did not fit is counted and reported.

What comes from a peer is only ever a value, and values are escaped (no control character leaves this module raw), cut at
``MAX_VALUE`` characters and stripped of credentials.
"""

import atexit
import json
import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quote
from typing import BinaryIO, Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

Logger = FilteringBoundLogger
Style = Literal["auto", "json", "console"]

MAX_VALUE = 2000
"""Characters of one value that are kept: a whole SIP message of ordinary size, not a flood."""
MAX_WAITING = 4 << 20
"""Bytes that may wait for the writing thread before lines are dropped."""
BATCH_SECONDS = 0.2
"""How long an unimportant line may wait for others to be written with it."""
STUCK_SECONDS = 2.0
"""How long the end of the process waits for a stream that takes nothing."""

REDACTED = "[redacted]"
_SECRETS = frozenset(
    {"password", "secret", "ha1", "nonce", "cnonce", "authorization", "proxy_authorization", "credentials", "token"}
)
_CREDENTIAL_HEADER = re.compile(r"(?im)^([ \t]*(?:proxy-)?authorization[ \t]*:)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*")
_SHORT = len("Authorization:")
_PLAIN = frozenset({int, float, bool, type(None)})
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_QUIET = {"alembic": logging.WARNING, "sqlalchemy": logging.WARNING, "uvicorn": logging.WARNING, "uvicorn.access": logging.CRITICAL}


class LineWriter:
    """Writes finished lines to a byte stream from a thread of its own; safe to call from any thread.

    The method names are those that structlog looks up on a wrapped logger.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream: BinaryIO | None = stream
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._writing = threading.Lock()
        threading.Thread(target=self._run, name="logs", daemon=True).start()

    def write(self, line: str, *, urgent: bool = False) -> None:
        """Queue one line without its newline. An urgent one is written as soon as the thread gets to run."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            if self._size + len(data) > MAX_WAITING:
                self._dropped += 1
                return
            self._waiting.append(data)
            self._size += len(data)
        if urgent:
            self._urgent.set()
        if not self._wake.is_set():
            self._wake.set()

    def debug(self, line: str) -> None:
        """Queue a line that can wait."""
        self.write(line)

    info = debug

    def warning(self, line: str) -> None:
        """Queue a line that should be seen now."""
        self.write(line, urgent=True)

    error = critical = exception = warning

    def flush(self) -> None:
        """Write everything that waits, in the calling thread."""
        # A batch in the writing thread goes out whole, and before this one; behind a pipe that nobody reads we do not wait for it.
        if not self._writing.acquire(timeout=STUCK_SECONDS):
            return
        try:
            with self._lock:
                lines, dropped = self._waiting, self._dropped
                self._waiting, self._size, self._dropped = [], 0, 0
            if dropped:
                lines.append(f'{{"level": "error", "event": "log lines dropped", "count": {dropped}}}\n'.encode())
            self._put(b"".join(lines))
        finally:
            self._writing.release()

    def _put(self, data: bytes) -> None:
        if self._stream is None or not data:
            return
        try:
            self._stream.write(data)
            self._stream.flush()
        except (BrokenPipeError, ValueError):
            self._stream = None  # the reader of our output has gone (EPIPE, a closed stream): calls go on without logs
        except OSError:  # a full disk, for one: there may be room again later
            with self._lock:
                self._dropped += data.count(b"\n")

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._urgent.wait(BATCH_SECONDS)
            self._urgent.clear()
            self._wake.clear()
            self.flush()


def configure(level: str = "info", style: Style = "auto", stream: BinaryIO | None = None) -> None:
    """Send every log line, also those of uvicorn, asyncio, SQLAlchemy and Alembic, to ``stream`` (standard output).

    ``level``: debug | info | warning | error. ``style``: ``json``, ``console``, or ``auto``: console on a terminal.
    May be called again; loggers made before then keep what they had.
    """
    if level not in _LEVELS:
        raise ValueError(f"log level {level!r}: one of {', '.join(_LEVELS)}")
    out = stream or sys.stdout.buffer
    console = style == "console" or (style == "auto" and out.isatty())
    writer = LineWriter(out)
    atexit.register(writer.flush)
    _state.writer = writer
    structlog.configure(
        processors=[_to_text if console else _to_json],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    _state.base = structlog.get_logger()
    root = logging.getLogger()
    root.handlers = [_StandardLogging()]
    root.setLevel(_LEVELS[level])
    for name, floor in _QUIET.items():
        logging.getLogger(name).setLevel(max(floor, _LEVELS[level]))
    logging.captureWarnings(True)


def get(room: str) -> Logger:
    """The logger of one room (``net``, ``registrar`` ...)."""
    logger: Logger = structlog.get_logger(room=room)  # takes its shape on first use, so that modules may make it when imported
    return logger


def for_call(call: str) -> Logger:
    """A logger whose every line carries the call's id. Make it once per call, after ``configure``."""
    return _state.base.bind(call=call)


def flush() -> None:
    """Write what waits now; the last thing a process does."""
    if _state.writer is not None:
        _state.writer.flush()


class _State:
    """What ``configure`` has made."""

    def __init__(self) -> None:
        self.writer: LineWriter | None = None
        self.base: Logger = structlog.get_logger()
        self.second = (0, "")  # the last second that a line was written in, and its text


_state = _State()


def _to_json(_logger: WrappedLogger, method: str, event: EventDict) -> str:
    """The same line as `_line` makes, as JSON. Written value by value: most are short texts, and a general encoder costs more than they do."""
    failure = event.pop("exc_info", None)
    line = f'{{"time": "{_timestamp()}", "level": "{_level(method)}", "event": {_json_of(event.pop("event", ""))}'
    for key, value in event.items():
        name, secret = _json_key(key)
        line += name + (_json_of(value) if not secret else f'"{REDACTED}"')
    if failure:
        line += f', "exception": {_quote(_clean_text(_traceback(failure), 8 * MAX_VALUE))}'
    return line + "}"


def _json_of(value: object) -> str:
    if type(value) is str:
        return _quote(value if len(value) <= _SHORT else _clean_text(value, MAX_VALUE))
    return str(value) if type(value) is int else "null" if value is None else _encode(_clean(value))


@lru_cache(1000)
def _json_key(key: str) -> tuple[str, bool]:
    """How a value's name is written, and whether the value must not be. Names stand in the code: there are few."""
    return f", {_quote(key)}: ", _is_secret(key)


def _to_text(_logger: WrappedLogger, method: str, event: EventDict) -> str:
    line = _line(method, event)
    exception = line.pop("exception", "")
    head = f"{str(line.pop('time'))[11:23]} {line.pop('level'):7} {printable(str(line.pop('event')))}"
    rest = "".join(f"  {key}={printable(str(value))}" for key, value in line.items())
    trace = "".join(f"\n    {printable(row)}" for row in str(exception).splitlines())
    return head + rest + trace


def _line(method: str, event: EventDict) -> dict[str, object]:
    """What is written, in the order it is written: time, level, event, then the values as they were given."""
    line: dict[str, object] = {
        "time": _timestamp(),
        "level": _level(method),
        "event": _clean(event.pop("event", "")),
    }
    failure = event.pop("exc_info", None)
    for key, value in event.items():
        line[key] = REDACTED if _is_secret(key) else _clean(value)
    if failure:
        line["exception"] = _clean_text(_traceback(failure), 8 * MAX_VALUE)
    return line


def _level(method: str) -> str:
    return "error" if method == "exception" else method


def _timestamp() -> str:
    """The wall clock as ISO 8601 in UTC, to the millisecond; the text of a second is made once."""
    now = time.time()
    second = int(now)
    known, text = _state.second
    if known != second:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _state.second = (second, text)
    return f"{text}.{int((now - second) * 1000):03d}Z"


def _is_secret(key: str) -> bool:
    return key in _SECRETS or (not key.islower() and key.lower().replace("-", "_") in _SECRETS)


def _clean(value: object) -> object:
    """``value`` without credentials and within bounds; numbers stay numbers."""
    kind = type(value)
    if kind is str:
        return _clean_text(value, MAX_VALUE)  # type: ignore[arg-type]  # the exact type is the fast way through
    if kind in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return {str(key): REDACTED if _is_secret(str(key)) else _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(inner) for inner in value]
    return _clean_text(value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value), MAX_VALUE)


def _clean_text(text: str, limit: int) -> str:
    if len(text) > _SHORT and ("uthorization" in text or "UTHORIZATION" in text):
        text = _CREDENTIAL_HEADER.sub(r"\1 " + REDACTED, text)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def _traceback(failure: object) -> str:
    if failure is True:
        failure = sys.exc_info()[1]
    elif isinstance(failure, tuple):
        failure = failure[1]
    return "".join(traceback.format_exception(failure)) if isinstance(failure, BaseException) else ""


def printable(text: str) -> str:
    """``text`` with everything that could move a cursor or start a line written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


# One encoder for all lines; ASCII only, so that every control character, line separator and lone surrogate is an escape.
_encode: Callable[[object], str] = json.JSONEncoder(separators=(", ", ": "), default=str, check_circular=False).encode


class _StandardLogging(logging.Handler):
    """Takes the records of libraries that use the standard ``logging``."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record. A record that cannot be formatted is written as it is, never raised."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = f"{record.msg!r} {record.args!r}"
        method = next((name for name, floor in reversed(_LEVELS.items()) if record.levelno >= floor), "debug")
        getattr(_state.base.bind(room=record.name), method)(message, exc_info=record.exc_info)
