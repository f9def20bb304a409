"""The pages for calls and history: who gets which, and that nothing on them is markup that somebody has sent."""

from tests.web.support.web_office import WebOffice


def test_somebody_with_a_phone_gets_the_calls(office: WebOffice) -> None:
    browser, _ = office.sign_in("676")
    answer = office.run(browser.get("/"))
    assert answer.status_code == 200 and "hud.js" in answer.text
    assert "style=" not in answer.text and "<script>" not in answer.text


def test_an_account_without_a_phone_is_sent_to_the_administration(office: WebOffice) -> None:
    browser, _ = office.sign_in("admin")
    answer = office.run(browser.get("/"))
    assert answer.status_code == 303 and answer.headers["location"] == "/admin"


def test_whoever_has_not_signed_in_is_asked_to(office: WebOffice) -> None:
    for path in ("/", "/history"):
        answer = office.run(office.client().get(path))
        assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")


def test_the_history_offers_whose_calls_there_are_to_see(office: WebOffice) -> None:
    def choices(who: str) -> list[str]:
        browser, _ = office.sign_in(who)
        text = office.run(browser.get("/history")).text
        return [each for each in ("667", "668", "500", "?") if f'<option value="{each}"' in text]

    assert choices("676") == ["667"]
    assert choices("677") == ["667", "668"]
    assert choices("680") == ["500"]
    assert choices("667") == [] and choices("690") == []
    assert choices("admin") == ["?"]
