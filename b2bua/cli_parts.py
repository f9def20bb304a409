"""What the files of the command line have in common: which configuration, who asks, and problems told without a traceback."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from b2bua.errors import ConfigError

if TYPE_CHECKING:
    from b2bua.config import Config

ConfigFile = Annotated[Path, typer.Option("--config", help="The server's YAML file.", metavar="FILE")]
DEFAULT_CONFIG = Path("config/b2bua.yaml")
FAILED = 1
"""Exit status."""


def settings_of(config: Path) -> "Config":
    """The server's file. Raises ConfigError and OSError."""
    from b2bua.config import load

    return load(config)


def who() -> str:
    """For the audit: the user of the machine, not what the environment says."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


@contextmanager
def told_as_text(status: int = FAILED) -> Iterator[None]:
    """What an operator can set right is told without a traceback."""
    try:
        yield
    except ConfigError as error:
        fail(str(error), status)
    except BrokenPipeError:
        raise  # whoever read the output has seen enough
    except OSError as error:
        fail(f"b2bua: {error}", status)


def fail(text: str, status: int = FAILED) -> NoReturn:
    """Say it on standard error, and end."""
    typer.echo(text, err=True)
    raise typer.Exit(status)


def print_lines(lines: Iterable[object]) -> None:
    """One line each on standard output."""
    for line in lines:
        typer.echo(str(line))
