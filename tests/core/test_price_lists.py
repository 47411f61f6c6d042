"""Price lists: fetched from a small server on loopback, kept in a file, and shown by the command line."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.cli.prices import COMMANDS
from core.engines.price_lists import fetch_prices
from core.errors import CoreError, EngineError, RunError, SettingsError
from core.names import parse_model
from core.prices import FREE, Price
from core.settings import Settings, load_settings
from core.store.price_table import BUILT_IN_PRICES, PriceTable
from tests.core.test_probing import KEY, ModelServer, settings_for

GLM = {"id": "z-ai/glm-4.5-air", "pricing": {"prompt": "0.0000002", "completion": "0.0000011"}}
AUTO = {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}}
LLAMA = {"id": "meta-llama/Llama-3.3-70B-Instruct-Turbo", "pricing": {"input": 1.04, "output": 1.04}}
OURS = "openrouter/z-ai/glm-4.5-air"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as found:
        found.bodies["/v1/models"] = {"data": [GLM, AUTO]}
        yield found


@pytest.fixture
def table(settings: Settings) -> PriceTable:
    return PriceTable(settings)


def fetched(provider: str, settings: Settings, **more: Any) -> dict[str, Price]:
    return asyncio.run(fetch_prices(provider, settings, **more))


def price(table: PriceTable, name: str) -> Price | None:
    return table.lookup(parse_model(name))


# ---- fetching


def test_openrouters_list_comes_without_a_key_and_is_dated(server: ModelServer, tmp_path: Path) -> None:
    found = fetched("openrouter", load_settings({"OPENROUTER_BASE_URL": server.url}, folder=tmp_path))
    assert list(found) == ["z-ai/glm-4.5-air"]
    assert found["z-ai/glm-4.5-air"].source == "OpenRouter's list"
    assert len(found["z-ai/glm-4.5-air"].as_of) == len("2026-11-23")
    [(path, headers)] = server.seen
    assert path == "/v1/models"
    assert "Authorization" not in headers


def test_togethers_list_is_asked_for_with_the_key(server: ModelServer, tmp_path: Path) -> None:
    server.bodies["/v1/models"] = [LLAMA]
    found = fetched("together", settings_for("together", server.url + "/", tmp_path))
    assert found[LLAMA["id"]].prompt == pytest.approx(1.04e-6)
    assert server.seen[0][1]["Authorization"] == f"Bearer {KEY}"


def test_a_key_of_one_provider_is_not_sent_to_another(server: ModelServer, tmp_path: Path) -> None:
    settings = load_settings(
        {"OPENROUTER_BASE_URL": server.url, "TOGETHER_API_KEY": KEY, "OPENAI_API_KEY": KEY}, folder=tmp_path
    )
    fetched("openrouter", settings)
    assert KEY not in str(server.seen)


def test_a_redirect_is_not_followed_with_the_key(server: ModelServer, tmp_path: Path) -> None:
    with ModelServer() as thief:
        server.status, server.headers = 302, {"Location": f"{thief.url}/models"}
        with pytest.raises(EngineError, match="another address"):
            fetched("together", settings_for("together", server.url, tmp_path))
        assert thief.seen == []


@pytest.mark.parametrize(
    ("status", "kind", "cure"),
    [
        (401, "key", "save it anew"),
        (403, "forbidden", "permissions"),
        (404, "model", "end in /v1"),
        (429, "rate_limited", "in a minute"),
        (503, "transient", "in a minute"),
        (418, "refused", "HTTP 418"),
    ],
)
def test_every_refusal_says_what_to_do_and_repeats_no_key(
    server: ModelServer, tmp_path: Path, status: int, kind: str, cure: str
) -> None:
    server.status = status
    server.bodies["/v1/models"] = {"error": {"message": f"bad key {KEY}"}}
    with pytest.raises(EngineError, match=cure) as caught:
        fetched("together", settings_for("together", server.url, tmp_path))
    assert caught.value.kind == kind
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[" * 100_000, {"data": []}, {"data": [AUTO]}, [7], b"\xff"]
)
def test_an_answer_without_prices_is_an_error_and_not_an_empty_list(
    server: ModelServer, tmp_path: Path, body: Any
) -> None:
    server.bodies["/v1/models"] = body
    with pytest.raises(EngineError, match="no prices"):
        fetched("openrouter", settings_for("openrouter", server.url, tmp_path))


def test_a_list_beyond_all_reason_is_refused(server: ModelServer, tmp_path: Path) -> None:
    server.bodies["/v1/models"] = {"data": [GLM], "more": " " * 2_000_000}
    settings = settings_for("openrouter", server.url, tmp_path)
    assert fetched("openrouter", settings)
    with pytest.raises(EngineError, match="larger than 1 MB; check its address"):
        fetched("openrouter", settings, largest_bytes=1_000_000)


def test_a_server_that_never_answers_and_one_that_is_not_there(server: ModelServer, tmp_path: Path) -> None:
    settings = settings_for("openrouter", server.url, tmp_path)
    server.waits_for = threading.Event()
    with pytest.raises(EngineError, match=r"within 0\.05 seconds") as caught:
        fetched("openrouter", settings, timeout_s=0.05)
    assert caught.value.kind == "timeout"
    server.waits_for.set()
    server.__exit__()
    with pytest.raises(EngineError, match="cannot be reached"):
        fetched("openrouter", settings)


def test_what_cannot_be_asked_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="only with a key"):
        fetched("together", load_settings({}, folder=tmp_path))
    with pytest.raises(SettingsError, match="no list of prices to fetch from 'openai'"):
        fetched("openai", load_settings({}, folder=tmp_path))
    with pytest.raises(SettingsError, match="not an address"):
        fetched("openrouter", load_settings({"OPENROUTER_BASE_URL": "there"}, folder=tmp_path))


# ---- the table


def test_a_price_of_ones_own_counts_before_the_list_and_the_list_before_the_built_in_table(
    table: PriceTable,
) -> None:
    name = "openrouter/openai/gpt-4o-mini"
    assert price(table, name) == BUILT_IN_PRICES[name]
    table.store_list("openrouter", {"openai/gpt-4o-mini": Price(1e-7, 2e-7, source="OpenRouter's list")})
    assert price(table, name) == Price(1e-7, 2e-7, source="OpenRouter's list")
    table.set_own(name, 3, 4)
    found = price(table, name)
    assert found is not None
    assert (found.prompt, found.completion, found.source) == (3e-6, 4e-6, "your table")
    assert table.remove_own(name)
    assert price(table, name) == Price(1e-7, 2e-7, source="OpenRouter's list")
    assert not table.remove_own(name)


def test_the_built_in_table_says_that_it_may_be_out_of_date_and_of_which_day_it_is() -> None:
    for name, found in BUILT_IN_PRICES.items():
        assert parse_model(name).full == name
        assert "may be out of date" in found.source
        assert found.as_of
        assert 0 < found.prompt <= found.completion < 1e-4


def test_what_runs_here_is_free_and_what_nobody_lists_is_unknown(table: PriceTable) -> None:
    assert price(table, "local/smollm2-135m") is FREE
    assert price(table, "openrouter/nobody/nothing") is None
    assert price(table, "http://127.0.0.1:9000/v1#m") is None
    table.set_own("vllm/rented", 0.1, 0.1)
    assert price(table, "vllm/rented") is not FREE


def test_another_spelling_of_a_model_is_the_same_model(table: PriceTable) -> None:
    assert table.set_own("openrouter/glm-4.5-air", 1, 2) == OURS
    assert table.set_own("openrouter/Z-AI/glm-4.5-air", 3, 4) == OURS
    assert table.own_names() == [OURS]
    table.set_own("http://127.0.0.1:9000/v1#m", 1, 1)
    assert price(table, "http://127.0.0.1:9000/v1#M")


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf"), 1e6])
def test_what_is_no_price_is_refused_and_nothing_is_written(table: PriceTable, amount: float) -> None:
    for prompt, completion in ((amount, 1), (1, amount)):
        with pytest.raises(SettingsError, match="is no price"):
            table.set_own(OURS, prompt, completion)
    with pytest.raises(SettingsError):
        table.set_own("no model", 1, 1)
    assert not table.path.exists()


def test_the_age_of_a_list_is_known_once_it_was_fetched(table: PriceTable) -> None:
    assert table.age("openrouter") is None
    table.store_list("openrouter", {"a/b": Price(1e-6, 1e-6)})
    age = table.age("openrouter")
    assert age is not None
    assert age >= 0
    assert table.age("together") is None


def test_entries_are_ones_own_first_and_each_model_once(table: PriceTable) -> None:
    table.store_list("openrouter", {"a/b": Price(1e-6, 1e-6), "openai/gpt-4o-mini": Price(1e-6, 1e-6)})
    table.set_own("openrouter/x/y", 1, 1)
    table.set_own("openai/gpt-4o", 9, 9)
    names = [entry.model for entry in table.entries()]
    assert names[:2] == ["openai/gpt-4o", "openrouter/x/y"]
    assert len(names) == len(set(names)) == len(BUILT_IN_PRICES) + 2
    assert dict(table.entries())["openai/gpt-4o"] == price(table, "openai/gpt-4o")


@pytest.mark.parametrize(
    "damage", ["{", "[]", '"x"', '{"yours": []}', '{"lists": 3}', "[" * 100_000, "\x00"]
)
def test_a_damaged_file_is_never_written_over_and_no_price_is_guessed_meanwhile(
    table: PriceTable, damage: str
) -> None:
    table.path.parent.mkdir(parents=True)
    table.path.write_text(damage)
    assert "is damaged" in table.problem
    assert price(table, "openai/gpt-4o") is None
    assert price(table, "local/smollm2-135m") is FREE
    assert table.entries() == []
    for write in (
        lambda: table.set_own(OURS, 1, 1),
        lambda: table.remove_own(OURS),
        lambda: table.store_list("openrouter", {}),
    ):
        with pytest.raises(RunError, match="damaged"):
            write()
    assert table.path.read_text() == damage


def test_a_damaged_file_can_be_set_aside_and_is_kept(table: PriceTable) -> None:
    table.path.parent.mkdir(parents=True)
    table.path.write_text("{ my prices")
    aside = table.set_aside()
    assert aside is not None
    assert aside.read_text() == "{ my prices"
    table.set_own(OURS, 1, 1)
    assert not table.problem
    assert table.set_aside() is None
    assert table.own_names() == [OURS]


def test_a_damaged_entry_makes_its_model_unknown_and_survives_every_change(table: PriceTable) -> None:
    table.path.parent.mkdir(parents=True)
    table.path.write_text(json.dumps({"yours": {"openai/gpt-4o": {"prompt": "dear"}, "odd": 1}}))
    assert price(table, "openai/gpt-4o") is None
    table.set_own(OURS, 1, 1)
    table.store_list("openrouter", {"a/b": Price(1e-6, 1e-6)})
    kept = json.loads(table.path.read_text())["yours"]
    assert kept["openai/gpt-4o"] == {"prompt": "dear"}
    assert table.remove_own("odd")
    assert dict(table.entries())["openai/gpt-4o"] is None


def test_a_file_that_cannot_be_read_is_a_problem_only_as_long_as_it_cannot(table: PriceTable) -> None:
    table.set_own(OURS, 1, 1)
    kept = table.path.read_bytes()
    table.path.unlink()
    table.path.mkdir()
    assert "Could not read" in table.problem
    assert price(table, "openai/gpt-4o") is None
    with pytest.raises(RunError, match="Could not read"):
        table.set_own(OURS, 2, 2)
    table.path.rmdir()
    table.path.write_bytes(kept)
    assert not table.problem
    assert table.own_names() == [OURS]


def test_two_writers_at_once_lose_nothing(settings: Settings) -> None:
    names = [f"openrouter/a/m{number}" for number in range(24)]
    writers = [threading.Thread(target=PriceTable(settings).set_own, args=(name, 1, 1)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert PriceTable(settings).own_names() == sorted(names)


# ---- the command line


def character(*words: str) -> Result:
    [group] = COMMANDS
    return CliRunner().invoke(group, words)


def said(done: Result) -> dict[str, Any]:
    return json.loads(done.stdout.splitlines()[-1])


def test_a_price_is_set_listed_and_removed_in_a_shell() -> None:
    done = character("set", "openrouter/glm-4.5-air", "--input", "0.2", "--output", "1.1", "--json")
    assert done.exit_code == 0
    assert f"{OURS}  $0.20 in, $1.10 out (your table, " in done.stdout
    assert (said(done)["model"], said(done)["input"], said(done)["output"]) == (OURS, 0.2, 1.1)
    done = character("list", OURS, "openrouter/nobody/x", "local/smollm2-135m", "--json")
    assert [entry["input"] for entry in said(done)["prices"]] == [0.2, None, 0.0]
    assert "price unknown" in done.stdout
    assert character("remove", "glm-4.5-air", "--provider", "openrouter").exit_code == 0
    assert isinstance(character("remove", OURS).exception, SettingsError)


def test_the_whole_list_shows_every_source() -> None:
    PriceTable(load_settings()).set_own(OURS, 1, 1)
    done = character("list")
    assert done.stdout.splitlines()[0].startswith(OURS)
    assert "may be out of date" in done.stdout
    assert "character prices refresh" in done.stderr


def test_refreshing_keeps_the_list_for_later(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_BASE_URL", server.url)
    done = character("refresh", "--json")
    assert done.exit_code == 0, done.output
    assert said(done)["prices"] == {"openrouter": 1}
    assert price(PriceTable(load_settings()), OURS) is not None


def test_one_list_that_fails_does_not_lose_the_other(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_BASE_URL", server.url)
    monkeypatch.setenv("TOGETHER_BASE_URL", server.url + "/nowhere")
    monkeypatch.setenv("TOGETHER_API_KEY", KEY)
    done = character("refresh", "--json")
    assert done.exit_code == 3
    assert (said(done)["done"], said(done)["failed"]) == (1, 1)
    assert "end in /v1" in said(done)["failures"]["together"]


def test_a_single_list_that_fails_is_an_error_in_words(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_BASE_URL", server.url)
    server.status = 503
    failure = character("refresh", "openrouter").exception
    assert isinstance(failure, CoreError)
    assert "in a minute" in str(failure)
