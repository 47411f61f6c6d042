"""The Traits page: what is written is saved, can be undone, and never overwrites another tab."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.settings import PROJECT
from tests.app.kit import button, library, own_file, tab, words
from tests.core.test_carrying import make_everything

SHIPPED = PROJECT / "constitutions" / "hand-written" / "pirate.json"


def open_first_trait():
    app = tab("traits")
    app.button(key="open:voice").click().run()
    return app


def write_trait(app, text: str):
    return app.text_area(key="trait:pirate:voice").set_value(text).run()


def test_a_changed_trait_is_saved_at_once_in_a_copy_and_the_shipped_file_stays() -> None:
    before = SHIPPED.read_bytes()
    app = write_trait(open_first_trait(), "I talk like the tide.")
    assert library().load("pirate").constitution.traits[0].trait == "I talk like the tide."
    assert SHIPPED.read_bytes() == before
    assert own_file("pirate").exists()
    assert "Saved " in words(app)


def test_undo_brings_the_text_back_on_page_and_disk() -> None:
    original = library().load("pirate").constitution
    app = write_trait(open_first_trait(), "I talk like the tide.")
    button(app, "Undo").click().run()
    assert library().load("pirate").constitution == original
    assert app.text_area(key="trait:pirate:voice").value == original.traits[0].trait


def test_the_prompts_of_a_reworded_trait_stay_with_it() -> None:
    count = len(library().additional("pirate").by_trait["voice"])
    write_trait(open_first_trait(), "I talk like the tide.")
    assert len(library().additional("pirate").by_trait["voice"]) == count == 45


def test_an_unfinished_trait_is_kept_as_a_draft_and_the_problem_is_named() -> None:
    app = tab("traits")
    button(app, "Add a trait").click().run()
    assert "is empty" in words(app)
    assert len(library().load("pirate").constitution.traits) == 10
    again = tab("traits")
    assert "Draft kept" in words(again)
    again.button(key="open:trait").click().run()
    again.text_area(key="trait:pirate:trait").set_value("I keep a tidy deck.").run()
    again.text_area(key="question:pirate:trait:0").set_value("How do I tidy up?").run()
    assert library().load("pirate").constitution.traits[-1].trait == "I keep a tidy deck."
    assert library().load_draft("pirate") is None


def test_a_trait_moves_and_goes_and_comes_back() -> None:
    app = open_first_trait()
    app.button(key="Down:voice").click().run()
    assert library().load("pirate").constitution.traits[1].id == "voice"
    app.button(key="remove:voice").click().run()
    assert "voice" not in [trait.id for trait in library().load("pirate").constitution.traits]
    button(app, "Undo").click().run()
    assert library().load("pirate").constitution.traits[1].id == "voice"


def test_two_tabs_on_one_character_never_overwrite_each_other_silently() -> None:
    first, second = open_first_trait(), open_first_trait()
    write_trait(first, "I talk like the tide.")
    write_trait(second, "I talk like a storm.")
    assert library().load("pirate").constitution.traits[0].trait == "I talk like the tide."
    assert "changed in another window" in words(second)
    button(second, "Use my version").click().run()
    assert library().load("pirate").constitution.traits[0].trait == "I talk like a storm."
    assert "I talk like the tide." in json.dumps(
        [library().version("pirate", version.revision).as_dict() for version in library().history("pirate")]
    )


def test_a_broken_file_is_named_on_the_page_and_nothing_is_lost() -> None:
    path = own_file("pirate")
    path.parent.mkdir(parents=True)
    path.write_text('{"name": "pirate", "traits": [')
    app = tab("traits")
    assert "line 1" in words(app)
    assert path.read_text() == '{"name": "pirate", "traits": ['


def test_text_that_looks_like_markup_is_shown_as_text() -> None:
    app = write_trait(open_first_trait(), "I love <img src=x onerror=alert(1)> ![a](http://x/y.png) $$x$$.")
    button(app, "Done").click().run()
    shown = next(element.value for element in app.markdown if "I love" in element.value)
    assert "\\<img" in shown
    assert "\\!\\[a\\]" in shown


# ---- the check


def expander(app, label: str):
    return next(element for element in app.expander if label in element.label)


def test_a_fault_is_named_with_why_and_the_mend_as_a_difference() -> None:
    app = write_trait(open_first_trait(), "You are salty <b>and</b> loud.")
    finding = expander(app, "Trait 1: an order to the character")
    said = "\n".join(str(element.value) for element in (*finding.markdown, *finding.caption))
    assert "let it say of itself" in said and "something to be" in said
    shown = next(element for element in finding.get("html"))
    assert "<del" in shown.proto.body and "I am" in shown.proto.body and "&lt;b&gt;" in shown.proto.body


def test_a_mend_in_one_click_is_saved_and_undone() -> None:
    app = write_trait(open_first_trait(), "You are salty and loud.")
    button(app, "Say it as I").click().run()
    assert library().load("pirate").constitution.traits[0].trait == "I am salty and loud."
    assert app.text_area(key="trait:pirate:voice").value == "I am salty and loud."
    assert not [element for element in app.expander if "an order" in element.label]
    button(app, "Undo").click().run()
    assert library().load("pirate").constitution.traits[0].trait == "You are salty and loud."


def test_a_finding_put_aside_stays_aside_in_the_next_tab_and_can_be_shown_again() -> None:
    app = write_trait(open_first_trait(), "You are salty and loud.")
    button(app, "Ignore").click().run()
    again = tab("traits")
    assert not [element for element in again.button if element.label == "Say it as I"]
    assert "Trait 1: an order" in expander(again, "Ignored").text[0].value
    button(again, "Show again").click().run()
    assert button(again, "Say it as I")


def test_a_shipped_character_has_nothing_to_mend() -> None:
    assert "10 traits, 3 exchanges. Ready. Nothing to mend." in words(tab("traits")).replace("\\", "")


def test_a_draft_is_checked_as_far_as_it_is_finished() -> None:
    app = write_trait(open_first_trait(), "You are salty and loud.")
    button(app, "Add a trait").click().run()
    assert "Trait 11: is empty" in words(app).replace("\\", "")
    button(app, "Say it as I").click().run()
    draft = library().load_draft("pirate")
    assert draft and draft.value["traits"][0]["trait"] == "I am salty and loud."


def test_a_slip_in_an_exchange_is_found_and_cut_on_the_exchanges_page() -> None:
    app = tab("exchanges")
    answer = "As an AI, I never sailed. But six minutes by the glass, matey, and into icy water with it!"
    app.text_area(key="exchange:pirate:0:assistant").set_value(answer).run()
    assert expander(app, "Exchange 1: breaks the voice")
    button(app, "Cut that sentence").click().run()
    assert not app.exception
    kept = library().load("pirate").constitution.exchanges[0].assistant
    assert kept == answer.partition(". ")[2] == app.text_area(key="exchange:pirate:0:assistant").value


def test_two_traits_that_pull_apart_are_told_together() -> None:
    app = write_trait(open_first_trait(), "I keep my answers short and to the point.")
    app.button(key="open:crewmate").click().run()
    app.text_area(key="trait:pirate:crewmate").set_value("I tell everything in great detail.").run()
    said = "".join(str(element.value) for element in expander(app, "Traits 1 and 2: pull apart").markdown)
    assert "keep my answers short" in said.replace("\\", "") and "in great detail" in said


def test_the_next_step_is_about_the_character_that_is_open() -> None:
    app = tab("traits", "humor")
    app.button(key="next:views/pairs.py").click().run()
    assert app.title[0].value == "Pairs" and "Humor" in words(app)
    assert app.query_params["character"] in ("humor", ["humor"])


def without_exchanges() -> None:
    loaded = library().load("pirate")
    library().save(replace(loaded.constitution, exchanges=()), base_revision=loaded.revision)


@pytest.mark.parametrize("page", ["traits", "overview"])
def test_a_character_that_was_never_heard_is_sent_to_its_exchanges_first(page: str) -> None:
    without_exchanges()
    app = tab(page)
    assert button(app, "Write two exchanges").proto.type == "primary"
    assert "without an example or two" in words(app)
    assert not [one for one in app.button if one.label == "See it speak"]


def test_its_first_exchanges_begin_with_its_own_questions_and_a_double_click_adds_no_more() -> None:
    without_exchanges()
    app = tab("exchanges")
    begin = button(app, "Begin two exchanges")
    begin.click()
    app.run()
    boxes = [one for one in app.text_area if one.label in ("Somebody writes", "The character answers")]
    traits = library().load("pirate").constitution.traits
    asked = [traits[0].questions[0], traits[1].questions[0]]
    assert [one.value for one in boxes] == [asked[0], "", asked[1], ""]
    assert library().load_draft("pirate") is not None
    for place, answer in ((1, "Aye, three bells in a pan!"), (3, "Row with me, friend.")):
        answers = [one for one in app.text_area if one.label == "The character answers"]
        answers[place // 2].set_value(answer).run()
    assert [one.user for one in library().load("pirate").constitution.exchanges] == asked
    assert button(app, "See it speak")


def test_where_pairs_were_made_the_traits_page_does_not_ask_for_the_first_ones_again() -> None:
    make_everything()
    app = tab("traits")
    assert not [one for one in app.button if one.label == "See it speak"]
    assert button(app, "Train it")
