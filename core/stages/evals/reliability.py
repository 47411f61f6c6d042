"""A judge's measured reliability: asked before every evaluation that uses it, kept, never asked twice.

runs/<run>/evals/judges/<judge>.json    the record that every result of this judge carries
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from core.errors import SettingsError
from core.evaluation.judging import By
from core.evaluation.judging_family import family_warning
from core.evaluation.judging_reliability import (
    Known,
    Probe,
    gate_of,
    known_of,
    probes_of,
    reliability,
    reliability_sentence,
)
from core.names import ModelName, parse_model, safe_slug
from core.stages.defaults import PROVIDER
from core.stages.distillation import Sources
from core.stages.dpo_data import PairJob, pair_rows
from core.stages.evals.classifying import is_telling, plain_sources
from core.stages.evals.gate import human_gate
from core.stages.evals.judging import checked_by, verdict_asks, verdicts, with_reading
from core.stages.evals.session import VERDICTS, Session, Side, Speaker
from core.store.jsonl import Row, write_json
from core.store.runs import Run

LOCAL_PAIRS, PAIRS = 24, 40


async def judge_record(
    session: Session,
    judge: Speaker,
    *,
    by: By | None = None,
    tuned: Iterable[ModelName] = (),
    pairs: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """What `EvalResult.judge` holds: {"model", "by", "family_warning", "reliability", "gate", "sentence"}.

    Asks the judge about up to 24 known pairs of this character on this computer, 40 elsewhere; what it has
    said before is not asked again. "reliability" is None where the run has no pairs. People's ratings,
    where there are enough, decide the gate instead. `tuned` are the models that training changed.
    """
    by = checked_by(by, judge.model)
    probes = _probes(session, judge, by, pairs)
    figures = await _measured(session, judge, probes, by, seed)
    warning = family_warning(judge.model, teachers_of(session.run), tuned)
    record: dict[str, Any] = {
        "model": judge.model.full,
        "by": by,
        "family_warning": warning,
        "reliability": figures,
        "gate": gate_of(figures, warned=warning is not None),
        "sentence": reliability_sentence(figures),
    }
    record |= _by_people(session.run, judge.model.full, record)
    _keep(session.run, judge.model, record)
    return record


def size_judge(
    session: Session, judge: Speaker, *, by: By | None = None, pairs: int | None = None, seed: int = 0
) -> Side:
    """What measuring the judge would take; sends nothing."""
    probes = _probes(session, judge, checked_by(by, judge.model), pairs)
    questions = [order for probe in probes for order in probe.orders]
    samples = [probe.sample for probe in probes for _ in probe.orders]
    asks = list(verdict_asks(judge, questions, seed=seed, samples=samples))
    return with_reading(session.size(judge, asks, role=VERDICTS))


def _probes(session: Session, judge: Speaker, by: By, pairs: int | None) -> list[Probe]:
    count = pairs or (LOCAL_PAIRS if judge.model.provider == "local" else PAIRS)
    return probes_of(known_pairs(session, count), traits=session.constitution.trait_list(), by=by)


async def _measured(
    session: Session, judge: Speaker, probes: Sequence[Probe], by: By, seed: int
) -> dict[str, Any] | None:
    if not probes:
        return None
    found = await verdicts(
        session,
        judge,
        [order for probe in probes for order in probe.orders],
        stage="the judge itself",
        seed=seed,
        samples=[probe.sample for probe in probes for _ in probe.orders],
    )
    return reliability(probes, found, by)


def _by_people(run: Run | None, judge: str, record: dict[str, Any]) -> dict[str, Any]:
    """The gate by people's ratings, which outranks what was measured without them."""
    human = human_gate(run, judge) if run is not None else None
    if human is None:
        return {}
    known = human["gate"] in ("pass", "caution", "block")
    sentences = (
        [human["sentence"], record["sentence"]] if known else [record["sentence"], human["sentence"]]
    )
    told = {"human": human, "sentence": ". ".join(str(one).rstrip(".") for one in sentences)}
    return told | ({"gate": human["gate"]} if known else {})


def _keep(run: Run | None, judge: ModelName, record: dict[str, Any]) -> None:
    if run is not None:
        path = run.folder / "evals" / "judges" / f"{safe_slug(judge.slug)}.json"
        write_json(path, record | {"made_at": time.time()})


# ---- the pairs


def known_pairs(session: Session, count: int) -> list[Known]:
    """Pairs of a teacher's and a plain student's answer, of the run or its trial; [] where there are none.

    One a prompt, the first ones in the plan's order.
    """
    for run in _runs(session.run):
        sources = plain_sources(run)
        rows = _telling(run, sources) if sources else []
        if rows:
            return known_of(rows, count)
    return []


def _telling(run: Run, sources: Sources) -> list[Row]:
    first: dict[str, Row] = {}
    for row in pair_rows(run, sources, PairJob(), lambda prompt, answer: 0):
        if is_telling(row):
            first.setdefault(row["prompt"], row)
    return list(first.values())


def _runs(run: Run | None) -> list[Run]:
    found = [run, Run(run.folder / "trial")] if run is not None else []
    return [one for one in found if (one.folder / "run.json").is_file()]


def teachers_of(run: Run | None) -> list[ModelName]:
    """Every model that has played the character's teacher in the run or its trial."""
    names = dict.fromkeys(one.model for each in _runs(run) for one in each.answer_sets("teacher"))
    found: list[ModelName] = []
    for name in names:
        try:
            found.append(parse_model(name, default=PROVIDER))
        except SettingsError:
            # A name that an earlier version wrote otherwise tells of no family.
            continue
    return found
