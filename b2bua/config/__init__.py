"""Reading and checking the two configuration files.

`load` reads the server configuration, `load_directory` the organisation. Both raise ConfigError with *every* problem, each as
``file:line: key: what is wrong, what to write instead``, and neither ever shows a password.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from b2bua.config.directory import read_directory
from b2bua.config.schema import Report
from b2bua.config.server import Config, HostPort, Limits, Listen, Log, Media, Ports, Trunk, TrunkAuth, read_server
from b2bua.config.trunks import TrunkTable
from b2bua.config.yamltree import Map, read
from b2bua.delegation.model import Directory
from b2bua.errors import ConfigError, Problem

__all__ = [
    "Config",
    "HostPort",
    "Limits",
    "Listen",
    "Log",
    "Media",
    "Ports",
    "Trunk",
    "TrunkAuth",
    "TrunkTable",
    "check",
    "load",
    "load_directory",
    "load_tree",
]


def load(path: str | Path) -> Config:
    """The server configuration in the file `path`. Raises ConfigError."""
    config, problems = _server(Path(path))
    if config is None or problems:
        raise ConfigError(tuple(problems))
    return config


def load_directory(config: Config, *, now: datetime | None = None) -> Directory:
    """The directory that `config` names. Raises ConfigError; `Directory.warnings` has the findings that stop nothing.

    `now` (aware) is the time for warnings about agreements that are over; None: the time it is.
    """
    found, problems = _people(config, now)
    if found is None:
        raise ConfigError(tuple(problems))
    return found


def load_tree(config: Config, path: Path | None = None, *, now: datetime | None = None) -> Map:
    """The directory file that `config` names, or `path`, as it is written; checked. Raises ConfigError with every problem."""
    path = path or config.directory
    report = Report(str(path), Map(1))
    report.tree = read(path, report.problems)
    read_directory(report.tree, config, report, now=now)
    if report.problems:
        raise ConfigError(tuple(_in_order(report)))
    return report.tree


def check(path: str | Path, *, now: datetime | None = None) -> tuple[tuple[Problem, ...], Directory | None]:
    """Every problem of both files, and the directory when there is none. Raises nothing."""
    config, problems = _server(Path(path))
    if config is None:
        return tuple(problems), None
    trunks_unsure = any(problem.key.startswith("trunks") for problem in problems)
    found, more = _people(config, now, trunks_unsure=trunks_unsure)
    return (*problems, *more), None if problems else found


def _server(path: Path) -> tuple[Config | None, list[Problem]]:
    report = Report(str(path), Map(1))
    try:
        report.tree = read(path, report.problems)
    except ConfigError as error:
        return None, list(error.problems)
    return read_server(report.tree, path, report), _in_order(report)


def _people(
    config: Config, now: datetime | None, *, trunks_unsure: bool = False
) -> tuple[Directory | None, list[Problem]]:
    report = Report(str(config.directory), Map(1))
    try:
        report.tree = read(config.directory, report.problems)
    except ConfigError as error:
        return None, list(error.problems)
    found = read_directory(report.tree, config, report, trunks_unsure=trunks_unsure, now=now)
    problems = _in_order(report)
    _free(report.tree)
    return found, problems


def _free(tree: Map) -> None:
    """Entry by entry: at once it takes tens of milliseconds, during which no other thread runs."""
    for part in tree.values():
        while isinstance(part, list) and part:
            part.pop()


def _in_order(report: Report) -> list[Problem]:
    return sorted(report.problems, key=lambda problem: problem.line)
