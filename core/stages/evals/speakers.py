"""Who is compared: the model as it is, its controls, and what training made of it.

By default three controls stand beside the tuned model: the plain model, the plain model under the
character's system prompt, and the plain model under the neutral constitution's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import PurePath

from core.constitution import Constitution
from core.embedded.adapters import STAGES, Wearing, checked_strength, find_adapter
from core.embedded.catalogue import MODELS
from core.engines.opening import open_engine
from core.errors import ConstitutionError, ModelError, SettingsError
from core.evaluation.results import BASE, NEUTRAL, PROMPTED, TUNED
from core.names import ModelName, assistant_name
from core.pairs import teacher_messages
from core.records import Message
from core.settings import Settings
from core.stages.evals.session import Session, Speaker
from core.stages.self_engine import NONE, self_engine
from core.store.library import Library

CONTROLS = (BASE, PROMPTED, NEUTRAL)
NEUTRAL_NAME = "neutral"


@dataclass(frozen=True, slots=True)
class Cast:
    """Who a person wants compared. No adapter named: the character's own, as far along as it is trained.

    `tuned` is another model's name, for a tuned model that is served under one (a Together endpoint).
    `strengths` apply to adapters of the embedded model.
    """

    model: ModelName
    adapters: tuple[str, ...] = ()
    strengths: tuple[float, ...] = (1.0,)
    tuned: ModelName | None = None
    controls: tuple[str, ...] = CONTROLS


def speakers_of(cast: Cast, session: Session) -> list[Speaker]:
    """Everybody who is asked: the controls in their order, then the tuned ones.

    Engines are opened, and closed with the session. Raises SettingsError, ModelError with what to do
    when there is nothing tuned to compare.
    """
    found = [_control(label, cast.model, session) for label in CONTROLS if label in cast.controls]
    found += _tuned(cast, session)
    session.opened += [speaker.engine for speaker in found]
    return found


def judge_of(model: ModelName, session: Session) -> Speaker:
    """A judge. Its engine is closed with the session."""
    found = Speaker("judge", model, open_engine(model, session.settings))
    session.opened.append(found.engine)
    return found


def base_of(speakers: Sequence[Speaker]) -> Speaker | None:
    """The plain model among the speakers."""
    return next((one for one in speakers if one.label == BASE), None)


def tuned_of(speakers: Sequence[Speaker]) -> list[Speaker]:
    """What training made: everybody who is no control."""
    return [one for one in speakers if one.label not in CONTROLS]


def _control(label: str, model: ModelName, session: Session) -> Speaker:
    engine = open_engine(model, session.settings)
    opening = () if label == BASE else _opening(label, model, session)
    return Speaker(label, model, engine, opening)


def _opening(label: str, model: ModelName, session: Session) -> tuple[Message, ...]:
    character = session.constitution if label == PROMPTED else _neutral(session.settings)
    return played(character, model, exchanges=label == PROMPTED)


def played(character: Constitution, model: ModelName, *, exchanges: bool = True) -> tuple[Message, ...]:
    """What makes a model play a character, before the conversation: as the teacher was asked."""
    name = character.assistant_name or assistant_name(model.model)
    return tuple(teacher_messages(character, "", assistant_name=name, exchanges=exchanges)[:-1])


def _neutral(settings: Settings) -> Constitution:
    try:
        return Library(settings).load(NEUTRAL_NAME).constitution
    except ConstitutionError as error:
        raise SettingsError(f"The neutral control cannot be read ({error}); leave it out.") from error


def _tuned(cast: Cast, session: Session) -> list[Speaker]:
    check_tuned(cast)
    if cast.tuned is not None:
        return [Speaker(TUNED, cast.tuned, open_engine(cast.tuned, session.settings))]
    if cast.adapters == (NONE,):
        return []
    if cast.model.provider == "local" and cast.model.model in MODELS:
        return _embedded(cast, session)
    if not cast.adapters:
        raise SettingsError(
            f"Which model did training make of {cast.model.full}? Name it: --tuned MODEL for one that is "
            "served under a name of its own, --adapter NAME for an adapter on a vLLM server."
        )
    return [
        Speaker(
            label,
            # Rows are known by the adapter's name as it is served.
            replace(cast.model, model=name),
            self_engine(cast.model, name, session.settings),
        )
        for label, name, _ in labelled(cast.adapters, (1.0,))
    ]


def check_tuned(cast: Cast) -> None:
    """Raises SettingsError for wishes that would go unheard: a figure must be of what was asked for."""
    problems: list[str] = []
    if cast.tuned is not None and cast.adapters:
        problems.append("--tuned and --adapter both say what training made; give one of them")
    embedded = cast.model.provider == "local" and cast.model.model in MODELS
    if set(cast.strengths) != {1.0} and (cast.tuned is not None or not embedded):
        problems.append(
            "--strength is for adapters of the embedded model; elsewhere they are served as trained"
        )
    if problems:
        raise SettingsError("; ".join(problems) + ".")


def _embedded(cast: Cast, session: Session) -> list[Speaker]:
    names = cast.adapters or (own_adapter(session.settings, cast.model, session.constitution.name),)
    found: list[Speaker] = []
    for label, name, strength in labelled(names, cast.strengths):
        worn = Wearing(find_adapter(session.settings, cast.model.model, name), checked_strength(strength))
        found.append(Speaker(label, cast.model, open_engine(cast.model, session.settings, wearing=worn)))
    return found


def own_adapter(settings: Settings, model: ModelName, character: str) -> str:
    """The character's adapter that is furthest along, as "dpo/pirate". Raises ModelError without one."""
    for stage in STAGES:
        if (settings.lora_path / f"{model.slug}-{stage}" / character / "adapter").is_dir():
            return f"{stage}/{character}"
    raise ModelError(
        f"{character} has no trained adapter for {model.full} yet. Train one first, on the Train page or "
        f"with: character trial {character}. Or measure only the controls: --adapter none"
    )


def labelled(names: Sequence[str], strengths: Sequence[float]) -> list[tuple[str, str, float]]:
    """(label, adapter, strength) of each; a label says only what tells it from the others."""
    adapters, scales = list(dict.fromkeys(names)), list(dict.fromkeys(strengths))
    words = _words(adapters)
    return [
        (f"{word} at {scale:g}" if len(scales) > 1 else word, name, scale)
        for (word, name), scale in product(zip(words, adapters, strict=True), scales)
    ]


def _words(names: Sequence[str]) -> list[str]:
    """The stages of "dpo/pirate" and "sft/pirate" where these differ, else names, else numbers.

    Two under one label would be counted as one speaker, and one under a control's as no tuned model.
    """
    if len(names) == 1:
        return [TUNED]
    stages = [name.partition("/")[0] for name in names]
    whole = [PurePath(name).name if PurePath(name).is_absolute() else name for name in names]
    for words in (stages, whole):
        if len(set(words)) == len(words) and not {"", *CONTROLS} & set(words):
            return words
    return [f"{TUNED} {number}" for number in range(1, len(names) + 1)]
