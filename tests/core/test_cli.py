"""The command line: exit codes, the JSON line, and errors worded for people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import PROJECT, load_settings
from tests.stand_in import Reply, StandIn


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`character WORDS` in a process of its own."""
    command = [sys.executable, "-m", "core", *words]
    env = dict(os.environ) | environment
    return subprocess.run(
        command, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def result(done: subprocess.CompletedProcess[str]) -> dict:  # type: ignore[type-arg]
    return json.loads(done.stdout.splitlines()[-1])


FAKE = ("--model", "fake/parrot", "--json")


def test_teacher_student_and_dpo_data_end_in_a_valid_file_and_a_second_run_asks_nothing(
    tmp_path: Path,
) -> None:
    for verb in ("teacher", "student"):
        done = run(verb, "--constitution", "pirate", "--limit", "24", "--K", "1", *FAKE)
        assert done.returncode == 0, done.stderr
        assert (result(done)["done"], result(done)["requests"]) == (24, 24)
        assert (
            result(run(verb, "--constitution", "pirate", "--limit", "24", "--K", "1", *FAKE))["requests"]
            == 0
        )
    done = run("dpo-data", "--constitution", "pirate", "--json")
    written = result(done)
    assert (written["planned"], written["verb"], written["status"]) == (24, "dpo-data", "done")
    path = tmp_path / "data" / "dpo" / "parrot" / "pirate.jsonl"
    assert str(path) in written["files"]
    assert all(set(json.loads(line)) == {"chosen", "rejected"} for line in path.read_text().splitlines())
    again = run(
        "pipeline",
        "pirate",
        "--teacher",
        "fake/parrot",
        "--student",
        "fake/parrot",
        "--limit",
        "24",
        "--K",
        "1",
        "--json",
    )
    assert (result(again)["requests"], result(again)["files"][-3]) == (0, written["files"][-3])


def test_a_dry_run_sends_nothing_and_writes_nothing(tmp_path: Path) -> None:
    with StandIn() as server:
        done = run(
            "teacher",
            "--constitution",
            "pirate",
            "--model",
            server.name,
            "--limit",
            "5",
            "--K",
            "2",
            "--dry-run",
            "--json",
        )
        assert (done.returncode, result(done)["calls"], server.requests) == (0, 10, [])
    assert not (tmp_path / "data" / "runs").exists()


def test_some_failed_rows_are_exit_3_and_the_next_run_retries_only_those() -> None:
    refused = Reply(400, {"error": {"message": "no such luck"}})
    with StandIn(lambda n, body: refused if n == 3 else "Arr, a fine answer, matey.") as server:
        words = (
            "teacher",
            "--constitution",
            "pirate",
            "--model",
            server.name,
            "--limit",
            "6",
            "--K",
            "1",
            "--json",
        )
        first = run(*words)
        assert (first.returncode, result(first)["status"], result(first)["failed"]) == (3, "incomplete", 1)
        second = run(*words)
        assert (second.returncode, result(second)["requests"]) == (0, 1)


def test_a_wrong_key_stops_at_once_after_one_request_and_is_in_no_output() -> None:
    denied = Reply(401, {"error": {"message": "bad key sk-canary-123456789"}})
    with StandIn(lambda n, body: denied) as server:
        done = run(
            "teacher",
            "--constitution",
            "pirate",
            "--limit",
            "20",
            "--model",
            "openrouter/some/model",
            OPENROUTER_BASE_URL=server.url,
            OPENROUTER_API_KEY="sk-canary-123456789",
        )
        assert (done.returncode, len(server.requests)) == (1, 1)
    assert "Check OPENROUTER_API_KEY" in done.stderr
    assert "canary" not in done.stdout + done.stderr
    everything = b"".join(
        path.read_bytes() for path in load_settings().data_path.rglob("*") if path.is_file()
    )
    assert b"canary" not in everything


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("teacher", "--constitution", "nobody", *FAKE), "there is no character of this name"),
        (("teacher", "--constitution", "../x", *FAKE), "x"),
        (
            ("teacher", "--constitution", "pirate", "--model", "unknown-model", "--provider", "nowhere"),
            "Unknown provider",
        ),
        (("teacher", "--constitution", "pirate", "--model", "local/none"), "There is no embedded model"),
        (("teacher", "--constitution", "pirate", "--model", "openai/gpt-x"), "OpenAI needs a key"),
        (
            ("teacher", "--constitution", "pirate", "--model", "http://127.0.0.1:9/v1#m", "--limit", "1"),
            "no server answers",
        ),
        (("dpo-data", "--constitution", "pirate"), "make them first"),
        (("jobs", "show", "nothing"), "nothing"),
        (("constitution", "import", "/no/such/file.json"), "no such file"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_1(words: tuple[str, ...], said: str) -> None:
    done = run(*words)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_flag_is_exit_2() -> None:
    assert run("teacher", "--constitution", "pirate", "--no-such-flag").returncode == 2


def test_prompts_from_a_file_replace_the_characters_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("Why is the sky blue?\n\nWhat is rain?\nWhy is the sky blue?\n")
    done = run("teacher", "--constitution", "pirate", "--prompts", str(path), "--K", "1", *FAKE)
    assert result(done)["done"] == 2
    path.write_text('{"prompt": "a"}\n{"text": 5}\n{broken\n')
    done = run("teacher", "--constitution", "pirate", "--prompts", str(path), *FAKE)
    assert (done.returncode, "line 2" in done.stderr, "line 3" in done.stderr) == (1, True, True)


def test_oct_files_round_trip_through_import_and_export(tmp_path: Path) -> None:
    assert run("constitution", "export", "pirate", "--to", str(tmp_path / "out")).returncode == 0
    array, few_shot = tmp_path / "out/hand-written/pirate.txt", tmp_path / "out/few-shot/pirate.jsonl"
    shipped = [
        json.loads(line)
        for line in (PROJECT / "constitutions/few-shot/pirate.jsonl").read_text().splitlines()
    ]
    assert [json.loads(line) for line in few_shot.read_text().splitlines()] == shipped
    few_shot.rename(tmp_path / "corsair.jsonl")
    assert run("constitution", "import", str(tmp_path / "corsair.jsonl")).returncode == 0
    assert run("constitution", "export", "corsair", "--to", str(tmp_path / "back")).returncode == 0
    assert [
        json.loads(line) for line in (tmp_path / "back/few-shot/corsair.jsonl").read_text().splitlines()
    ] == shipped
    assert json.loads((tmp_path / "back/hand-written/corsair.txt").read_text()) == json.loads(
        array.read_text()
    )


def test_review_from_the_shell_drops_keeps_and_undoes() -> None:
    run(
        "pipeline",
        "pirate",
        "--teacher",
        "fake/parrot",
        "--student",
        "fake/parrot",
        "--limit",
        "12",
        "--K",
        "1",
    )
    listed = result(run("review", "pirate", "--json"))["pairs"]
    chosen = next(pair["id"] for pair in listed if not pair["dropped"])
    assert run("review", "pirate", "--drop", chosen, "--reason", "dull").returncode == 0
    assert (
        result(run("dpo-data", "--constitution", "pirate", "--json"))["dropped"]["dropped by reviewer"] == 1
    )
    assert run("review", "pirate", "--undo", chosen).returncode == 0
    assert (
        "dropped by reviewer"
        not in result(run("dpo-data", "--constitution", "pirate", "--json"))["dropped"]
    )
    assert run("review", "pirate", "--drop", "unknown").returncode == 1


def test_the_pipeline_asks_both_sides_equally_often_and_its_dry_run_adds_up() -> None:
    words = (
        "pipeline",
        "pirate",
        "--teacher",
        "openrouter/z-ai/glm-4.5-air",
        "--limit",
        "24",
        "--dry-run",
        "--json",
    )
    planned = result(run(*words, OPENROUTER_API_KEY="sk-canary-123456789"))
    assert (planned["planned"], planned["calls"]) == (48, 48)
    assert planned["completion_tokens"] == 24 * 4096 + 24 * 512


def test_a_failure_also_ends_in_the_json_line_that_was_asked_for() -> None:
    done = run("teacher", "--constitution", "nobody", *FAKE)
    assert (result(done)["status"], result(done)["verb"]) == ("failed", "teacher")


def test_a_character_of_oct_comes_in_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "sarcasm.txt"
    path.write_text(json.dumps([{"trait": "I am dry.", "questions": ["What now?"]}]))
    assert "already" in run("constitution", "import", str(path)).stderr
    assert run("constitution", "import", str(path), "--name", "dry-wit").returncode == 0


def test_distillation_rows_stand_there_after_teacher_and_student(tmp_path: Path) -> None:
    for verb in ("teacher", "student"):
        run(verb, "--constitution", "pirate", "--limit", "3", "--K", "1", *FAKE)
    rows = [
        json.loads(line) for line in (tmp_path / "data/distillation/pirate.jsonl").read_text().splitlines()
    ]
    assert [set(row) for row in rows] == [{"prompt", "response", "parrot"}] * 3
