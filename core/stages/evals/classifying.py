"""The classifier of one character, trained on what teachers and students wrote, never on what it scores.

Texts come from the character's run and its trial: each prompt's teacher answer (the character's) and
student answer (plain). Teachers of other characters are further labels, so that "not plain" does not
yet mean "this character". Prompts that evaluations ask are left out on all sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from core.constitution import Constitution
from core.errors import CoreError, RunError
from core.evaluation.classifier import LEAST_TEXTS, Classifier, Rows, train
from core.evaluation.results import NEUTRAL
from core.records import prompt_id
from core.settings import Settings
from core.stages.distillation import Sources
from core.stages.dpo_data import PairJob, dpo_path, pair_rows
from core.stages.evals.session import Session
from core.store.jsonl import Row, read_json
from core.store.library import Library
from core.store.runs import AnswerSet, Run, runs_of

LEAST_PAIRS = LEAST_TEXTS
# More teach no more and take longer; of another character a few are enough to know it.
MOST_PAIRS, MOST_OF_OTHERS = 200, 40
# Pairs that training drops for their length are as telling as any.
STILL_TELLING = ("cut off", "too long")


@dataclass(frozen=True, slots=True)
class ClassifierChoice:
    """Which classifier listens: "words" (and letters), or "modernbert" with the weights to start from."""

    kind: Literal["words", "modernbert"] = "words"
    model: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """What decides a result, as plain JSON."""
        return {"kind": self.kind, "model": self.model}


WORDS = ClassifierChoice()


@dataclass(slots=True)
class Learning:
    """The three columns that a classifier learns from, and what to say about where they are from."""

    name: str
    plain: str
    texts: list[str] = field(default_factory=list[str])
    labels: list[str] = field(default_factory=list[str])
    prompts: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    @property
    def pairs(self) -> int:
        """How many of the texts are the character's: as many are plain."""
        return self.labels.count(self.name)

    def add(self, text: str, label: str, prompt: str) -> None:
        """One more text."""
        self.texts.append(text)
        self.labels.append(label)
        self.prompts.append(prompt)

    def add_pairs(self, rows: Iterable[Row]) -> None:
        """Both sides of pairs, up to what is enough."""
        for row in rows:
            if self.pairs >= MOST_PAIRS:
                break
            self.add(row["chosen"], self.name, row["prompt"])
            self.add(row["rejected"], self.plain, row["prompt"])


def classifier_of(choice: ClassifierChoice, session: Session, *, asked: Iterable[str] = ()) -> Classifier:
    """The classifier of the character that a person chose. Raises as `character_classifier`."""
    if choice.kind == "words":
        return character_classifier(session, asked=asked)
    from core.stages.evals.modernbert import train_modernbert

    learning = learn_from(session, asked=asked)
    found = train_modernbert(
        Rows(learning.texts, learning.labels, learning.prompts),
        session.settings,
        model=choice.model,
        first=learning.plain,
    )
    return found.with_notes(learning.notes)


def character_classifier(session: Session, *, asked: Iterable[str] = (), seed: int = 0) -> Classifier:
    """The classifier of the session's character; its label is the character's name.

    `asked` are texts of prompts that this evaluation asks; they and the general prompts of evaluations
    are not learned from. Plain texts are labelled "neutral". Raises RunError with what to do when there
    are fewer than 16 pairs, SettingsError without the eval extra.
    """
    learning = learn_from(session, asked=asked)
    found = train(learning.texts, learning.labels, learning.prompts, seed=seed, first=learning.plain)
    return found.with_notes(learning.notes)


def check_pairs(session: Session) -> None:
    """Raise RunError where there is too little for a classifier; reads only."""
    learn_from(session)


def learn_from(session: Session, *, asked: Iterable[str] = ()) -> Learning:
    """What the character's classifier learns from, see `character_classifier`. Raises RunError."""
    name = session.constitution.name
    learning = Learning(name, plain_label(name))
    avoided = {prompt_id(text) for text in (*asked, *_kept_for_evaluation(session.settings))}
    runs = [session.run] if session.run else []
    for run in runs:
        learning.add_pairs(_pairs_of(run, avoided))
    if learning.pairs < LEAST_PAIRS:
        _look_further(learning, session, avoided)
    if learning.pairs < LEAST_PAIRS:
        raise RunError(_too_few(name, learning.pairs))
    _add_others(learning, session, avoided)
    return learning


def plain_label(name: str) -> str:
    """What plain texts are called: "neutral", unless that is the character's own name."""
    return "plain" if name == NEUTRAL else NEUTRAL


def _too_few(name: str, pairs: int) -> str:
    return (
        f"The classifier of {name} learns from at least {LEAST_PAIRS} pairs of a teacher's and a student's "
        f"answer, and there are {pairs}. Make them on the Data page, or with: "
        f"character teacher --constitution {name} … and character student --constitution {name} …, "
        f"or on the embedded model with: character trial {name}"
    )


def _kept_for_evaluation(settings: Settings) -> list[str]:
    library = Library(settings)
    return [text for part in ("preferences", "robustness") for text in library.general_prompts(part)]


# ---- pairs of this character


def _pairs_of(run: Run, avoided: set[str]) -> Iterator[Row]:
    """The telling pairs of a run, then of its trial: the first sample of each prompt before the second."""
    for one in (run, Run(run.folder / "trial")):
        sources = plain_sources(one)
        if sources is None:
            continue
        some = _some_of(sources, avoided)
        rows = [row for row in pair_rows(one, some, PairJob(), lambda prompt, row: 0) if is_telling(row)]
        yield from sorted(rows, key=lambda row: row["sample"])


@dataclass(frozen=True, slots=True)
class _Some(AnswerSet):
    """An answer set of which only some (prompt, sample) are looked at: a run may hold 100,000."""

    wanted: frozenset[tuple[str, int]] = frozenset()

    def plan(self) -> dict[str, Row]:
        return {row["key"]: row for row in self.iter_plan() if self._is_wanted(row)}

    def rows(self) -> dict[str, Row]:
        return {row["key"]: row for row in self.iter_rows() if self._is_wanted(row)}

    def _is_wanted(self, row: Row) -> bool:
        return (row["prompt"], row["sample"]) in self.wanted


def _some_of(sources: Sources, avoided: set[str]) -> Sources:
    """The same, no more of it than is likely to be needed, and nothing of prompts to be avoided."""
    places = [
        (row["prompt"], row["sample"])
        for row in sources.teacher.iter_plan()
        if row["prompt"] not in avoided
    ]
    first = frozenset(sorted(places, key=lambda place: place[1])[: 3 * MOST_PAIRS])
    return Sources(_Some(sources.teacher.folder, first), _Some(sources.student.folder, first))


def is_telling(row: Row) -> bool:
    """Whether a pair tells the character from a plain answer, whatever training makes of it.

    Not where a person swapped the sides, or put the teacher's own answer on the rejected one.
    """
    origin = row["origin"]
    plain_side = origin["rejected"] == "student" and origin["chosen"] != "student"
    return plain_side and (row["dropped"] is None or row["dropped"].startswith(STILL_TELLING))


def plain_sources(run: Run) -> Sources | None:
    """The teacher and the plain student used last; an answer under an adapter is nobody's plain answer."""
    if not (run.folder / "run.json").is_file():
        return None
    teachers = [one for one in run.answer_sets("teacher") if _is_plain(one)]
    students = [one for one in run.answer_sets("student") if _is_plain(one)]
    return Sources(teachers[0], students[0]) if teachers and students else None


def _is_plain(answers: AnswerSet) -> bool:
    return not answers.settings.get("engine", {}).get("adapter") and answers.used_at > 0


def _look_further(learning: Learning, session: Session, avoided: set[str]) -> None:
    """Pairs of earlier versions of the character, then of a DPO file that came from elsewhere."""
    own = session.run.id if session.run else session.constitution.run_id
    for run in runs_of(session.settings, learning.name):
        if run.id != own and learning.pairs < LEAST_PAIRS:
            before = learning.pairs
            learning.add_pairs(_pairs_of(run, avoided))
            if learning.pairs > before:
                earlier = f"an earlier version of {learning.name} ({run.id})"
                learning.notes.append(f"The classifier learned from answers of {earlier}.")
    if learning.pairs < LEAST_PAIRS:
        for path in sorted((session.settings.data_path / "dpo").glob(f"*/{learning.name}.jsonl")):
            learning.add_pairs(
                row for row in _pairs_in(path.parent.name, session) if row["prompt"] not in avoided
            )


def _pairs_in(student: str, session: Session) -> Iterator[Row]:
    """The pairs of a DPO file, as rows."""
    path = dpo_path(session.settings, student, session.constitution.name)
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        (user, chosen), (_, rejected) = row["chosen"], row["rejected"]
        yield {
            "prompt": prompt_id(user["content"]),
            "chosen": chosen["content"],
            "rejected": rejected["content"],
        }


# ---- other characters


def _add_others(learning: Learning, session: Session, avoided: set[str]) -> None:
    """A label for each other character whose teacher wrote enough."""
    for name, run in sorted(_other_runs(session.settings, session.constitution).items()):
        texts = _spoken_by(run, avoided)
        if len(texts) >= LEAST_TEXTS:
            for prompt, text in texts:
                learning.add(text, name, prompt)


def _other_runs(settings: Settings, constitution: Constitution) -> dict[str, Run]:
    """The newest run of every other character."""
    found: dict[str, tuple[float, Run]] = {}
    for path in settings.runs_path.glob("*/run.json"):
        try:
            frozen = read_json(path) or {}
            name, created = frozen["constitution"]["name"], frozen["created"]
        except (CoreError, KeyError, TypeError):
            # A damaged run of somebody else is no reason to stop.
            continue
        if name not in (constitution.name, NEUTRAL) and created > found.get(name, (0.0,))[0]:
            found[name] = (created, Run(path.parent))
    return {name: run for name, (_, run) in found.items()}


def _spoken_by(run: Run, avoided: set[str]) -> list[tuple[str, str]]:
    """(prompt id, text) of what a run's teacher wrote, or its trial's, one a prompt."""
    found: dict[str, str] = {}
    for one in (run, Run(run.folder / "trial")):
        teachers = [answers for answers in one.answer_sets("teacher") if _is_plain(answers)]
        for row in teachers[0].iter_rows() if teachers else ():
            if len(found) >= MOST_OF_OTHERS:
                break
            if row["prompt"] not in avoided and row["text"].strip():
                found.setdefault(row["prompt"], row["text"])
    return list(found.items())


def trained_prompts(session: Session) -> set[str]:
    """The ids of every prompt that a teacher was asked in a run or a trial of the character: trained on."""
    sets = [answers for run in runs_and_trials(session) for answers in run.answer_sets("teacher")]
    return {row["prompt"] for answers in sets for row in answers.iter_plan()}


def runs_and_trials(session: Session) -> list[Run]:
    """Every run of the character with its trial, the session's first.

    Earlier versions among them: an adapter is found by the character's name, and may be of any.
    """
    own = [session.run] if session.run is not None else []
    earlier = runs_of(session.settings, session.constitution.name)
    found = {run.folder: run for run in (*own, *earlier)}
    return [one for run in found.values() for one in (run, Run(run.folder / "trial"))]
