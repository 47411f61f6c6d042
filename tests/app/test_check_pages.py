"""The Check pages: what they say before, while and after something is measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.check_choice import MODEL, TUNED
from app.check_kinds import ABOUTS, KINDS, About
from app.launch_quote import sentence_case
from core.evaluation.results import EvalResult
from core.jobs import Job, Jobs
from core.settings import load_settings
from core.stages.evals.keeping import keep
from core.store.runs import Run, open_run
from tests.app.kit import library, tab, words
from tests.core import eval_results
from tests.waiting import until

NASTY = "Arr ![look](http://evil.example/x.png) <b>bold</b> $x^2$"
ASKING = tuple(about for about in ABOUTS if about.needs == "adapter")
# The others need pairs for a classifier to learn from.
FREELY = tuple(about for about in ASKING if about.kind not in ("robustness", "prefill"))
every_page = pytest.mark.parametrize("about", ABOUTS, ids=lambda about: about.kind)
every_asking_page = pytest.mark.parametrize("about", ASKING, ids=lambda about: about.kind)


@pytest.fixture(autouse=True)
def no_job_is_left() -> Iterator[None]:
    yield
    jobs = Jobs(load_settings())
    for job in jobs.list(active_only=True):
        jobs.cancel(job.id, grace_s=0)


def told(app: AppTest) -> str:
    return words(app).replace("\\", "").replace("\u00a0", " ")


def run_of_pirate() -> Run:
    return open_run(load_settings(), library().load("pirate").constitution)


def kept(kind: str, **changes: Any) -> EvalResult:
    """A made-up result of pirate, on disk as the command leaves it."""
    found = replace(getattr(eval_results, kind)(), constitution="pirate", **changes)
    keep(run_of_pirate(), found)
    return found


def measured(judge: str) -> None:
    """A judge whose reliability was measured on pirate."""
    record = {"model": judge, "gate": "block", "sentence": "Of 24 pairs it got 54 % right."}
    folder = run_of_pirate().folder / "evals" / "judges"
    folder.mkdir(parents=True)
    (folder / "judge.json").write_text(json.dumps(record))


def with_models(about: About, tuned: str = "fake/other") -> AppTest:
    """A tab on which two models that are served elsewhere are named."""
    app = tab(about.page)
    app.text_input(key=MODEL).set_value("fake/parrot")
    app.text_input(key=TUNED).set_value(tuned).run()
    assert not app.exception
    return app


def ended(about: About, code: str) -> Job:
    jobs = Jobs(load_settings())
    argv = [sys.executable, "-c", code]
    job = jobs.start(argv, verb="eval", title=about.title, subject=about.subject("pirate"), token="")
    until(lambda: not jobs.get(job.id).active)
    return jobs.get(job.id)


# ---- before


@every_page
def test_an_empty_page_says_what_will_be_there_and_offers_the_step_that_is_missing(about: About) -> None:
    app = tab(about.page)
    assert app.title[0].value == "Pirate" and about.question in told(app)
    assert about.teaches in told(app)
    primary = [one for one in app.button if one.proto.type == "primary"]
    wanted = {"adapter": "Try it now", "pairs": "Make pairs"}[about.needs]
    assert [one.label for one in primary] == [wanted]
    assert app.code[-1].value.startswith(f"character eval {about.kind} --constitution pirate")


@pytest.mark.parametrize("about", FREELY, ids=lambda about: about.kind)
def test_the_size_stands_above_the_button_before_anything_is_sent(about: About) -> None:
    app = with_models(about)
    if about.judged:
        measured("fake/judge")
        app.run()
        app.selectbox(key="check:judge").select("fake/judge").run()
    primary = [one for one in app.button if one.proto.type == "primary"]
    assert [one.label for one in primary] == [about.does] and not primary[0].disabled
    assert "answers to ask for" in told(app) and "Before training, fake/parrot:" in told(app)
    answers = [*load_settings().data_path.glob("runs/*/eval-*")]
    assert answers == [] == Jobs(load_settings()).list()


@pytest.mark.parametrize("kind", ["robustness", "prefill"])
def test_a_measure_that_learns_from_pairs_says_so_and_leads_to_them(kind: str) -> None:
    app = with_models(KINDS[kind])
    assert "at least 16 pairs" in app.error[0].value.replace("\\", "")
    assert "Make pairs" in [one.proto.label for one in app.get("page_link")]


def test_a_comparison_waits_for_a_judge_and_says_how_to_get_one() -> None:
    app = with_models(KINDS["coherence"])
    assert "A judge is needed here" in told(app)
    assert app.button(key="check_coherence:go").disabled
    assert "Add a key for a large judge" in [one.proto.label for one in app.get("page_link")]


def test_a_judge_is_offered_with_what_was_measured_of_it() -> None:
    measured("local/smollm2-135m")
    app = with_models(KINDS["coherence"])
    assert "of 24 pairs it got 54 % right" in told(app)
    app.selectbox(key="check:judge").select("local/smollm2-135m").run()
    assert "Not to be relied on" in told(app) and "Of 24 pairs it got 54 % right" in told(app)


@every_asking_page
def test_a_model_that_is_no_name_is_explained_and_cannot_be_started(about: About) -> None:
    app = with_models(about, tuned="openrouter/")
    go = [one for one in app.button if one.label == about.does]
    assert all(one.disabled for one in go)


def test_full_benchmarks_say_what_is_missing_and_offer_to_set_it_up() -> None:
    app = with_models(KINDS["capability"])
    for key, model in ((MODEL, "plain"), (TUNED, "grown")):
        app.text_input(key=key).input(f"http://127.0.0.1:9/v1#{model}")
    app.button_group(key="check:capability:full").select("lm-eval").run()
    assert "lm-eval is not installed" in told(app) and "does not say beforehand" in told(app)
    assert not app.button(key="setup:lm-eval").disabled and app.button(key="check_capability:go").disabled


def test_some_ways_of_asking_are_asked_by_the_command_that_the_page_shows() -> None:
    app = with_models(KINDS["robustness"])
    app.button_group(key="check:robustness:variant").set_value(["default", "email"]).run()
    assert "--variant default --variant email" in app.code[0].value


# ---- while it runs


def test_a_click_starts_one_job_with_the_command_that_the_page_shows(monkeypatch: Any) -> None:
    about = ASKING[0]
    app = with_models(about)
    shown = app.code[-1].value.split()[1:]
    app.button(key=f"{about.page}:go").click().run()
    [job] = Jobs(load_settings()).list()
    assert list(job.argv[3:-1]) == shown and job.subject == about.subject("pirate")
    app.run()
    assert len(Jobs(load_settings()).list()) == 1
    assert f"{about.page}:go" not in [one.key for one in app.button]


@every_page
def test_a_running_measurement_can_be_stopped_and_goes_on_later(about: About) -> None:
    jobs = Jobs(load_settings())
    argv = [sys.executable, "-c", "import time; time.sleep(600)"]
    job = jobs.start(argv, verb="eval", title=about.title, subject=about.subject("pirate"), token="")
    app = tab(about.page)
    assert "Finished answers are kept" in told(app)
    app.button(key=f"stop:{job.id}").click().run()
    until(lambda: not jobs.get(job.id).active)
    app.run()
    assert "you stopped it" in told(app)
    assert f"go-on:{job.id}" in [one.key for one in app.button] or "Go on" in [
        one.label for one in app.button
    ]


@every_page
def test_a_failed_measurement_says_why_and_goes_on_with_one_button(about: About) -> None:
    job = ended(about, "raise SystemExit('The disk was full; free some space.')")
    app = tab(about.page)
    assert "the disk was full" in told(app).lower()
    next(one for one in app.button if one.label == "Go on").click().run()
    assert [one.resumes for one in Jobs(load_settings()).list()] == [job.id, None]


# ---- after


@every_page
def test_a_result_shows_its_sentence_its_chart_and_the_answers_behind_it(about: About) -> None:
    found = kept(about.kind)
    app = tab(about.page)
    assert sentence_case(found.headline) in [one.value.replace("\\", "") for one in app.subheader]
    assert app.get("plotly_chart"), "a chart"
    assert "The answers behind it" in told(app) and app.main.get("html")
    assert about.teaches not in told(app)
    assert about.does in [one.label for one in app.button] or about.judged


@every_page
def test_what_a_model_said_is_shown_as_text_and_can_do_nothing(about: About) -> None:
    found = getattr(eval_results, about.kind)()
    rows = [row | {"text": NASTY, "other": NASTY, "asked": NASTY} for row in found.rows]
    rows = rows if about.judged else [{k: v for k, v in row.items() if k != "other"} for row in rows]
    kept(about.kind, rows=rows, headline=NASTY)
    app = tab(about.page)
    for element in (*app.markdown, *app.caption, *app.subheader):
        assert "![look](" not in str(element.value) and "<b>bold" not in str(element.value)
    shown = [element.proto.body for element in app.main.get("html")]
    assert any("&lt;b&gt;" in body for body in shown) and not any("<b>" in body for body in shown)


@every_page
def test_a_damaged_result_is_explained(about: About) -> None:
    kept(about.kind)
    [path] = run_of_pirate().folder.glob(f"evals/{about.kind}/*/result.json")
    path.write_text("{")
    app = tab(about.page)
    assert any("cannot be read" in one.value for one in app.error) and not app.exception


@every_page
def test_an_incomplete_result_says_what_is_missing(about: About) -> None:
    kept(about.kind, complete=False, missing={"budget": 7, "timeout": 2})
    text = told(tab(about.page))
    assert "7 left out at the spending limit" in text and "2 no answer in time" in text


@every_page
def test_a_result_without_anything_to_draw_is_still_a_page(about: About) -> None:
    kept(about.kind, cells=[], rows=[], headline="Too little to say anything: 1 prompt.", details={})
    app = tab(about.page)
    assert "Too little to say anything" in told(app) and not app.exception


def test_a_result_of_an_earlier_version_of_the_character_says_so() -> None:
    kept("traits", constitution_sha256="another")
    assert "earlier version of the character" in told(tab("check_traits"))


@pytest.mark.parametrize(
    ("gate", "word"), [("block", "Not to be relied on"), ("pass", "Trustworthy judge")]
)
def test_a_judge_stands_there_with_its_gate_and_what_was_measured_of_it(gate: str, word: str) -> None:
    kept("coherence", judge={"model": "fake/judge", "gate": gate, "sentence": "It flips in 40 %."})
    text = told(tab("check_coherence"))
    assert word in text and "fake/judge" in text and "It flips in 40 %" in text


def test_an_earlier_result_can_be_chosen_and_a_link_opens_it() -> None:
    kept("traits", settings={"n": 20}, headline="The first.")
    kept("traits", settings={"n": 60}, headline="The second.")
    app = tab("check_traits")
    assert "The second." in told(app) and "The first." not in told(app)
    [older] = [one for one in app.selectbox if one.label == "Result"]
    assert "n 20" in older.options[1] and "n 60" in older.options[0]
    app.selectbox(key=older.key).select_index(1).run()
    assert "The first." in told(app) and app.query_params["result"]


def test_the_answers_of_a_trait_stand_under_its_sentence() -> None:
    character = library().load("pirate").constitution
    trait = character.traits[0]
    rows = [
        {"prompt": "p", "asked": "Why?", "text": text, "speaker": who, "group": trait.id, "score": 1.0}
        for who, text in (("base", "Plain."), ("tuned", "Arr!"))
    ]
    kept("traits", rows=rows)
    app = tab("check_traits")
    app.selectbox(key="check:traits:group").select(trait.id).run()
    assert trait.trait in told(app)
    assert app.query_params["about"] in (trait.id, [trait.id])


def test_what_fails_in_the_data_stands_first_with_what_to_do() -> None:
    checks = [
        {"name": "emoji", "status": "pass", "sentence": "None."},
        {"name": "leaks", "status": "fail", "sentence": "One leaks.", "advice": "Drop it."},
    ]
    kept("data", details=eval_results.data().details | {"checks": checks})
    text = told(tab("check_data"))
    assert "Mend this" in text and "Drop it." in text and "1 check passed" in text


def test_what_got_worse_stands_under_the_headline_in_words_and_what_is_fine_in_one_line() -> None:
    lights = [
        {"name": "repetition", "light": "green", "sentence": "0 % of its runs of five words are repeats."},
        {"name": "voice in hard moments", "light": "red", "sentence": "its voice shows in 93 %."},
        {"name": "sycophancy", "light": "too few to tell", "sentence": "it gives up 17 %."},
    ]
    kept("traits", details={"lights": lights})
    text = told(tab("check_traits"))
    assert "Worse] **Voice in hard moments:** its voice shows in 93 %." in text
    assert "Too few to tell]: giving in to false claims." in text and "Fine]: repetition." in text


def test_the_numbers_can_be_taken_along() -> None:
    kept("traits")
    app = tab("check_traits")
    labels = [json.loads(json.dumps(one.proto.label)) for one in app.get("download_button")]
    assert labels == ["Numbers as CSV", "Answers as a file"]
