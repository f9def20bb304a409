"""Apps and desk phones, told apart by what they register with."""

from __future__ import annotations

import pytest

from b2bua.registrar.devices import is_app

PATTERNS = ("Linphone", "Zoiper", "PJSUA")


@pytest.mark.parametrize(
    ("user_agent", "app"),
    [
        ("Linphone Desktop/5.2.6 (Debian) LinphoneCore/5.3.72", True),
        ("Zoiper rv2.10.20.4", True),
        ("pjsua2/2.15.1", True),
        ("Yealink SIP-T54W 96.86.0.70", False),
        ("PolyVVX-VVX_450-UA/6.4.3", False),
        ("", False),
    ],
)
def test_by_user_agent(user_agent: str, app: bool) -> None:
    assert is_app(user_agent, "", PATTERNS) is app
    assert not is_app(user_agent, "", ()), "no patterns, no apps"


@pytest.mark.parametrize(
    ("params", "app"),
    [
        (';mobility="mobile"', True),
        (';audio;MOBILITY="Mobile";q=0.5', True),
        (';mobility="fixed, mobile"', True),
        (";mobility=mobile", True),
        (';mobility="fixed"', False),
        (';mobility="!mobile"', False),
        (';description="<;mobility=mobile>"', False),
        (";mobility", False),
        (';mobility="', False),
        ("", False),
    ],
)
def test_by_what_the_contact_says_it_can_do(params: str, app: bool) -> None:
    assert is_app("Yealink SIP-T54W", params, PATTERNS) is app
