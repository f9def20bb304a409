"""Errors that several rooms share. An error knows what to tell the one who caused it."""

from __future__ import annotations

from dataclasses import dataclass


class Refused(Exception):
    """A request that is answered with `status` and `reason` (SIP status code 400-699 and its phrase)."""

    def __init__(self, status: int, reason: str = "") -> None:
        super().__init__(f"{status} {reason}".rstrip())
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a configuration file; prints as ``file:line: key: what is wrong, what to write instead``."""

    file: str
    line: int
    """1-based; 1 when the finding is about the file as a whole."""
    key: str
    """Dotted path such as ``executives[0].assistants[3]``; ``(file)`` for the file as a whole."""
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.text}"


class ConfigError(Exception):
    """A configuration that must not be started with; carries every problem found, not only the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
