"""What kind of device a contact is: an app on a mobile phone or computer, or a desk phone (FEATURES.md, A22)."""

from __future__ import annotations

from b2bua.sip.values import SipError, parse_params, unquote_string


def is_app(user_agent: str, params: str, patterns: tuple[str, ...]) -> bool:
    """Whether a contact is an app: it says that it is mobile (RFC 3840 §10.10, `;mobility="mobile"`), or one of `patterns` occurs
    in its User-Agent, whichever the case.

    `params` are the contact parameters with leading semicolons, as `Binding.params`. Whatever is neither is a desk phone.
    """
    if _is_mobile(params):
        return True
    name = user_agent.lower()
    return any(pattern.lower() in name for pattern in patterns)


def _is_mobile(params: str) -> bool:
    try:
        value = parse_params(params).get("mobility")
    except SipError:
        return False
    tags = unquote_string(value or "").lower().split(",")  # a feature parameter lists its values (RFC 3840 §9)
    return "mobile" in [tag.strip() for tag in tags]
