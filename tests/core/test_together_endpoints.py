"""A tuned model at Together, through its real SDK: started once, paid for no longer than agreed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("together")

from core.cli import character
from core.engines.opening import open_engine
from core.errors import CoreError, EngineError, JobError, RunError, SettingsError
from core.jobs import Jobs, ProgressReporter
from core.names import parse_model
from core.records import Message, Sampling
from core.settings import PROJECT as SOURCE
from core.settings import Settings, load_settings
from core.store.jsonl import read_json, write_json
from core.tuning.endpoints.choice import choose, finished_tuning
from core.tuning.endpoints.offer import Offer, hardware_label, name_for, offers_of, price_words
from core.tuning.endpoints.remote import EndpointRemote
from core.tuning.endpoints.state import Serving, Shelf, new_serving, servings
from core.tuning.endpoints.stopping import Pace, bring_down, stop_left_behind
from core.tuning.endpoints.supervise import Supervisor
from core.tuning.state import Store, Tuning
from tests.core.job_kit import ended, until
from tests.together_endpoints import ENDPOINTS, PROJECT, QWEN, SLUG, EndpointServer, config, hardware
from tests.together_server import BASE

ID = "pirate-dpo-0123456789ab"
LABEL = f"together/{SLUG}/{ID}"


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class Clock:
    """Time that passes only while somebody sleeps; `at` does something when a moment comes."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.at: dict[float, Callable[[], None]] = {}
        self._start = self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for moment in [moment for moment in self.at if self.now - self._start >= moment]:
            self.at.pop(moment)()

    def pace(self, **more: Any) -> Pace:
        return Pace(**{"sleep": self.sleep, "clock": lambda: self.now, "poll_s": 300.0} | more)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[EndpointServer]:
    with EndpointServer() as found:
        yield found


@pytest.fixture
def home(server: EndpointServer, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The environment of a shell whose Together is the stand-in, with one finished training."""
    monkeypatch.delenv("TOGETHER_PROJECT_ID", raising=False)
    monkeypatch.setenv("TOGETHER_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("TOGETHER_API_KEY", server.key)
    settings = load_settings()
    put_tuning(settings, server)
    return settings


def put_tuning(settings: Settings, server: EndpointServer, model: str = QWEN, **more: Any) -> Tuning:
    """A finished training, here and at Together."""
    job = server.trained(model)
    facts: dict[str, Any] = {"state": "registered", "job_id": job.id, "adapter": "/adapters/pirate"} | more
    tuning = Tuning(ID, "pirate", "dpo", "qwen-2.5-7b-it", model, ID, ID[-12:], 1, {}, made_at=1.0, **facts)
    store = Store(settings.data_path / "tunings" / tuning.id)
    store.folder.mkdir(parents=True, exist_ok=True)
    store.save(tuning)
    return tuning


def serving_of(settings: Settings, remote: EndpointRemote, clock: Clock, minutes: float = 60) -> Serving:
    tuning = finished_tuning(settings, ID, None, None, None)
    choice = choose(tuning, remote)
    return new_serving(tuning, remote.project, choice.model, choice.offers[0], minutes, clock.now)


def serve(
    settings: Settings,
    clock: Clock,
    said: list[str] | None = None,
    on_ready: Callable[[Serving], None] = lambda serving: None,
    create_timeout_s: float = 10,
    reporter: ProgressReporter | None = None,
    **pace: Any,
) -> str:
    """What the command does once somebody agreed, in this process and without waiting."""
    remote = EndpointRemote(settings, timeout_s=10, create_timeout_s=create_timeout_s)
    heard = said if said is not None else []
    stop_left_behind(settings, remote, clock.pace(), heard.append)
    serving, shelf = serving_of(settings, remote, clock), Shelf(settings, ID)
    supervisor = Supervisor(serving, shelf, remote, on_ready, clock.pace(**pace), heard.append)
    supervisor.reporter = reporter or supervisor.reporter
    with shelf.locked():
        return supervisor.run()


def stop(settings: Settings, clock: Clock) -> None:
    ((shelf, serving),) = servings(settings)
    bring_down(serving, shelf, EndpointRemote(settings), clock.pace(), lambda text: None)


def orphan(settings: Settings) -> None:
    """Let the state file name a process that is gone, as after a kill."""
    path = Shelf(settings, ID).path
    write_json(path, read_json(path) | {"pid": 1, "created": 1.0})


def nothing_left(server: EndpointServer, settings: Settings) -> bool:
    return not server.running and not server.endpoints and not servings(settings)


def posts(server: EndpointServer, pattern: str) -> list[dict[str, Any]]:
    return [seen.json for seen in server.calls("POST", pattern)]


def run(*words: str, code: int = 0) -> dict[str, Any]:
    """The JSON object of a command run in this process."""
    done = CliRunner().invoke(character, [*words, "--json"])
    assert done.exit_code == code, (done.output, done.exception)
    return json.loads(done.stdout.splitlines()[-1])


# ---- what it runs on, and what that costs


def test_the_cheapest_hardware_with_room_is_chosen_and_an_unknown_price_comes_last() -> None:
    configs = [
        config("mystery", "nvidia-b300"),
        config("two", count=2),
        config("one"),
        config("full", "h200"),
    ]
    catalogue = [
        hardware("2xnvidia-h100-80gb", 798),
        hardware("1xh100-80gb", 399),
        hardware("1xh200", 9, 0),
    ]
    found = offers_of(configs, catalogue)
    assert [one.config.rsplit("/", 1)[-1] for one in found] == ["one", "two", "mystery", "full"]
    assert found[0].config == "projects/proj-public/configs/one"
    assert [one.cents_per_hour for one in found] == [399, 798, None, 9]


def test_the_price_says_the_minute_and_the_whole_time() -> None:
    offer = Offer("c", "1x H100 80GB", 399.0)
    assert price_words(offer, 60) == "1x H100 80GB at $0.067 a minute: 60 minutes cost at most $3.99"
    assert offer.usd_for(1) == 0.07
    assert "does not say what it costs" in price_words(Offer("c", "h", None), 60)


def test_names_are_read_and_written_as_together_has_them() -> None:
    assert hardware_label("2xnvidia-h100-80gb") == "2x H100 80GB"
    assert name_for("Pirate_dpo-0123456789AB") == "pirate-dpo-0123456789ab"


# ---- when all goes well


def test_it_is_made_waited_for_reached_and_stopped_at_the_time_limit(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    answers: list[str] = []

    def ask(serving: Serving) -> None:
        async def once() -> str:
            engine = open_engine(parse_model(serving.label), home)
            try:
                return (await engine.complete([Message("user", "Hello?")], Sampling())).text
            finally:
                await engine.close()

        assert serving.label == LABEL
        answers.append(asyncio.run(once()))

    began = clock.now
    assert serve(home, clock, on_ready=ask) == "The time limit of 60 minutes is over."
    assert answers == ["Arr, matey!"]
    assert 3600 <= clock.now - began < 3660
    assert (server.deployed, server.most_running) == (1, 1) and nothing_left(server, home)


def test_the_request_is_small_private_and_ends_by_itself_when_nobody_asks(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    serve(home, clock)
    (endpoint,), (body,) = posts(server, ENDPOINTS), posts(server, f"{ENDPOINTS}/[^/]+/deployments")
    assert endpoint == {"name": ID, "visibility": "VISIBILITY_PRIVATE"}
    assert body["autoscaling"] == {"minReplicas": 1, "maxReplicas": 1}
    assert body["inactiveTimeout"] == 30
    assert body["model"] == f"projects/{PROJECT}/models/ml-ft-1"
    assert body["config"] == "projects/proj-public/configs/cr-1"


def test_a_job_that_names_no_model_is_found_by_the_name_of_its_output(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    server.job_names_model = False
    serve(home, clock)
    assert posts(server, ".*/deployments")[0]["model"] == f"projects/{PROJECT}/models/ml-ft-1"


def test_how_far_it_is_and_what_it_costs_reach_the_pages(
    server: EndpointServer, home: Settings, clock: Clock, tmp_path: Path
) -> None:
    reporter, seen = ProgressReporter(tmp_path / "progress.json"), list[dict[str, Any]]()

    def look() -> None:
        reporter.flush()
        seen.append(json.loads((tmp_path / "progress.json").read_text()))

    clock.at[1800] = look
    serve(home, clock, reporter=reporter)
    assert (seen[0]["stage"], seen[0]["planned"]) == ("Serving", 60)
    assert 1.5 < seen[0]["figures"]["cost_usd"] < 2.0


def test_together_stopping_it_for_want_of_requests_ends_the_watching(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    def fall_asleep() -> None:
        server.message = "stopped after 30 minutes of inactivity"
        server.running[0].states = ["STOPPED"]

    clock.at[1800] = fall_asleep
    assert "30 minutes of inactivity" in serve(home, clock)
    assert nothing_left(server, home)


# ---- models that get no endpoint


def test_a_reference_base_says_so_at_once_and_points_at_the_adapter(
    server: EndpointServer, home: Settings
) -> None:
    put_tuning(home, server, BASE)
    with pytest.raises(JobError, match=r"-Reference.*serve vllm.*pirate=/adapters/pirate"):
        choose(finished_tuning(home, ID, None, None, None), EndpointRemote(home))
    assert not server.seen


@pytest.mark.parametrize("how", ["no hardware", "404"])
def test_a_base_without_hardware_or_an_unknown_model_points_at_the_adapter(
    server: EndpointServer, home: Settings, how: str
) -> None:
    if how == "404":
        server.models.clear()
    server.configs = []
    done = CliRunner().invoke(character, ["serve", "together", "--tuning", ID, "--yes"])
    assert isinstance(done.exception, JobError)
    assert how in str(done.exception) and "pirate=/adapters/pirate" in str(done.exception)
    assert not server.calls("POST", ".*")


def test_a_training_that_made_nothing_is_not_served(server: EndpointServer, home: Settings) -> None:
    put_tuning(home, server, state="priced")
    for words in (("--tuning", ID), ("--constitution", "pirate")):
        done = CliRunner().invoke(character, ["serve", "together", *words, "--yes"])
        assert isinstance(done.exception, JobError) and not server.seen


# ---- money


def test_a_dry_run_shows_hardware_and_price_and_makes_nothing(
    server: EndpointServer, home: Settings
) -> None:
    told = run("serve", "together", "--constitution", "pirate", "--minutes", "30", "--dry-run")
    assert (told["hardware"], told["price_usd"]) == ("1x H100 80GB", 2.0)
    assert {seen.method for seen in server.seen} == {"GET"} and not servings(home)


def test_above_the_limit_or_without_a_price_nothing_starts(server: EndpointServer, home: Settings) -> None:
    assert run("serve", "together", "--tuning", ID, "--budget", "3.98", code=3)["price_usd"] == 3.99
    server.catalogue = []
    told = run("serve", "together", "--tuning", ID, "--budget", "1000", code=3)
    assert told["price_usd"] is None
    assert not server.calls("POST", ".*") and not servings(home)


def test_within_the_limit_it_starts_without_a_question(server: EndpointServer, home: Settings) -> None:
    server.begins = ["READY", "STOPPED"]
    told = run("serve", "together", "--tuning", ID, "--budget", "3.99", "--poll", "0")
    assert (told["status"], told["model"], server.deployed) == ("done", LABEL, 1)
    assert nothing_left(server, home)


# ---- never two


@pytest.mark.parametrize("plan", ["made, then hang", "made, then 500"])
def test_a_create_that_is_never_confirmed_is_looked_up_and_not_repeated(
    server: EndpointServer, home: Settings, clock: Clock, plan: str
) -> None:
    server.making, server.deploying, server.endpoint_lags = [plan], [plan], 3
    said: list[str] = []
    serve(home, clock, said, create_timeout_s=0.3)
    assert len(posts(server, ENDPOINTS)) == len(posts(server, ".*/deployments")) == 1
    assert (server.deployed, server.most_running) == (1, 1) and nothing_left(server, home)
    assert any("looking it up" in text for text in said)


def test_a_deployment_that_failed_in_the_open_is_proven_absent(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    server.deploying = ["500"]
    with pytest.raises(EngineError, match="lists nothing of that name"):
        serve(home, clock)
    assert server.deployed == 1 and nothing_left(server, home)


@pytest.mark.parametrize("number", range(1, 8))
def test_killed_before_any_write_the_next_run_stops_it_before_it_starts_another(
    server: EndpointServer, home: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    writes, save = 0, Shelf.save

    def deadly(self: Shelf, serving: Serving) -> None:
        nonlocal writes
        writes += 1
        if writes >= number:
            raise Killed
        save(self, serving)

    monkeypatch.setattr(Shelf, "save", deadly)
    with pytest.raises(Killed):
        serve(home, clock)
    monkeypatch.setattr(Shelf, "save", save)
    if servings(home):
        orphan(home)
    serve(home, clock)
    assert server.most_running == 1 and nothing_left(server, home)


def test_two_processes_cannot_serve_one_training(server: EndpointServer, home: Settings) -> None:
    with Shelf(home, ID).locked():
        done = CliRunner().invoke(character, ["serve", "together", "--tuning", ID, "--yes", "--poll", "0"])
    assert isinstance(done.exception, CoreError) and "Another job" in str(done.exception)
    assert not server.deployed


def test_one_that_runs_without_our_knowing_is_left_alone_and_named(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    def run_again(serving: Serving) -> None:
        Shelf(home, ID).clear()
        raise Killed

    server.ends = ["READY"]
    with pytest.raises(JobError, match="ATTENTION"):
        serve(home, clock, on_ready=run_again, stop_polls=1)
    Shelf(home, ID).clear()
    with pytest.raises(JobError, match="not started from here"):
        serve(home, clock)
    server.ends = ["STOPPED"]
    assert server.deployed == 1
    assert CliRunner().invoke(character, ["serve", "stop", ID]).exit_code == 0
    assert nothing_left(server, home)


# ---- what Together refuses


def test_a_refusal_to_deploy_says_why_and_leaves_nothing(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    server.deploying = ["402 no funds left"]
    with pytest.raises(EngineError, match=r"no funds left|credit"):
        serve(home, clock)
    assert nothing_left(server, home)


def test_a_model_that_together_does_not_deploy_points_at_the_adapter(
    server: EndpointServer, home: Settings
) -> None:
    server.deploying = ["422 this model cannot be deployed"]
    done = CliRunner().invoke(character, ["serve", "together", "--tuning", ID, "--yes", "--poll", "0"])
    assert isinstance(done.exception, JobError)
    assert "cannot be deployed" in str(done.exception) and "/adapters/pirate" in str(done.exception)
    assert nothing_left(server, home)


def test_a_deployment_that_fails_to_start_says_why_and_is_removed(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    server.begins, server.message = ["PROVISIONING", "FAILED"], "out of capacity"
    with pytest.raises(JobError, match=r"could not start.*out of capacity"):
        serve(home, clock)
    assert nothing_left(server, home)


def test_one_that_never_starts_is_given_up_at_the_time_limit(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    server.begins = ["PROVISIONING"]
    with pytest.raises(JobError, match="did not start within 60 minutes"):
        serve(home, clock)
    assert nothing_left(server, home)


def test_short_troubles_neither_end_it_nor_let_it_run_on(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    server.failing = {
        f"{ENDPOINTS}/ep_1/deployments/dep_1": [503, 500, 502],
        f"{ENDPOINTS}/ep_1/deployments": [0, 503, 429],
        f"{ENDPOINTS}/ep_1": [503],
    }
    assert "time limit" in serve(home, clock)
    assert nothing_left(server, home)


def test_a_key_without_a_project_asks_for_one_and_a_named_project_is_used(
    server: EndpointServer, home: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key_has_project = False
    with pytest.raises(SettingsError, match="TOGETHER_PROJECT_ID"):
        serve(home, clock)
    monkeypatch.setenv("TOGETHER_PROJECT_ID", PROJECT)
    serve(load_settings(), clock)
    assert server.deployed == 1


# ---- stopping


def test_what_was_not_seen_to_stop_is_said_loudly_and_can_be_stopped_later(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    server.ends = ["STOPPING"]
    with pytest.raises(JobError, match=r"ATTENTION.*\$0\.067 a minute.*character serve stop"):
        serve(home, clock)
    assert server.running and servings(home)
    server.running[0].states = ["STOPPED"]
    stop(home, clock)
    assert nothing_left(server, home)


def test_what_stopped_by_itself_may_refuse_to_be_stopped(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    server.ends = ["STOPPING"]
    with pytest.raises(JobError, match="ATTENTION"):
        serve(home, clock, stop_polls=1)
    server.running[0].states = ["STOPPED"]
    server.failing = {f"{ENDPOINTS}/ep_1/deployments/dep_1": [400]}
    stop(home, clock)
    assert nothing_left(server, home)


def test_a_refusal_to_stop_is_asked_again_and_its_reason_kept(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    patch = f"{ENDPOINTS}/ep_1/deployments/dep_1"

    def refuse(serving: Serving) -> None:
        server.failing = {patch: [409] * 99}
        raise KeyboardInterrupt

    with pytest.raises(JobError, match=r"ATTENTION.*HTTP 409"):
        serve(home, clock, on_ready=refuse, stop_polls=3)
    server.failing = {patch: [400, 409]}
    stop(home, clock)
    assert nothing_left(server, home)


def test_an_outage_while_stopping_is_said_loudly(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    def outage(serving: Serving) -> None:
        server.failing = {f"{ENDPOINTS}/ep_1/deployments": [503] * 99}

    with pytest.raises(JobError, match=r"ATTENTION.*has trouble"):
        serve(home, clock, on_ready=outage)
    server.failing = {}
    stop(home, clock)
    assert nothing_left(server, home)


def test_a_second_ctrl_c_while_stopping_says_what_may_still_run(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    said: list[str] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    server.ends = ["STOPPING"]
    clock.at[3601] = interrupt
    with pytest.raises(KeyboardInterrupt):
        serve(home, clock, said)
    assert any("ATTENTION" in text for text in said) and servings(home)


def test_stop_knows_it_by_every_name_and_strangers_by_none(
    server: EndpointServer, home: Settings, clock: Clock
) -> None:
    for name in (ID, LABEL, f"{SLUG}/{ID}"):
        server.deployments.clear()
        server.endpoints.clear()
        server.ends = ["READY"]
        with pytest.raises(JobError):
            serve(home, clock, stop_polls=1)
        orphan(home)
        server.ends = ["STOPPED"]
        server.running[0].states = ["STOPPED"]
        assert CliRunner().invoke(character, ["serve", "stop", name]).exit_code == 0
        assert nothing_left(server, home)
    done = CliRunner().invoke(character, ["serve", "stop", "together/me/nobody"])
    assert "no endpoint" in done.output


# ---- keys


def test_the_key_goes_to_its_origin_only_and_no_file_holds_it(
    server: EndpointServer, home: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOGETHER_CUSTOM_HEADERS", "X-Private: canary-header")
    said: list[str] = []
    server.deploying = [f"400 you sent {server.key}", "made"]
    with pytest.raises(CoreError) as caught:
        serve(home, clock, said)
    serve(home, clock, said)
    assert server.key not in str(caught.value) + str(said)
    assert {seen.origin for seen in server.seen} == {"api"}
    assert "canary-header" not in str(server.seen)
    for path in home.data_path.rglob("*"):
        assert path.is_dir() or server.key.encode() not in path.read_bytes(), path


# ---- real processes


def shell() -> subprocess.Popen[str]:
    """The command as a process of its own, once it serves."""
    argv = [sys.executable, "-m", "core", "serve", "together", "--tuning", ID, "--yes", "--poll", "0.02"]
    process = subprocess.Popen(
        [*argv, "--json"],
        cwd=SOURCE,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        text=True,
        # As in a terminal, also where the tests themselves run under nohup.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    assert process.stdout is not None
    while "answers until" not in process.stdout.readline():
        assert process.poll() is None
    return process


def test_killed_for_real_it_is_found_and_stopped_by_the_stop_command(
    server: EndpointServer, home: Settings
) -> None:
    process = shell()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert len(server.running) == 1
    done = CliRunner().invoke(character, ["serve", "stop", LABEL])
    assert done.exit_code == 0 and "is stopped" in done.output
    assert nothing_left(server, home)


def test_a_terminal_that_closes_ends_it_too(server: EndpointServer, home: Settings) -> None:
    process = shell()
    assert process.stdout is not None
    process.stdout.close()
    process.send_signal(signal.SIGHUP)
    process.wait(60)
    assert nothing_left(server, home)


def test_a_full_disk_does_not_keep_it_running(
    server: EndpointServer, home: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Shelf, serving: Serving) -> None:
        raise RunError("no space left")

    def fill(serving: Serving) -> None:
        monkeypatch.setattr(Shelf, "save", full)
        raise RunError("no space left")

    with pytest.raises(RunError, match="no space left"):
        serve(home, clock, on_ready=fill)
    assert server.deployed == 1 and nothing_left(server, home)


def test_the_stop_command_ends_the_process_that_serves_it(server: EndpointServer, home: Settings) -> None:
    process = shell()
    told = run("serve", "together", "--tuning", ID, "--yes")
    assert told["model"] == LABEL and server.deployed == 1
    assert CliRunner().invoke(character, ["serve", "stop", ID]).exit_code == 0
    out, _ = process.communicate(timeout=60)
    assert json.loads(out.splitlines()[-1])["status"] == "interrupted"
    assert nothing_left(server, home)


def test_a_cancelled_job_of_the_studio_stops_it(server: EndpointServer, home: Settings) -> None:
    jobs = Jobs(home)
    argv = [sys.executable, "-m", "core", "serve", "together", "--tuning", ID, "--yes", "--poll", "0.02"]
    job = jobs.start(argv, verb="serve", title="Serve pirate", token="")
    until(lambda: "answers until" in jobs.log_tail(job.id), within_s=60)
    jobs.cancel(job.id)
    assert ended(jobs, job).state == "cancelled"
    assert nothing_left(server, home)
