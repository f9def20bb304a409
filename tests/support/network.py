"""Loopback addresses that no other run is using, and sockets seen from outside."""

from __future__ import annotations

import errno
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LOCK_PORT = 49151
"""A run owns the network whose 127.N.0.254:LOCK_PORT it holds."""


@contextmanager
def network() -> Iterator[str]:
    """A free loopback network, "127.N", ours until the end of the block."""
    for second in random.sample(range(64, 127), 63):
        lock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            lock.bind((f"127.{second}.0.254", LOCK_PORT))
        except OSError as error:
            lock.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        with lock:
            yield f"127.{second}"
            return
    raise RuntimeError("every loopback network 127.64 ... 127.126 is in use")


def wait_for(condition: Callable[[], T], what: str, seconds: float = 10.0) -> T:
    """Polls until `condition` returns something true, and returns that; TimeoutError names `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:g} s still waiting for {what}")
        time.sleep(0.01)
    return found


def free_port(ip: str = "127.0.0.1") -> int:
    """A port that neither UDP nor TCP uses, nor the port above it, outside the range from which the kernel picks.

    Taken by nobody, so a race is possible; the choice is random to make it a rare one.
    """
    for port in random.sample(range(11000, 19998, 4), 100):
        with ExitStack() as sockets:
            try:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    for number in (port, port + 1):
                        sockets.enter_context(socket.socket(socket.AF_INET, kind)).bind((ip, number))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port at {ip}")


def bound(ip: str, port: int, transport: str = "udp") -> bool:
    """Whether some process on this machine has this socket open (for TCP: listens)."""
    wanted = f"{int.from_bytes(socket.inet_aton(ip), 'little'):08X}:{port:04X}"
    for line in Path(f"/proc/net/{transport}").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted and (transport == "udp" or fields[3] == "0A"):
            return True
    return False
