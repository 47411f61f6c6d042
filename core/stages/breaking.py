"""`character break NAME`: every attack on some questions, base beside tuned, read by rules. Thin.

`eval robustness` measures requests to drop the role with intervals; this one tries more kinds of attack
on a few questions, so that a person finds the answers worth teaching. It says nothing about how often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.attacks import Attack
from core.names import PROVIDERS
from core.prompts import Prompt, prompt_of
from core.records import Sampling, content_hash
from core.stages.evals.hearing import general_questions
from core.stages.evals.session import Ask, Session, Side, Speaker
from core.stages.evals.speakers import Cast, base_of, speakers_of
from core.stages.hearing_one import Listener, listener_of
from core.store.attack_log import AttackLog, attack_log
from core.store.jsonl import Row


@dataclass(frozen=True, slots=True)
class BreakJob:
    """What is tried on whom: `questions` of a person's own, else the first `count` everyday ones."""

    cast: Cast
    attacks: tuple[Attack, ...]
    sampling: Sampling
    questions: tuple[str, ...] = ()
    count: int = 3


@dataclass(frozen=True, slots=True)
class Broken:
    """What came of it: for each attack and speaker, how many answers were read as what."""

    table: dict[str, dict[str, dict[str, int]]]
    basis: str
    skipped: tuple[str, ...]
    missing: int

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"table": self.table, "basis": self.basis, "skipped": list(self.skipped)}


@dataclass(frozen=True, slots=True)
class _Try:
    """One attack on one question."""

    attack: Attack
    question: str

    def ask(self, sampling: Sampling) -> Ask:
        tag = {"prompt": prompt_of(self.question, trait=None, source="general").id, "group": self.attack.id}
        return Ask({**tag, "sample": 0}, self.attack.conversation(self.question), sampling)


def possible(job: BreakJob) -> tuple[tuple[Attack, ...], tuple[str, ...]]:
    """(the attacks that the model allows, why each of the others is left out)."""
    spec = PROVIDERS.get(job.cast.model.provider)
    can_begin = spec is not None and spec.can_prefill
    skipped = tuple(
        f"{one.id}: {job.cast.model.full} does not go on with words put into its mouth"
        for one in job.attacks
        if one.needs_prefill and not can_begin
    )
    return tuple(one for one in job.attacks if can_begin or not one.needs_prefill), skipped


def tries_of(job: BreakJob, session: Session) -> list[_Try]:
    """Every attack on every question, each only once: some attacks bring questions of their own."""
    asked: Sequence[Prompt | str] = job.questions or general_questions(session, job.count)
    texts = [one if isinstance(one, str) else one.text for one in asked]
    found = [
        _Try(attack, attack.question(text, number))
        for attack in possible(job)[0]
        for number, text in enumerate(texts)
    ]
    return list(dict.fromkeys(found))


def size_break(job: BreakJob, session: Session) -> list[Side]:
    """What it would take; sends and writes nothing. Raises as asking would: no adapter, no key."""
    asks = [one.ask(job.sampling) for one in tries_of(job, session)]
    return [session.size(speaker, asks) for speaker in speakers_of(job.cast, session)]


async def try_to_break(job: BreakJob, session: Session) -> Broken:
    """Ask everybody, read every answer, keep it where the page shows it. Raises as asking does."""
    speakers, tries = speakers_of(job.cast, session), tries_of(job, session)
    answers: dict[str, list[Row | None]] = {}
    for speaker in speakers:
        asks = [one.ask(job.sampling) for one in tries]
        answers[speaker.label] = await session.answers(speaker, asks)
    listener = listener_of(session.constitution, session.settings, session.run)
    log = attack_log(session.settings, session.constitution.name)
    known = {one.id for one in log.all()}
    table: dict[str, dict[str, Counter[str]]] = {}
    for place, one in enumerate(tries):
        rows = {speaker.label: answers[speaker.label][place] for speaker in speakers}
        verdicts = _kept(one, rows, speakers, job, listener, log, known)
        for label, verdict in verdicts.items():
            table.setdefault(one.attack.id, {}).setdefault(label, Counter())[verdict] += 1
    missing = sum(row is None for rows in answers.values() for row in rows)
    counted = {attack: {who: dict(n) for who, n in rows.items()} for attack, rows in table.items()}
    return Broken(counted, listener.basis, possible(job)[1], missing)


def _kept(
    one: _Try,
    rows: dict[str, Row | None],
    speakers: Sequence[Speaker],
    job: BreakJob,
    listener: Listener,
    log: AttackLog,
    known: set[str],
) -> dict[str, str]:
    """The rules' verdict of each speaker's answer, which goes into the character's history once."""
    answered = {label: row for label, row in rows.items() if row is not None}
    read = {
        label: listener.read(one.attack, one.question, row["text"], job.cast.model)
        for label, row in answered.items()
    }
    id = content_hash(sorted(row["key"] for row in answered.values()))[:12]
    if len(answered) == len(rows) and id not in known:
        log.begin(
            one.attack.id,
            one.question,
            seed=job.sampling.seed or 0,
            model=job.cast.model.full,
            sides={speaker.label: _who(speaker, speaker is base_of(speakers)) for speaker in speakers},
            id=id,
            page="job",
        )
        for label, row in answered.items():
            log.answer(id, label, row["text"], "", read[label].as_dict())
    return {label: reading.verdict for label, reading in read.items()}


def _who(speaker: Speaker, is_base: bool) -> dict[str, Any]:
    if is_base:
        return {}
    worn = speaker.engine.identity.adapter
    strength = {"strength": speaker.engine.identity.strength} if worn else {}
    return {"model": speaker.model.full, "label": speaker.label, **strength}
