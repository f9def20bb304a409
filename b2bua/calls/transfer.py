"""Transfer (C15): REFER, blind and attended (RFC 3515, RFC 3891, RFC 5589), and by command.

Blind: the new party is rung while the other one waits; who sends them away stays in the call, unheard, until somebody has answered, and
is with them again if nobody does. Whoever has hung up by then is rung back. Attended: of the two calls of who transfers one goes on,
and the others of both are in it. Nothing is given up before what takes its place is there. A refused REFER has changed nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from b2bua.calls import conference, parking, pushing, showing
from b2bua.calls.commands import Outcome, PushBack, Transfer
from b2bua.calls.events import Cancelled, Deadline, Merging, Progress, Referred
from b2bua.calls.identity import COMPLETED_ELSEWHERE
from b2bua.calls.leg import CONFIRMED, Leg
from b2bua.calls.party import Party
from b2bua.calls.referral import Referral
from b2bua.calls.topology import MUSIC, RINGING
from b2bua.delegation import handover, incall
from b2bua.delegation.callerid import printable
from b2bua.delegation.plan import Caller, Endpoint, Presentation, RoutePlan, Stage
from b2bua.sip import refer
from b2bua.sip.refer import Refer, Replaces
from b2bua.sip.values import SipError

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.conversation import Conversation

MERGE_SECONDS: Final = 20.0
"""How long two calls may take to become one; then each goes on as it was."""
_MERGE: Final = Deadline("transfer")
_OVER: Final = Deadline("merged")


# --- what is asked ------------------------------------------------------------------------------------------------------------


async def referred(conversation: Conversation, event: Referred) -> None:
    """A party's REFER: done, or refused without a trace."""
    party = conversation.party_on(event.leg)
    if party is None:
        conversation.respond(event, 481)
        return
    try:
        wanted = refer.parse_refer(event.request)
    except SipError as error:
        conversation.respond(event, error.status, error.reason)
        return
    referral = Referral(conversation, party, event, wanted)
    await _carry_out(conversation, referral, wanted)


async def _carry_out(conversation: Conversation, referral: Referral, wanted: Refer) -> None:
    refused = _may_not(conversation, referral.party)
    outcome = refused or await _by_refer(conversation, referral, wanted)
    conversation.index.log.info("refer", call=conversation.id, actor=referral.actor, status=outcome.status, words=outcome.words)
    if outcome.done:
        referral.accept()
    else:
        referral.refuse(outcome, conversation.index.directory.domain)


async def _by_refer(conversation: Conversation, referral: Referral, wanted: Refer) -> Outcome:
    named = wanted.replaces or wanted.join
    if wanted.method != "INVITE":
        return Outcome(403, f"a call cannot be sent a {printable(wanted.method, 20)}")
    if named is not None:
        early_only = isinstance(named, Replaces) and named.early_only
        return await _attended(conversation, referral, (named.call_id, named.to_tag, named.from_tag), early_only=early_only)
    if wanted.target.scheme != "tel" and wanted.target.host not in conversation.index.settings.hosts:
        return Outcome(403, "a call cannot be transferred to another domain")
    return await _to_number(conversation, referral, wanted.target.telephone)


async def transfer(conversation: Conversation, command: Transfer) -> Outcome:
    """Send the other party to a number, for the actor."""
    party = conversation.party_of(command.actor)
    if party is None:
        return Outcome(403, "you are not in this call")
    return _may_not(conversation, party) or await _to_number(conversation, Referral(conversation, party), command.target)


def _may_not(conversation: Conversation, party: Party) -> Outcome | None:
    """Why a party may transfer nobody, whoever it would be to."""
    if party.extension is None or party.role != "talk":
        return Outcome(403, "only users of this server who talk in the call transfer it")
    if conversation.referral is not None:
        return Outcome(491, "the call is being transferred already")
    if conversation.hunt is not None or conversation.slot is not None:
        return Outcome(403, "somebody is being rung for this call")
    if conversation.room is not None or len(conversation.talking(party)) != 1:
        return Outcome(403, "there is nobody, or more than one, to transfer")
    index = conversation.index
    refused = incall.may(index.directory, party.extension, "transfer", conversation.subject(), index.local_time())
    return Outcome(403, refused) if refused else None


async def _make_ready(conversation: Conversation, referral: Referral) -> Outcome | None:
    """Bring the sound to us; why nothing can be done afterwards. The transferor may hang up meanwhile: that is no hindrance."""
    party = referral.party
    conversation.leaving, conversation.referral = party, referral
    anchored = await conversation.anchor() or (party not in conversation.parties and await conversation.anchor())
    if conversation.referral is not referral:
        return Outcome(403, "somebody has hung up")
    if not anchored:
        _stay(conversation, referral)
        return Outcome(488, "there is no media engine for this call")
    return None


def _stay(conversation: Conversation, referral: Referral) -> None:
    """Nothing has come of it."""
    if conversation.referral is not referral:
        return
    conversation.referral = None
    if conversation.leaving is not None:
        conversation.leaving = None
        conversation.apply()
    elif conversation.parties and not conversation.goes_on():
        _back(conversation, referral.actor)


# --- blind --------------------------------------------------------------------------------------------------------------------


async def _to_number(conversation: Conversation, referral: Referral, dialled: str, instead: Call | None = None) -> Outcome:
    """Ring whoever has the number for the other party, with the rights of the transferor. `instead`: of their call, which rings there."""
    index, party = conversation.index, referral.party
    plan = _plan(conversation, party, dialled)
    if plan.action == "join":
        return await _to_feature(conversation, referral, plan)
    if plan.action != "ring":
        return Outcome(plan.final_status, plan.warning)
    first, rest = _split(plan)
    if not any(index.contacts(endpoint) for stage in first.stages for endpoint in (*stage.endpoints, *_elsewhere(stage))):
        return Outcome(480, "nobody can be reached there")
    refused = await _make_ready(conversation, referral)
    if refused is not None:
        return refused
    if instead is not None and instead.conversation is not None:
        _stay(conversation, referral)
        return Outcome(491, "the other call has just been answered")
    if instead is not None:
        _give_up(instead)
    referral.rest = rest
    referral.accept()
    conversation.release_listeners()
    conversation.ring(first, "transferred", MUSIC)
    return Outcome(202, f"transferred to {printable(dialled, 40)}")


def _plan(conversation: Conversation, party: Party, dialled: str) -> RoutePlan:
    """Whom the transfer rings, or why it may not."""
    index = conversation.index
    user = index.directory.users.get(party.extension or "")
    name = user.name if user is not None else ""
    transferor = Caller("user", party.extension, None, None, party.extension or "", name, anonymous=False)
    waiting = conversation.talking(party)[0]
    return handover.transfer(index.directory, transferor, dialled, showing.waiting(conversation, waiting), index.local_time())


def _split(plan: RoutePlan) -> tuple[RoutePlan, RoutePlan]:
    """What rings while the transferor may still be there, and what rings if they have hung up and nobody has answered.

    The transferor is told what the target says, so the first part is a plain call.
    """
    at = next((at for at, stage in enumerate(plan.stages) if stage.name == "recall"), len(plan.stages))
    return (
        plan._replace(stages=plan.stages[:at], rollover=(), rollover_after=None, plain=True),
        plan._replace(stages=plan.stages[at:]),
    )


def _elsewhere(stage: Stage) -> Sequence[Endpoint]:
    """Who rings when nobody of a stage can be reached."""
    return [endpoint for each in stage.unreachable for endpoint in each.endpoints]


async def _to_feature(conversation: Conversation, referral: Referral, plan: RoutePlan) -> Outcome:
    """A park slot, or the codes that send the call elsewhere."""
    conversation.referral = referral  # who lets the transferor go says so first: see `leaves`
    try:
        if plan.feature == "park":
            outcome = await parking.park_for(conversation, referral.party, plan.argument)
        elif plan.feature in ("push_back", "push"):
            outcome = await pushing.push_back(conversation, PushBack(referral.actor))
        else:
            outcome = Outcome(403, "a call cannot be transferred there")
    finally:
        if conversation.referral is referral:
            conversation.referral = None
    if outcome.done:
        referral.accept()
        referral.tell(200)
    elif conversation.parties and not conversation.goes_on():
        conversation.end()  # one of the two has hung up meanwhile
    return outcome


def _give_up(call: Call) -> None:
    """The transferor's own call to the target, which rings: it rings for the other party from now on."""
    incoming = call.incoming
    if incoming is not None:
        incoming.hang_up(487)
        call.mailbox.post(Cancelled(incoming, COMPLETED_ELSEWHERE))


# --- attended -----------------------------------------------------------------------------------------------------------------


async def _attended(conversation: Conversation, referral: Referral, key: tuple[str, str, str], *, early_only: bool) -> Outcome:
    """The other party and those of another call of the transferor's are to be together. `key`: the dialog, as the phone names it."""
    found = _own_leg(conversation, referral, key)
    if isinstance(found, Outcome):
        return found
    call, leg = found
    if call.conversation is not None:
        wrong = _may_not_merge(referral, call.conversation, leg)
        if early_only or wrong is not None:
            return wrong or Outcome(486, "the other call has been answered")
        refused = await _make_ready(conversation, referral)
        return refused or _send_together(conversation, referral, call, leg)
    if referral.joins or leg is not call.incoming:
        return Outcome(403, "the other call has not been answered")
    return await _to_number(conversation, referral, call.plan.called, instead=call)


def _own_leg(conversation: Conversation, referral: Referral, key: tuple[str, str, str]) -> tuple[Call, Leg] | Outcome:
    """The transferor's own leg in another call."""
    index = conversation.index
    call_id, to_tag, from_tag = key
    dialog = index.stack.dialogs.get((call_id, to_tag, from_tag)) or index.stack.dialogs.get((call_id, from_tag, to_tag))
    leg = dialog.owner if dialog is not None else None
    home = leg.home if isinstance(leg, Leg) else None
    call = index.calls.get(home.id) if home is not None else None
    if call is None or not isinstance(leg, Leg):
        return Outcome(403, "there is no such call")
    theirs = call.conversation.party_on(leg) if call.conversation is not None else None
    extension = theirs.extension if theirs is not None else call.caller.extension if leg is call.incoming else None
    if extension != referral.actor:
        return Outcome(403, "that is no call of yours")
    if call.id == conversation.id:
        return Outcome(403, "that is this call")
    return call, leg


def _may_not_merge(referral: Referral, other: Conversation, leg: Leg) -> Outcome | None:
    """Why two calls cannot become one."""
    theirs = other.party_on(leg)
    if theirs is None or theirs not in other.talking() or other.hunt is not None or other.slot is not None or not other.talking(theirs):
        return Outcome(403, "nobody talks in the other call")
    if other.referral is not None:
        return Outcome(491, "the other call is being transferred already")
    if other.locked_by not in (None, referral.actor):
        return Outcome(403, f"the other call is locked private by {other.locked_by}")
    if referral.joins and len(other.parties) >= conference.MOST_MEMBERS:
        return Outcome(486, f"the conference is full: it has {conference.MOST_MEMBERS} members")
    return None


def _send_together(conversation: Conversation, referral: Referral, call: Call, leg: Leg) -> Outcome:
    """This call is ready; the other one does the rest, when it comes to it."""
    other = call.conversation
    if other is None or other.party_on(leg) is None:
        _stay(conversation, referral)
        return Outcome(403, "the other call is over")
    referral.accept()
    conversation.after(_MERGE, MERGE_SECONDS)
    conversation.idle = MUSIC
    conversation.apply()
    other.mailbox.post(Merging(leg, conversation, referral))
    return Outcome(202, "both calls become one")


async def merging(conversation: Conversation, event: Merging) -> None:
    """A call from which a transferor wants to bring somebody here. What either party does meanwhile is up to them: in the end it is
    looked who is there."""
    referral, first = event.referral, event.other
    theirs = conversation.party_on(event.leg)
    if theirs is None or _may_not_merge(referral, conversation, event.leg) is not None:
        _fail(first, referral, 480)
        return
    conversation.referral = referral
    if not referral.joins:
        conversation.leaving = theirs
    anchored = await conversation.anchor() or (theirs not in conversation.parties and await conversation.anchor())
    still = first.referral is referral and conversation.referral is referral
    if anchored and still and _unite(first, conversation, referral):
        return
    _fail(first, referral, 480 if anchored else 488)
    _undo(conversation, referral)


def _unite(first: Conversation, second: Conversation, referral: Referral) -> bool:
    """Everybody into one call, at one stroke; False when nobody is left on one side.

    The weightier call goes on, with its record and rights, and absorbs the other one; of equals the second does.
    """
    leaving = (first.leaving, second.leaving)
    sides = [side.talking() for side in (first, second)]
    if not all(sides):
        return False
    stays, goes, coming = (first, second, sides[1]) if _weight(first) > _weight(second) else (second, first, sides[0])
    referral.tell(200)
    for conversation, party in zip((first, second), leaving, strict=True):
        conversation.referral = None
        conversation.cancel_timer(_MERGE.name)
        if party is not None:
            conversation.release(party)
    stays.since = stays.now
    stays.release_listeners()
    for party in coming:
        goes.hand_over(party)
        if goes.call.plan.confidential:
            party.shown = goes.call.plan.present_assistant or Presentation("", "anonymous")  # A24: the other call does not know why
        stays.record.call_ids.append(party.leg.call_id)
        stays.add(party, "transferred")
    goes.end()
    goes.mailbox.post(_OVER)
    return True


def _weight(conversation: Conversation) -> int:
    """A conference stays what it is, a confidential call confidential (A24), an executive's call theirs, and a call with somebody
    outside theirs."""
    subject = conversation.subject_party
    if conversation.room is not None:
        return 4
    if conversation.call.plan.confidential:
        return 3
    return 2 if conversation.executive is not None else int(subject is not None and subject.extension is None)


def _fail(first: Conversation, referral: Referral, status: int) -> None:
    """The calls stay two. Who waits in the first one has the transferor back."""
    if first.referral is referral:
        referral.tell(status)
        first.cancel_timer(_MERGE.name)
        _stay(first, referral)


def _undo(conversation: Conversation, referral: Referral) -> None:
    """The second call goes on without the transfer, if two of it are left."""
    if conversation.referral is referral:
        conversation.referral = conversation.leaving = None
        if conversation.goes_on():
            conversation.apply()
        else:
            conversation.end()


def gone(event: Merging) -> None:
    """The second call is over."""
    _fail(event.other, event.referral, 480)


def overdue(conversation: Conversation) -> None:
    """The other call has not come to it."""
    if conversation.referral is not None:
        _fail(conversation, conversation.referral, 504)


# --- how it goes on -----------------------------------------------------------------------------------------------------------


def progress(conversation: Conversation, event: Progress) -> None:
    """A phone that we ring for those who wait rings: they hear so."""
    if conversation.referral is None or conversation.hunt is None or conversation.hunt.branch_of(event.leg) is None:
        return
    conversation.referral.tell(180)
    if conversation.idle is not RINGING:
        conversation.idle = RINGING
        conversation.apply()


def arrived(conversation: Conversation, party: Party) -> None:
    """Somebody has answered the transferred call."""
    conversation.hunt = None
    conversation.add(party, "transferred")


def joins(conversation: Conversation, party: Party) -> None:
    """A party comes in. If that is what the transferor has waited for, they are let go first."""
    referral = conversation.referral
    if referral is None or conversation.hunt is not None or party.role != "talk":
        return
    conversation.referral = None
    conversation.cancel_timer(_MERGE.name)
    referral.tell(200)
    for each in (referral.party, conversation.leaving):
        if each is not None and each in conversation.parties:
            conversation.release(each)


def failed(conversation: Conversation, status: int, reason: str) -> bool:
    """Nobody takes the transferred call: the transferor is told, and has the other party back, there or by a call. False: there is no
    transfer."""
    referral = conversation.referral
    if referral is None:
        return False
    conversation.referral = None
    if conversation.leaving is not None and conversation.leaving in conversation.parties:
        referral.tell(status, reason)
        conversation.leaving = None
        conversation.apply("nobody answered")
    elif referral.rest is not None:
        conversation.ring(referral.rest, "recalled")
    else:
        return False
    return True


def broken_off(conversation: Conversation, transferor: str | None) -> None:
    """After a restart nothing comes of a transfer, if there was one: it is as before, or who is left alone has the transferor rung."""
    referral, conversation.referral = conversation.referral, None
    conversation.leaving = None
    if referral is not None:
        referral.tell(503)
    if conversation.goes_on():
        return
    if transferor is not None:
        _back(conversation, transferor)
    else:
        conversation.end()


def _back(conversation: Conversation, transferor: str) -> None:
    """Ring the transferor, who has hung up, and then where the executive's unanswered calls go."""
    waiting = conversation.talking()
    index = conversation.index
    if not waiting:
        conversation.end()
        return
    plan = handover.recall(index.directory, transferor, showing.waiting(conversation, waiting[0]), index.local_time())
    if plan.action == "ring" and conversation.anchored:
        conversation.ring(plan, "recalled")
    else:
        conversation.say_unavailable()


def leaves(conversation: Conversation, party: Party) -> None:
    """A party is about to be let go. If it is the transferor, they are told first that it went well: else `release` has told them."""
    referral = conversation.referral
    if referral is not None and party is referral.party and party.leg.state is CONFIRMED:
        referral.accept()
        referral.tell(200)


def release(conversation: Conversation) -> None:
    """The conversation is over: nobody is told anything any more."""
    referral, conversation.referral = conversation.referral, None
    if referral is not None and referral.home == conversation.id:
        referral.tell(487)
