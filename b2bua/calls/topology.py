"""Who hears whom: the context that the media engine is given for the parties of a call. Pure.

Two parties who talk are relayed packet for packet where they agree on what they send; everything else is a mix. Whoever would
hear nobody hears music.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from b2bua.calls.party import Party
from b2bua.media.engine import Context, Play, Termination
from b2bua.sip.description import Format

MUSIC: Final = Play("music", ("music",), loop=True)
RINGING: Final = Play("ringback", ("tone:ringback",), loop=True)


def arrange(context: str, parties: Sequence[Party], idle: Play | None, plays: Mapping[str, Play] = {}) -> Context:
    """The context for `parties`. `idle` is played to whoever hears nobody and holds nobody; `plays` by termination, besides."""
    placed = [(party, known) for party in parties if (known := party.termination()) is not None]
    terminations = tuple(known for _, known in placed)
    members = {known.id for known in terminations}
    plays = {id_: play for id_, play in plays.items() if id_ in members}  # who is leaving hears nothing any more
    if _relayable(placed, plays):
        return Context(context, terminations, relay=True, plays={id_: play for id_, play in plays.items() if play.over})
    awake = [(party, known) for party, known in placed if not party.holding]
    talking = [party for party, _ in awake if party.role == "talk"]
    told = any(party.aside == "told" for party in parties)
    hears: dict[str, tuple[str, ...]] = {}
    for party, known in awake:
        heard = tuple(other.id for speaker, other in awake if speaker is not party and _is_heard(speaker, party) and _overheard(speaker, party, talking))
        if heard:
            hears[known.id] = heard
        elif idle is not None and known.id not in plays:
            plays[known.id] = RINGING if party.aside == "announcing" and not told else idle
    return Context(context, terminations, hears=hears, plays=plays)


def reaches(speaker: Party, listener: Party) -> bool:
    """Whether what one party says or presses reaches another."""
    return not (listener.holding or speaker.holding) and _is_heard(speaker, listener)


def _is_heard(speaker: Party, listener: Party) -> bool:
    if speaker.muted or speaker.role == "listen" or speaker.waits or listener.waits or bool(speaker.aside) is not bool(listener.aside):
        return False
    return speaker.role == "talk" or (speaker.target is not None and speaker.target == listener.extension)


def _overheard(speaker: Party, listener: Party, talking: Sequence[Party]) -> bool:
    """Who listens hears what is said to somebody, and not who waits."""
    return listener.role == "talk" or any(other is not speaker and _is_heard(speaker, other) for other in talking)


def _relayable(placed: Sequence[tuple[Party, Termination]], plays: Mapping[str, Play]) -> bool:
    """Two who talk and may send each other what they send."""
    if len(placed) != 2 or any(not play.over for play in plays.values()):
        return False
    (one, first), (other, second) = placed
    if any(party.role != "talk" or party.muted or party.holding or party.waits or party.aside for party in (one, other)):
        return False
    return _understands(second, first) and _understands(first, second)


def _understands(listener: Termination, speaker: Termination) -> bool:
    """Whether `listener` takes every kind of sound that `speaker` may send."""
    if not listener.streams or not speaker.streams:
        return False
    taken = {_kind(each) for each in listener.streams[0].receives}
    return all(_kind(each) in taken for each in speaker.streams[0].sends if each.encoding != "TELEPHONE-EVENT")


def _kind(each: Format) -> tuple[str, int, int]:
    return each.encoding, each.clock, each.channels
