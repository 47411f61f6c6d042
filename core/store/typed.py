"""What a person typed and has not used yet, so that a reload loses nothing: one small private file.

Typed(settings).keep("wish:pirate:voice", "shorter")
Typed(settings).text("wish:pirate:voice")               "shorter"
"""

from __future__ import annotations

from typing import cast

from core.errors import RunError
from core.settings import Settings
from core.store.jsonl import read_json, write_json
from core.store.locks import held
from core.store.replies import PRIVATE_FILE, make_private_folder

MOST = 300


class Typed:
    """Texts by what they are for; the last three hundred of them."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.data_path / "drafting" / "typed.json"

    def text(self, key: str, default: str = "") -> str:
        """What was typed under a key; `default` when nothing was, or the file is damaged."""
        return self._all().get(key, default)

    def keep(self, key: str, text: str) -> None:
        """Keep a text, durable on return; an empty one forgets it. Raises RunError."""
        make_private_folder(self.path.parent)
        with held(self.path.with_name(".typed.lock"), "what you typed"):
            texts = self._all()
            if texts.get(key, "") == text:
                return
            texts.pop(key, None)
            texts |= {key: text} if text else {}
            write_json(self.path, dict(list(texts.items())[-MOST:]), mode=PRIVATE_FILE)

    def _all(self) -> dict[str, str]:
        if not self.path.exists():
            return {}
        try:
            value = read_json(self.path)
        except RunError:
            return {}
        fields = cast("dict[str, object]", value) if isinstance(value, dict) else {}
        return {key: text for key, text in fields.items() if isinstance(text, str)}
