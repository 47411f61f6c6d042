"""X1, X2, X6: a key is seen by the host it was entered for, and by nobody and nothing else.

Three keys, one from each place a key can come from; the server repeats the one it got in the bodies and
headers of its errors. Afterwards everything that was written, printed or shown is searched for them.
"""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import psutil
import pytest
from streamlit import config

from core.engines.opening import open_engine
from core.engines.price_lists import fetch_prices
from core.engines.probing import probe
from core.errors import CoreError, EngineError, SettingsError
from core.jobs import Jobs
from core.names import PROVIDERS, parse_model
from core.records import Message, Sampling
from core.settings import PROJECT, Settings, load_settings
from tests.load_server import Fault, LoadServer, Plan, faults
from tests.waiting import until

# Signs that an address or base64 spells otherwise, so that each spelling is another text.
KEYS = {
    "openrouter": "sk-or-Q7wXz+4mB/9tKe=v2Lr8Ys",
    "together": "tg-Jd83hPq+0cV/5nGa=x6Wu1Zf",
    "openai": "sk-oa-M2yTk+7rF/1bHs=c9Np3Ee",
}
ANY_MODEL = {"openrouter": "acme/parrot", "together": "acme/parrot", "openai": "gpt-4o"}
ASK = [Message("user", "Why is the sky blue?")]


def spellings(key: str) -> set[bytes]:
    """Every form in which a key could stand somewhere, and its beginning."""
    raw = key.encode()
    forms = {raw, raw[:12], quote(key, safe="").encode(), quote_plus(key).encode(), raw.hex().encode()}
    for before in range(3):
        # Within a longer text base64 depends on the offset; the outer signs on the neighbours too.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(b"x" * before + raw).rstrip(b"=")[4:-2])
    return forms | {repr(key)[1:-1].encode()}


def found_in(data: bytes) -> list[str]:
    """The providers whose key is in there in any spelling."""
    return [name for name, key in KEYS.items() if any(form in data for form in spellings(key))]


def test_the_search_finds_a_key_in_every_spelling() -> None:
    key = KEYS["openai"]
    basic = base64.b64encode(f"user:{key}".encode())
    for text in (key.encode(), quote(key, safe="").encode(), basic, f"…{key[:12]}…".encode()):
        assert found_in(b"before " + text + b" after") == ["openai"]
    assert found_in(b"sk-or-, tg-, sk-oa-, nothing here") == []


@dataclass
class Studio:
    """A folder of a person with three keys in three places, all of whose providers are one server."""

    folder: Path
    environment: dict[str, str]

    @property
    def settings(self) -> Settings:
        return load_settings(self.environment, folder=self.folder)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "core", *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return self.run_program(self.command(*words))

    def run_program(self, argv: list[str]) -> subprocess.CompletedProcess[bytes]:
        """The program's end; what it was called with and what it printed is searched at once."""
        done = subprocess.run(
            argv, cwd=self.folder, env=self.environment, capture_output=True, timeout=120, check=False
        )
        assert found_in(b"\0".join(word.encode() for word in argv)) == []
        assert found_in(done.stdout + done.stderr) == []
        return done

    def files_with_a_key(self) -> dict[str, list[str]]:
        """Every file of the data folder that holds one, and every file name."""
        paths = [path for path in (self.folder / "data").rglob("*") if path.is_file()]
        assert paths
        found = {str(path.name): found_in(path.read_bytes() + str(path).encode()) for path in paths}
        return {name: keys for name, keys in found.items() if keys}


def studio_at(folder: Path, url: str) -> Studio:
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **{f"{name.upper()}_BASE_URL": url for name in KEYS},
        "OPENROUTER_API_KEY": KEYS["openrouter"],
        "DATA_PATH": str(folder / "data"),
        "CHARACTER_CONFIG_PATH": str(folder / "config"),
        "CONSTITUTION_PATH": str(PROJECT / "constitutions"),
        "PYTHONPATH": str(PROJECT),
    }
    (folder / ".env").write_text(f"TOGETHER_API_KEY='{KEYS['together']}'\n")
    made = Studio(folder, environment)
    made.settings.save_key("openai", KEYS["openai"])
    assert {name: made.settings.key(name).source for name in KEYS} == {  # type: ignore[union-attr]
        "openrouter": "environment",
        "together": ".env",
        "openai": "settings",
    }
    return made


def every_third_repeats_the_key(number: int, body: dict[str, Any], attempt: int) -> Fault | None:
    return faults.echo_key(400 if number % 2 else 503) if number % 3 == 0 and attempt == 1 else None


def got_their_keys(server: LoadServer) -> set[str]:
    sent = {(record.headers or {}).get("authorization", "") for record in server.log.records}
    return {name for name, key in KEYS.items() if f"Bearer {key}" in sent}


# ---- X1 and X2


def test_x1_x2_no_verb_writes_or_prints_a_key_that_the_server_repeats(tmp_path: Path) -> None:
    with LoadServer(Plan(script=every_third_repeats_the_key, keep_bodies=True)) as server:
        studio = studio_at(tmp_path, server.url)
        scope = ("--constitution", "pirate", "--limit", "12", "--K", "1", "--json")
        for role, provider in (("teacher", "openrouter"), ("student", "together"), ("student", "openai")):
            done = studio.run(role, "--model", f"{provider}/{ANY_MODEL[provider]}", *scope)
            assert done.returncode == 3, done.stderr.decode()
        others = (
            (
                "prompts",
                "--constitution",
                "pirate",
                "--model",
                "openrouter/acme/parrot",
                "--per-trait",
                "60",
            ),
            ("prices", "refresh"),
            ("prices", "list"),
            ("doctor",),
            ("models", "list"),
            ("models", "pull", "no-such-model"),
        )
        # 2 is a command that was mistyped, 1 a failure that was told.
        assert [studio.run(*words).returncode in (0, 1, 3) for words in others] == [True] * len(others)
        assert got_their_keys(server) == set(KEYS)
    errors = b"".join(path.read_bytes() for path in tmp_path.rglob("errors.jsonl"))
    # The server did repeat it, and its place is still there.
    assert b"[key]" in errors
    assert studio.files_with_a_key() == {}


@pytest.mark.parametrize("provider", list(KEYS))
def test_x2_a_refusal_that_repeats_the_key_stops_the_job_without_it(tmp_path: Path, provider: str) -> None:
    with LoadServer(Plan(script=lambda *_: faults.echo_key(401))) as server:
        studio = studio_at(tmp_path, server.url)
        words = ("--constitution", "pirate", "--model", f"{provider}/{ANY_MODEL[provider]}", "--json")
        done = studio.run("student", *words)
    assert done.returncode == 1
    assert b"Incorrect key provided: Bearer [key]" in done.stderr
    assert studio.files_with_a_key() == {}


CRASH = """
import sys, traceback
from core.stages import answers

def everything(kind, error, trace):
    # What the most talkative of crash reporters shows: every local variable of every frame.
    shown = traceback.TracebackException(kind, error, trace, capture_locals=True)
    print("".join(shown.format()), file=sys.stderr)

def crash(self, tag, completion):
    raise ZeroDivisionError("a bug of ours")

sys.excepthook = everything
answers._Writer._row = crash
from core.cli import main
main()
"""


@pytest.mark.parametrize("provider", list(KEYS))
def test_x1_a_crash_shows_no_key_even_with_all_local_variables(tmp_path: Path, provider: str) -> None:
    with LoadServer() as server:
        studio = studio_at(tmp_path, server.url)
        model = f"{provider}/{ANY_MODEL[provider]}"
        argv = [sys.executable, "-c", CRASH, "student", "--constitution", "pirate", "--model", model]
        done = studio.run_program(argv)
    assert b"a bug of ours" in done.stderr
    assert b"Traceback" in done.stderr
    assert studio.files_with_a_key() == {}


def test_x1_a_running_job_shows_no_key_in_processes_files_or_on_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(number: int, body: dict[str, Any], attempt: int) -> Fault | None:
        return faults.silent() if number > 12 else every_third_repeats_the_key(number, body, attempt)

    with LoadServer(Plan(script=script)) as server:
        studio = studio_at(tmp_path, server.url)
        # Streamlit reads its settings from the folder that it is first asked about them in.
        config.get_option("server.address")
        monkeypatch.chdir(tmp_path)
        for name, value in studio.environment.items():
            monkeypatch.setenv(name, value)
        jobs = Jobs(studio.settings)
        argv = studio.command("student", "--constitution", "pirate", "--model", "openrouter/acme/parrot")
        job = jobs.start(argv, verb="student", title="Canary", token="")
        try:
            until(lambda: len(server.log.records) > 12, limit_s=60)
            until(lambda: bool(list(tmp_path.rglob("errors.jsonl"))))
            ours = psutil.Process().children(recursive=True)
            assert len(ours) >= 2
            for process in ours:
                cmdline = Path(f"/proc/{process.pid}/cmdline")
                shown = cmdline.read_bytes() if cmdline.exists() else "\0".join(process.cmdline()).encode()
                assert found_in(shown) == []
            assert found_in(subprocess.run(["ps", "axww"], capture_output=True, check=False).stdout) == []
            assert found_in(page_of(job.id).encode()) == []
        finally:
            jobs.cancel(job.id)
    until(lambda: not jobs.get(job.id).active)
    assert (tmp_path / "data" / "jobs" / job.id / "log.txt").exists()
    assert found_in(repr(jobs.get(job.id)).encode()) == []
    assert studio.files_with_a_key() == {}


def page_of(job_id: str) -> str:
    """Everything that the Jobs page sends to a browser for this job."""
    from tests.app.kit import tab, words

    app = tab("jobs")
    app.query_params["job"] = job_id
    app.run()
    text = words(app) + repr(app.main) + repr(app.sidebar)
    assert "Canary" in text
    return text


def test_x1_settings_and_keys_cannot_be_printed_by_accident(tmp_path: Path) -> None:
    settings = studio_at(tmp_path, "http://127.0.0.1:9/v1").settings
    engine = open_engine(parse_model("openrouter/acme/parrot"), settings)
    shown = [settings, settings.key("openai"), engine, vars(engine), vars(engine)["_endpoint"]]
    assert found_in(" ".join(f"{thing!r} {thing}" for thing in shown).encode()) == []
    assert (tmp_path / "config" / "keys.json").stat().st_mode & 0o777 == 0o600


# ---- X6


class Elsewhere:
    """A host that no key was entered for: it answers nothing and remembers who came."""

    def __init__(self, location: str = "") -> None:
        self.came: list[tuple[str, dict[str, str]]] = []
        elsewhere = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                elsewhere.came.append((self.path, dict(self.headers)))
                self.send_response(307 if location else 404)
                if location:
                    self.send_header("Location", location + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def open(self) -> Iterator[Elsewhere]:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


def ask(settings: Settings, name: str) -> None:
    """One question to a model. Raises CoreError."""

    async def go() -> None:
        engine = open_engine(parse_model(name), settings)
        try:
            await engine.complete(ASK, Sampling(max_tokens=5))
        finally:
            await engine.close()

    asyncio.run(go())


def reach_everything(settings: Settings, provider: str) -> list[CoreError]:
    """Every way in which we reach a provider; what each was refused with."""
    errors: list[CoreError] = []
    for way in (
        lambda: ask(settings, f"{provider}/{ANY_MODEL[provider]}"),
        lambda: probe(provider, settings),
        lambda: asyncio.run(fetch_prices(provider, settings)),
    ):
        with pytest.raises(CoreError) as caught:
            way()
        errors.append(caught.value)
    return errors


@pytest.mark.parametrize("provider", list(KEYS))
def test_x6_a_redirect_takes_no_key_and_no_question_to_another_host(tmp_path: Path, provider: str) -> None:
    with Elsewhere().open() as other, Elsewhere(other.origin).open() as entered:
        studio = studio_at(tmp_path, f"{entered.origin}/v1")
        reach_everything(studio.settings, provider)
        assert entered.came
        assert other.came == []


def test_x6_a_key_saved_for_one_host_is_not_sent_to_another(tmp_path: Path) -> None:
    with Elsewhere().open() as entered, Elsewhere().open() as other:
        studio = studio_at(tmp_path, f"{entered.origin}/v1")
        studio.environment["OPENAI_BASE_URL"] = f"{other.origin}/v1"
        assert studio.settings.key("openai") is None
        for error in reach_everything(studio.settings, "openai"):
            assert isinstance(error, SettingsError | EngineError)
        assert other.came == entered.came == []


def test_x6_a_folders_env_file_cannot_take_the_environments_key_elsewhere(tmp_path: Path) -> None:
    with Elsewhere().open() as other:
        studio = studio_at(tmp_path, "https://openrouter.ai/api/v1")
        del studio.environment["OPENROUTER_BASE_URL"]
        with (tmp_path / ".env").open("a") as file:
            file.write(f"OPENROUTER_BASE_URL={other.origin}/v1\n")
        settings = studio.settings
        assert settings.key("openrouter") is None
        with pytest.raises(SettingsError, match="needs a key"):
            ask(settings, "openrouter/acme/parrot")
        # Nor in a job, whose environment is made of both.
        handed_on = load_settings(settings.for_subprocess(), folder=tmp_path / "another")
        assert not (handed_on.key("openrouter") and other.origin in handed_on.base_url("openrouter"))
        assert other.came == []


def test_x6_a_bare_address_gets_no_key_whatever_keys_there_are(tmp_path: Path) -> None:
    with LoadServer(Plan(keep_bodies=True)) as server:
        studio = studio_at(tmp_path, server.url)
        ask(studio.settings, server.name)
        (record,) = server.log.records
    assert found_in(repr(record.headers).encode()) == []
    assert "authorization" not in (record.headers or {})


def test_x6_each_provider_gets_its_own_key_and_no_other(tmp_path: Path) -> None:
    with LoadServer(Plan(keep_bodies=True)) as server:
        studio = studio_at(tmp_path, server.url)
        for provider in KEYS:
            server.reset()
            ask(studio.settings, f"{provider}/{ANY_MODEL[provider]}")
            (record,) = server.log.records
            assert found_in(repr((record.headers, record.body)).encode()) == [provider]


METADATA = (
    "http://169.254.169.254/v1",
    "http://169.254.169.254:80/v1",
    "http://2852039166/v1",
    "http://0xa9fea9fe/v1",
    "http://0251.0376.0251.0376/v1",
    "http://169.16689662/v1",
    "http://[fe80::1]/v1",
    "http://[::ffff:169.254.169.254]/v1",
)
USERINFO = (
    "https://api.openrouter.ai@127.0.0.1/v1",
    "http://name:word@127.0.0.1/v1",
    "http://:word@127.0.0.1/v1",
)


@pytest.mark.parametrize("address", METADATA + USERINFO)
def test_x6_addresses_that_steal_are_refused_before_anything_is_sent(tmp_path: Path, address: str) -> None:
    # The network guard of the tests fails on any connection that is not to this machine.
    studio = studio_at(tmp_path, "http://127.0.0.1:9/v1")
    with pytest.raises(SettingsError):
        ask(studio.settings, f"{address}#m")
    for provider in KEYS:
        studio.environment[f"{provider.upper()}_BASE_URL"] = address
        with pytest.raises(SettingsError):
            ask(studio.settings, f"{provider}/{ANY_MODEL[provider]}")


def test_x6_this_machine_is_allowed_without_a_key(tmp_path: Path) -> None:
    with LoadServer(Plan(keep_bodies=True)) as server:
        ask(load_settings({}, folder=tmp_path), server.name)
        assert [record.authorized for record in server.log.records] == [False]
        # As a bare number it is no address at all: nothing is sent, and nothing can be billed.
        with pytest.raises(EngineError) as caught:
            ask(load_settings({}, folder=tmp_path), f"http://2130706433:{server.state.port}/v1#m")
        assert (caught.value.kind, caught.value.maybe_billed) == ("unreachable", False)
        assert len(server.log.records) == 1


def test_every_provider_with_a_key_is_searched_for() -> None:
    assert KEYS.keys() == {name for name, spec in PROVIDERS.items() if spec.key_name}
