"""The directory: an immutable snapshot of the organisation that every call is decided on.

Built once from the configuration (`Directory.build`), replaced as a whole when the directory is re-read, never changed. Every
lookup on the call path is one dict access, and everything about ringing that does not depend on the call is worked out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from b2bua.delegation.features import FeatureCodes
from b2bua.delegation.numbering import NumberPlan
from b2bua.delegation.people import (
    DEFAULT_RIGHTS,
    SECONDS_PER_RING,
    Account,
    Alerting,
    Delegation,
    Executive,
    Filtering,
    OnBehalf,
    Right,
    Rollover,
    TrunkRoute,
    User,
    accounts_of,
)
from b2bua.delegation.plan import Stage
from b2bua.delegation.ringplan import RingPlan, plain_stages, ring_plan

__all__ = [
    "DEFAULT_RIGHTS",
    "SECONDS_PER_RING",
    "Account",
    "Alerting",
    "Delegation",
    "Directory",
    "Executive",
    "Filtering",
    "OnBehalf",
    "Right",
    "Rollover",
    "TrunkRoute",
    "User",
]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Directory:
    """Who there is, who works for whom, and where numbers lead. Make one with `build`."""

    organisation: str
    domain: str
    hosts: frozenset[str]
    """The domain and its aliases, lower case."""
    users: Mapping[str, User]
    """By extension."""
    executives: Mapping[str, Executive]
    """By extension."""
    numbers: NumberPlan
    codes: FeatureCodes
    trunks: tuple[TrunkRoute, ...]
    lines: Mapping[str, Delegation]
    """By the name of the delegated line, ``<assistant>-<executive>``."""
    ring_plans: Mapping[str, RingPlan]
    """By the executive's extension."""
    phones: Mapping[str, tuple[Stage, ...]]
    """By extension: the stages of a plain call to this user."""
    delegations: Mapping[str, tuple[Delegation, ...]]
    """By the assistant's extension: for whom they work. Users who are nobody's assistant are not in it."""
    warnings: tuple[str, ...] = ()
    """What the configuration allows but probably does not mean, as ``file:line: key: text``."""

    @classmethod
    def build(
        cls,
        *,
        domain: str,
        users: Iterable[User],
        executives: Iterable[Executive] = (),
        trunks: Iterable[TrunkRoute] = (),
        emergency: Iterable[str] = (),
        feature_codes: Mapping[str, str] | None = None,
        organisation: str = "",
        aliases: Iterable[str] = (),
        warnings: Iterable[str] = (),
    ) -> Directory:
        """A snapshot of checked settings (`b2bua.config` does the checking); raises nothing on consistent input."""
        trunks = tuple(trunks)
        by_extension = {user.extension: user for user in users}
        bosses = {executive.extension: executive for executive in executives}
        lines = {delegation.line: delegation for boss in bosses.values() for delegation in boss.delegations}
        numbers = NumberPlan(by_extension, {line: each.assistant for line, each in lines.items()}, trunks, emergency)
        return cls(
            organisation=organisation,
            domain=domain,
            hosts=frozenset(host.lower() for host in (domain, *aliases)),
            users=MappingProxyType(by_extension),
            executives=MappingProxyType(bosses),
            numbers=numbers,
            codes=FeatureCodes(feature_codes or {}),
            trunks=trunks,
            lines=MappingProxyType(lines),
            ring_plans=MappingProxyType({extension: _ring_plan(boss, numbers) for extension, boss in bosses.items()}),
            phones=MappingProxyType({extension: plain_stages(extension) for extension in by_extension}),
            delegations=MappingProxyType(_by_assistant(lines.values())),
            warnings=tuple(warnings),
        )

    def is_ours(self, host: str) -> bool:
        """Whether `host` is the domain or one of its aliases."""
        return host.lower() in self.hosts

    def delegation(self, assistant: str, executive: str) -> Delegation | None:
        """The delegation between the two extensions, None when there is none."""
        return self.lines.get(f"{assistant}-{executive}")

    def find(self, text: str) -> User | None:
        """The user with this extension or outside number."""
        user = self.users.get(text)
        if user is not None:
            return user
        owner = self.numbers.owner_of(text)
        return None if owner is None else self.users[owner]

    def account(self, name: str) -> Account | None:
        """The digest user `name`: an extension or a delegated line; None when there is no such account."""
        user = self.users.get(name)
        if user is not None:
            return Account(name, name, None, user.password)
        delegation = self.lines.get(name)
        if delegation is None:
            return None
        return Account(name, delegation.assistant, delegation.executive, self.users[delegation.assistant].password)

    def accounts(self) -> Iterator[Account]:
        """Every account that may register, for hashing passwords ahead."""
        for user in self.users.values():
            yield from accounts_of(user, self.delegations.get(user.extension, ()))

    def __repr__(self) -> str:
        return f"Directory({self.organisation!r}, {len(self.users)} users, {len(self.executives)} executives)"


def _ring_plan(executive: Executive, numbers: NumberPlan) -> RingPlan:
    forward = executive.rollover.forward
    return ring_plan(executive, None if forward is None else numbers.resolve(forward))


def _by_assistant(delegations: Iterable[Delegation]) -> dict[str, tuple[Delegation, ...]]:
    found: dict[str, tuple[Delegation, ...]] = {}
    for delegation in delegations:
        found[delegation.assistant] = (*found.get(delegation.assistant, ()), delegation)
    return found
