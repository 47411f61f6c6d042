"""OCT's `distillation/<c>.jsonl`: the teacher's answers with a column for every student of the run.

A row: {"prompt": "Explain tides.", "response": "The moon tugs …", "smollm2-135m": "Tides are …"}
It is made anew from the run after every stage, so that OCT's own tools always find it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.prompts import Prompt
from core.settings import Settings
from core.store.jsonl import Row, write_atomic
from core.store.runs import AnswerSet, Run


@dataclass(frozen=True, slots=True)
class Sources:
    """The two answer sets that a pair file is made of."""

    teacher: AnswerSet
    student: AnswerSet


def refresh_distillation(run: Run, settings: Settings) -> Path | None:
    """Write the file from the teacher and students used last; None while no teacher has answered."""
    teachers = [found for found in run.answer_sets("teacher") if found.used_at]
    if not teachers:
        return None
    return _write(run, settings, teachers[0], _students(run))


def write_distillation(run: Run, settings: Settings, sources: Sources) -> Path:
    """Write the file with these two as teacher and as one of the students; returns its path."""
    students = _students(run) | {sources.student.slug: sources.student}
    return _write(run, settings, sources.teacher, students)


def _students(run: Run) -> dict[str, AnswerSet]:
    """Each student's answer set used last, by short name."""
    return {answers.slug: answers for answers in reversed(run.answer_sets("student")) if answers.used_at}


def _write(run: Run, settings: Settings, teacher: AnswerSet, students: dict[str, AnswerSet]) -> Path:
    path = settings.data_path / "distillation" / f"{run.constitution().name}.jsonl"
    rows = distillation_rows(run.prompts().values(), teacher, list(students.values()))
    write_atomic(path, "".join(json_line(row) for row in rows))
    return path


def distillation_rows(
    prompts: Iterable[Prompt], teacher: AnswerSet, students: Sequence[AnswerSet]
) -> list[Row]:
    """OCT's rows, all prompts of the first sample, then of the next; null where an answer is missing."""
    chosen = _texts(teacher)
    columns = {student.slug: _texts(student) for student in students}
    samples = sorted({sample for _, sample in chosen})
    listed = list(prompts)
    return [
        {"prompt": prompt.text, "response": chosen.get((prompt.id, sample))}
        | {slug: texts.get((prompt.id, sample)) for slug, texts in columns.items()}
        for sample in samples
        for prompt in listed
        if (prompt.id, sample) in chosen
    ]


def _texts(answers: AnswerSet) -> dict[tuple[str, int], str]:
    return {(row["prompt"], row["sample"]): row["text"] for row in answers.rows().values()}


def json_line(value: Any) -> str:
    """One JSON value as a line of readable UTF-8."""
    return json.dumps(value, ensure_ascii=False) + "\n"
