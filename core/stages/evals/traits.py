"""`character eval traits`: the character on prompts that training never met, and what else changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import RunError, SettingsError
from core.evaluation import traits_telling as telling
from core.evaluation.classifier import Classifier
from core.evaluation.in_character import base_caveats, heard
from core.evaluation.results import BASE, PROMPTED, EvalResult, in_order
from core.evaluation.side_effects import own_names
from core.evaluation.trait_lights import length_cell, lights
from core.evaluation.traits import IN_CHARACTER, Judgement, Probe, cells_of, probes_of, scored
from core.names import ModelName
from core.records import Sampling, content_hash
from core.stages.evals.classifying import character_classifier
from core.stages.evals.hearing import general_questions
from core.stages.evals.held_out import HeldOut, held_out
from core.stages.evals.session import Ask, Session, Side, Speaker
from core.stages.evals.speakers import Cast, speakers_of, tuned_of
from core.stages.evals.trait_strength import graded, size_graded
from core.voice import VOICES, voice_words

LOCAL_EVERYDAY, USUAL_EVERYDAY = 20, 60
CLASSIFIER, WORDS, NOTHING = "classifier", "voice words", ""


@dataclass(frozen=True, slots=True)
class TraitsJob:
    """What is asked of whom: prompts a trait, everyday questions, and how many of our own of each part."""

    cast: Cast
    sampling: Sampling
    per_trait: int = 2
    everyday: int = LOCAL_EVERYDAY
    own: int | None = None
    judge: ModelName | None = None


@dataclass(frozen=True, slots=True)
class Ear:
    """What hears the character: its classifier where that can be trusted, else the words of its voice."""

    name: str
    classifier: Classifier | None
    why_not: str = ""

    @property
    def heard_by(self) -> str:
        """ "classifier", "voice words", or "" where nothing can tell."""
        if self.classifier is not None and self.classifier.trusted:
            return CLASSIFIER
        return WORDS if self.name in VOICES else NOTHING

    def judgements(self, texts: Sequence[str]) -> list[Judgement]:
        """What is heard in each text."""
        voices = [voice_words(self.name, text) if self.name in VOICES else None for text in texts]
        if self.heard_by != CLASSIFIER or self.classifier is None:
            return [Judgement(None, voice) for voice in voices]
        rows = heard([{"text": text} for text in texts], self.classifier, self.name)
        return [
            Judgement(row["score"], voice, row["heard"]) for row, voice in zip(rows, voices, strict=True)
        ]

    def caveats(self) -> list[str]:
        """What belongs beside its numbers."""
        if self.heard_by == CLASSIFIER and self.classifier is not None:
            return self.classifier.told(self.name)
        reason = self.why_not or (self.classifier.reason if self.classifier else "")
        instead = "the words of its voice" if self.heard_by else "nothing"
        return [f"The classifier cannot be used ({reason.rstrip('.')}), so {instead} tells the character."]


def everyday_wanted(model: ModelName, wished: int | None) -> int:
    """How many everyday questions: as wished, else 20 on the embedded model and 60 elsewhere."""
    return wished if wished is not None else LOCAL_EVERYDAY if model.provider == "local" else USUAL_EVERYDAY


async def evaluate_traits(job: TraitsJob, session: Session) -> EvalResult:
    """Ask every speaker everything and score it. Raises EngineError when the whole job must stop."""
    new, probes = _probes(job, session)
    ear, speakers = _ear(session, probes), speakers_of(job.cast, session)
    rows: list[dict[str, Any]] = []
    for speaker in speakers:
        answers = await session.answers(speaker, asks_of(probes, speaker, job.sampling))
        pairs = [(probe, row) for probe, row in zip(probes, answers, strict=True) if row is not None]
        found = ear.judgements([str(row["text"]) for _, row in pairs])
        sentences = [trait.trait for trait in session.constitution.traits]
        own = own_names(speaker.model.model, session.constitution.assistant_name)
        rows += [
            scored(probe, row, one, traits=sentences, own=own)
            for (probe, row), one in zip(pairs, found, strict=True)
        ]
    record = None
    if job.judge is not None:
        traits, seed = {one.id: one.trait for one in session.constitution.traits}, job.sampling.seed or 0
        record = await graded(session, job.judge, speakers, rows, traits, seed)
    return _result(job, session, speakers, new, probes, ear, rows, record)


def size_traits(job: TraitsJob, session: Session) -> list[Side]:
    """What asking everybody would take; sends nothing."""
    _, probes = _probes(job, session)
    speakers = speakers_of(job.cast, session)
    sides = [session.size(speaker, asks_of(probes, speaker, job.sampling)) for speaker in speakers]
    if job.judge is None:
        return sides
    answers = len(speakers) * sum(probe.kind == "trait" for probe in probes)
    return sides + size_graded(session, job.judge, answers, job.sampling.max_tokens, job.sampling.seed or 0)


def _probes(job: TraitsJob, session: Session) -> tuple[HeldOut, list[Probe]]:
    new = held_out(session, job.per_trait)
    return new, probes_of(new.by_trait, general_questions(session, job.everyday), job.own)


def asks_of(probes: Sequence[Probe], speaker: Speaker, sampling: Sampling) -> list[Ask]:
    """Every probe as a request; an everyday question is the very one that other evaluations ask."""
    return [
        Ask(
            {"prompt": probe.id, "speaker": speaker.label, "group": probe.group, "sample": 0},
            probe.messages,
            sampling,
        )
        for probe in probes
    ]


def _ear(session: Session, probes: Sequence[Probe]) -> Ear:
    try:
        asked = [probe.asked for probe in probes]
        return Ear(session.constitution.name, character_classifier(session, asked=asked))
    except (RunError, SettingsError) as error:
        # Too few pairs to learn from, or no scikit-learn, is no reason to measure nothing.
        return Ear(session.constitution.name, None, str(error))


def _result(
    job: TraitsJob,
    session: Session,
    speakers: Sequence[Speaker],
    new: HeldOut,
    probes: Sequence[Probe],
    ear: Ear,
    rows: list[dict[str, Any]],
    record: dict[str, Any] | None,
) -> EvalResult:
    name, traits = session.constitution.name, {one.id: one.trait for one in session.constitution.traits}
    labels, tuned = in_order(one.label for one in speakers), [one.label for one in tuned_of(speakers)]
    cells = cells_of(rows, labels, list(traits))
    lengths = [length_cell(rows, label) for label in labels if label != BASE and BASE in labels]
    cells += [cell for cell in lengths if cell is not None]
    # Without a tuned model the system prompt's character, which is the one that was asked for.
    shown = tuned[-1] if tuned else PROMPTED if PROMPTED in labels else labels[-1]
    base = [cell for cell in cells if (cell.measure, cell.group, cell.speaker) == (IN_CHARACTER, "", BASE)]
    return EvalResult(
        "traits",
        name,
        session.run.id if session.run else "",
        telling.headline(session.constitution.title, cells, shown, traits, heard_by=ear.heard_by),
        cells,
        rows,
        [
            *telling.caveats(
                rows, new.without, job.per_trait, job.sampling.max_tokens, heard_by=ear.heard_by
            ),
            *ear.caveats(),
            *(base_caveats(base[0] if base else None) if ear.heard_by else []),
            *telling.on_judge(rows, record),
        ],
        {one.label: one.as_dict() for one in speakers},
        judge=record,
        settings={
            "judge": job.judge.full if job.judge else None,
            "speakers": {one.label: one.as_dict() for one in speakers},
            "sampling": job.sampling.as_dict(),
            "prompts": content_hash([[one.content for one in probe.messages] for probe in probes]),
        },
        details={
            "lights": [one.as_dict() for label in tuned[-1:] for one in lights(cells, label)],
            "traits": traits,
            "without": list(new.without),
            "heard_by": ear.heard_by,
            "classifier": ear.classifier.as_dict() if ear.classifier else None,
            "prompts": {kind: sum(probe.kind == kind for probe in probes) for kind in _kinds(probes)},
        },
        prompts_sha256=content_hash([probe.asked for probe in probes]),
        prompts=len(probes),
        seed=job.sampling.seed or 0,
    )


def _kinds(probes: Sequence[Probe]) -> list[str]:
    return list(dict.fromkeys(probe.kind for probe in probes))
