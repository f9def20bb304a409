"""The server configuration: what is read, what is refused and in which words."""

import re
from pathlib import Path

import pytest

from b2bua.config import Config, Listen, Ports, check, load
from b2bua.errors import ConfigError
from tests.config.conftest import Files


def problems(path: Path) -> list[str]:
    """The problems of the server's file, without its name."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_the_contract(files: Files) -> None:
    config = load(files.server)
    assert config.domain == "acme.test"
    assert config.listen == (Listen("UDP", "127.0.0.1", 5060), Listen("TCP", "127.0.0.1", 5060))
    assert config.http.listen == ("127.0.0.1", 8080)
    assert config.directory == files.directory
    assert config.state == files.server.parent.parent / "var"
    assert config.trunks[0].uri == "sip:127.0.0.2:5090"
    assert config.trunks[0].trusted
    assert config.trunks[0].auth is None
    assert config.media.ports == Ports(20000, 20999)
    assert config.digest == ("SHA-256", "MD5")
    assert config.warnings == ()


def test_only_the_domain_is_needed_and_the_defaults_are_the_documented_ones(files: Files) -> None:
    everything = load(files.server)
    files.server.write_text("domain: acme.test\ntrunks:\n  - {name: carrier, uri: 'sip:127.0.0.2:5090'}\n")
    bare = load(files.server)
    documented = set(Config.model_fields) - {"trunks", "feature_codes", "file", "warnings"}
    assert {name: getattr(bare, name) for name in documented} == {name: getattr(everything, name) for name in documented}
    assert (bare.session_expires, bare.node) == (1800, "0")
    assert (bare.limits.registrations_per_user, bare.limits.message_bytes) == (10, 65535)
    assert not bare.trunks[0].trusted


def test_the_trunks_registration(files: Files) -> None:
    files.change(files.server, ("auth: null", "auth: {username: u, password: geheim, register: yes}"))
    config = load(files.server)
    assert config.trunks[0].auth
    assert config.trunks[0].auth.registers
    assert "geheim" not in repr(config)
    assert "geheim" not in str(config)


def test_ipv6(files: Files) -> None:
    files.change(files.server, ("listen: [udp://127.0.0.1:5060,", "listen: ['udp://[::1]:5060',"), ("[127.0.0.2]", "['::1']"))
    assert load(files.server).listen[0] == Listen("UDP", "::1", 5060)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("domain: acme.test", "domain: null", r"1: domain: is nothing; write a host name"),
        ("domain: acme.test", "domain: a b", r"1: domain: is 'a b'; write a host name"),
        ("domain: acme.test", "domian: acme.test", r"1: domain: is missing; write .*\n1: domian: .*did you mean `domain`\?"),
        ("udp://127.0.0.1:5060", "udp:127.0.0.1", r"2: listen\[0\]: is 'udp:127.0.0.1'; write udp://"),
        ("udp://127.0.0.1:5060", "tls://127.0.0.1:5061", r"2: listen\[0\]: tls:// is not supported yet; write udp://"),
        ("udp://127.0.0.1:5060", "ws://127.0.0.1:5061", r"2: listen\[0\]: ws:// is not supported yet"),
        ("udp://127.0.0.1:5060", "udp://127.0.0.1:99999", r"2: listen\[0\]: .*write"),
        ("udp://127.0.0.1:5060", "tcp://127.0.0.1:5060", r"2: listen\[1\]: stands here twice"),
        ("[udp://127.0.0.1:5060, tcp://127.0.0.1:5060]", "[]", r"2: listen: is a list; write a list such as"),
        ("[udp://127.0.0.1:5060, tcp://127.0.0.1:5060]", "udp://127.0.0.1:5060", r"2: listen: is text, not a list"),
        ("listen: 127.0.0.1:8080", "url: pbx.example", r"4: http.url: is 'pbx.example'; write the address under which browsers"),
        ("listen: 127.0.0.1:8080", "url: 'https://pbx.example/x'", r"4: http.url: is 'https://pbx.example/x'; write"),
        ("state: ../var", "database: 'mysql://root:geheim@db/b2bua'", r"6: database: cannot be used; write sqlite:///PATH or postgresql://"),
        ("state: ../var", "database: [geheim]", r"6: database: cannot be used; write sqlite:///PATH or postgresql://"),
        ("listen: 127.0.0.1:8080", "listen: 8080", r"4: http.listen: is '8080'; write ADDRESS:PORT"),
        ("listen: 127.0.0.1:8080", "lisen: 127.0.0.1:8080", r"4: http.lisen: .*did you mean `listen`\?"),
        ("drain_seconds: 300", "drain_seconds: soon", r"7: drain_seconds: is 'soon'; write seconds"),
        ("drain_seconds: 300", "drain_seconds: .inf", r"7: drain_seconds: is '.inf'; write seconds"),
        ("drain_seconds: 300", "drain_seconds: nan", r"7: drain_seconds: is 'nan'; write seconds"),
        ("name: carrier", "name: the carrier", r"9: trunks\[0\].name: is 'the carrier'; write letters"),
        ("sip:127.0.0.2:5090", "sip:u:geheim@127.0.0.2", r"10: trunks\[0\].uri: is no URI of a next hop; write"),
        ("sip:127.0.0.2:5090", "sip:127.0.0.2;transport=tls", r"10: trunks\[0\].uri: asks for tls, which is not supported yet"),
        ("sip:127.0.0.2:5090", "sip:127.0.0.2:0", r"10: trunks\[0\].uri: has the port 0"),
        ("[127.0.0.2]", "[127.0.0.2/8]", r"11: trunks\[0\].addresses\[0\]: .*write 127.0.0.0/8"),
        ("trusted: true", "trusted: maybe", r"12: trunks\[0\].trusted: is 'maybe'; write true or false"),
        ("{6,15}$", "{6,15}$[[a]", r"13: trunks\[0\].numbers\[0\]: is no regular expression \(Possible nested set"),
        (r"'^\+?[0-9]{6,15}$'", "[a]", r"13: trunks\[0\].numbers\[0\]: is a list, not a regular expression; write one such as"),
        ("{6,15}$", "{6,15}$(", r"13: trunks\[0\].numbers\[0\]: is no regular expression"),
        ("auth: null", "auth: 'u:geheim'", r"14: trunks\[0\].auth: is text, not keys with values; write \{username"),
        (
            "auth: null",
            "auth: {username: u, password: [geheim]}",
            r"14: trunks\[0\].auth.password: cannot be used; write the password",
        ),
        (
            "auth: null",
            "auth: {username: u, pasword: geheim}",
            r"14: trunks\[0\].auth.password: is missing.*\n14: .*did you mean",
        ),
        ('["112", "911"]', "[112, help]", r"15: emergency\[1\]: is 'help'; write the digits"),
        ("[SHA-256, MD5]", "[SHA-1]", r"16: digest\[0\]: is 'SHA-1'; write"),
        ("[SHA-256, MD5]", "[MD5, MD5]", r"16: digest: names an algorithm twice"),
        ("push_back", "push_bak", r"17: feature_codes.push_bak: is no feature; did you mean `push_back`\?"),
        ('"##20"', "20", r"17: feature_codes.push_back: is '20'; write \* or #"),
        ('"##20"', '"#64"', r"17: feature_codes.push_back: #64 is already the code of call_as"),
        ("mode: auto", "mode: relayed", r"18: media.mode: is 'relayed'; write auto, direct or anchored"),
        ("20000-20999", "20999-20000", r"18: media.ports: is '20999-20000'; write FIRST-LAST"),
        ("20000-20999", "20001-20999", r"18: media.ports: begins with the odd port 20001, and RTP ports are even; write 20002-20999"),
        ("20000-20999", "20000-20002", r"18: media.ports: is '20000-20002', too small: a call needs 4 ports; write"),
        ("20000-20999", "5000-5999", r"18: media.ports: holds port 5060, on which listen\[0\] takes SIP; write another range"),
        ("ports: 20000-20999", "sounds: nowhere", r"18: media.sounds: is no folder: .*nowhere; make it, or write null"),
        ("auto, address: 127.0.0.1", "auto, address: 0.0.0.0", r"18: media.address: is 0.0.0.0, which phones cannot send sound to; write"),
        ("auto, address: 127.0.0.1", "auto, address: 224.0.0.1", r"18: media.address: is 224.0.0.1, which phones cannot send sound to"),
        ("mode: auto", "mode: auto, engine: asterisk", r"18: media.engine: is 'asterisk'; write own or rtpengine"),
        ("mode: auto", "mode: auto, engine: rtpengine", r"18: media.engine: is rtpengine, but nothing says where it is; write under"),
        (
            "mode: auto",
            "mode: direct, engine: rtpengine, rtpengine: '127.0.0.1:2223'",
            r"18: media.engine: is rtpengine, but with mode direct no sound crosses it; write mode: auto",
        ),
        (
            "mode: auto",
            "mode: auto, engine: rtpengine, rtpengine: '127.0.0.1:2223'",
            r"18: media.engine: is rtpengine, but nobody would hear the keys that are pressed .* write the same HOST:PORT under `rtpengine_digits`",
        ),
        *(
            ("mode: auto", f"mode: auto, engine: rtpengine, rtpengine: '127.0.0.1:2223', rtpengine_digits: '127.0.0.1:{port}'", expected)
            for port, expected in (
                (2223, r"18: media.rtpengine_digits: is where rtpengine listens itself; write"),
                (20001, r"18: media.rtpengine_digits: is port 20001, which is among `ports`; write"),
                (5060, r"18: media.rtpengine_digits: is port 5060, which takes SIP; write"),
            )
        ),
        ("mode: auto", "mode: auto, rtpengine_digits: 2226", r"18: media.rtpengine_digits: is '2226'; write ADDRESS:PORT"),
        ("mode: auto", "mode: auto, rtpengine: localhost", r"18: media.rtpengine: is 'localhost'; write ADDRESS:PORT"),
        ("media:", "limits: {calls: 0}\nmedia:", r"18: limits.calls: is '0'; write the most calls"),
        ("media:", "keep_alive: some\nmedia:", r"18: keep_alive: is 'some'; write nat, all or none"),
        ("media:", "node: '-'\nmedia:", r"18: node: is '-'; write one to eight letters"),
        ("media:", "file: x\nmedia:", r"18: file: is no key of this section.*"),
        ("media:", "domain: b\nmedia:", r"18: domain: stands here a second time, first on line 1; remove"),
    ],
)
def test_what_is_refused(files: Files, old: str, new: str, expected: str) -> None:
    files.change(files.server, (old, new))
    text = "\n".join(problems(files.server))
    assert re.match(expected, text), text
    assert len(text.splitlines()) == len(expected.split(r"\n")), text
    assert "geheim" not in text


def test_two_trunks_may_not_share_a_name_an_address_or_the_emergency(files: Files) -> None:
    second = "  - {name: carrier, uri: 'sip:127.0.0.3', emergency: true}\n  - {name: x, uri: 'sip:h', addresses: [127.0.0.2], emergency: 1}\n"
    files.change(files.server, ("    auth: null\n", f"    auth: null\n    emergency: true\n{second}"))
    found = problems(files.server)
    assert [line.split(": ")[1] for line in found] == [
        "trunks[1].name", "trunks[1].emergency", "trunks[2].addresses[0]", "trunks[2].emergency",
    ]  # fmt: skip


def test_no_problem_hides_another_in_either_file(files: Files) -> None:
    files.change(files.server, ("domain: acme.test", "domaine: acme.test"), ("name: carrier", "nam: carrier"), ("MD5", "MD6"))
    files.change(files.directory, ("organisation: Acme", "organization: Acme"), ('"677"\n', '"999"\n'))
    found, directory = check(files.server)
    assert directory is None
    assert [(Path(each.file).name, each.key) for each in found] == [
        ("b2bua.yaml", "domain"), ("b2bua.yaml", "domaine"), ("b2bua.yaml", "trunks[0].name"), ("b2bua.yaml", "trunks[0].nam"),
        ("b2bua.yaml", "digest[1]"), ("directory.yaml", "organization"), ("directory.yaml", "executives[0].assistants[1]"),
    ]  # fmt: skip


def test_a_warning_stops_nothing(files: Files) -> None:
    files.change(files.server, ("tcp://127.0.0.1:5060", "tcp://0.0.0.0:5060"))
    config = load(files.server)
    assert [warning.key for warning in config.warnings] == ["listen[1]"]
    _, directory = check(files.server)
    assert directory
    assert any("listen[1]" in warning for warning in directory.warnings)


def test_without_a_trunk_emergency_calls_are_warned_of(files: Files) -> None:
    files.server.write_text("domain: acme.test\n")
    assert [warning.key for warning in load(files.server).warnings] == ["emergency"]


def test_a_missing_file_is_one_problem(tmp_path: Path) -> None:
    assert re.match(r"1: \(file\): cannot be read", problems(tmp_path / "none.yaml")[0])
    found, directory = check(tmp_path / "none.yaml")
    assert (len(found), directory) == (1, None)


def test_softphone_apps(files: Files) -> None:
    assert {"Linphone", "Zoiper", "baresip", "PJSUA", "Ringotel"} < set(load(files.server).apps)
    files.change(files.server, ("state: ../var\n", "state: ../var\napps: [Acme Phone, Linphone]\n"))
    assert load(files.server).apps == ("Acme Phone", "Linphone")
    files.change(files.server, ("[Acme Phone, Linphone]", "[Linphone, '']"))
    assert problems(files.server) == ["7: apps[1]: is ''; write a list of what the User-Agent of softphone apps says, for example [\"Linphone\", \"Zoiper\"]"]


def test_the_what_if_cases_stand_beside_the_file(files: Files) -> None:
    assert load(files.server).what_if is None
    files.change(files.server, ("state: ../var\n", "state: ../var\nwhat_if: cases/what-if.yaml\n"))
    assert load(files.server).what_if == files.server.parent / "cases" / "what-if.yaml"
    files.change(files.server, ("cases/what-if.yaml", "[a, b]"))
    assert problems(files.server) == ["7: what_if: is a list; write the path of the what-if cases, relative to this file, or null"]


def test_media(files: Files) -> None:
    (files.server.parent / "own").mkdir()
    more = "sounds: own, engine: rtpengine, rtpengine: '[::1]:2223', rtpengine_digits: '127.0.0.1:2226'"
    files.change(files.server, ("mode: auto", f"mode: anchored, {more}"))
    media = load(files.server).media
    assert (media.mode, media.engine, media.rtpengine) == ("anchored", "rtpengine", ("::1", 2223))
    assert media.rtpengine_digits == ("127.0.0.1", 2226)
    assert media.sounds == files.server.parent / "own"


@pytest.mark.parametrize("listen", ["tcp://127.0.0.1:20500", "udp://127.0.0.9:20500"])
def test_ports_of_sound_may_be_those_of_another_address_or_of_tcp(files: Files, listen: str) -> None:
    files.change(files.server, ("udp://127.0.0.1:5060", listen))
    assert load(files.server).media.ports == Ports(20000, 20999)


def test_addresses_of_rtpengine_that_nothing_uses_are_warnings(files: Files) -> None:
    files.change(files.server, ("mode: auto", "mode: auto, rtpengine: '127.0.0.1:2223', rtpengine_digits: '127.0.0.1:2226'"))
    assert [warning.key for warning in load(files.server).warnings] == ["media.rtpengine", "media.rtpengine_digits"]
