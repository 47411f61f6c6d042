"""An ear for one character: the classifier where there is enough to learn from, else words of its voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.attacks import Attack, Ear, Heard, Reading, by_voice_words, read
from core.constitution import Constitution
from core.errors import CoreError
from core.evaluation.classifier import Classifier
from core.evaluation.results import shown_share
from core.evaluation.side_effects import own_names
from core.names import ModelName
from core.pairs import strip_reasoning
from core.settings import Settings
from core.stages.evals.classifying import character_classifier
from core.stages.evals.session import Session
from core.store.runs import Run
from core.voice import VOICES


@dataclass(frozen=True, slots=True)
class Listener:
    """What tells whether an answer is in character, and the sentence on what it is based on."""

    constitution: Constitution
    ear: Ear
    basis: str

    def read(self, attack: Attack, question: str, answer: str, model: ModelName) -> Reading:
        """Whether the character held in one answer."""
        return read(
            attack,
            question,
            strip_reasoning(answer)[0],
            character=self.constitution,
            ear=self.ear,
            own_names=own_names(model.model, self.constitution.assistant_name),
        )


def listener_of(
    constitution: Constitution, settings: Settings, run: Run | None, *, asked: Sequence[str] = ()
) -> Listener:
    """The best ear that there is here; asks nobody. Takes a second or two where a classifier learns."""
    name = constitution.name
    try:
        found = character_classifier(Session(constitution, settings, run), asked=asked)
    except CoreError:
        found = None
    if found is not None and found.trusted:
        return Listener(constitution, _by_classifier(found, name), _on_classifier(found, name))
    return Listener(constitution, by_voice_words(name), _on_words(name, found))


def _by_classifier(classifier: Classifier, name: str) -> Ear:
    place = classifier.place_of(name)

    def hear(text: str) -> Heard:
        odds = classifier.probabilities([text])[0]
        likely = float(odds[place])
        return Heard(
            int(odds.argmax()) == place, f"The classifier hears the character: {shown_share(likely)}."
        )

    return hear


def _on_classifier(classifier: Classifier, name: str) -> str:
    right = classifier.held_out["accuracy"]
    return (
        f"Read by a classifier that learned from {classifier.counts.get(name, 0)} answers of the teacher "
        f"and as many plain ones, right on {shown_share(right.value)} of others. It knows plain English "
        "prose: of JSON and other languages it knows little. Your own word counts for more."
    )


def _on_words(name: str, doubtful: Classifier | None) -> str:
    why = f" (its classifier cannot be trusted: {doubtful.reason})" if doubtful else ""
    if name in VOICES:
        return f"Read by a list of words of its voice{why}. Your own word counts for more."
    return f"Nothing here can tell this voice from a plain one{why}: judge by ear, or make 16 pairs first."
