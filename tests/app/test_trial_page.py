"""Try it now, and before and after: what is there before, while it runs, and what came of it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.train_steps import steps_of_trial
from core.jobs import Jobs
from core.settings import load_settings
from core.stages.trial import STAGES, trial_folder
from tests.app.kit import library, tab, words
from tests.waiting import until

NASTY = "Arr ![look](http://evil.example/x.png) <b>bold</b> $x^2$"


@pytest.fixture(autouse=True)
def no_job_is_left() -> Iterator[None]:
    yield
    jobs = Jobs(load_settings())
    for job in jobs.list(active_only=True):
        jobs.cancel(job.id, grace_s=0)


def told(app: AppTest) -> str:
    return words(app).replace("\\", "").replace("\u00a0", " ")


def share(value: float) -> dict[str, Any]:
    return {"share": value, "low": value, "high": value, "count": round(60 * value), "of": 60}


def tried(**more: Any) -> None:
    """A finished trial of pirate."""
    answers = [
        {"prompt": f"Question {number}?", "seed": seed, "base": "Plain.", "tuned": NASTY}
        for number in range(8)
        for seed in (1, 2, 3)
    ]
    result = {
        "verdict": "pirate took hold: 59 of 60 answers.",
        "passed": True,
        "proof": {"passed": True, "sentence": "The adapter works: it changed 4 of 4 answers."},
        "pairs": 48,
        "model": "local/smollm2-135m",
        "prompts": 8,
        "seeds": 3,
        "seconds": {"total": 200.0},
        "made_at": time.time(),
        "measures": {"words": {"base": share(0.0), "tuned": share(1.0)}},
        "answers": answers,
    }
    folder = trial_folder(load_settings(), library().load("pirate").constitution)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(result | more))


def test_before_the_first_trial_the_button_says_size_time_and_price() -> None:
    app = tab("trial")
    assert app.button(key="trial:page").label == "Try it now"
    assert "48 pairs" in told(app) and "Free, 3 to 6 minutes" in told(app)
    assert "character trial pirate" in [element.value for element in app.code]


def test_a_click_on_the_first_page_starts_one_trial_and_shows_its_steps() -> None:
    app = tab()
    app.button(key="trial:home").click().run()
    [job] = Jobs(load_settings()).list()
    assert list(job.argv[3:]) == ["trial", "pirate", "--json"]
    assert "Pirate is being learned" in told(app)
    assert "The teacher plays the character" in told(app)
    app.run()
    assert len(Jobs(load_settings()).list()) == 1


def test_without_anything_trained_the_train_page_offers_the_trial_first() -> None:
    app = tab("train")
    assert app.button(key="trial:train").label == "Try it now"
    assert "Or step by step" in told(app)


def test_every_stage_of_the_verb_is_a_step_of_the_page() -> None:
    for place, stage in enumerate(STAGES):
        steps = steps_of_trial(stage)
        assert [step.standing for step in steps].index("now") == place
    assert [step.standing for step in steps_of_trial("reference")].index("now") == STAGES.index("train")


def test_a_result_shows_the_verdict_the_proof_and_answers_as_text_side_by_side() -> None:
    tried()
    app = tab("trial")
    assert any("Pirate took hold" in element.value for element in app.subheader)
    assert "it changed 4 of 4 answers" in told(app)
    assert "0 % of 60 answers before, 100 % of 60 after" in told(app)
    for element in (*app.markdown, *app.caption):
        assert "![look](" not in str(element.value)
    shown = [element.proto.body for element in app.main.get("html")]
    assert any("&lt;b&gt;" in body for body in shown) and not any("<b>" in body for body in shown)
    assert len(shown) == 2 * 6
    next(one for one in app.button if one.label.startswith("Show all 24")).click().run()
    assert len(app.main.get("html")) == 2 * 24


def test_a_trial_that_was_not_good_enough_says_so() -> None:
    tried(passed=False, verdict="pirate did not take hold well enough.")
    assert any("Pirate did not take hold" in element.value for element in tab("trial").subheader)


def test_a_damaged_result_is_explained() -> None:
    tried()
    folder = trial_folder(load_settings(), library().load("pirate").constitution)
    (folder / "result.json").write_text("{")
    app = tab("trial")
    assert app.error and not app.exception


def test_before_and_after_says_what_is_missing_while_nothing_is_trained() -> None:
    app = tab("before_after")
    assert "First a student has to learn it." in told(app)
    assert app.button(key="trial:before").label == "Try it now"


def test_a_trial_that_stopped_goes_on_with_one_button() -> None:
    jobs = Jobs(load_settings())
    argv = [sys.executable, "-c", "raise SystemExit('The disk was full; free some space.')"]
    old = jobs.start(argv, verb="trial", title="Try Pirate", subject="trial:pirate", token="")
    until(lambda: not jobs.get(old.id).active)
    app = tab("trial")
    assert "The disk was full" in told(app)
    assert "trial:page" not in [element.key for element in app.button]
    app.button(key=f"resume:{old.id}").click().run()
    assert [job.resumes for job in jobs.list()] == [old.id, None]


def test_where_there_are_pairs_of_a_trial_only_the_pairs_page_leads_to_them() -> None:
    links = [one.proto.label for one in tab("pairs").main.get("page_link")]
    assert "See what came of them" not in links
    tried()
    app = tab("pairs")
    assert "made pairs of its own" in told(app)
    assert "See what came of them" in [one.proto.label for one in app.main.get("page_link")]
