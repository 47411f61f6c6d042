"""N1 to N16: what becomes of a job when a server misbehaves, seen through the real engine and the files.

The server's faults are real; the client's clock runs a hundred times as fast (`Hurried`), so that the
product's own pauses of seconds and minutes are waited for in full and the tests stay short.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import pytest

from core.bulk import Bulk, Request, answer_all
from core.bulk.pace import COOLDOWN_S, Bounds, Pace
from core.bulk.retries import LONGEST_PAUSE_S, Patience, RetryBudget
from core.cli.telling import how_it_went
from core.engines.openai_compatible import LARGEST_ANSWER_BYTES, Endpoint, OpenAICompatible, Timeouts
from core.engines.opening import BARE_SERVER
from core.errors import EngineError
from core.names import PROVIDERS, ModelName, parse_model
from core.prompts import prompts_from_file
from core.records import Completion, Identity, Message, Sampling
from core.settings import Secret, Settings
from core.stages.answers import AnswerJob, Tally, answer
from core.stages.asking import bulk_of
from core.store.jsonl import Row, read_rows
from core.store.library import Library
from core.store.runs import AnswerSet, open_run
from tests.load_server import Fault, Latency, LoadServer, Plan, Storm, faults
from tests.stand_in import Reply, StandIn, parrot
from tests.waiting import until

SPEED = 100.0
KEY = "sk-canary-1234567890"
# Long enough in real time that a busy machine alone brings none of them about.
LONG = Timeouts(total=100 * 60, idle=100 * 60, connect=100 * 60)
SLOTS = 8


class _Selector(selectors.SelectSelector):
    def select(self, timeout: float | None = None) -> list[Any]:
        return super().select(timeout and timeout / SPEED)


class Hurried(asyncio.SelectorEventLoop):
    """An event loop with a real network and a clock that runs `SPEED` times as fast."""

    def __init__(self) -> None:
        super().__init__(_Selector())

    def time(self) -> float:
        return super().time() * SPEED


class Nameless(Hurried):
    """Where no name of a host is known."""

    async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@dataclass
class Went:
    """What became of a job: its tally, its files, and what ended it early if anything did."""

    answers: AnswerSet
    tally: Tally | None = None
    ended_by: EngineError | None = None

    @property
    def rows(self) -> list[Row]:
        return read_rows(self.answers.rows_path).rows

    @property
    def errors(self) -> list[Row]:
        """All of the file: every failure is a row of its own."""
        return read_rows(self.answers.errors_path).rows

    @property
    def counted(self) -> Tally:
        assert self.ended_by is None, self.ended_by
        assert self.tally is not None
        return self.tally


def went(
    where: str,
    settings: Settings,
    *,
    rows: int = 12,
    samples: int = 1,
    provider: str = "",
    timeouts: Timeouts = LONG,
    bulk: Bulk | None = None,
    key: str | None = None,
    loop: Callable[[], asyncio.AbstractEventLoop] = Hurried,
) -> Went:
    """A student job of so many prompts, asked through the real engine and kept in real files."""
    dialect = PROVIDERS[provider] if provider else BARE_SERVER
    model = ModelName(provider, "test-model") if provider else parse_model(f"{where}#test-model")
    endpoint = Endpoint(where, dialect, Secret(key) if key else None)
    engine = OpenAICompatible(model.full, model.model, endpoint, Identity("test"), timeouts=timeouts)
    pirate = Library(settings).load("pirate").constitution
    lines = "\n".join(question(number) for number in range(rows))
    prompts = prompts_from_file(lines.encode(), source="test")
    job = AnswerJob("student", model, prompts, Sampling(max_tokens=64, seed=0), samples)
    run = open_run(settings, pirate)

    async def go() -> Tally:
        try:
            return await answer(job, run, engine, settings, bulk=bulk or slots())
        finally:
            await engine.close()

    tally = ended_by = None
    with asyncio.Runner(loop_factory=loop) as runner:
        try:
            tally = runner.run(go())
        except EngineError as error:
            ended_by = error
    return Went(run.answer_sets("student")[0], tally, ended_by)


def question(number: int) -> str:
    return f"What is {number} and one?"


def slots(at_once: int = SLOTS, **more: Any) -> Bulk:
    """So many at once, always, with the product's own patience."""
    return Bulk(pace=Pace(Bounds(ceiling=at_once, adaptive=False)), **more)


def learning(start: int = 20, ceiling: int = 64) -> Bulk:
    return Bulk(pace=Pace(Bounds(start, ceiling)))


def asked_of(body: dict[str, Any]) -> str:
    return body["messages"][-1]["content"]


def at_first(fault: Fault, number: int | None = None) -> Plan:
    """The fault at the first attempt: for every question, or for one."""

    def script(_: int, body: dict[str, Any], attempt: int) -> Fault | None:
        hit = number is None or asked_of(body) == question(number)
        return fault if hit and attempt == 1 else None

    return Plan(script=script)


def always(fault: Fault, number: int | None = None) -> Plan:
    """The fault at every attempt: for every question, or for one."""
    return Plan(
        script=lambda _, body, attempt: (
            fault if number is None or asked_of(body) == question(number) else None
        )
    )


def asks(server: LoadServer) -> Counter[str]:
    return Counter(record.sha for record in server.log.records)


def assert_all_answered_once(job: Went, server: LoadServer, rows: int) -> None:
    """Every planned row is there once in the plan's order; every ask beyond the first had failed."""
    assert [row["key"] for row in job.rows] == list(job.answers.plan())
    assert (len(job.rows), job.errors, job.answers.is_complete()) == (rows, [], True)
    tally = job.counted
    assert (tally.planned, tally.done, tally.failed) == (rows, rows, 0)
    taken = Counter(record.sha for record in server.log.records if record.status == 200 and record.sent)
    assert len(asks(server)) == rows
    assert all(count == 1 for count in taken.values()) or tally.maybe_double_billed


def assert_one_failed(job: Went, rows: int, kind: str, attempts: int) -> Row:
    """One question has an error row and no row, all others a row and no error row; returns the error."""
    assert len(job.rows) == rows - 1
    (error,) = job.errors
    assert error["key"] not in {row["key"] for row in job.rows}
    assert (error["kind"], error["attempts"]) == (kind, attempts)
    assert job.counted.reasons == {kind: 1}
    assert (job.counted.done, job.counted.failed) == (rows - 1, 1)
    assert not job.answers.is_complete()
    return error


# ---- N1


def in_the_future() -> str:
    return formatdate(4_000_000_000, usegmt=True)


@pytest.mark.parametrize(
    ("fault", "least_s"),
    [
        (faults.rate_limited("7"), 7.0),
        (faults.rate_limited(retry_after_ms="7000"), 7.0),
        (faults.rate_limited("1e9"), LONGEST_PAUSE_S),
        (faults.rate_limited(in_the_future()), LONGEST_PAUSE_S),
        (faults.rate_limited(formatdate(0, usegmt=True)), 0.5),
        (faults.rate_limited("0"), 0.5),
        (faults.rate_limited("-1"), 0.5),
        (faults.rate_limited("soon"), 0.5),
        (faults.rate_limited("nan"), 0.5),
        (faults.no_credit("7"), 7.0),
    ],
    ids=["7", "ms", "1e9", "far date", "past date", "0", "-1", "soon", "nan", "402 with a wait"],
)
def test_n1_a_refused_row_waits_within_bounds_and_holds_no_slot(
    settings: Settings, fault: Fault, least_s: float
) -> None:
    with LoadServer(at_first(fault, 0)) as server:
        job = went(server.url, settings, rows=60, bulk=slots(1))
        assert_all_answered_once(job, server, 60)
        refused, again = (record for record in server.log.records if asks(server)[record.sha] == 2)
    assert (again.at - refused.at) * SPEED >= least_s
    assert (job.counted.requests, job.counted.retries, job.counted.rate_limited) == (61, 1, 1)
    # One slot only: what was answered in between was answered while the row waited for its turn.
    between = [record for record in server.log.records if refused.number < record.number < again.number]
    assert between or least_s < 7
    assert {row["attempts"] for row in job.rows} == {1, 2}
    assert job.counted.maybe_double_billed == 0


# ---- N2


async def drive(
    server: LoadServer, rows: int, bulk: Bulk, timeouts: Timeouts = LONG
) -> list[Completion | EngineError]:
    """The bare pipeline with the real engine; every result, in the order of landing."""
    engine = OpenAICompatible(
        "test", "m", Endpoint(server.url, BARE_SERVER), Identity("x"), timeouts=timeouts
    )
    results: list[Completion | EngineError] = []
    requests = (
        Request(number, (Message("user", question(number)),), Sampling(max_tokens=9))
        for number in range(rows)
    )
    try:
        await answer_all(engine, requests, lambda request, result: results.append(result), bulk=bulk)
    finally:
        await engine.close()
    return results


def hurried(coroutine: Any) -> Any:
    with asyncio.Runner(loop_factory=Hurried) as runner:
        return runner.run(coroutine)


def test_n2_a_storm_of_refusals_cuts_once_a_cooldown_and_loses_no_row() -> None:
    # It begins while most rows are unasked, however fast the machine: 64 at once are 192 rows by then.
    plan = Plan(latency=Latency(0.01), storms=(Storm(from_s=0.03, for_s=60 / SPEED),))
    bulk = learning()
    with LoadServer(plan) as server:
        results = hurried(drive(server, 600, bulk))
        refused = server.stats()["rate_limited"]
    assert len(results) == 600
    assert not any(isinstance(result, EngineError) for result in results)
    assert refused == bulk.figures.rate_limited == bulk.figures.retries
    assert bulk.figures.requests == len(server.log.records) == 600 + refused
    assert refused <= 600 + RetryBudget.RESERVE
    # Where many were taken just before, the storm looks like a rate at first: that is a cut as well.
    words = ("at once was too many", "although")
    cuts = [change.at for change in bulk.pace.changes if any(word in change.why for word in words)]
    assert cuts
    assert all(later - sooner >= COOLDOWN_S for sooner, later in pairwise(cuts))
    assert bulk.pace.in_flight == 0


# ---- N3


@pytest.mark.parametrize("limit", [5, 37, 80])
def test_n3_a_hidden_limit_of_requests_at_once_costs_retries_and_no_row(limit: int) -> None:
    bulk = learning(ceiling=128)
    with LoadServer(Plan(latency=Latency(0.02, 0.3), concurrency=limit)) as server:
        results = hurried(drive(server, 300, bulk))
        stats = server.stats()
    assert [type(result) for result in results] == [Completion] * 300
    assert stats["requests"] == 300 + stats["rate_limited"] == 300 + bulk.figures.rate_limited
    assert stats["max_in_flight"] <= limit
    assert bulk.pace.limit <= 128


@pytest.mark.parametrize("rate", [2, 20, 200])
def test_n3_a_hidden_rate_costs_retries_and_no_row(rate: int) -> None:
    bulk = learning()
    rows = min(200, 40 * rate)
    with LoadServer(Plan(latency=Latency(0.01), rate=rate * SPEED, burst=max(1, rate / 4))) as server:
        results = hurried(drive(server, rows, bulk))
        stats = server.stats()
    assert [type(result) for result in results] == [Completion] * rows
    assert stats["requests"] == rows + stats["rate_limited"] == rows + bulk.figures.rate_limited


# ---- N4


def test_n4_a_server_that_fails_every_twentieth_request_is_asked_as_much_as_before() -> None:
    plan = Plan(latency=Latency(0.01), faults=((0.05, faults.status(503)),))
    bulk = learning()
    with LoadServer(plan) as server:
        results = hurried(drive(server, 600, bulk))
        failed = sum(record.status == 503 for record in server.log.records)
    assert [type(result) for result in results] == [Completion] * 600
    assert bulk.figures.retries == failed > 10
    assert bulk.figures.rate_limited == 0
    assert list(bulk.pace.changes) == []
    assert bulk.pace.limit > 20


# ---- N5


@pytest.mark.parametrize("code", [500, 502, 504, 520])
def test_n5_a_failing_server_is_asked_again_and_then_the_row_fails(settings: Settings, code: int) -> None:
    with LoadServer(at_first(faults.status(code))) as server:
        job = went(server.url, settings)
        assert_all_answered_once(job, server, 12)
        assert set(asks(server).values()) == {2}
        assert {row["attempts"] for row in job.rows} == {2}
    with LoadServer(always(faults.status(code), 3)) as server:
        job = went(server.url, replaced(settings, "second"))
        error = assert_one_failed(job, 12, "transient", Patience().attempts)
        assert (error["status"], f"scripted {code}" in error["message"]) == (code, True)
        assert sorted(asks(server).values()) == [1] * 11 + [5]


def replaced(settings: Settings, name: str) -> Settings:
    """The same settings with a data folder of their own."""
    return replace(settings, data_path=settings.data_path / name)


def nobody() -> str:
    with LoadServer() as server:
        return server.url


@pytest.mark.parametrize("trouble", ["refused", "no such name", "no encryption"])
def test_n5_where_nobody_answers_the_job_stops_soon_with_the_reason_on_disk(
    settings: Settings, trouble: str
) -> None:
    with LoadServer() as server:
        where, loop = {
            "refused": (nobody(), Hurried),
            "no such name": ("http://models.example/v1", Nameless),
            "no encryption": (server.url.replace("http:", "https:"), Hurried),
        }[trouble]
        job = went(where, settings, loop=loop)
        assert server.log.records == []
    assert job.ended_by is not None
    assert (job.ended_by.kind, job.ended_by.stops_job) == ("unreachable", True)
    assert "no server answers" in str(job.ended_by)
    assert "Start the server or correct its address" in str(job.ended_by)
    assert job.rows == []
    # Each row is tried three times; the first to give up ends the job, and no slot's row more than that.
    assert {(row["kind"], row["attempts"]) for row in job.errors} == {("unreachable", 3)}
    assert len(job.errors) <= SLOTS


# ---- N6


def test_n6_a_conversation_that_is_too_long_fails_alone(settings: Settings) -> None:
    with LoadServer(always(faults.context_length(), 3)) as server:
        job = went(server.url, settings)
        error = assert_one_failed(job, 12, "refused", 1)
        assert "maximum context length" in error["message"]
        assert set(asks(server).values()) == {1}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.bad_key(), "key"),
        (faults.no_credit(), "credit"),
        (faults.status(403), "forbidden"),
        (faults.no_model(), "model"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_n6_what_no_row_survives_stops_the_job_and_wastes_a_request_a_slot_at_most(
    settings: Settings, fault: Fault, kind: str
) -> None:
    with LoadServer(always(fault)) as server:
        job = went(server.url, settings, rows=100)
        assert len(server.log.records) <= SLOTS
    assert job.ended_by is not None
    assert (job.ended_by.kind, job.ended_by.stops_job) == (kind, True)
    assert (job.rows, job.errors) == ([], [])
    late = Plan(script=lambda number, body, attempt: fault if number > 40 else None)
    with LoadServer(late) as server:
        job = went(server.url, replaced(settings, "later"), rows=100)
        assert len(server.log.records) <= 40 + SLOTS
    assert job.ended_by is not None
    assert 40 - SLOTS <= len(job.rows) <= 40
    assert not job.answers.is_complete()


# ---- N7


@pytest.mark.parametrize(
    ("fault", "kind", "attempts"),
    [
        (faults.error_body(), "transient", 5),
        (faults.choice_error(), "transient", 5),
        (faults.finish("error"), "transient", 5),
        (faults.no_choices(), "empty", 5),
        (faults.null_content(), "empty", 5),
        (faults.empty_text(), "empty", 5),
        (faults.only_reasoning(), "empty", 5),
        (faults.finish("content_filter"), "filtered", 1),
        (faults.answers("thought", lambda body: said(body, "<think>Hm, but")), "exhausted", 1),
        (faults.answers("thought twice", lambda body: said(body, "<think>Hm.</think> ")), "exhausted", 1),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_n7_http_200_without_an_answer_is_never_a_row(
    settings: Settings, fault: Fault, kind: str, attempts: int
) -> None:
    with LoadServer(always(fault, 3)) as server:
        job = went(server.url, settings)
        assert_one_failed(job, 12, kind, attempts)
        assert sorted(asks(server).values()) == sorted([1] * 11 + [attempts])


def said(body: dict[str, Any], text: str) -> None:
    body["choices"][0]["message"]["content"] = text


def test_n7_an_answer_that_was_cut_is_a_row_that_says_so(settings: Settings) -> None:
    with LoadServer(always(faults.finish("length"), 3)) as server:
        job = went(server.url, settings)
    assert Counter(row["finish_reason"] for row in job.rows) == {"stop": 11, "length": 1}
    assert job.counted.cut == 1


# ---- N8


@pytest.mark.parametrize(
    ("fault", "kind", "attempts"),
    [
        (faults.truncated(), "connection", 5),
        (faults.wrong_length(100), "connection", 5),
        (faults.wrong_length(-100), "connection", 5),
        (faults.not_json(), "unreadable", 5),
        (faults.captive_portal(), "unreadable", 5),
        (faults.gzip_bomb(200), "too_large", 1),
        (faults.huge(200), "too_large", 1),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_n8_a_damaged_or_boundless_answer_ends_one_row(
    settings: Settings, fault: Fault, kind: str, attempts: int
) -> None:
    with LoadServer(always(fault, 3)) as server:
        job = went(server.url, settings)
        assert_one_failed(job, 12, kind, attempts)
        assert sorted(asks(server).values()) == sorted([1] * 11 + [attempts])


async def kinds_of(server: LoadServer, rows: int) -> list[str]:
    """The kinds of so many failures; the failures themselves would keep what was read alive."""
    engine = OpenAICompatible("test", "m", Endpoint(server.url, BARE_SERVER), Identity("x"), timeouts=LONG)
    kinds: list[str] = []
    requests = (Request(number, (Message("user", question(number)),), Sampling()) for number in range(rows))
    try:
        await answer_all(
            engine,
            requests,
            lambda request, result: kinds.append(getattr(result, "kind", "answered")),
            bulk=slots(1),
        )
    finally:
        await engine.close()
    return kinds


@pytest.mark.parametrize("bomb", [faults.gzip_bomb, faults.huge], ids=["gzip", "huge"])
def test_n8_bombs_take_no_more_memory_than_the_largest_answer_allowed(bomb: Callable[[int], Fault]) -> None:
    fault = bomb(400)
    with LoadServer(always(fault)) as server:
        tracemalloc.start()
        try:
            kinds = hurried(kinds_of(server, 6))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert kinds == ["too_large"] * 6
    # 16 MB are allowed, and joining what came in holds them more than once for a moment.
    assert most < 6 * LARGEST_ANSWER_BYTES


def test_n8_a_text_that_is_no_valid_unicode_is_kept_as_it_came(settings: Settings) -> None:
    body = b'{"choices": [{"message": {"content": "half a sign: \\ud83d, a line\\u2028, a null\\u0000."}}]}'
    with LoadServer(always(Fault("surrogate", body=body), 3)) as server:
        job = went(server.url, settings)
    assert job.errors == []
    assert [row["text"] for row in job.rows][3] == "half a sign: \ud83d, a line\u2028, a null\u0000."


# ---- N9


@pytest.mark.parametrize("fault", [faults.silent(), faults.drip(60)], ids=["silent", "drip"])
def test_n9_an_answer_that_does_not_come_is_asked_for_again_and_said_to_be_billed_perhaps(
    settings: Settings, fault: Fault
) -> None:
    with LoadServer(at_first(fault, 3)) as server:
        job = went(server.url, settings, timeouts=replace(LONG, idle=1.0 * SPEED))
        assert_all_answered_once(job, server, 12)
        assert sorted(asks(server).values()) == [1] * 11 + [2]
    assert (job.counted.maybe_double_billed, job.counted.retries) == (1, 1)


def test_n9_a_drip_is_ended_by_the_total_limit_and_becomes_an_error_row(settings: Settings) -> None:
    with LoadServer(always(faults.drip(0.05), 3)) as server:
        job = went(
            server.url,
            settings,
            timeouts=replace(LONG, total=1.0 * SPEED),
            bulk=slots(patience=Patience(attempts=2)),
        )
        error = assert_one_failed(job, 12, "timeout", 2)
    assert "no answer in 100 s" in error["message"]
    assert job.counted.maybe_double_billed == 2


def test_n9_an_answer_after_our_patience_is_not_counted_twice(settings: Settings) -> None:
    with LoadServer(at_first(faults.late(1.5), 3)) as server:
        job = went(server.url, settings, timeouts=replace(LONG, total=1.0 * SPEED))
        assert_all_answered_once(job, server, 12)
        until(lambda: server.stats()["gone"] == 1)
    assert len({row["key"] for row in job.rows}) == len(job.rows) == job.counted.done == 12
    assert (job.counted.requests, job.counted.maybe_double_billed) == (13, 1)


# ---- N10


@pytest.mark.parametrize(
    "fault",
    [faults.reset(), faults.reset(0), faults.truncated(), faults.drop()],
    ids=lambda fault: fault.name,
)
def test_n10_a_connection_that_breaks_costs_a_retry_and_no_row(settings: Settings, fault: Fault) -> None:
    with LoadServer(at_first(fault, 3)) as server:
        job = went(server.url, settings)
        assert_all_answered_once(job, server, 12)
        assert sorted(asks(server).values()) == [1] * 11 + [2]


@pytest.mark.parametrize("fault", [faults.stale(), faults.close_after()], ids=lambda fault: fault.name)
def test_n10_a_kept_connection_that_the_server_closed_is_no_failure(
    settings: Settings, fault: Fault
) -> None:
    with LoadServer(always(fault)) as server:
        # One slot: the connection that is asked again over is then a fresh one for certain.
        job = went(server.url, settings, rows=100, bulk=slots(1))
        assert_all_answered_once(job, server, 100)
    assert job.counted.maybe_double_billed == 0
    # Asking once more over a fresh connection is counted: as a request, a retry and a row's attempt.
    assert (job.counted.requests - job.counted.retries, max(row["attempts"] for row in job.rows)) == (
        100,
        2,
    )


# ---- N11


def test_n11_a_server_that_restarts_in_the_middle_finds_every_row_waiting(settings: Settings) -> None:
    down = Plan(
        latency=Latency(0.002),
        script=lambda number, body, attempt: faults.restart(20 / SPEED) if number == 60 else None,
    )
    with LoadServer(down) as server:
        job = went(server.url, settings, rows=200)
        assert_all_answered_once(job, server, 200)
        again = sum(asks(server).values()) - 200
    # What was under way when it went down; nothing else was sent twice.
    assert 1 <= again <= 2 * SLOTS


# ---- N12


@pytest.mark.parametrize("honours_n", [True, False])
def test_n12_a_server_that_ignores_n_is_asked_for_each_sample(settings: Settings, honours_n: bool) -> None:
    with LoadServer(Plan(honours_n=honours_n, keep_bodies=True)) as server:
        model = ModelName("vllm", "test-model")
        engine = OpenAICompatible(
            "vllm/test-model", "test-model", Endpoint(server.url, PROVIDERS["vllm"]), Identity("x")
        )
        job = AnswerJob("student", model, (), Sampling(), 5)
        bulk = replace(bulk_of(job, engine), pace=slots().pace)
        assert bulk.samples_at_once == 5
        made = went(server.url, settings, rows=20, samples=5, provider="vllm", bulk=bulk)
        asked_for = [record.n for record in server.log.records]
    assert [row["key"] for row in made.rows] == list(made.answers.plan())
    assert set(Counter(row["prompt"] for row in made.rows).values()) == {5}
    assert len({row["text"] for row in made.rows}) == 100
    assert made.errors == []
    assert made.counted.done == 100
    if honours_n:
        assert asked_for == [5] * 20
    else:
        # Nothing is thrown away: each answer that came is a row, and soon nobody asks for five any more.
        assert len(asked_for) == 100
        assert asked_for.count(5) <= 2 * SLOTS


# ---- N13


def test_n13_answers_that_come_out_of_order_end_in_the_plans_order(settings: Settings) -> None:
    with LoadServer(Plan(latency=Latency(0.01, 1.0))) as server:
        job = went(server.url, settings, rows=100, bulk=slots(32))
        landed = sorted(server.log.records, key=lambda record: record.sent or 0.0)
        assert [record.number for record in landed] != sorted(record.number for record in landed)
        assert_all_answered_once(job, server, 100)


def test_n13_a_row_that_stands_twice_counts_once(settings: Settings) -> None:
    with LoadServer() as server:
        path = went(server.url, settings).answers.rows_path
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[:6], lines[2], *lines[6:], lines[0]]))
        job = went(server.url, settings)
        assert_all_answered_once(job, server, 12)
    assert job.counted.requests == 0


# ---- N14


def test_n14_an_answer_that_takes_for_ever_holds_up_one_slot_and_no_more(settings: Settings) -> None:
    others, lock = threading.Event(), threading.Lock()
    answered: list[str] = []

    def script(number: int, body: dict[str, Any]) -> Reply | str:
        if asked_of(body) == question(5):
            assert others.wait(60)
        with lock:
            answered.append(asked_of(body))
            if len(answered) == 99:
                others.set()
        return parrot(number, body)

    with StandIn(script) as server:
        job = went(server.url, settings, rows=100)
    assert answered[-1] == question(5)
    assert [row["key"] for row in job.rows] == list(job.answers.plan())
    assert job.counted.requests == 100


# ---- N15


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_n15_a_redirect_to_another_host_gets_neither_key_nor_question(
    settings: Settings, code: int
) -> None:
    with LoadServer(Plan(keep_bodies=True)) as other:
        with LoadServer(always(faults.redirect(f"{other.url}/chat/completions", code))) as server:
            job = went(server.url, settings, key=KEY)
            assert len(server.log.records) <= SLOTS
        assert other.log.records == []
    assert job.ended_by is not None
    assert job.ended_by.kind == "redirect"
    assert (job.rows, job.errors) == ([], [])


# ---- N16


def test_n16_another_model_than_asked_is_recorded_with_each_row_and_said(settings: Settings) -> None:
    with LoadServer(Plan(served_model="acme/cheaper-model")) as server:
        job = went(server.url, settings)
        name = parse_model(server.name)
    assert {row["served_model"] for row in job.rows} == {"acme/cheaper-model"}
    assert job.counted.served == {"acme/cheaper-model": 12}
    pirate = Library(settings).load("pirate").constitution
    words = how_it_went(f"student as {pirate.name}", "answers", name.model, job.counted)
    assert "The endpoint says that acme/cheaper-model answered." in words
