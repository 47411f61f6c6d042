"""`character eval preferences` in a shell: sizes, exit codes, what stands in the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.settings import load_settings
from core.stages.evals.keeping import latest
from core.stages.pools import pool_path
from core.store.jsonl import append_rows
from core.store.price_table import PriceTable
from core.store.runs import Run
from tests.core.test_cli import run

PAIR = ("--constitution", "pirate", "--model", "fake/parrot", "--tuned", "fake/other", "--json")


def preferences(*words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON line, and everything that was said on stderr."""
    done = run("eval", "preferences", *words)
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else {}, done.stderr


def kept(told: dict[str, Any]) -> dict[str, Any]:
    return json.loads(Path(told["files"][0]).read_text())


def test_by_default_the_model_itself_is_asked_and_the_result_is_kept_to_be_run_again() -> None:
    code, told, said = preferences(*PAIR, "--traits", "auto", "--N", "120")
    result = kept(told)
    assert (code, told["status"], result["complete"]) == (0, "done", True), said
    assert result["details"]["by"] == "choice" and len(result["details"]["ranking"]) == 24
    assert "self-report" in result["caveats"][0] and result["judge"] is None
    assert result["command"][:4] == ["eval", "preferences", "--constitution", "pirate"]
    assert set(result["speakers"]) == {"base", "tuned"}
    again = preferences(*result["command"][2:], "--json")[1]
    assert again["requests"] == 0 and again["files"] == told["files"]


def test_with_a_judge_answers_and_verdicts_are_asked_and_what_cannot_be_read_is_said() -> None:
    code, told, _ = preferences(*PAIR, "--traits", "auto", "--N", "30", "--judge", "fake/judge")
    # Both fakes say the same, and a judge is asked only once about the same words.
    assert code == 0 and told["requests"] == 30 * 2 + 30 * 2
    assert told["headline"].startswith("Nothing to rank: none of 60 comparisons could be scored")
    assert latest(Run(Path(told["files"][0]).parents[3]), "preferences").judge["model"] == "fake/judge"  # type: ignore[union-attr,index]


def test_a_dry_run_sizes_answers_and_verdicts_and_sends_nothing(tmp_path: Path) -> None:
    code, told, _ = preferences(*PAIR, "--N", "100", "--judge", "fake/judge", "--dry-run")
    assert (code, told["calls"], told["requests"]) == (0, 600, 0)
    _, by_letter, _ = preferences(*PAIR, "--N", "100", "--dry-run")
    assert by_letter["calls"] <= 400 and by_letter["completion_tokens"] == by_letter["calls"]
    assert not list((tmp_path / "data").rglob("rows.jsonl"))


def test_a_spent_budget_ends_incomplete_and_the_same_command_finishes() -> None:
    for name in ("fake/parrot", "fake/other"):
        PriceTable(load_settings()).set_own(name, 0.0, 1000.0)
    words = (*PAIR, "--traits", "auto", "--N", "100")
    code, told, _ = preferences(*words, "--budget", "0.15")
    assert (code, told["status"]) == (3, "incomplete")
    assert kept(told)["missing"]["budget"] > 0 and not kept(told)["complete"]
    code, rest, _ = preferences(*words)
    assert code == 0 and kept(rest)["complete"]
    assert told["requests"] + rest["requests"] == rest["planned"]


def test_flags_that_do_not_go_together_are_all_named_at_once() -> None:
    code, _, said = preferences(
        *PAIR, "--by", "choice", "--judge", "fake/j", "--prompts", "x.txt", "--pool", "lima"
    )
    assert code == 2 and "leave --judge out" in said and "not both" in said
    assert "needs a judge" in preferences(*PAIR, "--by", "text")[2]


def test_a_pool_that_was_fetched_gives_a_prompt_for_each_comparison(tmp_path: Path) -> None:
    settings = load_settings()
    path = pool_path("wildchat", settings)
    path.parent.mkdir(parents=True)
    append_rows(path, [{"row": number, "text": f"What about thing {number}?"} for number in range(60)])
    code, told, said = preferences(*PAIR, "--traits", "auto", "--N", "60", "--pool", "wildchat")
    assert code == 0, said
    assert kept(told)["prompts"] == 60


def test_prompts_of_a_file_take_the_place_of_the_general_ones(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("Why is the sky blue?\nWho are you?\n")
    code, told, _ = preferences(*PAIR, "--traits", "auto", "--N", "120", "--prompts", str(path))
    result = kept(told)
    assert code == 0 and result["prompts"] == 2
    assert any(caveat.startswith("Only 2 prompts") for caveat in result["caveats"])


def test_a_run_without_a_result_cannot_be_laid_beside() -> None:
    code, _, said = preferences(*PAIR, "--N", "20", "--compare", "nobody-12345678")
    assert code == 1 and "has no result of preferences yet" in said
