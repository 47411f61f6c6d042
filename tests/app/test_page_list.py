"""The list of pages: every link holds the whole address of what it opens."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

from streamlit.testing.v1 import AppTest

from core.settings import PROJECT
from tests.app.kit import tab


def listed(app: AppTest) -> dict[str, dict[str, str]]:
    """Path → words of the address, of every page in the sidebar."""
    links = [one.proto for one in app.sidebar.get("page_link")]
    return {
        one.page: {name: texts[0] for name, texts in parse_qs(one.query_string).items()} for one in links
    }


def test_every_page_is_listed_with_the_character_in_its_address() -> None:
    found = listed(tab("jobs", "humor"))
    pages = {path.stem for path in (PROJECT / "app" / "views").glob("*.py")} - {"__init__", "home"}
    assert set(found) == pages | {""}
    assert all(words == {"character": "humor"} for words in found.values())


def test_a_page_is_listed_with_what_was_set_on_it() -> None:
    app = tab("train")
    app.segmented_control(key="train:preset").set_value("quick").run()
    assert listed(app.switch_page("views/jobs.py").run())["train"] == {
        "character": "pirate",
        "train-preset": "quick",
    }


def test_what_was_set_for_one_character_is_not_in_a_link_about_another() -> None:
    app = tab("train")
    app.segmented_control(key="train:preset").set_value("quick").run()
    app.switch_page("views/jobs.py").run()
    app.selectbox(key="character:pirate").set_value("humor").run()
    assert listed(app)["train"] == {"character": "humor"}


def switch(app: AppTest, before: str, to: str) -> AppTest:
    app.selectbox(key=f"character:{before}").set_value(to)
    return app


def test_the_back_button_leads_to_the_character_of_before() -> None:
    app = switch(tab("traits"), "pirate", "humor").run()
    assert app.title[0].value == "Humor"
    app.query_params["character"] = "pirate"
    assert app.run().title[0].value == "Pirate"


def test_a_link_about_another_character_opens_that_one() -> None:
    app = tab("traits")
    app.query_params["character"] = "humor"
    assert app.switch_page("views/exchanges.py").run().title[0].value == "Humor"


def test_who_was_just_chosen_stays_though_the_address_still_says_another() -> None:
    app = switch(tab("traits"), "pirate", "humor")
    app.query_params["character"] = "pirate"
    app.switch_page("views/exchanges.py").run()
    assert app.title[0].value == "Humor" and app.query_params["character"] in ("humor", ["humor"])


def test_the_script_of_the_page_takes_nothing_from_a_model_or_a_person() -> None:
    for path in Path(PROJECT / "app").rglob("*.py"):
        if path.name != "browser.py":
            assert "components" not in path.read_text(encoding="utf-8"), path
