"""Trainings as pages show them, and what is checked before one begins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from core.store.decisions import Decision, decide
from core.store.library import Library
from core.store.runs import open_run
from core.tuning.preflight import Check, Preflight, Wish, preflight
from core.tuning.presets import PRESETS, numbers_of, steps_of
from core.tuning.trainings import newest, trainings

STUDENT = "smollm2-135m"


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = value if isinstance(value, list) else [value]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def place(settings: Settings, kind: str = "dpo") -> Path:
    return settings.lora_path / f"{STUDENT}-{kind}" / "pirate"


def about(identity: str, began: float, **more: Any) -> dict[str, Any]:
    return {"identity": identity, "began": began, "recipe": "trial", "settings": {}, "rows": 8, **more}


def result(identity: str, *, passed: bool = True) -> dict[str, Any]:
    gate = {"passed": passed, "sentence": "It is so."}
    return {"identity": identity, "adapter_sha256": identity, "gate": gate, "laps": {"train": 9.0}}


def steps(count: int) -> list[dict[str, Any]]:
    return [
        {"step": step, "loss": 1 / step, "margin": 0.5 * step, "accuracy": 1.0}
        for step in range(1, count + 1)
    ]


# ---- trainings


def test_a_training_under_way_and_one_before_it_are_told_apart(settings: Settings) -> None:
    now = place(settings)
    write(now / "training.json", about("b", 200.0, steps=4, settings={"batch": 2}))
    write(now / "metrics.jsonl", steps(3))
    write(now / "result.json", result("a"))
    write(now / "earlier" / "100-a" / "training.json", about("a", 100.0))
    write(now / "earlier" / "100-a" / "metrics.jsonl", steps(5))
    write(now / "earlier" / "100-a" / "result.json", result("a"))
    running, before = trainings(settings, "pirate")
    assert running.verdict is None and running.adapter is None
    assert (len(running.points), running.steps, running.batch) == (3, 4, 2)
    assert before.verdict is not None and before.verdict.sentence == "It is so."
    assert (len(before.points), before.batch, before.laps) == (5, 4, {"train": 9.0})
    assert newest(settings, "pirate", "local", "dpo") == running
    assert newest(settings, "pirate", "local", "sft") is None


def test_an_adapter_belongs_to_the_training_that_made_it_until_a_later_one_replaces_it(
    settings: Settings,
) -> None:
    now = place(settings)
    write(now / "training.json", about("b", 200.0))
    write(now / "earlier" / "100-a" / "training.json", about("a", 100.0))
    write(now / "earlier" / "100-a" / "result.json", result("a"))
    write(now / "adapter" / "provenance.json", {"adapter_sha256": "a"})
    assert [one.adapter for one in trainings(settings, "pirate")] == [None, now / "adapter"]
    write(now / "result.json", result("b"))
    write(now / "adapter" / "provenance.json", {"adapter_sha256": "b"})
    assert [one.adapter for one in trainings(settings, "pirate")] == [now / "adapter", None]


def test_damaged_files_are_no_curves_and_never_an_error(settings: Settings) -> None:
    now = place(settings)
    write(now / "training.json", [1])
    write(now / "result.json", {"gate": "yes", "laps": [3]})
    lines = ["nonsense", "[1]", '{"step": "x"}', '{"step": 2, "loss": NaN, "margin": true}', '{"step": 1']
    (now / "metrics.jsonl").write_text("\n".join(lines))
    [found] = trainings(settings, "pirate")
    assert [(point.step, point.loss, point.margin) for point in found.points] == [(2, None, None)]
    assert found.verdict is None


def test_a_step_that_was_made_again_after_a_kill_counts_once(settings: Settings) -> None:
    write(place(settings) / "metrics.jsonl", [{"step": 1, "loss": 2.0}, {"step": 1, "loss": 1.0}])
    [found] = trainings(settings, "pirate")
    assert [(point.step, point.loss) for point in found.points] == [(1, 1.0)]


def test_presets_name_every_number_and_steps_are_rounded_up() -> None:
    assert all(set(numbers_of(*preset)) == set(numbers_of("dpo", "paper")) for preset in PRESETS)
    assert steps_of(9, 4, 2) == 6


def test_a_training_with_openrlhf_is_read_from_its_own_folder(settings: Settings) -> None:
    folder = settings.data_path / "tunings" / "pirate-dpo-llama"
    told = {"kind": "dpo", "constitution": "pirate", "student": "llama-3.1-8b-it", "began": 5.0, "steps": 9}
    write(folder / "training.json", told)
    write(folder / "metrics.jsonl", steps(2))
    [running] = trainings(settings, "pirate")
    assert (running.backend, running.steps, len(running.points)) == ("openrlhf", 9, 2)
    assert running.verdict is None
    write(folder / "result.json", {"gate": {"passed": False, "sentence": "Nothing was learned."}})
    [ended] = trainings(settings, "pirate")
    assert ended.verdict is not None and not ended.verdict.passed
    assert trainings(settings, "loving") == []


def test_a_record_from_elsewhere_that_makes_no_sense_is_no_training(settings: Settings) -> None:
    run = open_run(settings, Library(settings).load("pirate").constitution)
    for number, odd in enumerate([[1], {"backend": "local"}, {"backend": "together", "kind": "../x"}]):
        write(run.folder / "trainings" / f"together--{number}" / "training.json", odd)
    assert trainings(settings, "pirate") == []
    gate = {"passed": True, "sentence": " "}
    fits = {"backend": "together", "kind": "dpo", "began": "soon", "own": 3, "gate": gate}
    write(run.folder / "trainings" / "together--x" / "training.json", fits)
    [found] = trainings(settings, "pirate")
    assert (found.id, found.began, found.own, found.verdict) == ("together/x", 0.0, {}, None)


# ---- preflight


def pair(number: int) -> dict[str, Any]:
    user = {"role": "user", "content": f"Question {number}?"}
    sides = {"chosen": f"Arr {number}!", "rejected": f"Answer {number}."}
    return {side: [user, {"role": "assistant", "content": text}] for side, text in sides.items()}


def pairs(settings: Settings, count: int = 8, **manifest: Any) -> Path:
    path = settings.data_path / "dpo" / STUDENT / "pirate.jsonl"
    write(path, [pair(number) for number in range(count)])
    made = {"student": f"local/{STUDENT}", "created": 50.0} | manifest
    write(path.with_suffix(".manifest.json"), made)
    return path


def wish(**more: Any) -> Wish:
    return Wish(
        **({"constitution": "pirate", "backend": "local", "kind": "dpo", "student": STUDENT} | more)
    )


def said(found: Preflight, standing: str) -> list[Check]:
    return [check for check in found.checks if check.standing == standing]


def test_fresh_pairs_may_be_trained_on(settings: Settings) -> None:
    character = Library(settings).load("pirate").constitution
    pairs(settings, constitution_sha256=character.content_hash)
    found = preflight(wish(batch=4), settings)
    assert not found.blocked and found.rows == 8
    assert "8 pairs to learn from." in [check.text for check in said(found, "good")]
    # That they are few is said, with the way to more, and hinders nothing.
    assert [check.page for check in said(found, "note") if "Few pairs" in check.text] == ["pairs"]


def test_missing_pairs_block_and_name_the_page_that_makes_them(settings: Settings) -> None:
    found = preflight(wish(), settings)
    assert found.blocked
    [missing] = [check for check in found.checks if "no file of pairs" in check.text]
    assert missing.page == "pairs"


def test_every_bad_row_is_named_and_shown(settings: Settings) -> None:
    path = pairs(settings)
    lines = path.read_text().splitlines()
    lines[6] = '{"chosen": "not a list"}'
    path.write_text("\n".join(lines))
    found = preflight(wish(), settings)
    assert found.blocked
    [bad] = [check for check in said(found, "stop") if check.rows]
    assert bad.rows[0][0].startswith("Line 7: ")
    assert bad.rows[0][1] == '{"chosen": "not a list"}'


def test_pairs_of_another_student_block(settings: Settings) -> None:
    pairs(settings, student="openrouter/z-ai/glm-4.5-air")
    assert any("another student" in check.text for check in said(preflight(wish(), settings), "stop"))


def test_a_changed_character_and_later_decisions_are_said_and_do_not_block(settings: Settings) -> None:
    character = Library(settings).load("pirate").constitution
    run = open_run(settings, character)
    pairs(settings, constitution_sha256="other")
    found = preflight(wish(), settings)
    assert any("was changed since" in check.text for check in said(found, "note"))
    pairs(settings, constitution_sha256=character.content_hash, run=run.id)
    decide(run.folder, Decision("p1", "drop", at=60.0))
    found = preflight(wish(), settings)
    assert any("decided on 1 pair since" in check.text for check in said(found, "note"))
    assert not found.blocked


def test_too_few_rows_for_a_step_block_only_where_nothing_would_be_trained(settings: Settings) -> None:
    pairs(settings, 3)
    here = preflight(wish(batch=4), settings)
    assert not here.blocked and any("fewer than one step" in check.text for check in said(here, "note"))
    away = preflight(wish(backend="together", batch=32), settings)
    assert any("fewer than one step" in check.text for check in said(away, "stop"))


def test_together_needs_its_key(settings: Settings) -> None:
    found = preflight(wish(backend="together"), settings)
    assert any("no key of Together" in check.text and check.page == "settings" for check in found.checks)


def test_openrlhf_needs_its_environment(settings: Settings) -> None:
    found = preflight(wish(backend="openrlhf"), settings)
    assert any("OpenRLHF is not installed" in check.text for check in said(found, "stop"))


def test_a_full_disk_blocks(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil._ntuple_diskusage(10, 9, 1)  # type: ignore[attr-defined]
    monkeypatch.setattr("core.tuning.preflight.shutil.disk_usage", lambda place: full)
    assert any("nearly full" in check.text for check in said(preflight(wish(), settings), "stop"))
