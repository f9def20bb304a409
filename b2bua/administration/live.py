"""The live view: which page is told what, the moment it happens (D4, D9).

The bus tells of every change; what has changed is written down and told every `BATCH_SECONDS`, so that a call which changes ten times in
between costs once. What several pages may see alike is written as JSON once. While no page is open, nothing is listened to.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any, Final, Literal, Protocol, TypeVar

from b2bua.administration.desk import Desk, Watched, watched_by
from b2bua.administration.page import RESTART, TOO_MANY, TRY_AGAIN, Page, PageClosed
from b2bua.administration.ports import Switchboard
from b2bua.administration.sight import Eyes, allowed, keys_of, show, sight_of
from b2bua.administration.viewer import Viewer
from b2bua.administration.writing import Writing, dumps
from b2bua.cluster.bus import CallChanged, CallEnded, CallView, DirectoryChanged, Event, PhonesChanged, SettingsChanged

BATCH_SECONDS: Final = 0.04
MINUTE: Final = 60.0
"""How often everything is looked at again: delegations begin and end, a choice is over, somebody goes home."""
TURN_SECONDS: Final = 0.003
"""For so long the calls wait, at most, while pages are told; the rest is told a batch later."""
MOST_PAGES: Final = 2000
MOST_OF_ACCOUNT: Final = 10

Json = dict[str, Any]
_T = TypeVar("_T")
_K = TypeVar("_K")
_V = TypeVar("_V")


class Handle(Protocol):
    """A call that is due."""

    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Handle]


def _on_the_loop(seconds: float, work: Callable[[], None]) -> Handle:
    return asyncio.get_running_loop().call_later(seconds, work)


class Live:
    """Every open page. On the event loop; `later` runs something after so many seconds, `wall` is the time since the epoch."""

    def __init__(self, switchboard: Switchboard, wall: Callable[[], float], later: Later = _on_the_loop) -> None:
        self._switchboard = switchboard
        self._wall = wall
        self._later = later
        self._writing = Writing(switchboard, Desk(switchboard, self._busy))
        self._pages: dict[Page, Watched] = {}
        self._by_key: dict[str, set[Page]] = {}
        self._by_watched: dict[str, set[Page]] = {}
        self._calls: dict[str, CallView] = {}
        self._keys_of_calls: dict[str, frozenset[str]] = {}
        self._calls_by_key: dict[str, set[str]] = {}
        self._knowing: dict[str, set[Page]] = {}
        self._dirty_calls: dict[str, CallEnded | None] = {}
        self._dirty_people: dict[str, None] = {}
        self._dirty_cards: dict[str, None] = {}
        self._news: dict[Page, str] = {}
        self._stale: dict[Page, None] = {}
        self._unlisten: Callable[[], None] | None = None
        self._flushing: Handle | None = None
        self._minute: Handle | None = None

    # --- pages ------------------------------------------------------------------------------------------------------------------

    @property
    def pages(self) -> int:
        return len(self._pages)

    def connect(self, viewer: Viewer) -> Page:
        """A new page, which is told the whole state first. Raises PageClosed when there are too many altogether.

        The eleventh of an account closes the first: a browser that has gone away without a word must keep nobody out.
        """
        if len(self._pages) >= MOST_PAGES:
            raise PageClosed(TRY_AGAIN, "too many pages are open")
        same = [each for each in self._pages if each.viewer.account == viewer.account]
        for page in same[: max(0, len(same) - MOST_OF_ACCOUNT + 1)]:
            page.close(TOO_MANY, f"more than {MOST_OF_ACCOUNT} pages of this account are open")
            self.disconnect(page)
        self._begin()
        page = Page(viewer, self._wall)
        self._place(page)
        self._tell_all(page)
        return page

    def renew(self, page: Page, viewer: Viewer) -> bool:
        """The viewer may look; whether at something else than before. Then all is told anew."""
        if page not in self._pages or page.viewer == viewer:
            return False
        page.viewer, page.eyes = viewer, Eyes.of(viewer)
        self._place(page)
        self._tell_all(page)
        return True

    def disconnect(self, page: Page) -> None:
        """The connection is gone. Twice does no harm."""
        if page not in self._pages:
            return
        del self._pages[page]
        _leave(self._by_key, page.keys, page)
        _leave(self._by_watched, page.watching, page)
        _leave(self._knowing, page.calls, page)
        if not self._pages:
            self._end()

    def recheck(self, account: str) -> None:
        """What the account may has changed, or its session is over."""
        for page in self._pages:
            if page.viewer.account == account:
                page.recheck = True
                page.wake()

    def close(self) -> None:
        """The server stops: every page comes back when it runs again."""
        for page in tuple(self._pages):
            page.close(RESTART, "the server restarts")
            self.disconnect(page)

    def _place(self, page: Page) -> None:
        """What concerns the page, as the directory stands."""
        _leave(self._by_key, page.keys, page)
        _leave(self._by_watched, page.watching, page)
        watched = self._pages[page] = watched_by(self._switchboard.directory, page.viewer, self._switchboard.now())
        own = _own(page.viewer)
        page.keys = own.union(watched.executives)
        page.watching = own.union(watched.executives, watched.people)
        _enter(self._by_key, page.keys, page)
        _enter(self._by_watched, page.watching, page)

    def _begin(self) -> None:
        if self._unlisten is not None:
            return
        self._unlisten = self._switchboard.bus.listen(self._hear)
        for call in self._switchboard.calls():
            self._keep(call)
        self._minute = self._later(MINUTE, self._tick)

    def _end(self) -> None:
        """The last page is gone."""
        if self._unlisten is not None:
            self._unlisten()
        for handle in (self._flushing, self._minute):
            if handle is not None:
                handle.cancel()
        self._unlisten = self._flushing = self._minute = None
        for each in (self._calls, self._keys_of_calls, self._calls_by_key, self._by_key, self._by_watched):
            each.clear()
        for due in (self._dirty_calls, self._dirty_people, self._dirty_cards, self._news, self._stale):
            due.clear()
        self._knowing.clear()
        self._writing.clear()

    # --- for the API ------------------------------------------------------------------------------------------------------------

    def calls(self, viewer: Viewer) -> list[Json]:
        """Every call that the viewer may see."""
        eyes, keys = Eyes.of(viewer), self._keys(viewer)
        found = (self._shown(call, eyes) for call in self._switchboard.calls() if not keys.isdisjoint(keys_of(call)))
        return [each for each in found if each is not None]

    def call(self, viewer: Viewer, call_id: str) -> Json | None:
        """That call; None when there is none, or none for them to see."""
        call = self._switchboard.call(call_id)
        return None if call is None else self._shown(call, Eyes.of(viewer))

    def _keys(self, viewer: Viewer) -> set[str]:
        return {*watched_by(self._switchboard.directory, viewer, self._switchboard.now()).executives, *_own(viewer)}

    def _shown(self, call: CallView, eyes: Eyes) -> Json | None:
        directory, at = self._switchboard.directory, self._switchboard.now()
        sight = sight_of(directory, eyes, call, at)
        return None if sight is None else show(directory, eyes, call, sight, allowed(directory, eyes.extension, call, at))

    # --- what happens -----------------------------------------------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        match event:
            case CallChanged(call):
                self._keep(call)
            case CallEnded(id=call_id):
                self._drop(call_id)
                if call_id in self._knowing:
                    self._dirty_calls[call_id] = event
            case PhonesChanged(account):
                extension = account.partition("-")[0]
                self._writing.phones_changed(extension)
                self._dirty_person(extension, cards=True)
            case SettingsChanged(subjects):
                for each in subjects:
                    self._dirty_person(each, cards=True)
            case DirectoryChanged():
                self._changed(event)
        if self._is_due():
            self._arm()

    def _is_due(self) -> bool:
        return bool(self._dirty_calls or self._dirty_people or self._dirty_cards or self._news or self._stale)

    def _dirty_person(self, extension: str, *, cards: bool = False) -> None:
        """Their presence may be another; with `cards` also what stands about them, and for whom they work, on cards."""
        self._dirty_people[extension] = None
        if cards:
            self._dirty_cards[extension] = None
            for each in self._switchboard.directory.delegations.get(extension, ()):
                self._dirty_cards[each.executive] = None

    def _changed(self, event: DirectoryChanged) -> None:
        """Somebody may see more or less from now on."""
        message = dumps({"type": "directory", "revision": event.revision})
        self._news.update(dict.fromkeys(self._pages, message))
        for page in self._concerned(event.keys):
            page.recheck = True
            page.wake()
            self._stale[page] = None

    def _concerned(self, keys: Iterable[tuple[str, str]]) -> Iterable[Page]:
        """The pages that may show something else, or to somebody else, since these entries have changed; when in doubt, all of them."""
        keys = frozenset(keys)
        if not keys or any(kind not in ("users", "executives") for kind, _ in keys):
            return tuple(self._pages)
        directory = self._switchboard.directory
        changed = {key for _, key in keys}
        people = changed.union(*(directory.offices[each].assistants for each in changed if each in directory.offices))
        calls = {call_id for each in changed for call_id in self._calls_by_key.get(each, ())}
        found = {page for each in people for page in self._by_watched.get(each, ())}
        return found.union(*(self._knowing.get(each, ()) for each in calls))

    def _keep(self, call: CallView) -> None:
        """The call as it is now. What no page shows is not looked at again: a new page is told everything anyway."""
        known = self._keys_of_calls.get(call.id, frozenset())
        keys = self._keys_of_calls[call.id] = keys_of(call)
        self._calls[call.id] = call
        if known != keys:
            _leave(self._calls_by_key, known - keys, call.id)
            _enter(self._calls_by_key, keys - known, call.id)
        self._dirty_people.update(dict.fromkeys(each for each in known | keys if each in self._by_watched))
        if call.id in self._knowing or not self._by_key.keys().isdisjoint(keys):
            self._dirty_calls[call.id] = None

    def _drop(self, call_id: str) -> None:
        if self._calls.pop(call_id, None) is None:
            return
        self._writing.forget(call_id)
        keys = self._keys_of_calls.pop(call_id)
        _leave(self._calls_by_key, keys, call_id)
        self._dirty_people.update(dict.fromkeys(each for each in keys if each in self._by_watched))

    def _busy(self, extension: str) -> Literal["", "ringing", "on_call"]:
        rings = False
        for call_id in self._calls_by_key.get(extension, ()):
            call = self._calls[call_id]
            if call.state != "dialling" and any(each.extension == extension for each in call.parties):
                return "on_call"
            dials = call.state == "dialling" and call.caller.extension == extension
            rings = rings or dials or any(each.extension == extension for each in call.ringing)
        return "ringing" if rings else ""

    # --- telling ----------------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Tell the pages what has changed since the last time; what takes too long, the next time."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        _in_turn(self._dirty_calls, self._tell_call)
        _in_turn(self._dirty_people, self._tell_person)
        _in_turn(self._dirty_cards, self._tell_card)
        _in_turn(self._news, self._tell_news)
        _in_turn(self._stale, self._tell_differences)
        for page in [each for each in self._pages if each.closed is not None]:
            self.disconnect(page)
        if self._pages and self._is_due():
            self._arm()

    def _arm(self) -> None:
        if self._flushing is None:
            self._flushing = self._later(BATCH_SECONDS, self.flush)

    def _tell_call(self, call_id: str, ended: CallEnded | None) -> None:
        call = self._calls.get(call_id)
        if call is None:
            self._tell_end(call_id, ended)
            return
        pages = {page for key in self._keys_of_calls[call_id] for page in self._by_key.get(key, ())}
        for page in pages.union(self._knowing.get(call_id, ())):
            self._give(page, call_id, self._writing.call(call, page.eyes))

    def _give(self, page: Page, call_id: str, text: str | None) -> None:
        """Tell a page of a call as it sees it; None: it does not, or not any more."""
        if text is None:
            if page.calls.pop(call_id, None) is not None:
                _leave(self._knowing, (call_id,), page)
                page.send(dumps({"type": "call_gone", "id": call_id}))
        elif page.calls.get(call_id) != text:
            page.calls[call_id] = text
            _enter(self._knowing, (call_id,), page)
            page.send(f'{{"type":"call","call":{text}}}')

    def _tell_end(self, call_id: str, ended: CallEnded | None) -> None:
        """Only who saw the call hears of its end; who answered, only who saw that, too."""
        told: dict[bool, str] = {}
        for page in self._knowing.pop(call_id, ()):
            whole = '"level":"whole"' in page.calls.pop(call_id)
            if whole not in told:
                answered_by = ended.answered_by if ended is not None and whole else None
                outcome = "" if ended is None else ended.outcome
                told[whole] = self._writing.write({"type": "call_ended", "id": call_id, "outcome": outcome, "answered_by": answered_by})
            page.send(told[whole])

    def _tell_person(self, extension: str, _due: None) -> None:
        """Somebody's presence."""
        pages = self._by_watched.get(extension)
        if pages and extension in self._switchboard.directory.users:
            text = self._writing.person(extension)
            for page in pages:
                self._say(page, "person", extension, text)

    def _tell_card(self, extension: str, _due: None) -> None:
        """An executive, or what somebody has set for themselves; written once for each viewer, however many pages they have open."""
        cards: dict[Viewer, str] = {}
        for page in self._by_watched.get(extension, ()):
            viewer = page.viewer
            if extension == viewer.extension:
                self._say(page, "me", "", self._writing.me(viewer))
            if extension in self._pages[page].executives and extension in self._switchboard.directory.executives:
                if viewer not in cards:
                    cards[viewer] = self._writing.card(extension, viewer)
                self._say(page, "executive", extension, cards[viewer])

    def _say(self, page: Page, what: str, key: str, text: str) -> None:
        name = f"{what} {key}"
        if page.told.get(name) != text:
            page.told[name] = text
            page.send(f'{{"type":"{what}","{what}":{text}}}')

    def _tell_news(self, page: Page, message: str) -> None:
        if page in self._pages:
            page.send(message)

    # --- everything -------------------------------------------------------------------------------------------------------------

    def _tell_all(self, page: Page) -> None:
        """The state: replaces all that the page shows."""
        self._learn(page, *self._everything(page))
        page.send(self._state(page))

    def _learn(self, page: Page, calls: dict[str, str], told: dict[str, str]) -> None:
        """This is what the page is told."""
        _leave(self._knowing, page.calls, page)
        page.calls, page.told = calls, told
        _enter(self._knowing, page.calls, page)

    def _state(self, page: Page) -> str:
        """The message; what was written for other pages, too, is not written again."""

        def those(what: str) -> str:
            return ",".join(text for name, text in page.told.items() if name.startswith(f"{what} "))

        counts = f'"counts":{dumps(self._counts())},' if page.viewer.administers else ""
        return (
            f'{{"type":"state","now":{self._wall():.3f},{counts}"me":{those("me")},"executives":[{those("executive")}],'
            f'"people":[{those("person")}],"calls":[{",".join(page.calls.values())}]}}'
        )

    def _counts(self) -> dict[str, int]:
        """How many calls there are, by state: all that an administrator sees of those that are none of theirs."""
        return dict(Counter(call.state for call in self._calls.values()))

    def _everything(self, page: Page) -> tuple[dict[str, str], dict[str, str]]:
        """What the page shows now: calls by id, the rest by name."""
        watched, directory, writing = self._pages[page], self._switchboard.directory, self._writing
        told = {"me ": writing.me(page.viewer)}
        told.update((f"executive {each}", writing.card(each, page.viewer)) for each in watched.executives)
        people = dict.fromkeys((*_own(page.viewer), *watched.executives, *watched.people))
        told.update((f"person {each}", writing.person(each)) for each in people if each in directory.users)
        calls = {each for key in page.keys for each in self._calls_by_key.get(key, ())}
        seen = ((call_id, writing.call(self._calls[call_id], page.eyes)) for call_id in calls)
        return {call_id: text for call_id, text in seen if text is not None}, told

    def _tell_differences(self, page: Page, _due: None) -> None:
        """Look at everything anew and tell what is different: all of it, when other executives or people stand there."""
        if page not in self._pages:
            return
        self._place(page)
        calls, told = self._everything(page)
        if told.keys() != page.told.keys():
            self._learn(page, calls, told)
            page.send(self._state(page))
            return
        for name, text in told.items():
            what, _, key = name.partition(" ")
            self._say(page, what, key, text)
        for call_id in {*calls, *page.calls}:
            self._give(page, call_id, calls.get(call_id))

    def _tick(self) -> None:
        """Once a minute."""
        self._look_again()
        self._minute = self._later(MINUTE, self._tick)
        self._arm()

    def _look_again(self) -> None:
        self._stale = dict.fromkeys(self._pages)

    def beat(self) -> str:
        """What a page is told that is told nothing else: the server is there, and what time it is there."""
        return f'{{"type":"beat","now":{self._wall():.3f}}}'

    @property
    def serialised(self) -> int:
        """How often something was written as JSON, ever."""
        return self._writing.serialised


def _own(viewer: Viewer) -> frozenset[str]:
    return frozenset() if viewer.extension is None else frozenset({viewer.extension})


def _in_turn(due: dict[_K, _V], work: Callable[[_K, _V], None]) -> None:
    """Work off `due` from the beginning, at least one, for `TURN_SECONDS` at most."""
    end = perf_counter() + TURN_SECONDS
    while due:
        key = next(iter(due))
        work(key, due.pop(key))
        if perf_counter() > end:
            break


def _enter(index: dict[str, set[_T]], keys: Iterable[str], item: _T) -> None:
    for key in keys:
        index.setdefault(key, set()).add(item)


def _leave(index: dict[str, set[_T]], keys: Iterable[str], item: _T) -> None:
    for key in keys:
        found = index.get(key)
        if found is not None:
            found.discard(item)
            if not found:
                del index[key]
