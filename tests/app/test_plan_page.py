"""Plan and price: what everything takes before the first click, and one button."""

from __future__ import annotations

import pytest

from core.cli.generate import pipeline
from core.jobs import Jobs
from core.settings import load_settings
from core.stages.prepare import Scope, load_character, run_of
from core.stages.whole_now import write_now
from core.store.price_table import PriceTable
from core.whole import PRESETS, STEPS, Plan
from tests.app.kit import button, own_file, tab, words

TEACHER = "openrouter/z-ai/glm-4.5-air"


def preset(app, name: str):  # type: ignore[no-untyped-def]
    app.get("button_group")[0].set_value([name]).run()
    return app


def test_a_fresh_studio_prices_the_way_step_by_step_and_in_all() -> None:
    shown = words(tab("plan"))
    assert "Make pairs" in shown
    assert "**In all**" in shown
    assert "free" in shown
    assert "The character is complete" in shown


def test_the_command_shown_is_the_one_that_the_button_starts_and_the_shell_understands() -> None:
    app = tab("plan")
    line = next(element.value for element in app.code if "pipeline" in element.value)
    pipeline.make_context("pipeline", line.split()[2:])
    button(app, "Make Pirate").click().run()
    jobs = Jobs(load_settings()).list(limit=5)
    assert len(jobs) == 1
    assert " ".join(jobs[0].argv[3:-1]) == line.removeprefix("character ")
    Jobs(load_settings()).cancel(jobs[0].id, grace_s=3.0)


def test_a_missing_key_stops_the_start_and_says_the_cure() -> None:
    app = tab("plan")
    app.text_input(key="teacher").set_value(TEACHER).run()
    assert not app.exception
    assert "key" in words(app)
    assert not [one for one in app.button if one.label == "Make Pirate" and not one.disabled]


def test_a_paid_teacher_is_a_range_and_a_limit_that_fits_is_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-canary-123456789")
    PriceTable(load_settings()).set_own(TEACHER, 0.2, 1.1)
    app = tab("plan")
    app.text_input(key="teacher").set_value(TEACHER).run()
    assert "likely" in words(app)
    button(app, "Limit to").click().run()
    assert app.number_input(key="plan:limit").value > 0
    line = next(element.value for element in app.code if "pipeline" in element.value)
    assert "--budget" in line


def test_a_way_that_was_stopped_says_where_and_why_and_goes_on() -> None:
    settings = load_settings()
    run = run_of(Scope("pirate"), load_character(Scope("pirate"), settings), settings)
    plan = Plan("pirate", PRESETS["trial"], "fake/parrot", "fake/parrot")
    write_now(run, plan, "student", 0.42, 5.0, ended="stopped", why="The server went away.")
    jobs = Jobs(settings)
    argv = ["python", "-c", "raise SystemExit(1)"]
    job = jobs.start(argv, verb="pipeline", title="Way", subject="plan:pirate", token="t", page={})
    from tests.waiting import until

    until(lambda: not jobs.get(job.id).active)
    app = tab("plan")
    assert "The server went away" in words(app)
    assert button(app, "Go on").proto.type == "primary"
    assert button(app, "Make Pirate").proto.type == "secondary"


def test_a_broken_character_is_an_error_with_its_problems() -> None:
    own_file("pirate").parent.mkdir(parents=True, exist_ok=True)
    own_file("pirate").write_text("{}")
    app = tab("plan")
    assert app.error
    assert not app.exception


def test_the_five_steps_have_names() -> None:
    assert len(STEPS) == 5
