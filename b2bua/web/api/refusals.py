"""What `Accounts` refuses, as HTTP says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from b2bua.administration.admission import LinkOver, NotPossible, NoUser, WrongPassword
from b2bua.administration.attempts import TooMany
from b2bua.administration.book import Conflict, Refusal
from b2bua.administration.secrets import Busy, Unsuitable
from b2bua.store.ports import Unavailable
from b2bua.web.problems import ProblemError


@contextmanager
def answered(account: str = "") -> Iterator[None]:
    """Turns each exception of `Accounts` into a ProblemError. `account`: whose it is about."""
    try:
        yield
    except WrongPassword:
        raise ProblemError(401, "the name or the password is wrong", {"WWW-Authenticate": "Bearer"}) from None
    except TooMany as error:
        wait = {"Retry-After": str(error.seconds)}
        raise ProblemError(429, f"too many wrong attempts; try again in {_words(error.seconds)}", wait, retry_after=error.seconds) from None
    except Busy as error:
        wait = {"Retry-After": str(error.seconds)}
        raise ProblemError(503, "too many people sign in at once; try again in some seconds", wait, retry_after=error.seconds) from None
    except LinkOver:
        raise ProblemError(410, "this link is not valid any more; ask your administrator for a new one") from None
    except NotPossible as error:
        raise ProblemError(409, str(error)) from None
    except NoUser:
        raise ProblemError(404, "there is no such user") from None
    except Unsuitable as error:
        finding = {"kind": "account", "key": account, "field": error.field, "text": error.text}
        raise ProblemError(422, f"the {error.field} {error.text}", findings=[finding]) from None
    except Refusal as error:
        raise ProblemError(422, "the directory would not be right", findings=[each._asdict() for each in error.findings]) from None
    except Conflict:
        raise ProblemError(409, "somebody else is changing this user; try again") from None
    except Unavailable:
        raise ProblemError(503, "the database does not answer; try again", {"Retry-After": "5"}, retry_after=5) from None


def _words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return f"{seconds} seconds" if seconds < 60 else "a minute" if minutes == 1 else f"{minutes} minutes"
