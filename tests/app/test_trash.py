"""Deleting a character asks nothing and can be undone; for good it goes only by its name."""

from __future__ import annotations

from tests.app.kit import button, library, tab, words


def deleted():
    library().create("bob", copy_of="pirate")
    item = library().delete("bob")
    return tab("characters"), item


def labels(app) -> list[str]:
    return [element.label for element in app.button]


def test_a_deleted_character_is_listed_with_when_and_comes_back_whole() -> None:
    app, item = deleted()
    assert "deleted today" in words(app)
    before = len(library().names())
    app.button(key=f"back:{item.id}").click().run()
    assert not app.exception and len(library().names()) == before + 1
    assert library().load("bob").constitution.traits and library().trash() == []


def test_nothing_goes_for_good_until_its_name_is_typed() -> None:
    app, _ = deleted()
    assert button(app, "Delete for good").disabled
    app.text_input(key="trash-name").set_value("bop").run()
    assert button(app, "Delete for good").disabled
    app.text_input(key="trash-name").set_value("Bob").run()
    app.button(key="delete-for-good").click().run()
    assert library().trash() == [] and library().history("bob") == []
    assert not app.exception and "Trash" not in " ".join(labels(app))


def test_a_name_that_is_taken_again_is_a_sentence_on_the_page_and_nothing_is_lost() -> None:
    app, item = deleted()
    library().create("bob")
    app.run()
    app.button(key=f"back:{item.id}").click().run()
    assert "again" in words(app) and library().trash()
