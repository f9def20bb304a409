"""The large organisation whose pages are measured: 10,000 users, 1,000 executives with ten assistants each, written into a database.

The first hundred executives have assistants with phones: what SIPp plays. Who opens a page has a token, made here as the server makes them.
"""

import json
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from b2bua.administration import secrets
from b2bua.administration.book import open_book
from b2bua.config import load
from b2bua.store.organisation.database import open_organisation, place_of
from b2bua.store.ports import AccountRow, TokenRow
from bench.server import ASSISTANT_PORTS, CALLER_PORT, HTTP_PORT, PARTIES, SERVER, SIP_PORT, Server
from bench.signalling import PARTY_CORE, SERVER_CORE
from bench.sipp import Callees, Party

USERS, EXECUTIVES, ASSISTANTS, CRITERIA = 10_000, 1_000, 10, 5
OFFICES = 100
"""Executives who are called."""
ADMINISTRATOR = "9999"
"""A super administrator."""
CALLED = "called.csv"
"""SIPp's list of the executives who are called."""
RING_MS, TALK_MS = 300, 700
"""Of a call: it rings three assistants, the third one answers, the caller hangs up."""

_SERVER_YAML = f"""\
domain: {SERVER}
listen: ["udp://{SERVER}:{SIP_PORT}"]
http: {{listen: "{SERVER}:{HTTP_PORT}"}}
directory: directory.yaml
state: state
trunks:
  - name: parties
    uri: "sip:{PARTIES}:{CALLER_PORT}"
    addresses: ["{PARTIES}"]
    trusted: true
    numbers: ['^\\+[0-9]+$']
digest: [MD5]
media: {{mode: direct}}
"""
_NAMES = "Olivia Victor Sam Ana Tom Lee Mia Zoë Kim Noah Ivy Henry Grace Pia Leo Hana Yusuf Lars Amélie Chen".split()
_SURNAMES = "Boss Chief Secretary Müller Garcia Tanaka Kowalski Santoso Wijaya Schmidt Rossi O'Neill".split()


def extension(n: int) -> str:
    """Of the user with that place; the executives come first."""
    return str(10_000 + n)


def assistant(executive: int, place: int) -> str:
    """The extension of an executive's assistant; everybody who is no executive assists one or two."""
    return extension(EXECUTIVES + (executive * ASSISTANTS + place) % (USERS - EXECUTIVES))


def watchers(pages: int, first: int = 0) -> list[str]:
    """Who has pages open: of each office in turn, from the `first` on, the executive and the first assistant."""
    offices = range(first, first + (pages + 1) // 2)
    return [each for n in offices for each in (extension(n), assistant(n, 0))][:pages]


def token(account: str) -> str:
    """What a program of this user shows."""
    return f"{secrets.TOKEN_PREFIX}bench-{account}"


def write(folder: Path, users: int = USERS) -> Path:
    """Write the server's files, its database and SIPp's list into `folder`; returns the server's file.

    With `users` 0 there is only the administrator.
    """
    config = folder / "b2bua.yaml"
    config.write_text(_SERVER_YAML)
    # JSON is YAML, and read by the same reader.
    (folder / "directory.yaml").write_text(json.dumps(directory(users), ensure_ascii=False, indent=1))
    (folder / CALLED).write_text("\n".join(["SEQUENTIAL", *map(extension, range(OFFICES)), ""]))
    _fill(config, [ADMINISTRATOR, *(watchers(4 * OFFICES) if users else ())])
    return config


def directory(users: int = USERS) -> dict[str, Any]:
    """As the directory file has it."""
    chance = random.Random(1)
    people = [_user(n, chance) for n in range(users)]
    people.append({"extension": ADMINISTRATOR, "name": "Ada Administrator", "role": "super_admin"})
    return {
        "organisation": "Bench",
        "time_zone": "Asia/Jakarta",
        "sites": [{"name": f"Site {n}"} for n in range(20)],
        "cost_centres": [{"name": f"Centre {n}"} for n in range(20)],
        "schedules": {"office": {"hours": {"mon-fri": "08:00-17:00"}}},
        "users": people,
        "executives": [_executive(n) for n in range(min(users, EXECUTIVES))],
    }


def _user(n: int, chance: random.Random) -> dict[str, Any]:
    user = {
        "extension": extension(n),
        "name": f"{chance.choice(_NAMES)} {chance.choice(_SURNAMES)} {n}",
        "numbers": [f"+62215{n:06}"],
        "location": f"Site {n % 20}",
        "cost_centre": f"Centre {n % 20}",
        "email": f"user{n}@bench.test",
        "password": f"secret-{n}",
    }
    office, place = divmod(n - EXECUTIVES, ASSISTANTS)
    if 0 <= office < OFFICES and place < len(ASSISTANT_PORTS):
        user["contacts"] = [f"sip:{extension(n)}@{PARTIES}:{ASSISTANT_PORTS[place]}"]
    return user


def _executive(n: int) -> dict[str, Any]:
    criteria: list[dict[str, Any]] = [{"name": f"rule {k}", "filter": k % 2 == 0, "from": [f"+4930{n:04}{k}*"]} for k in range(CRITERIA - 1)]
    return {
        "extension": extension(n),
        "filtering": {"enabled": True, "mode": "criteria", "criteria": [*criteria, {"name": "outside", "from": ["external"]}]},
        "alerting": {"mode": "ring_all", "ring_seconds": 30, "executive": "none"},
        "rollover": {"after_seconds": None, "action": "hangup"},
        "assistants": [assistant(n, k) for k in range(ASSISTANTS)],
    }


def _fill(config: Path, accounts: list[str]) -> None:
    """The database, as the server would make it at its first start, and who may come in."""
    loaded = load(config)
    with closing(open_organisation(place_of(loaded.database, loaded.state))) as organisation:
        open_book(organisation.directory, loaded, time.time).close()
        for each in accounts:
            organisation.accounts.save_account(AccountRow(each, "", must_change=False, signed_in=1.0))
            made = TokenRow(secrets.new_id(), secrets.digest(token(each)), each, "bench", time.time(), 0.0, 0.0)
            organisation.accounts.save_token(made)


class Company:
    """A fresh server on a copy of what `write` has written, with the phones of the offices."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        begun = time.monotonic()
        self.server = Server(folder / "b2bua.yaml", SERVER_CORE)
        self.start_seconds = time.monotonic() - begun
        self.callees = Callees(folder, PARTY_CORE)
        self._callers: list[Party] = []

    def calls(self, rate: int, seconds: float) -> Party:
        """Start callers from outside who call one executive after the other."""
        fixed = ("-inf", CALLED, "-r", str(rate), "-m", str(int(rate * seconds)), "-d", str(TALK_MS), "-trace_shortmsg")
        name = f"caller{len(self._callers)}"
        self._callers.append(Party(self._folder, name, "office_caller.xml", CALLER_PORT, PARTY_CORE, *fixed, f"{SERVER}:{SIP_PORT}"))
        return self._callers[-1]

    def stop(self) -> None:
        for each in self._callers:
            each.stop()
        self.callees.stop()
        self.server.stop()


@contextmanager
def running(written: Path) -> Iterator[Company]:
    with tempfile.TemporaryDirectory(prefix="b2bua-bench-") as name:
        made = Company(Path(shutil.copytree(written, Path(name) / "company")))
        try:
            made.callees.start("fork", RING_MS)
            yield made
        finally:
            made.stop()
