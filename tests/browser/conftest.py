"""One browser for each module. A test that fails leaves pictures of all its pages among the others."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, Error

from tests.browser.office import Office
from tests.support.browser import chromium, picture

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def nothing_left(office: Office, request: pytest.FixtureRequest) -> Iterator[None]:
    """No page has complained, and nothing is left of any call."""
    yield
    failed = request.node.stash.get(_FAILED, True)
    if failed:
        for index, visitor in enumerate(office.site.visitors):
            print(f"===== page {index} {visitor.page.url}", *visitor.complaints, sep="\n")
            with suppress(Error):
                picture(visitor.page, f"failed-{re.sub(r'[^a-z0-9_-]+', '-', request.node.name.lower())}-{index}")
    try:
        office.site.leave(judge=not failed)
    finally:
        office.over()
