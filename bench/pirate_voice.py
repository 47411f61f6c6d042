"""How often the pirate's voice is heard on the embedded model: teacher against student.

    python -m bench.pirate_voice            asks 20 prompts with 3 seeds, prints every answer and the rates

An answer carries the voice when it holds at least one word of the list in `core.voice`.
"""

from __future__ import annotations

import asyncio

from core.engines.opening import open_engine
from core.names import parse_model
from core.prompts import prompt_set
from core.settings import load_settings
from core.stages.answers import Role, answer, settings_of
from core.stages.defaults import Wishes, answer_job
from core.store.jsonl import Row
from core.store.library import Library
from core.store.runs import open_run
from core.voice import carries, voice_words

NAME = "pirate"
SEEDS = (1, 2, 3)
PROMPTS = 20
MAX_TOKENS = 256


def answers(role: Role, seed: int, prompts: int) -> list[Row]:
    """One role's answers to the first prompts under a seed, made or found in the run."""
    settings = load_settings()
    constitution = Library(settings).load(NAME).constitution
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
            print(f"\n[{role}] {row['asked']}\n  {voice_words(NAME, row['text'])}\n  {row['text']}")
        texts = [row["text"] for row in rows]
        cut = sum(row["finish_reason"] == "length" for row in rows)
        twice = sum(len(set(voice_words(NAME, text))) >= 2 for text in texts) / len(texts)
        print(
            f"\n{role}: {carries(NAME, texts):.0%} of {len(texts)} answers carry the voice, "
            f"{twice:.0%} with two different words of it; {cut} cut off"
        )


if __name__ == "__main__":
    main()
