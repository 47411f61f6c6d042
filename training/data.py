"""Rows → tokens, spans and batches, with the chat template that the student speaks.

A DPO row is OCT's: {"chosen": [user, assistant], "rejected": [user, assistant]}, longer conversations
allowed; an SFT row is {"messages": [...]}, with the loss on every assistant turn. Every bad row is named,
with its line. Ids come from the template's own text, once, so nothing is counted twice (no second BOS).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.errors import RunError
from core.records import content_hash
from core.store.disk import disk_trouble
from core.store.jsonl import read_json
from training.problems import TrainingError

SHOWN_PROBLEMS = 10
Turn = dict[str, str]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    """One row as tokens: a shared `prompt`, then one branch (SFT) or two (chosen, rejected).

    `learned` says for each token of each branch whether the model is to predict it.
    """

    prompt: tuple[int, ...]
    branches: tuple[tuple[int, ...], ...]
    learned: tuple[tuple[bool, ...], ...]

    @property
    def key(self) -> str:
        """What the reference log-probabilities of this row are kept under."""
        learned = ["".join("01"[flag] for flag in flags) for flags in self.learned]
        return content_hash([self.prompt, self.branches, learned])

    @property
    def length(self) -> int:
        """Tokens of the longest side."""
        return len(self.prompt) + max(len(branch) for branch in self.branches)


@dataclass(frozen=True, slots=True)
class Dataset:
    """The examples of a file, and how many rows were left out because they are too long."""

    examples: tuple[Example, ...]
    too_long: int
    sha256: str


Encode = Callable[[Sequence[Turn], bool], list[int]]


def encoder(tokenizer: Any, template: str) -> Encode:
    """A function from turns (and whether to open the assistant's next one) to token ids."""

    def encode(turns: Sequence[Turn], opened: bool) -> list[int]:
        text = tokenizer.apply_chat_template(
            list(turns), chat_template=template, tokenize=False, add_generation_prompt=opened
        )
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    return encode


def read_dataset(path: Path, stage: str, encode: Encode, max_length: int) -> Dataset:
    """The examples of a JSONL file. Raises TrainingError, with every bad line (ten shown)."""
    rows = list(_rows(path))
    problems: list[str] = []
    made: list[Example] = []
    for number, row in rows:
        try:
            example = dpo_example(row, encode) if stage == "dpo" else sft_example(row, encode)
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        made.append(example)
    if problems:
        raise TrainingError(_all(path, problems))
    kept = tuple(one for one in made if one.length <= max_length)
    if not kept:
        raise TrainingError(_nothing(path, len(made), max_length))
    return Dataset(kept, len(made) - len(kept), content_hash([one.key for one in kept]))


def _all(path: Path, problems: list[str]) -> str:
    more = len(problems) - SHOWN_PROBLEMS
    shown = [*problems[:SHOWN_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]
    return f"{path} cannot be learned from:\n" + "\n".join(f"  - {problem}" for problem in shown)


def _nothing(path: Path, rows: int, max_length: int) -> str:
    if rows:
        return f"All {rows} rows of {path} are longer than {max_length} tokens; raise max_length."
    return f"{path} holds no rows; make some first (character dpo-data, character sft-data)."


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise disk_trouble("read", path, error) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except ValueError:
            yield number, None


def dpo_example(row: Any, encode: Encode) -> Example:
    """The tokens of a pair. Raises ValueError saying what is wrong with the row."""
    chosen, rejected = (_turns(row, side) for side in ("chosen", "rejected"))
    if chosen[:-1] != rejected[:-1]:
        raise ValueError("chosen and rejected answer different conversations")
    if chosen[-1] == rejected[-1]:
        raise ValueError("chosen and rejected are the same answer")
    prompt = encode(chosen[:-1], True)
    branches = tuple(tuple(_rest(encode(side, False), prompt)) for side in (chosen, rejected))
    return Example(tuple(prompt), branches, tuple((True,) * len(branch) for branch in branches))


def sft_example(row: Any, encode: Encode) -> Example:
    """The tokens of a conversation, learned where the assistant speaks. Raises ValueError."""
    turns = _turns(row, "messages")
    ids: list[int] = []
    learned: list[bool] = []
    for place, turn in enumerate(turns):
        if turn["role"] == "assistant":
            opened = encode(turns[:place], True)
            learned += [False] * len(_rest(opened, ids))
            ids = opened
        through = encode(turns[: place + 1], False)
        learned += [turn["role"] == "assistant"] * len(_rest(through, ids))
        ids = through
    first = learned.index(True)
    return Example(tuple(ids[:first]), (tuple(ids[first:]),), (tuple(learned[first:]),))


def _rest(longer: list[int], start: list[int]) -> list[int]:
    if longer[: len(start)] != start:
        raise ValueError("the model's chat template rewrites earlier turns when a later one is added")
    return longer[len(start) :]


def _turns(row: Any, side: str) -> list[Turn]:
    """The turns of one side, alternating and ending on the assistant. Raises ValueError."""
    turns = row.get(side) if isinstance(row, Mapping) else None
    if not isinstance(turns, list) or not turns:
        raise ValueError(f'no list of messages under "{side}"')
    if not all(_is_turn(turn) for turn in turns):
        raise ValueError(f'"{side}" has a message without role or text')
    roles = [turn["role"] for turn in turns]
    spoken = roles[1:] if roles[0] == "system" else roles
    if spoken != [("user", "assistant")[place % 2] for place in range(len(spoken))]:
        raise ValueError(f'"{side}" does not alternate between user and assistant ({", ".join(roles)})')
    if roles[-1] != "assistant":
        raise ValueError(f'"{side}" ends on the {roles[-1]}, not on the assistant')
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]


def _is_turn(turn: Any) -> bool:
    if not isinstance(turn, Mapping) or turn.get("role") not in ("system", "user", "assistant"):
        return False
    return isinstance(turn.get("content"), str) and bool(turn["content"].strip())


def refuse_foreign(path: Path, student: str | None) -> None:
    """Raise TrainingError when the manifest beside a file names another student than ours."""
    if student is None:
        return
    try:
        manifest = read_json(path.with_suffix(".manifest.json"))
    except RunError as error:
        raise TrainingError(f"The manifest of {path.name} is damaged: {error}") from error
    told = manifest.get("student") if isinstance(manifest, Mapping) else None
    if told is not None and _slug(str(told)) != _slug(student):
        raise TrainingError(
            f"{path} was made with the student {told}, and the model to train is {student}: what it "
            f"should unlearn is not what it says. Make its own rows, or train {told}."
        )


def _slug(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1].casefold()


def batches(lengths: Sequence[int], size: int, *, order: str, seed: int, epoch: int) -> list[list[int]]:
    """Places of the rows of each optimiser batch of an epoch; the last batch may be smaller.

    "length" puts rows of like length together and shuffles the batches; the same seed gives the same.
    """
    draw = random.Random(seed * 1009 + epoch)
    places = list(range(len(lengths)))
    if order != "given":
        draw.shuffle(places)
    if order == "length":
        places.sort(key=lambda place: lengths[place])
    made = [places[start : start + size] for start in range(0, len(places), size)]
    if order == "length":
        draw.shuffle(made)
    return made


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples without padding, one after the other: a prompt is there once for all its branches.

    `rows` and `places` lead to a padded view and back: row s, column l of it is token `rows[s, l]`, and
    token t stands at `places[t]` of the flattened view. `sources[c]` is the token whose hidden state
    predicts `targets[c]`. Sequences come branch by branch: all chosen, then all rejected.
    """

    ids: Tensor
    positions: Tensor
    rows: Tensor
    sizes: Tensor
    places: Tensor
    sources: Tensor
    targets: Tensor
    lengths: list[int]

    def to(self, device: str) -> Batch:
        """The same batch on another device."""
        moved = {
            name: value.to(device)
            for name in ("ids", "positions", "rows", "sizes", "places", "sources", "targets")
            if isinstance(value := getattr(self, name), Tensor)
        }
        return Batch(**moved, lengths=self.lengths)


def collate(examples: Sequence[Example]) -> Batch:
    """One batch of examples that have equally many branches."""
    made = _Collation()
    starts = [made.add_prompt(example.prompt) for example in examples]
    for branch in range(len(examples[0].branches)):
        for example, start in zip(examples, starts, strict=True):
            made.add_branch(example, branch, start)
    return made.batch()


class _Collation:
    def __init__(self) -> None:
        self.ids: list[int] = []
        self.positions: list[int] = []
        self.rows: list[list[int]] = []
        self.home: list[tuple[int, int] | None] = []
        self.sources: list[int] = []
        self.targets: list[int] = []
        self.lengths: list[int] = []

    def add_prompt(self, prompt: Sequence[int]) -> int:
        start = len(self.ids)
        self._add(prompt, 0)
        return start

    def _add(self, ids: Sequence[int], position: int) -> None:
        self.ids += ids
        self.positions += range(position, position + len(ids))
        self.home += [None] * len(ids)

    def add_branch(self, example: Example, branch: int, start: int) -> None:
        ids, learned = example.branches[branch], example.learned[branch]
        first = len(self.ids)
        self._add(ids, len(example.prompt))
        row = [*range(start, start + len(example.prompt)), *range(first, first + len(ids))]
        for column, token in enumerate(row):
            self.home[token] = self.home[token] or (len(self.rows), column)
        self.rows.append(row)
        wanted = [place for place, flag in enumerate(learned) if flag]
        # A token is predicted by the one before it: the first of an answer by the last of the prompt.
        self.sources += [row[len(example.prompt) + place - 1] for place in wanted]
        self.targets += [ids[place] for place in wanted]
        self.lengths.append(len(wanted))

    def batch(self) -> Batch:
        widest = max(len(row) for row in self.rows)
        padded = [row + [0] * (widest - len(row)) for row in self.rows]
        places = [row * widest + column for row, column in (home or (0, 0) for home in self.home)]
        numbers = (self.ids, self.positions, padded, [len(row) for row in self.rows], places)
        tensors = [torch.tensor(value) for value in (*numbers, self.sources, self.targets)]
        return Batch(*tensors, lengths=self.lengths)
