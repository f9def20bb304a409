"""The pool of media ports, and the look at which of them other programs have."""

from __future__ import annotations

import socket

import pytest

from b2bua.media.engine import EngineError
from b2bua.media.ports import PortPool, probe


def test_ports_are_even_have_one_above_them_and_stay_in_the_range() -> None:
    assert PortPool(20000, 20007).reserve(4) == (20000, 20002, 20004, 20006)
    assert PortPool(20001, 20006).reserve(2) == (20002, 20004)  # 20006 would have its RTCP port outside


def test_a_port_that_was_given_back_is_handed_out_last_of_all() -> None:
    pool = PortPool(20000, 20007)
    first = pool.reserve(1)
    pool.release(first)
    assert pool.reserve(4) == (20002, 20004, 20006, 20000)


def test_what_is_in_use_counts_rtcp_ports() -> None:
    pool = PortPool(20000, 20007)
    ports = pool.reserve(3)
    assert pool.in_use == 6
    pool.release(ports)
    assert pool.in_use == 0


def test_a_request_that_cannot_be_met_whole_takes_nothing() -> None:
    pool = PortPool(20000, 20007)
    pool.reserve(3)
    with pytest.raises(EngineError, match="no media ports left"):
        pool.reserve(2)
    assert pool.reserve(1) == (20006,)


def test_what_nobody_had_is_not_taken_back() -> None:
    pool = PortPool(20000, 20003)
    pool.release((20000, 30000))
    assert pool.reserve(2) == (20000, 20002)
    pool.release((20000, 20000))
    assert pool.reserve(1) == (20000,)
    with pytest.raises(EngineError):
        pool.reserve(1)


def test_ports_of_restored_calls_are_not_handed_out_and_come_back() -> None:
    pool = PortPool(20000, 20007)
    pool.claim((20002, 30000))
    assert pool.in_use == 4
    assert pool.reserve(3) == (20000, 20004, 20006)
    pool.release((20002, 30000))
    assert pool.reserve(1) == (20002,)
    with pytest.raises(EngineError):  # 30000 was of a range that is not ours any more
        pool.reserve(1)


@pytest.mark.parametrize("lost", [20002, 20003])
def test_a_lost_port_is_never_handed_out_again(lost: int) -> None:
    pool = PortPool(20000, 20005)
    pool.lose(lost)
    assert pool.reserve(2) == (20000, 20004)
    assert pool.lost == 1


def test_a_port_that_is_lost_while_a_call_has_it_does_not_come_back() -> None:
    pool = PortPool(20000, 20003)
    pool.reserve(2)
    pool.lose(20000)
    pool.release((20000, 20002))
    assert pool.in_use == 0
    assert pool.reserve(1) == (20002,)


def test_a_new_look_brings_back_what_is_free_by_now() -> None:
    pool = PortPool(20000, 20007)
    pool.regain((20000, 20002))
    pool.regain((20002,))
    assert pool.reserve(3) == (20004, 20006, 20000)


def test_a_new_look_does_not_hand_out_what_a_call_has() -> None:
    pool = PortPool(20000, 20003)
    pool.reserve(1)
    pool.lose(20000)
    pool.regain(())
    assert pool.reserve(1) == (20002,)
    pool.release((20000,))
    assert pool.reserve(1) == (20000,)


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ports_of_other_programs_are_found(host: str, offset: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as other:
        base = _bind_even(other, host, offset)
        assert probe(host, (base,)) == ((base,), "")
    assert probe(host, (base,)) == ((), "")


def _bind_even(sock: socket.socket, host: str, offset: int) -> int:
    for base in range(23300, 23400, 2):
        try:
            sock.bind((host, base + offset))
        except OSError:
            continue
        return base
    raise AssertionError("no free port")


def test_an_address_of_another_machine_is_told() -> None:
    taken, problem = probe("192.0.2.1", (20000, 20002))
    assert taken == ()
    assert "192.0.2.1" in problem
