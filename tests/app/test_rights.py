"""In a shared studio only admins change what is everybody's, such as prices, which hold the limits."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.names import parse_model
from core.settings import load_settings
from core.store.price_table import PriceTable
from tests.app.kit import words

MODEL = "openrouter/z-ai/glm-4.5-air"


def prices() -> None:
    from app.price_card import draw_prices

    draw_prices()


def a_price_by_hand() -> None:
    from app.price_card import PriceRow, save_edits

    rows = [PriceRow("openrouter/z-ai/glm-4.5-air", 1.0, 1.0, "", "")]
    save_edits("edits", rows)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARACTER_SHARE", "password")
    PriceTable(load_settings()).set_own(MODEL, 1.0, 2.0)


def labels(app: AppTest) -> list[str]:
    return [one.label for one in app.button]


def test_prices_are_shown_but_not_changed_by_who_is_no_admin(shared: None) -> None:
    app = AppTest.from_function(prices, default_timeout=30).run()
    assert not app.exception
    assert "Whoever runs this studio can change them" in words(app)
    assert not {"Save price", "Forget it"} & set(labels(app))


def test_in_a_studio_of_ones_own_they_are_changed() -> None:
    PriceTable(load_settings()).set_own(MODEL, 1.0, 2.0)
    app = AppTest.from_function(prices, default_timeout=30).run()
    assert "Save price" in labels(app) and "Forget it" in labels(app)


def test_an_edit_that_is_sent_all_the_same_changes_nothing(shared: None) -> None:
    app = AppTest.from_function(a_price_by_hand, default_timeout=30)
    app.session_state["edits"] = {"edited_rows": {0: {"input": 0.0, "output": 0.0}}}
    app.run()
    assert not app.exception

    price = PriceTable(load_settings()).lookup(parse_model(MODEL))
    assert price is not None and price.prompt > 0
