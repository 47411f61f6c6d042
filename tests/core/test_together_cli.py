"""The same button in a shell and as a job of the studio: real processes, killed and cancelled for real."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("together")
pytest.importorskip("zstandard")

from core.cli import character
from core.cli.tuning import BACKENDS
from core.jobs import Jobs
from core.settings import PROJECT, Settings, load_settings
from core.tuning.state import tunings
from tests.core.job_kit import ended, until
from tests.core.test_together_training import STUDENT, write_pairs
from tests.together_server import BASE, TogetherServer

TRAIN = ("train", "dpo", "--backend", "together", "--constitution", "pirate", "--student", STUDENT)


@pytest.fixture
def server() -> Iterator[TogetherServer]:
    with TogetherServer() as found:
        yield found


@pytest.fixture
def home(server: TogetherServer, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The environment of a shell whose Together is the stand-in, with 40 pairs."""
    monkeypatch.setenv("TOGETHER_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("TOGETHER_API_KEY", server.key)
    settings = load_settings()
    write_pairs(settings, 40)
    return settings


def run(*words: str, code: int = 0) -> dict[str, Any]:
    """The JSON object of a command run in this process."""
    done = CliRunner().invoke(character, [*words, "--json"])
    assert done.exit_code == code, (done.output, done.exception)
    return json.loads(done.stdout.splitlines()[-1])


def shell(*words: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    argv = [sys.executable, "-m", "core", *words, "--poll", "0.02", "--json"]
    return subprocess.Popen(
        argv, cwd=PROJECT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    out, errors = process.communicate(timeout=120)
    return process.returncode, json.loads(out.splitlines()[-1]), out + errors


def test_the_command_says_what_it_did(server: TogetherServer, home: Settings, tmp_path: Path) -> None:
    told = run(*TRAIN, "--budget", "5", "--poll", "0", "--output", str(tmp_path / "outcome.json"))
    assert (told["verb"], told["status"], told["done"], told["cost_usd"]) == ("train dpo", "done", 40, 4.1)
    assert told["files"] == [str(home.lora_path / f"{STUDENT}-dpo" / "pirate")]
    assert json.loads((tmp_path / "outcome.json").read_text())["job"] == "ft-1"
    listed = run("train", "list")["tunings"]
    assert [(row["tuning"], row["state"]) for row in listed] == [(told["tuning"], "registered")]
    shown = run("train", "show", told["tuning"])
    assert "Training started" in [event["message"] for event in shown["events"]]


def test_a_dry_run_sends_nothing_and_leaves_nothing(server: TogetherServer, home: Settings) -> None:
    told = run(*TRAIN, "--dry-run")
    assert (told["planned"], told["settings"]["batch_size"]) == (40, 32)
    assert not server.seen and not tunings(home)


def test_above_the_limit_nothing_starts_until_resumed_with_more(
    server: TogetherServer, home: Settings
) -> None:
    told = run(*TRAIN, "--budget", "1", "--poll", "0", code=3)
    assert (told["state"], told["price_usd"]) == ("priced", 4.2)
    assert not server.created
    done = run("train", "resume", told["tuning"], "--budget", "4.20", "--poll", "0")
    assert done["state"] == "registered"


def test_another_suffix_is_no_reason_to_pay_again(server: TogetherServer, home: Settings) -> None:
    first = run(*TRAIN, "--suffix", "one", "--yes", "--poll", "0")
    done = CliRunner().invoke(character, [*TRAIN, "--suffix", "two", "--yes", "--poll", "0"])
    assert "keeps that name" in done.output and first["job"] == "ft-1"
    assert len(server.created) == 1


def test_octs_own_words_are_understood(server: TogetherServer, home: Settings, tmp_path: Path) -> None:
    source = tmp_path / "humor.jsonl"
    source.write_bytes((home.data_path / "dpo" / STUDENT / "pirate.jsonl").read_bytes())
    words = ["train", "dpo", "--backend", "together", "--training-file", str(source), "--model", BASE]
    words += shlex.split(
        """--method dpo --purpose fine-tune --file-type jsonl --n-epochs 2 --n-checkpoints 2
        --batch-size max --learning-rate 5e-6 --warmup-ratio 0.1 --dpo-beta 0.2 --rpo-alpha 0.3
        --dpo-normalize-logratios-by-length --lora-r 32 --lora-alpha 64 --lora-dropout 0.05
        --lora-trainable-modules q_proj,v_proj --suffix mine --yes --poll 0"""
    )
    told = run(*words)
    assert told["files"] == [str(home.lora_path / f"{STUDENT}-dpo" / "humor")]
    body = server.created[0].json
    assert (body["batch_size"], body["n_epochs"], body["n_checkpoints"]) == ("max", 2, 2)
    assert body["training_type"]["lora_trainable_modules"] == "q_proj,v_proj"
    assert body["training_method"]["dpo_normalize_logratios_by_length"] is True
    assert body["suffix"].startswith("mine-")


def test_a_file_that_is_at_together_already_needs_no_upload(server: TogetherServer, home: Settings) -> None:
    server.files["file-old"] = {"file_name": "old.jsonl", "checksum": "x", "looks": 0}
    told = run(*TRAIN, "--training-file-id", "file-old", "--yes", "--poll", "0")
    assert server.created[0].json["training_file"] == "file-old"
    assert told["state"] == "registered" and not server.calls("POST", "/v1/files")


def test_a_validation_file_is_sent_and_measured_on(
    server: TogetherServer, home: Settings, tmp_path: Path
) -> None:
    other = tmp_path / "held-out.jsonl"
    rows = (home.data_path / "dpo" / STUDENT / "pirate.jsonl").read_text().splitlines()
    other.write_text("\n".join(rows[:5]))
    run(*TRAIN, "--validation-file", str(other), "--yes", "--poll", "0")
    body = server.created[0].json
    assert (body["training_file"], body["validation_file"], body["n_evals"]) == ("file-1", "file-2", 5)


def test_a_whole_model_is_trained_but_not_downloaded(server: TogetherServer, home: Settings) -> None:
    told = run(*TRAIN, "--full", "--yes", "--poll", "0")
    assert (told["status"], told["state"], told["files"]) == ("done", "trained", [])
    assert server.created[0].json["training_type"] == {"type": "Full"}
    assert not server.calls("GET", "/v1/finetune/download")


def test_metrics_are_logged_elsewhere_only_when_asked_and_the_key_is_no_word(
    server: TogetherServer, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_TOKEN", "wandb-canary-123456")
    run(*TRAIN, "--yes", "--poll", "0")
    assert "wandb_key" not in server.created[0].json
    run(*TRAIN, "--again", "--wandb-project-name", "pirates", "--yes", "--poll", "0")
    body = server.created[1].json
    assert (body["wandb_key"], body["wandb_project_name"]) == ("wandb-canary-123456", "pirates")
    for path in (home.data_path / "tunings").rglob("*"):
        assert path.is_dir() or b"canary" not in path.read_bytes()


@pytest.mark.parametrize("flag", ["--api-key", "--wandb-api-key"])
def test_a_key_in_a_command_is_refused(home: Settings, flag: str) -> None:
    done = CliRunner().invoke(character, [*TRAIN, flag, "sk-secret-123456"])
    assert done.exit_code == 2 and "Engines and keys" in " ".join(done.output.split())
    assert "sk-secret" not in done.output


def test_only_what_is_built_is_offered(home: Settings) -> None:
    done = CliRunner().invoke(character, ["train", "dpo", "--backend", "abacus"])
    assert done.exit_code == 2
    assert all(name in done.output for name in BACKENDS)


def test_killed_while_the_job_is_being_made_the_next_run_finds_it(
    server: TogetherServer, home: Settings
) -> None:
    server.creating = ["made, then hang"]
    process = shell(*TRAIN, "--yes")
    until(lambda: server.jobs)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    server.release.set()
    (left,) = tunings(home)
    assert (left.state, left.job_id) == ("confirmed", None) and left.create_sent_at
    code, told, _ = finished(shell(*TRAIN, "--yes"))
    assert (code, told["state"], told["job"]) == (0, "registered", "ft-1")
    assert (len(server.jobs), len(server.created)) == (1, 1)


def test_ctrl_c_ends_the_watching_and_not_the_job(server: TogetherServer, home: Settings) -> None:
    server.statuses = ["running"] * 100_000
    process = shell(*TRAIN, "--yes")
    until(lambda: server.calls("GET", "/v1/fine-tunes/ft-1/metrics"))
    process.send_signal(signal.SIGINT)
    code, told, said = finished(process)
    assert (code, told["status"]) == (130, "interrupted")
    assert "goes on at Together" in said and not server.jobs["ft-1"].cancelled
    told = run("train", "cancel", tunings(home)[0].id)
    assert told["state"] == "cancelled" and server.jobs["ft-1"].cancelled


def test_a_cancelled_job_of_the_studio_ends_at_together_too(server: TogetherServer, home: Settings) -> None:
    server.statuses = ["running"] * 100_000
    jobs = Jobs(home)
    argv = [sys.executable, "-m", "core", *TRAIN, "--yes", "--poll", "0.02"]
    job = jobs.start(argv, verb="train", title="Train pirate", token="")
    until(lambda: server.calls("GET", "/v1/fine-tunes/ft-1/metrics"), within_s=60)
    until(lambda: (jobs.get(job.id).progress or job.progress) is not None)
    jobs.cancel(job.id)
    assert ended(jobs, job).state == "cancelled"
    assert server.jobs["ft-1"].cancelled
    assert tunings(home)[0].state == "cancelled"
    assert server.key not in jobs.log_tail(job.id)
