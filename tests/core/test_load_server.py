"""The stand-in server does what it says: answers, limits, and every fault as it goes on the wire."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from bench.bulk.figures import greedy_makespan, mean_in_flight, rate_admitted, steady, wasted
from bench.bulk.lines import BEGIN, END, Line, at_least, at_most, written
from core.settings import PROJECT
from tests.load_server import Fault, Latency, LoadServer, Plan, Storm, faults, latency_of, text_for
from tests.load_server.faults import parse
from tests.waiting import until

Ask = Callable[..., Awaitable[aiohttp.ClientResponse]]


def body_of(text: str = "Ahoy?", **more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Be a pirate." * 20}, {"role": "user", "content": text}]
    return {"model": "test-model", "messages": messages, "seed": 1} | more


def talk(server: LoadServer, conversation: Callable[[Ask], Awaitable[Any]], **headers: str) -> Any:
    """Run a conversation with the server over one session."""

    async def go() -> Any:
        limit = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(timeout=limit, headers=headers) as session:

            async def ask(body: dict[str, Any] | None = None, **more: Any) -> aiohttp.ClientResponse:
                url = f"{server.url}/chat/completions"
                sent = json.dumps(body or body_of()).encode()
                return await session.post(url, data=sent, allow_redirects=False, **more)

            return await conversation(ask)

    return asyncio.run(go())


def one(server: LoadServer, body: dict[str, Any] | None = None, **headers: str) -> tuple[int, Any, Any]:
    """Status, parsed body and headers of one answer."""

    async def conversation(ask: Ask) -> tuple[int, Any, Any]:
        response = await ask(body)
        return response.status, await response.json(content_type=None), response.headers

    return talk(server, conversation, **headers)


def always(fault: Fault) -> Plan:
    return Plan(script=lambda number, body, attempt: fault)


def test_an_answer_depends_on_conversation_and_sampling_alone() -> None:
    with LoadServer() as first, LoadServer() as second:
        texts = [one(server, body_of())[1] for server in (first, second, first)]
        other = one(first, body_of(seed=2))[1]
    assert len({answer["choices"][0]["message"]["content"] for answer in texts}) == 1
    assert texts[0]["choices"][0]["message"]["content"] == text_for(body_of())
    assert other["choices"][0]["message"]["content"] == text_for(body_of(seed=2)) != text_for(body_of())
    assert texts[0]["usage"]["completion_tokens"] > 0


def test_the_order_of_a_bodys_fields_does_not_change_its_answer() -> None:
    body = body_of()
    assert text_for(body) == text_for(dict(reversed(body.items())))


def test_the_log_counts_attempts_for_the_same_body() -> None:
    with LoadServer(Plan(keep_bodies=True)) as server:
        for text in ("a", "b", "a"):
            one(server, body_of(text), Authorization="Bearer canary")
        records = server.log.records
    assert [record.attempt for record in records] == [1, 1, 2]
    assert records[0].sha == records[2].sha != records[1].sha
    assert all(record.authorized and record.status == 200 and record.sent for record in records)
    assert records[1].body == body_of("b")


def test_a_latency_can_be_replayed_offline() -> None:
    plan = Plan(seed=3, latency=Latency(0.001, 0.8, 0.5, 3.0))
    with LoadServer(plan) as server:
        for text in ("a", "b", "a"):
            one(server, body_of(text))
        records = list(server.log.records)
    assert [record.latency for record in records] == [
        latency_of(plan, record.sha, record.attempt) for record in records
    ]
    assert len({record.latency for record in records}) == 3


def test_stragglers_take_their_share_and_the_median_holds() -> None:
    plan = Plan(latency=Latency(0.2, 0.8, 0.01, 20))
    drawn = sorted(latency_of(plan, f"{number:064x}") for number in range(4000))
    assert 0.18 < drawn[2000] < 0.22
    assert 20 < sum(seconds > 2.5 for seconds in drawn) < 90


def test_beyond_the_hidden_concurrency_the_answer_is_429_at_once() -> None:
    async def conversation(ask: Ask) -> list[int]:
        waiting = [asyncio.create_task(ask(body_of(str(number)))) for number in range(3)]
        done, open_ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in open_:
            task.cancel()
        return [task.result().status for task in done]

    with LoadServer(Plan(latency=Latency(60), concurrency=2, retry_after="7")) as server:
        assert talk(server, conversation) == [429]
        assert server.stats()["max_in_flight"] == 2
        assert server.stats()["rate_limited"] == 1
        until(lambda: server.stats()["gone"] == 2)
        assert server.stats()["in_flight"] == 0


def test_beyond_the_hidden_rate_the_answer_is_429() -> None:
    with LoadServer(Plan(rate=0.001, burst=2, retry_after="later")) as server:
        answers = [one(server) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert answers[2][2]["Retry-After"] == "later"


@pytest.mark.parametrize("text", ["7", "Wed, 21 Oct 2026 07:28:00 GMT", "0", "-1", "1e9", "soon"])
def test_retry_after_is_sent_as_it_stands(text: str) -> None:
    with LoadServer(always(faults.rate_limited(text))) as server:
        status, _, headers = one(server)
    assert (status, headers["Retry-After"]) == (429, text)


def test_a_storm_hits_everyone_and_ends() -> None:
    with LoadServer(Plan(storms=(Storm(first=2, last=3),))) as server:
        assert [one(server)[0] for _ in range(4)] == [200, 429, 429, 200]
    with LoadServer(Plan(storms=(Storm(from_s=0, for_s=60, fault=faults.status(503)),))) as server:
        assert [one(server)[0] for _ in range(2)] == [503, 503]


def test_faults_by_share_are_the_same_for_the_same_seed() -> None:
    def statuses(seed: int) -> list[int]:
        with LoadServer(Plan(seed=seed, faults=((0.5, faults.status(503)),))) as server:
            return [one(server, body_of(str(number)))[0] for number in range(20)]

    assert statuses(1) == statuses(1) != statuses(2)
    assert {200, 503} == set(statuses(1))


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.context_length(), 400),
        (faults.bad_key(), 401),
        (faults.no_credit("3"), 402),
        (faults.no_model(), 404),
        (faults.status(520), 520),
    ],
)
def test_an_error_status_carries_a_reason(fault: Fault, status: int) -> None:
    with LoadServer(always(fault)) as server:
        found, body, _ = one(server)
    assert found == status and body["error"]["message"]


def test_a_two_hundred_can_be_worthless() -> None:
    def choice(fault: Fault) -> Any:
        with LoadServer(always(fault)) as server:
            status, body, _ = one(server)
        assert status == 200
        return body["choices"][0] if body.get("choices") else body

    assert "error" in choice(faults.error_body())
    assert choice(faults.no_choices())["choices"] == []
    assert choice(faults.null_content())["message"]["content"] is None
    assert choice(faults.only_reasoning())["message"]["reasoning_content"]
    assert choice(faults.empty_text())["message"]["content"] == ""
    assert choice(faults.finish("content_filter"))["finish_reason"] == "content_filter"
    assert choice(faults.choice_error())["error"]["message"]


@pytest.mark.parametrize(
    "fault", [faults.truncated(), faults.reset(), faults.drop(), faults.wrong_length(50)]
)
def test_a_broken_answer_breaks_the_connection(fault: Fault) -> None:
    with LoadServer(always(fault)) as server, pytest.raises((aiohttp.ClientError, ConnectionError)):
        one(server)


@pytest.mark.parametrize("fault", [faults.not_json(), faults.captive_portal()])
def test_an_answer_may_be_no_json(fault: Fault) -> None:
    with LoadServer(always(fault)) as server, pytest.raises(ValueError):
        one(server)


def test_a_bomb_is_small_on_the_wire_and_a_huge_body_is_not() -> None:
    async def size(ask: Ask) -> int:
        response = await ask()
        return sum([len(block) async for block in response.content.iter_any()])

    bomb = faults.gzip_bomb(3)
    assert len(bomb.body or b"") < 10_000
    with LoadServer(always(bomb)) as server:
        assert talk(server, size) > 3_000_000
    with LoadServer(always(faults.huge(5))) as server:
        assert talk(server, size) > 5_000_000


def test_a_silent_server_learns_that_the_client_went() -> None:
    async def give_up(ask: Ask) -> None:
        with pytest.raises(TimeoutError):
            await ask(timeout=aiohttp.ClientTimeout(total=0.05))

    for fault in (faults.silent(), faults.late(60), faults.slow(10_000)):
        with LoadServer(Plan(latency=Latency(0.01), script=lambda *_, fault=fault: fault)) as server:
            talk(server, give_up)
            until(lambda server=server: server.log.records[0].gone)
            assert server.log.records[0].sent is None


def test_a_drip_gives_the_head_at_once_and_the_body_byte_by_byte() -> None:
    async def first_byte(ask: Ask) -> tuple[int, bytes]:
        response = await ask()
        return response.status, await response.content.readany()

    with LoadServer(always(faults.drip(60))) as server:
        assert talk(server, first_byte) == (200, b"{")


def test_a_kept_connection_can_be_closed_behind_an_answer_or_before_the_next() -> None:
    async def twice(ask: Ask) -> list[str]:
        return [(await (await ask(body_of(text))).json())["id"] for text in ("a", "b")]

    for fault in (faults.close_after(), faults.stale()):
        with LoadServer(always(fault)) as server:
            try:
                assert len(talk(server, twice)) == 2
            except aiohttp.ClientError:
                assert len(server.log.records) >= 1


def test_the_same_answer_can_come_for_another_request() -> None:
    with LoadServer(Plan(script=lambda number, *_: faults.swapped() if number == 2 else None)) as server:
        first, second, third = (one(server, body_of(text))[1] for text in ("a", "b", "c"))
    assert first == second != third


def test_a_redirect_names_the_other_address() -> None:
    with LoadServer(always(faults.redirect("http://127.0.0.2:9/v1", 308))) as server:

        async def where(ask: Ask) -> tuple[int, str]:
            response = await ask()
            return response.status, response.headers["Location"]

        assert talk(server, where) == (308, "http://127.0.0.2:9/v1")


def test_an_error_can_repeat_the_key_in_body_and_header() -> None:
    with LoadServer(always(faults.echo_key())) as server:
        status, body, headers = one(server, Authorization="Bearer canary-key")
    assert status == 401
    assert "canary-key" in body["error"]["message"] and "canary-key" in headers["X-Debug"]


def test_choices_model_cost_and_cache_follow_the_plan() -> None:
    plan = Plan(served_model="alias-7b", prefix_cache=True, cost_usd=0.25)
    with LoadServer(plan) as server:
        first, second = (one(server, body_of(text, n=3))[1] for text in ("a", "b"))
    assert (first["model"], first["usage"]["cost"], len(first["choices"])) == ("alias-7b", 0.25, 3)
    assert len({choice["message"]["content"] for choice in first["choices"]}) == 3
    cached = [answer["usage"]["prompt_tokens_details"]["cached_tokens"] for answer in (first, second)]
    assert cached == [0, 60]
    with LoadServer(Plan(honours_n=False)) as server:
        assert len(one(server, body_of(n=3))[1]["choices"]) == 1


def test_a_server_can_be_gone_and_come_back_at_its_port() -> None:
    with LoadServer() as server:
        server.refuse()
        with pytest.raises(aiohttp.ClientConnectorError):
            one(server)
        server.reopen()
        assert one(server)[0] == 200
        server.restart()
        assert one(server)[0] == 200


def test_the_program_prints_its_address_and_serves_its_figures() -> None:
    command = [sys.executable, "-m", "tests.load_server", "--fault", "503:1.0", "--latency", "constant:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as program:
        assert program.stdout is not None
        url = program.stdout.readline().strip()

        async def go() -> tuple[int, dict[str, Any], int]:
            async with aiohttp.ClientSession() as session:
                asked = await session.post(f"{url}/chat/completions", json=body_of())
                root = url.removesuffix("/v1")
                stats = await (await session.get(f"{root}/_stats")).json()
                await session.post(f"{root}/_reset")
                after = await (await session.get(f"{root}/_stats")).json()
                return asked.status, stats, after["requests"]

        try:
            status, stats, after = asyncio.run(go())
        finally:
            program.terminate()
    assert (status, stats["by_status"], after, program.returncode) == (503, {"503": 1}, 0, 0)


def test_the_spelling_of_a_fault_names_its_number_and_share() -> None:
    assert parse("429/7:0.02")[0] == 0.02
    assert dict(parse("429/7:0.02")[1].headers) == {"Retry-After": "7"}
    assert parse("late/1.5:0.1")[1].after_s == 1.5
    assert parse("finish/length:1")[1].name == "finish length"


def entry(at: float, sent: float | None, status: int = 200) -> dict[str, Any]:
    fault = "limit" if status == 429 else None
    return {"at": at, "sent": sent, "status": status, "fault": fault, "attempt": 1}


def test_an_ideal_replay_gives_each_request_to_the_slot_that_is_free_first() -> None:
    assert greedy_makespan([3, 1, 1, 1], 2) == 3
    assert greedy_makespan([1, 1, 1, 3], 2) == 4
    assert greedy_makespan([2, 2, 2], 1) == 6


def test_figures_of_a_log_leave_out_the_warm_up_and_what_was_turned_away() -> None:
    log = [entry(0, 4), entry(1, 3), entry(2, 2, 429), entry(3, 5), entry(4, None)]
    assert steady(log, 1) == (1, 4)
    assert mean_in_flight(log, 0, 4) == (4 + 2 + 1) / 4
    assert rate_admitted(log, 1, 4) == 2 / 3
    assert wasted(log, 1, 4) == 1 / 4


def test_measuring_one_line_again_leaves_the_others_of_the_table() -> None:
    readme = f"# Measurements\n{BEGIN}\n{END}\n## More\n"
    lines = [at_least("a ÷ b", 0.98, 0.97, 0.99, beside="x|y"), at_most("waste", 0.05, 0.03, None)]
    once = written(readme, lines, "on a machine")
    again = written(once, [Line("waste", "0.01")], "on another")
    assert "| a ÷ b | 0.98 | ≥ 0.97 | ≥ 0.99 | holds | x/y |" in again
    assert "on a machine" not in again and again.count("| waste |") == 1
    assert "**misses**" in once and "**misses**" not in again
    assert again.startswith("# Measurements\n") and again.endswith("## More\n")
