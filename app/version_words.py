"""How the Versions page puts a saved state into words."""

from __future__ import annotations

import time

from core.store.history import FOUND_FIRST, Version

NOTES = {FOUND_FIRST: "as it was before the first change here"}


def when(moment: float, now: float | None = None) -> str:
    """A moment as people say it: "today 18:04", "yesterday 9:30", "Tue 4 Nov 18:04"; the year if old."""
    at, today = time.localtime(moment), time.localtime(now)
    clock = time.strftime("%H:%M", at)
    days = (_noon(today) - _noon(at)) // 86_400
    if days in (0, 1):
        return f"{'today' if days == 0 else 'yesterday'} {clock}"
    day = f"{time.strftime('%a', at)} {at.tm_mday} {time.strftime('%b', at)}"
    return f"{day} {clock}" if at.tm_year == today.tm_year else f"{day} {at.tm_year} {clock}"


def _noon(day: time.struct_time) -> int:
    """Noon of a day: whole days lie between two of them also when the clocks change."""
    return round(time.mktime((day.tm_year, day.tm_mon, day.tm_mday, 12, 0, 0, 0, 0, -1)) / 3600) * 3600


def title_of_version(version: Version) -> str:
    """What a version is called: its name, else when it was saved."""
    moment = when(version.saved_at)
    return version.name or moment[:1].upper() + moment[1:]


def under_title(version: Version, changed: str) -> str:
    """The line under it: when, why, what changed, by whom."""
    note = NOTES.get(version.note, version.note)
    moment = when(version.saved_at) if version.name else ""
    return " · ".join(part for part in (moment, note, changed, version.who) if part)


def option(version: Version) -> str:
    """A version in a list to choose from, seconds and all where nobody named it."""
    at = time.strftime("%H:%M:%S", time.localtime(version.saved_at))
    named = f"“{version.name}”, " if version.name else ""
    return f"{named}{when(version.saved_at).rpartition(' ')[0]} {at} · {version.revision[:8]}"
