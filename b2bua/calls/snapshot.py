"""A running call as plain data, and back: what survives a restart or the death of the signalling process.

Kept are answered calls, at their edges: somebody came or went, was put on hold, was parked. Calls that still ring are not. What stands
in a snapshot is what the attributes of a conversation say, and of each leg its dialog and both descriptions; the sound itself goes on
in the media engine. Of whoever was being rung for the waiting party the plan is kept, and carried out anew (`resuming`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from b2bua.calls import keys, parking, resuming
from b2bua.calls.call import Call
from b2bua.calls.conversation import DEADLINES, Conversation
from b2bua.calls.identity import Origin
from b2bua.calls.leg import CONFIRMED, Leg
from b2bua.calls.party import Party
from b2bua.calls.ports import MediaPlace
from b2bua.calls.record import Record
from b2bua.calls.session_timer import SessionTimer
from b2bua.delegation.plan import Presentation
from b2bua.media.engine import Play
from b2bua.sip.dialog import Dialog
from b2bua.sip.flow import Flow
from b2bua.store import decisions

if TYPE_CHECKING:
    from b2bua.calls.index import CallIndex

VERSION: Final = 3
FlowOf = Callable[[str, tuple[str, int], tuple[str, int]], Flow | None]
"""Transport, our address, the peer's: the way between them, None when there is none any more."""
_GAP: Final = 1000
"""By how much CSeq and the version of a description go on after a restart: the last ones may not have been kept."""
_PARTY: Final = ("extension", "role", "target", "muted", "speaks_as", "for_executive", "put_on_hold", "aside", "waits", "misses")
_CONVERSATION: Final = ("slot", "parked_by", "locked_by", "room", "gave_back", "note", "sent_by", "why")

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def dump(call: Call) -> str | None:
    """The call as text; None when it cannot be kept: it rings, or nobody of it is to stay."""
    conversation = call.conversation
    if conversation is None:
        return None
    parties = [party for party in conversation.parties if party.leg.state is CONFIRMED]
    if not parties:
        return None
    if not call.frozen:
        call.frozen = _encode({"plan": call.plan, "caller": call.caller, "origin": call.origin})
    data = {
        "version": VERSION,
        "id": call.id,
        "record": call.record.dump(),
        "parties": [_party(party) for party in parties],
        "caller_party": _at(parties, conversation.caller_party),
        "subject_party": _at(parties, conversation.subject_party),
        "conversation": {name: getattr(conversation, name) for name in _CONVERSATION},
        "idle": conversation.idle,
        "under_way": resuming.dump(conversation, parties),
        "deadlines": {name: call.index.wall_at(due) for name, due in conversation.due.items()},
        "since": call.index.wall_at(conversation.since),
    }
    return f'{{"frozen":{call.frozen},{_encode(data)[1:]}'


def load(text: str, index: CallIndex, flow_of: FlowOf) -> Call:
    """The call again, ready to go on with `Call.resume`. Raises ValueError for a text that is no snapshot of this version, and when
    not one of its parties can be reached any more."""
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            raise ValueError("a snapshot of another version")
        return _load(data, index, flow_of)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"no snapshot: {error!r}") from error


def _load(data: dict[str, Any], index: CallIndex, flow_of: FlowOf) -> Call:
    record = Record(index.wall)
    record.load(data["record"])
    frozen = data["frozen"]
    plan = decisions.plan_of(frozen["plan"])
    call = Call(index, data["id"], plan, decisions.caller_of(frozen["caller"]), Origin(*frozen["origin"]), record)
    conversation = Conversation(call)
    try:
        _fill(conversation, data, index, flow_of)
    except Exception:
        for leg in [dialog.owner for dialog in list(index.stack.dialogs.values()) if isinstance(dialog.owner, Leg)]:
            if leg.home is call:
                leg.hang_up()  # whoever of it is there is told
        index.parking.leave(call.id)
        raise
    call.conversation = conversation
    return call


def _fill(conversation: Conversation, data: dict[str, Any], index: CallIndex, flow_of: FlowOf) -> None:
    """The parties and all that is known of them. Raises what `load` says."""
    call = conversation.call
    found = [_load_party(each, call, flow_of) for each in data["parties"]]
    conversation.parties = [party for party in found if party is not None]
    if not conversation.parties:
        raise ValueError("nobody of it can be reached any more")
    conversation.caller_party = _of(found, data["caller_party"])
    conversation.subject_party = _of(found, data["subject_party"]) or conversation.parties[0]
    for name in _CONVERSATION:
        value = data["conversation"].get(name)
        setattr(conversation, name, tuple(value) if isinstance(value, list) else value)
    conversation.idle = _play(data["idle"])
    conversation.since = index.stack.now - (index.wall() - data["since"])
    for party in conversation.parties:
        party.leg.home = call
        party.leg.focus = conversation.room is not None
        keys.listen(conversation, party)
    parking.resume(conversation)
    for name, at in data["deadlines"].items():
        if name in DEADLINES:
            conversation.after(DEADLINES[name], max(1.0, at - index.wall()))
    resuming.load(conversation, found, data["under_way"])


def _at(parties: Sequence[Party], party: Party | None) -> int | None:
    return parties.index(party) if party is not None and party in parties else None


def _of(parties: Sequence[Party | None], at: int | None) -> Party | None:
    return parties[at] if at is not None else None


def _play(values: Sequence[Any]) -> Play:
    id_, sounds, loop, over = values
    return Play(id_, tuple(sounds), loop, over)


def _party(party: Party) -> dict[str, Any]:
    return {"shown": party.shown, "leg": _leg(party.leg), **{name: getattr(party, name) for name in _PARTY}}


def _load_party(data: dict[str, Any], call: Call, flow_of: FlowOf) -> Party | None:
    """None when its leg cannot be reached any more."""
    leg = _load_leg(data["leg"], call, flow_of)
    if leg is None:
        return None
    party = Party(leg, data["extension"], Presentation(*data["shown"]), since=call.index.stack.now)
    for name in _PARTY:
        setattr(party, name, data[name])
    return party


def _leg(leg: Leg) -> dict[str, Any]:
    dialog, anchor, timer = leg.dialog, leg.anchor, leg.timer
    assert dialog is not None
    return {
        "party": leg.party,
        "call_id": leg.call_id,
        "trunk": leg.trunk.name if leg.trunk is not None else None,
        "allows": sorted(leg.allows),
        "endpoint": leg.endpoint,
        "flow": (dialog.flow.transport, dialog.flow.local, dialog.flow.remote),
        "dialog": [getattr(dialog, name) for name in _DIALOG],
        "local": (leg.local.session_id, leg.local.version, leg.local.last.decode("latin1")),
        "remote": leg.remote_sdp.decode("latin1"),
        "timer": (timer.interval, timer.ours) if timer is not None else None,
        "anchor": (anchor.id, anchor.place, anchor.ports) if anchor is not None else None,
    }


_DIALOG: Final = (
    "call_id", "local_tag", "remote_tag", "local_text", "remote_text", "local_seq", "remote_seq", "remote_target", "route_set", "host", "roams",
)  # fmt: skip


def _load_leg(data: dict[str, Any], call: Call, flow_of: FlowOf) -> Leg | None:
    index = call.index
    transport, local, remote = data["flow"]
    flow = flow_of(transport, (local[0], local[1]), (remote[0], remote[1]))
    if flow is None:
        return None
    leg = Leg(index.stack, call.mailbox.post, data["party"], index.media_address)
    values = dict(zip(_DIALOG, data["dialog"], strict=True))
    dialog = Dialog(values["call_id"], values["local_tag"], values["remote_tag"], flow, leg)
    for name in _DIALOG[3:]:
        setattr(dialog, name, values[name])
    dialog.route_set = tuple(values["route_set"])
    dialog.local_seq += _GAP
    leg.confirm(dialog)
    leg.home = call
    index.stack.add_dialog(dialog)
    leg.call_id = data["call_id"]
    leg.trunk = index.trunks.get(data["trunk"]) if data["trunk"] is not None else None
    leg.credentials = leg.trunk.credentials if leg.trunk is not None else None
    leg.allows = frozenset(data["allows"])
    leg.endpoint = decisions.endpoint_of(data["endpoint"]) if data["endpoint"] is not None else None
    leg.local.session_id, leg.local.version, last = data["local"]
    leg.local.version += _GAP
    leg.local.last = last.encode("latin1")
    leg.remote_sdp = data["remote"].encode("latin1")
    if data["anchor"] is not None:
        termination, place, ports = data["anchor"]
        index.anchor(leg, termination, MediaPlace(*place), ports)
    if data["timer"] is not None:
        leg.timer = SessionTimer(leg, *data["timer"])
        leg.timer.start(index.stack.now)
    return leg
