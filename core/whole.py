"""The whole way from a constitution to a report: its stages, its presets, and the verb of each. Pure.

plan = plan_of("pirate", PRESETS["quick"], teacher="local/smollm2-135m", student="local/smollm2-135m")
words_of("teacher", plan)    ["teacher", "--constitution", "pirate", "--model", …]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Step = Literal["pairs", "learn", "words", "learn-words", "measure"]
EVALS = ("data", "traits", "robustness", "prefill", "coherence", "preferences", "capability")
# In this order; the step of the page that each belongs to.
STEP_OF: Mapping[str, Step] = {
    "prompts": "pairs",
    "teacher": "pairs",
    "student": "pairs",
    "dpo-data": "pairs",
    "train-dpo": "learn",
    "reflect": "words",
    "interact": "words",
    "sft-data": "words",
    "train-sft": "learn-words",
    "merge": "learn-words",
    **{f"eval-{kind}": "measure" for kind in EVALS},
    "report": "measure",
}
STAGES = tuple(STEP_OF)
STEPS: Mapping[Step, str] = {
    "pairs": "Make pairs",
    "learn": "Learn from the pairs",
    "words": "Write its own words",
    "learn-words": "Learn from its own words",
    "measure": "Measure and report",
}
TITLES: Mapping[str, str] = {
    "prompts": "More prompts for each trait",
    "teacher": "The teacher plays the character",
    "student": "The student answers as it always does",
    "dpo-data": "Both become pairs",
    "train-dpo": "The student learns the difference",
    "reflect": "It writes about itself",
    "interact": "Two of it talk",
    "sft-data": "Choose what it learns from",
    "train-sft": "It learns its own words",
    "merge": "Join both adapters",
    "eval-data": "Check the pairs",
    "eval-traits": "Measure the traits",
    "eval-preferences": "Measure preferences",
    "eval-robustness": "Test whether it holds",
    "eval-prefill": "Test long talks",
    "eval-coherence": "Compare answers",
    "eval-capability": "Ask what it knows",
    "report": "Write the report",
}
# The stages that ask a model, whose answers cost something at a provider.
ASKING = frozenset(
    {"prompts", "teacher", "student", "reflect", "interact", *(f"eval-{k}" for k in EVALS[1:])}
)
TRAINING = frozenset({"train-dpo", "train-sft"})


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a whole way is. `recipe` is the trainer's preset; None leaves a number to the verb.

    `limit` counts prompts, `samples` answers to each, `per_trait` prompts of a trait (0: those there are).
    `reflections` are asked of each of ten questions, `talks` are conversations of `turns` turns.
    """

    name: str
    stages: tuple[str, ...]
    recipe: str
    limit: int | None = None
    samples: int = 1
    per_trait: int = 0
    reflections: int = 0
    talks: int = 0
    turns: int = 10


_PAIRS = ("teacher", "student", "dpo-data", "train-dpo")
_WORDS = ("reflect", "interact", "sft-data", "train-sft", "merge")
PRESETS: Mapping[str, Shape] = {
    "trial": Shape("trial", (*_PAIRS, "eval-data", "eval-traits", "report"), "trial", limit=48),
    "quick": Shape(
        "quick",
        (*_PAIRS, *_WORDS, "eval-data", "eval-traits", "eval-robustness", "report"),
        "quick",
        limit=240,
        reflections=6,
        talks=30,
        turns=6,
    ),
    # OpenCharacterTraining's own sizes.
    "paper": Shape(
        "paper",
        STAGES,
        "paper",
        samples=5,
        per_trait=50,
        reflections=1000,
        talks=1000,
    ),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made of which character by whom. `backend` says where it is trained."""

    constitution: str
    shape: Shape
    teacher: str
    student: str
    backend: str = "local"
    judge: str | None = None
    seed: int = 0
    only_affected: bool = False
    general: bool = True

    @property
    def recipe(self) -> str:
        """The trainer's preset: the embedded model cannot learn at the pace of large ones."""
        return "trial" if self.student.startswith("local/") else self.shape.recipe


def between(shape: Shape, first: str | None, last: str | None) -> Shape:
    """The shape with its stages from one to another, in order; ValueError when they are the wrong way."""
    start = STAGES.index(first) if first else 0
    end = STAGES.index(last) if last else len(STAGES) - 1
    if start > end:
        raise ValueError(f"--from {first} comes after --to {last}")
    wanted = STAGES[start : end + 1]
    # What somebody names is done even where the preset leaves it out.
    stages = tuple(stage for stage in wanted if stage in (*shape.stages, first, last))
    return replace(shape, stages=stages)


def words_of(stage: str, plan: Plan) -> list[str]:
    """The words of the verb that does a stage; the same a person would type."""
    who, shape = ["--constitution", plan.constitution], plan.shape
    seed = ["--seed", str(plan.seed)] if plan.seed else []
    if stage == "prompts":
        return ["prompts", *who, "--model", plan.teacher, "--per-trait", str(shape.per_trait or 50), *seed]
    if stage in ("teacher", "student"):
        return [stage, *who, *_asked(stage, plan), *seed]
    if stage == "dpo-data":
        return [stage, *who, "--teacher", plan.teacher, "--student", plan.student, *seed]
    if stage in TRAINING:
        return ["train", stage.partition("-")[2], *who, *_trained(plan)]
    if stage in ("reflect", "interact"):
        return [stage, *who, "--model", plan.student, *_own_words(stage, shape), *seed]
    if stage == "merge":
        return [stage, *who, "--student", plan.student]
    if stage.startswith("eval-"):
        return _measured(stage.partition("-")[2], plan, who)
    return [stage, *who]


def _asked(stage: str, plan: Plan) -> list[str]:
    model = plan.teacher if stage == "teacher" else plan.student
    words = ["--model", model, "--K", str(plan.shape.samples)]
    words += ["--student", plan.student] if stage == "teacher" else []
    words += ["--limit", str(plan.shape.limit)] if plan.shape.limit else []
    words += ["--only-affected"] if plan.only_affected and stage == "teacher" else []
    return words + ([] if plan.general else ["--no-general"])


def _trained(plan: Plan) -> list[str]:
    words = ["--backend", plan.backend, "--student", plan.student]
    # Together has one preset, which is its default.
    return words + (["--preset", plan.recipe] if plan.backend == "local" else [])


def _own_words(stage: str, shape: Shape) -> list[str]:
    if stage == "reflect":
        return ["--N", str(shape.reflections or 6)]
    return ["--N", str(shape.talks or 30), "--K", str(shape.turns)]


def _measured(kind: str, plan: Plan, who: Sequence[str]) -> list[str]:
    if kind == "data":
        return ["eval", kind, *who, "--teacher", plan.teacher, "--student", plan.student]
    judge = ["--judge", plan.judge] if plan.judge and kind in ("traits", "coherence", "preferences") else []
    few = ["--control", "base"] if plan.shape.name != "paper" else []
    return ["eval", kind, *who, "--model", plan.student, *few, *judge]


def models_of(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Every model that the plan asks, with the stages that ask it: whose price must be known."""
    asked: dict[str, list[str]] = {}
    for stage in plan.shape.stages:
        if stage in ASKING:
            model = plan.teacher if stage in ("prompts", "teacher") else plan.student
            asked.setdefault(model, []).append(stage)
            if plan.judge and "--judge" in words_of(stage, plan):
                asked.setdefault(plan.judge, []).append(stage)
    return {model: tuple(stages) for model, stages in asked.items()}
