"""Programs that use the API of a large organisation: how quickly it answers, how long an import takes, whether the server grows."""

import asyncio
import csv
import io
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench import company
from bench.browsing import PREFIX, Answer, Program, pages
from bench.company import Company
from bench.signalling import percentile
from bench.sipp import Party

CALL_RATE, REQUEST_RATE = 50, 20
IMPORTED = 10_000
PROBE_SECONDS = 0.02
WORKERS = 8
"""Programs that ask one request after the other, until the server's memory is looked at again."""
WARM = 20
"""Of each kind before."""
SLOW_RATE = 2
"""Calls a second meanwhile: the server is never idle."""
IDLE_SECONDS = 14.0
"""Until the server has looked for what nobody uses any more."""
IMPORT_SECONDS = 300.0
Ask = Callable[[Program, random.Random], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How quickly one kind of request was answered, in ms."""

    name: str
    p50: float | None
    p95: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Interface:
    """The API, with no calls and with calls; and what the callers noticed: INVITE→180 (p50, p99) in ms of each run, in turns."""

    alone: list[Kind]
    beside_calls: list[Kind]
    ringing_without: list[tuple[float | None, float | None]]
    ringing_with: list[tuple[float | None, float | None]]


@dataclass(frozen=True, slots=True)
class Import:
    """A spreadsheet of new users: seconds from its first byte until applied, and what else was answered meanwhile."""

    users: int
    upload_seconds: float
    seconds: float
    health_p50_ms: float | None
    health_p99_ms: float | None
    health_most_ms: float | None


@dataclass(frozen=True, slots=True)
class Growth:
    """Seconds until a server with all users is ready, its memory (PSS), and the memory after each step with the seconds it took."""

    start_seconds: float
    start_kib: int
    steps: list[tuple[str, int, float]]


# --- requests -----------------------------------------------------------------------------------------------------------------


def _someone(chance: random.Random) -> str:
    return company.extension(chance.randrange(company.EXECUTIVES, company.USERS))


def _executive(chance: random.Random) -> str:
    """None of those who are called."""
    return company.extension(chance.randrange(company.OFFICES, company.EXECUTIVES))


def _list(program: Program, chance: random.Random) -> Awaitable[Answer]:
    return program.json("GET", f"/users?limit=50&sort=name&site=Site%20{chance.randrange(20)}")


def _search(program: Program, chance: random.Random) -> Awaitable[Answer]:
    return program.json("GET", f"/users?search={chance.choice(('Kowalski', 'Gar', 'user77', '%2B6221500', '1234'))}")


def _one(program: Program, chance: random.Random) -> Awaitable[Answer]:
    return program.json("GET", f"/users/{_someone(chance)}")


def _executives(program: Program, chance: random.Random) -> Awaitable[Answer]:
    return program.json("GET", f"/executives?limit=50&search={chance.randrange(10)}")


def _change_user(program: Program, chance: random.Random) -> Awaitable[Answer]:
    return program.json("PATCH", f"/users/{_someone(chance)}", {"name": f"Newly Named {chance.random()}"})


def _change_executive(program: Program, chance: random.Random) -> Awaitable[Answer]:
    return program.json("PATCH", f"/executives/{_executive(chance)}", {"recall_seconds": chance.randrange(10, 60)})


READS: Mapping[str, Ask] = {"list": _list, "search": _search, "one user": _one, "executives": _executives}
KINDS: Mapping[str, Ask] = {**READS, "change a user": _change_user, "change an executive": _change_executive}
MIX = ("list", "one user", "search", "one user", "executives", "change a user", "list", "search", "one user", "change an executive")
"""A fifth of the requests change something."""


async def requests(seconds: float) -> list[Kind]:
    """Ask at the rate, whether earlier requests were answered or not."""
    program, chance = Program(), random.Random(2)
    waits: dict[str, list[float]] = {name: [] for name in KINDS}

    async def ask(name: str) -> None:
        waits[name].append((await KINDS[name](program, chance)).ms)

    asked, begun = [], time.monotonic()
    try:
        for n in range(int(seconds * REQUEST_RATE)):
            asked.append(asyncio.create_task(ask(MIX[n % len(MIX)])))
            await asyncio.sleep(begun + (n + 1) / REQUEST_RATE - time.monotonic())
        await asyncio.gather(*asked)
    finally:
        program.close()
    return [Kind(name, percentile(sorted(each), 50), percentile(sorted(each), 95), len(each)) for name, each in waits.items()]


async def interface(at: Company, seconds: float, pairs: int) -> Interface:
    """The API alone, then calls without and with requests in turns."""
    await requests(2)  # warm caches and imports
    await over(at.calls(CALL_RATE, 1), 1)
    alone = await requests(seconds)
    beside: list[Kind] = []
    rang: dict[bool, list[tuple[float | None, float | None]]] = {False: [], True: []}
    for pair in range(pairs):
        for asking in (pair % 2 == 1, pair % 2 == 0):
            party = at.calls(CALL_RATE, seconds)
            if asking:
                beside = await requests(seconds)
            await over(party, seconds)
            waits = party.latencies_ms(180)
            rang[asking].append((percentile(waits, 50), percentile(waits, 99)))
    return Interface(alone, beside, rang[False], rang[True])


async def over(party: Party, seconds: float) -> None:
    """Until the calls are over. Raises OSError where there were none."""
    await asyncio.to_thread(party.wait, seconds + 15)
    if not party.count().completed:
        raise OSError("SIPp has completed no call")


# --- an import ----------------------------------------------------------------------------------------------------------------


def sheet(users: int) -> bytes:
    """New users as CSV."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["extension", "name", "numbers", "location", "email"])
    for n in range(users):
        rows.writerow([str(20_000 + n), f"Imported {n}", f"+62216{n:06}", f"Site {n % 20}", f"imported{n}@bench.test"])
    return out.getvalue().encode()


def _form(data: bytes, options: Mapping[str, Any]) -> tuple[bytes, str]:
    """multipart/form-data and its type."""
    mark = b"--bench-form"
    parts = (
        (b'name="options"', json.dumps(options).encode()),
        (b'name="file"; filename="users.csv"\r\nContent-Type: text/csv', data),
    )
    body = b"".join(b"%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (mark, head, content) for head, content in parts)
    return body + mark + b"--\r\n", f"multipart/form-data; boundary={mark[2:].decode()}"


async def imported(at: Company) -> Import:
    """A sheet of new users, applied at once; meanwhile somebody asks for ``/health`` all the time."""
    assert at.server.health()["status"] == "ok"
    program = Program()
    body, kind = _form(sheet(IMPORTED), {"dry_run": False})
    health: list[float] = []
    probing = asyncio.create_task(_probe(health))
    try:
        begun = time.monotonic()
        answer = await program.ask("POST", f"{PREFIX}/imports", body, {"Content-Type": kind})
        uploaded = time.monotonic() - begun
        if answer.status != 202:
            raise OSError(f"the import was not taken: {answer.status} {answer.body[:200]!r}")
        state = await _ended(program, json.loads(answer.body)["id"])
        took = time.monotonic() - begun
        if state["state"] != "applied":
            raise OSError(f"the import is {state['state']}: {state['words']} {state['wrong'][:2]}")
    finally:
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
        program.close()
    health.sort()
    return Import(IMPORTED, round(uploaded, 2), round(took, 2), percentile(health, 50), percentile(health, 99), percentile(health, 100))


async def _ended(program: Program, import_id: str) -> dict[str, Any]:
    """The import once it is over, as the page asks for it."""
    async with asyncio.timeout(IMPORT_SECONDS):
        while True:
            state: dict[str, Any] = json.loads((await program.json("GET", f"/imports/{import_id}")).body)
            if state["state"] not in ("reading", "checking", "applying"):
                return state
            await asyncio.sleep(0.2)


async def _probe(found: list[float]) -> None:
    """How long ``/health`` takes, again and again."""
    program = Program()
    try:
        while True:
            begun = time.monotonic()
            found.append((await program.ask("GET", "/health")).ms)
            await asyncio.sleep(max(0.0, begun + PROBE_SECONDS - time.monotonic()))
    finally:
        program.close()


# --- growth -------------------------------------------------------------------------------------------------------------------


async def growth(at: Company, asked: int, opened: int) -> Growth:
    """The server's memory before and after `asked` requests and `opened` pages, while calls go on, and when it has been idle."""
    start = at.server.memory_kib()
    steps: list[tuple[str, int, float]] = []

    async def step(name: str, work: Awaitable[object]) -> None:
        begun = time.monotonic()
        await work
        steps.append((name, at.server.memory_kib(), round(time.monotonic() - begun, 1)))

    calls = at.calls(SLOW_RATE, 3600)
    try:
        await step("after the first requests and pages", _warm())
        await step(f"{asked} requests", _ask(asked))
        await step(f"{asked} more", _ask(asked))
        await step(f"{opened} pages opened and closed", _open(opened))
        await step(f"{opened} more", _open(opened))
    finally:
        calls.stop()
    await step("idle", asyncio.sleep(IDLE_SECONDS))
    return Growth(round(at.start_seconds, 2), start, steps)


async def _warm() -> None:
    program, chance = Program(), random.Random(3)
    try:
        for ask in KINDS.values():
            for _ in range(WARM):
                await ask(program, chance)
    finally:
        program.close()
    await _open(WARM)


async def _ask(count: int) -> None:
    """Requests that change nothing."""
    chance, kinds = random.Random(4), tuple(READS.values())

    async def work() -> None:
        program = Program()
        try:
            for _ in range(count // WORKERS):
                await chance.choice(kinds)(program, chance)
        finally:
            program.close()

    await asyncio.gather(*(work() for _ in range(WORKERS)))


async def _open(count: int) -> None:
    """Pages one after the other, fifty at a time."""
    accounts = company.watchers(50)
    for start in range(0, count, len(accounts)):
        async with pages(accounts[: count - start]):
            pass
