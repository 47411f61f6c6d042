"""Whose job it is: in a shared studio people stop and continue their own, admins everybody's."""

from __future__ import annotations

from app.reads import settings
from app.state.person import person
from core.store.people import People


def may_stop(owner: str) -> bool:
    """Whether the person here may stop or continue a job: the one who started it, or an admin."""
    sharing = settings().sharing
    if sharing is None or not owner or owner == person():
        return True
    people = People(settings())
    if sharing.sign_in == "password":
        found = people.get(person())
        return found is not None and found.admin
    return person().casefold() in (people.oidc() or {}).get("admins", ())
