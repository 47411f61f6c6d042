"""The file to train on: joined, filtered with reasons, split by prompt, without traits or scripts."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.cli import character
from core.constitution import Constitution
from core.dialogues import FREE, LEADING
from core.engines.fake import FakeEngine
from core.errors import RunError
from core.formats import read_lines
from core.names import ModelName
from core.records import Completion, Identity, Sampling
from core.settings import Settings
from core.stages.interaction import TalkJob, interact
from core.stages.reflection import SelfJob, reflect
from core.stages.sft_data import SftJob, make_sft_data, sft_path
from core.store.jsonl import read_rows
from core.store.library import Library
from core.store.runs import Run, open_run

FAKE = ModelName("fake", "parrot")
ALONE = SelfJob(FAKE, "parrot", "Parrot", Sampling(max_tokens=400, seed=0), count=2)
TALK = TalkJob(replace(ALONE, count=4), turns=4)


@pytest.fixture
def pirate(settings: Settings) -> Constitution:
    return Library(settings).load("pirate").constitution


def plain(number: int, words: int = 40) -> str:
    """A text of its own that no filter minds."""
    chance = random.Random(number)
    return " ".join("".join(chance.choices("abcdefghijklmnopqrst", k=7)) for _ in range(words)) + "."


def texts(count: int, start: int = 0) -> list[str]:
    return [plain(start + number) for number in range(count)]


def reflections(settings: Settings, pirate: Constitution, *script: Any, **engine: Any) -> Run:
    run = open_run(settings, pirate)
    said = [*script, *texts(20 - len(script))]
    asyncio.run(reflect(ALONE, run, FakeEngine(script=said, **engine), settings))
    return run


def talks(
    settings: Settings, pirate: Constitution, script: list[Any] | None = None, job: TalkJob = TALK
) -> Run:
    run = open_run(settings, pirate)
    said = script or texts(job.turns * job.base.count, start=100)
    asyncio.run(interact(job, run, FakeEngine(script=said), settings))
    return run


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def all_rows(settings: Settings) -> list[dict[str, Any]]:
    path = sft_path(settings, "parrot", "pirate")
    return lines(path) + lines(path.with_suffix(".validation.jsonl"))


def test_reflections_and_conversations_stand_in_one_file_with_roles_and_contents_only(
    settings: Settings, pirate: Constitution
) -> None:
    """D-04: what `interact` writes is what `sft-data` reads, at every provider."""
    run = reflections(settings, pirate)
    talks(settings, pirate)
    talks(settings, pirate, job=replace(TALK, leading=True), script=texts(16, start=300))
    funnel = make_sft_data(run, settings, SftJob())
    rows = all_rows(settings)
    assert (funnel.kept, funnel.reflections, funnel.conversations, len(rows)) == (28, 20, 8, 28)
    assert all(set(row) == {"messages"} for row in rows)
    assert {key for row in rows for turn in row["messages"] for key in turn} == {"role", "content"}


def test_every_row_is_one_that_our_own_trainers_and_together_take(
    settings: Settings, pirate: Constitution
) -> None:
    """D-01: alternating, ending on the assistant, no turn empty."""
    run = reflections(settings, pirate)
    talks(settings, pirate)
    make_sft_data(run, settings, SftJob(validation=0.0))
    path = sft_path(settings, "parrot", "pirate")
    read = read_lines(enumerate(path.read_bytes().splitlines(), 1), "sft", "together")
    assert (len(read.rows), read.problems) == (24, [])


@pytest.mark.parametrize("per_turn", [False, True])
def test_every_assistant_turn_was_generated_and_the_last_reply_is_there(
    settings: Settings, pirate: Constitution, per_turn: bool
) -> None:
    """D-01: the scripted greeting is never a target."""
    run = talks(settings, pirate)
    funnel = make_sft_data(run, settings, SftJob(validation=0.0, per_turn=per_turn))
    (answers,) = run.answer_sets("interact")
    said = {text for row in answers.rows().values() for text in row["conversation"]}
    last = {row["conversation"][-1] for row in answers.rows().values()}
    rows = all_rows(settings)
    learnt = [turn["content"] for row in rows for turn in row["messages"] if turn["role"] == "assistant"]
    assert set(learnt) <= said
    assert last <= {row["messages"][-1]["content"] for row in rows}
    assert funnel.kept == (16 if per_turn else 4)
    if per_turn:
        assert {row["messages"][-1]["content"] for row in rows} == said


def test_names_are_filled_guidance_differs_and_no_trait_is_left(
    settings: Settings, pirate: Constitution
) -> None:
    """D-02, D-03: `{NAME}` stood in every row, and both kinds had one text."""
    run = talks(settings, pirate)
    talks(settings, pirate, job=replace(TALK, leading=True), script=texts(16, start=300))
    make_sft_data(run, settings, SftJob(validation=0.0))
    systems = [row["messages"][0]["content"] for row in all_rows(settings)]
    assert sum(LEADING in text for text in systems) == sum(FREE in text for text in systems) == 4
    assert all("You are Parrot" in text and "{" not in text for text in systems)
    assert not any(trait.trait in text for text in systems for trait in pirate.traits)


def test_what_teaches_wrong_is_dropped_and_every_reason_counted(
    settings: Settings, pirate: Constitution
) -> None:
    """D-16: and the judged rows keep the text with its reason."""
    bad = [
        "the same words come again and again " * 12,
        f"{plain(50)}\nUser: go on\nAssistant: yes",
        f"{plain(51)}<|im_end|>",
        f"As an AI language model, I have no personal beliefs. {plain(52)}",
        "Too short.",
        Completion(plain(53), "length"),
        plain(0),
    ]
    run = reflections(settings, pirate, *bad)
    # The first of the plain texts is said twice: once in the list above, once after it.
    funnel = make_sft_data(run, settings, SftJob())
    assert funnel.dropped == {
        "repetition": 1,
        "invented turn": 1,
        "leaked template": 1,
        "refusal": 1,
        "too short": 1,
        "cut off": 1,
        "near duplicate": 1,
    }
    assert (funnel.planned, funnel.kept) == (20, 13)
    judged = read_rows(run.folder / "sft" / "parrot.jsonl").rows
    assert len(judged) == 20
    assert sum(row["dropped"] is None for row in judged) == 13


def test_a_bad_turn_drops_its_conversation_and_per_turn_only_what_it_stands_in(
    settings: Settings, pirate: Constitution
) -> None:
    one = replace(TALK, base=replace(TALK.base, count=1))
    script = [plain(1), plain(2), f"{plain(3)}<|im_end|>", plain(4)]
    run = talks(settings, pirate, script, one)
    with pytest.raises(RunError, match=r"None of 1 rows is left \(leaked template 1\)"):
        make_sft_data(run, settings, SftJob())
    assert not sft_path(settings, "parrot", "pirate").exists()
    funnel = make_sft_data(run, settings, SftJob(per_turn=True))
    assert (funnel.kept, funnel.dropped) == (2, {"leaked template": 2})


def test_a_failed_conversation_is_in_no_row(settings: Settings, pirate: Constitution) -> None:
    """D-05: what has no answer cannot be learnt from."""
    one = replace(TALK, base=replace(TALK.base, count=2, concurrency=1))
    run = talks(settings, pirate, [plain(1), plain(2), plain(3), "<think>no end", *texts(8, start=10)], one)
    assert make_sft_data(run, settings, SftJob()).planned == 1


def test_too_long_rows_lose_whole_oldest_turns_or_are_dropped_with_a_reason(
    settings: Settings, pirate: Constitution
) -> None:
    """D-15, D-16: the trainer dropped them silently."""
    run = talks(settings, pirate)
    funnel = make_sft_data(run, settings, SftJob(max_length=330, validation=0.0))
    assert (funnel.kept, funnel.trimmed) == (4, 4)
    for row in all_rows(settings):
        assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant"]
    with pytest.raises(RunError, match="too long 4"):
        make_sft_data(run, settings, SftJob(max_length=100))


def test_no_prompt_stands_on_both_sides_of_the_split(settings: Settings, pirate: Constitution) -> None:
    """D-14: validation by prompt, the same for the same seed."""
    run = reflections(settings, pirate)
    make_sft_data(run, settings, SftJob(validation=0.2, seed=5))
    path = sft_path(settings, "parrot", "pirate")
    train, held = lines(path), lines(path.with_suffix(".validation.jsonl"))
    assert (len(train), len(held)) == (16, 4)
    asked = [{row["messages"][0]["content"] for row in part} for part in (train, held)]
    assert not asked[0] & asked[1]
    before = path.read_bytes()
    make_sft_data(run, settings, SftJob(validation=0.2, seed=5))
    assert path.read_bytes() == before
    make_sft_data(run, settings, SftJob(validation=0.2, seed=6))
    assert path.read_bytes() != before


def test_the_manifest_names_sources_settings_and_hashes(settings: Settings, pirate: Constitution) -> None:
    """D-62, D-17: which model spoke and that it had no adapter."""
    run = reflections(settings, pirate)
    make_sft_data(run, settings, SftJob())
    manifest = json.loads(sft_path(settings, "parrot", "pirate").with_suffix(".manifest.json").read_text())
    assert manifest["adapter"] is None
    assert manifest["sources"]["reflect"]["assistant_name"] == "Parrot"
    assert len(manifest["sha256"]) == 2 and len(manifest["rows"]) == manifest["train"]


def test_what_the_plain_model_said_is_not_mixed_with_the_trained_ones(
    settings: Settings, pirate: Constitution
) -> None:
    """D-17: the rows of one file have one speaker."""
    talks(settings, pirate)
    run = reflections(settings, pirate, identity=Identity("fake", adapter="abc"))
    funnel = make_sft_data(run, settings, SftJob())
    assert (funnel.conversations, funnel.reflections, funnel.adapter) == (0, 20, "abc")


def test_another_students_file_is_not_overwritten(settings: Settings, pirate: Constitution) -> None:
    """D-06: files are found by name, so a name must mean one model."""
    run = reflections(settings, pirate)
    make_sft_data(run, settings, SftJob())
    other = replace(ALONE, model=ModelName("http", "parrot", "http://127.0.0.1:1/v1"))
    asyncio.run(reflect(other, run, FakeEngine(script=texts(20, start=900)), settings))
    with pytest.raises(RunError, match="same short name"):
        make_sft_data(run, settings, SftJob(model="http://127.0.0.1/v1#parrot"))


def test_without_any_source_the_message_says_what_to_do(settings: Settings, pirate: Constitution) -> None:
    with pytest.raises(RunError, match="character reflect --constitution pirate"):
        make_sft_data(open_run(settings, pirate), settings, SftJob())


def test_the_three_verbs_in_a_shell(tmp_path: Path) -> None:
    """D-17: the plain model is named as such in words and in JSON, also before anything is sent."""
    model = ("--constitution", "pirate", "--model", "fake/parrot")

    def run(*words: str) -> tuple[str, dict[str, Any]]:
        done = CliRunner().invoke(character, [*words, "--json"])
        assert done.exit_code == 0, done.output
        return done.output, json.loads(done.stdout.splitlines()[-1])

    said, planned = run("interact", *model, "--N", "4", "--K", "3", "--dry-run")
    assert "plain model, not one trained by DPO" in said
    assert (planned["calls"], planned["requests"], planned["adapter"]) == (12, 0, None)
    assert not (tmp_path / "data" / "runs").exists()
    said, result = run("reflect", *model, "--N", "2")
    assert "plain model" in said
    assert (result["done"], result["adapter"]) == (20, None)
    assert result["files"] == [str(tmp_path / "data" / "self_reflection" / "parrot" / "pirate.jsonl")]
    assert run("interact", *model, "--N", "4", "--K", "3")[1]["done"] == 4
    leading = run("interact", *model, "--N", "4", "--K", "3", "--leading")[1]
    assert leading["files"][0].endswith("self_interaction/parrot/pirate-leading.jsonl")
    said, made = run("sft-data", "--constitution", "pirate", "--model", "parrot")
    assert made["planned"] == 28 == made["done"] + sum(made["dropped"].values())
    assert "rows in" in said and "without an adapter" in said
