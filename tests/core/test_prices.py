"""Prices: what an answer costs, what a job may cost, and how both are said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.names import PROVIDERS, parse_model
from core.prices import (
    FREE,
    Price,
    cost_range,
    estimate_words,
    money,
    name_in,
    parse_openrouter,
    parse_together,
    per_million,
    read_price,
    runs_here,
)
from core.records import Usage

GLM = Price(2e-7, 1.1e-6, cached=3e-8, source="OpenRouter's list", as_of="2026-11-23")


def openrouter(**pricing: object) -> dict[str, Price]:
    return parse_openrouter({"data": [{"id": "a/model", "pricing": pricing}]})


def together(**pricing: object) -> dict[str, Price]:
    return parse_together([{"id": "a/model", "pricing": pricing}])


def test_an_answer_costs_its_tokens_in_and_out() -> None:
    assert GLM.of(Usage(1000, 100)) == pytest.approx(1000 * 2e-7 + 100 * 1.1e-6)
    assert Price(0, 0, request=0.01).of(Usage(5, 5)) == pytest.approx(0.01)


def test_cached_tokens_cost_the_cached_price_where_it_is_known_and_the_full_one_elsewhere() -> None:
    assert GLM.of(Usage(1000, 0, cached=600)) == pytest.approx(400 * 2e-7 + 600 * 3e-8)
    assert Price(2e-7, 1e-6).of(Usage(1000, 0, cached=600)) == pytest.approx(1000 * 2e-7)
    assert GLM.of(Usage(10, 0, cached=900)) == pytest.approx(10 * 3e-8), "more cached than asked"


@pytest.mark.parametrize(
    "usage", [Usage(), Usage(5), Usage(None, 5), Usage(-1, 5), Usage("5", 5), Usage(True, 5)]
)
def test_without_token_counts_no_cost_is_invented(usage: Usage) -> None:
    assert GLM.of(usage) is None
    assert FREE.of(usage) == 0.0


@given(
    prompt=st.integers(0, 10**6),
    completion=st.integers(0, 10**5),
    cached=st.none() | st.integers(0, 10**6),
    cached_price=st.none() | st.floats(0, 0.01),
)
def test_no_answer_costs_more_than_the_most_said_for_its_size(
    prompt: int, completion: int, cached: int | None, cached_price: float | None
) -> None:
    price = Price(3e-6, 1.5e-5, cached_price, request=0.001)
    cost = price.of(Usage(prompt, completion, cached))
    assert cost is not None
    assert cost <= price.most(prompt, completion) + 1e-9


def test_what_runs_here_is_known_by_its_provider() -> None:
    assert all(map(runs_here, ("local", "vllm", "ollama", "lmstudio", "fake")))
    assert {name for name in PROVIDERS if not runs_here(name)} == {"openrouter", "together", "openai"}


def test_a_model_is_found_by_its_full_name_in_any_case_and_never_by_a_likeness() -> None:
    air = "openrouter/z-ai/glm-4.5-air"
    assert name_in(parse_model("openrouter/glm-4.5-air"), [air]) == air
    assert name_in(parse_model("openrouter/Z-AI/GLM-4.5-Air:x"), [air]) is None
    assert name_in(parse_model("together/z-ai/glm-4.5-air"), [air]) is None
    assert name_in(parse_model("together/Org/M"), ["together/org/m"]) == "together/org/m"
    assert name_in(parse_model("http://127.0.0.1:9000/v1#m"), [air]) is None


def test_openrouters_list_is_read_in_usd_per_token() -> None:
    found = openrouter(prompt="0.0000002", completion="0.0000011", input_cache_read="0.00000003")
    assert found["a/model"].of(Usage(1000, 100)) == pytest.approx(0.00031)
    assert found["a/model"].cached == pytest.approx(3e-8)
    assert found["a/model"].source == "OpenRouter's list"
    assert openrouter(prompt="0", completion="0", request="0.005")["a/model"].request == 0.005
    assert openrouter(prompt="0", completion="0")["a/model"].is_free
    assert (
        openrouter(prompt="0", completion="1e-6", internal_reasoning="2e-6")["a/model"].completion == 2e-6
    )


@pytest.mark.parametrize(
    "pricing",
    [
        {"prompt": "-1", "completion": "-1"},
        {"prompt": "0.000001"},
        {"prompt": "cheap", "completion": "0"},
        {"prompt": "nan", "completion": "0"},
        {"prompt": "inf", "completion": "0"},
        {"prompt": True, "completion": 0},
        {"prompt": ["1"], "completion": "0"},
        {"prompt": "3.00", "completion": "15.00"},
        {"prompt": "0", "completion": "0", "request": "-1"},
        {"prompt": "0", "completion": "0", "request": [1]},
        {"prompt": 10**400, "completion": 0},
    ],
)
def test_a_price_that_is_dynamic_damaged_or_beyond_reason_is_left_out(pricing: dict[str, object]) -> None:
    good = {"id": "good", "pricing": {"prompt": 0, "completion": 0}}
    assert list(parse_openrouter({"data": [{"id": "bad", "pricing": pricing}, good]})) == ["good"]


def test_togethers_list_is_read_in_usd_per_million_in_both_of_its_forms() -> None:
    entry = {
        "id": "a/model",
        "pricing": {"input": 0.88, "output": 1, "base": 0, "hourly": 0, "finetune": 0},
    }
    for body in ([entry], {"data": [entry]}):
        found = parse_together(body, as_of="2026-11-23")["a/model"]
        assert found.of(Usage(1_000_000, 1_000_000)) == pytest.approx(1.88)
        assert (found.source, found.as_of) == ("Together's list", "2026-11-23")


def test_a_price_of_nothing_but_zeros_means_unknown_at_together() -> None:
    assert together(input=0, output=0, base=0, hourly=0, finetune=0) == {}
    assert together(input=0, output=0, hourly=3.5) == {}
    assert together(input=0.1) == {}
    assert together(input=88_000, output=1) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "id", "pricing", "prompt", "completion", "input", "output", "x"]),
            inner,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_body_however_damaged_is_an_exception_or_a_price_below_zero(body: object) -> None:
    for parse in (parse_openrouter, parse_together):
        for price in parse(body).values():
            assert 0 <= price.prompt <= 0.01
            assert 0 <= price.completion <= 0.01
    read_price(body)


def test_a_price_survives_being_written_and_read() -> None:
    assert read_price(GLM.as_dict()) == GLM
    assert read_price(FREE.as_dict()) == FREE
    assert read_price({"prompt": 1e-6}) is None
    assert read_price(None) is None


def test_an_estimate_lies_between_typical_answers_and_answers_as_long_as_they_may_be() -> None:
    price = Price(1e-6, 1e-5)
    low, high = cost_range(price, calls=10, prompt_tokens=1000, max_tokens=800)
    assert low == pytest.approx(1000 * 1e-6 + 10 * 100 * 1e-5)
    assert high == pytest.approx(1000 * 1e-6 + 10 * 800 * 1e-5)
    assert cost_range(price, calls=10, prompt_tokens=0, max_tokens=4096).low == pytest.approx(10 * 350e-5)
    known = cost_range(price, calls=10, prompt_tokens=0, max_tokens=800, typical_tokens=220)
    assert known.low == pytest.approx(10 * 220e-5)
    assert cost_range(price, calls=1, prompt_tokens=0, max_tokens=5, typical_tokens=99).low == 5e-5


@given(st.integers(0, 10**5), st.integers(0, 10**8), st.integers(1, 10**5), st.none() | st.floats(0, 1e6))
def test_the_low_end_is_never_above_the_high_end(
    calls: int, prompt_tokens: int, max_tokens: int, typical: float | None
) -> None:
    found = cost_range(
        GLM, calls=calls, prompt_tokens=prompt_tokens, max_tokens=max_tokens, typical_tokens=typical
    )
    assert 0 <= found.low <= found.high


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        (0, "$0"),
        (1e-9, "under $0.01"),
        (0.0042, "$0.0042"),
        (0.00999, "$0.01"),
        (0.123, "$0.12"),
        (1.2, "$1.20"),
        (999.99, "$999.99"),
        (999.999, "$1,000"),
        (1234.4, "$1,234"),
    ],
)
def test_money_is_said_as_people_say_it(usd: float, words: str) -> None:
    assert money(usd) == words


@given(st.floats(1e-12, 1e7))
def test_a_positive_amount_is_never_said_to_be_nothing(usd: float) -> None:
    assert money(usd) not in ("$0", "$0.00", "$0.0000")


@pytest.mark.parametrize(
    ("per_token", "words"),
    [(0.0, "free"), (2e-7, "$0.20"), (5.5e-8, "$0.055"), (1.5e-5, "$15.00"), (1.25e-3, "$1,250.00")],
)
def test_a_price_by_the_million_reads_as_price_lists_do(per_token: float, words: str) -> None:
    assert per_million(per_token) == words


def test_an_estimate_says_the_range_whose_prices_and_of_which_day() -> None:
    assert estimate_words(0.12, 0.85, GLM) == "about $0.12 to $0.85 (OpenRouter's list, 23 Nov 2026)"
    assert estimate_words(1e-5, 0.85, GLM).startswith("at most about $0.85")
    assert estimate_words(1e-5, 1e-4, GLM).startswith("under $0.01")
    assert estimate_words(0.121, 0.122, Price(1e-6, 0)) == "about $0.12"
    assert estimate_words(0.1, 0.2, Price(1e-6, 0, source="your table", as_of="?")).endswith("(your table)")


def test_free_and_unknown_are_two_things() -> None:
    assert estimate_words(0, 0, FREE) == "free, it runs here"
    assert estimate_words(0, 0, Price(0, 0, source="OpenRouter's list")) == "free (OpenRouter's list)"
    assert "character prices set" in estimate_words(0, 0, None)
