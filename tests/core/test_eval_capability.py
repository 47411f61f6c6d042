"""The fixed multiple-choice set is fair, answers are read strictly, and known rates are found again."""

from __future__ import annotations

import ast
import asyncio
import math
import operator
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.fake import Call, FakeEngine
from core.errors import ConstitutionError
from core.evaluation.capability import (
    How,
    caveats,
    cells_of,
    headline,
    messages_of,
    read_letter,
    read_text,
    score_row,
    smallest_change,
)
from core.evaluation.capability_items import LETTERS, Item, items_of
from core.evaluation.results import Cell
from core.names import ModelName
from core.records import Completion, Identity, Message, Sampling
from core.settings import load_settings
from core.similarity import normalised
from core.spending import Ledger
from core.stages.evals.capability import CapabilityJob, evaluate_capability, shipped_items, size_capability
from core.stages.evals.session import Session
from core.stages.evals.speakers import Cast
from core.store.library import Library
from core.store.price_table import PriceTable
from core.store.runs import open_run

ITEMS = shipped_items()
ITEM = Item("i", "everyday facts", "What is the capital of France?", ("Rome", "Paris", "Oslo", "Bern"), "B")


# ---- the set itself


def test_the_set_has_six_subjects_of_twenty_items_in_which_every_letter_is_right_equally_often() -> None:
    by_subject = Counter(item.subject for item in ITEMS)
    assert len(by_subject) == 6 and set(by_subject.values()) == {20}
    places = Counter((item.subject, item.answer) for item in ITEMS)
    assert set(places.values()) == {5}


def test_no_item_and_no_option_stands_twice() -> None:
    assert len({normalised(item.question) for item in ITEMS}) == len({item.id for item in ITEMS}) == 120
    assert all(len({normalised(option) for option in item.options}) == 4 for item in ITEMS)


def test_the_first_items_already_show_every_subject() -> None:
    assert len({item.subject for item in shipped_items(6)}) == 6


WORK = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def worked_out(node: ast.AST) -> float:
    if isinstance(node, ast.Expression):
        return worked_out(node.body)
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    assert isinstance(node, ast.BinOp)
    return WORK[type(node.op)](worked_out(node.left), worked_out(node.right))


@pytest.mark.parametrize(
    "item", [item for item in ITEMS if item.subject == "arithmetic"], ids=lambda i: i.id
)
def test_arithmetic_is_right_and_only_one_option_is(item: Item) -> None:
    value = worked_out(ast.parse(item.expression, mode="eval"))
    right = [letter for letter, option in zip(LETTERS, item.options, strict=True) if float(option) == value]
    assert right == [item.answer]


def test_a_broken_file_is_told_of_line_by_line() -> None:
    lines = (
        b'{"id": "a", "subject": "s", "question": "q", "options": ["1", "1", "2", "3"], "answer": "A"}\n'
        b'{"id": "b", "subject": "s", "question": "q", "options": ["1", "4", "2", "3"], "answer": "E"}\n'
    )
    with pytest.raises(ConstitutionError) as caught:
        items_of(lines, source="set.jsonl")
    assert [problem.place for problem in caught.value.problems] == ["line 1", "line 2"]


# ---- reading


@pytest.mark.parametrize("text", ["B", " b.", "(B)", "**B**", "B. Paris", "Answer: B", "The answer is B."])
def test_a_letter_as_asked_for_is_correct(text: str) -> None:
    assert read_text(text, ITEM).outcome(ITEM) == "correct"


@pytest.mark.parametrize(
    "text",
    [
        "Arr, the answer be B, matey!",
        "I would say Paris, ye landlubber.",
        "It must be option B: the Tower.",
    ],
)
def test_a_right_answer_in_other_words_is_recovered_and_kept_apart(text: str) -> None:
    assert read_text(text, ITEM).outcome(ITEM) == "recovered"


@pytest.mark.parametrize("text", ["A", "D. Bern", "Surely it is Oslo."])
def test_another_option_is_wrong(text: str) -> None:
    assert read_text(text, ITEM).outcome(ITEM) == "wrong"


@pytest.mark.parametrize(
    "text",
    ["", "Both Paris and Rome are lovely.", "I cannot say.", "A city by the sea, me hearty!", "B or C"],
)
def test_what_names_no_single_option_is_unparsable(text: str) -> None:
    assert read_text(text, ITEM).outcome(ITEM) == "unparsable"


def test_a_letter_inside_reasoning_is_no_answer() -> None:
    assert read_text("<think>Perhaps A. No.</think>B", ITEM).letter == "B"
    assert read_text("<think>Answer: B", ITEM).letter is None


@given(st.text(max_size=80))
def test_any_text_has_exactly_one_outcome(text: str) -> None:
    assert read_text(text, ITEM).outcome(ITEM) in ("correct", "recovered", "wrong", "unparsable")


def test_the_likeliest_letter_counts_however_it_is_written() -> None:
    odds = {" B": math.log(0.3), "b": math.log(0.2), "A": math.log(0.4), "The": math.log(0.1)}
    assert read_letter(odds).letter == "B"
    assert read_letter({"The": -0.1}).letter is None


# ---- known truth


def answered(speaker: str, right: Sequence[bool]) -> list[dict[str, Any]]:
    """Rows of a speaker that is right where it should be."""
    rows: list[dict[str, Any]] = []
    for item, hit in zip(ITEMS, right, strict=True):
        letter = item.answer if hit else LETTERS[(LETTERS.index(item.answer) + 1) % 4]
        rows.append(score_row({"text": letter, "speaker": speaker}, item, "text"))
    return rows


def drawn(rate: float, seed: int) -> list[bool]:
    chance = random.Random(seed)
    return [chance.random() < rate for _ in ITEMS]


def one(cells: Sequence[Cell], speaker: str, versus: str | None = None, group: str = "") -> Cell:
    wanted = ("correct", group, speaker, versus)
    return next(c for c in cells if (c.measure, c.group, c.speaker, c.versus) == wanted)


def test_a_known_rate_lies_within_its_interval() -> None:
    hits = 0
    for seed in range(40):
        cell = one(cells_of(answered("base", drawn(0.7, seed))), "base")
        hits += cell.low is not None and cell.high is not None and cell.low <= 0.7 <= cell.high
    assert hits >= 35


def test_a_known_loss_is_found_and_none_is_made_up() -> None:
    before = drawn(0.9, 1)
    worse = [hit and random.Random(place).random() < 0.75 for place, hit in enumerate(before)]
    lost = one(cells_of(answered("base", before) + answered("tuned", worse)), "tuned", "base")
    same = one(cells_of(answered("base", before) + answered("tuned", before)), "tuned", "base")
    assert lost.excludes_zero and lost.value is not None and lost.value < -0.1 and (lost.p or 1) < 0.01
    assert not same.excludes_zero and same.value == 0 and same.p == 1


def test_differences_are_paired_by_item() -> None:
    """Two speakers of the same rate that err on the same items differ less than two that do not."""
    before, other = drawn(0.5, 1), drawn(0.5, 2)
    together = one(cells_of(answered("base", before) + answered("tuned", before)), "tuned", "base")
    apart = one(cells_of(answered("base", before) + answered("tuned", other)), "tuned", "base")
    width = [cell.high - cell.low for cell in (together, apart)]  # type: ignore[operator]
    assert width[0] < width[1]


def test_only_what_both_answered_counts_for_the_difference() -> None:
    rows = answered("base", drawn(0.5, 1)) + answered("tuned", drawn(0.5, 2))[:50]
    assert one(cells_of(rows), "tuned", "base").n == 50


def test_the_headline_says_how_small_a_change_would_go_unseen() -> None:
    before = drawn(0.7, 1)
    known = [place for place, hit in enumerate(before) if hit]
    unknown = [place for place, hit in enumerate(before) if not hit]
    turned = {*known[:6], *unknown[:6]}
    after = [hit != (place in turned) for place, hit in enumerate(before)]
    rows = answered("base", before) + answered("tuned", after)
    limit = smallest_change(rows, "tuned")
    assert limit is not None and 0.05 < limit < 0.12
    said = headline("pirate", cells_of(rows), rows, "tuned")
    assert f"too few items to see a change below {100 * limit:.0f} points" in said


def test_without_a_tuned_model_nothing_is_said_of_training() -> None:
    rows = answered("base", drawn(0.7, 1))
    assert "nothing that was trained" in headline("pirate", cells_of(rows), rows, "base")


def test_a_model_near_chance_is_said_to_be_near_chance() -> None:
    rows = answered("base", drawn(0.25, 1)) + answered("tuned", drawn(0.25, 2))
    cells = cells_of(rows)
    assert "near chance" in headline("pirate", cells, rows, "tuned")
    assert any("Near chance" in line for line in caveats(cells, rows, "letter"))


def test_a_speaker_that_always_picks_one_letter_is_found_out() -> None:
    rows = [score_row({"text": "A", "speaker": "base"}, item, "text") for item in ITEMS]
    assert any("base picks A in 100 %" in line for line in caveats(cells_of(rows), rows, "text"))


# ---- asking


@dataclass
class Knower:
    """An engine that knows the answers to a share of the items, always the same ones."""

    rate: float
    model: str = "parrot"
    identity: Identity = field(default_factory=lambda: Identity("fake"))
    can_prefill: bool = True
    samples_at_once: bool = False
    history: list[Call] = field(default_factory=list)
    name: str = "fake/parrot"

    async def complete(self, messages: Sequence[Message], sampling: Sampling) -> Completion:
        self.history.append(Call(tuple(messages), sampling))
        item = next(item for item in ITEMS if item.asked in messages[0].content)
        known = random.Random(f"{item.id}{self.model}").random() < self.rate
        letter = item.answer if known else LETTERS[(LETTERS.index(item.answer) + 2) % 4]
        odds = {letter: math.log(0.7), "The": math.log(0.3)} if sampling.top_logprobs else None
        return Completion(letter, "stop", first_logprobs=odds)

    async def complete_several(self, *_: Any) -> list[Completion]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def session(data: Path) -> Session:
    settings = load_settings(data=data)
    pirate = Library(settings).load("pirate").constitution
    return Session(pirate, settings, open_run(settings, pirate))


def job(**more: Any) -> CapabilityJob:
    cast = Cast(ModelName("fake", "parrot"), tuned=ModelName("fake", "other"), controls=("base",))
    return CapabilityJob(cast, **more)


def played(monkeypatch: pytest.MonkeyPatch, **rates: float) -> dict[str, Knower]:
    """Engines by the model's name, opened in place of the fake ones."""
    engines = {name: Knower(rate, name) for name, rate in rates.items()}
    opened = lambda model, settings, **_: engines[model.model]  # noqa: E731
    monkeypatch.setattr("core.stages.evals.speakers.open_engine", opened)
    return engines


@pytest.mark.parametrize("how", ["letter", "text"])
def test_what_two_engines_know_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: How
) -> None:
    played(monkeypatch, parrot=0.9, other=0.6)
    result = asyncio.run(evaluate_capability(job(how=how), session(tmp_path)))
    base, tuned = one(result.cells, "base"), one(result.cells, "tuned")
    assert base.low is not None and base.high is not None and base.low <= 0.9 <= base.high
    assert tuned.low is not None and tuned.high is not None and tuned.low <= 0.6 <= tuned.high
    assert one(result.cells, "tuned", "base").excludes_zero and "lost" in result.headline


def test_a_control_asked_alone_is_what_the_headline_is_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARACTER_FAKE_ENGINE", "1")
    alone = CapabilityJob(Cast(ModelName("fake", "parrot"), ("none",), controls=("neutral",)), limit=20)
    said = asyncio.run(evaluate_capability(alone, session(tmp_path))).headline
    assert "of 20 questions right" in said and "neutral" in said.lower()


def test_letters_are_asked_for_where_engines_tell_probabilities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = played(monkeypatch, parrot=0.9, other=0.9)
    result = asyncio.run(evaluate_capability(job(limit=6), session(tmp_path)))
    assert result.details["how"] == "letter"
    assert all(call.sampling.max_tokens == 1 for call in engines["parrot"].history)
    assert engines["parrot"].history[0].messages[-1].role == "assistant"


def test_everybody_is_asked_alike_where_not_all_engines_continue_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = played(monkeypatch, parrot=0.9, other=0.9)
    engines["other"].can_prefill = False
    asyncio.run(evaluate_capability(job(limit=6), session(tmp_path)))
    assert {call.messages[-1].role for one in engines.values() for call in one.history} == {"user"}


def test_the_same_command_again_asks_only_for_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = played(monkeypatch, parrot=0.9, other=0.9)
    asyncio.run(evaluate_capability(job(limit=10), session(tmp_path)))
    later = session(tmp_path)
    result = asyncio.run(evaluate_capability(job(limit=30), later))
    assert len(engines["parrot"].history) == 30 and later.requests == 40
    assert result.prompts == 30 and len(result.rows) == 60


def test_a_spent_budget_leaves_an_incomplete_result_that_the_next_run_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch, parrot=0.9, other=0.9)
    now = session(tmp_path)
    PriceTable(now.settings).set_own("fake/parrot", 0.0, 1000.0)
    now.ledger = Ledger(0.05)
    first = asyncio.run(evaluate_capability(job(how="text"), now))
    assert "budget" in now.missing and 0 < len(first.rows) < 240
    later = session(tmp_path)
    second = asyncio.run(evaluate_capability(job(how="text"), later))
    assert len(second.rows) == 240 and later.missing == {}
    assert later.requests == 240 - len(first.rows)


def test_a_dry_run_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = played(monkeypatch, parrot=0.9, other=0.9)
    sides = size_capability(job(), session(tmp_path))
    assert [side.calls for side in sides] == [120, 120] and not engines["parrot"].history


def test_a_question_shows_every_option_under_its_letter() -> None:
    text = messages_of(ITEM, "text", prefill=True)[0].content
    assert all(line in text for line in ("A. Rome", "B. Paris", "C. Oslo", "D. Bern"))
    assert FakeEngine().can_prefill
