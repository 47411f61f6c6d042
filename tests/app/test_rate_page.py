"""Rate blind: what is missing before there is anything, blind votes that last, and what they say after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.evaluation.ratings import Card, deck, standing, vote_on
from core.evaluation.results import EvalResult
from core.jobs import Jobs
from core.settings import load_settings
from core.stages.evals.gate import votes_of
from core.stages.evals.keeping import keep, latest
from core.stages.evals.ratings import cast_vote, material_of
from core.store.jsonl import write_json
from core.store.runs import Run, open_run
from tests.app.kit import MAIN, button, library, tab, words
from tests.core.adapter_kit import write_adapter_folder

NASTY = "Arr ![look](http://evil.example/x.png) <b>bold</b> $x^2$"


@pytest.fixture(autouse=True)
def no_job_is_left() -> Iterator[None]:
    yield
    jobs = Jobs(load_settings())
    for job in jobs.list(active_only=True):
        jobs.cancel(job.id, grace_s=0)


def told(app: AppTest) -> str:
    return words(app).replace("\\", "").replace("\u00a0", " ")


def pirate_run() -> Run:
    return open_run(load_settings(), library().load("pirate").constitution)


def tried(count: int = 12) -> Run:
    """A pirate whose trial has answered so many questions."""
    run = pirate_run()
    answers = [
        {
            "prompt": f"Question {number}?",
            "seed": 1,
            "base": f"Plain {number}.",
            "tuned": f"{NASTY} {number}",
        }
        for number in range(count)
    ]
    result = {"answers": answers, "model": "local/smollm2-135m", "adapter": "smollm2-135m-trial"}
    write_json(run.folder / "trial" / "result.json", result)
    return run


def judged(count: int = 40) -> Run:
    """A pirate whose answers a judge has read, and found better."""
    run = pirate_run()
    rows: list[dict[str, Any]] = [
        {"prompt": f"p{n}", "asked": f"Question {n}?", "text": f"Arr {n}", "other": f"Plain {n}"}
        | {"speaker": "tuned", "versus": "base", "group": "trait strength", "outcome": "win"}
        | {"verdicts": ["win", "win"]}
        for n in range(count)
    ]
    made = EvalResult("coherence", "pirate", run.id, rows=rows)
    made.judge = {"model": "fake/judge"}
    keep(run, made)
    return run


def progress(app: AppTest) -> str:
    return str(app.get("progress")[0].proto.text)


def page_text(app: AppTest) -> str:
    """Everything that the browser is sent for the page itself."""
    return " ".join(str(getattr(node, "proto", "")) for node in app.main)


def first_card(run: Run, rater: str = "me") -> Card:
    return deck(material_of(run).duels, rater)[0]


def test_before_anything_is_trained_the_page_says_what_is_needed() -> None:
    app = tab("rate")
    assert "First a model has to learn the character" in told(app)
    assert app.button(key="trial:rate").label == "Try it now"
    assert not app.get("progress")


def test_with_a_trained_model_and_no_answers_one_button_makes_them_once() -> None:
    write_adapter_folder(load_settings().lora_path / "smollm2-135m-dpo" / "pirate" / "adapter")
    app = tab("rate")
    app.button(key="rate:make").click().run()
    [job] = Jobs(load_settings()).list()
    assert list(job.argv[3:7]) == ["eval", "traits", "--constitution", "pirate"]
    app.run()
    assert len(Jobs(load_settings()).list()) == 1


def test_a_vote_is_kept_and_the_next_pair_comes() -> None:
    run, app = tried(), tab("rate")
    assert progress(app) == "0 of 13"
    asked = first_card(run).duel.asked
    assert asked in told(app)
    button(app, "Left is better").click().run()
    assert progress(app) == "1 of 13" and asked not in told(app)
    [vote] = votes_of(run)
    assert (vote.choice, vote.rater, vote.question) == ("left", "me", "character")
    assert latest(run, "rate") is not None


def test_a_key_pressed_twice_does_not_change_the_vote_that_it_gave_before() -> None:
    run = tried()
    app = tab("rate")
    # The first press is kept; the second comes before the page has drawn the next pair.
    cast_vote(run, vote_on(first_card(run), "character", "me", "left"))
    app.button(key="vote:right").click().run()
    assert [vote.choice for vote in votes_of(run)] == ["left"]
    assert not app.exception and progress(app).startswith("1 of")


@pytest.mark.parametrize("label", ["Left is better", "Both good", "Both bad", "Right is better", "Skip"])
def test_every_answer_to_the_question_has_its_button(label: str) -> None:
    tried()
    app = tab("rate")
    button(app, label).click().run()
    assert progress(app) == "1 of 13"


def test_a_reload_loses_nothing_and_undo_still_works_after_it() -> None:
    run = tried()
    app = tab("rate")
    for label in ("Both good", "Right is better"):
        button(app, label).click().run()
    again = tab("rate")
    assert progress(again) == "2 of 13"
    again.button(key="vote:undo").click().run()
    assert progress(again) == "1 of 13" and len(votes_of(run)) == 3
    assert len(standing(votes_of(run))) == 1


def test_two_raters_have_decks_of_their_own() -> None:
    run = tried()
    app = tab("rate")
    button(app, "Both bad").click().run()
    app.text_input(key="rater").set_value("Ann").run()
    assert progress(app) == "0 of 13"
    button(app, "Both good").click().run()
    assert {vote.rater for vote in votes_of(run)} == {"me", "Ann"}


def test_the_other_question_is_asked_of_the_same_pairs_anew() -> None:
    tried()
    app = tab("rate")
    button(app, "Both bad").click().run()
    app.segmented_control(key="rate-question").set_value("answer").run()
    assert progress(app) == "0 of 13" and "Which is the better answer?" in told(app)


def test_nothing_on_the_page_says_whose_an_answer_is_before_it_is_asked() -> None:
    tried()
    app = tab("rate")
    for _ in range(4):
        button(app, "Left is better").click().run()
        text = page_text(app)
        assert "Question" in text and "Plain" in text and "Both bad" in text
        for name in ("smollm2", "tuned", "base", "trial", "adapter"):
            assert name not in text.casefold(), name
    assert "People" not in told(app)
    button(app, "Show what I voted for").click().run()
    assert "gave the trained model" in told(app)
    button(app, "Hide this").click().run()
    assert "gave the trained model" not in told(app)


def test_at_the_end_the_votes_are_told_of_and_skipped_pairs_come_back() -> None:
    tried(6)
    app = tab("rate")
    button(app, "Skip").click().run()
    for _ in range(5):
        button(app, "Left is better").click().run()
    assert "You have seen every pair" in told(app) and "of 5 votes" in told(app)
    button(app, "Rate the 1 pair that you skipped").click().run()
    assert progress(app) == "5 of 6"


def test_the_judge_is_calibrated_by_the_votes() -> None:
    run = judged()
    for number, card in enumerate(deck(material_of(run).duels, "me")):
        right_or_wrong = "left" if (card.left == "tuned") == bool(number % 2) else "right"
        cast_vote(run, vote_on(card, "character", "me", right_or_wrong))
    app = tab("rate")
    assert "Not to be relied on" in told(app) and "fake/judge agrees with people hardly more" in told(app)
    assert [one.label for one in app.metric][-1] == "The judge agrees"


def test_without_a_judge_the_page_says_how_to_get_one() -> None:
    tried(6)
    app = tab("rate")
    button(app, "Both good").click().run()
    button(app, "Show what I voted for").click().run()
    assert "No judge has read these pairs yet" in told(app)


def test_model_text_is_shown_as_text() -> None:
    tried()
    app = tab("rate")
    bodies = [element.proto.body for element in app.main.get("html")]
    assert len(bodies) == 2 and any("&lt;b&gt;" in body for body in bodies)
    assert not any("<b>" in body for body in bodies)
    for element in (*app.markdown, *app.caption):
        assert "![look](" not in str(element.value)


def test_a_damaged_run_is_explained() -> None:
    run = tried()
    (run.folder / "trial" / "result.json").write_text("{")
    app = tab("rate")
    assert app.error and not app.exception


def test_a_link_opens_the_other_question() -> None:
    tried()
    app = AppTest.from_file(str(MAIN), default_timeout=30)
    app.query_params["character"] = "pirate"
    app.query_params["question"] = "answer"
    app.run()
    app.switch_page("views/rate.py").run()
    assert "Which is the better answer?" in told(app)
