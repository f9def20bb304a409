"""The command ``b2bua account reset``: the way in for whoever has the machine and has lost the password.

It works beside a running server, which notices within seconds, and without one.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from b2bua.cli_parts import DEFAULT_CONFIG, ConfigFile, fail, settings_of, told_as_text, who

if TYPE_CHECKING:
    from b2bua.config import Config
    from b2bua.store.organisation.database import Organisation

app = typer.Typer(help="Accounts, with which people sign in on the page.", no_args_is_help=True)

ADMINISTRATOR = "admin"
"""As in `administration.standing`, which is loaded when it is needed."""


@app.command("reset")
def reset(
    name: Annotated[str, typer.Argument(help="Whose: the extension of a user who is enabled, or admin.")] = ADMINISTRATOR,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make a new one-time password and print it on standard output. It must be changed at the first sign-in; browsers that are signed in
    as NAME are signed out."""
    from b2bua.store.organisation.database import existing_organisation

    with told_as_text():
        settings = settings_of(config)
        organisation = existing_organisation(settings.database, settings.state)
        if organisation is None:
            fail("There are no accounts yet: the server prints the first one-time password when it starts.")
        try:
            password = _reset(name.strip(), settings, organisation)
        finally:
            organisation.close()
    typer.echo(password)
    typer.echo(
        f"This is the one-time password of {name.strip()}; it is shown only now. Choose another one at the first sign-in. A server that is "
        "running takes it within two seconds, and need not be restarted.",
        err=True,
    )


def _reset(name: str, settings: "Config", organisation: "Organisation") -> str:
    import time

    from b2bua.administration.admission import NotPossible, NoUser
    from b2bua.administration.recovery import reset_password
    from b2bua.administration.served import served_directory
    from b2bua.logs import printable

    now = time.time()
    try:
        return reset_password(
            organisation.accounts, organisation.directory, lambda: served_directory(settings, organisation.directory, now), name, who(), now
        )
    except NoUser:
        fail(f"{printable(name)}: no user with this extension can have an account")
    except NotPossible as error:
        fail(str(error))
