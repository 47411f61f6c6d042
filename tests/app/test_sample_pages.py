"""The sample: every page has content and says Sample; nothing is changed and nothing runs. Plain words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.glossary import leaks
from core.jobs import Jobs
from core.sample import MADE_FROM, SAMPLE
from core.settings import load_settings
from core.store.preferences import prefer
from core.store.sample import has_sample, open_sample
from tests.app.kit import button, library, tab, words

# A page of the sample, and something on it that only a finished project shows.
FULL = {
    "traits": "I talk as old sea dogs do",
    "exchanges": "Two to five are enough",
    "prompts": "610 prompts",
    "pairs": "What should I make for dinner tonight?",
    "trial": "Pirate took hold",
    "train": "The model now prefers the character's answer",
    "before_after": "Stored answers",
    "check_data": "pairs teach the voice",
    "check_traits": "Pirate took hold",
    "check_preferences": "more gentle",
    "check_robustness": "holds when told to drop the role",
    "check_prefill": "takes over from a plain first answer",
    "check_coherence": "No verdict on pirate",
    "check_capability": "of 120 questions right",
    "rate": "Recommend a card game",
    "report": "is there",
}


@pytest.fixture(autouse=True)
def opened() -> None:
    open_sample(load_settings())


def on_page(app: AppTest) -> str:
    fields = [str(one.value) for kind in (app.text_area, app.text_input) for one in kind]
    return "\n".join([words(app).replace("\\", ""), *fields])


@pytest.mark.parametrize("page", FULL)
def test_every_page_of_the_sample_has_content_and_says_sample(page: str) -> None:
    app = tab(page, character=SAMPLE)
    assert FULL[page] in on_page(app)
    assert ":blue-badge[:material/auto_stories: Sample]" in words(app)
    assert {"Try it now with the pirate", "Remove the sample"} <= {one.label for one in app.button}


@pytest.mark.parametrize("page", ["", "characters", "jobs", "settings"])
def test_pages_about_no_character_are_not_marked(page: str) -> None:
    assert "A finished project to look at" not in words(tab(page, character=SAMPLE))


def test_no_page_of_another_character_says_sample() -> None:
    assert "A finished project to look at" not in words(tab("traits", character=MADE_FROM))


def test_an_edit_is_refused_with_the_way_to_a_copy() -> None:
    app = tab("exchanges", character=SAMPLE)
    before = library().load(SAMPLE).revision
    app.text_area(key=f"exchange:{SAMPLE}:0:assistant").set_value("Something else entirely.").run()
    assert library().load(SAMPLE).revision == before
    assert "Make your own copy" in app.error[0].value


def test_a_copy_of_the_sample_is_made_from_its_banner() -> None:
    app = tab("traits", character=SAMPLE)
    app.text_input(key=f"new-name:{SAMPLE}").set_value("my pirate").run()
    app.button(key=f"make:{SAMPLE}").click().run()
    assert app.title[0].value == "My pirate" and "Sample]" not in words(app)


@pytest.mark.parametrize("page", ["pairs", "plan", "share"])
def test_where_the_main_button_would_refuse_it_makes_the_sample_ones_own(page: str) -> None:
    app = tab(page, character=SAMPLE)
    primary = [one for one in app.button if one.proto.type == "primary"]
    assert [one.label for one in primary] == ["Make it mine"]
    primary[0].click().run()
    assert not app.exception and not app.error
    assert library().load("my-pirate").constitution.traits == library().load(SAMPLE).constitution.traits
    assert app.query_params["character"] == "my-pirate"
    assert "Make it mine" not in [one.label for one in app.button]


def test_a_second_copy_gets_a_name_of_its_own() -> None:
    button(tab("plan", character=SAMPLE), "Make it mine").click().run()
    button(tab("plan", character=SAMPLE), "Make it mine").click().run()
    assert {"my-pirate", "my-pirate-2"} <= {entry.name for entry in library().names()}


@pytest.mark.parametrize(
    ("page", "label"),
    [("train", "Train it again"), ("check_data", "Check the pairs"), ("report", "Make it again")],
)
def test_a_job_on_the_sample_is_not_started_and_the_page_says_why(page: str, label: str) -> None:
    app = tab(page, character=SAMPLE)
    button(app, label).click().run()
    assert "nothing runs on it" in app.error[0].value.replace("\\", "")
    assert Jobs(load_settings()).list() == []


def test_the_sample_is_put_away_and_home_offers_it_again() -> None:
    app = tab("pairs", character=SAMPLE)
    button(app, "Remove the sample").click().run()
    assert not app.exception and not has_sample(load_settings())
    assert app.title[0].value == "Character Studio"
    button(app, "Open the sample").click().run()
    assert has_sample(load_settings()) and "Sample]" in words(app)


# ---- plain words


def outside_folds(block: Any) -> Iterator[str]:
    """Every text that is seen before anything is opened: labels, values and captions, not model text."""
    for child in getattr(block, "children", {}).values():
        if getattr(child, "type", "") in ("expander", "expandable", "popover"):
            continue
        for field in ("label", "value", "body"):
            text = getattr(child, field, None)
            if isinstance(text, str):
                yield text
        yield from outside_folds(child)


PLAIN = [page for page in FULL if page not in ("trial",)] + ["", "characters", "trial"]


@pytest.mark.parametrize("page", PLAIN)
def test_no_technical_name_stands_on_a_page_in_plain_words(page: str) -> None:
    app = tab(page, character=SAMPLE)
    seen = [*outside_folds(app.main), *outside_folds(app.sidebar)]
    assert len(seen) > 10
    assert {text[:160]: leaks(text) for text in seen if leaks(text)} == {}


def test_technical_names_appear_when_somebody_wants_them() -> None:
    prefer(load_settings(), "technical", True, "")
    seen = " ".join(outside_folds(tab("train", character=SAMPLE).main))
    assert "Reward margin" in seen and "DPO" in seen
    assert any(one.label.startswith("Write the DPO file") for one in tab("pairs", character=SAMPLE).button)
