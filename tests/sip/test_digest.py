"""Digest, both sides: RFC 7616 vectors, replays, stale nonces, and what phones and attackers write."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip import digest
from b2bua.sip.digest import DigestClient, DigestServer, HashedPassword, Verdict, hash_password, parse_parameters

REALM = "acme.test"
URI = "sip:acme.test"
ACCOUNTS = {"667": hash_password("667", REALM, "boss-667")}


def server(**options: object) -> DigestServer:
    return DigestServer(REALM, own_host=lambda host: host in (REALM, "127.0.0.1"), **options)  # type: ignore[arg-type]


def phone(password: str = "boss-667", username: str = "667") -> DigestClient:
    return DigestClient(username, password)


def check(srv: DigestServer, value: str | None, method: str = "REGISTER", uri: str = URI, now: float = 0.0) -> Verdict:
    assert value is not None
    return srv.verify([value], method, uri, ACCOUNTS.get, now)


# -- the hashes, against the RFC's own figures -----------------------------------------------------------------------

RFC7616 = 'realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"'


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_client_computes_the_example_of_rfc_7616(monkeypatch: pytest.MonkeyPatch, algorithm: str, response: str) -> None:
    monkeypatch.setattr(digest.secrets, "token_hex", lambda _: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    client = DigestClient("Mufasa", "Circle of Life")
    value = client.answer([f"Digest {RFC7616}, algorithm={algorithm}"], "GET", "/dir/index.html")
    answer = parse_parameters(value or "")
    assert answer is not None
    assert answer["response"] == response
    assert (answer["nc"], answer["qop"], answer["algorithm"]) == ("00000001", "auth", algorithm)


def test_no_password_is_kept() -> None:
    assert "boss-667" not in repr(ACCOUNTS["667"])
    assert isinstance(ACCOUNTS["667"], HashedPassword)
    assert (len(ACCOUNTS["667"].ha1_md5), len(ACCOUNTS["667"].ha1_sha256)) == (32, 64)


# -- challenge and answer --------------------------------------------------------------------------------------------


def test_one_challenge_per_algorithm_in_order_of_preference() -> None:
    sha, md5 = server().challenge(0.0)
    assert sha.startswith('Digest realm="acme.test", nonce="') and "algorithm=SHA-256" in sha and 'qop="auth"' in sha
    assert "algorithm=MD5" in md5 and "stale" not in md5
    assert all(each.endswith("stale=true") for each in server().challenge(0.0, stale=True))


@pytest.mark.parametrize("algorithms", [("SHA-256", "MD5"), ("MD5",), ("SHA-256",)])
def test_a_right_password_is_ok(algorithms: tuple[str, ...]) -> None:
    srv = server(algorithms=algorithms)
    assert check(srv, phone().answer(srv.challenge(0.0), "REGISTER", URI)) == ("ok", "667")


def test_the_strongest_algorithm_is_chosen_whatever_the_order() -> None:
    value = phone().answer(server().challenge(0.0)[::-1], "REGISTER", URI)
    assert value is not None and "algorithm=SHA-256" in value


def test_wrong_password_and_unknown_user_look_alike() -> None:
    srv = server()
    assert check(srv, phone("wrong").answer(srv.challenge(0.0), "REGISTER", URI)).status == "bad"
    assert check(srv, phone(username="999").answer(srv.challenge(0.0), "REGISTER", URI)).status == "bad"


def test_an_algorithm_that_was_not_offered_is_refused() -> None:
    strict = server(algorithms=("SHA-256",))
    nonce = strict.challenge(0.0)[0]
    assert check(strict, phone().answer([nonce.replace("SHA-256", "MD5")], "REGISTER", URI)).status == "bad"


@pytest.mark.parametrize(("name", "wrong"), [("method", "INVITE"), ("uri", "sip:668@acme.test")])
def test_an_answer_is_good_for_its_method_and_target_only(name: str, wrong: str) -> None:
    srv = server()
    value = phone().answer(srv.challenge(0.0), "REGISTER", "sip:667@acme.test")
    assert check(srv, value, **{"uri": "sip:667@acme.test", name: wrong}).status == "bad"
    assert check(srv, value, uri="sip:667@acme.test").status == "ok"


@pytest.mark.parametrize(
    ("digest_uri", "uri", "status"),
    [
        ("sip:acme.test", "sip:667@acme.test", "ok"),
        ("sip:127.0.0.1:5060", "sip:667@acme.test", "ok"),  # SIPp
        ("SIP:667@ACME.test:5060;transport=udp", "sip:667@acme.test", "ok"),
        ("sip:#64667@acme.test", "sip:%2364667@acme.test", "ok"),
        ("sip:666@acme.test", "sip:667@acme.test", "bad"),
        ("sip:667@evil.test", "sip:667@acme.test", "bad"),
        ("sip:evil.test", "sip:667@acme.test", "bad"),
        ("tel:667", "sip:667@acme.test", "bad"),
    ],
)
def test_digest_uri(digest_uri: str, uri: str, status: str) -> None:
    srv = server()
    value = phone().answer(srv.challenge(0.0), "INVITE", digest_uri)
    assert check(srv, value, "INVITE", uri).status == status


def test_another_realm_and_other_schemes_are_not_ours() -> None:
    srv = server()
    foreign = phone().answer(DigestServer("elsewhere").challenge(0.0), "REGISTER", URI)
    ours = phone().answer(srv.challenge(0.0), "REGISTER", URI)
    assert foreign is not None and ours is not None
    assert check(srv, foreign).status == "none"
    assert check(srv, "NoOneKnowsThisScheme opaque-data=here").status == "none"
    assert srv.verify([], "REGISTER", URI, ACCOUNTS.get, 0.0).status == "none"
    assert srv.verify([foreign, ours], "REGISTER", URI, ACCOUNTS.get, 0.0).status == "ok"


def test_how_phones_write_it() -> None:
    srv = server()
    value = phone().answer(srv.challenge(0.0), "REGISTER", URI) or ""
    odd = value.replace("Digest ", "dIGEST   ").replace("realm=", "REALM =  ").replace("qop=auth", 'qop="auth"')
    odd = (
        odd.replace(", ", " ,\t")
        .replace("algorithm=SHA-256", 'algorithm="sha-256"')
        .replace('username="667"', r'username="\667"')
    )
    response = odd.split('response="')[1].split('"')[0]
    assert check(srv, odd.replace(response, response.upper()) + ",").status == "ok"


# -- nonces ----------------------------------------------------------------------------------------------------------


def test_an_expired_nonce_is_stale_and_a_wrong_password_over_it_is_bad() -> None:
    srv = server(nonce_seconds=300)
    assert check(srv, phone().answer(srv.challenge(0.0), "REGISTER", URI), now=300.0).status == "ok"
    assert check(srv, phone().answer(srv.challenge(0.0), "REGISTER", URI), now=302.0).status == "stale"
    assert check(srv, phone("wrong").answer(srv.challenge(0.0), "REGISTER", URI), now=302.0).status == "bad"


def test_a_nonce_of_an_earlier_process_or_a_forged_one_is_stale() -> None:
    assert check(server(), phone().answer(server().challenge(0.0), "REGISTER", URI)).status == "stale"
    forged = server().challenge(0.0)[0].split('nonce="')[0] + 'nonce="x", algorithm=SHA-256, qop="auth"'
    assert check(server(), phone().answer([forged], "REGISTER", URI)).status == "stale"


def test_processes_with_one_secret_accept_each_other() -> None:
    here, there = server(secret=b"k" * 80), server(secret=b"k" * 80)
    assert check(there, phone().answer(here.challenge(5.0), "REGISTER", URI), now=4.5).status == "ok"


def test_a_replay_is_stale_and_the_next_count_is_ok() -> None:
    srv, client = server(), phone()
    first = client.answer(srv.challenge(0.0), "REGISTER", URI)
    assert check(srv, first).status == "ok"
    assert check(srv, first).status == "stale"
    assert check(srv, client.authorize("REGISTER", URI)).status == "ok"


@given(st.permutations(range(1, 9)), st.integers(0, 60))
def test_each_count_authenticates_once_in_any_order_within_the_window(order: list[int], jump: int) -> None:
    srv, client = server(), phone()
    values = [client.answer(srv.challenge(0.0), "REGISTER", URI)]
    values += [client.authorize("REGISTER", URI) for _ in range(7 + jump)]
    values = [*(values[each - 1] for each in order), *values[8:]]
    assert [check(srv, each).status for each in values] == ["ok"] * len(values)
    assert {check(srv, each).status for each in values} == {"stale"}


def test_a_count_below_the_window_is_refused() -> None:
    srv, client = server(), phone()
    values = [client.answer(srv.challenge(0.0), "REGISTER", URI), *(client.authorize("REGISTER", URI) for _ in range(40))]
    assert check(srv, values[40]).status == "ok"
    assert check(srv, values[8]).status == "ok"  # 32 below the highest
    assert check(srv, values[7]).status == "stale"


def test_without_qop_md5_is_accepted_once_and_sha_never() -> None:
    srv = server()
    sha, md5 = (each.replace(', qop="auth"', "") for each in srv.challenge(0.0))
    legacy = phone().answer([md5], "REGISTER", URI)
    assert legacy is not None and "nc=" not in legacy
    assert check(srv, legacy).status == "ok"
    assert check(srv, legacy).status == "stale"
    assert check(srv, phone().answer([md5], "INVITE", URI), "INVITE").status == "stale"
    assert check(srv, phone().answer([sha], "REGISTER", URI)).status == "bad"


def test_a_counted_nonce_cannot_be_used_without_count() -> None:
    srv = server(algorithms=("MD5",))
    challenge = srv.challenge(0.0)
    assert check(srv, phone().answer(challenge, "REGISTER", URI)).status == "ok"
    assert check(srv, phone().answer([challenge[0].replace(', qop="auth"', "")], "REGISTER", URI)).status == "stale"


def test_memory_of_nonces_is_bounded_and_forgetting_opens_no_replay() -> None:
    srv = server(remember=8)
    values = [phone().answer(srv.challenge(float(each)), "REGISTER", URI) for each in range(20)]
    assert [check(srv, value, now=float(each)).status for each, value in enumerate(values)] == ["ok"] * 20
    assert len(srv._used) <= 8
    assert {check(srv, value, now=20.0).status for value in values} == {"stale"}


def test_memory_of_nonces_ends_with_their_lifetime() -> None:
    srv = server(nonce_seconds=10)
    for each in range(100):
        assert check(srv, phone().answer(srv.challenge(each * 5.0), "REGISTER", URI), now=each * 5.0).status == "ok"
    assert len(srv._used) <= 6


def test_a_challenge_keeps_nothing() -> None:
    srv = server()
    before = len(srv._used)
    assert len({srv.challenge(0.0)[0] for _ in range(1000)}) == 1000
    assert len(srv._used) == before


# -- bad input -------------------------------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF) | st.sampled_from('"\\,= \udc80\udcff'), max_size=80))
def test_verify_never_raises(text: str) -> None:
    srv = server()
    assert srv.verify([text, "Digest " + text], text, text, ACCOUNTS.get, 0.0).status in ("none", "bad")
    for name in ("username", "response", "uri", "nonce", "nc", "cnonce", "algorithm", "qop"):
        value = phone().answer(srv.challenge(0.0), "REGISTER", URI) or ""
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        old = (parse_parameters(value) or {})[name]
        changed = value.replace(f'{name}="{old}"', f'{name}="{escaped}"').replace(f"{name}={old}", f'{name}="{escaped}"')
        assert check(srv, changed).status in ("ok", "bad", "stale", "none")


@pytest.mark.parametrize(
    "value", ["Digest", "Digest ", "Digestrealm=x", 'Digest realm="x', "Digest a=1,a=2", "Digest a=1 b=2", "Basic eA=="]
)
def test_malformed_values_have_no_parameters(value: str) -> None:
    assert not parse_parameters(value)


def test_hostile_values_cost_linear_time() -> None:
    started = time.perf_counter()
    for unit in ('a="\\"', '"', "a", ",", "a=", '\\"', "a= ", "\t"):
        parse_parameters("Digest " + unit * 2000)
        parse_parameters("Digest " + unit * (4000 // len(unit)))
    assert time.perf_counter() - started < 0.2


def test_unknown_algorithms_are_a_configuration_error() -> None:
    with pytest.raises(ValueError, match="SHA-3"):
        DigestServer(REALM, ("SHA-3",))
    with pytest.raises(ValueError, match="none given"):
        DigestServer(REALM, ())


# -- the client ------------------------------------------------------------------------------------------------------


def test_the_client_answers_its_realm_only() -> None:
    client = DigestClient("b2bua", "secret", realm="carrier.example")
    assert client.answer(server().challenge(0.0), "INVITE", "sip:1@carrier.example") is None
    ours = DigestServer("carrier.example").challenge(0.0)
    value = client.answer([*server().challenge(0.0), *ours], "INVITE", "sip:1@carrier.example")
    assert value is not None and 'realm="carrier.example"' in value


@pytest.mark.parametrize(
    "challenge",
    [
        'Digest realm="r", nonce="n", algorithm=SHA-512-256',
        'Digest realm="r", nonce="n", qop="token"',
        'Digest realm="r"',
        'Digest nonce="n"',
        'Basic realm="r"',
        'Digest realm="r\r\nEvil: 1", nonce="n"',
    ],
)
def test_challenges_that_cannot_be_answered(challenge: str) -> None:
    assert phone().answer([challenge], "INVITE", URI) is None


def test_the_client_stops_when_its_password_is_refused_and_goes_on_when_the_nonce_was() -> None:
    srv, client = server(), phone("wrong")
    first = client.answer(srv.challenge(0.0), "INVITE", URI)
    assert client.answer(srv.challenge(0.0), "INVITE", URI, sent=first) is None
    client = phone()
    first = client.answer(srv.challenge(0.0), "INVITE", URI)
    assert client.answer(srv.challenge(1.0, stale=True), "INVITE", URI, sent=first) is not None
    later = client.authorize("INVITE", URI)
    assert client.answer(srv.challenge(2.0), "INVITE", URI, sent=later) is not None  # only the old nonce was refused


def test_credentials_ahead_of_a_challenge_count_up() -> None:
    client = phone()
    assert client.authorize("REGISTER", URI) is None
    client.answer(server().challenge(0.0), "REGISTER", URI)
    assert "nc=00000002" in (client.authorize("REGISTER", URI) or "")
    client.forget()
    assert client.authorize("REGISTER", URI) is None


def test_auth_int_sessions_and_opaque() -> None:
    challenge = r'Digest realm="a \"b\"", nonce="n", qop="auth-int", algorithm=MD5-sess, opaque="o\"p"'
    value = phone().answer([challenge], "INVITE", URI, b"v=0\xff") or ""
    answer = parse_parameters(value) or {}
    session = hash_password("667", 'a "b"', "boss-667").ha1_md5
    ha1 = digest._md5(f"{session}:n:{answer['cnonce']}")
    body = digest.hashlib.md5(b"v=0\xff").hexdigest()
    a2 = digest._md5(f"INVITE:{URI}:{body}")
    assert answer["response"] == digest._md5(f"{ha1}:n:00000001:{answer['cnonce']}:auth-int:{a2}")
    assert answer["opaque"] == r"o\"p" and answer["realm"] == r"a \"b\"" and answer["algorithm"] == "MD5-sess"


def test_the_client_writes_no_uri_that_would_end_its_quotes() -> None:
    client = phone()
    client.answer(server().challenge(0.0), "INVITE", URI)
    with pytest.raises(ValueError, match="not a SIP URI"):
        client.authorize("INVITE", 'sip:1"@acme.test')
