"""The whole way: its price before, one limit over all of it, and no work done twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli import character
from core.cli.evals.prefill import LOCAL_TURNS
from core.cli.evals.prefill import TURNS as PREFILL_TURNS
from core.errors import SettingsError
from core.evaluation.counts import (
    CHOICES,
    COMPARISONS,
    EVERYDAY,
    ITEMS,
    KNOWN_PAIRS,
    QUESTIONS,
    TURNS,
    Size,
    counts,
)
from core.price_tag import Cost, PriceTag, Range, minutes, money_range, usd_words
from core.settings import PROJECT, load_settings
from core.stages.evals.capability import shipped_items
from core.stages.evals.hearing import LOCAL_PROMPTS, PROMPTS
from core.stages.evals.preference_plan import COMPARISONS as ALL_COMPARISONS
from core.stages.evals.preference_plan import LOCAL_CHOICES, LOCAL_COMPARISONS
from core.stages.evals.reliability import LOCAL_PAIRS, PAIRS
from core.stages.evals.traits import LOCAL_EVERYDAY, USUAL_EVERYDAY
from core.stages.plan import price_tag
from core.stages.prepare import Scope, load_character, run_of
from core.stages.spent import spent_on
from core.stages.whole import preflight_whole, run_whole
from core.store.jsonl import append_rows, read_json
from core.store.price_table import PriceTable
from core.store.runs import Run
from core.whole import ASKING, PRESETS, STAGES, Plan, between, models_of, words_of
from tests.waiting import until

FAKE = "fake/parrot"


def a_plan(
    preset: str = "quick", teacher: str = FAKE, student: str = FAKE, last: str | None = None
) -> Plan:
    return Plan("pirate", between(PRESETS[preset], None, last), teacher, student)


def run_here() -> Run:
    settings = load_settings()
    return run_of(Scope("pirate"), load_character(Scope("pirate"), settings), settings)


@dataclass
class Did:
    """A verb's end, as a test wants it."""

    status: str = "done"
    cost_usd: float = 0.0
    failed: int = 0
    more: dict[str, Any] = field(default_factory=dict)


# ---- words and shapes


@pytest.mark.parametrize("preset", PRESETS)
def test_every_stage_is_a_command_that_the_shell_understands(preset: str) -> None:
    for stage in STAGES:
        words = words_of(stage, a_plan(preset))
        command: Any = character
        while words and hasattr(command, "get_command") and command.get_command(None, words[0]):
            command = command.get_command(None, words[0])
            words = words[1:]
        command.make_context(stage, list(words), resilient_parsing=False)


@given(st.sampled_from(STAGES), st.sampled_from(STAGES))
def test_from_and_to_give_the_stages_between_them_in_order(first: str, last: str) -> None:
    if STAGES.index(first) > STAGES.index(last):
        with pytest.raises(ValueError, match="comes after"):
            between(PRESETS["paper"], first, last)
        return
    stages = between(PRESETS["paper"], first, last).stages
    assert (stages[0], stages[-1]) == (first, last)
    assert list(stages) == [stage for stage in STAGES if stage in stages]


# ---- the price tag

AMOUNTS = st.floats(0, 1e6)


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_a_range_of_money_is_in_order(likely: float, high: float, asking: float) -> None:
    low, middle, top = money_range(likely, high, asking)
    assert 0 <= low <= middle + 1e-9 <= top + 2e-9


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS), max_size=8))
def test_steps_add_up_to_the_total(amounts: list[tuple[float, float, float]]) -> None:
    costs = tuple(
        Cost(stage, usd=Range(*sorted(amount))) for stage, amount in zip(STAGES, amounts, strict=False)
    )
    tag = PriceTag(costs)
    parts = [tag.of(step).usd.high for step in tag.steps]
    assert tag.total.usd.high == pytest.approx(sum(parts))


def test_what_has_no_price_is_named_and_never_counted_as_free() -> None:
    tag = PriceTag((Cost("teacher", usd=None), Cost("train-dpo", usd=None)))
    assert tag.total.unpriced == ("teacher", "train-dpo")
    assert not tag.total.is_free
    assert usd_words(tag.total).startswith("price unknown")
    assert minutes(Range(10, 20, 30)) == "under a minute"


@pytest.mark.parametrize("preset", PRESETS)
def test_everything_on_this_computer_is_free_and_every_number_says_what_it_is_based_on(preset: str) -> None:
    tag = price_tag(a_plan(preset, "local/smollm2-135m", "local/smollm2-135m"), load_settings())
    assert tag.total.is_free
    assert all(cost.basis for cost in tag.costs)
    assert 0 < tag.total.seconds.low <= tag.total.seconds.likely <= tag.total.seconds.high


def test_a_paid_teacher_is_a_range_and_a_larger_plan_costs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-canary-123456789")
    teacher = "openrouter/z-ai/glm-4.5-air"
    PriceTable(load_settings()).set_own(teacher, 0.2, 1.1)
    totals = [
        price_tag(a_plan(preset, teacher, "local/smollm2-135m"), load_settings()).total.usd
        for preset in ("trial", "quick", "paper")
    ]
    for usd in totals:
        assert 0 < usd.low < usd.likely < usd.high
    assert totals[0].likely < totals[1].likely < totals[2].likely


# What finished evaluations of a character with ten traits took on two cores, and what `--dry-run` counts.
REAL = {
    "eval-traits": (154, 46),
    "eval-robustness": (480, 130),
    "eval-prefill": (220, 125),
    "eval-capability": (240, 24),
    "eval-preferences": (800, 125),
}


def test_the_range_of_an_evaluation_holds_what_real_ones_took() -> None:
    plan = a_plan("quick", "local/smollm2-135m", "local/smollm2-135m")
    plan = replace(plan, shape=replace(plan.shape, stages=tuple(REAL)))
    for cost in price_tag(plan, load_settings()).costs:
        requests, seconds = REAL[cost.stage]
        assert cost.requests.likely == requests
        assert cost.seconds.low <= seconds <= cost.seconds.high, cost
    assert counts("coherence", Size(10)).answers + counts("coherence", Size(10)).verdicts == 228


def test_a_judge_is_priced_with_what_it_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-canary-123456789")
    judge = "openrouter/z-ai/glm-4.5-air"
    PriceTable(load_settings()).set_own(judge, 0.2, 1.1)
    plan = a_plan("paper", "local/smollm2-135m", "local/smollm2-135m")
    free, paid = (price_tag(replace(plan, judge=name), load_settings()) for name in (None, judge))
    assert free.total.is_free
    for cost in paid.costs:
        judged = cost.stage in ("eval-traits", "eval-coherence", "eval-preferences")
        assert cost.usd is not None
        assert (cost.usd.high > 0) is judged


def test_what_is_counted_is_what_the_verbs_ask_for() -> None:
    assert (LOCAL_EVERYDAY, USUAL_EVERYDAY) == EVERYDAY
    assert (LOCAL_PROMPTS, PROMPTS) == QUESTIONS
    assert (LOCAL_TURNS, PREFILL_TURNS) == TURNS
    assert ((LOCAL_CHOICES, ALL_COMPARISONS), (LOCAL_COMPARISONS, ALL_COMPARISONS)) == (
        CHOICES,
        COMPARISONS,
    )
    assert (LOCAL_PAIRS, PAIRS) == KNOWN_PAIRS
    assert len(shipped_items(None)) == ITEMS


def test_pricing_writes_nothing() -> None:
    price_tag(a_plan("paper", "local/smollm2-135m", "local/smollm2-135m"), load_settings())
    assert not load_settings().runs_path.exists()


def test_the_preflight_names_every_missing_thing_with_its_cure() -> None:
    checks = preflight_whole(
        a_plan("quick", "openrouter/z-ai/glm-4.5-air", "openai/gpt-4o"), load_settings()
    )
    stops = [check for check in checks if check.standing == "stop"]
    assert {"OpenRouter" in check.text for check in stops} >= {True}
    assert len(stops) >= 2
    assert all(check.cure for check in stops)


# ---- one limit over all


def paying(run: Run, each: float, stop_at: list[str]) -> Any:
    """A shell whose every asking verb spends on disk, as rows say it."""

    def do(words: Sequence[str]) -> Did:
        stage = words[0]
        budget = float(words[words.index("--budget") + 1]) if "--budget" in words else None
        if budget is not None and budget < each:
            return Did("incomplete", more={"left_out": "budget"})
        path = run.folder / "student" / f"m-{len(stop_at):08x}" / "rows.jsonl"
        append_rows(path, [{"key": f"{stage}{len(stop_at)}", "cost_usd": each, "text": '"cost_usd": 99'}])
        stop_at.append(stage)
        return Did(cost_usd=each)

    return do


def test_the_limit_holds_over_stages_kills_and_days() -> None:
    run, asked = run_here(), list[str]()
    plan = a_plan()
    for _ in range(5):
        outcome = run_whole(
            plan,
            run,
            load_settings(),
            budget=1.0,
            tag=None,
            do=paying(run, 0.3, asked),
            tell=lambda *_: None,
        )
    assert outcome.ended == "limit"
    assert spent_on(run, load_settings()).usd == pytest.approx(0.9)
    assert len(asked) == 3


def test_each_stage_is_told_what_is_left_and_not_the_whole_limit() -> None:
    run, told = run_here(), list[float]()
    inner = paying(run, 0.25, [])

    def do(words: Sequence[str]) -> Did:
        if "--budget" in words:
            told.append(float(words[words.index("--budget") + 1]))
        return inner(words)

    run_whole(
        a_plan(last="student"), run, load_settings(), budget=2.0, tag=None, do=do, tell=lambda *_: None
    )
    assert told == pytest.approx([2.0, 1.75])


def test_borrowed_and_carried_answers_were_paid_elsewhere() -> None:
    run = run_here()
    path = run.folder / "teacher" / "m-00000000" / "rows.jsonl"
    append_rows(
        path,
        [
            {"key": "a", "cost_usd": 0.5},
            {"key": "b", "cost_usd": 7.0, "borrowed": "pirate-other"},
            {"key": "c", "cost_usd": 7.0, "carried": {"run": "pirate-other", "version": "x"}},
            {"key": "d", "cost_usd": None},
        ],
    )
    assert spent_on(run, load_settings()).usd == pytest.approx(0.5)
    with path.open("ab") as file:
        file.write(b'{"key": "e", "cost_usd": 3.0')
    assert spent_on(run, load_settings()).usd == pytest.approx(0.5), "half a line is not yet an answer"
    append_rows(path, [{"key": "f", "cost_usd": 0.25}])
    assert spent_on(run, load_settings()).usd >= 0.5


def test_a_stage_that_was_killed_before_it_said_its_cost_counts_with_the_most_it_could_cost() -> None:
    run = run_here()
    plan = a_plan("paper", last="prompts")
    tag = PriceTag((Cost("prompts", usd=Range(0.1, 0.2, 0.4)),))

    def killed(words: Sequence[str]) -> Did:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_whole(plan, run, load_settings(), budget=5.0, tag=tag, do=killed, tell=lambda *_: None)
    assert spent_on(run, load_settings()).usd == pytest.approx(0.4)


def test_a_limit_over_a_model_without_a_price_is_refused_before_anything_is_asked() -> None:
    asked: list[str] = []
    plan = a_plan(teacher="http://127.0.0.1:9/v1#nobody-knows", student="openai/unheard-of-9")
    with pytest.raises(SettingsError, match="unheard-of-9"):
        run_whole(
            plan,
            run_here(),
            load_settings(),
            budget=1.0,
            tag=None,
            do=paying(run_here(), 1, asked),
            tell=lambda *_: None,
        )
    assert not asked


def test_a_training_that_waits_for_a_yes_and_a_stage_that_fails_end_the_way_and_say_why() -> None:
    def do(status: str) -> Any:
        return lambda words: Did(status if words[0] == "train" else "done")

    for status, ended in (("incomplete", "asks"), ("failed", "stopped")):
        outcome = run_whole(
            a_plan(),
            run_here(),
            load_settings(),
            budget=None,
            tag=None,
            do=do(status),
            tell=lambda *_: None,
        )
        assert (outcome.ended, outcome.stage) == (ended, "train-dpo")
        assert outcome.why


def test_models_are_listed_with_the_stages_that_ask_them() -> None:
    asked = models_of(Plan("pirate", PRESETS["paper"], "a/teacher", "b/student", judge="c/judge"))
    assert set(asked) == {"a/teacher", "b/student", "c/judge"}
    assert set(asked["b/student"]) <= ASKING


# ---- in a shell, for real


def shell(*words: str, wait: bool = True) -> Any:
    command = [
        sys.executable,
        "-m",
        "core",
        "pipeline",
        "pirate",
        "--teacher",
        FAKE,
        "--student",
        FAKE,
        *words,
    ]
    if wait:
        return subprocess.run(
            command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
        )
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


PART = ("--preset", "trial", "--limit", "24", "--to", "dpo-data", "--json")


def test_a_part_of_the_way_killed_and_run_again_does_only_what_is_missing() -> None:
    slow = shell(*PART, wait=False)
    rows = load_settings().runs_path
    until(lambda: any(rows.glob("*/teacher/*/plan.jsonl")), limit_s=60)
    slow.send_signal(signal.SIGKILL)
    slow.wait(20)
    done = shell(*PART)
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout.splitlines()[-1])
    assert (first["ended"], list(first["stages"])) == ("done", ["teacher", "student", "dpo-data"])
    again = json.loads(shell(*PART).stdout.splitlines()[-1])
    assert again["requests"] == 0
    run = next(rows.glob("*/pipeline.json"))
    assert (read_json(run) or {})["ended"] == "done"


def test_the_dry_run_prices_the_whole_way_and_sends_nothing() -> None:
    done = shell("--preset", "paper", "--dry-run", "--json")
    told = json.loads(done.stdout.splitlines()[-1])
    assert [one["stage"] for one in told["stages"]] == list(STAGES)
    assert told["estimated_usd_high"] == 0
    assert "Together" in done.stdout
    assert not load_settings().runs_path.exists()


def test_a_flag_that_the_whole_way_cannot_honour_is_refused_and_said() -> None:
    done = shell("--preset", "trial", "--temperature", "0.3")
    assert done.returncode == 2
    assert "--temperature" in done.stderr
