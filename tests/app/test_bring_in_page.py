"""Bring in a character: proposals beside their sentences, ticks and edits that survive a reload."""

from __future__ import annotations

import json

from core.cards import proposed, read_card
from core.settings import load_settings
from core.store.library import starter
from core.store.proposals import ProposalShelf
from tests.app.kit import button, library, tab, words
from tests.core.test_cards import card

TEXT = "Mara Quill is a retired detective. She never trusts a smile. She has grey hair."


def shelf() -> ProposalShelf:
    return ProposalShelf(load_settings())


def waiting_id() -> str:
    """A card that waits for its person."""
    data = json.dumps(card(2)).encode()
    return shelf().keep(proposed(read_card(data, "ada.json"), "ada.json"))


def opened(id: str):  # type: ignore[no-untyped-def]
    app = tab("bring_in")
    app.query_params["bring"] = id
    return app.run()


def test_the_page_begins_with_a_file_or_a_text() -> None:
    app = tab("bring_in")
    assert app.text_area(key="pasted") and app.file_uploader(key="bring-file")


def test_a_pasted_text_becomes_traits_beside_their_sentences() -> None:
    app = tab("bring_in")
    app.text_area(key="pasted").set_value(TEXT)
    app.button(key="read-text").click().run()
    assert not app.exception
    assert [area.value for area in app.text_area if area.label.startswith("Trait")] == [
        "I am a retired detective.",
        "I never trust a smile.",
    ]
    assert "looks" in words(app) and "Not used: 1" in str([e.label for e in app.expander])
    assert len(shelf().waiting()) == 1


def test_an_uploaded_card_is_read() -> None:
    app = tab("bring_in")
    app.file_uploader(key="bring-file").set_value(
        ("ada.json", json.dumps(card(3)).encode(), "application/json")
    )
    app.run()
    app.button(key="read-file").click().run()
    assert shelf().waiting()[0].proposals.name == "ada"


def test_ticks_and_edits_survive_a_reload() -> None:
    id = waiting_id()
    app = opened(id)
    app.checkbox(key=f"bring-keep:{id}:0").uncheck().run()
    app.text_area(key=f"bring-text:{id}:1").set_value("I keep the light.").run()
    again = opened(id)
    assert again.checkbox(key=f"bring-keep:{id}:0").value is False
    assert again.text_area(key=f"bring-text:{id}:1").value == "I keep the light."


def test_making_it_saves_only_what_is_ticked_and_clears_the_table() -> None:
    id = waiting_id()
    app = opened(id)
    app.checkbox(key=f"bring-keep:{id}:0").uncheck().run()
    gone = shelf().load(id).traits[0].text
    app.button(key="make-brought").click().run()
    made = library().load("ada").constitution
    assert made.traits and gone not in [trait.trait for trait in made.traits]
    assert shelf().waiting() == []


def test_a_taken_name_overwrites_nobody() -> None:
    library().save(starter("ada"), base_revision=None)
    app = opened(waiting_id())
    assert "already" in words(app) and app.button(key="make-brought").disabled
    assert library().load("ada").constitution == starter("ada")


def test_a_file_that_is_none_stays_on_the_page_as_a_sentence() -> None:
    app = tab("bring_in")
    app.file_uploader(key="bring-file").set_value(("x.png", b"\x89PNG\r\n\x1a\nrubbish", "image/png"))
    app.run()
    app.button(key="read-file").click().run()
    assert "damaged or cut off" in words(app)


def test_an_address_of_one_that_is_gone_says_so() -> None:
    app = opened("0" * 12)
    assert "is not waiting any more" in words(app)
    assert button(app, "Bring in another")
