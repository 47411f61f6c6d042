"""A character as a SillyTavern card: V2 or V3, as JSON or inside a PNG. Pure.

The traits become the description, the exchanges the example dialogue, and the whole character travels in
an extension of its own, so that this studio gets back exactly what it gave.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from core.cards.png import picture_with
from core.cards.reading import EXTENSION
from core.constitution import Constitution
from core.titles import title_of

Version = Literal[2, 3]
CREATOR = "Character Studio"


def card_value(character: Constitution, version: Version = 2) -> dict[str, Any]:
    """The card as a JSON value with every field that its form asks for."""
    data: dict[str, Any] = {
        "name": character.assistant_name or title_of(character.name, character.summary),
        "description": "\n".join(trait.trait for trait in character.traits),
        "personality": character.summary,
        "scenario": "",
        "first_mes": "",
        "mes_example": dialogue(character),
        "creator_notes": "",
        "system_prompt": "",
        "post_history_instructions": "",
        "alternate_greetings": [],
        "tags": [],
        "creator": CREATOR,
        "character_version": character.content_hash[:8],
        "extensions": {EXTENSION: character.as_dict()},
    }
    if version == 3:
        data["group_only_greetings"] = []
    spec = f"chara_card_v{version}"
    return {"spec": spec, "spec_version": f"{version}.0", "data": data}


def dialogue(character: Constitution) -> str:
    """The exchanges in the form of `mes_example`."""
    return "\n".join(
        f"<START>\n{{{{user}}}}: {one.user}\n{{{{char}}}}: {one.assistant}" for one in character.exchanges
    )


def card_json(character: Constitution, version: Version = 2) -> bytes:
    """The card as the bytes of a .json file."""
    return (json.dumps(card_value(character, version), indent=2, ensure_ascii=False) + "\n").encode()


def card_png(character: Constitution) -> bytes:
    """A picture with the card in it in both forms, as SillyTavern writes it."""
    forms: tuple[tuple[str, Version], ...] = (("chara", 2), ("ccv3", 3))
    texts = {
        keyword: json.dumps(card_value(character, version), ensure_ascii=False).encode()
        for keyword, version in forms
    }
    return picture_with(texts, character.name)
