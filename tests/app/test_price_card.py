"""The price card: it teaches when there is nothing, edits in place, and never loses a price."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from app.price_actions import keep_edits
from app.price_rows import PriceRow, found_names, models_in_runs, row_of
from core.errors import SettingsError
from core.jobs import Jobs
from core.prices import Price
from core.settings import load_settings
from core.store.price_table import PriceTable
from tests.app.kit import button, tab, words

GLM = "openrouter/z-ai/glm-4.5-air"
LISTED = Price(2e-7, 1.1e-6, source="OpenRouter's list", as_of="2026-11-23")


@pytest.fixture
def table() -> PriceTable:
    """The table that the tab sees."""
    return PriceTable(load_settings())


def text(app: AppTest) -> str:
    return words(app).replace("\\", "")


def shown(app: AppTest) -> list[str]:
    """The models in the table; there is none before there is something to show."""
    return [name for editor in app.get("data_editor") for name in editor.value["model"]]


def answered(role: str, model: str) -> None:
    """An answer folder of a run, as a job leaves it."""
    folder = load_settings().runs_path / "pirate-1a2b3c4d" / role / "m-00000000"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"model": model}))


def fill(app: AppTest, model: str, prompt: float | None, completion: float | None) -> AppTest:
    app.text_input(key="price-model:0").set_value(model)
    app.number_input(key="price-input:0").set_value(prompt)
    app.number_input(key="price-output:0").set_value(completion)
    return app.button(key="prices-save").click().run()


def test_before_the_first_price_the_card_says_what_prices_are_for() -> None:
    app = tab("settings")
    assert "a spending limit, which stops a job before it costs more" in text(app)
    assert "No list is fetched yet" in text(app)
    assert shown(app) == []
    assert button(app, "Refresh from OpenRouter")


def test_models_of_runs_are_listed_with_their_price_source_and_day(table: PriceTable) -> None:
    models_in_runs.clear()
    answered("teacher", GLM)
    answered("student", "local/smollm2-135m")
    table.store_list("openrouter", {"z-ai/glm-4.5-air": LISTED})
    app = tab("settings")
    assert shown(app) == [GLM]
    assert "Fetched: OpenRouter just now" in text(app)
    assert row_of(GLM, table) == PriceRow(GLM, 0.2, 1.1, "OpenRouter's list", "23 Nov 2026")
    assert row_of("openrouter/a/b", table) == PriceRow("openrouter/a/b", None, None, "unknown", "")


def test_a_model_is_looked_up_by_the_words_of_its_name(table: PriceTable) -> None:
    table.store_list("openrouter", {"z-ai/glm-4.5-air": LISTED, "z-ai/glm-4.6": LISTED})
    app = tab("settings")
    app.text_input(key="prices-search").set_value("AIR glm").run()
    assert shown(app) == [GLM]
    app.text_input(key="prices-search").set_value("nothing such").run()
    assert "No known price has “nothing such” in its name" in text(app)
    assert found_names(table, "glm") == [GLM, "openrouter/z-ai/glm-4.6"]


def test_many_hits_are_cut_and_the_cut_is_said(table: PriceTable) -> None:
    table.store_list("openrouter", {f"maker/model-{number}": LISTED for number in range(40)})
    app = tab("settings")
    app.text_input(key="prices-search").set_value("maker").run()
    assert len(shown(app)) == 30
    assert "The first 30 of 40 models" in text(app)


def test_a_price_added_in_the_form_is_kept_and_the_form_is_empty_again(table: PriceTable) -> None:
    app = fill(tab("settings"), "openrouter/glm-4.5-air", 0.2, 1.1)
    assert not app.exception
    assert table.own_names() == [GLM]
    assert shown(app) == [GLM]
    assert app.text_input(key="price-model:1").value == ""
    assert app.number_input(key="price-input:1").value is None


@pytest.mark.parametrize(
    ("model", "prompt", "completion", "why"),
    [
        ("glm", 1.0, 1.0, "Write where the model runs"),
        ("", 1.0, 1.0, "as openrouter/z-ai/glm-4.5-air"),
        (GLM, None, 1.0, "Give both prices"),
        (GLM, 1.0, 1e6, "is no price"),
    ],
)
def test_what_is_refused_stays_in_the_form_and_says_why(
    table: PriceTable, model: str, prompt: float | None, completion: float, why: str
) -> None:
    app = fill(tab("settings"), model, prompt, completion)
    assert why in text(app)
    assert app.text_input(key="price-model:0").value == model
    assert table.own_names() == []


def test_a_price_of_ones_own_can_be_forgotten(table: PriceTable) -> None:
    table.set_own(GLM, 1, 1)
    app = tab("settings")
    app.button(key="prices-forget-it").click().run()
    assert not app.exception
    assert table.own_names() == []
    assert shown(app) == []


def test_an_edited_cell_makes_the_price_ones_own_and_keeps_the_other_cell(table: PriceTable) -> None:
    table.store_list("openrouter", {"z-ai/glm-4.5-air": LISTED})
    rows = [row_of("openrouter/a/b", table), row_of(GLM, table)]
    assert keep_edits(table, rows, {1: {"output": 2.5}}) == 1
    assert row_of(GLM, table)[1:4] == (0.2, 2.5, "your table")


def test_half_a_price_waits_for_the_other_half(table: PriceTable) -> None:
    rows = [row_of(GLM, table)]
    assert keep_edits(table, rows, {0: {"input": 0.3}}) == 0
    assert not table.own_names()
    assert keep_edits(table, rows, {0: {"input": 0.3, "output": 0.6}}) == 1


def test_emptying_both_cells_forgets_ones_own_price_only(table: PriceTable) -> None:
    table.store_list("openrouter", {"z-ai/glm-4.5-air": LISTED})
    table.set_own(GLM, 5, 5)
    empty = {0: {"input": None, "output": None}}
    assert keep_edits(table, [row_of(GLM, table)], empty) == 1
    assert row_of(GLM, table).source == "OpenRouter's list"
    assert keep_edits(table, [row_of(GLM, table)], empty) == 0


def test_an_edit_that_is_no_price_is_refused(table: PriceTable) -> None:
    with pytest.raises(SettingsError, match="is no price"):
        keep_edits(table, [row_of(GLM, table)], {0: {"input": -1.0, "output": 1.0}})


def test_refreshing_is_a_job_and_one_click_is_one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_BASE_URL", "http://127.0.0.1:9/v1")
    app = tab("settings")
    button(app, "Refresh from OpenRouter").click().run()
    [job] = Jobs(load_settings()).list()
    assert job.argv[-4:-1] == ("prices", "refresh", "openrouter")
    assert job.subject == "prices"
    Jobs(load_settings()).cancel(job.id)
    app.run()
    assert button(app, "Refresh from OpenRouter")


def test_a_list_that_wants_a_key_waits_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert button(tab("settings"), "Refresh from Together").disabled
    monkeypatch.setenv("TOGETHER_API_KEY", "sk-canary-5f0e7d1c9b3a")
    assert not button(tab("settings"), "Refresh from Together").disabled


def test_a_damaged_file_is_explained_and_can_be_set_aside(table: PriceTable) -> None:
    table.path.parent.mkdir(parents=True)
    table.path.write_text("{ my prices")
    app = tab("settings")
    assert "is damaged" in app.error[0].value.replace("\\", "")
    button(app, "Set it aside").click().run()
    assert not app.exception
    [kept] = table.path.parent.glob("prices.damaged-*.json")
    assert kept.read_text() == "{ my prices"
    assert button(app, "Refresh from OpenRouter")


def test_a_damaged_run_does_not_keep_the_card_from_being_drawn() -> None:
    models_in_runs.clear()
    answered("teacher", "no model")
    folder = load_settings().runs_path / "x" / "teacher" / "y"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text("[")
    assert models_in_runs(str(load_settings().runs_path)) == []
    assert not tab("settings").exception


def test_names_from_a_list_are_shown_as_text(table: PriceTable) -> None:
    table.store_list("openrouter", {"![x](http://evil.example/x.png)": LISTED})
    app = tab("settings")
    app.text_input(key="prices-search").set_value("evil").run()
    assert len(shown(app)) == 1
    assert "![x](" not in words(app)
