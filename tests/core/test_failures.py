"""What a failure means: for the row, for the job, and how long a server may ask to wait."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.failures import (
    ASK_AGAIN,
    LONGEST_RETRY_AFTER_S,
    STOPS_JOB,
    advice,
    kind_of_status,
    message_in,
    retry_after,
    trouble_in_body,
    trouble_of,
)
from core.names import PROVIDERS
from tests.core.character_kit import UNHURRIED

FINAL = frozenset({"refused", "filtered", "too_large", "exhausted"})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, "rate_limited"),
        *((status, "transient") for status in (408, 409, 425, 500, 502, 503, 504, 520, 522, 524, 529, 599)),
        *((status, "refused") for status in (400, 405, 413, 415, 422, 451)),
        (401, "key"),
        (402, "credit"),
        (403, "forbidden"),
        (404, "model"),
        *((status, "redirect") for status in (301, 302, 303, 307, 308)),
    ],
)
def test_each_status_has_its_meaning(status: int, kind: str) -> None:
    assert trouble_of(status, None, "", {}).kind == kind


@given(st.integers(100, 999), st.booleans())
def test_every_status_is_asked_again_stops_the_job_or_ends_the_row(status: int, wait: bool) -> None:
    kind = kind_of_status(status, retry_after=wait)
    assert (kind in ASK_AGAIN) + (kind in STOPS_JOB) + (kind in FINAL) == 1


def test_no_credit_with_a_wait_is_only_too_much_at_once() -> None:
    assert trouble_of(402, None, "", {"Retry-After": "3"}).kind == "rate_limited"
    assert trouble_of(402, None, "", {"Retry-After": "soon"}).kind == "credit"
    assert trouble_of(402, None, "", {}).kind == "credit"


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({"reasons": ["violence"]}, "filtered"),
        ({"flagged_input": "…"}, "filtered"),
        ({}, "forbidden"),
        (None, "forbidden"),
        ("reasons", "forbidden"),
    ],
)
def test_moderation_ends_one_row_and_a_forbidden_account_the_job(metadata: Any, kind: str) -> None:
    assert trouble_of(403, {"error": {"message": "no", "metadata": metadata}}, "", {}).kind == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 502, "message": "down"}, "transient"),
        ({"code": 401}, "key"),
        ({"code": 402}, "credit"),
        ({"code": 429}, "rate_limited"),
        ({"code": 400}, "refused"),
        ({"code": True}, "transient"),
        ({"code": "rate_limit_exceeded"}, "transient"),
        ({"code": 10**30}, "transient"),
        ("overloaded", "transient"),
        (["overloaded"], "transient"),
        (7, "transient"),
    ],
)
def test_an_error_under_http_200_means_what_its_own_code_says(error: Any, kind: str) -> None:
    assert trouble_in_body(error).kind == kind


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"message": "too long"}}, "too long"),
        ({"error": "too long"}, "too long"),
        ({"message": "too long"}, "too long"),
        ({"detail": "too long"}, "too long"),
        ({"error": {"code": "too_long"}}, "too_long"),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": "x"}}},
            "Provider returned error (x)",
        ),
        ({"error": {"message": "m", "metadata": {"raw": {"a": 1}}}}, "m"),
        ({"error": [1]}, ""),
        ({"error": None}, ""),
        ({}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_servers_reason_is_found_wherever_it_stands(body: Any, reason: str) -> None:
    assert message_in(body) == reason


def test_a_reason_that_is_no_json_is_shown_as_it_is_and_an_absent_one_is_admitted() -> None:
    assert "bad gateway" in trouble_of(502, None, " <h1>bad gateway</h1> ", {}).reason
    assert "no reason given" in trouble_of(502, None, "  ", {}).reason


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-1"}, 0.0),
        ({"Retry-After": "-inf"}, 0.0),
        ({"Retry-After": "1e9"}, LONGEST_RETRY_AFTER_S),
        ({"Retry-After": "inf"}, LONGEST_RETRY_AFTER_S),
        ({"Retry-After": formatdate(0, usegmt=True)}, 0.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST_RETRY_AFTER_S),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "-1"}, 0.0),
        ({"retry-after-ms": "1500", "Retry-After": "9"}, 1.5),
        ({"retry-after-ms": "soon", "Retry-After": "9"}, 9.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "Fri, 99 Foo 2026 99:99:99 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_every_form_within_bounds_and_garbage_ignored(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date_is_the_time_until_then() -> None:
    begun = time.time()
    found = retry_after({"Retry-After": formatdate(begun + 120, usegmt=True)})
    assert found is not None
    # The date has whole seconds, and reading it takes time.
    assert 119 - (time.time() - begun) <= found <= 120


@UNHURRIED
@given(st.text() | st.text("0123456789:, GMTJanFri+-", max_size=40), st.text(max_size=10))
def test_no_retry_after_can_crash_wait_for_ever_or_go_back_in_time(text: str, millis: str) -> None:
    found = retry_after({"Retry-After": text, "retry-after-ms": millis})
    assert found is None or 0 <= found <= LONGEST_RETRY_AFTER_S


@pytest.mark.parametrize(
    ("kind", "cure"),
    [
        ("key", "OPENROUTER_API_KEY"),
        ("credit", "Add credit at OpenRouter"),
        ("model", "Check the model's name"),
        ("forbidden", "permissions"),
        ("unreachable", "Start the server"),
        ("redirect", "final address"),
        ("exhausted", "--max-tokens"),
        ("rate_limited", "--max-concurrency"),
        ("transient", ""),
    ],
)
def test_what_a_person_can_mend_comes_with_the_cure(kind: str, cure: str) -> None:
    said = advice(kind, PROVIDERS["openrouter"])
    assert cure in said
    assert bool(cure) == bool(said)


def test_whatever_stops_a_job_comes_with_a_cure() -> None:
    assert all(advice(kind, PROVIDERS["together"]) for kind in STOPS_JOB)
