"""Numbers as people say them: durations, moments, sizes, counts. Pure."""

from __future__ import annotations

MINUTE, HOUR, DAY = 60, 3600, 86_400


def duration(seconds: float) -> str:
    """Seconds in at most two units: "23 s", "4 min 10 s", "2 h 5 min", "3 days"."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _two(whole // MINUTE, "min", whole % MINUTE, "s")
    if whole < 2 * DAY:
        return _two(whole // HOUR, "h", whole % HOUR // MINUTE, "min")
    return f"{whole // DAY} days"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit}" + (f" {small} {small_unit}" if small else "")


def ago(seconds: float) -> str:
    """How long ago something was: "just now", "12 minutes ago", "3 days ago"."""
    if seconds < MINUTE:
        return "just now"
    for size, unit in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if seconds >= size:
            return f"{counted(int(seconds // size), unit)} ago"
    return "just now"


def size(count: float) -> str:
    """Bytes in the unit that fits: "0 MB", "12 MB", "1.3 GB"."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e6 or not count else "under 1 MB"


def counted(count: int, one: str, several: str | None = None) -> str:
    """A number with its noun: "1 prompt", "1,250 prompts"."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
