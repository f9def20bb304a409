"""A PostgreSQL server of the test run's own: started when the first test asks for one, ended with the process, kept nowhere.

Mark a test that uses it with ``@pytest.mark.needs("initdb")``; one that runs on both databases takes `KINDS` and `place`. The server runs as an unprivileged user when the tests run as root
(PostgreSQL refuses root), listens on a free port of 127.0.0.1, and asks for a password that needs escaping in a URL.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from tests.support.network import free_port

USER = "b2bua"
PASSWORD = "s3cret@:/%"
START_SECONDS = 30.0
KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("initdb"))]
"""For ``@pytest.fixture(params=KINDS)``."""
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "autovacuum": "off",
    "jit": "off",
    "shared_memory_type": "mmap",
    "dynamic_shared_memory_type": "posix",
}


def binaries() -> Path:
    """Where the server's programs are. Debian keeps those of each version apart, and none of them on the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]), reverse=True)
    found = shutil.which("initdb") or next(map(str, debian), None)
    if found is None:
        raise FileNotFoundError("initdb (make tools installs the Debian programs)")
    return Path(found).parent


class Postgres:
    """A cluster in a folder of its own under the folder for temporary files."""

    def __init__(self) -> None:
        self._owner = _unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="b2bua-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self.port = free_port()
        if self._owner is not None:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)
        self._make()

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty database, which is dropped at the end."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield self.url(name)
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def start(self) -> None:
        """Return when the server answers."""
        options = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        command = [str(binaries() / "postgres"), "-D", self._data, "-k", str(self.folder), "-p", str(self.port), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._as_owner(command), stdout=log, stderr=log, cwd="/")
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text(
                "utf-8", "replace"
            )
            time.sleep(0.02)

    def stop(self) -> None:
        """Cut every connection and end the server; `start` brings it back as it was."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_SECONDS)
            self._process = None

    def close(self) -> None:
        """End it for good."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        initdb = [
            str(binaries() / "initdb"),
            "-D",
            self._data,
            "-U",
            USER,
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
            "--no-instructions",
        ]
        access = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}"]
        done = subprocess.run(self._as_owner([*initdb, *access]), capture_output=True, text=True, cwd="/", check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _as_owner(self, command: list[str]) -> list[str]:
        """As the unprivileged user, and gone with this process, however it ends."""
        owner = self._owner
        change = [] if owner is None else [f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
        return ["setpriv", "--pdeathsig=QUIT", *change, "--", *command]

    def _answers(self) -> bool:
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: sql.Composed | str) -> None:
        with psycopg.connect(host=str(self.folder), port=self.port, user=USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]


@cache
def postgres() -> Postgres:
    """The server of this process."""
    server = Postgres()
    atexit.register(server.close)
    server.start()
    return server


@contextmanager
def place(kind: str, folder: Path) -> Iterator[str | Path]:
    """A place for `open_organisation` of one of the `KINDS`: a file in `folder`, or a new database."""
    if kind == "sqlite":
        yield folder / "directory.sqlite"
    else:
        with postgres().database() as url:
            yield url


def _unprivileged() -> pwd.struct_passwd | None:
    """Whose the server is; None: ours."""
    if os.getuid() != 0:
        return None
    names = {user.pw_name: user for user in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]
