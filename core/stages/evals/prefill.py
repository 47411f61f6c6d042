"""`character eval prefill`: the plain model answers first, then each speaker goes on for some turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from core.embedded.catalogue import MODELS
from core.errors import SettingsError
from core.evaluation import prefill
from core.evaluation.classifier import Classifier
from core.evaluation.in_character import heard, no_verdict
from core.evaluation.prefill import CONTINUATIONS, MOST_TURNS
from core.evaluation.results import BASE, EvalResult, in_order
from core.names import ModelName
from core.prompts import Prompt
from core.records import Message, Sampling, content_hash
from core.stages.evals.classifying import WORDS, ClassifierChoice, check_pairs, classifier_of
from core.stages.evals.hearing import general_questions, settings_of, told_row
from core.stages.evals.session import Ask, Session, Side, Speaker, drawn
from core.stages.evals.speakers import Cast, speakers_of, tuned_of
from core.stages.planning import CHARACTERS_A_TOKEN
from core.store.jsonl import Row

# How many tokens a conversation may take where the model's own limit is not known.
CONTEXT = 8192


@dataclass(frozen=True, slots=True)
class PrefillJob:
    """What is asked of whom, for how many turns (1 to 15). `prompts` counts conversations."""

    cast: Cast
    sampling: Sampling
    prompts: int = 20
    turns: int = 5
    classifier: ClassifierChoice = WORDS


@dataclass(slots=True)
class Talk:
    """One speaker's conversation under way."""

    prompt: Prompt
    first: str
    said: list[str] = field(default_factory=list[str])


async def evaluate_prefill(job: PrefillJob, session: Session) -> EvalResult:
    """How often each speaker is in character at each turn; rows are its answers.

    A conversation whose turn has no answer ends there. Raises RunError where the classifier has too
    little to learn from, before anything is asked, SettingsError without the plain model among the
    speakers, and EngineError, ModelError as asking does.
    """
    _check(job)
    return await measure_prefill(job, session, speakers_of(job.cast, session))


async def measure_prefill(job: PrefillJob, session: Session, speakers: Sequence[Speaker]) -> EvalResult:
    """The same for speakers that are there already, the plain model among them."""
    prompts = general_questions(session, job.prompts)
    classifier = classifier_of(job.classifier, session, asked=[prompt.text for prompt in prompts])
    firsts = await _first_answers(job, session, _plain(speakers), prompts)
    rows: list[Row] = []
    for speaker in speakers:
        for block in _blocks(firsts, _at_once(job.cast.model)):
            talks = [Talk(prompt, first) for prompt, first in block]
            for turn in range(1, job.turns + 1):
                rows += await _turn(job, session, speaker, talks, turn)
    return _result(job, session, speakers, prompts, classifier, rows)


def _check(job: PrefillJob) -> None:
    if not 1 <= job.turns <= MOST_TURNS:
        raise SettingsError(f"{job.turns} turns cannot be asked for; choose 1 to {MOST_TURNS}.")
    if BASE not in job.cast.controls:
        raise SettingsError("The plain model answers first here, so it cannot be left out: --control base")


def _plain(speakers: Sequence[Speaker]) -> Speaker:
    return next(speaker for speaker in speakers if speaker.label == BASE)


def _at_once(model: ModelName) -> int | None:
    """How many conversations go on side by side: the embedded server remembers one a slot; else all."""
    known = MODELS.get(model.model) if model.provider == "local" else None
    return known.slots if known else None


def _blocks(firsts: Sequence[tuple[Prompt, str]], size: int | None) -> list[list[tuple[Prompt, str]]]:
    rest = iter(firsts)
    return list(iter(lambda: list(islice(rest, size or max(1, len(firsts)))), []))


async def _first_answers(
    job: PrefillJob, session: Session, base: Speaker, prompts: Sequence[Prompt]
) -> list[tuple[Prompt, str]]:
    """Each prompt with the plain model's answer; prompts that got none are left out."""
    rows = await session.answers(base, _openings(job, prompts), stage="first answers")
    return [(prompt, row["text"]) for prompt, row in zip(prompts, rows, strict=True) if row is not None]


def _openings(job: PrefillJob, prompts: Sequence[Prompt]) -> list[Ask]:
    return [
        Ask({"prompt": prompt.id, "sample": 0}, (Message("user", prompt.text),), job.sampling)
        for prompt in prompts
    ]


async def _turn(
    job: PrefillJob, session: Session, speaker: Speaker, talks: Sequence[Talk], turn: int
) -> list[Row]:
    """One turn of every conversation that is still going; their rows."""
    going = [talk for talk in talks if len(talk.said) == turn - 1]
    asks = [_ask(job, speaker, talk, turn) for talk in going]
    if not asks:
        return []
    answers = await session.answers(speaker, asks, stage=f"{speaker.label}, turn {turn}")
    found: list[Row] = []
    for talk, row in zip(going, answers, strict=True):
        if row is not None:
            talk.said.append(row["text"])
            found.append(row | {"speaker": speaker.label})
    return found


def _ask(job: PrefillJob, speaker: Speaker, talk: Talk, turn: int) -> Ask:
    turns = prefill.conversation(talk.prompt.text, talk.first, talk.said)
    seen, trimmed = prefill.as_seen(turns, speaker.opening, _room(job))
    tag = {
        "prompt": talk.prompt.id,
        "asked": CONTINUATIONS[turn - 1],
        "question": talk.prompt.text,
        "first": talk.first,
        "group": str(turn),
        "sample": 0,
        "trimmed": trimmed,
    }
    return Ask(tag, seen, drawn(job.sampling, turn))


def _room(job: PrefillJob) -> int:
    """How many tokens a request may take, so that its answer still fits."""
    model = job.cast.model
    known = MODELS.get(model.model) if model.provider == "local" else None
    return (known.slot_context if known else CONTEXT) - job.sampling.max_tokens


def size_prefill(job: PrefillJob, session: Session) -> list[Side]:
    """What asking everybody would take; what is there already is known only of the first answers.

    Later turns depend on what is said before, so all of them count as open.
    """
    _check(job)
    check_pairs(session)
    prompts = general_questions(session, job.prompts)
    speakers = speakers_of(job.cast, session)
    first = session.size(_plain(speakers), _openings(job, prompts))
    return [first, *(_side(job, session, speaker, prompts) for speaker in speakers)]


def _side(job: PrefillJob, session: Session, speaker: Speaker, prompts: Sequence[Prompt]) -> Side:
    """Every turn sees its opening, the question, and all answers before it at their longest."""
    answer = job.sampling.max_tokens * CHARACTERS_A_TOKEN
    before = sum(len(one.content) for one in speaker.opening) + sum(len(one.text) for one in prompts) / max(
        1, len(prompts)
    )
    said = sum(before + turn * answer for turn in range(1, job.turns + 1))
    count = len(prompts) * job.turns
    return session.side(speaker, count, 0, round(said * len(prompts)), job.sampling.max_tokens)


def _result(
    job: PrefillJob,
    session: Session,
    speakers: Sequence[Speaker],
    prompts: Sequence[Prompt],
    classifier: Classifier,
    answers: Sequence[Row],
) -> EvalResult:
    name = session.constitution.name
    labels, tuned = in_order(one.label for one in speakers), [one.label for one in tuned_of(speakers)]
    rows = heard(map(_told, answers), classifier, name)
    cells = prefill.cells_of(rows, labels, job.turns)
    headline = prefill.headline(session.constitution.title, cells, tuned, job.turns)
    return EvalResult(
        "prefill",
        name,
        session.run.id if session.run else "",
        no_verdict(session.constitution.title, classifier) or headline,
        cells,
        rows,
        prefill.caveats(name, cells, rows, classifier, job.sampling.max_tokens),
        {one.label: one.as_dict() for one in speakers},
        settings=settings_of(job, speakers, prompts) | {"turns": job.turns},
        details={
            "classifier": classifier.as_dict(),
            "continuations": list(CONTINUATIONS[: job.turns]),
        },
        prompts_sha256=content_hash([prompt.text for prompt in prompts]),
        prompts=len(prompts),
        seed=job.sampling.seed or 0,
    )


def _told(row: Row) -> dict[str, Any]:
    return told_row(row) | {name: row[name] for name in ("question", "first", "trimmed")}
