"""The losses, from log-probabilities of single tokens. Pure torch: no model, no files.

A batch is flat: one log-probability a completion token, and `Spans` that say which sequence each token
belongs to. Nothing here sees padding, so padded and unpadded batches cannot differ.

    DPO   -log σ(β·((log π(c) - log ρ(c)) - (log π(r) - log ρ(r))))      Rafailov et al. 2023, eq. 7
    NLL   mean over chosen of the mean token -log π                      Pang et al. 2024 (RPO), OpenRLHF
    SQ    mean over chosen and rejected of the mean token (log π - log ρ)²    Open Character Training

π is the model in training, ρ the frozen reference, c and r the chosen and the rejected answer; log-probs of
answers are sums over their tokens. Loss = DPO + nll_weight · NLL + squared_weight · SQ. All means are over
the sequences of the *whole* optimiser batch, so splitting it changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# Logits of so many tokens exist at once: with a vocabulary of 49,152 that is 50 MB.
HEAD_CHUNK = 256


@dataclass(frozen=True, slots=True)
class LossSettings:
    """Weights of the terms. `nll_mean` "token" is TRL's mean over all tokens, for comparisons."""

    beta: float = 0.1
    nll_weight: float = 0.1
    squared_weight: float = 0.001
    nll_mean: str = "sequence"


@dataclass(frozen=True, slots=True)
class Spans:
    """Which sequence each token belongs to (0, 0, 1, 1, 1 …), and how many tokens each has."""

    owner: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, lengths: list[int], device: Any = "cpu") -> Spans:
        """From the lengths of the sequences, in order."""
        counts = torch.tensor(lengths, device=device)
        return cls(torch.repeat_interleave(torch.arange(len(lengths), device=device), counts), counts)

    def sums(self, values: Tensor) -> Tensor:
        """One sum a sequence."""
        zeros = torch.zeros(len(self.lengths), dtype=values.dtype, device=values.device)
        return zeros.index_add(0, self.owner, values)

    def means(self, values: Tensor) -> Tensor:
        """One mean a sequence."""
        return self.sums(values) / self.lengths.to(values.dtype)


@dataclass(frozen=True, slots=True)
class Terms:
    """The loss of a (part of a) batch and what the curves show; all but `loss` without gradient."""

    loss: Tensor
    figures: dict[str, Tensor]


def dpo_terms(
    policy: Tensor, reference: Tensor, spans: Spans, settings: LossSettings, whole: Whole | None = None
) -> Terms:
    """DPO + NLL + squared log-ratio of sequences in the order chosen 1 … n, rejected 1 … n.

    `whole` names the size of the optimiser batch when these rows are only a part of it.
    """
    pairs = len(spans.lengths) // 2
    whole = whole or Whole(pairs, int(spans.lengths[:pairs].sum()))
    ratios = spans.sums(policy - reference)
    rewards = settings.beta * ratios
    margins = rewards[:pairs] - rewards[pairs:]
    preference = -F.logsigmoid(margins).sum() / whole.pairs
    likelihood = _nll(policy, spans, pairs, settings, whole)
    squared = spans.means((policy - reference) ** 2).sum() / (2 * whole.pairs)
    loss = preference + settings.nll_weight * likelihood + settings.squared_weight * squared
    return Terms(loss, _dpo_figures(loss, preference, likelihood, squared, rewards, margins, whole))


@dataclass(frozen=True, slots=True)
class Whole:
    """The optimiser batch that a part belongs to: its pairs, and the tokens of its chosen answers."""

    pairs: int
    chosen_tokens: int


def _nll(policy: Tensor, spans: Spans, pairs: int, settings: LossSettings, whole: Whole) -> Tensor:
    if settings.nll_mean == "token":
        return -spans.sums(policy)[:pairs].sum() / whole.chosen_tokens
    return -spans.means(policy)[:pairs].sum() / whole.pairs


def _dpo_figures(
    loss: Tensor,
    preference: Tensor,
    likelihood: Tensor,
    squared: Tensor,
    rewards: Tensor,
    margins: Tensor,
    whole: Whole,
) -> dict[str, Tensor]:
    """Shares of the batch's means: those of its parts add up to those of the whole."""
    pairs = len(margins)
    shares = {
        "loss": loss,
        "dpo": preference,
        "nll": likelihood,
        "squared": squared,
        "accuracy": (margins > 0).to(margins.dtype).sum() / whole.pairs,
        "margin": margins.sum() / whole.pairs,
        "reward_chosen": rewards[:pairs].sum() / whole.pairs,
        "reward_rejected": rewards[pairs:].sum() / whole.pairs,
    }
    return {name: value.detach() for name, value in shares.items()}


def sft_terms(policy: Tensor, tokens_in_batch: int) -> Terms:
    """Mean -log π over every assistant token of the optimiser batch."""
    loss = -policy.sum() / tokens_in_batch
    return Terms(loss, {"loss": loss.detach(), "nll": loss.detach()})


def token_log_probs(hidden: Tensor, head: Tensor, targets: Tensor, soft_cap: float | None = None) -> Tensor:
    """log π(target) for each row of `hidden`, in float32; the head's weights are frozen.

    d log π(t) / d h = W[t] - softmax(hWᵀ)·W does not depend on what the loss makes of it. So it is taken
    while the logits are there, and neither logits nor probabilities are kept for the way back.
    """
    if soft_cap is not None:
        logits = soft_cap * torch.tanh(F.linear(hidden, head).float() / soft_cap)
        return torch.log_softmax(logits, -1).gather(1, targets[:, None])[:, 0]
    return _TokenLogProbs.apply(hidden, head, targets)


class _TokenLogProbs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
        wanted = ctx.needs_input_grad[0]
        found = torch.empty(
            len(targets), dtype=torch.promote_types(hidden.dtype, torch.float32), device=hidden.device
        )
        slopes = torch.empty_like(hidden) if wanted else None
        for start in range(0, len(targets), HEAD_CHUNK):
            part = slice(start, start + HEAD_CHUNK)
            logits = F.linear(hidden[part], head).to(found.dtype)
            top = torch.logsumexp(logits, -1, keepdim=True)
            found[part] = (logits.gather(1, targets[part, None]) - top)[:, 0]
            if slopes is not None:
                chances = logits.sub_(top).exp_().to(head.dtype)
                slopes[part] = head[targets[part]] - chances @ head
        if slopes is not None:
            ctx.save_for_backward(slopes)
        return found

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * given[0].to(slopes.dtype)[:, None], None, None
