"""The Overview page and the strip beside every page: what was made from what, and what to do next."""

from __future__ import annotations

from dataclasses import replace

from app.lineage_words import next_step_of, why_stale
from core.jobs import Jobs
from core.settings import load_settings
from core.stages.lineage import lineage_of
from tests.app.kit import button, library, own_file, tab, words
from tests.core.test_carrying import edit_exchange, make_everything, reword


def links(app) -> str:  # type: ignore[no-untyped-def]
    """Every link's label."""
    return "\n".join(element.proto.label for element in app.get("page_link"))


def test_before_anything_is_made_the_overview_says_so_and_offers_the_first_step() -> None:
    app = tab("overview")
    assert "Nothing was said yet" in words(app)
    assert "Nothing made yet" in links(app)
    assert button(app, "See it speak")


def test_when_everything_fits_no_page_speaks_of_stale() -> None:
    make_everything()
    app = tab("overview")
    assert "Everything fits together" in words(app)
    assert "40 pairs ← version 1" in links(app)
    assert "stale" not in (words(app) + links(app)).lower()


def test_after_an_edit_the_strip_says_stale_on_every_page_and_the_overview_why() -> None:
    make_everything()
    reword(2)
    app = tab("overview")
    assert "**Trait 3 was reworded**" in words(app)
    assert "the pairs" in words(app)
    for page in ("traits", "exchanges", "prompts", "plan", "train"):
        assert "stale" in links(tab(page)), page
    assert "Trait 3 was reworded" in words(tab("pairs"))


def test_both_ways_are_offered_with_size_and_price_and_a_double_click_is_one_job() -> None:
    make_everything()
    reword(2)
    app = tab("overview")
    first, all_anew = button(app, "Regenerate only 1 trait"), button(app, "Make all pairs anew")
    assert "request" in words(app)
    assert "free" in words(app)
    assert first.proto.type == "primary"
    assert all_anew.proto.type == "secondary"
    first.click()
    app.run()
    jobs = Jobs(load_settings()).list(limit=5)
    assert len(jobs) == 1
    assert "--only-affected" in jobs[0].argv


def test_after_an_edited_exchange_only_all_is_offered_and_the_page_says_why() -> None:
    make_everything()
    edit_exchange()
    app = tab("overview")
    assert not [one for one in app.button if one.label.startswith("Regenerate")]
    assert button(app, "Make all pairs anew").proto.type == "primary"
    assert "every pair is affected" in words(app)


def test_a_broken_character_shows_its_problems_and_no_strip() -> None:
    own_file("pirate").parent.mkdir(parents=True, exist_ok=True)
    own_file("pirate").write_text("{ not json")
    app = tab("overview")
    assert app.error
    assert not app.exception


def test_hostile_words_of_a_trait_are_shown_as_words() -> None:
    loaded = library().load("pirate")
    traits = list(loaded.constitution.traits)
    traits[0] = replace(traits[0], trait="I ![x](http://c2/) <script>alert(1)</script> **shout**.")
    library().save(replace(loaded.constitution, traits=tuple(traits)), base_revision=loaded.revision)
    app = tab("overview")
    shown = words(app)
    assert "![x](" not in shown
    assert "<script>" not in shown
    assert "\\*\\*shout" in shown


def test_there_is_one_next_step_whatever_stands() -> None:
    settings = load_settings()
    assert next_step_of(lineage_of(settings, "pirate")).page == "views/pairs.py"
    make_everything()
    assert next_step_of(lineage_of(settings, "pirate")).page == "views/plan.py"
    reword(1)
    found = lineage_of(settings, "pirate")
    assert next_step_of(found).page == ""
    assert why_stale(found) == [("Trait 2 was reworded", "the pairs")]
