"""Home, the gallery, the tour and the two vocabularies."""

from __future__ import annotations

import json

from core.sample import SAMPLE
from core.settings import load_settings
from core.stages.trial import trial_folder
from core.store.preferences import prefer, preferences
from core.store.runs import open_run
from core.store.sample import has_sample
from tests.app.kit import button, library, tab, words

# Whom AppTest takes a tab's user for.
SOMEBODY = ""


def chose(name: str, value: object) -> None:
    prefer(load_settings(), name, value, SOMEBODY)


def labels(app) -> list[str]:  # type: ignore[no-untyped-def]
    return [element.label for element in app.button]


# ---- home


def test_somebody_new_reads_what_this_is_and_has_three_ways_in() -> None:
    app = tab()
    assert app.title[0].value == "Character Studio"
    assert "Write a character in plain sentences" in words(app)
    assert {"Open the sample", "See the gallery", "Try it now", "Write one"} <= set(labels(app))
    assert all(step in words(app) for step in ("Write", "See it speak", "Teach", "Check"))
    assert "Go on where you were" not in words(app)


def test_home_has_one_thing_to_do_first() -> None:
    assert [one.label for one in tab().button if one.proto.type == "primary"] == ["Open the sample"]


def test_looking_at_a_shipped_character_is_no_work_to_go_on_with() -> None:
    chose("last_character", "sarcasm")
    assert "Go on where you were" not in words(tab())


def test_somebody_who_was_here_goes_on_with_their_character_at_its_next_step() -> None:
    library().create("grumpy-gardener")
    app = tab()
    assert "Go on where you were" in words(app) and "Grumpy gardener" in words(app)
    assert "you are here" in words(app)
    button(app, "See it speak").click().run()
    assert app.title[0].value == "Pairs"
    assert app.query_params["character"] == "grumpy-gardener"


def test_the_character_looked_at_last_comes_before_a_newer_one() -> None:
    library().create("older")
    library().create("newer")
    app = tab("traits", character="older")
    app.switch_page("views/home.py").run()
    assert "Older" in [one.value for one in app.subheader]


def test_work_in_a_shell_counts_as_having_been_here() -> None:
    open_run(load_settings(), library().load("pirate").constitution)
    chose("last_character", "pirate")
    assert "Go on where you were" in words(tab())


def test_a_trial_counts_as_spoken_and_taught() -> None:
    constitution = library().load("pirate").constitution
    folder = trial_folder(load_settings(), constitution)
    open_run(load_settings(), constitution)
    (folder / "teacher" / "m-1").mkdir(parents=True)
    (folder / "teacher" / "m-1" / "rows.jsonl").write_text("{}\n")
    (folder / "result.json").write_text("{}")
    chose("last_character", "pirate")
    assert "Hear it before and after" in labels(tab())


def test_a_character_that_cannot_be_read_leaves_home_standing() -> None:
    library().create("mine")
    path = load_settings().data_path / "constitutions" / "hand-written" / "mine.json"
    path.write_text("{")
    app = tab()
    assert not app.exception and "Go on writing" in labels(app)


# ---- the gallery


def test_each_card_says_why_the_character_works() -> None:
    app = tab("characters")
    assert "You hear it in the first word" in words(app)
    assert "Three short exchanges carry the voice" in words(app)


def test_levels_and_search_narrow_the_gallery_and_stand_in_the_address() -> None:
    app = tab("characters")
    app.text_input(key="gallery-search").set_value("rhythm").run()
    assert [one for one in labels(app) if one == "Open"] == ["Open"]
    app.text_input(key="gallery-search").set_value("xyzzy").run()
    assert "Nobody fits" in words(app)


def test_ones_own_characters_come_first() -> None:
    library().create("zebra")
    heads = [one.value for one in tab("characters").subheader]
    assert heads[:2] == ["Yours", "Zebra"]


def test_a_broken_gallery_file_is_named_and_hides_nobody(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    import shutil

    shipped = load_settings().constitution_path
    shutil.copytree(shipped / "hand-written", tmp_path / "c" / "hand-written")
    (tmp_path / "c" / "gallery.json").write_text(json.dumps({"pirate": {}}))
    monkeypatch.setenv("CONSTITUTION_PATH", str(tmp_path / "c"))
    app = tab("characters")
    assert "pirate" in app.error[0].value and labels(app).count("Open") == 13


# ---- the tour


def test_the_tour_leads_over_the_samples_pages_and_does_not_come_again() -> None:
    app = tab()
    button(app, "Take the tour").click().run()
    assert has_sample(load_settings()) and app.query_params["character"] == SAMPLE
    titles = []
    for _ in range(5):
        titles.append(app.title[0].value)
        button(app, "Next:").click().run()
        assert not app.exception
    assert titles == ["Sample pirate", "Pairs", "Train", "Before and after", "Sample pirate"]
    button(app, "Done").click().run()
    assert app.title[0].value == "Character Studio"
    assert "Tour," not in words(app) and "Take the tour again" in labels(app)


def test_the_tour_goes_on_after_a_reload_and_waits_when_somebody_wanders() -> None:
    chose("tour", 1)
    app = tab("jobs")
    assert "It waits for you on the page Pairs" in words(app)
    button(app, "Go on").click().run()
    assert app.title[0].value == "Pairs" and "Tour, 2 of 6" in words(app)


def test_the_tour_can_be_ended_anywhere() -> None:
    chose("tour", 2)
    app = tab("settings")
    button(app, "End the tour").click().run()
    assert "Tour" not in words(app) and preferences(load_settings(), SOMEBODY)["tour"] == "over"


def test_a_damaged_place_on_the_tour_is_no_tour() -> None:
    for value in (99, -1, "?", {"step": 1}):
        chose("tour", value)
        assert not any("Next:" in one for one in labels(tab("traits")))


# ---- words


def test_the_choice_of_words_holds_on_every_page_and_in_the_next_visit() -> None:
    app = tab("pairs")
    app.toggle(key="technical-names").set_value(True).run()
    assert preferences(load_settings(), SOMEBODY)["technical"] is True
    again = tab("train")
    assert [one.label for one in again.number_input if one.label == "Learning rate"]
    again.toggle(key="technical-names").set_value(False).run()
    assert [one.label for one in again.number_input if one.label == "How boldly it learns"]


def test_the_glossary_finds_a_word_by_either_name() -> None:
    app = tab("glossary")
    app.text_input(key="glossary-search").set_value("learning rate").run()
    assert "How boldly it learns" in words(app) and "Constitution**" not in words(app)
    app.text_input(key="glossary-search").set_value("zzz").run()
    assert "No word fits" in words(app)


def test_home_is_drawn_without_reading_what_it_does_not_show() -> None:
    # A run of 20,000 answers is counted, not parsed.
    constitution = library().load("pirate").constitution
    run = open_run(load_settings(), constitution)
    folder = run.folder / "teacher" / "m-1"
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_bytes(b"not json\n" * 20_000)
    chose("last_character", "pirate")
    app = tab()
    assert not app.exception and "Teach it" in labels(app)
