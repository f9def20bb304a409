"""OPTIONS to registered phones: keeps NAT bindings open, and finds flows that are dead.

One exchange per flow, however many contacts are reached over it.  `sweep` starts those that are due; the starts are spread
over the interval, so that ten thousand phones are a steady trickle and no burst.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from itertools import count
from typing import Final, Literal

from b2bua import logs
from b2bua.registrar.location import Binding, Location
from b2bua.sip.flow import Flow
from b2bua.sip.message import Response
from b2bua.sip.stack import SipStack
from b2bua.sip.transaction import ClientTransaction

_log = logs.get("registrar")

Which = Literal["nat", "all", "none"]
"""Whose flows are kept alive: those of phones behind NAT, every phone's, nobody's."""
SMALLEST_BURST: Final = 20
BURST_SHARE: Final = 10
"""One sweep starts at most the tenth part of all exchanges, even after the process stood still."""


class _Probe:
    """One flow under watch; owns the OPTIONS transaction that runs on it."""

    __slots__ = ("aor", "call_id", "cseq", "failures", "flow", "keeper", "running")

    def __init__(self, keeper: KeepAlive, aor: str, flow: Flow, call_id: str) -> None:
        self.keeper = keeper
        self.aor = aor
        self.flow = flow
        self.call_id = call_id
        self.cseq = 0
        self.failures = 0
        self.running = False

    def on_response(self, tx: ClientTransaction, response: Response, now: float) -> None:
        """Any final answer, whatever it says, comes from a living phone."""
        if response.status >= 200:
            self.running = False
            self.failures = 0

    def on_failure(self, tx: ClientTransaction, status: int, now: float) -> None:
        """Nothing came back."""
        self.running = False
        self.failures += 1
        self.keeper.failed(self)


class KeepAlive:
    """Watches the flows of the location service. `interval` seconds between two OPTIONS on a flow, gone after `failures`."""

    def __init__(
        self,
        stack: SipStack,
        location: Location,
        *,
        domain: str,
        which: Which = "nat",
        interval: float = 30.0,
        failures: int = 3,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._stack = stack
        self._location = location
        self._domain = domain
        self._which = which
        self._interval = interval
        self._failures = failures
        self._jitter = jitter
        self._probes: dict[Hashable, _Probe] = {}
        self._due: list[tuple[float, int, Hashable]] = []
        self._serial = count()
        self.removed = 0
        """Flows given up so far."""
        if which != "none":
            location.on_change(self._changed)

    def __len__(self) -> int:
        """Flows under watch."""
        return len(self._probes)

    def sweep(self, now: float) -> None:
        """Start the exchanges that are due; call it about once a second."""
        left = max(SMALLEST_BURST, len(self._due) // BURST_SHARE)
        while left and self._due and self._due[0][0] <= now:
            left -= 1
            due, _, key = heappop(self._due)
            probe = self._probes[key]
            binding = self._binding(probe)
            if binding is None:
                del self._probes[key]
                continue
            heappush(self._due, (max(due + self._interval, now), next(self._serial), key))
            if not probe.running:
                self._send(probe, binding, now)

    def failed(self, probe: _Probe) -> None:
        """An exchange had no answer: after enough of them in a row the flow is dead, and its bindings with it."""
        if probe.failures < self._failures:
            return
        probe.failures = 0  # it may be registered over again before its turn comes
        self.removed += 1
        _log.info("flow dead", aor=probe.aor, remote=probe.flow.remote)
        self._location.flow_closed(probe.flow)

    def _changed(self, aor: str) -> None:
        """Watch the flows that are new; those that are gone are noticed when their turn comes."""
        for binding in self._location.registered(aor):
            flow = binding.flow
            if flow is None or not self._wants(binding):
                continue
            probe = self._probes.get(flow.key)
            if probe is None:
                self._probes[flow.key] = _Probe(self, aor, flow, self._stack.ids.call_id())
                due = binding.registered_at + self._interval * (0.5 + 0.5 * self._jitter())
                heappush(self._due, (due, next(self._serial), flow.key))
            else:
                probe.flow = flow

    def _wants(self, binding: Binding) -> bool:
        return self._which == "all" or binding.behind_nat

    def _binding(self, probe: _Probe) -> Binding | None:
        """A binding that is still reached over the flow."""
        key = probe.flow.key
        found = self._over(probe.aor, key)
        if found is None:
            for aor in self._location.accounts_on(key):
                found = self._over(aor, key)
                if found is not None:
                    probe.aor = aor
                    break
        return found

    def _over(self, aor: str, key: Hashable) -> Binding | None:
        for binding in self._location.registered(aor):
            if binding.flow is not None and binding.flow.key == key and self._wants(binding):
                return binding
        return None

    def _send(self, probe: _Probe, binding: Binding, now: float) -> None:
        probe.running = True
        probe.cseq += 1
        self._stack.request(
            "OPTIONS",
            binding.contact,
            probe.flow,
            from_=f"<sip:{self._domain}>;tag={self._stack.ids.tag()}",
            to=f"<{binding.contact}>",
            call_id=probe.call_id,
            cseq=probe.cseq,
            owner=probe,
            now=now,
            headers=self._stack.contact(probe.flow),
            route="".join(f"Route: {value}\r\n" for value in binding.path),
        )
