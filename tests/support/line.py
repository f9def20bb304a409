"""A TCP line to a server that a test can cut and mend."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.support.network import free_port


class Line:
    """Listens at 127.0.0.1 and passes everything on to `server` ("host:port"). Cut: what is open ends, and nothing new is accepted."""

    def __init__(self, server: str) -> None:
        host, _, port = server.rpartition(":")
        self._server = (host, int(port))
        self.port = free_port()
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listening: socket.socket | None = None
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """Where a browser finds the server."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.mend()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def mend(self) -> None:
        """Passes on again."""
        listening = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self._listening = listening
        self._begin(self._accept, listening)

    def cut(self) -> None:
        """From now on nothing gets through."""
        with self._lock:
            ends, self._ends = self._ends, set()
            listening, self._listening = self._listening, None
        for each in (*ends, *([listening] if listening is not None else [])):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="line", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listening: socket.socket) -> None:
        with listening, suppress(OSError):
            while True:
                near, _ = listening.accept()
                with self._lock:
                    if listening is not self._listening:
                        near.close()
                        return
                    try:
                        far = socket.create_connection(self._server, 5)
                    except OSError:
                        near.close()
                        continue
                    self._ends |= {near, far}
                self._begin(self._pass, near, far)

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        with near, far, suppress(OSError):
            while True:
                readable, _, _ = select.select([near, far], [], [], 60)
                for each in readable:
                    data = each.recv(65536)
                    if not data:
                        return
                    other[each].sendall(data)
        with self._lock:
            self._ends -= {near, far}
