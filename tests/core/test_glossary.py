"""Words: each is explained twice, has one name in each vocabulary, and both read well."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from core.cli.glossary import glossary
from core.glossary import TERMS, hover, hovers, leaks, name, search, spoken

# DESIGN's one vocabulary: none of these words may be missing.
THE_STUDIOS_OWN = (
    "constitution trait exchange prompt teacher student pair "
    "review recipe adapter strength job run verdict report"
)


def test_every_word_of_the_studio_is_explained() -> None:
    assert set(THE_STUDIOS_OWN.split()) <= set(TERMS)


@pytest.mark.parametrize("id", list(TERMS))
def test_a_word_is_told_in_one_plain_sentence_and_one_exact_one(id: str) -> None:
    term = TERMS[id]
    assert term.plain[0].isupper() and term.plain.endswith(".")
    assert term.exact[0].isupper() and term.exact.endswith(".")
    assert len(term.plain) <= 110
    assert leaks(term.plain) == [] and leaks(term.word) == []


def test_a_plain_name_and_its_technical_name_are_two_sides_of_one_row() -> None:
    assert name("learning-rate", technical=False) == "How boldly it learns"
    assert name("learning-rate", technical=True) == "Learning rate"
    assert name("trait", technical=True) == name("trait", technical=False)
    names = [name(id, technical=technical) for id in TERMS for technical in (True, False)]
    assert len(set(names)) == len(TERMS) + sum(term.has_two_names for term in TERMS.values())


def test_the_hover_text_gives_the_other_name_too() -> None:
    assert "Also called: DPO." in hover("dpo")
    assert "Also called: how boldly it learns." in hover("learning-rate", technical=True)
    assert "Also called" not in hover("trait")


@pytest.mark.parametrize("text", ["44 tokens in", "Learning rate", "DPO", "one epoch", "LoRA rank", "Beta"])
def test_a_technical_name_in_a_plain_text_is_noticed(text: str) -> None:
    assert leaks(text)


@pytest.mark.parametrize("text", ["a loss of knowledge", "the alphabet", "tokenism", "between two answers"])
def test_everyday_words_are_no_technical_names(text: str) -> None:
    assert leaks(text) == []


def test_a_sentence_of_ours_is_said_in_either_vocabulary() -> None:
    line = "about 23,377 tokens in; then press “Write the DPO file”"
    assert spoken(line, technical=True) == line
    assert leaks(spoken(line, technical=False)) == []


def test_a_flag_in_advice_is_said_as_the_field_that_it_is() -> None:
    advice = "Raise --max-tokens, or drop those pairs; let a judge read answers: --judge MODEL."
    assert spoken(advice, technical=True) == advice
    assert spoken(advice, technical=False) == (
        "Raise “Longest answer”, or drop those pairs; let a judge read answers: choose one under “Judge”."
    )


def test_several_words_are_explained_one_under_the_other() -> None:
    told = hovers(("teacher", "dpo"), technical=True)
    assert told.splitlines()[0].startswith("**Teacher**: The model that plays")
    assert "**DPO**: The student learns" in told
    assert hovers(("trait",)) == hover("trait")


def test_a_search_finds_a_word_by_either_name() -> None:
    assert TERMS["learning-rate"] in search("boldly")
    assert TERMS["learning-rate"] in search("LEARNING rate")
    assert search("no such word anywhere") == []


def test_the_shell_explains_words_too() -> None:
    shown = CliRunner().invoke(glossary, ["beta", "--json"])
    found = json.loads(shown.output.splitlines()[-1])["terms"]
    assert "dpo-beta" in [term["id"] for term in found]
    assert "No word fits" in CliRunner().invoke(glossary, ["zzz"]).output
