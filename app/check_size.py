"""What a measurement will take, before the click: calls, tokens, minutes, money. Nothing is sent.

Counting looks at every request, so it is kept for as long as the files look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import streamlit as st

from app.check_choice import LM_EVAL, Choice
from app.check_words import who
from app.launch_quote import rounded_up, sentence_case, took
from app.reads import library, settings
from app.wording import counted
from core.cli.evals.common import sides_of
from core.environments import environment_folder
from core.errors import CoreError
from core.prices import PriceRange, estimate_words, money
from core.stages.evals.session import ANSWERS, VERDICTS, Side
from core.stages.prepare import Scope, existing_run
from core.store.looks import Look, look
from core.store.runs import Run

UNSAID = (
    "How many calls full benchmarks make, and what they cost, lm-eval does not say beforehand; a number "
    "under How many questions keeps them few"
)


@dataclass(frozen=True, slots=True)
class Size:
    """What a measurement takes in all; `trouble` says why it cannot be counted or started.

    `unsaid` stands in place of a size that nobody knows beforehand.
    """

    sides: tuple[Side, ...] = ()
    trouble: str = ""
    unsaid: str = ""

    @property
    def calls(self) -> int:
        """Requests still to send."""
        return sum(side.calls for side in self.sides)

    @property
    def there(self) -> int:
        """Answers that are there already."""
        return sum(side.there for side in self.sides)

    @property
    def cost(self) -> PriceRange:
        """USD of what has a known price."""
        costs = [side.cost for side in self.sides if side.cost]
        return PriceRange(sum(cost.low for cost in costs), sum(cost.high for cost in costs))

    @property
    def unknown(self) -> list[Side]:
        """Those that are asked something at an unknown price."""
        return [side for side in self.sides if side.price is None and side.calls]

    def headline(self) -> str:
        """Price, calls and time in one line."""
        if self.unsaid:
            return self.unsaid
        if not self.calls:
            told = f"all {counted(self.there, 'answer')} are there" if self.there else "nothing is asked"
            return f"Free · {told}, so it takes seconds"
        there = f", {self.there:,} there already" if self.there else ""
        parts = [sentence_case(self.price_words()), f"{counted(self.calls, 'answer')} to ask for{there}"]
        return " · ".join([*parts, self.time()])

    def time(self) -> str:
        """About how long it takes."""
        here = any(side.model.provider == "local" for side in self.sides if side.calls)
        return took(sum(side.seconds for side in self.sides), here=here)

    def price_words(self) -> str:
        """What it costs in all."""
        asked = [side for side in self.sides if side.calls]
        paid = [side for side in asked if side.price and not side.price.is_free]
        if not paid:
            return "price unknown" if self.unknown else "free"
        words = estimate_words(*self.cost, paid[0].price)
        return (
            f"{words}, and the price of {self.unknown[0].model.full} is unknown" if self.unknown else words
        )

    def details(self) -> list[str]:
        """Each speaker's share in a sentence."""
        return [_sentence(side) for side in self.sides if side.planned]

    def limit_words(self, budget: float | None) -> str:
        """What a spending limit does; "" where there is none."""
        if budget is None or not self.cost.high:
            return ""
        if budget >= self.cost.high:
            return f"Stops before more than {money(budget)} is spent; finished answers are kept."
        return (
            f"{money(budget)} may not be enough: then it stops early, says so, and goes on from there with "
            "a higher limit."
        )

    def sensible_limit(self) -> float | None:
        """The high estimate rounded up; None where nothing is paid or a price is unknown."""
        return None if self.unknown or not self.cost.high else rounded_up(self.cost.high)


def _sentence(side: Side) -> str:
    if not side.calls:
        return f"{sentence_case(who(side.label))}: nothing to ask, all {side.there:,} answers are there."
    there = f" ({side.there:,} more are there)" if side.there else ""
    return (
        f"{sentence_case(who(side.label))}, {side.model.full}: {counted(side.calls, 'call')}{there}, about "
        f"{side.prompt_tokens:,} tokens in, at most {side.completion_tokens:,} out."
    )


def size_of(choice: Choice) -> Size:
    """What a choice would take as things stand; a choice that cannot be measured says why."""
    try:
        sides = _sized(tuple(choice.words()), _stamps(choice), choice)
        return Size(sides, unsaid=UNSAID if choice.is_full else "")
    except CoreError as error:
        return Size(trouble=str(error))
    except ImportError as error:
        return Size(trouble=f"This measurement needs a package that is not installed here ({error.name}).")


def _stamps(choice: Choice) -> tuple[Look | str, ...]:
    """The character's version, and what the files look like that decide the size."""
    constitution = library().load(choice.name).constitution
    run = existing_run(Scope(choice.name), constitution, settings())
    rows = _answer_files(run) if run else []
    files = [*rows, *settings().lora_path.glob(f"*/{choice.name}/adapter/adapter.gguf")]
    files += [settings().data_path / "prices.json", environment_folder(settings(), LM_EVAL)]
    return constitution.content_hash, *(look(path) for path in sorted(files))


def _answer_files(run: Run) -> list[Path]:
    found = [path for role in (ANSWERS, VERDICTS) for path in run.folder.glob(f"{role}/*/rows.jsonl")]
    return [
        *found,
        run.folder / "prompts.jsonl",
        run.folder / "decisions.jsonl",
        run.folder / "trial" / "pairs.jsonl",
    ]


@st.cache_data(max_entries=64, show_spinner=False)
def _sized(words: tuple[str, ...], stamps: tuple[Look | str, ...], _choice: Choice) -> tuple[Side, ...]:
    return tuple(counted_sides(list(words), _choice))


def counted_sides(words: Sequence[str], choice: Choice) -> Sequence[Side]:
    """Every speaker's share, counted by the command itself."""
    command = import_module(f"core.cli.evals.{choice.about.kind}").COMMAND
    return sides_of(command, words[2:])
