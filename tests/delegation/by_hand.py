"""The rules of FEATURES.md once more, written the slow and obvious way, to compare the decision with.

Nothing here calls the code under test, apart from the settings as they are written: whoever changes a rule changes it twice.
"""

from datetime import datetime

from b2bua.delegation.callers import Callers
from b2bua.delegation.model import Directory
from b2bua.delegation.people import Criterion, Delegation, Executive, Right
from b2bua.delegation.plan import Caller, SettingKind
from tests.delegation.strategies import MOBILES, PEOPLE
from tests.delegation.test_schedule import is_off_by_hand, open_by_hand

MOST_DIVERTS = 5


def digits(number: str) -> str:
    """Numbers are the same when their digits are; other text is itself."""
    return "".join(filter(str.isdigit, number)) if number and set(number) <= set("+().- 0123456789") else number


class ByHand:
    """The answers for one call at one time."""

    def __init__(self, directory: Directory, caller: Caller, now: datetime) -> None:
        self.directory, self.caller, self.now = directory, caller, now

    def setting(self, kind: SettingKind, subject: str, about: str = "") -> str | None:
        """What a phone has set, unless its time is over."""
        for (each, whose, whom), setting in self.directory.state.settings.items():
            if (each, whose, whom) == (kind, subject, about) and (setting.until is None or self.now.timestamp() < setting.until):
                return setting.value
        return None

    def on(self, kind: SettingKind, subject: str, usual: bool) -> bool:
        return {"on": True, "off": False, None: usual}[self.setting(kind, subject)]

    # --- who is meant

    def among(self, callers: Callers) -> bool:
        """Whether the caller is one of `callers`, as they are written (A10)."""
        return any(self._is(entry) for entry in callers.text.split(", "))

    def _is(self, entry: str) -> bool:
        caller = self.caller
        outside = caller.kind == "trunk"
        words = {
            "anybody": True,
            "any": True,
            "nobody": False,
            "internal": not outside,
            "external": outside,
            "anonymous": caller.anonymous and not caller.unavailable,
            "unavailable": caller.unavailable,
        }
        if entry in words:
            return words[entry]
        if outside and caller.anonymous:
            return False
        number = digits(caller.number)
        return number.startswith(digits(entry[:-1])) if entry.endswith("*") else number == digits(entry)

    # --- the filter (A9-A12, A20, A24)

    def confidential(self, executive: Executive) -> bool:
        return executive.confidential is not None and self.among(executive.confidential)

    def filtered(self, executive: Executive, dialled: str) -> bool:
        """Whether the call goes to the assistants."""
        caller, filtering = self.caller, executive.filtering
        if executive.kind != "executive":
            return True
        matching = [each for each in filtering.criteria if self.matches(each, executive, dialled)]
        past = (
            self.confidential(executive)
            or any(not each.filter for each in matching)
            or any(each.assistant == caller.extension and self.in_force(each) for each in executive.delegations)
            or (filtering.executives_pass and self.is_executive(caller.extension))
        )
        if past or not self.on("filter", executive.extension, filtering.enabled):
            return False
        if filtering.mode == "criteria":
            return any(each.filter for each in matching)
        return filtering.type in ("all", "internal" if caller.kind == "user" else "external")

    def is_executive(self, extension: str | None) -> bool:
        return any(each.kind == "executive" and each.extension == extension for each in self.directory.executives.values())

    def matches(self, criterion: Criterion, executive: Executive, dialled: str) -> bool:
        local = self.now.astimezone(executive.time_zone)
        return (
            criterion.active
            and self.among(criterion.callers)
            and (not criterion.dialled or digits(dialled) in {digits(each) for each in criterion.dialled})
            and (criterion.during is None or open_by_hand(criterion.during, local))
            and (criterion.outside is None or not open_by_hand(criterion.outside, local))
            and (
                criterion.holidays is None
                or (
                    local.date() not in dict(criterion.holidays.exceptions)
                    and is_off_by_hand(criterion.holidays.holidays, local.date())
                )
            )
        )

    # --- the assistants (A13, A14, A18, A24, A25, B5, B6)

    def in_force(self, delegation: Delegation) -> bool:
        begun = delegation.begins is None or delegation.begins <= self.now
        over = delegation.ends is not None and delegation.ends <= self.now
        return delegation.approval == "approved" and begun and not over

    def on_duty(self, delegation: Delegation) -> bool:
        """Duty plays a part only where a profile names the executive; a profile that the agent no longer has was not chosen."""
        profiles = self.directory.duty.get(delegation.executive, ())
        chosen = self.setting("duty", delegation.assistant)
        if chosen and all(chosen != each.name for each in self.directory.profiles.get(delegation.assistant, ())):
            chosen = None
        return not profiles or any(
            delegation.assistant in each.agents and (each.active if chosen is None else each.name == chosen) for each in profiles
        )

    def takes(self, delegation: Delegation) -> bool:
        """Whether this assistant takes the call."""
        assistant = self.directory.users[delegation.assistant]
        local = self.now.astimezone(assistant.time_zone)
        return (
            "receive" in delegation.rights
            and self.in_force(delegation)
            and self.on_duty(delegation)
            and self.among(delegation.callers)
            and assistant.extension != self.caller.extension
            and not ("opt" in delegation.rights and self.setting("opt", assistant.extension, delegation.executive) == "out")
            and not self.on("dnd", assistant.extension, assistant.dnd)
            and (not delegation.respect_hours or assistant.hours is None or open_by_hand(assistant.hours, local))
        )

    def may_speak_as(self, assistant: str | None, executive: str) -> bool:
        boss = self.directory.executives.get(executive)
        return boss is not None and any(
            each.assistant == assistant
            and "call" in each.rights
            and self.in_force(each)
            and self.on_duty(each)
            and boss.may_be_impersonated
            for each in boss.delegations
        )

    def has_right(self, assistant: str | None, executive: str, right: Right) -> bool:
        delegations = self.directory.executives[executive].delegations
        return any(each.assistant == assistant and right in each.rights and self.in_force(each) for each in delegations)

    def where(self, assistant: str) -> str:
        """The extension, or the outside number with a ``+``, at which this assistant takes filtered calls (A14)."""
        at, passed = assistant, [assistant]
        while (target := self.diverts_to(at)) is not None:
            if target in passed or len(passed) > MOST_DIVERTS:
                return assistant
            if digits(target) in {digits(each) for each in MOBILES}:
                return f"+{digits(target)}"
            if target not in PEOPLE:
                return assistant
            at = target
            passed.append(at)
        return assistant if self.on("dnd", at, self.directory.users[at].dnd) else at

    def diverts_to(self, extension: str) -> str | None:
        divert = self.directory.users[extension].divert
        return (self.setting("divert_to", extension) or divert.number) if self.on("divert", extension, divert.enabled) else None

    def rung(self, executive: Executive) -> set[str]:
        """The extensions and outside numbers at which the assistants are rung."""
        found: set[str] = set()
        for each in executive.delegations:
            member = self.directory.executives.get(each.assistant)
            if executive.kind != "executive" and member and self.represented(each, member):
                found |= {self.where(one.assistant) for one in member.delegations if self.takes(one)}
            elif self.takes(each):
                found.add(self.where(each.assistant))
        return found

    def represented(self, delegation: Delegation, member: Executive) -> bool:
        """Delegation first (A4): with the filter on, the assistants of a member ring; confidential contacts they never see."""
        filtering = self.on("filter", member.extension, member.filtering.enabled)
        approved = "receive" in delegation.rights and delegation.approval == "approved"
        return approved and filtering and not self.confidential(member)
