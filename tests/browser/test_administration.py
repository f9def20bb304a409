"""The directory edited on pages: the order of assistants, two editors at once, invitations and resets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.office import Office
from tests.browser.office import office as opened
from tests.support.browser import PASSWORD, picture, shows

pytestmark = [pytest.mark.needs("chromium", "module:pjsua2"), pytest.mark.timeout(90), pytest.mark.usefixtures("nothing_left")]

ORDER = ["676", "677", "678"]


@pytest.fixture(scope="module")
def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("administration"), browser) as ready:
        ready.site.enrol("667")
        yield ready


@pytest.fixture
def delegation(office: Office) -> None:
    """Three assistants who ring one after the other, and no more than three are allowed."""
    office.site.admin.change("/organisation", {"limits": {"assistants_per_executive": 3}})
    office.site.admin.change("/executives/667", {"assistants": ORDER, "alerting": {"mode": "sequential", "ring_seconds": 20}, "slot": None, "rollover": {"action": "executive"}})


def assistants(page: Page) -> Locator:
    """Those of the executive, in the order in which the page shows them."""
    return page.get_by_role("list", name="Assistants in ring order").locator("> li")


def grip(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=f"Move {name}", exact=True)


def saved(page: Page) -> None:
    """Saves, and sees that it was."""
    page.get_by_role("button", name="Save", exact=True).click()
    shows(page.locator("#toasts"), "Saved. The next call goes by it.")


def rings_first(office: Office, label: str) -> None:
    """Lee calls Olivia, and this assistant's phone rings, before any other."""
    lee, expected = office.phone("lee"), office.phone(label)
    others = [office.phone(each) for each in ("sam", "ana", "tom") if each != label]
    before = [each.events.count("incoming") for each in others]
    lee.dial("667")
    expected.events.wait("incoming")
    assert [each.events.count("incoming") for each in others] == before
    office.over()


@pytest.mark.usefixtures("delegation")
def test_assistants_are_put_in_order_with_the_mouse(office: Office) -> None:
    """Olivia drags Ana to the top of her list, and the next call rings Ana first."""
    page = office.site.visit("667", "/my-delegation").page
    expect(grip(page, "Ana Aide")).to_be_visible()
    rings_first(office, "sam")
    grip(page, "Ana Aide").hover()
    page.mouse.down()
    box = assistants(page).first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 28, box["y"] + 22, steps=6)
    picture(page, "executive-drag-and-drop")
    page.mouse.up()
    shows(assistants(page).first, "Ana Aide")
    saved(page)
    assert office.site.admin.ask("GET", "/executives/667").json()["assistants"] == ["677", "676", "678"]
    rings_first(office, "ana")


@pytest.mark.usefixtures("delegation")
def test_assistants_are_put_in_order_with_the_keyboard(office: Office) -> None:
    """Space lifts, arrows move, space drops; what happens is read out."""
    page = office.site.visit("667", "/my-delegation").page
    grip(page, "Tom Deputy").focus()
    page.keyboard.press("Space")
    expect(page.locator("#alarms")).to_contain_text("Tom Deputy lifted, place 3 of 3")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#alarms")).to_contain_text("Place 1 of 3")
    page.keyboard.press("Space")
    shows(assistants(page).first, "Tom Deputy")
    expect(grip(page, "Tom Deputy")).to_be_focused()
    saved(page)
    rings_first(office, "tom")


@pytest.mark.usefixtures("delegation")
def test_the_assistant_over_the_limit_is_blocked(office: Office) -> None:
    """Three of three: the fourth is not taken, the page says why, and nothing of what was edited is lost."""
    page = office.site.visit("667", "/my-delegation").page
    expect(page.get_by_text("3 of 3 assistants")).to_be_visible()
    box = page.get_by_role("combobox", name="Add an assistant")
    box.fill("Mia")
    page.get_by_role("option", name="Mia Moore").click()
    shows(page.locator("[data-path=assistants]"), "No more than 3 assistants for an executive")
    expect(assistants(page)).to_have_count(3)
    page.get_by_role("button", name="Remove Tom Deputy").click()
    expect(page.get_by_text("2 of 3 assistants")).to_be_visible()
    box.fill("Mia")
    page.get_by_role("option", name="Mia Moore").click()
    shows(assistants(page).last, "Mia Moore")
    saved(page)
    assert len(office.site.admin.ask("GET", "/executives/667").json()["assistants"]) == 3


@pytest.mark.usefixtures("delegation")
def test_two_edit_the_same_executive(office: Office) -> None:
    """Olivia and an administrator at the same time: the second to save sees what the first has changed, chooses, and loses nothing."""
    hers, theirs = office.site.visit("667", "/my-delegation").page, office.site.visit("admin", "/admin/executives/667")
    other = theirs.page
    for page in (hers, other):
        page.get_by_role("tab", name="Ringing").click()
    hers.get_by_label("Ring time (seconds)").fill("25")
    hers.get_by_label("Ring at least (seconds)").fill("5")
    saved(hers)
    other.get_by_label("Ring time (seconds)").fill("40")
    other.get_by_label("Put before the name").fill("[Olivia] ")
    theirs.expects("412")
    other.get_by_role("button", name="Save", exact=True).click()
    dialog = other.get_by_role("dialog", name="Changed by somebody else meanwhile")
    shows(dialog, "Ring time")
    shows(dialog, "Also changed by them, and kept:")
    expect(dialog.get_by_role("radio", name="40")).to_be_checked()
    picture(other, "changed-by-somebody-else")
    dialog.get_by_role("radio", name="25").check()
    dialog.get_by_role("button", name="Save the result").click()
    expect(dialog).to_be_hidden()
    shows(other.locator("#toasts"), "Saved.")
    alerting = office.site.admin.ask("GET", "/executives/667").json()["alerting"]
    assert alerting == {"mode": "sequential", "ring_seconds": 25, "minimum_seconds": 5, "name_prefix": "[Olivia] "}


def test_invited_and_reset(office: Office) -> None:
    """An invitation becomes an account, and a password that was reset must be changed; every secret is shown once."""
    admin = office.site.visit("admin", "/admin/users/602#account").page
    admin.get_by_role("button", name="Invite").click()
    dialog = admin.get_by_role("dialog", name="The invitation")
    link = dialog.locator("code").inner_text()
    dialog.get_by_role("button", name="Done").click()
    expect(admin.get_by_text(link)).to_have_count(0)

    mia = office.site.visit()
    page = mia.open(link)
    expect(page.get_by_role("heading", name="Welcome, Mia Moore")).to_be_visible()
    page.get_by_label("Password", exact=True).fill("602")
    page.get_by_label("The password again").fill("602")
    mia.expects("422", "410")
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    for label in ("Password", "The password again"):
        page.get_by_label(label, exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Extension or e-mail address")).to_have_value("602")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Mia Moore")).to_be_visible()
    page.goto(link)
    expect(page.get_by_text("This link is not valid any more")).to_be_visible()

    page.goto("/")
    expect(page.locator("#lamp")).to_have_text("Live")
    mia.expects("401", "4401")
    admin.get_by_role("button", name="Reset the password").click()
    dialog = admin.get_by_role("dialog", name="The new password")
    given = dialog.locator("code").inner_text()
    dialog.get_by_role("button", name="I have it").click()
    expect(admin.get_by_text("set, must be changed at sign-in")).to_be_visible()

    expect(page).to_have_url(f"{office.site.url}/sign-in?next=%2F")
    page.get_by_label("Extension or e-mail address").fill("602")
    page.get_by_label("Password", exact=True).fill(given)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Choose your own password")).to_be_visible()
    page.get_by_label("The password that you were given").fill(given)
    for label in ("New password", "The new password again"):
        page.get_by_label(label, exact=True).fill(f"{PASSWORD} more")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("heading", name="Mia Moore")).to_be_visible()
