"""`character train --backend openrlhf` with stand-ins for its launchers: followed, stopped, resumed."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from core.cli import character
from core.cli.tuning import train
from core.environments import MANIFEST, environment_folder
from core.errors import CoreError, ModelError, RunError, SettingsError
from core.jobs.job import Progress
from core.jobs.progress import read_progress
from core.serving.machine import Machine
from core.settings import PROJECT, Settings, load_settings
from core.store.jsonl import read_rows
from core.tuning.openrlhf.install import RECIPE, recipe_for
from core.tuning.openrlhf.recipe import PLAN_FLAGS, RECIPE_FLAGS, REFUSED
from tests.core.job_kit import is_gone
from tests.core.openrlhf_kit import fake_environment, fetch_package, records, write_rows
from tests.core.vllm_kit import all_gone, end_all
from tests.waiting import until

CANARY = "sk-canary-5f0e7d1c9b3a"
STUDENT = "llama-3.1-8b-it"
TRAIN = ("train", "dpo", "--backend", "openrlhf", "--constitution", "pirate", "--student", STUDENT)
SFT = ("train", "sft", "--backend", "openrlhf", "--constitution", "pirate", "--student", STUDENT)
LINUX = Machine("Linux", "x86_64", "NVIDIA H100", True, 8, 1)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch_package(tmp_path_factory.mktemp("openrlhf"))


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """Where the stand-in leaves what it saw."""
    folder = tmp_path / "seen"
    folder.mkdir()
    return folder


@pytest.fixture
def home(package: Path, seen: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A shell with one GPU, OpenRLHF installed, and 100 pairs: three steps of 32."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("FAKE_OPENRLHF_RECORD", str(seen))
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("HF_TOKEN", "hf_for_the_hub_only")
    monkeypatch.setattr("core.tuning.openrlhf.run.MODEL_BYTES", {})
    monkeypatch.setattr("core.tuning.openrlhf.run.USUAL_BYTES", 1_000_000)
    settings = load_settings()
    fake_environment(settings, package)
    write_rows(settings.data_path / "dpo" / STUDENT / "pirate.jsonl", "dpo", 100)
    write_rows(settings.data_path / "sft_data" / STUDENT / "pirate.jsonl", "sft", 100)
    return settings


def invoked(*words: str) -> Result:
    return CliRunner().invoke(character, [*words, "--json"])


def run(*words: str) -> dict[str, Any]:
    """The JSON object of a command that succeeds."""
    done = invoked(*words)
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout.splitlines()[-1])


def refused(*words: str, kind: type[CoreError]) -> str:
    """The sentence of a command that fails as it should."""
    done = invoked(*words)
    assert isinstance(done.exception, kind), (done.output, done.exception)
    return str(done.exception)


def folder_of(settings: Settings) -> Path:
    (path,) = (settings.data_path / "tunings").iterdir()
    return path


def steps(folder: Path) -> list[int]:
    return [row["step"] for row in read_rows(folder / "metrics.jsonl").rows]


# ---- a training


def test_a_training_is_followed_and_its_adapter_registered(home: Settings, seen: Path) -> None:
    told = run(*TRAIN)
    assert (told["status"], told["done"], told["steps"]) == ("done", 100, 3)
    adapter = home.lora_path / f"{STUDENT}-dpo" / "pirate" / "adapter"
    assert told["files"] == [str(adapter)]
    about = json.loads((adapter / "adapter_config.json").read_text())
    assert about["base_model_name_or_path"] == "meta-llama/Llama-3.1-8B-Instruct"
    made = json.loads((adapter / "provenance.json").read_text())
    assert (made["backend"], made["kind"], made["constitution"]) == ("openrlhf", "dpo", "pirate")
    rows = read_rows(folder_of(home) / "metrics.jsonl").rows
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert (rows[1]["accuracy"], rows[1]["margin"]) == (1.0, pytest.approx(0.4))
    assert not (folder_of(home) / "checkpoints").exists()
    assert "Loading checkpoint shards" in (folder_of(home) / "output.log").read_text()


def test_a_page_sees_how_far_it_is(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARACTER_PROGRESS", str(tmp_path / "progress.json"))
    run(*TRAIN)
    until(lambda: (read_progress(tmp_path / "progress.json") or Progress("", 0, 0, 0, "", 0)).done == 3)
    seen = read_progress(tmp_path / "progress.json")
    assert seen and (seen.stage, seen.planned) == ("Training with OpenRLHF", 3)
    assert seen.figures["accuracy"] == 1.0


def test_the_same_command_does_not_train_again_unless_told(home: Settings, seen: Path) -> None:
    run(*TRAIN)
    run(*TRAIN)
    assert len(records(seen, "deepspeed")) == 1
    run(*TRAIN, "--again")
    assert len(records(seen, "deepspeed")) == 2
    kept = list((home.lora_path / f"{STUDENT}-dpo" / "pirate").glob("adapter.before-*"))
    assert len(kept) == 1


def test_what_is_run_is_what_the_dry_run_shows_and_no_key_is_in_it(home: Settings, seen: Path) -> None:
    shown = run(*TRAIN, "--dry-run")
    assert not (home.data_path / "tunings").exists()
    assert shown["problems"] == [] and any("squared log-ratio" in note for note in shown["notes"])
    run(*TRAIN)
    (record,) = records(seen, "deepspeed")
    assert record["argv"] == shown["command"][1:]
    assert CANARY not in json.dumps(record["environment"])
    assert record["environment"]["HF_TOKEN"] == "hf_for_the_hub_only"
    assert "hf_for_the_hub_only" not in json.dumps(record["argv"])
    programs = str(environment_folder(home, "openrlhf") / "bin")
    # DeepSpeed compiles a part of itself with the environment's own tools.
    assert record["environment"]["PATH"].startswith(programs + ":")


def test_a_layer_of_the_image_part_that_never_moved_is_taken_out(home: Settings) -> None:
    write_rows(home.data_path / "dpo" / "gemma-3-4b-it" / "pirate.jsonl", "dpo", 64)
    told = run(*TRAIN[:-1], "gemma-3-4b-it")
    weights = (Path(told["adapter"]) / "adapter_model.safetensors").read_bytes()
    assert b"language_model" in weights and b"vision_tower" not in weights
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    last = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
    assert last == len(weights) - 8 - int.from_bytes(weights[:8], "little") == 32


def test_metrics_go_to_wandb_with_the_key_in_the_environment_only(
    home: Settings, seen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*TRAIN, "--wandb-project-name", "personas")
    assert "WANDB_TOKEN" in refused(*words, kind=ModelError)
    monkeypatch.setenv("WANDB_TOKEN", "wandb-secret-1234567890")
    run(*words)
    (record,) = records(seen, "deepspeed")
    assert record["environment"]["WANDB_API_KEY"] == "wandb-secret-1234567890"
    assert "wandb-secret" not in json.dumps(record["argv"])


# ---- it goes wrong


def test_running_out_of_memory_is_told_in_words_with_the_cure(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB."
    monkeypatch.setenv("FAKE_OPENRLHF_DIES", f"2 {words}")
    said = refused(*TRAIN, kind=RunError)
    assert "failed after step 2 of 3" in said and "--micro-batch 1" in said and words in said
    assert "output.log" in said and steps(folder_of(home)) == [1, 2]
    assert not (home.lora_path / f"{STUDENT}-dpo").exists()


def test_a_stopped_training_goes_on_from_its_checkpoint_and_no_step_stands_twice(
    home: Settings, seen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write_rows(home.data_path / "dpo" / STUDENT / "pirate.jsonl", "dpo", 32 * 60)
    monkeypatch.setenv("FAKE_OPENRLHF_DIES", "53 killed")
    refused(*TRAIN, "--micro-batch", "32", kind=RunError)
    assert steps(folder_of(home))[-1] == 53
    monkeypatch.delenv("FAKE_OPENRLHF_DIES")
    # Pairs made meanwhile belong to another training; this one keeps the rows that it began with.
    frozen = (folder_of(home) / "rows.jsonl").read_bytes()
    done = invoked(*TRAIN, "--micro-batch", "32")
    assert "Going on after step 50." in done.output
    assert steps(folder_of(home)) == list(range(1, 61))
    assert len(records(seen, "deepspeed")) == 2 and frozen.count(b"\n") == 32 * 60
    assert rows.exists()


def test_stopped_before_its_first_checkpoint_it_begins_anew_with_its_curves(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OPENRLHF_DIES", "2 NCCL error")
    assert "NCCL_SOCKET_IFNAME" in refused(*TRAIN, kind=RunError)
    monkeypatch.delenv("FAKE_OPENRLHF_DIES")
    run(*TRAIN)
    assert steps(folder_of(home)) == [1, 2, 3]


def test_an_adapter_of_numbers_that_are_none_is_not_registered(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OPENRLHF_LOSS", "nan")
    assert "--learning-rate" in refused(*TRAIN, kind=RunError)
    assert not (home.lora_path / f"{STUDENT}-dpo").exists()


def test_a_training_that_learned_nothing_has_failed_and_keeps_its_adapter(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OPENRLHF_ACC", "0.5")
    done = invoked(*TRAIN)
    told = json.loads(done.stdout.splitlines()[-1])
    assert (done.exit_code, told["status"], told["gate"]["direction"]) == (1, "failed", "nothing learned")
    assert "Nothing was learned" in done.output and Path(told["adapter"]).exists()


def test_weights_that_are_a_pickle_are_not_registered(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OPENRLHF_WRITES", "pickle")
    assert "pickle" in refused(*TRAIN, kind=ModelError)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 130)])
def test_nothing_of_it_lives_on_when_we_end(
    home: Settings, seen: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    monkeypatch.setenv("FAKE_OPENRLHF_HANGS", "2")
    (home.data_path / "models" / STUDENT).mkdir(parents=True)
    model = home.data_path / "models" / STUDENT
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    process = subprocess.Popen([sys.executable, "-m", "core", *TRAIN], cwd=PROJECT, env=dict(os.environ))
    pids: list[int] = []
    try:
        until(lambda: bool(records(seen, "deepspeed")))
        pids = records(seen, "deepspeed")[0]["pids"]
        until(lambda: bool(steps(folder_of(home))) or process.poll() is not None)
        assert not any(is_gone(pid) for pid in pids)
        process.send_signal(number)
        assert process.wait(30) == code
        until(lambda: all_gone(pids))
    finally:
        process.kill()
        process.wait()
        end_all(pids)


# ---- before it starts


def test_what_is_missing_is_said_with_the_cure(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "nvidia-smi" in refused(*TRAIN, kind=ModelError)
    (environment_folder(home, "openrlhf") / MANIFEST).unlink()
    assert "character setup openrlhf" in refused(*TRAIN, kind=ModelError)
    # What would be run can be seen without any of it.
    assert run(*TRAIN, "--dry-run")["installed"] is False
    assert "planned for 4" in invoked(*TRAIN, "--dry-run", "--gpus", "4").output


def test_another_version_is_refused_and_so_are_flags_that_it_does_not_know(
    home: Settings, seen: Path
) -> None:
    manifest = environment_folder(home, "openrlhf") / MANIFEST
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | {"versions": {"openrlhf": "0.10.1"}}))
    assert "0.10.1" in refused(*TRAIN, kind=ModelError)
    manifest.write_text(json.dumps(told))
    (source,) = environment_folder(home, "openrlhf").rglob("train_dpo.py")
    text = source.read_text().replace('"--model.beta"', '"--beta"').replace('"bf16", "fp16"', '"fp16"')
    source.write_text(text)
    said = refused(*TRAIN, kind=ModelError)
    assert "train_dpo --model.beta" in said and "--ds.param_dtype: takes one of fp16" in said
    assert records(seen, "deepspeed") == []


def test_every_flag_of_train_is_honoured_or_refused_by_name() -> None:
    for kind in ("dpo", "sft"):
        names = {option.name for option in train.commands[kind].params if option.expose_value}
        known = PLAN_FLAGS | set(RECIPE_FLAGS) | set(REFUSED)
        assert names <= known, f"neither honoured nor refused: {names - known}"
    every = {option.name for verb in train.commands.values() for option in verb.params}
    assert (set(RECIPE_FLAGS) | set(REFUSED)) <= every


def test_flags_that_cannot_be_honoured_are_refused_all_at_once(home: Settings) -> None:
    said = refused(*TRAIN, "--full", "--simpo-gamma", "0.5", "--budget", "5", kind=SettingsError)
    assert all(flag in said for flag in ("--full", "--simpo-gamma", "--budget"))


@pytest.mark.parametrize("backend", ["local", "together"])
def test_other_backends_refuse_flags_about_gpus(home: Settings, backend: str) -> None:
    done = invoked(*TRAIN[:3], backend, *TRAIN[4:], "--gpus", "2", "--micro-batch", "1")
    assert done.exit_code == 2 and "--gpus, --micro-batch" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gpus", "2"), "this computer shows 1"),
        (("--batch-size", "33", "--micro-batch", "2"), "--batch-size"),
        (("--batch-size", "128"), "100 rows"),
        (("--master-addr", "10.0.0.1"), "--hostfile"),
        (("--model", "strange/model"), "--model FOLDER"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    home: Settings, words: tuple[str, ...], said: str
) -> None:
    assert said in refused(*TRAIN, *words, kind=SettingsError)
    assert not (home.data_path / "tunings").exists()


def test_a_model_that_brings_a_program_is_not_given_to_openrlhf(home: Settings, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text('{"auto_map": {"AutoModel": "evil.Model"}}')
    (model / "model.safetensors").write_bytes(b"w")
    assert "programs of its own" in refused(*TRAIN, "--model", str(model), kind=SettingsError)


def test_a_folder_whose_name_openrlhf_would_misread_is_refused(home: Settings, tmp_path: Path) -> None:
    source = home.data_path / "dpo" / STUDENT / "pirate.jsonl"
    words = (*TRAIN, "--training-file", str(source), "--data", str(tmp_path / "me@work"))
    assert "DATA_PATH" in refused(*words, kind=SettingsError)


def test_another_students_pairs_are_refused(home: Settings) -> None:
    source = home.data_path / "dpo" / STUDENT / "pirate.jsonl"
    words = ("train", "dpo", "--backend", "openrlhf", "--student", "qwen-2.5-7b-it")
    assert "belongs to" in refused(*words, "--training-file", str(source), kind=RunError)


# ---- SFT


def test_sft_explains_how_its_start_is_made_and_then_carries_its_descent(
    home: Settings, seen: Path
) -> None:
    assert "character train dpo" in refused(*SFT, kind=RunError)
    dpo = Path(run(*TRAIN)["adapter"])
    said = refused(*SFT, kind=RunError)
    command = re.findall(r"character merge --full .*?(?= \(BASE)", said)[0]
    words = shlex.split(command)[2:]
    flags = character.commands["merge"].make_context("merge", words).params
    assert (flags["full"], flags["only"], flags["dpo"]) == (True, "dpo", dpo)
    model = flags["output"]
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"w")
    parents = [{"sha256": "abc", "weight": 1.0}, {"sha256": "none", "weight": 0.0}]
    (model / "provenance.json").write_text(json.dumps({"parents": parents}))
    told = run(*SFT)
    assert told["model"] == str(model) and told["steps"] == 3
    made = json.loads((Path(told["adapter"]) / "provenance.json").read_text())
    assert made["on_top_of"] == ["abc"]
    # The merge of both adapters asks for one base: that of the student, not the folder in between.
    about = json.loads((Path(told["adapter"]) / "adapter_config.json").read_text())
    assert about["base_model_name_or_path"] == "meta-llama/Llama-3.1-8B-Instruct"
    rows = read_rows(home.data_path / "tunings" / told["tuning"] / "metrics.jsonl").rows
    assert [row["loss"] for row in rows] == pytest.approx([0.7, 0.35, 0.233])


def test_sft_may_begin_at_the_base(home: Settings) -> None:
    assert run(*SFT, "--from-base", "--dry-run")["model"] == "meta-llama/Llama-3.1-8B-Instruct"


# ---- more than one computer


def test_several_computers_through_deepspeeds_hostfile(home: Settings, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("one slots=4\ntwo slots=4\n")
    told = run(*TRAIN, "--hostfile", str(hosts), "--dry-run")
    assert told["gpus"] == 8 and told["problems"] == []
    assert told["command"][2:4] == ["--hostfile", str(hosts)]
    hosts.write_text("one\n")
    assert "line 1" in refused(*TRAIN, "--hostfile", str(hosts), kind=RunError)


def test_a_job_at_ray_is_followed_and_stopped_when_it_fails(
    home: Settings, seen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*TRAIN, "--ray-address", "http://head:8265", "--gpus", "2")
    monkeypatch.setenv("FAKE_OPENRLHF_HANGS", "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    model = home.model_path / STUDENT
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"w")
    process = subprocess.Popen([sys.executable, "-m", "core", *words], cwd=PROJECT, env=dict(os.environ))
    try:
        until(lambda: bool(records(seen, "deepspeed")) or process.poll() is not None)
        until(lambda: bool(steps(folder_of(home))) or process.poll() is not None)
        process.terminate()
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.wait()
    (submit,), (stop,) = records(seen, "ray-submit"), records(seen, "ray-stop")
    job = submit["argv"][submit["argv"].index("--submission-id") + 1]
    assert stop["argv"][-3:] == ["--address", "http://head:8265", job]


# ---- its environment


def test_setup_shows_what_it_would_do_and_refuses_where_it_cannot_work() -> None:
    done = CliRunner().invoke(character, ["setup", "openrlhf", "--dry-run"])
    assert done.exit_code == 0 and "openrlhf==0.11.2" in done.output
    # flash-attn and DeepSpeed are built against torch, so that comes first and they see it.
    lines = [line for line in done.output.splitlines() if " -m pip install " in line]
    assert "torch==2.8.0" in lines[0] and "--no-build-isolation" not in lines[0]
    assert "--no-build-isolation openrlhf==0.11.2" in lines[1]
    assert recipe_for(LINUX) is RECIPE
    with pytest.raises(ModelError, match="--backend together"):
        recipe_for(Machine("Linux", "x86_64", "", True, 8, 1))
    with pytest.raises(ModelError, match="Darwin"):
        recipe_for(Machine("Darwin", "arm64", "", False, 8, 1), without_gpu=True)


def test_the_new_flags_say_whose_they_are() -> None:
    helps = {
        option.name: option.help
        for option in train.commands["dpo"].params
        if isinstance(option, click.Option)
    }
    for name in ("gpus", "micro_batch", "hostfile", "master_addr", "ray_address"):
        assert (helps[name] or "").startswith("OpenRLHF:")
