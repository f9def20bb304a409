"""Sending a call to the executive, and back: push, recall, hand-over note, announcement, give back (C5, C13, C14).

Whoever is sent away waits with music, and what rings for them is one plan: the executive, then who has sent them away, then the
executive's rollover. So nobody can be lost between two people. With a note the executive is asked before the call is connected; with
an announcement the assistant speaks to the executive first. Both happen aside: who waits hears none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from b2bua.calls import showing
from b2bua.calls.commands import GiveBack, Outcome, PushBack
from b2bua.calls.events import Deadline
from b2bua.calls.hunt import Hunt
from b2bua.calls.identity import reason
from b2bua.calls.party import Aside, Party
from b2bua.calls.topology import RINGING
from b2bua.delegation import handover, incall
from b2bua.delegation.callerid import printable
from b2bua.delegation.plan import RoutePlan, Stage
from b2bua.delegation.situation import Refusal
from b2bua.media.engine import Play

if TYPE_CHECKING:
    from b2bua.calls.conversation import Conversation

Result = Literal["accepted", "later", "message"]
"""What the executive says to a call that is handed over; the word in the log and in the record."""

ANSWER_SECONDS: Final = 10.0
"""How long the executive is asked; then the call is connected, for whoever has answered is there."""
_NOTE: Final = Deadline("note")
_QUESTION: Final = Play("note", ("note", "accept"))
_ANSWERS: Final[dict[str, Result]] = {"1": "accepted", "2": "later", "3": "message"}
_SHOWN: Final[dict[Result, str]] = {"later": "Later", "message": "Take a message"}
"""What the assistant's phone shows when the call comes back."""
GIVEN_BACK: Final = "given back"
"""Why a call rings that somebody has just answered."""
_ANNOUNCED: Final = "push_announced"
"""`RoutePlan.feature` of the plan that rings the executive for who announces a call."""


# --- push ---------------------------------------------------------------------------------------------------------------------


async def push_back(conversation: Conversation, command: PushBack) -> Outcome:
    """Ring the executive for the other party; the actor's part in the call is over, or they stay to announce it (C5, C13)."""
    party = conversation.party_of(command.actor)
    if party is None:
        return Outcome(403, "you are not in this call")
    if party.aside == "announcing":
        return _hand_on(conversation, party, command)
    plan = _plan(conversation, party)
    if isinstance(plan, Outcome):
        return plan
    refused = await _bring(conversation, party, announced=command.announced)
    if refused is not None:
        return refused
    conversation.note, conversation.sent_by = printable(command.note), command.actor
    plan = _noted(plan, conversation.note)
    name = _name(conversation, plan.called)
    if command.announced and party in conversation.parties:
        party.aside = "announcing"
        first = plan._replace(stages=plan.stages[:1], rollover=(), rollover_after=None, feature=_ANNOUNCED)
        conversation.ring(first, "announced")
        return Outcome(200, f"{name} is rung: speak to them first")
    conversation.release(party, reason(f"Sent to {name}"))
    conversation.release_listeners()
    conversation.ring(plan, "sent to the executive")
    return Outcome(200, f"sent to {name}")


def _plan(conversation: Conversation, party: Party) -> RoutePlan | Outcome:
    """What rings when `party` sends the call away, or why it stays."""
    index, at, subject = conversation.index, conversation.index.local_time(), conversation.subject()
    actor = party.extension or ""
    refused = incall.may(index.directory, actor, "push_back", subject, at)
    if refused:
        return Outcome(403, refused)
    executive = incall.executive_for(index.directory, actor, subject)
    if isinstance(executive, Refusal):
        return Outcome(executive.status, executive.warning)
    waiting = conversation.talking(party)
    if conversation.room is not None or len(waiting) != 1:
        return Outcome(403, "there is nobody, or more than one, to send to the executive")
    if conversation.hunt is not None:
        return Outcome(409, "somebody is being rung for this call")
    plan = handover.push_back(index.directory, executive, actor, showing.waiting(conversation, waiting[0]), at)
    if plan.action != "ring":
        return Outcome(plan.final_status, plan.warning)
    return plan if conversation.reaches(plan) else Outcome(480, "the executive cannot be reached")


async def _bring(conversation: Conversation, party: Party, *, announced: bool) -> Outcome | None:
    """Bring the sound of who waits to the engine, and that of `party` if they stay; why that cannot be, None when it is done. `party` may
    hang up meanwhile."""
    media, waiting = conversation.index.media, conversation.talking(party)
    if media is None or not media.available:
        return Outcome(488, "there is no media engine for this call")
    if announced and "mix" not in media.abilities:
        return Outcome(488, "the media engine cannot mix: the call can be sent, but not announced")
    anchored = await conversation.bring(party, stays=announced)
    if conversation.talking(party) != waiting:
        return Outcome(404, "somebody has hung up")
    return None if anchored else Outcome(488, "the other phone does not let its sound be moved")


def _noted(plan: RoutePlan, note: str) -> RoutePlan:
    """With `note` on the phones of whoever is rung first: the executive, or the assistant to whom the call comes back.

    Not on those of others to whom the executive forwards calls, and not outside.
    """
    if not note or not plan.stages:
        return plan
    first: Stage = plan.stages[0]
    endpoints = tuple(each._replace(note=note) if each.role in ("executive", "assistant") and each.kind == "user" else each for each in first.endpoints)
    return plan._replace(stages=(first._replace(endpoints=endpoints), *plan.stages[1:]))


def _name(conversation: Conversation, extension: str) -> str:
    user = conversation.index.directory.users.get(extension)
    return user.name if user is not None else extension


# --- somebody answers, or nobody does -----------------------------------------------------------------------------------------


def arrived(conversation: Conversation, party: Party) -> None:
    """Somebody has answered for those who wait."""
    hunt, conversation.hunt = conversation.hunt, None
    endpoint = party.leg.endpoint
    recalled = endpoint is not None and endpoint.alert == "recall"
    if hunt is not None and hunt.plan.feature == _ANNOUNCED and _who_is(conversation, "announcing") is not None:
        party.aside = "told"
        conversation.add(party, "announced")
    elif endpoint is not None and endpoint.note and not recalled:
        party.aside = "asked"
        conversation.add(party, "asked")
        conversation.play(party, _QUESTION)
        conversation.after(_NOTE, ANSWER_SECONDS)
    else:
        conversation.add(party, "recalled" if recalled and conversation.why not in _SHOWN else conversation.why)


def failed(conversation: Conversation, hunt: Hunt) -> bool:
    """Nobody has answered; whether that was an announcement: who announces has the call back, or is rung if they have hung up."""
    if hunt.plan.feature != _ANNOUNCED:
        return False
    announcing = _who_is(conversation, "announcing")
    if announcing is None:
        _recall(conversation, "", "recalled")
    else:
        announcing.aside = ""
        conversation.apply("nobody answered")
        conversation.play(announcing, Play(f"tone:error:{conversation.now}", ("tone:error",), over=True))
    return True


def _recall(conversation: Conversation, note: str, why: str) -> None:
    """The call comes back to who has sent it."""
    index = conversation.index
    waiting = next((each for each in conversation.heard_parties() if each.role == "talk"), None)
    if waiting is None:
        conversation.end()
        return
    plan = handover.recall(index.directory, conversation.sent_by, showing.waiting(conversation, waiting), index.local_time())
    conversation.ring(_noted(plan, note), why)


# --- aside: the executive is asked, or told (C13) -----------------------------------------------------------------------------


def _who_is(conversation: Conversation, aside: Aside) -> Party | None:
    return next((party for party in conversation.parties if party.aside == aside), None)


def waits(conversation: Conversation, party: Party) -> bool:
    """Whether `party` is aside, and alone there."""
    return bool(party.aside) and sum(bool(each.aside) for each in conversation.parties) == 1


def settle(conversation: Conversation) -> None:
    """Nobody stays aside for whom there is no reason any more: whom they were to speak to is gone, or was taken elsewhere."""
    if conversation.hunt is None:
        for party in conversation.parties:
            if party.aside in ("announcing", "told") and waits(conversation, party):
                party.aside = ""


def answered_by_key(conversation: Conversation, party: Party, digit: str) -> bool:
    """Whether a key answers what the executive was asked (C13)."""
    result = _ANSWERS.get(digit)
    if party.aside not in ("asked", "told") or result is None:
        return False
    if result == "accepted":
        _connect(conversation)
    else:
        _decline(conversation, party, result)
    return True


def note_deadline(conversation: Conversation) -> None:
    """The executive has not answered what was asked."""
    if _who_is(conversation, "asked") is not None:
        _connect(conversation)


def left(conversation: Conversation, party: Party, reason: str = "") -> bool:
    """`party` has hung up and is gone; whether that was dealt with here: it was aside, or the others are, and nobody waits any more."""
    if not conversation.heard_parties():
        return False
    if party.aside == "announcing":
        _leave(conversation)
    elif party.aside in ("asked", "told"):
        _decline(conversation, party, "later")
    elif any(each.aside for each in conversation.parties) and not any(each.role == "talk" and not each.aside for each in conversation.parties):
        conversation.end(headers=reason)
    else:
        return False
    return True


def _hand_on(conversation: Conversation, party: Party, command: PushBack) -> Outcome:
    """Who announces a call needs not wait until the executive has said that they take it."""
    if command.announced:
        return Outcome(409, "you are announcing this call")
    conversation.release(party, reason("Sent to the executive"))
    _leave(conversation)
    return Outcome(200, "sent to the executive")


def _leave(conversation: Conversation) -> None:
    """Who has announced the call is gone: it is the executive's, or rings for them on."""
    if _who_is(conversation, "told") is not None:
        _connect(conversation)
    elif conversation.hunt is not None:
        conversation.apply("sent to the executive")
    else:
        _recall(conversation, "", "recalled")


def _connect(conversation: Conversation) -> None:
    """The executive takes the call."""
    announcing = _who_is(conversation, "announcing")
    _finish(conversation, "accepted")
    for party in conversation.parties:
        party.aside = ""
    if announcing is not None:
        conversation.release(announcing, reason("The executive has taken the call"))
    conversation.apply("accepted")
    conversation.introduce()


def _decline(conversation: Conversation, party: Party, result: Result) -> None:
    """The executive does not take the call now: it goes back to who has sent it."""
    announcing = _who_is(conversation, "announcing")
    _finish(conversation, result)
    conversation.release(party)
    if announcing is None:
        _recall(conversation, _SHOWN[result], result)
        return
    announcing.aside = ""
    conversation.record.answered_by = announcing.extension
    conversation.apply(result)


def _finish(conversation: Conversation, result: Result) -> None:
    """Nobody is asked any more."""
    conversation.cancel_timer(_NOTE.name)
    conversation.plays = {id_: play for id_, play in conversation.plays.items() if play.id != _QUESTION.id}
    conversation.index.log.info("handed over", call=conversation.id, sent_by=conversation.sent_by, result=result)


# --- give back (C14) ----------------------------------------------------------------------------------------------------------


async def give_back(conversation: Conversation, command: GiveBack) -> Outcome:
    """Return a call that was just answered to ringing, for the others (C14). The caller hears it ring."""
    party = conversation.party_of(command.actor)
    if party is None:
        return Outcome(403, "you are not in this call")
    index, at = conversation.index, conversation.index.local_time()
    refused = incall.may(index.directory, command.actor, "give_back", conversation.subject(), at)
    if refused:
        return Outcome(403, refused)
    waiting = conversation.talking(party)
    if conversation.room is not None or len(waiting) != 1 or party.aside:
        return Outcome(403, "there is nobody, or more than one, to ring for")
    if conversation.hunt is not None:
        return Outcome(409, "somebody is being rung for this call")
    gave_back = tuple(dict.fromkeys((*conversation.gave_back, command.actor)))
    plan = handover.give_back(index.directory, conversation.call.plan, gave_back, showing.waiting(conversation, waiting[0]), at)
    if plan.action != "ring":
        return Outcome(plan.final_status, plan.warning)
    no_engine = await _bring(conversation, party, announced=False)
    if no_engine is not None:
        return no_engine
    conversation.gave_back = gave_back
    conversation.release(party, reason("You have given the call back"))
    conversation.release_listeners()
    conversation.ring(plan, GIVEN_BACK, RINGING)
    return Outcome(200, "given back")
