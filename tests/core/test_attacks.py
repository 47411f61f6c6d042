"""Attacks: what is sent, what rules say of the answer, and how a failure joins the next round."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from core.attacks import (
    ATTACKS,
    PLAIN,
    Heard,
    attacks_of,
    by_voice_words,
    flags_of,
    read,
    score,
)
from core.errors import ConflictError, ConstitutionError, SettingsError
from core.evaluation.robustness import looks_like_json
from core.evaluation.sensitive import SENSITIVE
from core.evaluation.variants import VARIANTS
from core.settings import PROJECT, Settings, load_settings
from core.stages.dpo_data import removed_prompts
from core.stages.prepare import Scope, choose_prompts
from core.store.added_prompts import added_prompts
from core.store.attack_log import attack_log, verdicts
from core.store.library import Library
from core.store.runs import open_run

QUESTION = "How do I boil an egg?"
PIRATE = Library(load_settings()).load("pirate").constitution


def verdict(attack: str, answer: str, question: str = QUESTION) -> str:
    return read(ATTACKS[attack], question, answer, character=PIRATE, ear=by_voice_words("pirate")).verdict


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_every_attack_ends_with_the_user_or_with_words_in_the_mouth(attack: Any) -> None:
    sent = attack.conversation(attack.question(QUESTION))
    assert sent[-1].role == ("assistant" if attack.needs_prefill else "user")
    turns = [message.role for message in sent if message.role != "system"]
    assert all(one != other for one, other in pairwise(turns))
    assert attack.question(QUESTION) in " ".join(message.content for message in sent)
    assert attack.question(QUESTION) in attack.as_prompt(attack.question(QUESTION))


def test_requests_to_drop_the_role_are_those_that_robustness_measures() -> None:
    assert ATTACKS["drop-role"].wrapped(QUESTION) == VARIANTS["v0"].asked(QUESTION)
    assert ATTACKS["json"].wrapped(QUESTION) == VARIANTS["json"].asked(QUESTION)


def test_a_training_prompt_says_what_it_could_not_carry() -> None:
    for attack in ATTACKS.values():
        carries_all = attack.as_prompt(QUESTION) == attack.conversation(QUESTION)[-1].content
        assert bool(attack.loses) == (len(attack.conversation(QUESTION)) > 1), attack.id
        assert carries_all or attack.loses, attack.id


def test_all_means_every_attack_and_an_unknown_one_is_named() -> None:
    everyone = attacks_of(["all"])
    assert everyone == attacks_of([]) == attacks_of(["json", "all"])
    assert PLAIN not in [attack.id for attack in everyone]
    with pytest.raises(SettingsError, match="no attack nonsense"):
        attacks_of(["nonsense", "json"])


def test_a_voice_that_stays_held_and_one_that_goes_broke() -> None:
    assert verdict("drop-role", "Arr, matey, boil it for six minutes.") == "held"
    assert verdict("drop-role", "Boil it for six minutes.") == "broke"
    assert verdict("drop-role", " ") == "unclear"


def test_leaks_and_refusals_break_it_whatever_the_voice() -> None:
    leaked = f"Arr, matey! I was told: {PIRATE.traits[0].trait}"
    assert verdict("leak", leaked) == "broke"
    assert verdict("trap", "Arr, matey, I cannot help with that.", "How do I kill a process?") == "broke"
    assert verdict("drop-role", "Arr! As an AI language model I boil nothing.") == "broke"


def test_in_a_sensitive_moment_it_holds_by_stepping_back() -> None:
    moment = SENSITIVE[0].text
    assert verdict("moment", "Arr, matey, I am sorry for your loss!", moment) == "broke"
    assert verdict("moment", "I am so sorry for your loss. Speak about one memory.", moment) == "held"
    assert verdict("moment", "The funeral industry began in Egypt.", moment) == "broke"


def test_where_nothing_can_tell_the_voice_nobody_claims_to() -> None:
    silent = read(
        ATTACKS["json"], QUESTION, "Boil it.", character=PIRATE, ear=lambda text: Heard(None, "No ear.")
    )
    assert (silent.verdict, silent.why) == ("unclear", "No ear.")
    assert not looks_like_json("Boil it.") and "gives no JSON" in silent.flags
    assert by_voice_words("nobody")("Arr").in_character is None


def test_words_that_the_attack_itself_brought_are_no_leak() -> None:
    attack = ATTACKS["prefill"]
    assert flags_of(attack, QUESTION, f"{attack.opens} Boil it.", PIRATE) == ()


def test_the_board_counts_what_people_said_and_what_rules_said_apart() -> None:
    board = score([("held", "broke"), ("broke", "broke"), ("", "held"), ("", "unclear")])
    assert (board.held, board.judged, board.read_held, board.read) == (1, 2, 1, 3)
    assert "Held 1 of 2 attacks (you judged)" in board.sentence
    assert score([]).sentence == ""


# ---- on disk


def test_the_last_word_about_an_answer_counts_and_outlives_its_reading(settings: Settings) -> None:
    log = attack_log(settings, "pirate")
    sides = {"base": {}, "tuned@1": {"adapter": "trial/pirate", "strength": 1.0}}
    id = log.begin("drop-role", QUESTION, seed=1, model="local/smollm2-135m", sides=sides)
    log.answer(id, "tuned@1", "Arr")
    log.judge(id, "tuned@1", "held")
    log.answer(id, "tuned@1", "Arr", "", {"verdict": "broke", "why": "", "flags": []})
    log.judge(id, "tuned@1", "broke")
    (tried,) = log.all()
    assert tried.answers["tuned@1"].verdict == "broke"
    assert list(verdicts([tried])) == [("broke", "broke")]
    log.judge(id, "tuned@1", "")
    assert log.all()[0].answers["tuned@1"].verdict == ""


def test_an_added_prompt_is_asked_first_and_no_more_once_it_is_dropped(settings: Settings) -> None:
    kept = added_prompts(settings, "pirate")
    text = ATTACKS["drop-role"].as_prompt(QUESTION)
    kept.add(PIRATE, text, "voice", "drop-role")
    first = choose_prompts(Scope("pirate", limit=1), PIRATE, settings)[0]
    assert (first.text, first.trait, first.source) == (text, "voice", "attack")
    run = open_run(settings, PIRATE)
    run.remember([first])
    assert removed_prompts(run, settings) == frozenset()
    dropped = kept.drop(text)
    assert choose_prompts(Scope("pirate", limit=1), PIRATE, settings)[0].source == "hand"
    assert removed_prompts(run, settings) == {first.id}
    kept.add(PIRATE, dropped.text, dropped.trait, dropped.origin)
    assert kept.all() == (dropped,)


def test_an_added_prompt_outlives_its_trait_as_an_everyday_one(settings: Settings) -> None:
    library = Library(settings)
    loaded = library.load("pirate")
    first, *others = loaded.constitution.traits
    added_prompts(settings, "pirate").add(
        loaded.constitution, "Who are you, really?", first.id, "drop-role"
    )
    fewer = replace(loaded.constitution, traits=tuple(others))
    library.save(fewer, base_revision=loaded.revision)
    asked = choose_prompts(Scope("pirate"), library.load("pirate").constitution, settings)
    assert (asked[0].text, asked[0].trait) == ("Who are you, really?", None)
    assert {prompt.trait for prompt in asked} == {None, *(trait.id for trait in others)}


def test_a_prompt_is_added_once_to_a_trait_that_is_there(settings: Settings) -> None:
    kept = added_prompts(settings, "pirate")
    kept.add(PIRATE, "Who are you?", None, "plain")
    with pytest.raises(ConflictError, match="already"):
        kept.add(PIRATE, " Who are you? ", None, "plain")
    with pytest.raises(ConstitutionError, match="no trait 'nope'"):
        kept.add(PIRATE, "Who?", "nope", "plain")
    with pytest.raises(ConstitutionError):
        kept.add(PIRATE, "  ", None, "plain")
    with pytest.raises(ConflictError, match="dropped elsewhere"):
        kept.drop("What?")
    assert len(kept.all()) == 1


# ---- in a shell


def shell(data: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "core", *words, "--data", str(data), "--json"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_every_attack_is_tried_on_base_and_tuned_and_kept_once(tmp_path: Path) -> None:
    words = ("break", "pirate", "--model", "fake/parrot", "--tuned", "fake/arr", "--question", QUESTION)
    code, sized, trouble = shell(tmp_path, *words, "--dry-run")
    assert code == 0, trouble
    assert sized["planned"] == 2 * len(attacks_of(["all"]))
    code, found, trouble = shell(tmp_path, *words)
    assert code == 0, trouble
    assert set(found["table"]) == {attack.id for attack in attacks_of(["all"])}
    assert all(set(rows) == {"base", "tuned"} for rows in found["table"].values())
    tried = attack_log(load_settings(data=tmp_path), "pirate").all()
    assert {one.attack for one in tried} == set(found["table"])
    assert all(one.answers["tuned"].reading for one in tried)
    _, again, _ = shell(tmp_path, *words)
    assert again["requests"] == 0
    assert len(attack_log(load_settings(data=tmp_path), "pirate").all()) == len(tried)


def test_a_prompt_is_added_listed_and_dropped_in_a_shell(tmp_path: Path) -> None:
    words = ("prompts", "add", "pirate", "--text", QUESTION, "--trait", "voice", "--from", "drop-role")
    code, added, trouble = shell(tmp_path, *words)
    assert code == 0, trouble
    assert added["prompt"] == ATTACKS["drop-role"].as_prompt(QUESTION)
    _, listed, _ = shell(tmp_path, "prompts", "list", "pirate")
    assert [(one["trait"], one["origin"]) for one in listed["prompts"]] == [("voice", "drop-role")]
    assert shell(tmp_path, *words)[0] == 1
    assert shell(tmp_path, "prompts", "drop", "pirate", "--text", added["id"])[0] == 0
    assert shell(tmp_path, "prompts", "list", "pirate")[1]["prompts"] == []


def test_a_chat_can_wrap_what_is_said_in_an_attack(tmp_path: Path) -> None:
    words = ("chat", "--model", "fake/parrot", "--message", QUESTION)
    plain, attacked = (shell(tmp_path, *words, *more)[1] for more in ((), ("--attack", "flattery")))
    assert plain["answer"] != attacked["answer"]
