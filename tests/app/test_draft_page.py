"""The New character page: it works without a model, loses nothing, and tells the price before a click."""

from __future__ import annotations

import json
import re

import pytest
from streamlit.testing.v1 import AppTest

from app.draft_actions import shelf
from core.drafting.proposals import Proposal
from core.settings import load_settings
from core.store.suggestions import Suggestions
from tests.app.kit import MAIN, button, library, tab, words

KEEPER = "a grumpy lighthouse keeper who loves birds"
LAMP = "I keep the lamp lit, whatever the weather."
HOSTILE = "I love ![x](http://192.0.2.1/a.png) <script>alert(1)</script> and $x$ very much."


def text(app: AppTest) -> str:
    return words(app).replace("\\", "")


def labels(app: AppTest) -> list[str]:
    return [box.label.replace("\\", "") for box in app.checkbox]


def described(step: str = "") -> tuple[AppTest, str]:
    """A tab in which somebody has described a character."""
    app = tab("draft")
    app.text_area[0].set_value(KEEPER).run()
    id = app.query_params["drafting"]
    id = id[0] if isinstance(id, list) else id
    if step:
        key = f"draft-step:{id}"
        app.segmented_control(key=key).set_value(step).run()
    assert not app.exception
    return app, id


def with_reply(id: str, answer: str, model: str = "fake/writer-70b", **more: object) -> None:
    """Put a model's draft where the job would have put it."""
    row = {"key": "c" * 64, "for": "draft", "angle": "Warmer", "number": 1, "round": 0, "model": model}
    with shelf().replies(id).writing() as rows:
        rows.append({**row, "label": "Warmer", "at": 1.0, "text": answer, **more})


def again(id: str) -> AppTest:
    """A new tab on the same address: what a reload is."""
    app = AppTest.from_file(str(MAIN), default_timeout=30)
    app.query_params["drafting"] = id
    app.query_params["character"] = "pirate"
    app.run()
    app.switch_page("views/draft.py").run()
    app.query_params["drafting"] = id
    app.run()
    assert not app.exception
    return app


def test_the_empty_page_teaches_and_offers_somebody_to_begin_with() -> None:
    app = tab("draft")
    assert "Say who it is" in text(app)
    assert shelf().all() == []
    button(app, "A night nurse").click().run()
    assert "night nurse" in app.text_area[0].value
    assert any("constitution draft" in element.value for element in app.code)


def test_what_is_typed_is_on_disk_at_once_and_a_reload_shows_it() -> None:
    app, id = described("answer")
    app.text_input(key=f"own:{id}:distress").set_value("puts the kettle on").run()
    app.button_group(key=f"choices:{id}:speaks").set_value(["Playful"]).run()
    fresh = again(id)
    assert fresh.text_input(key=f"own:{id}:distress").value == "puts the kettle on"
    assert fresh.button_group(key=f"choices:{id}:speaks").value == ["Playful"]
    assert shelf().load(id).description == KEEPER


def test_without_a_model_the_own_words_become_a_character_that_opens() -> None:
    app, id = described("keep")
    assert "by rule from what you wrote" in text(app)
    assert "“loves birds”" in text(app)
    assert "small model on this computer writes poor sentences" in text(app)
    for box in list(app.checkbox)[:3]:
        app.checkbox(key=box.key).check().run()
    button(app, "Make the character").click().run()
    assert not app.exception
    made = library().load("grumpy-lighthouse-keeper").constitution
    assert [len(trait.questions) for trait in made.traits] == [5, 5, 5]
    assert app.title[0].value == "Grumpy lighthouse keeper"
    assert shelf().load(id).made == "grumpy-lighthouse-keeper"


def test_a_taken_name_is_said_and_a_free_one_is_offered() -> None:
    app, id = described("keep")
    app.checkbox[0].check().run()
    app.text_input(key=f"draft-name:{id}").set_value("Pirate").run()
    assert "a character called pirate already" in text(app)
    assert button(app, "Make the character").disabled
    button(app, "Call it pirate").click().run()
    button(app, "Make the character").click().run()
    assert library().load("pirate-2").constitution.traits
    assert library().load("pirate").origin == "shipped"


def test_drafts_are_cards_with_boxes_and_what_cannot_be_used_keeps_its_reason() -> None:
    _, id = described("keep")
    with_reply(id, json.dumps({"traits": [LAMP, "The keeper is old."]}))
    app = again(id)
    assert LAMP in labels(app)
    assert "The keeper is old." in [element.value for element in app.text]
    assert "It is not in the first person." in text(app)


def test_hostile_text_of_a_model_is_only_text() -> None:
    _, id = described("keep")
    with_reply(id, json.dumps({"traits": [HOSTILE]}))
    app = again(id)
    (label,) = [box.label for box in app.checkbox if "script" in box.label]
    assert "<script>" not in label
    assert "![" not in label


def test_a_trait_is_kept_let_go_and_moved_and_a_draft_put_aside() -> None:
    _, id = described("keep")
    with_reply(id, json.dumps({"traits": [LAMP]}))
    app = again(id)
    app.checkbox[0].check().run()
    box = next(box for box in app.checkbox if LAMP[:10] in box.label)
    app.checkbox(key=box.key).check().run()
    assert [kept.draft for kept in shelf().load(id).kept] == ["From your own words", "Warmer"]
    app.button(key=f"Up:{shelf().load(id).kept[1].trait.id}").click().run()
    assert shelf().load(id).kept[0].trait.trait == LAMP
    app.button(key=f"aside:{'c' * 64}").click().run()
    assert LAMP not in labels(app)
    assert "Warmer is put aside" in text(app)
    assert len(shelf().load(id).kept) == 2
    app.button(key=f"let-go:{shelf().load(id).kept[0].trait.id}").click().run()
    assert len(shelf().load(id).kept) == 1


def test_a_failed_draft_is_shown_with_its_reason_and_nothing_takes_its_place() -> None:
    _, id = described("keep")
    row = {"key": "d" * 64, "for": "draft", "round": 0, "model": "m", "label": "Warmer", "at": 1.0}
    with shelf().replies(id).writing() as rows:
        rows.append({**row, "failed": "The server is on fire.", "kind": "bad_request"})
    app = again(id)
    assert any("on fire" in error.value for error in app.error)
    assert "Warmer" not in [element.value for element in app.subheader]


def test_discarding_can_be_undone_and_unfinished_ones_are_listed() -> None:
    app, id = described()
    app.button(key=f"discard:{id}").click().run()
    assert shelf().unfinished() == []
    button(app, "Bring back").click().run()
    assert [one.id for one in shelf().unfinished()] == [id]
    button(app, "Begin another one").click().run()
    assert app.text_area[0].value == ""
    button(app, "Go on").click().run()
    assert app.text_area[0].value == KEEPER


def test_a_link_to_a_drafting_that_is_gone_says_so_and_offers_a_new_one() -> None:
    app = tab("draft")
    app.query_params["drafting"] = "ffffffffffff"
    app.run()
    assert any("no drafting" in error.value for error in app.error)
    assert app.text_area[0].value == ""


def test_the_price_stands_beside_the_button_that_starts_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(
        "app.draft_actions.launch", lambda argv, **more: started.append([*argv, more["token"]])
    )
    app, id = described("keep")
    assert "free, it runs here" in text(app)
    button(app, "Write 3 drafts").click().run()
    assert started[0][:4] == ["constitution", "draft", "--drafting", id]


def test_a_suggested_rewrite_is_a_difference_and_accepting_it_can_be_undone() -> None:
    was = library().load("pirate").constitution.trait_by_id("voice").trait
    proposal = Proposal("change", "voice", was, "I talk like the tide, in and out.", by="m", why="shorter")
    Suggestions(load_settings(), "pirate").add([proposal])
    app = tab("traits")
    app.button(key="open:voice").click().run()
    shown = "".join(element.proto.body for element in app.main.get("html"))
    assert "like the tide, in and out." in re.sub(r"<[^>]+>", "", shown)
    assert "underline" in shown
    button(app, "Use this wording").click().run()
    assert library().load("pirate").constitution.trait_by_id("voice").trait == proposal.text
    button(app, "Undo").click().run()
    assert library().load("pirate").constitution.trait_by_id("voice").trait == was
    assert button(app, "Use this wording")


def test_a_suggestion_made_on_an_older_wording_says_so_and_can_be_put_aside() -> None:
    proposal = Proposal("change", "voice", "I was otherwise.", "I talk like the tide, in and out.", by="m")
    Suggestions(load_settings(), "pirate").add([proposal])
    app = tab("traits")
    app.button(key="open:voice").click().run()
    assert "older wording" in text(app)
    button(app, "Put aside").click().run()
    assert Suggestions(load_settings(), "pirate").open() == []
    button(app, "Bring back").click().run()
    assert "older wording" in text(app)


def test_questions_are_suggested_from_a_list_and_added_at_a_click() -> None:
    app = tab("traits")
    app.button(key="open:voice").click().run()
    button(app, "Suggest questions").click().run()
    button(app, "Add these questions").click().run()
    assert len(library().load("pirate").constitution.trait_by_id("voice").questions) == 10


def react_page() -> None:
    """A page of a test: the reactions to one pair."""
    import streamlit as st

    from app.react import draw_react
    from core.settings import load_settings
    from core.store.runs import Run

    folder = load_settings().runs_path / "pirate-12345678"
    folder.mkdir(parents=True, exist_ok=True)
    row = {"id": "c0ffee", "text": "What is tax?", "chosen": "Arr!! A toll!!", "trait": "voice"}
    draw_react("pirate", Run(folder), row)
    st.caption("end")


@pytest.fixture
def no_other_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reactions alone are drawn here: there is no page to link to."""
    monkeypatch.setattr("streamlit.page_link", lambda *args, **more: None)


def reacting() -> AppTest:
    app = AppTest.from_function(react_page, default_timeout=30).run()
    assert not app.exception
    return app


@pytest.mark.usefixtures("no_other_page")
def test_a_critique_is_recorded_and_proposed_in_the_persons_own_words() -> None:
    app = reacting()
    app.text_area[0].set_value("too many exclamation marks").run()
    assert reacting().text_area[0].value == "too many exclamation marks"
    button(app, "Propose a change").click().run()
    assert "from your words" in " ".join(str(element.value) for element in app.markdown).replace("\\", "")
    button(app, "Add this trait").click().run()
    texts = [trait.trait for trait in library().load("pirate").constitution.traits]
    assert texts[-1] == "I go easy on exclamation marks."
    log = load_settings().runs_path / "pirate-12345678" / "reactions.jsonl"
    assert "too many exclamation marks" in log.read_text()
    assert app.text_area[0].value == ""


@pytest.mark.usefixtures("no_other_page")
def test_a_rewrite_is_seeded_with_the_answer_and_proposes_an_example() -> None:
    app = reacting()
    app.segmented_control[0].set_value("rewrite").run()
    assert app.text_area[0].value == "Arr!! A toll!!"
    app.text_area[0].set_value("A toll for the harbour, shipmate.").run()
    button(app, "Propose a change").click().run()
    button(app, "Add this example").click().run()
    last = library().load("pirate").constitution.exchanges[-1]
    assert (last.user, last.assistant) == ("What is tax?", "A toll for the harbour, shipmate.")


@pytest.mark.usefixtures("no_other_page")
def test_an_empty_reaction_proposes_nothing() -> None:
    app = reacting()
    button(app, "Propose a change").click().run()
    assert Suggestions(load_settings(), "pirate").all() == []
