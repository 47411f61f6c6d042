"""The Pairs page: see the character speak, keep and drop, write the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.state import review
from core.jobs import Jobs
from core.pair_edits import Decision
from core.prompts import prompt_of
from core.settings import load_settings
from core.stages.dpo_data import PairJob, pair_rows, sources_of
from core.store.decisions import decisions
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


def pair_rows_now() -> list[dict[str, Any]]:
    run = runs_of(load_settings(), "pirate")[0]
    return pair_rows(run, sources_of(run, PairJob()), PairJob(), lambda prompt, row: 0)


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


def test_a_file_is_not_offered_when_as_many_pairs_are_kept_but_others() -> None:
    app = previewed()
    button(app, "Write the training file").click().run()
    button(app, "Swap").click().run()
    assert metric(app, "Kept") == "4"
    assert "Written to" not in words(app)


def as_people(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of who presses next, in a list of one."""
    now = ["Ann"]
    for module in ("app.pair_card", "app.pair_decide", "app.pair_list"):
        monkeypatch.setattr(f"{module}.person", lambda: now[0])
    return now


def standing_words() -> dict[str, Decision]:
    return decisions(runs_of(load_settings(), "pirate")[0].folder)


def another_tab() -> AppTest:
    """One more tab on the same pairs."""
    app = pairs_tab()
    app.run()
    return app


def test_two_people_who_write_an_answer_for_one_pair_at_once_lose_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    who = as_people(monkeypatch)
    first = previewed()
    second = another_tab()
    for app, text in ((first, "Arr, by Ann!"), (second, "Arr, by Bo!")):
        button(app, "Edit").click().run()
        app.text_area[0].set_value(text).run()
    button(first, "Save").click().run()
    who[0] = "Bo"
    button(second, "Save").click().run()
    [word] = standing_words().values()
    assert (word.text, word.reviewer) == ("Arr, by Bo!", "Bo")
    button(second, "Undo").click().run()
    [word] = standing_words().values()
    assert (word.text, word.reviewer) == ("Arr, by Ann!", "Ann")


def test_nobody_takes_back_what_another_one_decided_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    who = as_people(monkeypatch)
    first = previewed()
    who[0] = "Bo"
    second = another_tab()
    button(first, "Keep").click().run()
    button(second, "Keep").click().run()
    button(second, "Undo").click().run()
    [word] = standing_words().values()
    assert (word.verdict, word.reviewer) == ("keep", "Ann")


def test_an_undo_that_came_too_late_says_that_somebody_decided_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    who = as_people(monkeypatch)
    first = previewed()
    button(first, "Keep").click().run()
    who[0] = "Bo"
    second = another_tab()
    button(second, "Drop").click().run()
    who[0] = "Ann"
    button(first, "Undo").click().run()
    assert [word.verdict for word in standing_words().values()] == ["drop"]
    assert any("somebody has decided" in toast.value for toast in first.toast)


def listed() -> AppTest:
    app = another_tab()
    app.segmented_control(key="pairs:mode").set_value("list").run()
    return app


def test_a_bulk_decision_leaves_what_was_decided_since_its_button_was_drawn() -> None:
    one = previewed()
    many = listed()
    button(one, "Keep").click().run()
    button(many, "Drop all 4").click().run()
    verdicts = sorted(word.verdict for word in standing_words().values())
    assert verdicts == ["drop", "drop", "drop", "keep"]
    assert any("1 stay" in toast.value for toast in many.toast)


def test_two_tabs_with_other_filters_of_the_same_size_both_decide() -> None:
    previewed()
    rows = pair_rows_now()
    tabs = []
    for row in rows[:2]:
        app = listed()
        app.text_input(key="pairs:search").set_value(row["text"]).run()
        tabs.append(app)
    for app in tabs:
        button(app, "Drop all 1").click().run()
    assert len(standing_words()) == 2


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
