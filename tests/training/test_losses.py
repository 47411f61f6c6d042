"""The losses are the formulas, whatever the padding, the order and the cut of a batch."""

from __future__ import annotations

import math
import random

import pytest
import torch

from training.losses import LossSettings, Spans, Whole, dpo_terms, sft_terms, token_log_probs

pytestmark = pytest.mark.train

LENGTHS = [3, 5, 2, 4, 1, 6]
SETTINGS = LossSettings(beta=0.1, nll_weight=0.7, squared_weight=0.01)


def numbers(seed: int) -> list[list[float]]:
    draw = random.Random(seed)
    return [[-draw.random() * 5 for _ in range(length)] for length in LENGTHS]


def flat(rows: list[list[float]], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.tensor([value for row in rows for value in row], dtype=dtype)


def by_hand(policy: list[list[float]], reference: list[list[float]]) -> float:
    """The three terms in plain Python floats (64 bits)."""
    pairs = len(policy) // 2
    ratio = [sum(p) - sum(r) for p, r in zip(policy, reference, strict=True)]
    dpo = sum(math.log1p(math.exp(-0.1 * (ratio[i] - ratio[i + pairs]))) for i in range(pairs)) / pairs
    nll = -sum(sum(row) / len(row) for row in policy[:pairs]) / pairs
    squares = [
        sum((a - b) ** 2 for a, b in zip(p, r, strict=True)) / len(p)
        for p, r in zip(policy, reference, strict=True)
    ]
    return dpo + 0.7 * nll + 0.01 * sum(squares) / len(squares)


def test_the_loss_is_the_sum_of_its_three_terms_to_a_millionth() -> None:
    policy, reference = numbers(1), numbers(2)
    found = dpo_terms(flat(policy), flat(reference), Spans.of(LENGTHS), SETTINGS)
    assert float(found.loss) == pytest.approx(by_hand(policy, reference), rel=1e-6)


def test_the_order_of_the_pairs_changes_nothing() -> None:
    policy, reference, order = numbers(1), numbers(2), [2, 0, 1]
    places = [*order, *(place + 3 for place in order)]
    found = dpo_terms(flat(policy), flat(reference), Spans.of(LENGTHS), SETTINGS)
    other = dpo_terms(
        flat([policy[i] for i in places]),
        flat([reference[i] for i in places]),
        Spans.of([LENGTHS[i] for i in places]),
        SETTINGS,
    )
    assert float(found.loss) == pytest.approx(float(other.loss), rel=1e-6)


@pytest.mark.parametrize("mean", ["sequence", "token"])
def test_the_parts_of_a_batch_add_up_to_the_whole(mean: str) -> None:
    policy, reference = numbers(1), numbers(2)
    settings = LossSettings(0.1, 0.7, 0.01, mean)
    found = dpo_terms(flat(policy), flat(reference), Spans.of(LENGTHS), settings)
    size = Whole(3, sum(LENGTHS[:3]))
    parts = [
        dpo_terms(
            flat([policy[i], policy[i + 3]]),
            flat([reference[i], reference[i + 3]]),
            Spans.of([LENGTHS[i], LENGTHS[i + 3]]),
            settings,
            size,
        )
        for i in range(3)
    ]
    for name, value in found.figures.items():
        assert sum(float(part.figures[name]) for part in parts) == pytest.approx(float(value), rel=1e-5)


def test_a_model_that_is_its_own_reference_has_the_loss_of_a_coin() -> None:
    same = flat(numbers(1))
    found = dpo_terms(same, same, Spans.of(LENGTHS), LossSettings(0.1, 0.0, 1.0))
    assert float(found.loss) == pytest.approx(math.log(2), rel=1e-6)


def test_sft_is_the_mean_over_all_tokens_of_the_batch() -> None:
    assert float(sft_terms(torch.tensor([-1.0, -2.0, -6.0]), 3).loss) == pytest.approx(3.0)


@pytest.mark.parametrize("cap", [None, 5.0])
def test_token_log_probs_and_their_gradient_are_those_of_a_log_softmax(cap: float | None) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(600, 8, dtype=torch.float64, requires_grad=True)
    head, targets = torch.randn(20, 8, dtype=torch.float64), torch.randint(0, 20, (600,))
    weights = torch.randn(600, dtype=torch.float64)
    logits = hidden @ head.T
    plain = torch.log_softmax(logits if cap is None else cap * torch.tanh(logits / cap), -1)
    wanted = plain.gather(1, targets[:, None])[:, 0]
    (slope,) = torch.autograd.grad((wanted * weights).sum(), hidden)
    found = token_log_probs(hidden, head, targets, cap)
    (got,) = torch.autograd.grad((found * weights).sum(), hidden)
    exact = 1e-9 if cap is None else 1e-4
    torch.testing.assert_close(found.double(), wanted, rtol=exact, atol=exact)
    torch.testing.assert_close(got, slope, rtol=exact, atol=exact)
