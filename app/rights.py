"""What who may do: in a shared studio people stop and continue their own jobs, admins everybody's.

What belongs to the deployment, such as prices and servers, only admins change there.
"""

from __future__ import annotations

from app import state
from app.reads import settings
from app.state.person import person
from core.store.people import People

ADMINS_ONLY = "This is everybody's in this studio, so only an admin changes it. Ask whoever runs it."


def may_stop(owner: str) -> bool:
    """Whether the person here may stop or continue a job: the one who started it, or an admin."""
    return settings().sharing is None or not owner or owner == person() or is_admin()


def is_admin() -> bool:
    """Whether the person here may change what is everybody's; in a studio of one's own, always."""
    sharing = settings().sharing
    if sharing is None:
        return True
    people = People(settings())
    if sharing.sign_in == "password":
        found = people.get(person())
        return found is not None and found.admin
    return person().casefold() in (people.oidc() or {}).get("admins", ())


def refused(place: str) -> bool:
    """Whether the person here may not change what is everybody's, which is said there; for callbacks."""
    if is_admin():
        return False
    state.complain(place, ADMINS_ONLY)
    return True
