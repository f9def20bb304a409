"""Our own registration at a trunk: digest, refresh, back-off, and the end."""

from __future__ import annotations

from b2bua.registrar.trunk_registration import TrunkAccount, TrunkRegistration
from b2bua.sip.digest import DigestServer, hash_password
from b2bua.sip.message import Request
from tests.support.registrations import Bench, FakeFlow

REALM = "carrier.example"
ACCOUNT = TrunkAccount("carrier", f"sip:{REALM}:5090", "b2bua", "pw", REALM)
PASSWORDS = {"b2bua": hash_password("b2bua", REALM, "pw")}


class Carrier:
    """A trunk in a test's hands: takes what the server sends and answers it."""

    def __init__(self, account: TrunkAccount = ACCOUNT) -> None:
        self.bench = Bench()
        self.flow: FakeFlow | None = FakeFlow(("203.0.113.1", 5090))
        self.digest = DigestServer(REALM)
        self.registration = TrunkRegistration(self.bench.stack, account, lambda: self.flow, jitter=lambda: 0.0)

    @property
    def state(self) -> str:
        return self.registration.state

    def sweep(self, seconds: float = 0.0) -> list[Request]:
        self.bench.pass_time(seconds)
        self.registration.sweep(self.bench.now)
        return self.requests()

    def requests(self) -> list[Request]:
        return [message for message in self.bench.sent() if isinstance(message, Request)]

    def answer(self, request: Request, status: int, headers: str = "") -> list[Request]:
        lines = "".join(f"{name}: {request.get(name.lower())}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
        data = f"SIP/2.0 {status} X\r\n{lines}{headers}Content-Length: 0\r\n\r\n".encode()
        assert self.flow is not None
        self.bench.stack.receive(self.flow, data, self.bench.now)
        return self.requests()

    def challenge(self, request: Request, name: str = "WWW-Authenticate", status: int = 401) -> Request:
        values = self.digest.challenge(self.bench.now)
        (again,) = self.answer(request, status, "".join(f"{name}: {each}\r\n" for each in values))
        return again

    def verify(self, request: Request, name: str = "authorization") -> str:
        return self.digest.verify(request.get_all(name), "REGISTER", request.uri, PASSWORDS.get, self.bench.now).status

    def register(self, granted: int = 3600) -> Request:
        """Let it register; the request that was accepted."""
        (first,) = self.sweep()
        again = self.challenge(first)
        assert self.verify(again) == "ok"
        assert self.answer(again, 200, f"Contact: {again.get('contact')};expires={granted}\r\n") == []
        return again


def test_it_registers_with_digest_and_keeps_no_timer() -> None:
    carrier = Carrier()
    request = carrier.register()
    assert (request.uri, request.to.uri_text) == (f"sip:{REALM}:5090", f"sip:b2bua@{REALM}:5090")
    assert request.get("contact") == "<sip:b2bua@127.0.0.1:5060>"
    assert (carrier.state, carrier.registration.last_status) == ("registered", 200)
    carrier.bench.pass_time(40)
    assert carrier.bench.at_rest()


def test_it_refreshes_past_the_half_with_credentials_ahead() -> None:
    carrier = Carrier()
    first = carrier.register(granted=400)
    assert carrier.sweep(199) == []
    (refresh,) = carrier.sweep(1)
    assert carrier.verify(refresh) == "ok"
    assert (refresh.call_id, refresh.cseq) == (first.call_id, first.cseq + 1)
    assert "nc=00000002" in (refresh.get("authorization") or "")
    carrier.answer(refresh, 200, "Expires: 100\r\n")
    assert carrier.sweep(49) == []
    assert len(carrier.sweep(1)) == 1


def test_only_the_configured_realm_gets_an_answer() -> None:
    carrier = Carrier()
    (request,) = carrier.sweep()
    stranger = "".join(f"WWW-Authenticate: {each}\r\n" for each in DigestServer("evil.example").challenge(0.0))
    assert carrier.answer(request, 401, stranger) == []
    assert carrier.state == "failed"


def test_a_refused_password_is_not_tried_fast() -> None:
    carrier = Carrier(ACCOUNT._replace(password="wrong"))
    (request,) = carrier.sweep()
    again = carrier.challenge(request)
    fresh = "".join(f"WWW-Authenticate: {each}\r\n" for each in carrier.digest.challenge(0.0))
    assert carrier.answer(again, 401, fresh) == []
    assert carrier.state == "failed"
    assert carrier.sweep(299) == []
    assert len(carrier.sweep(1)) == 1


def test_a_proxy_and_the_registrar_may_both_ask() -> None:
    carrier = Carrier()
    (request,) = carrier.sweep()
    second = carrier.challenge(request, "Proxy-Authenticate", 407)
    assert carrier.verify(second, "proxy-authorization") == "ok"
    third = carrier.challenge(second)
    assert (carrier.verify(third), carrier.verify(third, "proxy-authorization")) == ("ok", "ok")
    carrier.answer(third, 200)
    assert carrier.state == "registered"


def test_a_stale_nonce_is_replaced_but_not_for_ever() -> None:
    carrier = Carrier()
    (request,) = carrier.sweep()
    stale = "".join(f"WWW-Authenticate: {each}\r\n" for each in carrier.digest.challenge(0.0, stale=True))
    sent = 0
    while requests := carrier.answer(request, 401, stale):
        (request,) = requests
        sent += 1
    assert (sent, carrier.state) == (3, "failed")


def test_an_interval_too_brief_is_lengthened() -> None:
    carrier = Carrier(ACCOUNT._replace(expires=60))
    (request,) = carrier.sweep()
    (again,) = carrier.answer(request, 423, "Min-Expires: 1800\r\n")
    assert again.get("expires") == "1800"
    carrier.answer(again, 200)
    assert carrier.sweep(899) == []
    assert len(carrier.sweep(1)) == 1


def test_failures_back_off_and_retry_after_counts() -> None:
    carrier = Carrier()
    (request,) = carrier.sweep()
    carrier.answer(request, 500)
    assert carrier.sweep(4) == []
    (request,) = carrier.sweep(1)
    carrier.answer(request, 500)
    assert carrier.sweep(9) == []
    (request,) = carrier.sweep(1)
    carrier.answer(request, 503, "Retry-After: 120\r\n")
    assert carrier.sweep(119) == []
    (request,) = carrier.sweep(1)
    carrier.answer(request, 200)
    assert carrier.state == "registered"


def test_silence_is_a_failure() -> None:
    carrier = Carrier()
    carrier.sweep()
    carrier.bench.pass_time(33)
    assert (carrier.state, carrier.registration.last_status) == ("failed", 408)


def test_a_failed_refresh_counts_as_registered_until_it_expires() -> None:
    carrier = Carrier()
    carrier.register(granted=100)
    (refresh,) = carrier.sweep(50)
    carrier.answer(refresh, 500)
    assert carrier.state == "registered"
    for _ in range(60):
        for request in carrier.sweep(1):
            carrier.answer(request, 500)
    assert carrier.state == "failed"


def test_without_a_way_to_the_trunk_it_waits() -> None:
    carrier = Carrier()
    carrier.flow = None
    assert carrier.sweep() == []
    assert (carrier.state, carrier.registration.last_status) == ("failed", 503)
    carrier.flow = FakeFlow(("203.0.113.1", 5090), "TCP")
    (request,) = carrier.sweep(5)
    assert request.get("contact") == "<sip:b2bua@127.0.0.1:5060;transport=tcp>"


def test_stopping_unregisters() -> None:
    carrier = Carrier()
    carrier.register()
    carrier.registration.stop(carrier.bench.now)
    (request,) = carrier.requests()
    assert request.get("expires") == "0"
    again = carrier.challenge(request)
    assert again.get("expires") == "0"
    carrier.answer(again, 200)
    assert carrier.state == "stopped"
    assert carrier.sweep(1000) == []
    assert carrier.bench.at_rest()


def test_stopping_while_a_refresh_is_under_way() -> None:
    carrier = Carrier()
    carrier.register()
    (refresh,) = carrier.sweep(1800)
    carrier.registration.stop(carrier.bench.now)
    assert carrier.requests() == []
    (request,) = carrier.answer(refresh, 200)
    assert request.get("expires") == "0"
    carrier.answer(request, 500)
    assert carrier.state == "stopped"


def test_stopping_before_anything_was_registered() -> None:
    carrier = Carrier()
    carrier.registration.stop(carrier.bench.now)
    assert (carrier.state, carrier.sweep(10)) == ("stopped", [])
    carrier = Carrier()
    (request,) = carrier.sweep()
    carrier.registration.stop(carrier.bench.now)
    carrier.answer(request, 403)
    assert carrier.state == "stopped"
    carrier = Carrier()
    carrier.sweep()
    carrier.registration.stop(carrier.bench.now)
    carrier.bench.pass_time(33)
    assert carrier.state == "stopped"
