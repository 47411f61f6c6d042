"""The gallery and the Exchanges page."""

from __future__ import annotations

import pytest

from tests.app.kit import button, library, own_file, tab, words


def test_the_gallery_shows_all_thirteen_and_opens_one() -> None:
    app = tab("characters")
    assert len([element for element in app.button if element.label == "Open"]) == 13
    app.button(key="go:sarcasm").click().run()
    assert app.title[0].value == "Sarcasm"


def test_a_new_character_is_made_under_a_safe_name() -> None:
    app = tab("characters")
    app.text_input(key="new-name:").set_value("../Grumpy Gardener").run()
    app.button(key="make:").click().run()
    assert not app.exception
    assert library().load("grumpy-gardener")


def test_a_name_that_is_taken_is_refused_with_a_sentence() -> None:
    app = tab("characters")
    app.text_input(key="new-name:").set_value("pirate").run()
    app.button(key="make:").click().run()
    assert "already" in words(app)
    assert not own_file("pirate").exists()


def test_an_exchange_is_edited_added_and_removed() -> None:
    app = tab("exchanges")
    app.text_area(key="exchange:pirate:0:assistant").set_value("Arr, six minutes, matey!").run()
    assert library().load("pirate").constitution.exchanges[0].assistant == "Arr, six minutes, matey!"
    button(app, "Add an exchange").click().run()
    assert "Draft kept" in words(app)
    app.button(key="remove:exchange:3").click().run()
    assert len(library().load("pirate").constitution.exchanges) == 3
    app.button(key="remove:exchange:0").click().run()
    assert app.text_area(key="exchange:pirate:0:user").value.startswith("Why do onions")
    button(app, "Undo").click().run()
    assert len(library().load("pirate").constitution.exchanges) == 3


def test_a_second_press_at_once_removes_and_moves_no_other_exchange(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.state.presses.TOO_SOON_S", 60.0)
    app = tab("exchanges")
    first, second, third = library().load("pirate").constitution.exchanges
    for _ in range(2):
        app.button(key="Down:exchange:0").click().run()
    assert library().load("pirate").constitution.exchanges == (second, first, third)
    for _ in range(2):
        app.button(key="remove:exchange:0").click().run()
    assert library().load("pirate").constitution.exchanges == (first, third)


def test_an_unknown_character_in_the_address_falls_back_to_one_that_exists() -> None:
    assert tab("traits", character="nobody").title[0].value == "Pirate"


def switcher(app):  # type: ignore[no-untyped-def]
    """The choice in the sidebar."""
    return next(one for one in app.selectbox if one.label == "Character")


def test_nobody_is_chosen_before_somebody_chooses() -> None:
    app = tab("", "")
    assert switcher(app).value is None
    assert switcher(app).placeholder == "Nobody chosen yet"
    switcher(app).set_value("humor").run()
    assert (app.title[0].value, switcher(app).value) == ("Humor", "humor")


def test_a_page_about_a_character_is_about_the_one_that_was_looked_at_last() -> None:
    tab("traits", "humor")
    assert switcher(tab("", "")).value == "humor"
    assert switcher(tab("exchanges", "")).value == "humor"


def test_while_a_new_character_is_described_no_other_one_stands_in_the_sidebar() -> None:
    app = tab("draft", "pirate")
    assert switcher(app).value is None
    assert "A new one" in switcher(app).placeholder
    switcher(app).set_value("humor").run()
    assert app.title[0].value == "Humor"
