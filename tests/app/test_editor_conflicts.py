"""The editor when two tabs, a full disk or a damaged file come in between: nothing is lost silently."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import RunError
from core.store.library import Library
from tests.app.kit import button, library, own_file, tab, words

VOICE, SUMMARY = "trait:pirate:voice", "summary:pirate"


def traits_tab():
    app = tab("traits")
    app.button(key="open:voice").click().run()
    return app


def write(app, text: str, key: str = VOICE):
    app.text_area(key=key).set_value(text).run()
    assert not app.exception, app.exception
    return app


def click(app, label: str):
    button(app, label).click().run()
    assert not app.exception, app.exception
    return app


def saved():
    return library().load("pirate").constitution


def voice() -> str:
    return saved().traits[0].trait


def save_elsewhere(**changes) -> None:
    """What another window saves."""
    loaded = library().load("pirate")
    library().save(replace(loaded.constitution, **changes), base_revision=loaded.revision)


class FullDisk:
    """A disk that is full while `full` is true."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        save, save_draft = Library.save, Library.save_draft

        def checked(really):
            def wrapper(*args, **kwargs):
                if self.full:
                    raise RunError("The disk is full.")
                return really(*args, **kwargs)

            return wrapper

        monkeypatch.setattr(Library, "save", checked(save))
        monkeypatch.setattr(Library, "save_draft", checked(save_draft))


# ---- undo


def test_undo_never_takes_back_what_another_tab_saved() -> None:
    app = write(traits_tab(), "I talk like the tide.")
    save_elsewhere(summary="From the other tab.")
    click(app.run(), "Undo")
    assert saved().summary == "From the other tab." and voice() == "I talk like the tide."
    assert "changed in another window" in words(app)
    assert button(app, "Undo").help.startswith("Take back")
    click(app, "Keep the newer one")
    assert saved().summary == "From the other tab." and "another window" not in words(app)


def test_undo_goes_back_through_drafts_step_by_step() -> None:
    original = saved()
    app = write(traits_tab(), "I talk like the tide.")
    click(app, "Add a trait")
    write(app, "I keep a tidy deck.", "trait:pirate:trait")
    write(app, "How do I tidy up?", "question:pirate:trait:0")
    assert len(saved().traits) == 11
    for _ in range(4):
        click(app, "Undo")
    assert saved() == original and library().load_draft("pirate") is None
    assert button(app, "Undo").help == "Nothing to undo"
    click(app, "Undo")
    assert saved() == original


def test_a_full_disk_keeps_what_undo_would_bring_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = voice()
    app = write(traits_tab(), "I talk like the tide.")
    disk = FullDisk(monkeypatch)
    click(app, "Undo")
    assert "Not undone" in words(app) and voice() == "I talk like the tide."
    disk.full = False
    click(app, "Undo")
    assert voice() == before and "Not undone" not in words(app)


def test_redo_brings_back_what_undo_took_step_by_step() -> None:
    original = saved()
    app = write(traits_tab(), "I talk like the tide.")
    write(app, "A tidal pirate.", SUMMARY)
    both = saved()
    click(click(app, "Undo"), "Undo")
    assert saved() == original
    click(click(app, "Redo"), "Redo")
    assert saved() == both and app.text_area(key=VOICE).value == "I talk like the tide."
    assert button(app, "Redo").help == "Nothing to redo"
    click(app, "Redo")
    assert saved() == both
    click(click(app, "Undo"), "Undo")
    assert saved() == original


def test_redo_goes_back_through_drafts_too() -> None:
    app = click(traits_tab(), "Add a trait")
    draft = library().load_draft("pirate")
    click(app, "Undo")
    assert library().load_draft("pirate") is None
    click(app, "Redo")
    again = library().load_draft("pirate")
    assert again and draft and again.value == draft.value


def test_writing_something_new_forgets_what_could_be_redone() -> None:
    app = click(write(traits_tab(), "I talk like the tide."), "Undo")
    write(app, "A pirate.", SUMMARY)
    click(app, "Redo")
    assert voice() != "I talk like the tide." and saved().summary == "A pirate."


def test_redo_never_overwrites_what_another_tab_saved() -> None:
    app = click(write(traits_tab(), "I talk like the tide."), "Undo")
    save_elsewhere(summary="From the other tab.")
    click(app.run(), "Redo")
    assert saved().summary == "From the other tab." and voice() != "I talk like the tide."
    click(app, "Keep both")
    assert saved().summary == "From the other tab." and voice() == "I talk like the tide."


# ---- changes on a state that is not the newest


def test_an_edit_by_position_never_hits_another_item() -> None:
    app = tab("exchanges")
    save_elsewhere(exchanges=saved().exchanges[1:])
    newer = saved()
    write(app, "Arr!", "exchange:pirate:0:assistant")
    assert saved() == newer and "changed in another window" in words(app)


def test_an_edit_of_what_another_tab_removed_waits() -> None:
    app, exchanges = traits_tab(), tab("exchanges")
    save_elsewhere(traits=saved().traits[1:], exchanges=saved().exchanges[:1])
    write(app, "I talk like the tide.")
    write(exchanges, "Arr!", "exchange:pirate:2:assistant")
    assert "changed in another window" in words(app)
    click(app, "Use my version")
    assert voice() == "I talk like the tide."


def test_a_file_half_written_meanwhile_costs_nothing() -> None:
    app = write(traits_tab(), "I talk like the tide.")
    whole = own_file("pirate").read_bytes()
    own_file("pirate").write_bytes(whole[:40])
    write(app, "I talk like a storm.")
    assert "Not saved" in words(app) and "storm" in app.json[0].value
    own_file("pirate").write_bytes(whole)
    click(app.run(), "Use my version")
    click(app, "Use my version")  # the file was mended in between, so it asked once more
    assert voice() == "I talk like a storm." and "Not saved" not in words(app)


def test_a_character_deleted_meanwhile_costs_nothing() -> None:
    library().create("mine", copy_of="pirate")
    app = tab("traits", character="mine")
    library().delete("mine")
    write(app, "A gardener.", "summary:mine")
    assert "Mine: Not saved" in words(app).replace("\\", "")
    assert app.code[0].value == "A gardener."


def test_typing_and_clicking_at_once_is_no_conflict_with_oneself() -> None:
    app = traits_tab()
    app.text_area(key=VOICE).set_value("I talk like the tide.")
    app.text_area(key="question:pirate:voice:0").set_value("How deep is the sea?")
    click(app, "Add a trait")
    assert "another window" not in words(app)
    draft = library().load_draft("pirate")
    assert draft and len(draft.value["traits"]) == 11
    assert draft.value["traits"][0]["trait"] == voice() == "I talk like the tide."
    assert draft.value["traits"][0]["questions"][0] == "How deep is the sea?"


# ---- drafts


def draft_behind():
    """A tab whose draft has become ready, while the file under it moved on."""
    app = click(traits_tab(), "Add a trait")
    save_elsewhere(summary="From outside.")
    write(app, "I keep a tidy deck.", "trait:pirate:trait")
    assert library().load_draft("pirate") is not None
    assert "changed in another window" in words(app)
    return app


def test_a_draft_whose_file_changed_can_be_saved() -> None:
    app = click(draft_behind(), "Use my version")
    assert saved().traits[-1].trait == "I keep a tidy deck."
    assert library().load_draft("pirate") is None and "another window" not in words(app)


def test_a_draft_whose_file_changed_can_be_given_up_and_brought_back() -> None:
    app = click(draft_behind(), "Keep the newer one")
    assert library().load_draft("pirate") is None and "Draft kept" not in words(app)
    assert app.text_area(key=SUMMARY).value == "From outside."
    click(app, "Undo")
    assert library().load_draft("pirate") is not None


def test_a_draft_is_discarded_and_undo_brings_it_back() -> None:
    app = click(traits_tab(), "Add a trait")
    click(app, "Yes, discard it")
    assert library().load_draft("pirate") is None and len(saved().traits) == 10
    click(app, "Undo")
    assert library().load_draft("pirate") is not None


@pytest.mark.parametrize("data", ["{", '{"value": [], "based_on": null}'])
def test_a_damaged_draft_can_be_discarded(data: str) -> None:
    path = own_file("pirate").parents[1] / ".drafts" / "pirate.json"
    path.parent.mkdir(parents=True)
    path.write_text(data)
    app = tab("traits")
    assert "damaged" in words(app)
    click(app, "Yes, discard it")
    assert not path.exists() and app.text_area(key=SUMMARY).value == saved().summary


# ---- what the boxes show


def new_question_key() -> str:
    return f"question:pirate:voice:{len(saved().traits[0].questions)}"


def test_a_new_question_stays_in_its_box_when_it_was_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    app, key = traits_tab(), new_question_key()
    disk = FullDisk(monkeypatch)
    write(app, "How deep is the sea?", key)
    assert app.text_area(key=key).value == "How deep is the sea?" and "Not saved" in words(app)
    disk.full = False
    write(app, "How deep is it?", key)
    assert saved().traits[0].questions[-1] == "How deep is it?" and "Not saved" not in words(app)


def test_a_complaint_stays_until_that_very_field_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    app = traits_tab()
    disk = FullDisk(monkeypatch)
    write(app, "I talk like the tide.")
    disk.full = False
    write(app, "A pirate.", SUMMARY)
    assert "Not saved" in words(app) and saved().summary == "A pirate."
    assert app.code[0].value == "I talk like the tide."
    write(app, "I talk like a storm.")
    assert "Not saved" not in words(app) and voice() == "I talk like a storm."


def test_putting_a_complaint_aside_shows_what_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    app = traits_tab()
    FullDisk(monkeypatch)
    click(write(app, "I talk like the tide."), "Dismiss")
    assert app.text_area(key=VOICE).value == voice() and "Not saved" not in words(app)


def test_keeping_the_newer_one_shows_it_in_the_box() -> None:
    app, before = traits_tab(), voice()
    save_elsewhere(summary="From the other tab.")
    click(write(app, "I talk like the tide."), "Keep the newer one")
    assert app.text_area(key=VOICE).value == voice() == before


# ---- the choice


def test_my_version_asks_again_when_the_file_moved_on() -> None:
    app = traits_tab()
    save_elsewhere(summary="First.")
    write(app, "I talk like the tide.")
    save_elsewhere(summary="Second.")
    click(app, "Use my version")
    assert saved().summary == "Second." and "once more" in words(app)
    click(app, "Use my version")
    assert voice() == "I talk like the tide." and saved().summary != "Second."


def test_a_full_disk_keeps_my_version_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    app = traits_tab()
    save_elsewhere(summary="First.")
    write(app, "I talk like the tide.")
    disk = FullDisk(monkeypatch)
    click(app, "Use my version")
    assert "Not saved" in words(app) and "another window" in words(app)
    disk.full = False
    click(app, "Use my version")
    assert voice() == "I talk like the tide." and "Not saved" not in words(app)


def test_a_second_conflict_keeps_the_first() -> None:
    app = traits_tab()
    save_elsewhere(summary="First.")
    write(app, "I talk like the tide.")
    save_elsewhere(summary="Second.")
    write(app, "I talk like a storm.")
    assert len(app.json) == 2
    click(app, "Use my version")
    assert voice() == "I talk like a storm."
    click(app, "Undo")
    assert voice() == "I talk like the tide."
    click(app, "Undo")
    assert saved().summary == "Second."


def test_changes_of_different_traits_can_both_be_kept() -> None:
    first, second = traits_tab(), tab("traits")
    second.button(key="open:crewmate").click().run()
    write(first, "I talk like the tide.")
    write(second, "Whoever hails me is my cousin.", "trait:pirate:crewmate")
    assert saved().traits[1].trait != "Whoever hails me is my cousin."
    click(second, "Keep both")
    assert (
        voice() == "I talk like the tide." and saved().traits[1].trait == "Whoever hails me is my cousin."
    )
    assert "another window" not in words(second)
    click(second, "Undo")
    assert voice() == "I talk like the tide." and saved().traits[1].trait.startswith(
        "Whoever hails me is a"
    )


def test_two_changes_of_one_trait_cannot_both_be_kept() -> None:
    first, second = traits_tab(), traits_tab()
    write(first, "I talk like the tide.")
    write(second, "I talk like a storm.")
    assert "Keep both" not in [element.label for element in second.button]


def test_a_mend_of_what_another_tab_changed_waits_like_any_change() -> None:
    write(traits_tab(), "You are salty and loud.")
    app = tab("traits")
    save_elsewhere(summary="From the other tab.")
    click(app, "Say it as I")
    assert voice() == "You are salty and loud." and "another window" in words(app)
    click(app, "Keep both")
    assert voice() == "I am salty and loud." and saved().summary == "From the other tab."


# ---- typing while a conflict ends


def place(app) -> int:
    """Which child of the page holds the sentence's box: a box that moves is drawn anew by the browser."""
    held = (
        at
        for at, child in app.main.children.items()
        if any(getattr(node, "key", None) == SUMMARY for node in child)
    )
    return next(held)


def test_a_conflict_that_comes_and_goes_neither_moves_nor_sets_the_box_that_one_types_in() -> None:
    app = tab("traits")
    at = place(app)
    save_elsewhere(summary="From the other tab.")
    write(app, "From this tab.", SUMMARY)
    assert "changed in another window" in words(app) and place(app) == at
    assert app.text_area(key=SUMMARY).value == "From the other tab."
    click(app, "Keep the newer one")
    box = app.text_area(key=SUMMARY)
    assert "another window" not in words(app) and place(app) == at
    assert box.value == "From the other tab." and not box.proto.set_value
