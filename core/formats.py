"""Rows to train on, in the shapes that trainers take, and what keeps a file from being one. Pure.

    kind "dpo", ours    {"chosen": [user, assistant], "rejected": [user, assistant]}
    kind "sft", ours    {"messages": [user, assistant, …]}

    read = read_lines(numbered_lines, "dpo", "together")
    read.rows        what to write: {"input": {"messages": […]}, "preferred_output": […], …}
    read.problems    every bad line with its number, all at once

Together's own check passes rows that its server refuses after the upload, so every rule is ours. A row
that is in Together's shape already is checked by the same rules and kept. Columns that no trainer knows
are left out of what is written, because Together refuses them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from core.errors import Problem

Row = dict[str, Any]
Kind = Literal["dpo", "sft"]
Target = Literal["together", "openrlhf", "trl", "llamafactory"]

KINDS: tuple[Kind, ...] = ("dpo", "sft")
TARGETS: tuple[Target, ...] = ("together", "openrlhf", "trl", "llamafactory")
ROLES = ("system", "user", "assistant")
# A row longer than any model's context was not meant to be one.
MOST_ROW_BYTES = 8_000_000
MOST_FILE_BYTES = 50_100_000_000
SHOWN_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row understood: the turns before the answer, the answer, and for DPO the rejected one."""

    prompt: tuple[Row, ...]
    answer: Row
    rejected: Row | None = None

    @property
    def messages(self) -> list[Row]:
        """The turns with the answer that the model is to learn."""
        return [*self.prompt, self.answer]


@dataclass(slots=True)
class Read:
    """What a file held: the rows for the target, every problem, and which columns were left out."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)


def read_lines(lines: Iterable[tuple[int, bytes]], kind: Kind, target: Target) -> Read:
    """Every line of a file as a row of the target, or as a problem that names it; blank ones are skipped.

    Lines come with their number, from 1.
    """
    found = Read()
    for number, line in lines:
        text = line.strip().removeprefix(b"\xef\xbb\xbf")
        if not text:
            continue
        said: list[str] = []
        row = _object_of(text, said)
        conversation = None if row is None else conversation_of(row, kind, said)
        if conversation is not None and row is not None:
            found.rows.append(WRITERS[kind, target](conversation))
            found.left_out |= set(row) - KNOWN[kind]
        found.problems += [Problem(f"line {number}", message) for message in said]
    if not found.rows and not found.problems:
        found.problems.append(Problem("", "the file holds no row; make pairs first, then convert again"))
    return found


def _object_of(text: bytes, said: list[str]) -> Row | None:
    """The JSON object of a line; None with the reason said."""
    if len(text) > MOST_ROW_BYTES:
        said.append(f"is {len(text):,} bytes long, and {MOST_ROW_BYTES:,} are allowed; take it out")
        return None
    try:
        value = json.loads(text.decode("utf-8"))
    except UnicodeDecodeError:
        said.append("is not UTF-8; save the file as UTF-8")
        return None
    except (ValueError, RecursionError) as error:
        said.append(f"is not JSON ({error}); mend it or take it out")
        return None
    if not isinstance(value, dict):
        said.append("is no JSON object; each line is one {…}")
        return None
    return cast(Row, value)


KNOWN: dict[Kind, frozenset[str]] = {
    "dpo": frozenset({"chosen", "rejected", "input", "preferred_output", "non_preferred_output"}),
    "sft": frozenset({"messages"}),
}


def conversation_of(row: Row, kind: Kind, said: list[str]) -> Conversation | None:
    """A row understood, ours or Together's; None with every reason appended to `said`."""
    before = len(said)
    if kind == "sft":
        found = _sft(row, said)
    else:
        found = _together_dpo(row, said) if "input" in row else _our_dpo(row, said)
    return found if len(said) == before else None


def _sft(row: Row, said: list[str]) -> Conversation | None:
    if "messages" not in row:
        shape = "pairs: use --format dpo" if "chosen" in row or "input" in row else "no 'messages'"
        said.append(f"holds {shape}" if shape.startswith("pairs") else f"has {shape}; add the turns")
        return None
    turns = _turns(row["messages"], "messages", said)
    return _ending_on_answer(turns, "messages", said)


def _our_dpo(row: Row, said: list[str]) -> Conversation | None:
    missing = [name for name in ("chosen", "rejected") if name not in row]
    if missing:
        hint = "; these are no pairs: use --format sft" if "messages" in row else "; make pairs anew"
        said.append(f"has no {' and no '.join(repr(name) for name in missing)}{hint}")
        return None
    chosen = _ending_on_answer(_turns(row["chosen"], "chosen", said), "chosen", said)
    rejected = _ending_on_answer(_turns(row["rejected"], "rejected", said), "rejected", said)
    if chosen is None or rejected is None:
        return None
    if chosen.prompt != rejected.prompt:
        said.append("chosen and rejected answer different prompts; a pair answers one")
    return _pair(chosen.prompt, chosen.answer, rejected.answer, said)


def _together_dpo(row: Row, said: list[str]) -> Conversation | None:
    asked = row["input"]
    prompt = _turns(asked.get("messages") if isinstance(asked, dict) else None, "input.messages", said)
    if prompt and prompt[-1]["role"] == "assistant":
        said.append("input.messages ends on the assistant; its last turn is the user's")
    better = _only_answer(row.get("preferred_output"), "preferred_output", said)
    worse = _only_answer(row.get("non_preferred_output"), "non_preferred_output", said)
    return _pair(tuple(prompt), better, worse, said) if prompt and better and worse else None


def _pair(prompt: tuple[Row, ...], better: Row, worse: Row, said: list[str]) -> Conversation:
    if better["content"].strip() == worse["content"].strip():
        said.append("chosen and rejected are the same answer, which teaches nothing; take it out")
    return Conversation(prompt, better, worse)


def _only_answer(value: Any, place: str, said: list[str]) -> Row | None:
    if not isinstance(value, list) or len(value) != 1:
        said.append(f"{place} must be a list of exactly one assistant turn")
        return None
    turn = _turn(value[0], f"{place}[0]", said)
    if turn is not None and turn["role"] != "assistant":
        said.append(f"{place}[0] is the {turn['role']}'s; it must be the assistant's")
        return None
    return turn


def _ending_on_answer(turns: list[Row], place: str, said: list[str]) -> Conversation | None:
    """The turns with the last one as the answer: earlier answers belong to the prompt."""
    if not turns:
        return None
    if turns[-1]["role"] != "assistant":
        said.append(f"{place} ends on the {turns[-1]['role']}; it must end on the assistant's answer")
        return None
    if len(turns) < 2 or turns[-2]["role"] != "user":
        said.append(f"{place} has no user turn before the answer")
        return None
    return Conversation(tuple(turns[:-1]), turns[-1])


def _turns(value: Any, place: str, said: list[str]) -> list[Row]:
    """The turns of a list, checked one by one and in their order; [] where any is wrong."""
    if not isinstance(value, list) or not value:
        said.append(f"{place} must be a list of turns, and not empty")
        return []
    found = [_turn(turn, f"{place}[{index}]", said) for index, turn in enumerate(cast(list[Any], value))]
    whole = [turn for turn in found if turn is not None]
    if len(whole) < len(found):
        return []
    return whole if _is_ordered(whole, place, said) else []


def _turn(value: Any, place: str, said: list[str]) -> Row | None:
    if not isinstance(value, dict):
        said.append(f'{place} is no turn; write {{"role": …, "content": …}}')
        return None
    turn = cast(Row, value)
    role, content = turn.get("role"), turn.get("content")
    if role not in ROLES:
        said.append(f"{place} has the role {role!r}; allowed are {', '.join(ROLES)}")
    elif not isinstance(content, str) or not content.strip():
        said.append(f"{place} is empty; an empty turn teaches silence: take the row out")
    elif not _is_writable(content):
        said.append(f"{place} holds half of a character, which UTF-8 cannot carry; take the row out")
    else:
        return {"role": role, "content": content}
    return None


def _is_writable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_ordered(turns: Sequence[Row], place: str, said: list[str]) -> bool:
    """Whether user and assistant take turns, the user first, after at most one system turn."""
    start = 1 if turns[0]["role"] == "system" else 0
    for index, turn in enumerate(turns[start:], start):
        wanted = "user" if (index - start) % 2 == 0 else "assistant"
        if turn["role"] != wanted:
            said.append(
                f"{place}[{index}] is the {turn['role']}'s, where the {wanted}'s belongs: user and "
                "assistant take turns, the user first"
            )
            return False
    return True


# ---- what each trainer reads


def _together_sft(row: Conversation) -> Row:
    return {"messages": row.messages}


def _together_pair(row: Conversation) -> Row:
    return {
        "input": {"messages": list(row.prompt)},
        "preferred_output": [row.answer],
        "non_preferred_output": [row.rejected],
    }


def _whole_pair(row: Conversation) -> Row:
    """OpenRLHF: two whole conversations (--data.chosen_key chosen --data.rejected_key rejected)."""
    return {"chosen": row.messages, "rejected": [*row.prompt, row.rejected]}


def _prompted_pair(row: Conversation) -> Row:
    """TRL: the prompt apart, so that it need not be found again by comparing."""
    return {"prompt": list(row.prompt), "chosen": [row.answer], "rejected": [row.rejected]}


def _speech(turn: Row) -> Row:
    return {"from": "human" if turn["role"] == "user" else "gpt", "value": turn["content"]}


def _sharegpt(turns: Sequence[Row]) -> Row:
    """LLaMA-Factory's form, in which the system turn is a column of its own."""
    system = turns[0]["content"] if turns[0]["role"] == "system" else ""
    talk = [_speech(turn) for turn in turns if turn["role"] != "system"]
    return {"conversations": talk, "system": system}


def _sharegpt_sft(row: Conversation) -> Row:
    return _sharegpt(row.messages)


def _sharegpt_pair(row: Conversation) -> Row:
    rejected = cast(Row, row.rejected)
    return _sharegpt(row.prompt) | {"chosen": _speech(row.answer), "rejected": _speech(rejected)}


WRITERS: dict[tuple[Kind, Target], Callable[[Conversation], Row]] = {
    ("dpo", "together"): _together_pair,
    ("dpo", "openrlhf"): _whole_pair,
    ("dpo", "trl"): _prompted_pair,
    ("dpo", "llamafactory"): _sharegpt_pair,
    ("sft", "together"): _together_sft,
    ("sft", "openrlhf"): _together_sft,
    ("sft", "trl"): _together_sft,
    ("sft", "llamafactory"): _sharegpt_sft,
}


def dataset_info(file_name: str, kind: Kind) -> Row:
    """The entry of LLaMA-Factory's dataset_info.json that says how to read a converted file."""
    columns = {"messages": "conversations", "system": "system"}
    if kind == "sft":
        return {"file_name": file_name, "formatting": "sharegpt", "columns": columns}
    pair = columns | {"chosen": "chosen", "rejected": "rejected"}
    return {"file_name": file_name, "formatting": "sharegpt", "ranking": True, "columns": pair}


# ---- what a trainer is told about a file as a whole


def batch_problem(rows: int, batch: int | str, smallest: int = 1) -> Problem | None:
    """What is wrong with so few rows for one batch: no step would be made, and it would be paid for.

    `batch` "max" lets the trainer choose, not below `smallest`.
    """
    needed = batch if isinstance(batch, int) else smallest
    if rows >= needed:
        return None
    cure = f"make more pairs, or use --batch-size {max(smallest, 1)}" if rows >= smallest else "make more"
    return Problem("rows", f"{rows} rows are fewer than one batch of {needed}; {cure}")


def student_problem(told: str | None, student: str, source: str) -> Problem | None:
    """What is wrong when a file's manifest or folder names another student than the one to train."""
    if told is None or told.casefold() == student.casefold():
        return None
    message = (
        f"belongs to {told}, and {student} is to be trained; choose {told}'s file, or --student {told}"
    )
    return Problem(source, message)


def problem_words(source: str, problems: Sequence[Problem]) -> str:
    """All problems of a file as one message, the first fifty in full."""
    shown = [f"  - {problem}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        shown.append(f"  … and {len(problems) - SHOWN_PROBLEMS:,} more")
    return f"{source} has {len(problems):,} problem(s):\n" + "\n".join(shown)
