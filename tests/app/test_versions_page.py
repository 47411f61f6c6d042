"""The Versions page: every saved state is there, says what changed, and comes back without loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.version_words import when
from core.prompts import prompt_of
from core.settings import load_settings
from core.store.answer_set import AnswerSet
from core.store.jsonl import append_rows, write_json
from core.store.runs import open_run
from tests.app.kit import button, library, own_file, tab, words


def save(summary: str | None = None, voice: str | None = None, note: str = "") -> None:
    loaded = library().load("pirate")
    changed = loaded.constitution
    if summary is not None:
        changed = replace(changed, summary=summary)
    if voice is not None:
        first = replace(changed.traits[0], trait=voice)
        changed = replace(changed, traits=(first, *changed.traits[1:]))
    library().save(changed, base_revision=loaded.revision, note=note)


def three_versions():
    save(voice="I talk like the tide.")
    save(voice="I talk like a storm.", note="imported")
    return tab("versions")


def look(app, position: int):
    version = library().history("pirate")[position]
    app.button(key=f"look:{version.id}").click().run()
    assert not app.exception, app.exception
    return version


def said(app) -> str:
    return words(app).replace("\\", "")


def diffs(app) -> str:
    return "".join(element.proto.body for element in app.main.get("html"))


def test_a_character_that_was_never_changed_says_what_will_be_here() -> None:
    app = tab("versions")
    assert "Nothing has been changed yet" in said(app) and not app.exception


def test_each_version_says_in_one_line_what_changed() -> None:
    assert "changed 1 trait" in said(three_versions())
    assert "as it was before the first change here" in said(tab("versions"))


def test_a_version_is_compared_with_now_word_by_word() -> None:
    app = three_versions()
    look(app, 1)
    assert "From this version until now: changed 1 trait." in said(app)
    assert "<del" in diffs(app) and "a storm." in diffs(app)


def test_the_present_version_is_compared_with_the_one_before_it() -> None:
    app = three_versions()
    assert "From that version to this one: changed 1 trait." in said(app)
    assert "the tide." in diffs(app) and "a storm." in diffs(app)


def test_two_versions_are_compared_and_the_address_keeps_both() -> None:
    app = three_versions()
    last = look(app, 2)
    other = library().history("pirate")[1]
    app.selectbox(key=f"against:pirate:{last.id}").select(other.id).run()
    assert "From this version until then: changed 1 trait." in said(app)
    assert "the tide." in diffs(app) and "a storm." not in diffs(app)
    assert (app.query_params["version"], app.query_params["against"]) == (last.id, other.id)


def test_a_name_and_a_note_are_kept_and_shown_in_the_next_tab() -> None:
    app = three_versions()
    version = look(app, 1)
    app.text_input(key=f"version-name:pirate:{version.id}").set_value("Tidal *one*").run()
    app.text_area(key=f"version-note:pirate:{version.id}").set_value("for Ann").run()
    assert (library().history("pirate")[1].name, library().history("pirate")[1].remark) == (
        "Tidal *one*",
        "for Ann",
    )
    again = tab("versions")
    assert "Tidal *one*" in said(again) and "for Ann" in said(again)
    assert "\\*one\\*" in words(again)


def test_going_back_is_a_new_version_and_loses_nothing() -> None:
    app = three_versions()
    look(app, 1)
    button(app, "Go back to this version").click().run()
    assert library().load("pirate").constitution.traits[0].trait == "I talk like the tide."
    notes = [version.note for version in library().history("pirate")]
    assert len(notes) == 4 and notes[0].startswith("back to Today")
    button(app, "Undo").click().run()
    assert library().load("pirate").constitution.traits[0].trait == "I talk like a storm."


def test_going_back_keeps_what_was_unfinished() -> None:
    three_versions()
    app = tab("traits")
    button(app, "Add a trait").click().run()
    app.switch_page("views/versions.py").run()
    look(app, 1)
    button(app, "Go back to this version").click().run()
    assert library().load_draft("pirate") is None
    states = library().states("pirate")
    assert states[1].version.note.startswith("unfinished")
    assert states[1].value and len(states[1].value["traits"]) == 11
    app.run()
    look(app, 1)
    button(app, "Go back to this version").click().run()
    draft = library().load_draft("pirate")
    assert draft and len(draft.value["traits"]) == 11


def test_going_back_never_overwrites_what_another_tab_saved() -> None:
    app = three_versions()
    look(app, 1)
    save(summary="From the other tab.")
    button(app, "Go back to this version").click().run()
    assert library().load("pirate").constitution.summary == "From the other tab."
    assert "another window" in said(app)
    button(app, "Keep both").click().run()
    now = library().load("pirate").constitution
    assert (now.summary, now.traits[0].trait) == ("From the other tab.", "I talk like the tide.")


def test_a_branch_is_a_character_of_its_own_and_says_where_it_came_from() -> None:
    app = three_versions()
    version = look(app, 1)
    app.text_input(key=f"branch-name:{version.id}").set_value("Tidal pirate").run()
    app.button(key=f"branch:{version.id}").click().run()
    assert app.title[0].value == "Tidal pirate"
    assert library().load("tidal-pirate").constitution.traits[0].trait == "I talk like the tide."
    assert library().history("tidal-pirate")[0].note.startswith("branched from pirate")


def test_a_branch_into_a_taken_name_is_refused_on_the_page() -> None:
    app = three_versions()
    version = look(app, 1)
    app.text_input(key=f"branch-name:{version.id}").set_value("sarcasm").run()
    app.button(key=f"branch:{version.id}").click().run()
    assert "already" in said(app) and not own_file("sarcasm").exists()


def test_many_saves_in_one_go_are_one_line_that_opens() -> None:
    for number in range(5):
        save(summary=f"Number {number}.")
    app = tab("versions")
    assert [element.label for element in app.expander if "saves in one go" in element.label] == [
        "5 saves in one go"
    ]


def test_a_damaged_state_is_shown_as_one_and_can_do_no_harm() -> None:
    save(summary="One.")
    library()._history.record("pirate", b'{"name": "pir')
    app = tab("versions")
    assert "damaged" in said(app) and not app.exception
    assert not [element for element in app.button if element.label.startswith("Go back")]


def test_the_words_of_a_version_are_shown_as_text() -> None:
    save(voice="I <img src=x onerror=alert(1)> sing.")
    save(voice="I sing.")
    app = tab("versions")
    look(app, 1)
    assert "&lt;img" in diffs(app) and "<img" not in diffs(app)


def answered(texts: list[str]) -> None:
    """What a teacher has said as the present version."""
    constitution = library().load("pirate").constitution
    run = open_run(load_settings(), constitution)
    run.remember(prompt_of(f"Question {n}?", trait="voice", source="hand") for n in range(len(texts)))
    ids = list(run.prompts())
    folder: Path = run.folder / "teacher" / "m-12345678"
    write_json(folder / "settings.json", {"model": "local/m"})
    rows = [{"key": f"k{n}", "prompt": ids[n], "sample": 0, "text": text} for n, text in enumerate(texts)]
    append_rows(AnswerSet(folder).rows_path, rows)


def test_both_versions_answers_to_the_same_prompt_stand_side_by_side() -> None:
    save(voice="I talk like the tide.")
    answered(["Slow water comes.", "Same."])
    save(voice="I talk like a storm.")
    answered(["Thunder comes.", "Same."])
    app = tab("versions")
    look(app, 1)
    assert "The same prompts, both versions" in said(app) and "Question 0?" in said(app)
    assert "Slow water" in diffs(app) and "Thunder" in diffs(app) and "Question 1?" not in said(app)


def test_a_moment_is_said_as_people_say_it() -> None:
    now = 1_795_719_234.0
    assert when(now, now).startswith("today ")
    assert when(now - 86_400, now).startswith("yesterday ")
    assert len(when(now - 5 * 86_400, now).split()) == 4
    assert len(when(now - 400 * 86_400, now).split()) == 5
