"""The Pairs page: see the character speak, keep and drop, write the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.state import review
from core.jobs import Jobs
from core.prompts import prompt_of
from core.settings import load_settings
from core.store.jsonl import append_rows
from core.store.runs import runs_of
from tests.app.kit import button, tab, words
from tests.waiting import until


@pytest.fixture(autouse=True)
def a_quick_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who has read a pair as soon as it is drawn; one test is about those who have not."""
    monkeypatch.setattr(review, "READING_S", 0.0)


def pairs_tab() -> AppTest:
    """The Pairs page with the fake engine on both sides."""
    app = tab("pairs")
    app.text_input(key="teacher").set_value("fake/parrot").run()
    app.text_input(key="student").set_value("fake/parrot").run()
    return app


def wait_for_jobs() -> None:
    until(lambda: not Jobs(load_settings()).list(active_only=True))


def previewed() -> AppTest:
    """The page after a preview of four pairs."""
    app = pairs_tab()
    button(app, "Preview 4").click().run()
    wait_for_jobs()
    app.run()
    return app


def metric(app: AppTest, label: str) -> str:
    return next(element.value for element in app.metric if element.label == label)


def test_before_the_first_answer_the_page_says_what_will_be_here() -> None:
    app = tab("pairs")
    assert "Here you will see" in words(app)
    assert not app.metric


def test_a_preview_shows_teacher_and_student_side_by_side() -> None:
    app = previewed()
    assert (metric(app, "Pairs"), metric(app, "Kept")) == ("4", "4")
    assert "Teacher · chosen" in words(app)
    assert "1 of 4" in words(app)


def appended_five_megabytes() -> None:
    """A fifth pair whose answers are five million letters each, as an import may bring one."""
    run = next(run for run in runs_of(load_settings(), "pirate") if run.answer_sets("teacher"))
    (prompt,) = [prompt_of("Tell me everything?", trait=None, source="file")]
    run.remember([prompt])
    tag = {"key": "ab" * 32, "prompt": prompt.id, "trait": None, "sample": 0}
    for role, word in (("teacher", "Arr, "), ("student", "Well, ")):
        answers = run.answer_sets(role)[0]
        append_rows(answers.plan_path, [tag])
        row = tag | {"text": f"{word}{'so it goes on and on ' * 250_000}.", "finish_reason": "stop"}
        append_rows(answers.rows_path, [row | {"usage": {"prompt": 9, "completion": 9}}])


def sent(app: AppTest) -> int:
    """About how many bytes the page is."""
    protos = (getattr(element, "proto", None) for element in app.main)
    return sum(len(proto.SerializeToString()) for proto in protos if proto is not None)


def test_a_pair_of_five_megabytes_is_taken_in_by_a_job_and_shown_by_its_beginning() -> None:
    app = previewed()
    appended_five_megabytes()
    app.run()
    assert not app.exception
    assert "1 of 4" in words(app)
    wait_for_jobs()
    app.run()
    assert metric(app, "Pairs") == "5"
    app.query_params["search"] = "everything"
    app.run()
    assert "1 of 1" in words(app)
    assert "The first 20,000 of 5,2" in words(app)
    assert button(app, "Edit").disabled
    assert sent(app) < 1_000_000
    button(app, "Drop").click().run()
    assert (metric(app, "Dropped"), len(app.exception)) == ("1", 0)


def test_a_double_click_and_a_second_tab_start_one_job() -> None:
    first = pairs_tab()
    preview = button(first, "Preview 4")
    preview.click()
    first.run()
    preview.click()
    first.run()
    assert len([job for job in Jobs(load_settings()).list() if job.active or job.state == "done"]) <= 2
    wait_for_jobs()
    before = len(Jobs(load_settings()).list())
    from app.launch import launch

    for _ in range(2):
        launch(
            ["teacher", "--constitution", "pirate"],
            title="t",
            subject="s",
            token="same-click",
            page="pairs",
        )
    assert len(Jobs(load_settings()).list()) == before + 1
    wait_for_jobs()


def test_dropping_counts_at_once_moves_on_and_is_undone() -> None:
    app = previewed()
    button(app, "Drop").click().run()
    assert (metric(app, "Kept"), metric(app, "Dropped")) == ("3", "1")
    assert "2 of 4" in words(app)
    button(app, "Undo").click().run()
    assert metric(app, "Kept") == "4"


def test_the_written_file_holds_what_is_kept() -> None:
    app = previewed()
    for _ in range(2):
        button(app, "Drop").click().run()
    button(app, "Write the training file (2 pairs)").click().run()
    path = load_settings().data_path / "dpo" / "parrot" / "pirate.jsonl"
    assert len([json.loads(line) for line in Path(path).read_text().splitlines()]) == 2


def test_filters_leave_the_pairs_that_fit() -> None:
    app = previewed()
    app.text_input(key="pairs:search").set_value("no such words anywhere").run()
    assert "No pair fits" in words(app)
    app.text_input(key="pairs:search").set_value("").run()
    button(app, "Drop").click().run()
    app.segmented_control(key="pairs:show").set_value("dropped").run()
    assert "1 of 1" in words(app)


def test_a_name_that_is_no_model_is_said_on_the_page() -> None:
    app = tab("pairs")
    app.text_input(key="teacher").set_value("fake/").run()
    assert "is no model name" in words(app)


def test_a_job_that_failed_says_why_and_offers_to_go_on() -> None:
    app = tab("pairs")
    app.text_input(key="teacher").set_value("http://127.0.0.1:9/v1#nobody").run()
    button(app, "Preview 4").click().run()
    wait_for_jobs()
    app.run()
    assert "failed" in words(app)
    assert button(app, "Go on")


def test_reviewing_under_a_filter_skips_no_pair() -> None:
    app = previewed()
    app.segmented_control(key="pairs:show").set_value("kept").run()
    seen = []
    for _ in range(3):
        seen.append(next(element.value for element in app.markdown if element.value.startswith("**")))
        button(app, "Drop").click().run()
    assert len(set(seen)) == 3
    assert metric(app, "Dropped") == "3"
    assert "1 of 1" in words(app)


def test_a_file_older_than_the_last_decision_is_not_offered_for_download() -> None:
    app = previewed()
    button(app, "Write the training file").click().run()
    assert "Written to" in words(app)
    button(app, "Drop").click().run()
    assert "Written to" not in words(app)


def test_a_second_press_before_a_pair_can_have_been_read_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = previewed()
    button(app, "Drop").click().run()
    monkeypatch.setattr(review, "READING_S", 60.0)
    button(app, "Drop").click().run()
    assert metric(app, "Dropped") == "1"
    assert "2 of 4" in words(app)


def test_a_link_leads_to_its_pair_and_filter() -> None:
    app = previewed()
    button(
        app,
        "Next",
    ).click().run()
    found = app.query_params["pair"]
    pair = found if isinstance(found, str) else found[0]
    again = tab("pairs")
    again.text_input(key="teacher").set_value("fake/parrot").run()
    again.text_input(key="student").set_value("fake/parrot").run()
    again.query_params["pair"] = pair
    again.query_params["show"] = "kept"
    again.run()
    assert "2 of 4" in words(again)
    assert again.segmented_control(key="pairs:show").value == "kept"
