"""The Prompts page: what will be asked, changed and dropped with undo, and the job that writes more."""

from __future__ import annotations

import sys

import pytest
from streamlit.testing.v1 import AppTest

from app.prompt_plan import wish_for
from app.prompt_writer import place_of
from core.constitution import parse
from core.expansion import Mix
from core.jobs import Jobs
from core.records import prompt_id
from core.settings import load_settings
from core.stages.expansion_report import dropped_path
from core.store.jsonl import append_rows
from tests.app.kit import button, library, own_file, tab, words
from tests.waiting import until

NASTY = "![look](http://evil.example/x.png) <b>bold</b>"


def text(app: AppTest) -> str:
    return words(app).replace("\\", "")


def open_trait(character: str, trait: str) -> AppTest:
    app = tab("prompts", character)
    return app.button(key=f"open:{trait}").click().run()


def written(character: str, trait: str) -> tuple[str, ...]:
    return library().additional(character).by_trait[trait]


def test_each_trait_shows_its_mix_and_the_whole_is_counted() -> None:
    app = tab("prompts")
    assert text(app).count("15 short · 20 medium · 15 long") == 10
    assert "50 by hand, 450 by a model" in text(app)
    assert "when no trait is asked for" in text(app)
    assert button(app, "See it speak")
    assert any("character prompts --constitution pirate" in element.value for element in app.code)


def test_an_open_trait_lists_its_prompts_and_hand_written_ones_are_read_only() -> None:
    app = open_trait("pirate", "voice")
    trait = library().load("pirate").constitution.trait_by_id("voice")
    shown = [element.value for element in app.text]
    assert shown[: len(trait.questions)] == list(trait.questions)
    assert "Edit them under Traits" in str([link.label for link in app.get("page_link")])
    assert len([element for element in app.button if element.key and element.key.startswith("edit:")]) == 15


def test_a_written_prompt_is_changed_dropped_and_brought_back() -> None:
    first, second, *_ = written("pirate", "voice")
    app = open_trait("pirate", "voice")
    key = f"voice:{prompt_id(first)}"
    app.button(key=f"edit:{key}").click().run()
    app.text_area(key=f"prompt:pirate:{key}").set_value("Name a kitten for me.").run()
    assert written("pirate", "voice")[0] == "Name a kitten for me."
    app.button(key=f"drop:voice:{prompt_id(second)}").click().run()
    assert second not in written("pirate", "voice")
    button(app, "Undo").click().run()
    assert written("pirate", "voice")[1] == second
    button(app, "Undo").click().run()
    assert written("pirate", "voice")[0] == first
    assert button(app, "Undo").disabled


def test_a_prompt_that_another_tab_changed_is_not_overwritten() -> None:
    first = written("pirate", "voice")[0]
    app = open_trait("pirate", "voice")
    constitution = library().load("pirate").constitution
    library().edit_additional(constitution, "voice", first, "Changed elsewhere?")
    app.button(key=f"drop:voice:{prompt_id(first)}").click().run()
    assert "changed elsewhere" in app.error[0].value.replace("\\", "")
    assert "Changed elsewhere?" in written("pirate", "voice")


def test_more_prompts_for_one_trait_are_written_by_a_job() -> None:
    app = tab("prompts", "humor")
    app.text_input(key="prompt-writer").set_value("fake/parrot").run()
    assert "165 prompts to write" in text(app)
    app.number_input(key="per-trait:humor").set_value(10).run()
    assert "55 prompts to write" in text(app)
    app.number_input(key="per-trait:humor").set_value(20).run()
    app.button(key="open:play").click().run()
    assert button(app, "Generate 15 more").key == "more:play"
    app.button(key="more:play").click().run()
    [job] = Jobs(load_settings()).list()
    assert job.subject == "prompts:humor"
    assert job.page == {"page": "prompts", "by": ""}
    assert "--trait" in job.argv
    until(lambda: not Jobs(load_settings()).get(job.id).active)
    app.run()
    assert not app.exception
    prompts = library().additional("humor").by_trait
    assert [trait for trait, texts in prompts.items() if texts] == ["play"]
    assert f"{5 + len(prompts['play'])} prompts" in [element.label for element in app.button]


def test_while_prompts_are_written_the_progress_and_stop_stand_in_their_place() -> None:
    report = (
        "import time\nfrom core.jobs import ProgressReporter\n"
        "reporter = ProgressReporter.from_environment()\n"
        "reporter.update(stage='prompts', done=2, planned=8, failed=0); reporter.flush()\n"
        "print('at work', flush=True)\nwhile True: time.sleep(60)"
    )
    jobs = Jobs(load_settings())
    job = jobs.start(
        [sys.executable, "-c", report], verb="prompts", title="P", subject="prompts:humor", token=""
    )
    until(lambda: "at work" in jobs.log_tail(job.id))
    app = tab("prompts", "humor")
    assert app.progress[0].value == 25
    assert "Generate more" not in [element.label for element in app.button]
    app.button(key=f"stop:{job.id}").click().run()
    assert jobs.get(job.id).state == "cancelled"
    assert "Go on" in [element.label for element in app.run().button]


def test_without_a_key_the_page_says_so_before_any_click() -> None:
    app = tab("prompts", "humor")
    app.text_input(key="prompt-writer").set_value("openrouter/z-ai/glm-4.5-air").run()
    assert "needs a key" in app.error[0].value.replace("\\", "")
    assert button(app, "Generate more").disabled


def test_the_embedded_model_is_not_praised_for_its_prompts() -> None:
    assert "A large model writes far better ones" in text(tab("prompts", "humor"))


def test_dropped_prompts_are_behind_a_toggle_with_their_reasons() -> None:
    rows = [{"trait": "voice", "reason": "too long", "prompt": NASTY} for _ in range(11)]
    rows += [{"trait": "voice", "reason": "cut off", "prompt": "Why"}]
    path = dropped_path(library().shelf, "pirate")
    path.parent.mkdir(parents=True)
    append_rows(path, rows)
    app = tab("prompts")
    assert NASTY not in [element.value for element in app.text]
    app.toggle(key="show-dropped").set_value(True).run()
    reasons = [element.label for element in app.expander if " × " in element.label]
    assert reasons == ["11 × too long", "1 × cut off"]
    assert [element.value for element in app.text].count(NASTY) == 8
    assert "The newest 8 of 11" in text(app)


def test_prompts_whose_sentence_is_gone_can_be_given_to_a_trait() -> None:
    shelf = library()
    before = shelf.load("pirate")
    value = before.constitution.as_dict()
    value["traits"][0]["trait"] = "I talk like the tide."
    shelf.save(parse(value, source="test"), base_revision=before.revision)
    app = tab("prompts")
    assert "no trait says any more" in text(app)
    app.button(key="give:0").click().run()
    assert len(written("pirate", "voice")) == 45


def test_a_broken_character_is_explained() -> None:
    path = own_file("pirate")
    path.parent.mkdir(parents=True)
    path.write_text('{"name": "pirate"}')
    app = tab("prompts")
    assert "pirate.json" in app.error[0].value.replace("\\", "")


@pytest.mark.parametrize(("small", "requests"), [(False, 3), (True, 5)])
def test_the_size_of_a_wish_is_known_before_the_click(small: bool, requests: int) -> None:
    wish = wish_for([Mix(2, 2, 1)], 20, small=small)
    assert (wish.missing, wish.requests) == (15, requests)
    assert wish_for([Mix(20, 0, 0)], 20, small=small).missing == 0
    assert "on this computer, free" in wish.sentence("here")
    assert "free, on your own server" in wish.sentence("own server")
    assert "charges" in wish.sentence("provider")


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("local/smollm2-135m", "here"),
        ("ollama/llama3.1:8b", "own server"),
        ("openrouter/z-ai/glm-4.5-air", "provider"),
        ("meta-llama/llama-3.3-70b-instruct", "provider"),
        ("http://192.168.1.4:9000/v1#m", "provider"),
        ("no model", "provider"),
    ],
)
def test_what_a_model_costs_depends_on_where_it_runs(model: str, place: str) -> None:
    assert place_of(model) == place
