"""What people wait for at their desks, from the key to the sound: `##20` until the executive's phone rings, and barge-in until all hear all.

Scripted phones on real sockets call through a whole server. An outside caller is answered by the assistant, who sends the call to
the executive, and comes back into it as the third one.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.phone import Call, Phone
from bench.server import HTTP_PORT, SERVER, SIP_PORT, Server
from bench.signalling import PARTY_CORE, SERVER_CORE, percentile
from bench.sound import Address, Ear

CALLER: Address = ("127.0.8.2", 5080)
ASSISTANT: Address = ("127.0.8.3", 5071)
EXECUTIVE: Address = ("127.0.8.3", 5072)
TONES = {"caller": 400, "assistant": 650, "executive": 900}
"""Hz; each of them has whole waves in a frame."""
SETTLE_SECONDS = 0.4
"""Of talking before something is measured."""
WAIT_SECONDS = 5.0
T = TypeVar("T")

_SERVER_YAML = f"""\
domain: {SERVER}
listen: ["udp://{SERVER}:{SIP_PORT}"]
http: {{listen: "{SERVER}:{HTTP_PORT}"}}
directory: directory.yaml
state: state
trunks:
  - {{name: outside, uri: "sip:{CALLER[0]}:{CALLER[1]}", addresses: ["{CALLER[0]}"], trusted: true, numbers: ['^\\+[0-9]+$']}}
digest: [MD5]
media: {{mode: auto, address: {SERVER}, ports: 40000-40999}}
"""
_DIRECTORY_YAML = f"""\
organisation: Desk
users:
  - {{extension: "3000", name: Executive, password: executive, contacts: ["sip:3000@{EXECUTIVE[0]}:{EXECUTIVE[1]}"]}}
  - {{extension: "3001", name: Assistant, password: assistant, contacts: ["sip:3001@{ASSISTANT[0]}:{ASSISTANT[1]}"]}}
executives:
  - extension: "3000"
    filtering: {{enabled: true, mode: simple, type: all}}
    alerting: {{mode: ring_all, ring_seconds: 30, executive: none}}
    rollover: {{after_seconds: null, action: hangup}}
    assistants: ["3001"]
"""


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds of each repetition, sorted. A repetition that did not come to its end counts in ``failed``."""

    push_ms: list[float]
    """From the key-down of the last key of ``##20`` to the INVITE at the executive's phone."""
    barge_ms: list[float]
    """From the INVITE (its challenge included) to the first packets with which each of the three hears both others."""
    failed: int
    why: str = ""
    """Of the last that failed."""


def write(folder: Path) -> Path:
    """Write the server's two files into ``folder``; returns the server's file."""
    (folder / "directory.yaml").write_text(_DIRECTORY_YAML)
    config = folder / "b2bua.yaml"
    config.write_text(_SERVER_YAML)
    return config


def measure(repetitions: int) -> Waits:
    """A fresh server on its core, the phones on the other; the same calls again and again."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {PARTY_CORE})
    try:
        with tempfile.TemporaryDirectory(prefix="b2bua-bench-") as name:
            server = Server(write(Path(name)), SERVER_CORE)
            try:
                return asyncio.run(_repeat(repetitions))
            finally:
                server.stop()
    finally:
        os.sched_setaffinity(0, cores)


async def _repeat(repetitions: int) -> Waits:
    push, barge, failed, why = [], [], 0, ""
    async with AsyncExitStack() as stack:
        office = Office()
        stack.callback(office.close)
        await office.open()
        for _ in range(1 + repetitions):
            try:
                pushed, barged = await office.once()
            except OSError as error:  # TimeoutError is one
                failed, why = failed + 1, repr(error)
            else:
                push.append(round(pushed, 2))
                barge.append(round(barged, 2))
            await office.hang_up()
    return Waits(sorted(push[1:]), sorted(barge[1:]), failed, why)  # the first one warms caches and imports


class Office:
    """The three phones."""

    def __init__(self) -> None:
        at = (SERVER, SIP_PORT)
        self.caller = Phone("+15550100", CALLER, at, TONES["caller"])
        self.assistant = Phone("3001", ASSISTANT, at, TONES["assistant"], "assistant")
        self.executive = Phone("3000", EXECUTIVE, at, TONES["executive"])
        self.phones = (self.caller, self.assistant, self.executive)

    async def open(self) -> None:
        for phone in self.phones:
            await phone.open()

    def close(self) -> None:
        for phone in self.phones:
            phone.close()

    async def hang_up(self) -> None:
        """Whatever is left, and wait until it is gone."""
        calls = [call for phone in self.phones for call in phone.calls.values()]
        await asyncio.gather(*(call.hang_up() for call in calls), return_exceptions=True)
        while any(not phone.ringing.empty() and phone.ringing.get_nowait() for phone in self.phones):
            pass
        await asyncio.sleep(0.05)

    async def once(self) -> tuple[float, float]:
        """Milliseconds of a push and of a barge-in."""
        outside, at_assistant = await self._answered()
        pushed, at_executive = await self._push(at_assistant)
        await _within(at_assistant.ended.wait())
        await _all_hear({outside: [TONES["executive"]], at_executive: [TONES["caller"]]}, 0.0)
        barged = await self._barge(outside, at_executive)
        await self.hang_up()
        return pushed, barged

    async def _answered(self) -> tuple[Call, Call]:
        """A call from outside for the executive, which the assistant has answered: the caller's side, the assistant's."""
        calling = asyncio.ensure_future(self.caller.call("3000"))
        at_assistant = await _within(self.assistant.ringing.get())
        at_assistant.ring()
        at_assistant.answer()
        outside = await calling
        await _all_hear({outside: [TONES["assistant"]], at_assistant: [TONES["caller"]]}, 0.0)
        await asyncio.sleep(SETTLE_SECONDS)
        return outside, at_assistant

    async def _push(self, at_assistant: Call) -> tuple[float, Call]:
        at_assistant.sound.press("##20")
        at_executive = await _within(self.executive.ringing.get())
        waited = 1000 * (at_executive.came - at_assistant.sound.pressed)
        at_executive.ring()
        at_executive.answer()
        return waited, at_executive

    async def _barge(self, outside: Call, at_executive: Call) -> float:
        await asyncio.sleep(SETTLE_SECONDS)
        third = await self.assistant.call("*153000")
        parties = {outside: "caller", at_executive: "executive", third: "assistant"}
        others = {call: [TONES[other] for other in TONES if other != name] for call, name in parties.items()}
        return 1000 * (await _all_hear(others, third.came) - third.came)


async def _all_hear(tones: dict[Call, list[int]], since: float) -> float:
    """When the last of them hears all of its tones (`time.perf_counter`). Raises TimeoutError."""
    ears = [Ear(call.sound, hertz, since) for call, hertz in tones.items()]
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            found = [at for ear in ears if (at := ear.listen()) is not None]
            if len(found) == len(ears):
                return max(found)
            await asyncio.sleep(0.02)


async def _within(what: Awaitable[T]) -> T:
    return await asyncio.wait_for(what, WAIT_SECONDS)


def table(waits: Waits) -> str:
    """The figures as Markdown."""
    lines = ["| | p50 ms | p99 ms | most ms | of |", "|---|--:|--:|--:|--:|"]
    for name, values in (("`##20` to the executive's phone", waits.push_ms), ("barge-in until all hear all", waits.barge_ms)):
        lines.append(f"| {name} | {percentile(values, 50)} | {percentile(values, 99)} | {percentile(values, 100)} | {len(values)} |")
    if waits.failed:
        lines.append(f"\n{waits.failed} failed, the last one with {waits.why}")
    return "\n".join(lines)
