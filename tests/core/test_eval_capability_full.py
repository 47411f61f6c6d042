"""Full benchmarks: lm-eval gets the right words and no key in them, and its file is read honestly."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from core.cli import character as command_line
from core.environments import MANIFEST, environment_folder
from core.errors import ModelError, RunError, SettingsError
from core.evaluation.benchmarks import Benchmark, Score, Subject, cells_of, pooled, scores_of, words_of
from core.evaluation.results import BASE, TUNED, EvalResult
from core.names import ModelName
from core.settings import Settings, load_settings
from core.stages.evals.benchmark_subjects import BenchmarkJob, adapter_of, labels_of, subject_of
from core.stages.evals.benchmarks import commands, evaluate_benchmarks
from core.stages.evals.session import Session
from core.stages.evals.speakers import Cast
from core.store.jsonl import write_json
from core.store.library import Library
from core.store.runs import open_run

FAKE = Path(__file__).with_name("fake_lm_eval.py")
SERVER = ModelName("http", "small", "http://127.0.0.1:9/v1")
GROWN = ModelName("http", "grown", "http://127.0.0.1:9/v1")


def installed(settings: Settings) -> Path:
    """lm-eval, as `character setup lm-eval` would have left it."""
    folder = environment_folder(settings, "lm-eval")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    program = folder / "bin" / "lm-eval"
    program.write_text(f"#!{sys.executable}\n{FAKE.read_text(encoding='utf-8')}")
    program.chmod(0o755)
    fields: dict[str, Any] = {"name": "lm-eval", "build": "endpoints", "requirements": ["lm-eval[api]"]}
    fields |= {"versions": {"lm_eval": "0.4.13"}, "size": 1, "seconds": 1.0, "made_at": time.time()}
    write_json(folder / MANIFEST, fields)
    return folder


def session(data: Path) -> Session:
    settings = load_settings(data=data)
    pirate = Library(settings).load("pirate").constitution
    return Session(pirate, settings, open_run(settings, pirate))


def job(*tasks: str, cast: Cast | None = None, **more: Any) -> BenchmarkJob:
    who = cast or Cast(SERVER, tuned=GROWN, controls=(BASE,))
    return BenchmarkJob(who, Benchmark(tasks or ("gsm8k",), **more))


def run(one: BenchmarkJob, now: Session) -> EvalResult:
    return asyncio.run(evaluate_benchmarks(one, now, lambda line: None))


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "started.jsonl"
    monkeypatch.setenv("FAKE_LM_EVAL_RECORD", str(place))
    monkeypatch.setenv("FAKE_LM_EVAL_SCORES", '{"base": 0.5, "tuned": 0.4}')
    return place


def started(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []


def argv_of(row: dict[str, Any], flag: str) -> str:
    return row["argv"][row["argv"].index(flag) + 1]


# ---- without and with the environment


def test_without_its_environment_the_cure_is_named_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="character setup lm-eval"):
        run(job(), session(tmp_path))


def test_scores_of_both_speakers_come_back_with_their_errors(tmp_path: Path, record: Path) -> None:
    now = session(tmp_path)
    installed(now.settings)
    result = run(job("gsm8k"), now)
    base = result.find("correct", group="gsm8k", speaker=BASE)[0]
    moved = result.find("correct", group="gsm8k", speaker=TUNED, versus=BASE)[0]
    assert (base.value, base.n) == (0.5, 1319) and base.low == pytest.approx(0.473, abs=0.001)
    assert moved.value == pytest.approx(-0.1) and moved.excludes_zero and (moved.p or 1) < 0.001
    assert result.headline.startswith("It lost (-14 to -6 points): 40 % right in gsm8k")
    assert result.details["metrics"] == {"gsm8k": "exact_match,strict-match"}


def test_a_speaker_that_is_done_is_not_measured_again(tmp_path: Path, record: Path) -> None:
    installed(session(tmp_path).settings)
    first, second = run(job(), session(tmp_path)), run(job(), session(tmp_path))
    assert len(started(record)) == 2 and first.cells == second.cells
    run(job("gsm8k", limit=50), session(tmp_path))
    assert len(started(record)) == 4


def test_a_failed_speaker_is_run_again_and_the_finished_one_is_kept(
    tmp_path: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_LM_EVAL_DIES", "ConnectionError: Connection refused")
    monkeypatch.setenv("FAKE_LM_EVAL_DIES_AT", "tuned")
    now = session(tmp_path)
    installed(now.settings)
    with pytest.raises(RunError, match=r"Connection refused.*server answers.*output\.log"):
        run(job(), now)
    monkeypatch.delenv("FAKE_LM_EVAL_DIES")
    assert len(run(job(), session(tmp_path)).find("correct", group="gsm8k", speaker=TUNED)) == 1
    assert [Path(argv_of(row, "--output_path")).name for row in started(record)] == [BASE, TUNED, TUNED]


def test_tasks_that_score_options_on_a_chat_endpoint_are_told_with_their_cure(
    tmp_path: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "NotImplementedError: Loglikelihood is not supported for chat completions"
    monkeypatch.setenv("FAKE_LM_EVAL_DIES", said)
    now = session(tmp_path)
    installed(now.settings)
    with pytest.raises(RunError, match="--api completions"):
        run(job(), now)


def test_a_key_is_in_no_argument_and_only_in_the_one_variable_that_lm_eval_reads(
    tmp_path: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOGETHER_API_KEY", "secret-of-together")
    monkeypatch.setenv("OPENROUTER_API_KEY", "another-secret")
    now = session(tmp_path)
    installed(now.settings)
    there = ModelName("together", "some/model")
    run(job(cast=Cast(there, tuned=ModelName("together", "me/tuned"), controls=(BASE,))), now)
    first = started(record)[0]
    assert "secret" not in json.dumps(first["argv"]) and first["key"] == "secret-of-together"
    assert not [name for name in first["names"] if name.endswith("_API_KEY") and name != "OPENAI_API_KEY"]


def test_ctrl_c_ends_the_program_at_once_and_the_next_run_begins_it_again(
    tmp_path: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_LM_EVAL_HANGS", "1")
    now = session(tmp_path)
    installed(now.settings)

    async def stopped() -> int:
        started_at = asyncio.get_running_loop().create_future()

        def say(line: str) -> None:
            if line.startswith("pid ") and not started_at.done():
                loop.call_soon_threadsafe(started_at.set_result, int(line.split()[1]))

        loop = asyncio.get_running_loop()
        task = asyncio.create_task(evaluate_benchmarks(job(), now, say))
        pid = await started_at
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    assert not psutil.pid_exists(asyncio.run(stopped()))
    monkeypatch.delenv("FAKE_LM_EVAL_HANGS")
    assert run(job(), session(tmp_path)).find("correct", speaker=TUNED)


# ---- words


def test_the_words_are_those_that_lm_eval_takes() -> None:
    subject = Subject(TUNED, "chat", {"model": "m, with comma"}, {"lora": [{"id": 0, "scale": 0.5}]})
    words = words_of(["lm-eval"], subject, Benchmark(("gsm8k", "ifeval"), 20, 0), "out")
    told = dict(zip(words[2::2], words[3::2], strict=False))
    assert words[:2] == ["lm-eval", "run"] and told["--model"] == "local-chat-completions"
    assert json.loads(told["--model_args"]) == {"model": "m, with comma"}
    assert words[words.index("--num_fewshot") + 1] == "0" and words[words.index("--limit") + 1] == "20"
    assert json.loads(words[words.index("--gen_kwargs") + 1])["lora"][0]["scale"] == 0.5


def test_completions_get_no_chat_template_and_end_at_the_right_address(tmp_path: Path) -> None:
    one = BenchmarkJob(Cast(SERVER, tuned=GROWN), Benchmark(("arc_easy",)), "completions", "some/tokenizer")
    words = commands(one, session(tmp_path))[0]
    assert "--apply_chat_template" not in words
    args = json.loads(words[words.index("--model_args") + 1])
    assert args["base_url"] == "http://127.0.0.1:9/v1/completions" and args["tokenizer"] == "some/tokenizer"


def test_an_adapter_on_a_vllm_server_is_read_with_the_tokenizer_of_its_model(tmp_path: Path) -> None:
    cast = Cast(ModelName("vllm", "org/base"), adapters=("humor",))
    one, _ = subject_of(
        BenchmarkJob(cast, Benchmark(("mmlu",)), "completions"),
        TUNED,
        load_settings(data=tmp_path),
        "humor",
    )
    assert (one.args["model"], one.args["tokenizer"]) == ("humor", "org/base")


def test_weights_are_loaded_with_the_adapters_folder(tmp_path: Path) -> None:
    cast = Cast(ModelName("http", "org/base", "http://x/v1"), adapters=("/loras/mine",))
    one, _ = subject_of(
        BenchmarkJob(cast, Benchmark(("gsm8k",)), "hf"), TUNED, load_settings(data=tmp_path), "x"
    )
    assert one.args["pretrained"] == "org/base" and one.args["peft"] == "/loras/mine"


def test_weights_trained_anew_in_the_same_folder_are_another_adapter(tmp_path: Path) -> None:
    settings, weights = load_settings(data=tmp_path), tmp_path / "adapter_model.safetensors"
    cast = Cast(ModelName("http", "org/base", "http://x/v1"), adapters=(str(tmp_path),))
    found: list[str | None] = []
    for training in (b"once", b"again"):
        weights.write_bytes(training)
        found.append(adapter_of(cast, settings, "pirate"))
    assert None not in found and found[0] != found[1]


def test_what_lm_eval_cannot_measure_is_refused_before_anything_runs(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path)
    two = BenchmarkJob(Cast(SERVER, adapters=("a", "b")), Benchmark(("gsm8k",)))
    bare = BenchmarkJob(Cast(SERVER), Benchmark(("gsm8k",)))
    fake = BenchmarkJob(Cast(ModelName("fake", "parrot")), Benchmark(("gsm8k",)))
    unheard = BenchmarkJob(Cast(SERVER, strengths=(0.5,), tuned=GROWN), Benchmark(("gsm8k",)))
    for one, label in ((two, TUNED), (bare, TUNED), (fake, BASE), (unheard, TUNED)):
        with pytest.raises(SettingsError):
            subject_of(one, label, settings, "pirate")


def test_only_the_controls_are_measured_where_nothing_was_trained() -> None:
    assert labels_of(Cast(SERVER, adapters=("none",))) == [BASE]
    assert labels_of(Cast(SERVER, tuned=GROWN, controls=("neutral",))) == [TUNED]


# ---- results


def test_all_tasks_together_are_pooled_by_example_and_groups_do_not_count_twice(
    tmp_path: Path, record: Path
) -> None:
    now = session(tmp_path)
    installed(now.settings)
    result = run(job("mmlu", "gsm8k"), now)
    whole = result.find("correct", group="", speaker=BASE)[0]
    assert whole.n == 1319 + 135 + 166
    assert result.find("correct", group="mmlu", speaker=BASE)[0].n == 135 + 166
    assert result.find("correct", group="mmlu", speaker=BASE)[0].low is None


def test_a_pooled_error_is_that_of_one_sample_and_no_average() -> None:
    """Two halves of one sample of the same share: the error of the whole sample, within a hair."""
    error = math.sqrt(0.25 / 99)
    found = pooled([Score("a", "acc,none", 0.5, error, 100), Score("b", "acc,none", 0.5, error, 100)])
    assert found is not None and found.error == pytest.approx(math.sqrt(0.25 / 199), rel=0.01)
    assert found.error < error


def test_a_known_difference_is_within_its_interval() -> None:
    def one(value: float) -> list[Score]:
        return [Score("t", "acc,none", value, math.sqrt(value * (1 - value) / 999), 1000)]

    cell = cells_of({BASE: one(0.6), TUNED: one(0.55)})[-1]
    assert cell.low is not None and cell.high is not None and cell.low < -0.05 < cell.high


def test_eight_of_eight_right_is_not_certainty() -> None:
    cells = cells_of(
        {BASE: [Score("t", "acc,none", 1.0, 0.0, 8)], TUNED: [Score("t", "acc,none", 1.0, 0.0, 8)]}
    )
    assert cells[0].low is not None and cells[0].low < 0.8 and cells[0].high == 1
    assert not cells[-1].excludes_zero and cells[-1].low is not None and cells[-1].low < -0.1


@pytest.mark.parametrize("content", [None, [], {}, {"results": {}}, {"results": {"a": {"alias": "a"}}}])
def test_a_file_without_scores_is_refused(content: object) -> None:
    with pytest.raises(RunError):
        scores_of(content, source="results.json")


# ---- the command line


def test_the_verb_runs_keeps_and_tells(tmp_path: Path, record: Path) -> None:
    installed(load_settings(data=tmp_path))
    words = "eval capability --constitution pirate --full lm-eval --tasks gsm8k --limit 40 --json"
    server = ["--control", "base", "--model", SERVER.full, "--tuned", GROWN.full, "--data", str(tmp_path)]
    done = CliRunner().invoke(command_line, [*words.split(), *server])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["status"] == "done" and told["cells"][0]["n"] == 40 and Path(told["files"][0]).exists()


@pytest.mark.parametrize("extra", [["--tasks", "gsm8k"], ["--full", "lm-eval", "--budget", "1"]])
def test_flags_that_would_be_ignored_are_refused(tmp_path: Path, extra: list[str]) -> None:
    words = ["eval", "capability", "--constitution", "pirate", "--data", str(tmp_path), *extra]
    assert CliRunner().invoke(command_line, words).exit_code == 2


def test_a_dry_run_shows_the_commands_and_starts_nothing(tmp_path: Path, record: Path) -> None:
    installed(load_settings(data=tmp_path))
    words = "eval capability --constitution pirate --full lm-eval --tasks gsm8k --dry-run"
    server = ["--model", SERVER.full, "--tuned", GROWN.full, "--data", str(tmp_path)]
    done = CliRunner().invoke(command_line, [*words.split(), *server])
    assert done.exit_code == 0 and done.stdout.count("local-chat-completions") == 2 and not started(record)


def test_setup_shows_what_it_would_install(tmp_path: Path) -> None:
    done = CliRunner().invoke(command_line, ["setup", "lm-eval", "--dry-run", "--data", str(tmp_path)])
    assert done.exit_code == 0 and "lm-eval[api]==" in done.output
