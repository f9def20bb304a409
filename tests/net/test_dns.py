"""dnspython's answers as plain records, from a DNS server of one datagram on loopback."""

from __future__ import annotations

import asyncio

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from b2bua.net.dns import Answer, DnsQuery, Naptr, RecordType, Srv

from .fakes import run

RECORDS = {
    ("acme.test.", "NAPTR"): '10 20 "S" "SIP+D2U" "" _sip._udp.ACME.test.',
    ("_sip._udp.acme.test.", "SRV"): "1 2 5070 Gw.Acme.Test.",
    ("none.test.", "SRV"): "0 0 0 .",
    ("gw.acme.test.", "A"): "192.0.2.1",
    ("gw.acme.test.", "AAAA"): "2001:db8::1",
}


class Server(asyncio.DatagramProtocol):
    """Knows `RECORDS`; says NXDOMAIN for nx.*, SERVFAIL for fail.*."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        answer = dns.message.make_response(query)
        name = question.name.to_text()
        text = RECORDS.get((name, question.rdtype.name))
        if text is not None:
            answer.answer.append(dns.rrset.from_text(name, 120, "IN", question.rdtype, text))
        elif name.startswith("nx."):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif name.startswith("fail."):
            answer.set_rcode(dns.rcode.SERVFAIL)
        self.transport.sendto(answer.to_wire(), addr)  # type: ignore[attr-defined]


def ask(name: str, rdtype: RecordType) -> Answer:
    async def main() -> Answer:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
        try:
            query = DnsQuery(1.0, 30.0)
            query._resolver = dns.asyncresolver.Resolver(configure=False)
            query._resolver.nameservers = ["127.0.0.1"]
            query._resolver.port = transport.get_extra_info("sockname")[1]
            return await query(name, rdtype)
        finally:
            transport.close()

    return run(main())


def test_records() -> None:
    assert ask("acme.test", "NAPTR") == Answer((Naptr(10, 20, "s", "sip+d2u", "_sip._udp.acme.test"),), 120.0)
    assert ask("_sip._udp.acme.test", "SRV") == Answer((Srv(1, 2, 5070, "gw.acme.test"),), 120.0)
    assert ask("none.test", "SRV") == Answer((Srv(0, 0, 0, ""),), 120.0)
    assert ask("gw.acme.test", "A") == Answer(("192.0.2.1",), 120.0)
    assert ask("gw.acme.test", "AAAA") == Answer(("2001:db8::1",), 120.0)


@pytest.mark.parametrize("name", ["nx.test", "acme.test"])
def test_no_records_is_an_answer(name: str) -> None:
    assert ask(name, "SRV") == Answer((), 30.0)


@pytest.mark.parametrize("name", ["fail.test", "a" * 70 + ".test", "a..test"])
def test_no_answer_is_an_error(name: str) -> None:
    with pytest.raises(OSError, match=r"SRV"):
        ask(name, "SRV")
