"""The charts and sentences of a job: true to its rows, small, and harmless whatever the rows hold."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from app.job_charts import (
    MOST_POINTS,
    at_once_chart,
    at_once_in_words,
    calm,
    clock,
    is_drawable,
    last_changes,
    speed_chart,
    speed_in_words,
    tidy,
    without_end,
)
from app.job_figures import doubt, facts_now, failed_so_far, money, rate, reason_in_words, spent, totals

START = 1_795_392_900.0
TOO_MANY = "38 at once was too many (HTTP 429): now 37"
REFUSED = "the provider refused more"
LOST = "20 of 40 found no answer: now 8"
FIGURES: dict[str, Any] = {
    "requests": 1240,
    "retries": 12,
    "rate_limited": 9,
    "in_flight": 20,
    "waiting": 2,
    "limit": 37,
    "ceiling": 64,
    "rate_cap": None,
    "per_second": 31.24,
    "tokens_in": 7_731_864,
    "tokens_out": 41_300,
    "cached_tokens": 5_713_200,
    "cost_usd": 0.42,
    "budget_usd": 5.0,
    "maybe_double_billed": 0,
    "maybe_usd": 0.0,
    "reasons": {"transient": 2, "timeout": 5, "empty": 0},
}
NONSENSE: list[Any] = [None, "x", [], {}, True, float("nan"), float("inf"), -1, 10**400, "<b>" * 999]


def row(second: float, **more: Any) -> dict[str, Any]:
    usual = {"at": START + second, "stage": "teacher", "limit": 20, "in_flight": 18, "per_second": 30.0}
    return usual | {"why": ""} | more


def limits(*values: int, why: str = TOO_MANY) -> list[dict[str, Any]]:
    """A row for each limit; where it falls, there is a reason."""
    fell = [False, *(after < before for before, after in pairwise(values))]
    return [
        row(2 * n, limit=value, in_flight=value, why=why if fell[n] else "")
        for n, value in enumerate(values)
    ]


# --- figures in words ---


def test_the_facts_of_a_running_job_are_one_line() -> None:
    assert facts_now(FIGURES) == (
        "31 answers a second · 20 of at most 64 at once · $0.42 of $5.00 spent · 12 asked again, 2 waiting"
    )
    assert facts_now({}) == ""
    assert facts_now({"per_second": 0.2, "in_flight": 1}) == "12 answers a minute · 1 at once"
    assert facts_now({"per_second": 0.0, "requests": 3}) == "no answer in the last ten seconds"


@pytest.mark.parametrize(
    ("cost", "budget", "tokens", "said"),
    [
        (0.42, 5.0, 9, "$0.42 of $5.00 spent"),
        (0.042, None, 9, "$0.042 spent"),
        (0.0, 5.0, 0, "$0.00 of $5.00 spent"),
        (0.0, None, 9, ""),
        (None, None, 9, ""),
        (None, 5.0, 9, "price not known, limit $5.00"),
    ],
)
def test_money_is_told_as_far_as_it_is_known(cost: Any, budget: Any, tokens: int, said: str) -> None:
    assert spent({"cost_usd": cost, "budget_usd": budget, "tokens_out": tokens}) == said


def test_answers_possibly_billed_twice_are_told_only_when_there_are_any() -> None:
    assert doubt(FIGURES) == ""
    assert (
        doubt({"maybe_double_billed": 3, "maybe_usd": 0.002}) == "3 possibly billed twice, $0.002 at most"
    )
    assert doubt({"maybe_double_billed": 1, "maybe_usd": None}) == "1 possibly billed twice"


def test_the_totals_name_requests_tokens_and_money() -> None:
    assert totals(FIGURES) == (
        "1,240 requests · 12 asked again, 9 refused as too many · "
        "7.7 million tokens in (5.7 million cached) · 41,300 out · $0.42 of $5.00 spent"
    )
    assert totals({}) == ""


def test_failures_so_far_are_in_plain_words_the_most_frequent_first() -> None:
    assert failed_so_far(FIGURES) == [
        ("No answer in time", 5),
        ("The provider was busy or had trouble", 2),
    ]
    assert failed_so_far({"reasons": {"odd": 1}}) == [("odd", 1)]
    assert reason_in_words("transient", 429) == "The provider was busy or had trouble (HTTP 429)"
    assert [money(usd) for usd in (0, 0.0004, 0.05, 12)] == ["$0.00", "under $0.001", "$0.050", "$12.00"]
    assert [rate(speed) for speed in (31.2, 2.5, 1 / 60)] == [
        "31 answers a second",
        "2.5 answers a second",
        "1 answer a minute",
    ]


@pytest.mark.parametrize("odd", NONSENSE)
def test_no_figure_however_odd_raises(odd: Any) -> None:
    for name in FIGURES:
        figures = FIGURES | {name: odd}
        assert isinstance(facts_now(figures) + doubt(figures) + totals(figures), str)
        failed_so_far(figures)
    failed_so_far({"reasons": {"timeout": odd}})


# --- rows ---


@pytest.mark.parametrize("odd", NONSENSE)
def test_no_row_however_odd_raises(odd: Any) -> None:
    rows = [row(0), *({**row(n), name: odd} for n, name in enumerate(row(0), 1)), row(99)]
    moments = tidy(rows)
    assert len(moments) >= len(rows) - 1
    for figure in (speed_chart(moments), at_once_chart(moments)):
        assert json.loads(figure.to_json())["data"]
    assert speed_in_words(moments)
    assert at_once_in_words(moments, None, active=True)
    last_changes(moments)


def test_rows_come_in_order_of_time_and_a_few_are_not_a_chart() -> None:
    moments = tidy([row(4), row(0), row(2)])
    assert [moment.at - START for moment in moments] == [0, 2, 4]
    assert is_drawable(moments)
    assert not is_drawable(moments[:2])
    assert not is_drawable([])


def test_while_it_runs_the_chart_moves_in_steps() -> None:
    moments = tidy([row(second) for second in range(9)])
    assert [moment.at - START for moment in calm(moments)] == [0, 1, 2, 3, 4, 5]
    assert calm([]) == []


def test_the_silence_after_the_end_is_not_drawn() -> None:
    moments = tidy([row(0, in_flight=0), row(1), row(2), row(3, in_flight=0), row(4, in_flight=0)])
    assert [moment.at - START for moment in without_end(moments)] == [0, 1, 2]
    assert without_end([]) == []


# --- charts ---


def test_the_speed_chart_shows_answers_a_second_from_zero() -> None:
    figure = speed_chart(tidy([row(n, per_second=10.0 * n) for n in range(4)]))
    [line] = figure.data
    assert list(line.y) == [0, 10, 20, 30]
    assert figure.layout.yaxis.range[0] == 0
    assert line.text[3] == "30 answers a second"


def test_a_slow_job_is_shown_in_answers_a_minute() -> None:
    [line] = speed_chart(tidy([row(n, per_second=0.5) for n in range(4)])).data
    assert list(line.y) == [30] * 4


def test_the_other_chart_shows_the_limit_what_is_in_use_and_where_it_fell() -> None:
    figure = at_once_chart(tidy(limits(8, 16, 38, 37)))
    used, allowed, marks = figure.data
    assert list(allowed.y) == list(used.y) == [8, 16, 38, 37]
    assert allowed.line.shape == "hv"
    assert list(marks.y) == [37]
    told = allowed.text[3].replace("<br>", " ")
    assert TOO_MANY in told
    assert [note.text.split("</span> ")[1] for note in figure.layout.annotations] == [
        "37 allowed",
        "37 in use",
    ]


def test_a_reason_from_a_provider_is_text_in_the_chart() -> None:
    nasty = '<a href="http://192.0.2.1">x</a> %{x}'
    figure = at_once_chart(tidy(limits(8, 7, 6, why=nasty)))
    assert "<a" not in figure.to_json().replace("\\u003c", "<")
    assert all("%{x}" not in (trace.hovertemplate or "") for trace in figure.data)


def test_a_new_stage_is_marked_and_does_not_count_as_a_fall() -> None:
    rows = [*limits(8, 16, 30), row(8, stage="student", limit=4, why="it begins with 4"), row(9, limit=4)]
    figure = at_once_chart(tidy(rows))
    assert not list(figure.data[2].y)
    assert "student" in [note.text for note in figure.layout.annotations]


def test_a_long_history_stays_a_small_chart() -> None:
    moments = tidy([row(n, limit=20 + n % 2, why=TOO_MANY if n % 2 == 0 else "") for n in range(20_000)])
    for figure in (speed_chart(moments), at_once_chart(moments)):
        assert max(len(trace.x) for trace in figure.data) <= 2 * MOST_POINTS
        assert figure.layout.xaxis.tickformat == "%H:%M"
    assert at_once_chart(moments).data[1].y[-1] == moments[-1].limit


# --- sentences ---


@pytest.mark.parametrize(
    ("rows", "ceiling", "active", "said"),
    [
        (limits(8, 38, 37), 64, True, "It settled at 37 at once; the provider refused more."),
        (limits(8, 38, 37, 38), 64, False, "It settled at 37 at once; the provider refused more."),
        (limits(8, 38, 18, 30), 64, True, f"It is at 30 at once, up from 18; {REFUSED} before."),
        (limits(8, 38, 18, 30), 64, False, f"It ended at 30 at once, up from 18; {REFUSED} before."),
        ([row(0), row(1), row(2, why=TOO_MANY)], 64, True, f"It settled at 20 at once; {REFUSED}."),
        (limits(8, 9, 8, why=LOST), 64, True, "It settled at 8 at once; 20 of 40 found no answer."),
        (
            limits(8, 60, 8, 30, why=LOST),
            64,
            True,
            "It is at 30 at once, up from 8; 20 of 40 found no answer before.",
        ),
        (limits(8, 64), 64, True, "It works at the most you allow: 64 at once."),
        (limits(8, 16), 64, True, "It is at 16 at once; nothing was refused."),
        (limits(8, 16), None, False, "It came to 16 at once; nothing was refused."),
        (
            [row(0, rate_cap=3.0)],
            64,
            True,
            "The provider allows about 3.0 requests a second; it keeps to that.",
        ),
        ([], 64, True, "How many it asked at once is not known."),
    ],
)
def test_what_held_it_is_said_in_one_sentence(
    rows: list[dict[str, Any]], ceiling: int | None, active: bool, said: str
) -> None:
    assert at_once_in_words(tidy(rows), ceiling, active=active) == said


def test_the_speed_in_a_sentence() -> None:
    moments = tidy([row(n, per_second=speed) for n, speed in enumerate((0.0, 28.0, 30.0, 33.0))])
    assert speed_in_words(moments) == "Usually 30 answers a second, at best 33."
    assert speed_in_words(tidy([row(0, per_second=0.0)])) == "No answer has come yet."


def test_changes_are_listed_newest_first_and_repeats_are_counted() -> None:
    rows = limits(38, 37, 38, 37, 38, 37)
    rows.insert(1, row(1, limit=38, why="it began"))
    assert last_changes(tidy(rows)) == [
        (clock(START + 10), f"{TOO_MANY} (3 times)"),
        (clock(START + 1), "it began"),
    ]
    many = [row(n, why=f"reason {n}") for n in range(50)]
    assert [why for _, why in last_changes(tidy(many), 3)] == ["reason 49", "reason 48", "reason 47"]
