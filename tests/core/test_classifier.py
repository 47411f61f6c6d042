"""A classifier that knows a character from plain answers where there is a difference, and says when not."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RunError, SettingsError
from core.evaluation.calibrating import calibration_error, softmax, temperature_of
from core.evaluation.classifier import Classifier, folds_of, train
from core.evaluation.style_features import Counted, Features

WORDS = """
arr matey ahoy aye ye be hearties avast anchor tide
indeed therefore generally consider various aspects important overall several provide
moonlight whispers velvet sigh ember blossom hush gleam dusk tender
"""
SEA, PLAIN, POETIC = (line.split() for line in WORDS.strip().splitlines())
SUBJECTS = [f"subject{chr(97 + place % 26)}{chr(97 + place // 26)}" for place in range(200)]


def text_of(words: list[str], subject: str, chance: random.Random, length: int = 12) -> str:
    said = [chance.choice(words) for _ in range(length)] + [subject] * 3
    chance.shuffle(said)
    return " ".join(said) + "."


def rows_of(
    sides: dict[str, list[str]], prompts: int = 40, seed: int = 0
) -> tuple[list[str], list[str], list[str]]:
    """Each side's answer to each prompt; what a prompt is about stands in both."""
    chance = random.Random(seed)
    texts, labels, asked = [], [], []
    for number in range(prompts):
        for label, words in sides.items():
            texts.append(text_of(words, SUBJECTS[number], chance))
            labels.append(label)
            asked.append(f"p{number}")
    return texts, labels, asked


@pytest.fixture(scope="module")
def pirate() -> Classifier:
    return train(*rows_of({"pirate": SEA, "neutral": PLAIN}))


def test_two_voices_are_told_apart_on_prompts_that_were_not_learned_from(pirate: Classifier) -> None:
    assert pirate.trusted and pirate.reason == ""
    assert pirate.held_out["accuracy"].value == 1.0 and pirate.held_out["accuracy"].n == 40
    assert pirate.held_out["macro_f1"].value == 1.0
    assert pirate.held_out["calibration_error"].value < 0.15
    assert pirate.confusion == {
        "neutral": {"neutral": 40, "pirate": 0},
        "pirate": {"neutral": 0, "pirate": 40},
    }


def test_new_texts_get_high_and_low_probabilities(pirate: Classifier) -> None:
    chance = random.Random(9)
    ours = [text_of(SEA, "elsewhere", chance) for _ in range(20)]
    others = [text_of(PLAIN, "elsewhere", chance) for _ in range(20)]
    assert pirate.in_character(ours, "pirate").min() > 0.8
    assert pirate.in_character(others, "pirate").max() < 0.2
    assert pirate.guesses([*ours, *others]) == ["pirate"] * 20 + ["neutral"] * 20


def test_where_both_sides_are_alike_it_is_not_trusted_and_says_why() -> None:
    alike = train(*rows_of({"pirate": PLAIN, "neutral": PLAIN}))
    assert not alike.trusted
    assert "may be luck" in alike.reason and "50 %" in alike.reason
    assert alike.told("pirate")[0].startswith("The classifier cannot be trusted")


def test_a_subject_that_only_one_prompt_has_is_no_style() -> None:
    """Were subjects learned, each prompt's own word would be a feature."""
    texts, _, prompts = rows_of({"pirate": SEA, "neutral": PLAIN})
    features = Features.of(Counted.of(texts), prompts)
    kept = set(features.counters[0].get_feature_names_out()[features.blocks[0].columns])
    assert not kept & set(SUBJECTS) and set(SEA) <= kept


def test_a_text_of_which_nothing_is_known_is_nobodys(pirate: Classifier) -> None:
    assert pirate.probabilities(["", "щщщ"]).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert pirate.guesses(["", "щщщ"]) == ["neutral", "neutral"]


def test_a_third_character_is_not_taken_for_ours() -> None:
    three = train(*rows_of({"pirate": SEA, "neutral": PLAIN, "poet": POETIC}))
    verse = text_of(POETIC, "elsewhere", random.Random(3))
    assert three.labels == ("neutral", "pirate", "poet")
    assert three.guesses([verse]) == ["poet"] and three.in_character([verse], "pirate")[0] < 0.2
    assert "40 of other characters" in three.told("pirate")[0]


def test_too_few_texts_or_prompts_are_not_trusted() -> None:
    assert "too few texts" in train(*rows_of({"pirate": SEA, "neutral": PLAIN}, prompts=10)).reason
    texts, labels, _ = rows_of({"pirate": SEA, "neutral": PLAIN})
    few = train(texts, labels, [f"p{place % 5}" for place in range(len(texts))])
    assert "too few prompts" in few.reason and not few.trusted


def test_the_same_texts_in_any_order_make_the_same_classifier(pirate: Classifier) -> None:
    rows = list(zip(*rows_of({"pirate": SEA, "neutral": PLAIN}), strict=True))
    random.Random(5).shuffle(rows)
    again = train(*(list(column) for column in zip(*rows, strict=True)))
    probe = rows_of({"pirate": SEA, "neutral": PLAIN}, prompts=5, seed=8)[0]
    assert (again.probabilities(probe) == pirate.probabilities(probe)).all()
    assert again.held_out == pirate.held_out


def test_bad_input_is_refused_in_words(pirate: Classifier) -> None:
    with pytest.raises(RunError, match="at least two sides"):
        train(["a", "b"], ["pirate", "pirate"], ["1", "2"])
    with pytest.raises(RunError, match="2 texts, 1 labels"):
        train(["a", "b"], ["pirate"], ["1", "2"])
    with pytest.raises(RunError, match="knows neutral, pirate, not sarcasm"):
        pirate.in_character(["Arr"], "sarcasm")


def test_sides_of_different_size_weigh_the_same() -> None:
    """Five plain texts to one of the character's: a doubtful one must not be called plain for that."""
    texts, labels, prompts = rows_of({"pirate": SEA, "neutral": PLAIN}, prompts=100)
    kept = [row for row in range(len(texts)) if labels[row] == "neutral" or int(prompts[row][1:]) % 5 == 0]
    few = train(*([column[row] for row in kept] for column in (texts, labels, prompts)))
    assert few.counts == {"neutral": 100, "pirate": 20}
    mixed = [" ".join([*SEA[:5], *PLAIN[:5]]) for _ in range(3)]
    assert 0.2 < few.in_character(mixed, "pirate")[0] < 0.8


# ---- properties

PROMPTS = st.lists(st.sampled_from([f"p{number}" for number in range(12)]), min_size=1, max_size=60)


@given(PROMPTS, st.integers(2, 8), st.integers(0, 5))
def test_all_rows_of_a_prompt_share_a_fold_and_folds_are_of_one_size(
    prompts: list[str], folds: int, seed: int
) -> None:
    fold_of = folds_of(prompts, folds, seed)
    by_prompt = {
        prompt: {fold for one, fold in zip(prompts, fold_of, strict=True) if one == prompt}
        for prompt in prompts
    }
    assert all(len(found) == 1 for found in by_prompt.values())
    sizes = [sum(1 for found in by_prompt.values() if found == {fold}) for fold in set(fold_of)]
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.lists(st.integers(-50, 50), min_size=3, max_size=3), max_size=8))
def test_probabilities_sum_to_one_and_keep_the_order_of_scores(scores: list[list[int]]) -> None:
    found = softmax(np.array(scores, dtype=float).reshape(-1, 3))
    assert np.allclose(found.sum(axis=1), 1) and (found >= 0).all()
    assert (found.argmax(axis=1) == np.array(scores, dtype=float).reshape(-1, 3).argmax(axis=1)).all()


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_scores_without_a_message_are_not_believed(seed: int) -> None:
    """Labels drawn without regard to strong scores: the temperature must tone these down."""
    chance = np.random.default_rng(seed)
    scores = chance.normal(0, 10, (200, 2))
    labels = [("neutral", "pirate")[one] for one in chance.integers(0, 2, 200)]
    sure = softmax(scores * temperature_of(scores, labels, ("neutral", "pirate"))).max(axis=1)
    assert sure.mean() < 0.8


def test_calibration_error_is_the_gap_between_sureness_and_being_right() -> None:
    ones = np.ones((1, 4))
    assert calibration_error([0.9] * 4, [1, 1, 1, 1])(ones)[0] == pytest.approx(0.1)
    assert calibration_error([0.9, 0.9, 0.5, 0.5], [1, 1, 1, 0])(ones)[0] == pytest.approx(0.05)
    assert np.isnan(calibration_error([0.9], [1.0])(np.zeros((1, 1)))[0])


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(SettingsError, match=r"character-studio\[eval\]"):
        train(*rows_of({"pirate": SEA, "neutral": PLAIN}))
