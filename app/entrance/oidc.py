"""Sign-in at an identity provider, through Streamlit's login: what it must be told, who may enter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

from core.settings import Settings
from core.store.people import People

# The name under which Streamlit keeps who signed in.
USER_COOKIE = "_streamlit_user"


def secrets_for(settings: Settings) -> dict[str, Any] | None:
    """What Streamlit's login reads as its `[auth]` section, or None where nobody signs in that way."""
    sharing = settings.sharing
    if sharing is None or sharing.sign_in != "oidc":
        return None
    people = People(settings)
    oidc = people.oidc() or {}
    return {
        "auth": {
            "redirect_uri": f"{sharing.url}/oauth2callback",
            "cookie_secret": people.cookie_secret(),
            "client_id": oidc.get("client_id", ""),
            "client_secret": oidc.get("client_secret", ""),
            "server_metadata_url": f"{oidc.get('issuer', '')}/.well-known/openid-configuration",
        }
    }


def user_of(cookies: Mapping[str, str], secret: str) -> dict[str, Any]:
    """Who signed in according to Streamlit's cookie; {} for none, and for one that it did not sign."""

    def one(name: str) -> bytes | None:
        kept = cookies.get(name)
        return decode_signed_value(secret, name, kept.encode("latin-1", "replace")) if kept else None

    try:
        found = json.loads(get_cookie_with_chunks(one, USER_COOKIE) or b"{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def address_of(user: Mapping[str, Any], oidc: Mapping[str, Any]) -> str:
    """The address of a signed-in user in small letters; "" where nobody vouches for it.

    A provider vouches in `email_verified`. One that says nothing of it, as Microsoft's, is believed only
    where whoever runs the studio said so: with some anybody may claim any address.
    """
    verified = user.get("email_verified")
    vouched = verified is True or str(verified).casefold() == "true"
    if not vouched and not (verified is None and oidc.get("unverified")):
        return ""
    return str(user.get("email") or "").casefold()


def may_enter(user: Mapping[str, Any], oidc: Mapping[str, Any]) -> bool:
    """Whether a signed-in user is one of ours: the address is vouched for, and on the list."""
    email = address_of(user, oidc)
    name, at, domain = email.rpartition("@")
    if not (name and at and domain):
        return False
    allowed = set(oidc.get("allowed", ()))
    return email in allowed or f"@{domain}" in allowed
