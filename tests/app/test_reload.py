"""What was typed, chosen, opened or limited on a page is there again after a reload."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.state import review
from core.jobs import Jobs
from core.prices import Price
from core.settings import load_settings
from core.store.price_table import PriceTable
from tests.app.kit import MAIN, button, tab, words
from tests.waiting import until

GLM = "openrouter/z-ai/glm-4.5-air"


def reloaded(app: AppTest, page: str) -> AppTest:
    """The same address in a tab that knows nothing."""
    again = AppTest.from_file(str(MAIN), default_timeout=30)
    for name, value in app.query_params.items():
        again.query_params[name] = value if isinstance(value, str) else value[0]
    again.switch_page(f"views/{page}.py").run()
    assert not again.exception, again.exception
    return again


def test_the_trait_that_is_open_stays_open() -> None:
    app = tab("traits")
    app.button(key="open:voice").click().run()
    again = reloaded(app, "traits")
    assert again.text_area(key="trait:pirate:voice").value
    again.button(key="close:voice").click().run()
    assert "open-trait" not in again.query_params
    assert not [area for area in reloaded(again, "traits").text_area if area.key == "trait:pirate:voice"]


def test_back_closes_a_trait_and_forward_opens_it() -> None:
    app = tab("traits")
    app.button(key="open:voice").click().run()
    del app.query_params["open-trait"]
    app.run()
    assert [area.label for area in app.text_area if area.label.startswith("Trait")] == []
    app.query_params["open-trait"] = "voice"
    app.run()
    assert app.text_area(key="trait:pirate:voice").value


def test_a_trait_that_the_address_invents_opens_nothing() -> None:
    app = tab("traits")
    app.query_params["open-trait"] = "../nobody"
    app.run()
    assert not app.exception
    assert [area.label for area in app.text_area if area.label.startswith("Trait")] == []


def test_another_character_does_not_open_at_the_same_trait() -> None:
    app = tab("traits")
    app.button(key="open:voice").click().run()
    app.selectbox(key="character:pirate").select("sarcasm").run()
    assert "open-trait" not in app.query_params


def test_a_pasted_text_stays_until_it_is_read() -> None:
    app = tab("bring_in")
    app.text_area(key="pasted").set_value("Mara Quill is a detective. She never trusts a smile.").run()
    again = reloaded(app, "bring_in")
    assert again.text_area(key="pasted").value.startswith("Mara Quill")
    again.button(key="read-text").click().run()
    assert tab("bring_in").text_area(key="pasted").value == ""


def test_what_another_tab_types_takes_nobodys_words_away() -> None:
    one = tab("bring_in")
    one.text_area(key="pasted").set_value("Mine.").run()
    other = tab("bring_in")
    other.text_area(key="pasted").set_value("Theirs.").run()
    assert one.run().text_area(key="pasted").value == "Mine."


def test_a_name_that_was_typed_stays_until_the_character_is_made() -> None:
    app = tab("characters")
    app.text_input(key="new-name:").set_value("old salt").run()
    again = reloaded(app, "characters")
    assert again.text_input(key="new-name:").value == "old salt"
    button(again, "Make it").click().run()
    assert tab("characters").text_input(key="new-name:").value == ""


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is none, and a price."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-test-not-real")
    price = Price(2e-7, 1.1e-6, source="OpenRouter's list", as_of="2026-11-23")
    PriceTable(load_settings()).store_list("openrouter", {"z-ai/glm-4.5-air": price})


@pytest.mark.usefixtures("priced")
def test_a_spending_limit_outlives_a_reload_and_is_in_no_link() -> None:
    app = tab("pairs")
    app.text_input(key="teacher").set_value(GLM).run()
    app.number_input(key="budget").set_value(2.5).run()
    again = reloaded(app, "pairs")
    assert again.number_input(key="budget").value == 2.5
    assert any("--budget 2.5" in element.value for element in again.code)
    assert "2.5" not in str(dict(again.query_params))
    again.number_input(key="budget").set_value(None).run()
    assert reloaded(again, "pairs").number_input(key="budget").value is None


@pytest.mark.usefixtures("priced")
def test_a_limit_that_a_button_proposed_outlives_a_reload_too() -> None:
    app = tab("pairs")
    app.text_input(key="teacher").set_value(GLM).run()
    app.button(key="pairs:sensible-limit").click().run()
    proposed = app.number_input(key="budget").value
    assert proposed and reloaded(app, "pairs").number_input(key="budget").value == proposed


def test_a_training_file_is_offered_after_a_reload_until_somebody_decides_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(review, "READING_S", 0.0)
    app = tab("pairs")
    for role in ("teacher", "student"):
        app.text_input(key=role).set_value("fake/parrot").run()
    button(app, "Preview 4").click().run()
    until(lambda: not Jobs(load_settings()).list(active_only=True))
    button(app.run(), "Write the training file").click().run()
    again = reloaded(app, "pairs")
    assert "Written to" in words(again)
    button(again, "Drop").click().run()
    assert "Written to" not in words(again)
    button(again, "Undo").click().run()
    assert "Written to" not in words(again)
