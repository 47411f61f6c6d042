"""Who may do what in a shared studio, in one place; in a studio of one's own everybody may do everything.

Characters, their pairs and what is made of them are everybody's. A job is its owner's: another person
stops, continues or removes it only as an admin, and so it is with jobs that nobody started from a page.
What the deployment has for all (prices, programs, servers, its token at Hugging Face, its disk) only admins
change. Keys nobody changes on a page.

A page asks `refusal` to say at once what will not be done; the action itself asks again, since a tab may be
older than its person's rights: `app.launch` for every job, `refused` for every other callback.
"""

from __future__ import annotations

from collections.abc import Sequence

from app import state
from app.reads import settings
from app.state.person import account, person
from core.store.people import People

ADMINS_ONLY = "This is everybody's in this studio, so only an admin changes it. Ask whoever runs it."
NOBODYS = (
    "Nobody started this job from a page: it is of a shell, or from before this studio was shared. "
    "Only an admin stops, continues or removes it."
)
FROM_A_SHELL = "whoever runs this studio"
KEYS_ARE_SET_ELSEWHERE = "Keys of a shared studio are set on the computer that it runs on, and on no page."
# The first words of what only admins start, and why.
ADMINS_START = {
    ("prices",): "Prices are everybody's: they hold the limits. Only an admin refreshes them.",
    ("setup",): "It installs a program on the computer of this studio, so only an admin starts it.",
    ("serve",): "It serves a model to everybody on this studio's computer, so only an admin starts it.",
    ("upload",): (
        "It would be uploaded with this studio's own token, in its owner's name, so only an admin does "
        "that. You can make a bundle, and put that where you like."
    ),
}
IMPORT = ("bundle", "import")
MOST_IMPORTED_MB = 2_000
TOO_LARGE = f"It unpacks to more than {MOST_IMPORTED_MB / 1000:.0f} GB, so only an admin brings it in."
WITH_WEIGHTS = (
    "It brings trained weights, which programs on this studio's computer would open, so only an admin "
    "brings it in."
)


def is_admin() -> bool:
    """Whether the person here may change what is everybody's; in a studio of one's own, always."""
    sharing = settings().sharing
    if sharing is None:
        return True
    if sharing.sign_in == "password":
        found = account()
        return found is not None and found.admin
    who = person()
    return bool(who) and who in (People(settings()).oidc() or {}).get("admins", ())


def may_stop(owner: str) -> bool:
    """Whether the person here may stop or continue a job: the one who started it, or an admin."""
    return is_admin() or bool(owner and owner == person())


def told_owner(owner: str) -> str:
    """Who started a job, as its line says it; "" in a studio of one's own, where nobody has a name."""
    return owner or (FROM_A_SHELL if settings().sharing else "")


def refusal(words: Sequence[str]) -> str | None:
    """Why the person here may not start a command; None when they may."""
    if is_admin():
        return None
    return next((why for first, why in ADMINS_START.items() if tuple(words[: len(first)]) == first), None)


def bounded(words: Sequence[str]) -> list[str]:
    """A command as the person here may start it: what others bring in has limits."""
    if tuple(words[:2]) != IMPORT or is_admin():
        return list(words)
    return [*words, "--most-mb", str(MOST_IMPORTED_MB), "--refuse-weights"]


def import_refusal(size: int, parts: Sequence[str]) -> str | None:
    """Why the person here may not bring a bundle in: its bytes unpacked, and what it says it holds."""
    if is_admin():
        return None
    if size > MOST_IMPORTED_MB * 1_000_000:
        return TOO_LARGE
    return WITH_WEIGHTS if "adapter" in parts else None


def refused(place: str) -> bool:
    """Whether the person here may not change what is everybody's, which is said there; for callbacks."""
    if is_admin():
        return False
    state.complain(place, ADMINS_ONLY)
    return True


def refused_keys(place: str) -> bool:
    """Whether no key may be changed on a page here, which is said there; for callbacks."""
    if settings().sharing is None:
        return False
    state.complain(place, KEYS_ARE_SET_ELSEWHERE)
    return True
