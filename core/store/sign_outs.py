"""Which sign-ins were ended before their time: a file beside the accounts, for its owner only.

A sign-in is a signed cookie that would be good for two weeks wherever it is; ending it is remembered here,
so that neither another tab nor a copy of the cookie goes on after somebody signed out.
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from core.settings import Settings
from core.store.jsonl import read_json, write_json

FILE = "signed-out.json"


class SignOuts:
    """The sign-ins that were ended, by id, each with when it may be forgotten (seconds since 1970)."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.config_path

    @property
    def path(self) -> Path:
        """Where they are kept."""
        return self._folder / FILE

    def all(self) -> dict[str, float]:
        """Every id that is remembered."""
        return read_json(self.path) or {}

    def add(self, id: str, *, until: float, now: float) -> None:
        """Remember an id; those whose moment has passed are forgotten."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(self._folder / ".signed-out.lock", timeout=10, mode=0o600):
            kept = {one: at for one, at in self.all().items() if at > now}
            write_json(self.path, kept | {id: until}, mode=0o600)
