"""Sign-in at an identity provider, through Streamlit's login: what it must be told, who may enter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.settings import Settings
from core.store.people import People


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


def may_enter(user: Mapping[str, Any], oidc: Mapping[str, Any]) -> bool:
    """Whether a signed-in user is one of ours: the address is verified, and it or its domain is allowed.

    A provider that says nothing about verification is believed; one that says "not verified" is not.
    """
    email = str(user.get("email") or "").casefold()
    if not email or user.get("email_verified") is False:
        return False
    allowed = set(oidc.get("allowed", ()))
    return email in allowed or f"@{email.rpartition('@')[2]}" in allowed
