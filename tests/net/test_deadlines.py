from __future__ import annotations

from b2bua.net.deadlines import Deadlines


def test_items_come_out_in_order_once() -> None:
    deadlines = Deadlines[str](10.0)
    for at, name in enumerate("abc"):
        deadlines.set(name, float(at))
    deadlines.set("a", 5.0)
    deadlines.discard("c")
    deadlines.discard("unknown")
    assert deadlines.first() == 11.0
    assert deadlines.expired(10.9) == []
    assert deadlines.expired(11.0) == ["b"]
    assert "a" in deadlines
    assert deadlines.expired(100.0) == ["a"]
    assert len(deadlines) == 0
    assert deadlines.first() is None
