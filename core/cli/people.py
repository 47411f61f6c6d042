"""`character people add·list·password·remove·oidc`: who may enter a shared studio."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from urllib.parse import urlsplit

import click

from core.cli.options import json_option
from core.cli.output import say
from core.errors import SettingsError
from core.settings import load_settings, origin_of
from core.store.people import People

ADDRESS = re.compile(r"[^@\s]*@[^@\s]+")
# Microsoft's issuers for accounts of every company, and of none.
ANYBODY = (["common"], ["organizations"], ["consumers"])


@click.group("people")
def people() -> None:
    """Who may enter a studio that a team shares."""


PASSWORD = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input."
)


@people.command("add")
@click.argument("name")
@click.option("--admin", is_flag=True, help="May change what is everybody's: see docs/sharing.md.")
@PASSWORD
def add(name: str, admin: bool, from_stdin: bool) -> None:
    """Give somebody a sign-in; the password is asked for and never shown."""
    person = People(load_settings()).add(name, _password(from_stdin), admin=admin)
    say(f"{person.name} can sign in{' and is an admin' if admin else ''}.")


@people.command("password")
@click.argument("name")
@PASSWORD
def password(name: str, from_stdin: bool) -> None:
    """Give somebody a new password; it ends all of their sign-ins."""
    person = People(load_settings()).change_password(name, _password(from_stdin))
    say(f"{person.name} has a new password and is signed out everywhere.")


@people.command("admin")
@click.argument("name")
@click.option("--off", is_flag=True, help="Take the rights away.")
def make_admin(name: str, off: bool) -> None:
    """Give somebody an admin's rights, or take them away; it counts from the next click on."""
    person = People(load_settings()).set_admin(name, not off)
    say(f"{person.name} is {'no longer' if off else 'now'} an admin.")


@people.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Take a sign-in away; what the person made stays."""
    People(load_settings()).remove(name)
    say(f"{name} can no longer sign in, and is signed out everywhere.")


@people.command("list")
@json_option
def list_people(as_json: bool) -> None:
    """Everybody with a sign-in."""
    found = People(load_settings()).all()
    if as_json:
        rows = [{"name": one.name, "admin": one.admin, "added_at": one.added_at} for one in found]
        click.echo(json.dumps({"verb": "people list", "people": rows}, ensure_ascii=False))
        return
    for one in found:
        since = time.strftime("%Y-%m-%d", time.localtime(one.added_at))
        say(f"{one.name:<24} {'admin' if one.admin else '':<6} since {since}")
    if not found:
        say("Nobody yet. Add the first with: character people add NAME --admin")


@people.command("oidc")
@click.option(
    "--issuer", required=True, help="The identity provider's address, such as https://id.team.org."
)
@click.option("--client-id", required=True)
@click.option(
    "--allow", multiple=True, help="An address (ana@team.org) or a whole domain (@team.org); repeat."
)
@click.option(
    "--admin", multiple=True, help="The address of somebody who may change what is everybody's; repeat."
)
@click.option(
    "--unverified",
    is_flag=True,
    help="The provider never says that an address is verified (Microsoft): believe its addresses.",
)
def oidc(
    issuer: str, client_id: str, allow: tuple[str, ...], admin: tuple[str, ...], unverified: bool
) -> None:
    """Let people sign in at your identity provider (OpenID Connect).

    The client secret is read from CHARACTER_OIDC_SECRET, or asked for. Register the address
    of the studio with /oauth2callback behind it as redirect address there.
    """
    if not allow:
        raise SettingsError(
            "Say who may enter: --allow ana@team.org for one person, --allow @team.org for a whole domain."
        )
    check_provider(issuer, allow=allow, admin=admin, unverified=unverified)
    secret = os.environ.get("CHARACTER_OIDC_SECRET") or click.prompt("Client secret", hide_input=True)
    People(load_settings()).save_oidc(
        {
            "issuer": issuer.rstrip("/"),
            "client_id": client_id,
            "client_secret": secret,
            "allowed": [one.casefold() for one in (*allow, *admin)],
            "admins": [one.casefold() for one in admin],
            "unverified": unverified,
        }
    )
    say(f"People sign in at {issuer}. Start with: character studio --share --sign-in oidc --url …")


def check_provider(
    issuer: str, *, allow: tuple[str, ...], admin: tuple[str, ...], unverified: bool
) -> None:
    """Refuse a list that would let in others than it says. Raises SettingsError."""
    if not origin_of(issuer).startswith("https://") and not is_here(issuer):
        raise SettingsError("Anybody on the way could sign in as anybody: give the issuer with https://")
    wrong = [one for one in (*allow, *admin) if not ADDRESS.fullmatch(one)]
    wrong += [one for one in admin if one.startswith("@")]
    if wrong:
        raise SettingsError(
            f"{wrong[0]!r} is neither an address (ana@team.org) nor, to allow, a domain (@team.org)."
        )
    if unverified and urlsplit(issuer).path.split("/")[1:2] in ANYBODY:
        raise SettingsError(
            "At this issuer anybody can make an account that claims any address. Give your own "
            "tenant's issuer: https://login.microsoftonline.com/TENANT-ID/v2.0"
        )


def is_here(issuer: str) -> bool:
    """Whether an address is this computer's own."""
    return urlsplit(issuer).hostname in ("127.0.0.1", "localhost", "::1")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return click.prompt("Password", hide_input=True, confirmation_prompt=True)


COMMANDS = (people,)
