"""How often the pirate's voice is heard on the embedded model: teacher against student.

    python -m bench.pirate_voice            asks 20 prompts with 3 seeds, prints every answer and the rates

An answer carries the voice when it holds at least one word of `VOICE`. The list was fixed before the
first measurement; none of its words stands in any of the character's prompts (a test holds that).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

from core.engines.opening import open_engine
from core.names import parse_model
from core.prompts import prompt_set
from core.settings import load_settings
from core.stages.answers import Role, answer, settings_of
from core.stages.defaults import Wishes, answer_job
from core.store.jsonl import Row
from core.store.library import Library
from core.store.runs import open_run

SEEDS = (1, 2, 3)
PROMPTS = 20
MAX_TOKENS = 256

VOICE = (
    "arr",
    "arrr",
    "matey",
    "mateys",
    "ahoy",
    "avast",
    "aye",
    "ye",
    "yer",
    "cap'n",
    "hearty",
    "hearties",
    "scurvy",
    "landlubber",
    "landlubbers",
    "doubloon",
    "doubloons",
    "plunder",
    "plunderin'",
    "buccaneer",
    "cutlass",
    "swab",
    "briny",
    "shiver me timbers",
    "crow's nest",
    "davy jones",
    "o'er",
    "afore",
)

_VOICE = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in VOICE), re.IGNORECASE)


def voice_words(text: str) -> list[str]:
    """The words of the voice that a text holds, in order."""
    return [match.casefold() for match in _VOICE.findall(text.replace("’", "'"))]


def carries(texts: Iterable[str]) -> float:
    """The share of texts that hold at least one word of the voice."""
    found = [bool(voice_words(text)) for text in texts]
    return sum(found) / len(found)


def answers(role: Role, seed: int, prompts: int) -> list[Row]:
    """One role's answers to the first prompts under a seed, made or found in the run."""
    settings = load_settings()
    constitution = Library(settings).load("pirate").constitution
    chosen = prompt_set(constitution, {})[:prompts]
    model = parse_model("local/smollm2-135m")
    job = answer_job(role, model, constitution, chosen, Wishes(seed=seed, max_tokens=MAX_TOKENS))
    run = open_run(settings, constitution)
    engine = open_engine(model, settings)

    async def go() -> None:
        try:
            await answer(job, run, engine, settings)
        finally:
            await engine.close()

    asyncio.run(go())
    shared = settings_of(job, constitution, engine)
    wanted = {prompt.id: prompt.text for prompt in chosen}
    rows = run.answer_set(role, model.slug, shared).rows().values()
    return [{**row, "asked": wanted[row["prompt"]]} for row in rows if row["prompt"] in wanted]


def main() -> None:
    """Ask, print every answer with the words of the voice found in it, and the rates."""
    for role in ("teacher", "student"):
        rows = [row for seed in SEEDS for row in answers(role, seed, PROMPTS)]
        for row in rows:
            print(f"\n[{role}] {row['asked']}\n  {voice_words(row['text'])}\n  {row['text']}")
        texts = [row["text"] for row in rows]
        cut = sum(row["finish_reason"] == "length" for row in rows)
        twice = sum(len(set(voice_words(text))) >= 2 for text in texts) / len(texts)
        print(
            f"\n{role}: {carries(texts):.0%} of {len(texts)} answers carry the voice, "
            f"{twice:.0%} with two different words of it; {cut} cut off"
        )


if __name__ == "__main__":
    main()
