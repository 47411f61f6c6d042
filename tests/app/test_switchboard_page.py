"""The Switchboard page: ticks, two answers, what stays on disk, and what each sentence does."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from app.switchboard_ticks import beginning
from core.jobs import Jobs
from core.settings import load_settings
from core.store.switchboard import boards
from core.switchboard import design
from tests.app.kit import button, library, own_file, tab, words

QUESTION = "switchboard:question:pirate"


def opened(character: str = "pirate") -> AppTest:
    app = tab("switchboard", character)
    app.query_params["model"] = "fake/parrot"
    return app.run()


def ticked(app: AppTest, side: str, id: str) -> bool:
    return bool(app.checkbox(key=f"tick:pirate:{side}:{id}").value)


def ask(app: AppTest, text: str) -> AppTest:
    app.text_input(key=QUESTION).set_value(text)
    button(app, "Ask both").click().run()
    assert not app.exception, app.exception
    return app


def board():
    return boards(load_settings(), "pirate").read()


def test_at_first_everything_stands_beside_the_plain_model_and_the_page_says_what_to_do() -> None:
    app = opened()
    assert ticked(app, "a", "voice") and not ticked(app, "b", "voice")
    assert "both sides answer at once, from the same seed" in words(app)
    said = words(app).replace("\\", "")
    for trait in library().load("pirate").constitution.traits:
        assert beginning(trait.trait).removesuffix(" …") in said
    assert any("constitution switchboard pirate" in one.value for one in app.code)


def test_a_question_is_answered_by_both_and_goes_on_in_both() -> None:
    app = ask(opened(), "What is a garden?")
    ask(app, "And a kettle?")
    first, second = board().turns
    assert first.is_complete and second.is_complete
    assert first.answers["a"] != first.answers["b"]
    assert not any(first.broken.values())
    assert app.text_input(key=QUESTION).value == ""
    said = words(app)
    assert "What is a garden" in said and "And a kettle" in said


def test_a_tick_is_kept_in_the_address_and_on_disk_and_a_new_tab_finds_it() -> None:
    app = opened()
    app.checkbox(key="tick:pirate:a:voice").set_value(False).run()
    assert app.query_params["a"] == "but:voice"
    ask(app, "What is a garden?")
    fresh = tab("switchboard")
    assert not ticked(fresh, "a", "voice") and ticked(fresh, "a", "boldness")
    assert "What is a garden" in words(fresh)
    assert "9 of 10 sentences" in words(fresh)


def test_presets_put_both_sides_at_once() -> None:
    app = opened()
    button(app, "With / without exchanges").click().run()
    assert app.query_params["b"] == board().b and board().b.startswith("but:~")
    app.selectbox(key="leave-out:pirate").set_value("honesty").run()
    assert (board().a, board().b) == ("all", "but:honesty")
    assert app.selectbox(key="leave-out:pirate").value is None
    button(app, "A on both sides").click().run()
    assert (board().a, board().b) == ("all", "all")


def test_the_same_question_can_be_asked_again_with_other_sentences_from_the_same_seed() -> None:
    app = ask(opened(), "What is a garden?")
    app.checkbox(key="tick:pirate:a:voice").set_value(False).run()
    button(app, "Ask the last one again").click().run()
    (turn,) = board().turns
    assert (turn.ticks["a"], turn.seed, turn.text) == ("but:voice", 1, "What is a garden?")
    button(app, "New conversation").click().run()
    assert board().turns == []


def test_a_question_that_another_tab_left_unanswered_is_asked_by_nobody_until_a_click() -> None:
    boards(load_settings(), "pirate").ask("What is a garden?", 1, "fake/parrot", "all", "none")
    app = opened()
    assert not board().turns[0].answers
    assert "broken off" in words(app)
    button(app, "Answer it now").click().run()
    assert board().turns[0].is_complete


def test_a_model_that_cannot_be_asked_says_why_where_its_answer_would_stand() -> None:
    app = opened()
    app.text_input(key="switchboard:model").set_value("http://127.0.0.1:9/v1#none").run()
    ask(app, "What is a garden?")
    assert "no server answers" in app.error[0].value.replace("\\", "")
    assert board().turns[0].broken["a"].startswith("http://127.0.0.1:9/v1#none")


def test_what_each_sentence_does_is_shown_beside_pure_chance() -> None:
    pirate = library().load("pirate").constitution
    whole = ["the sea is blue", "the sea is grey", "the sea is calm"]
    answers = {part.id: whole for part in design(pirate)} | {"boldness": ["no", "nothing", "<b>never</b>"]}
    boards(load_settings(), "pirate").keep(
        question="What is a sea?",
        model="fake/parrot",
        constitution=pirate.content_hash,
        answers=answers,
        seed=1,
        max_tokens=96,
    )
    app = opened()
    said = words(app).replace("\\", "")
    assert "Another seed alone changes" in said and "1 sentence changed more" in said
    assert said.index("100 % of words changed") < said.index("0 % of words changed (0 to 0 %")
    assert "changed since" not in said


def test_the_measurement_says_its_size_first_and_is_a_job() -> None:
    app = opened()
    assert "36 short answers" in words(app).replace("\\", "")
    button(app, "Leave one out").click().run()
    (job,) = Jobs(load_settings()).list()
    assert job.subject == "switchboard:pirate" and "--leave-one-out" in job.argv


def test_a_broken_character_is_explained() -> None:
    path = own_file("pirate")
    path.parent.mkdir(parents=True)
    path.write_text('{"name": "pirate"}')
    app = tab("switchboard")
    assert "pirate.json" in app.error[0].value.replace("\\", "")


def test_the_list_says_how_much_there_is_to_switch() -> None:
    pirate = library().load("pirate").constitution
    text = words(tab("switchboard"))
    assert f"{len(pirate.traits)} sentences, then {len(pirate.exchanges)} exchanges" in text


def test_a_button_drawn_before_the_last_tick_asks_with_what_is_ticked_now() -> None:
    app = opened()
    app.checkbox(key="tick:pirate:a:voice").set_value(False)
    ask(app, "What is a garden?")
    assert board().turns[0].ticks["a"] == "but:voice"


def test_two_ticks_at_once_both_count() -> None:
    app = opened()
    app.checkbox(key="tick:pirate:a:voice").set_value(False)
    app.checkbox(key="tick:pirate:a:honesty").set_value(False)
    app.run()
    assert not ticked(app, "a", "voice") and not ticked(app, "a", "honesty")
    assert (
        board().a == app.query_params["a"] and board().a.count("honesty") == board().a.count("voice") == 1
    )


def test_a_tick_stays_though_the_browser_still_sends_the_address_of_before() -> None:
    app = opened()
    before = app.query_params["a"]
    app.checkbox(key="tick:pirate:a:voice").set_value(False).run()
    app.query_params["a"] = before
    ask(app, "What is a garden?")
    assert not ticked(app, "a", "voice") and board().turns[0].ticks["a"] == "but:voice"
