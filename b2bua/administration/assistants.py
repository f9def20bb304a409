"""The list of assistants in an executive's entry: who is shown what of it, who may change what of it, and who must accept (E1, B5). Pure.

An item is an extension, short for all defaults, or a mapping with ``extension``, ``rights``, ``approval`` …
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from b2bua.administration.entries import Body
from b2bua.administration.viewer import Viewer
from b2bua.delegation.people import DEFAULT_RIGHTS
from b2bua.errors import Refused

RING_FIELDS: Final = frozenset({"ring_seconds", "rings"})
"""What an assistant with `manage` may change of the own item: how long their phones ring."""
PART_OF_FILTERING: Final = ("enabled", "mode", "type")
"""What assistants without `manage` are shown of the filter: whether it is on, and for which calls; not the criteria."""


def items(body: Body | None) -> dict[str, Mapping[str, Any]]:
    """The assistants by extension, in ring order; what is no item is left out (the schema refuses it)."""
    found: dict[str, Mapping[str, Any]] = {}
    for each in _list(body):
        if isinstance(each, Mapping):
            found[str(each.get("extension"))] = each
        else:
            found[str(each)] = {"extension": each}
    return found


def rights(item: Mapping[str, Any] | None) -> frozenset[str]:
    """The rights of an item; none where there is no item."""
    if item is None:
        return frozenset()
    written = item.get("rights")
    return frozenset(map(str, written)) if isinstance(written, list | tuple) else frozenset(DEFAULT_RIGHTS)


def approval(item: Mapping[str, Any]) -> str:
    """Whether the delegation counts: approved, pending or declined."""
    return str(item.get("approval", "approved"))


def own_part(body: dict[str, Any], extension: str | None) -> dict[str, Any]:
    """An executive's entry for one of their assistants: the own item whole, of the others only who they are."""
    part = dict(body)
    if isinstance(part.get("filtering"), Mapping):
        part["filtering"] = {key: part["filtering"][key] for key in PART_OF_FILTERING if key in part["filtering"]}
    if "assistants" in part:
        part["assistants"] = [dict(item) if each == extension else each for each, item in items(body).items()]
    return part


def asked(body: dict[str, Any], extension: str | None) -> dict[str, Any]:
    """An executive's entry for somebody who has not accepted: who asks, and what for."""
    return {"extension": body["extension"], "assistants": [dict(item) for each, item in items(body).items() if each == extension]}


def accepted(viewer: Viewer, before: Body | None, after: Body, acceptance: bool) -> Body:
    """The entry as it may be written where assistants must accept: new ones are pending, and nobody accepts for them.

    Administrators may write another approval; whoever writes none leaves it as it is. Raises Refused.
    """
    if not acceptance or not isinstance(after.get("assistants"), list | tuple):
        return after
    known = items(before)
    return {**after, "assistants": [_accepted(viewer, each, known) for each in after["assistants"]]}


def _accepted(viewer: Viewer, item: Any, known: Mapping[str, Mapping[str, Any]]) -> Any:
    written = dict(item) if isinstance(item, Mapping) else {"extension": item}
    extension = str(written.get("extension"))
    old = known.get(extension)
    if old is None:
        settled = "approval" in written and (viewer.administers or written["approval"] != "approved")
        return item if settled else {**written, "approval": "pending"}
    if "approval" not in written:
        return item if approval(old) == "approved" else {**written, "approval": approval(old)}
    if approval(written) == "approved" and approval(old) != "approved" and not viewer.administers and extension != viewer.extension:
        raise Refused(403, f"{extension} has not accepted yet, and nobody but {extension} and administrators can do that")
    return item


def is_answer(viewer: Viewer, before: Body, after: Body) -> bool:
    """Whether the change is nothing but the viewer's own yes or no to a pending delegation, also where nobody must accept any more."""
    if viewer.extension is None:
        return False
    old, new = items(before), items(after)
    mine, answer = old.get(viewer.extension), new.get(viewer.extension)
    if mine is None or answer is None or approval(mine) != "pending" or approval(answer) not in ("approved", "declined"):
        return False
    rest = {key: value for key, value in before.items() if key != "assistants"} == {key: value for key, value in after.items() if key != "assistants"}
    others = list(old) == list(new) and len(_list(before)) == len(_list(after)) and all(old[each] == new[each] for each in old if each != viewer.extension)
    return rest and others and _without(mine, {"approval"}) == _without(answer, {"approval"})


def answered(body: Body, extension: str, *, accept: bool) -> dict[str, Any]:
    """The executive's entry with the assistant's yes or no."""
    word = "approved" if accept else "declined"
    changed = [{**item, "approval": word} if each == extension else _plain(item) for each, item in items(body).items()]
    return {**body, "assistants": changed}


def settled(body: Body) -> dict[str, Any]:
    """The executive's entry with each approval written out: under another name they are what they were."""
    return {**body, "assistants": [{**item, "approval": approval(item)} for item in items(body).values()]} if "assistants" in body else dict(body)


def check_managed(viewer: Viewer, executive: str, before: Body, after: Body) -> None:
    """What an assistant with `manage` may do to the list: order, ring times, who is in it, and rights that they have themselves.

    Nobody widens the own rights, makes or unmakes another who manages, or gives away what they have not got. Raises Refused.
    """
    old, new = items(before), items(after)
    own = viewer.extension or ""
    if len(new) != len(_list(after)):
        raise Refused(422, "an assistant stands twice in the list; write each once")
    if _without(old.get(own, {}), RING_FIELDS) != _without(new.get(own, {}), RING_FIELDS):
        raise Refused(403, f"of your own delegation for {executive} you may change nothing but the place and the ring time: ask {executive}")
    mine = rights(old.get(own))
    for extension in {**old, **new}:
        if extension != own:
            _check_item(extension, executive, old.get(extension), new.get(extension), mine)


def _check_item(extension: str, executive: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, mine: frozenset[str]) -> None:
    had, has = rights(old), rights(new)
    if ("manage" in had) != ("manage" in has):
        raise Refused(403, f"only {executive} and administrators give and take the right 'manage' (of {extension})")
    more = sorted(has - had - mine)
    if more:
        raise Refused(403, f"you have no right '{more[0]}' for {executive}, so you cannot give it to {extension}")
    if old is None or new is None:
        return
    if approval(new) == "approved" and approval(old) != "approved":
        raise Refused(403, f"only {executive} and administrators approve what is {approval(old)} (of {extension})")
    if "manage" in had and _without(old, RING_FIELDS) != _without(new, RING_FIELDS):
        raise Refused(403, f"{extension} has the right 'manage', too: only {executive} and administrators change their delegation")


def _list(body: Body | None) -> list[Any]:
    written = (body or {}).get("assistants")
    return list(written) if isinstance(written, list | tuple) else []


def _without(item: Mapping[str, Any], fields: frozenset[str] | set[str]) -> dict[str, Any]:
    """The item for comparing: what is written out and what is the default are the same."""
    plain = {key: value for key, value in item.items() if key not in fields and value is not None}
    return plain | {"rights": sorted(rights(item)), "approval": approval(item) if "approval" not in fields else ""}


def _plain(item: Mapping[str, Any]) -> Any:
    return item["extension"] if list(item) == ["extension"] else dict(item)
