"""The one button against a Together of ours, through its real SDK: one job, never two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("together")
pytest.importorskip("zstandard")

from core.errors import CoreError, EngineError, JobError, RunError, SettingsError
from core.formats import Kind
from core.jobs import ProgressReporter
from core.settings import Settings, load_settings
from core.tuning.prepare import Asked, begin, plan_of
from core.tuning.recipe import recipe_of
from core.tuning.state import Store, Tuning, read_tuning, tunings
from core.tuning.together import STEPS, cancel, drive, settle
from core.tuning.together.trainer import Consent, Patience, Trainer
from core.tuning.together_remote import Remote
from tests.core.job_kit import until
from tests.together_server import BASE, TogetherServer, adapter_files, limits, packed

STUDENT = "llama-3.1-8b-it"


@pytest.fixture
def server() -> Iterator[TogetherServer]:
    with TogetherServer() as found:
        yield found


def settings_for(server: TogetherServer, folder: Path, **more: str) -> Settings:
    environment = {"TOGETHER_BASE_URL": f"{server.url}/v1", "TOGETHER_API_KEY": server.key, **more}
    return load_settings(environment, folder=folder)


@pytest.fixture
def home(server: TogetherServer, tmp_path: Path) -> Settings:
    """Settings that point at the stand-in, with 40 pairs and 40 conversations of pirate."""
    settings = settings_for(server, tmp_path)
    write_pairs(settings, 40)
    return settings


def write_pairs(settings: Settings, count: int, name: str = "pirate") -> None:
    def pair(number: int) -> dict[str, Any]:
        user = {"role": "user", "content": f"Question {number}?"}
        sides = {"chosen": f"Arr {number}!", "rejected": f"Answer {number}."}
        return {side: [user, {"role": "assistant", "content": text}] for side, text in sides.items()}

    pairs = [pair(number) for number in range(count)]
    talks = [{"messages": row["chosen"]} for row in pairs]
    for folder, rows in (("dpo", pairs), ("sft_data", talks)):
        path = settings.data_path / folder / STUDENT / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def asked(kind: Kind = "dpo", wishes: dict[str, Any] | None = None, **more: Any) -> Asked:
    recipe = recipe_of(kind, "paper", wishes or {})
    return replace(Asked(kind, recipe, constitution="pirate", student=STUDENT), **more)


YES = Consent(yes=True)


def trainer_of(
    tuning: Tuning, store: Store, settings: Settings, consent: Consent = YES, **patience: Any
) -> Trainer:
    """A trainer that never waits: every pause returns at once."""
    remote = Remote(settings, timeout_s=10, create_timeout_s=patience.pop("create_timeout_s", 10))
    return Trainer(tuning, store, remote, settings, consent, Patience(**{"sleep": nothing} | patience))


def nothing(seconds: float) -> None:
    return None


def train(settings: Settings, wish: Asked | None = None, consent: Consent = YES, **patience: Any) -> Tuning:
    """What the command does, in this process: plan, begin, run under the lock."""
    tuning, store = begin(plan_of(wish or asked(), settings), settings)
    with store.locked():
        return drive(trainer_of(read_tuning(settings, tuning.id), store, settings, consent, **patience))


def only(settings: Settings) -> Tuning:
    (found,) = tunings(settings)
    return found


# ---- when all goes well


def test_one_command_goes_from_pairs_to_a_registered_adapter(
    server: TogetherServer, home: Settings
) -> None:
    done = train(home)
    assert (done.state, done.job_id, done.cost_usd) == ("registered", "ft-1", 4.1)
    folder = home.lora_path / f"{STUDENT}-dpo" / "pirate"
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "provenance.json",
        "tokenizer.json",
    ]
    told = json.loads((folder / "provenance.json").read_text())
    assert (told["job"], told["student"], told["rows"]) == ("ft-1", STUDENT, 40)
    assert told["training_sha256"] == server.files["file-1"]["checksum"]
    assert len(server.created) == 1
    (tuning,) = (home.data_path / "tunings").iterdir()
    assert not (tuning / "adapter.archive").exists()


def test_the_job_is_asked_for_with_the_papers_numbers(server: TogetherServer, home: Settings) -> None:
    done = train(home)
    body = server.created[0].json
    assert body["model"] == BASE
    assert (body["batch_size"], body["n_epochs"], body["learning_rate"]) == (32, 1, 5e-5)
    assert (body["warmup_ratio"], body["max_seq_length"]) == (0.1, 1024)
    assert body["lr_scheduler"]["lr_scheduler_args"]["min_lr_ratio"] == 0.1
    assert body["training_method"]["dpo_beta"] == body["training_method"]["rpo_alpha"] == 0.1
    assert (body["training_type"]["lora_r"], body["training_type"]["lora_alpha"]) == (64, 128)
    assert body["suffix"] == done.tag and len(done.tag) <= 40
    sent = [json.loads(line) for line in server.files["file-1"]["content"].splitlines()]
    assert sent[0] == {
        "input": {"messages": [{"role": "user", "content": "Question 0?"}]},
        "preferred_output": [{"role": "assistant", "content": "Arr 0!"}],
        "non_preferred_output": [{"role": "assistant", "content": "Answer 0."}],
    }


def test_what_together_cannot_do_is_said_before_anything_is_sent(home: Settings) -> None:
    notes = " ".join(plan_of(asked(), home).tuning.notes)
    assert "KL" in notes and "not deployed as an endpoint" in notes


def test_a_second_run_of_the_same_command_sends_nothing(server: TogetherServer, home: Settings) -> None:
    train(home)
    before = len(server.seen)
    assert train(home).state == "registered"
    assert len(server.seen) == before


def test_again_makes_a_second_job_on_purpose(server: TogetherServer, home: Settings) -> None:
    first = train(home)
    second = train(home, asked(again=True))
    assert (len(server.created), first.job_id, second.job_id) == (2, "ft-1", "ft-2")
    assert first.mark != second.mark
    kept = list((home.lora_path / f"{STUDENT}-dpo").glob("pirate.before-*/provenance.json"))
    assert [json.loads(path.read_text())["job"] for path in kept] == ["ft-1"]


def test_events_and_curves_arrive_once_each(server: TogetherServer, home: Settings, tmp_path: Path) -> None:
    tuning, store = begin(plan_of(asked(), home), home)
    trainer = trainer_of(tuning, store, home)
    trainer.reporter = ProgressReporter(tmp_path / "progress.json")
    drive(trainer)
    told = [row["message"] for row in store.events() if row["kind"] == "together"]
    assert told == ["Job is pending", "Training started", "Checkpoint saved"]
    assert [row["step"] for row in store.metrics()] == [1, 2, 3]
    history = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["train/loss"] for line in history] == [1, 0.5, 1 / 3]


def test_sft_goes_on_with_the_dpo_job(server: TogetherServer, home: Settings) -> None:
    with pytest.raises(JobError, match="Train DPO first"):
        plan_of(asked("sft"), home)
    train(home)
    done = train(home, asked("sft"))
    body = server.created[1].json
    assert body["from_checkpoint"] == "ft-1"
    assert "model" not in body and "training_type" not in body
    assert body["training_method"] == {"method": "sft", "train_on_inputs": "auto"}
    assert done.adapter == str(home.lora_path / f"{STUDENT}-sft" / "pirate")


def test_sft_may_begin_at_the_base(server: TogetherServer, home: Settings) -> None:
    train(home, asked("sft", from_base=True))
    assert server.created[0].json["model"] == BASE


def test_a_number_that_the_dpo_job_decided_is_refused_not_ignored(home: Settings) -> None:
    with pytest.raises(SettingsError, match="--lora-r"):
        plan_of(asked("sft", {"lora_r": 16}, from_checkpoint="ft-1"), home)


# ---- never two jobs


def test_a_create_that_times_out_after_the_job_exists_makes_one_job(
    server: TogetherServer, home: Settings
) -> None:
    server.creating = ["made, then hang"]

    def job_is_there(seconds: float) -> None:
        if server.created:
            until(lambda: bool(server.jobs))

    done = train(home, create_timeout_s=1, sleep=job_is_there)
    assert (done.state, done.job_id, len(server.jobs), len(server.created)) == ("registered", "ft-1", 1, 1)


def test_a_server_error_after_creating_makes_one_job(server: TogetherServer, home: Settings) -> None:
    server.creating, server.list_lags = ["made, then 500"], 3
    assert train(home).job_id == "ft-1"
    assert (len(server.jobs), len(server.created)) == (1, 1)


def test_a_job_that_the_list_shows_late_is_found_by_the_next_run(
    server: TogetherServer, home: Settings
) -> None:
    server.creating, server.list_lags = ["made, then 500", "made"], 5
    with pytest.raises(EngineError, match="looks again before it asks") as caught:
        train(home, lookups=2)
    assert caught.value.maybe_billed
    assert only(home).state == "confirmed" and only(home).create_sent_at
    assert train(home).job_id == "ft-1"
    assert (len(server.jobs), len(server.created)) == (1, 1)


def test_a_listed_job_without_a_name_is_known_by_our_file(server: TogetherServer, home: Settings) -> None:
    server.creating, server.lists_names = ["made, then 500"], False
    train(home)
    assert (len(server.jobs), len(server.created)) == (1, 1)


def test_a_create_that_never_arrived_is_sent_again_only_by_the_next_run(
    server: TogetherServer, home: Settings
) -> None:
    server.creating = ["500", "made"]
    with pytest.raises(EngineError, match="did not confirm"):
        train(home)
    assert len(server.created) == 1
    assert train(home).state == "registered"
    assert (len(server.jobs), len(server.created)) == (1, 2)


def test_a_lost_data_folder_finds_the_job_by_its_tag(
    server: TogetherServer, home: Settings, tmp_path: Path
) -> None:
    train(home)
    elsewhere = settings_for(server, tmp_path / "other")
    write_pairs(elsewhere, 40)
    assert train(elsewhere).job_id == "ft-1"
    assert len(server.jobs) == 1


def test_a_refusal_is_no_doubt_and_nothing_is_looked_up(server: TogetherServer, home: Settings) -> None:
    server.creating = ["402 no funds", "made"]
    with pytest.raises(EngineError, match="Add credit"):
        train(home)
    assert only(home).create_sent_at is None
    assert train(home).state == "registered"


# ---- killed anywhere


class Killed(BaseException):
    """Stands for kill -9: nothing of ours catches it."""


@pytest.mark.parametrize("number", range(1, 16))
def test_killed_at_any_write_of_the_state_it_goes_on_and_makes_one_job(
    server: TogetherServer, home: Settings, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    writes = 0
    save = Store.save

    def deadly(self: Store, tuning: Tuning) -> None:
        nonlocal writes
        writes += 1
        if writes == number:
            raise Killed
        save(self, tuning)

    monkeypatch.setattr(Store, "save", deadly)
    try:
        train(home)
    except Killed:
        monkeypatch.setattr(Store, "save", save)
        assert train(home).state == "registered"
    assert (len(server.jobs), len(server.created)) == (1, 1)


@pytest.mark.parametrize("state", STEPS)
def test_killed_inside_any_step_it_goes_on_and_makes_one_job(
    server: TogetherServer, home: Settings, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    step = STEPS[state]

    def deadly(trainer: Trainer) -> None:
        step(trainer)
        raise Killed

    monkeypatch.setitem(STEPS, state, deadly)
    with pytest.raises(Killed):
        train(home)
    monkeypatch.setitem(STEPS, state, step)
    assert train(home).state == "registered"
    assert (len(server.jobs), len(server.created)) == (1, 1)


def test_two_processes_cannot_drive_one_training(home: Settings) -> None:
    tuning, store = begin(plan_of(asked(), home), home)
    with store.locked(), pytest.raises(RunError, match="Another job"), store.locked():
        pass
    assert tuning.state == "validated"


# ---- the price


def test_without_a_yes_it_stops_at_the_price_and_goes_on_when_agreed(
    server: TogetherServer, home: Settings
) -> None:
    waiting = train(home, consent=Consent())
    assert waiting.waits_for_yes and waiting.price_usd == 4.2
    assert not server.created
    assert train(home, consent=Consent(budget_usd=4.19)).waits_for_yes
    done = train(home, consent=Consent(budget_usd=4.2))
    assert (done.state, done.accepted_usd) == ("registered", 4.2)
    assert len(server.files) == 1


def test_a_person_is_asked_above_the_limit(server: TogetherServer, home: Settings) -> None:
    heard: list[str] = []

    def no(question: str) -> bool:
        heard.append(question)
        return False

    assert train(home, consent=Consent(1.0, ask=no)).waits_for_yes
    assert "$4.20" in heard[0] and not server.created


def test_too_low_a_balance_stops_with_words_and_no_job(server: TogetherServer, home: Settings) -> None:
    server.estimate |= {"allowed_to_proceed": False, "user_limit": 1.5}
    with pytest.raises(EngineError, match=r"\$4\.20.*\$1\.50.*Add credit"):
        train(home)
    assert not server.created
    server.estimate["allowed_to_proceed"] = True
    assert train(home).state == "registered"


def test_a_price_that_is_not_given_needs_a_yes(server: TogetherServer, home: Settings) -> None:
    server.estimate = {"estimation_available": False, "unavailable_reason": "multimodal_dataset"}
    assert train(home, consent=Consent(budget_usd=1000)).waits_for_yes
    assert train(home).state == "registered"


# ---- before anything is sent


def test_settings_beyond_the_models_limits_are_refused_all_at_once(
    server: TogetherServer, home: Settings
) -> None:
    wish = asked(wishes={"batch_size": 4, "lora_r": 512, "learning_rate": 1.0, "n_epochs": 99})
    with pytest.raises(SettingsError) as caught:
        train(home, wish)
    for flag in ("--batch-size", "--lora-r", "--learning-rate", "--n-epochs"):
        assert flag in str(caught.value)
    assert not server.files


def test_a_number_of_the_preset_is_brought_within_the_limits_and_said(
    server: TogetherServer, home: Settings
) -> None:
    small = limits()
    small["lora_training"] |= {"max_rank": 16, "max_batch_size_dpo": 8}
    server.known_models[BASE] = small
    done = train(home)
    body = server.created[0].json
    assert (body["batch_size"], body["training_type"]["lora_r"], body["training_type"]["lora_alpha"]) == (
        8,
        16,
        32,
    )
    assert any("batch size" in note for note in done.notes)


def test_too_few_rows_for_a_batch_are_refused(server: TogetherServer, home: Settings) -> None:
    write_pairs(home, 20)
    with pytest.raises(SettingsError, match="fewer than one batch of 32"):
        train(home)
    assert not server.files


def test_an_unknown_model_is_named(server: TogetherServer, home: Settings) -> None:
    with pytest.raises(EngineError, match="does not know that model"):
        train(home, asked(student=None, model="nobody/unheard-of", training_file=pairs_path(home)))


def pairs_path(settings: Settings) -> Path:
    """The same pairs where no folder says whose they are."""
    path = settings.data_path / "loose" / "pirate.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((settings.data_path / "dpo" / STUDENT / "pirate.jsonl").read_bytes())
    return path


def test_another_students_file_is_refused(home: Settings) -> None:
    path = home.data_path / "dpo" / STUDENT / "pirate.jsonl"
    with pytest.raises(RunError, match=f"belongs to {STUDENT}"):
        plan_of(asked(student="qwen-2.5-7b-it", training_file=path), home)


# ---- what Together refuses


def test_a_wrong_key_is_called_a_wrong_key(server: TogetherServer, home: Settings, tmp_path: Path) -> None:
    wrong = settings_for(server, tmp_path, TOGETHER_API_KEY="wrong-key-1234567890")
    with pytest.raises(EngineError, match="does not accept this key") as caught:
        train(wrong)
    assert "trial" not in str(caught.value)


def test_a_401_at_the_upload_is_no_used_up_trial(server: TogetherServer, home: Settings) -> None:
    server.failing["/v1/files"] = [401]
    with pytest.raises(EngineError, match="does not accept this key") as caught:
        train(home)
    assert "trial" not in str(caught.value)
    assert train(home).state == "registered"


def test_an_invalid_file_shows_the_row_that_together_names(server: TogetherServer, home: Settings) -> None:
    server.processing, server.report_error = ["PENDING", "INVALID_FORMAT"], "Line 7: too many tokens"
    with pytest.raises(RunError, match="too many tokens") as caught:
        train(home)
    assert "Question 6?" in str(caught.value)
    assert not server.created and "Line 7" in only(home).error


def test_a_file_that_is_there_already_is_not_sent_again(server: TogetherServer, home: Settings) -> None:
    first = train(home)
    second = train(home, asked(wishes={"n_epochs": 2}))
    assert first.file_id == second.file_id
    assert len(server.calls("PUT", ".*")) == 1


def test_short_troubles_are_borne_where_asking_again_is_harmless(
    server: TogetherServer, home: Settings
) -> None:
    server.failing = {
        "/v1/fine-tunes/models/limits": [503],
        "/v1/files/file-1": [502, 429],
        "/v1/fine-tunes/ft-1": [500, 503],
        "/v1/fine-tunes/ft-1/events": [500],
    }
    assert train(home).state == "registered"
    assert len(server.created) == 1


def test_a_failed_job_says_why_and_the_same_command_does_not_pay_again(
    server: TogetherServer, home: Settings
) -> None:
    server.statuses, server.error_event = ["running", "error"], "CUDA out of memory"
    with pytest.raises(EngineError, match=r"CUDA out of memory.*--again"):
        train(home)
    assert only(home).state == "failed"
    assert train(home).state == "failed"
    assert len(server.created) == 1


def test_curves_that_are_not_there_do_not_end_the_watching(server: TogetherServer, home: Settings) -> None:
    server.failing = {"/v1/fine-tunes/ft-1/metrics": [404] * 9, "/v1/fine-tunes/ft-1/events": [403] * 9}
    assert train(home).state == "registered"


def test_a_file_that_could_not_be_processed_is_sent_again_by_the_next_run(
    server: TogetherServer, home: Settings
) -> None:
    server.processing = ["FAILED"]
    with pytest.raises(RunError, match="could not process"):
        train(home)
    server.processing = ["COMPLETED"]
    assert only(home).state == "checked"
    assert train(home).state == "registered"


def test_a_price_that_waits_for_the_file_is_no_price(server: TogetherServer, home: Settings) -> None:
    server.estimate = {"estimation_available": False, "unavailable_reason": "train_file_not_validated"}
    with pytest.raises(RunError, match="train file not validated"):
        train(home)
    assert not server.created


def test_sft_does_not_go_on_from_another_students_or_an_unfinished_job(
    server: TogetherServer, home: Settings
) -> None:
    train(home)
    server.jobs["ft-1"].statuses = ["running"]
    with pytest.raises(JobError, match="not finished"):
        train(home, asked("sft"))
    server.jobs["ft-1"].statuses = ["completed"]
    server.jobs["ft-1"].body["model"] = "Qwen/Qwen2.5-7B-Instruct"
    with pytest.raises(SettingsError, match=r"trained qwen-2\.5-7b-it"):
        train(home, asked("sft"))
    assert len(server.created) == 1


# ---- cancel


def test_cancelled_while_together_checks_the_file_nothing_is_made(
    server: TogetherServer, home: Settings
) -> None:
    server.processing = ["PENDING"]
    tuning, store = begin(plan_of(asked(), home), home)
    trainer = trainer_of(tuning, store, home, sleep=lambda seconds: store.wish_cancel())
    assert drive(trainer).state == "cancelled"
    assert not server.created


def test_cancelled_before_a_job_exists_nothing_is_made(server: TogetherServer, home: Settings) -> None:
    waiting = train(home, consent=Consent())
    cancel(waiting.id, home, lambda: Remote(home))
    assert train(home).state == "cancelled"
    assert not server.created


def test_cancelled_while_it_trains_the_job_ends_at_together(server: TogetherServer, home: Settings) -> None:
    server.statuses = ["running"] * 100
    tuning, store = begin(plan_of(asked(), home), home)

    def someone_cancels(seconds: float) -> None:
        if read_tuning(home, tuning.id).state == "created":
            store.wish_cancel()

    trainer = trainer_of(tuning, store, home, sleep=someone_cancels)
    assert drive(trainer).state == "cancelled"
    assert server.jobs["ft-1"].cancelled and len(server.calls("POST", ".*/cancel")) == 1


def test_cancel_reaches_a_job_that_was_never_confirmed(server: TogetherServer, home: Settings) -> None:
    server.creating, server.list_lags = ["made, then 500"], 10
    with pytest.raises(EngineError):
        train(home, lookups=1)
    server.list_lags = 0
    cancel(only(home).id, home, lambda: Remote(home))
    assert server.jobs["ft-1"].cancelled
    assert train(home).state == "cancelled"
    assert len(server.created) == 1


def test_a_cancel_that_nobody_drives_is_settled_at_once(server: TogetherServer, home: Settings) -> None:
    server.statuses = ["running"] * 100
    tuning, store = begin(plan_of(asked(), home), home)

    def stop(seconds: float) -> None:
        if read_tuning(home, tuning.id).state == "created":
            raise Killed

    with pytest.raises(Killed):
        drive(trainer_of(tuning, store, home, sleep=stop))
    cancel(tuning.id, home, lambda: Remote(home))
    assert settle(trainer_of(read_tuning(home, tuning.id), store, home)).state == "cancelled"


def test_a_finished_training_cannot_be_cancelled(server: TogetherServer, home: Settings) -> None:
    done = train(home)
    with pytest.raises(JobError, match="is over"):
        cancel(done.id, home, lambda: Remote(home))


# ---- the download


def test_a_broken_download_goes_on_where_it_broke(server: TogetherServer, home: Settings) -> None:
    server.cuts = [10, 3, 1]
    assert train(home).state == "registered"
    starts = [seen.headers["Range"] for seen in server.calls("GET", "/v1/finetune/download")]
    assert starts == ["bytes=0-", "bytes=10-", "bytes=13-", "bytes=14-"]


def test_a_download_killed_in_the_middle_goes_on_in_the_next_run(
    server: TogetherServer, home: Settings
) -> None:
    server.cuts = [20] + [0] * 20
    with pytest.raises(EngineError, match="go on where it stopped"):
        train(home)
    server.cuts = []
    assert train(home).state == "registered"
    assert server.calls("GET", "/v1/finetune/download")[-1].headers["Range"] == "bytes=20-"


def test_a_server_without_ranges_is_read_from_the_start(server: TogetherServer, home: Settings) -> None:
    server.ignores_range, server.cuts = True, [30, 20]
    assert train(home).state == "registered"


def test_a_file_that_changed_at_the_server_is_begun_anew(server: TogetherServer, home: Settings) -> None:
    server.cuts = [20] + [0] * 20
    with pytest.raises(EngineError):
        train(home)
    server.cuts, server.archive = [], packed(adapter_files(), how="gz")
    assert train(home).state == "registered"


def test_the_key_goes_to_its_origin_only(server: TogetherServer, home: Settings) -> None:
    server.redirects_download = True
    assert train(home).state == "registered"
    elsewhere = [seen for seen in server.seen if seen.origin == "storage"]
    assert {seen.method for seen in elsewhere} == {"PUT", "GET"}
    assert not any(server.key in str(seen) for seen in elsewhere)


def test_another_services_headers_in_the_environment_stay_here(
    server: TogetherServer, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOGETHER_CUSTOM_HEADERS", "X-Private: canary-header\nAuthorization: Bearer other")
    assert train(home).state == "registered"
    assert "canary-header" not in str(server.seen)


def test_a_cancel_in_doubt_says_what_may_still_show_up(server: TogetherServer, home: Settings) -> None:
    server.creating = ["500"]
    with pytest.raises(EngineError):
        train(home)
    cancel(only(home).id, home, lambda: Remote(home))
    done = train(home)
    assert done.state == "cancelled" and len(server.created) == 1
    assert done.tag in Store(home.data_path / "tunings" / done.id).events()[-1]["message"]


def test_no_file_of_ours_holds_the_key(server: TogetherServer, home: Settings) -> None:
    server.creating = [f"400 you sent {server.key}", "made"]
    with pytest.raises(CoreError) as caught:
        train(home)
    assert server.key not in str(caught.value)
    train(home)
    for path in home.data_path.rglob("*"):
        assert path.is_dir() or server.key.encode() not in path.read_bytes(), path


def test_an_adapter_of_another_base_is_not_registered(server: TogetherServer, home: Settings) -> None:
    server.archive = packed(adapter_files("Qwen/Qwen2.5-7B-Instruct"))
    with pytest.raises(CoreError, match=r"trained on qwen-2\.5-7b-it"):
        train(home)
    assert not (home.lora_path / f"{STUDENT}-dpo" / "pirate").exists()


def test_an_address_without_v1_serves_as_well(
    server: TogetherServer, home: Settings, tmp_path: Path
) -> None:
    plain = settings_for(server, tmp_path, TOGETHER_BASE_URL=server.url)
    assert train(plain).state == "registered"


def test_without_a_key_it_says_where_to_put_one(server: TogetherServer, tmp_path: Path) -> None:
    keyless = load_settings({"TOGETHER_BASE_URL": server.url}, folder=tmp_path)
    with pytest.raises(SettingsError, match="TOGETHER_API_KEY"):
        Remote(keyless)
    assert not server.seen
