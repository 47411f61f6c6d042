"""The data check: what was planted in the pairs is found, what was not is not, and nothing is asked."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from core.cli import character
from core.errors import RunError
from core.evaluation.pair_data import Check, Data, Pair
from core.evaluation.pair_data_repeats import repeated_answers, repeated_prompts
from core.evaluation.pair_data_report import Report, check_pairs
from core.settings import Settings
from core.stages.evals.data import DataJob, evaluate_data
from core.stages.evals.keeping import latest
from core.stages.evals.session import Session
from core.store.decisions import Decision, decide
from core.store.runs import Run, open_run
from tests.core.character_kit import UNHURRIED, a_character

_SUBJECTS = "tax rain bread moon cats music trains tea gardens letters chess stars shoes maps soup"
_PLAIN = """the usual answer rests on several facts that people have studied for years and wrote down in
    books with care while others prefer simple examples from daily life such as work home travel and
    friends"""
SUBJECTS, PLAIN = _SUBJECTS.split(), _PLAIN.split()
SALT = ["arr", "matey", "aye", "ye", "shipmate", "hearty", "avast"]


def said(chance: random.Random, subject: str, words: int, *salt: str) -> str:
    """A made-up answer on a subject: plain words, and what gives it a voice."""
    body = [chance.choice(PLAIN) for _ in range(words - len(salt) - 1)]
    return " ".join([*salt, subject, *body]).capitalize() + "."


def name(chance: random.Random) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=8))


def pairs(count: int = 60, *, longer: float = 1.0, voice: bool = True) -> list[Pair]:
    """Pairs of a pirate and a plain speaker, alternating between two traits."""
    chance = random.Random(3)
    made: list[Pair] = []
    for number in range(count):
        subject = chance.choice(SUBJECTS)
        length = chance.randint(36, 44)
        salt = chance.sample(SALT, 2) if voice else []
        made.append(
            Pair(
                f"pair{number}",
                f"prompt{number}",
                f"What about {subject} and {' '.join(name(chance) for _ in range(4))}?",
                said(chance, subject, round(length * longer), *salt),
                said(chance, subject, chance.randint(36, 44)),
                ("voice", "comfort")[number % 2],
            )
        )
    return made


def changed(pair: Pair, **fields: Any) -> Pair:
    return Pair(**{name: getattr(pair, name) for name in Pair.__slots__} | fields)


def report(found: list[Pair], **more: Any) -> Report:
    return check_pairs(Data(found, a_character(), **more))


def check(found: Report, name: str) -> Check:
    return next(one for one in found.checks if one.name == name)


def statuses(found: Report) -> dict[str, str]:
    return {one.name: one.status for one in found.checks}


def test_a_clean_set_passes_every_check_and_teaches_the_voice() -> None:
    found = report(pairs())
    assert set(statuses(found).values()) == {"pass"}, found.checks
    assert found.headline.startswith("These 60 pairs teach the voice (words tell")
    said = [one["what"] for one in found.taught]
    assert any(f"“{word}”" in what for word in SALT for what in said)


def test_a_planted_length_is_named_in_the_headline_with_its_size() -> None:
    found = report(pairs(longer=1.8))
    assert check(found, "length").status == "fail"
    assert "and also length: chosen answers are 1.8 times as long" in found.headline
    [ratio] = [cell for cell in found.cells if cell.measure == "length" and cell.versus == "rejected"]
    assert ratio.low is not None and ratio.high is not None and ratio.value is not None
    assert 1.6 < ratio.low <= ratio.value <= ratio.high < 2.0


def test_pairs_that_differ_in_length_alone_are_said_to_teach_only_that() -> None:
    found = report(pairs(longer=2.0, voice=False))
    assert check(found, "form alone").status in ("warn", "fail")
    assert "a model may learn only the length" in check(found, "form alone").sentence
    assert "hardly teach a voice" in found.headline


def test_sides_that_say_the_same_kind_of_thing_teach_nothing() -> None:
    found = report(pairs(voice=False))
    assert check(found, "told apart").status == "fail"
    cell = next(one for one in found.cells if one.measure == "told apart" and not one.group)
    assert cell.low is not None and cell.low < 0.5


@pytest.mark.parametrize(
    ("name", "planted", "status"),
    [
        ("refusals", "I'm sorry, but I can't help with that request, matey. Arr.", "fail"),
        ("leaks", "Arr matey, <think> the user wants rain </think> aye.", "fail"),
        ("leaks", "Arr! When somebody is sad, I take off my hat and listen, aye.", "fail"),
        ("cut off", "Arr matey, the rain falls and the", "fail"),
        ("language", "Arr matey, дождь идёт потому что облака тяжёлые и холодные.", "fail"),
        ("repetition", "Arr the sea is wide.\nUser: and then what\nAye, matey, so it goes.", "fail"),
        ("repeated answers", "Arr matey, the wind is fair and the hold is full, so let us sail.", "fail"),
    ],
)
def test_what_is_planted_in_a_tenth_of_the_answers_is_found(name: str, planted: str, status: str) -> None:
    made = pairs()
    for number in range(0, 60, 10):
        made[number] = changed(made[number], chosen=planted)
    found = check(report(made), name)
    assert found.status == status and found.advice
    assert 1 <= len(found.examples) <= 5
    assert set(found.examples) <= {f"pair{number}" for number in range(0, 60, 10)}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("markdown", lambda text: f"**Aye**\n\n- {text}"),
        ("emoji", lambda text: f"{text} 🏴‍☠️⚓"),
        ("hedging", lambda text: f"Perhaps, arr. {text}"),
    ],
)
def test_a_habit_of_one_side_is_named_with_its_difference(name: str, change: Any) -> None:
    found = report([changed(pair, chosen=change(pair.chosen)) for pair in pairs()])
    assert check(found, name).status in ("warn", "fail")
    assert "+100 points" in check(found, name).sentence
    assert name in found.headline
    [cell] = [one for one in found.cells if one.measure == name and one.versus == "rejected"]
    assert cell.value == 1.0 and cell.excludes_zero


def test_pairs_whose_sides_are_nearly_the_same_are_found() -> None:
    made = pairs()
    made[7] = changed(made[7], rejected=made[7].chosen.replace("the", "a", 1))
    assert check(report(made), "alike").examples == ("pair7",)


def test_prompts_that_ask_the_same_are_found_and_those_that_only_share_a_frame_are_not() -> None:
    texts = [
        "Explain how a microwave heats food",
        "What are good tips for learning Spanish?",
        "Can you explain how microwaves heat food?",
        "What are good tips for learning the piano?",
    ]
    assert repeated_prompts(texts) == [(2, 0)]


def test_among_ten_thousand_answers_the_planted_repeats_are_found() -> None:
    chance = random.Random(1)
    texts = [said(chance, f"thing{number}", 40) for number in range(10_000)]
    planted = sorted(chance.sample(range(5_000, 10_000), 100))
    for place in planted:
        texts[place] = texts[place - 5_000].replace(".", " indeed.")
    found = [place for place, _ in repeated_answers(texts)]
    assert len(set(planted) & set(found)) >= 97
    assert len(set(found) - set(planted)) == 0


def test_a_thousand_copies_of_one_text_cost_no_comparison_of_each_with_each() -> None:
    found = repeated_answers(["The same words for everybody, and nothing else at all."] * 1_000)
    assert len(found) == 999


def test_a_trait_that_nothing_teaches_is_named() -> None:
    found = report([changed(pair, trait="voice") for pair in pairs()], prompts={"voice": 9, "comfort": 4})
    assert check(found, "coverage").status == "fail" and "comfort" in check(found, "coverage").sentence
    assert found.coverage[1] | {"sentence": ""} == {
        "trait": "comfort",
        "sentence": "",
        "prompts": 4,
        "asked": 0,
        "pairs": 0,
    }


def test_prompts_that_evaluation_asks_are_named() -> None:
    made = pairs()
    found = report(made, held_out=[made[3].asked, "Something else entirely, about lighthouses?"])
    assert check(found, "held-out prompts").examples == ("pair3",)


def test_the_teacher_s_name_in_an_answer_is_a_leak() -> None:
    made = pairs()
    made[4] = changed(made[4], chosen="Arr, I was made by Zhipu, matey, in a warm port.")
    assert check(report(made, teacher_names=("Zhipu",)), "leaks").examples == ("pair4",)
    assert check(report(made), "leaks").status == "pass"


def test_no_pair_and_one_pair_are_said_to_be_too_few() -> None:
    assert report([]).headline == "There are no pairs to look at yet."
    assert "too few to tell" in report(pairs(1)).headline


TEXTS = st.text(max_size=60) | st.sampled_from(
    ["", "\ud800", "Arr!", "**", "🏴‍☠️", "雨", "<think>", "a\n" * 9]
)


@UNHURRIED
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, st.integers(0, 14)), max_size=24))
def test_any_texts_are_checked_without_an_accident(texts: list[tuple[str, str, str, int]]) -> None:
    made = [
        Pair(f"p{number}", f"q{prompt}", asked, chosen, rejected, ("", "voice", "gone")[number % 3])
        for number, (asked, chosen, rejected, prompt) in enumerate(texts)
    ]
    found = report(made, held_out=["What is tax?"])
    assert found.headline and len(found.rows) == 2 * len(made)
    for cell in found.cells:
        if cell.low is not None and cell.high is not None and cell.value is not None:
            assert cell.low <= cell.value <= cell.high
    json.dumps([one.as_dict() for one in found.checks] + found.taught + found.coverage)


# ---- the verb


def lines(found: list[Pair]) -> str:
    """A DPO file as `character dpo-data` writes it."""
    rows = (
        {
            side: [{"role": "user", "content": pair.asked}, {"role": "assistant", "content": text}]
            for side, text in (("chosen", pair.chosen), ("rejected", pair.rejected))
        }
        for pair in found
    )
    return "".join(json.dumps(row) + "\n" for row in rows)


def told(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(character, [*words, "--json"], standalone_mode=False)
    assert done.exit_code == 0 or isinstance(done.exception, SystemExit), done.exception
    return json.loads(done.output.splitlines()[-1])


def test_a_file_is_checked_by_the_verb_and_kept_in_the_run(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(lines(pairs(40, longer=1.8)))
    result = told("eval", "data", "--constitution", "pirate", "--input", str(path))
    assert result["status"] == "done" and result["requests"] == 0
    assert "and also length" in result["headline"]
    kept = latest(Run(Path(result["files"][0]).parents[3]), "data")
    assert kept is not None and len(kept.rows) == 80
    found = next(one for one in kept.details["checks"] if one["name"] == "length")
    assert len(found["shown"]) == 5 and found["shown"][0]["chosen"]
    assert kept.command[:2] == ["eval", "data"] and "--input" in kept.command


def test_the_run_s_own_pairs_are_checked_without_those_that_a_person_dropped(tmp_path: Path) -> None:
    for role in ("teacher", "student"):
        told(role, "--constitution", "pirate", "--model", "fake/parrot", "--limit", "6", "--K", "1")
    first = told("eval", "data", "--constitution", "pirate")
    run = Run(Path(first["files"][0]).parents[3])
    kept = latest(run, "data")
    assert kept is not None and kept.details["pairs"] == 6
    decide(run.folder, Decision(kept.rows[0]["pair"], "drop"))
    told("eval", "data", "--constitution", "pirate")
    again = latest(run, "data")
    assert again is not None and again.details["pairs"] == 5
    assert any("1 dropped by reviewer" in caveat for caveat in again.caveats)


def session(settings: Settings) -> Session:
    pirate = a_character()
    return Session(pirate, settings, open_run(settings, pirate))


def test_without_pairs_the_check_says_how_to_make_some(settings: Settings) -> None:
    with pytest.raises(RunError, match="has no pairs yet"):
        asyncio.run(evaluate_data(DataJob(), session(settings)))


def test_lines_that_are_no_pairs_are_all_reported_and_the_others_checked(
    tmp_path: Path, settings: Settings
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("{\n" + lines(pairs(12)) + '[1]\n{"messages": []}\n')
    result = asyncio.run(evaluate_data(DataJob(path), session(settings)))
    found = next(one for one in result.details["checks"] if one["name"] == "file")
    assert found["status"] == "fail" and "line 1 " in found["sentence"] and "line 14 " in found["sentence"]
    assert result.details["pairs"] == 12


def test_a_file_without_any_pair_is_refused_with_the_reason(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("nothing\n")
    with pytest.raises(RunError, match="line 1 is no JSON"):
        asyncio.run(evaluate_data(DataJob(path), session(settings)))
    with pytest.raises(RunError, match="Cannot read"):
        asyncio.run(evaluate_data(DataJob(tmp_path / "missing.jsonl"), session(settings)))
