"""Added prompts in a bundle: they decide what the next teacher is asked, so they travel with it.

A line of `constitution/added-prompts.jsonl`:
{"prompt": "Who are you? (Step out …)", "trait": "voice", "origin": "drop-role"}
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, cast

from core.constitution import MAX_TEXT, Constitution
from core.errors import RunError
from core.settings import Settings
from core.store.added_prompts import Added, added_prompts
from core.store.bundle_check import strict_json
from core.texts import check_text

PLACE = "constitution/added-prompts.jsonl"
LONGEST_ORIGIN = 40


def lines_of_added(settings: Settings, character: Constitution) -> str:
    """The prompts that stand for a character, a line each; those of a trait it does not have stay here."""
    traits = {None, *(trait.id for trait in character.traits)}
    found = [one for one in added_prompts(settings, character.name).all() if one.trait in traits]
    return "".join(json.dumps(_row(one), ensure_ascii=False) + "\n" for one in found)


def _row(one: Added) -> dict[str, Any]:
    row = asdict(one)
    return {"prompt": row.pop("text"), **row}


def read_added(data: bytes, character: Constitution) -> tuple[Added, ...]:
    """The prompts of a bundle's file. Raises RunError for a line that is none of this character's."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    return tuple(_added(strict_json(line, PLACE), character) for line in lines)


def _added(value: Any, character: Constitution) -> Added:
    row = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    text, trait, origin = row.get("prompt"), row.get("trait"), row.get("origin")
    is_one = (
        isinstance(text, str)
        and text == text.strip()
        and not check_text(text, "", limit=MAX_TEXT, cure="")
        and (trait is None or trait in [one.id for one in character.traits])
        and isinstance(origin, str)
        and len(origin) <= LONGEST_ORIGIN
    )
    if not is_one:
        raise RunError(f"{PLACE} in this bundle holds a line that is no prompt; nothing was imported.")
    return Added(cast("str", text), cast("str | None", trait), cast("str", origin))


def keep_added(settings: Settings, name: str, added: Iterable[Added]) -> int:
    """Add what was never spoken of here: one that was dropped here stays so. How many were new."""
    log = added_prompts(settings, name).log
    spoken = {row["prompt"] for row in log.rows()}
    rows = [{"do": "add"} | _row(one) for one in added if one.text not in spoken]
    if rows:
        log.add(*rows)
    return len(rows)
