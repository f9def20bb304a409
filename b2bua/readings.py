"""What `GET /metrics` says of the parts that live beside the calls: the store and the media engines."""

from __future__ import annotations

from b2bua.media.rtpengine import OpenRtpengine
from b2bua.media.supervisor import Supervisor
from b2bua.store.database import Store
from b2bua.web.metrics import Reading


def of_store(store: Store) -> list[Reading]:
    """What waits to be written, and whether it can be."""
    return [
        Reading("b2bua_store_waiting", "History rows and bindings that wait to be written.", lambda: float(store.writer.waiting)),
        Reading("b2bua_store_healthy", "1 while the database takes what is written.", lambda: float(store.writer.healthy)),
    ]


def of_rtpengine(opened: OpenRtpengine | None) -> list[Reading]:
    """rtpengine, where there is one."""
    if opened is None:
        return []
    engine = opened.engine
    return [
        Reading("b2bua_rtpengine_available", "1 while rtpengine answers.", lambda: float(engine.available)),
        Reading("b2bua_rtpengine_relays", "Calls whose sound goes by rtpengine.", lambda: float(engine.counts["relays"])),
        Reading(
            "b2bua_rtpengine_events",
            "What was asked of rtpengine, and what came from it.",
            lambda: {name: float(count) for name, count in engine.counts.items() if name != "relays"},
            "counter",
            "kind",
        ),
    ]


def of_media(media: Supervisor | None) -> list[Reading]:
    """The media process, where there is one."""
    if media is None:
        return []
    engine = media.engine
    return [
        Reading("b2bua_media_available", "1 while there is a media process.", lambda: float(engine.available)),
        Reading("b2bua_media_contexts", "Calls whose sound crosses the server.", lambda: float(engine.contexts)),
        Reading("b2bua_media_deaths", "Media processes that ended without having been told to.", lambda: float(media.deaths), "counter"),
        Reading(
            "b2bua_media_packets",
            "Packets by direction, since the media process was started.",
            lambda: {each: float(engine.counts.get(each, 0)) for each in ("received", "sent")},
            "counter",
            "direction",
        ),
        Reading(
            "b2bua_media_ticks",
            "Ticks of 5 ms that began late or were left out, since the media process was started.",
            lambda: {each: float(engine.counts.get(f"ticks_{each}", 0)) for each in ("late", "skipped")},
            "counter",
            "kind",
        ),
    ]
