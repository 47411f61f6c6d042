"""Try to break it: attacks on base and tuned, a person's word, and failures that join the next round."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from core.attacks import ATTACKS
from core.jobs import Jobs
from core.settings import load_settings
from core.store.added_prompts import added_prompts
from core.store.attack_log import BASE, attack_log
from tests.app.kit import button, library, own_file, tab, words
from tests.core.adapter_kit import write_adapter_folder

QUESTION = "What is a garden?"


def opened() -> AppTest:
    """The page on a tuned model that is served elsewhere: the fake one needs no training."""
    app = tab("break_me")
    app.query_params["model"], app.query_params["tuned"] = "fake/parrot", "fake/arr"
    return app.run()


def attack(app: AppTest, id: str, question: str = QUESTION) -> AppTest:
    app.text_input(key="break:question").set_value(question)
    button(app, ATTACKS[id].title).click().run()
    assert not app.exception, app.exception
    return app


def newest():
    return attack_log(load_settings(), "pirate").all()[0]


def added():
    return added_prompts(load_settings(), "pirate").all()


def mark(app: AppTest, verdict: str | None) -> AppTest:
    return app.get_by_key(f"judge:{newest().id}:tuned").set_value(verdict).run()


def test_before_and_after_leads_to_what_can_be_heard_when_nothing_is_trained() -> None:
    app = tab("before_after")
    assert button(app, "Try it now")
    links = [(link.label, link.proto.query_string) for link in app.get("page_link")]
    assert any("finished sample" in label and "sample-pirate" in query for label, query in links)


def test_before_and_after_shows_on_a_reload_what_was_heard_and_asks_nobody() -> None:
    settings = load_settings()
    folder = settings.lora_path / "smollm2-135m-dpo" / "pirate" / "adapter"
    write_adapter_folder(folder)
    tab("before_after")
    side, who = f"dpo/pirate@1#{int(folder.stat().st_mtime)}", {"adapter": "dpo/pirate", "strength": 1.0}
    log = attack_log(settings, "pirate")
    sides = {BASE: {}, side: who}
    id = log.begin("plain", QUESTION, seed=1, model="local/smollm2-135m", sides=sides, page="compare")
    log.answer(id, BASE, "A plot of land.")
    log.answer(id, side, "A wee plot o' land.")
    app = tab("before_after")
    assert "What is a garden" in words(app)
    drawn = " ".join(element.proto.body for element in app.main.get("html"))
    assert "A plot of land." in drawn and "A wee plot" in drawn
    app.get_by_key(f"judge:{id}:{side}").set_value("broke").run()
    app.button(key=f"add:{id}:{side}").click().run()
    assert [(one.text, one.origin) for one in added()] == [(QUESTION, "plain")]


def test_without_anything_trained_the_page_teaches_and_leads_on() -> None:
    app = tab("break_me")
    assert "has words put into its mouth" in words(app)
    assert button(app, "Try it now")
    assert "Or see the finished sample" in str([link.label for link in app.get("page_link")])
    assert any("character break pirate" in one.value for one in app.code)


def test_a_click_attacks_what_stands_in_the_box_on_both_sides() -> None:
    app = attack(opened(), "drop-role")
    tried = newest()
    assert (tried.attack, tried.question) == ("drop-role", QUESTION)
    assert set(tried.answers) == {"base", "tuned"}
    assert all(answer.text and not answer.broken for answer in tried.answers.values())
    assert ATTACKS["drop-role"].after in "\n".join(one.value for one in app.text)
    assert "Nothing here can tell" not in words(app) and "list of words of its voice" in words(app)


def test_the_next_attack_takes_the_last_question_but_not_that_of_a_sensitive_moment() -> None:
    app = attack(opened(), "drop-role")
    attack(app, "json", "")
    assert newest().question == QUESTION
    attack(app, "moment", "")
    assert newest().question in ATTACKS["moment"].questions
    attack(app, "json", "")
    assert newest().question not in ATTACKS["moment"].questions


def test_a_persons_word_is_kept_counted_and_can_be_taken_back() -> None:
    app = attack(opened(), "drop-role")
    mark(app, "held")
    assert "Held 1 of 1 attacks (you judged)" in words(app).replace("\\", "")
    fresh = opened()
    assert newest().answers["tuned"].verdict == "held"
    mark(fresh, None)
    assert newest().answers["tuned"].verdict == ""
    assert "you judged" not in words(fresh)


def test_what_broke_joins_the_next_round_shows_under_prompts_and_is_undone_there() -> None:
    app = mark(attack(opened(), "drop-role"), "broke")
    tried = newest()
    app.selectbox(key=f"next:{tried.id}:tuned").set_value("voice").run()
    app.button(key=f"add:{tried.id}:tuned").click().run()
    (prompt,) = added()
    assert (prompt.trait, prompt.origin) == ("voice", "drop-role")
    assert prompt.text == ATTACKS["drop-role"].as_prompt(QUESTION)
    assert "In the next round" in words(app)

    app.switch_page("views/prompts.py").run()
    assert "From a failed attack: Drop the role" in words(app).replace("\\", "")
    assert prompt.text in [one.value for one in app.text]
    button(app, "Undo").click().run()
    assert added() == () and "From a failed attack" not in words(app)


def test_a_prompt_taken_off_the_list_comes_back_with_undo() -> None:
    pirate = tab("prompts")
    kept = added_prompts(load_settings(), "pirate")
    one = kept.add(library().load("pirate").constitution, "Who are you?", None, "plain")
    pirate.run()
    pirate.button(key=f"take-off:{one.id}").click().run()
    assert added() == ()
    button(pirate, "Undo").click().run()
    assert added() == (one,)


def test_an_attack_that_a_server_cannot_take_says_so_in_its_column() -> None:
    app = tab("break_me")
    app.query_params["model"], app.query_params["tuned"] = "http://127.0.0.1:9/v1#a", "fake/arr"
    attack(app.run(), "prefill")
    assert "does not go on with words" in app.error[0].value.replace("\\", "")
    assert newest().answers["tuned"].text


def test_hostile_answers_and_questions_are_shown_as_text() -> None:
    nasty = "![x](http://evil.example/x.png) <script>alert(1)</script>"
    log = attack_log(load_settings(), "pirate")
    id = log.begin("json", nasty, seed=1, model="fake/parrot", sides={"base": {}, "tuned": {"model": "m"}})
    for side in ("base", "tuned"):
        log.answer(id, side, nasty)
    app = opened()
    drawn = [element.proto.body for element in app.main.get("html")]
    assert any("&lt;script&gt;" in body for body in drawn)
    assert not any("<script>alert" in body for body in drawn)
    assert not any("![x](" in element.value for element in app.markdown)


def test_trying_all_says_its_size_and_is_a_job() -> None:
    app = opened()
    said = words(app).replace("\\", "")
    assert "short answers" in said and "measured under Robustness" in said
    button(app, "Try all of them").click().run()
    (job,) = Jobs(load_settings()).list()
    assert job.subject == "break:pirate" and tuple(job.argv[3:5]) == ("break", "pirate")
    assert "fake/arr" in job.argv


def test_earlier_attacks_stay_and_can_be_opened_and_filtered() -> None:
    app = attack(opened(), "drop-role")
    first = newest()
    mark(app, "broke")
    attack(app, "json")
    assert app.button(key=f"open:{first.id}").label == "Open"
    app.button(key=f"open:{first.id}").click().run()
    assert app.button(key=f"open:{first.id}").label == "Close"
    assert not app.exception
    app.get_by_key("tried").set_value("Not judged").run()
    assert f"open:{first.id}" not in [one.key for one in app.button]


def test_a_broken_character_is_explained() -> None:
    path = own_file("pirate")
    path.parent.mkdir(parents=True)
    path.write_text('{"name": "pirate"}')
    assert "pirate.json" in tab("break_me").error[0].value.replace("\\", "")
