"""What a person likes and has seen: small choices that outlive the tab.

    preferences.json: {"": {"technical": true, "tour": {"step": 2}}, "anna": {…}}

The name is the signed-in person's, "" on a computer of one's own. Nothing here is work: a damaged file
counts as empty and is written anew.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from core.errors import RunError
from core.settings import Settings
from core.store.jsonl import read_json, write_json
from core.store.locks import held

WAIT_S = 2.0


def preferences_path(settings: Settings) -> Path:
    """Where the preferences lie."""
    return settings.data_path / "preferences.json"


def preferences(settings: Settings, person: str = "") -> dict[str, Any]:
    """What a person chose, by name; empty before the first choice."""
    return _dict(_everybody(settings).get(person))


def prefer(settings: Settings, name: str, value: Any, person: str = "") -> None:
    """Keep one choice of a person; None forgets it. Raises RunError when it cannot be written."""
    path = preferences_path(settings)
    with held(path.with_name(".preferences.lock"), "preferences", timeout=WAIT_S):
        everybody = _everybody(settings)
        own = {**_dict(everybody.get(person)), name: value}
        if value is None:
            del own[name]
        write_json(path, {**everybody, person: own})


def _everybody(settings: Settings) -> dict[str, Any]:
    with suppress(RunError, OSError):
        return _dict(read_json(preferences_path(settings)))
    return {}


def _dict(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
