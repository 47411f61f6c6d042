"""`character trial NAME`: pairs, training, proof and answers in minutes, on the embedded model.

    runs/<id>/trial/
      run.json, prompts.jsonl, teacher/, student/   a run of its own: the character's real data stay as is
      pairs.jsonl                                   what was trained on
      result.json, trial.md                         what came of it
    LORA_PATH/<student>-trial/<name>/adapter/       the adapter, with proof.json

Every stage leaves what it made on disk and finds it there again: killed anywhere, the next run goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Protocol

from core.constitution import Constitution
from core.embedded.adapters import PROVENANCE, WEIGHTS, LocalAdapter, Wearing, file_sha256, find_adapter
from core.engines import Engine
from core.engines.opening import open_engine
from core.errors import ModelError, RunError
from core.names import ModelName
from core.pairs import Answer, Candidate, dpo_row
from core.prompts import Prompt, prompt_of
from core.settings import Settings
from core.stages.answers import answer
from core.stages.defaults import Wishes, answer_job
from core.stages.distillation import Sources, json_line
from core.stages.dpo_data import PairJob, pair_rows
from core.stages.lengths import token_counter
from core.stages.planning import AnswerJob, Role, settings_of
from core.stages.prepare import Scope, choose_prompts
from core.stages.writing import Standing, Tally
from core.store.jsonl import Row, read_json, write_atomic, write_json
from core.store.library import Library
from core.store.runs import AnswerSet, Run, begin_run, open_run
from core.telling_apart import accuracy, learn
from core.trials import Shown, by_style, by_words, page, unseen_prompts, verdict
from core.tuning.local import adapter_place, run_child
from core.tuning.proof import Proof, prove

MODEL = ModelName("local", "smollm2-135m")
RECIPE = "trial"
STAGES = ("teacher", "student", "train", "proof", "before", "after", "report")
# Fewer pairs than this teach nothing that a trial could show.
LEAST_PAIRS = 16
# The first paragraph only: a whole thought, not cut off in the middle of one, and half the time.
ONE_PARAGRAPH = ("\n\n",)
# More and smaller steps than the recipe's own batch of four and one pass: how much of the voice one pass
# leaves depends on the teacher's luck (bench/README.md).
MORE_STEPS = {"batch": 2, "epochs": 2}


@dataclass(frozen=True, slots=True)
class TrialJob:
    """How large a trial is; `overrides` change the recipe's own settings."""

    pairs: int = 48
    unseen: int = 20
    seeds: int = 3
    seed: int = 0
    pair_tokens: int = 192
    answer_tokens: int = 128
    overrides: Mapping[str, Any] = field(default_factory=lambda: MORE_STEPS)


class Tools(Protocol):
    """What a trial cannot do alone: models, training, proof."""

    def engine(self, wearing: Wearing | None) -> Engine: ...

    def train(self, config: Mapping[str, Any]) -> Mapping[str, Any]: ...

    def prove(self, adapter: LocalAdapter) -> Proof: ...


@dataclass(frozen=True, slots=True)
class LocalTools:
    """The embedded model, the trainer of this computer, and the proof on both."""

    settings: Settings
    say: Callable[[str], None]

    def engine(self, wearing: Wearing | None) -> Engine:
        """The embedded model, plain or with an adapter."""
        return open_engine(MODEL, self.settings, wearing=wearing)

    def train(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the trainer says at its end. Raises RunError, SettingsError."""
        return run_child("training.dpo", config, self.settings, self.say)

    def prove(self, adapter: LocalAdapter) -> Proof:
        """Whether the adapter was seen to work. Raises ModelError, EngineError."""
        return prove(self.settings, MODEL, adapter)


class OnStage(Protocol):
    """Hears where the trial is: the stage, and how far along where that is known."""

    def __call__(self, stage: str, now: Standing | None = None) -> None: ...


@dataclass(slots=True)
class Trial:
    """One trial under way."""

    constitution: Constitution
    settings: Settings
    job: TrialJob
    tools: Tools
    tell: OnStage
    run: Run
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    requests: int = 0

    @property
    def name(self) -> str:
        """The character's name."""
        return self.constitution.name

    @property
    def pairs_path(self) -> Path:
        """The pairs that are trained on."""
        return self.run.folder / "pairs.jsonl"

    @contextmanager
    def stage(self, name: str) -> Any:
        """Say that a stage begins, and note how long it took."""
        self.tell(name)
        began = time.monotonic()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - began, 2)


def trial_folder(settings: Settings, constitution: Constitution) -> Path:
    """Where a character's trial stands."""
    return settings.runs_path / constitution.run_id / "trial"


def read_trial(settings: Settings, constitution: Constitution) -> dict[str, Any] | None:
    """The result of a character's trial, None while there is none. Raises RunError when it is damaged."""
    return read_json(trial_folder(settings, constitution) / "result.json")


def try_out(
    constitution: Constitution, settings: Settings, job: TrialJob, tools: Tools, tell: OnStage
) -> dict[str, Any]:
    """Pairs, training, proof, before and after; the result comes back and stands in result.json.

    Raises RunError for too few pairs, a training or a proof that failed, CoreError as the stages do.
    """
    began = time.monotonic()
    open_run(settings, constitution)
    run = Run(trial_folder(settings, constitution))
    with _alone(run):
        begin_run(run, constitution)
        trial = Trial(constitution, settings, job, tools, tell, run)
        pairs, funnel = gather(trial)
        adapter, gate = trained(trial)
        proof = proven(trial, adapter)
        shown = asked(trial, adapter)
        return _report(trial, pairs, funnel, adapter, gate, proof, shown, time.monotonic() - began)


def _alone(run: Run) -> AbstractContextManager[None]:
    return run.locked("trial")


# ---- pairs


def gather(trial: Trial) -> tuple[list[Row], dict[str, int]]:
    """The kept pairs, as many as wanted where the prompts suffice, and why others were dropped.

    Asks for a few more than are wanted, and for more again while too many are dropped.
    """
    prompts = choose_prompts(Scope(trial.name), trial.constitution, trial.settings)
    wanted = trial.job.pairs
    count = min(len(prompts), wanted + max(4, wanted // 12))
    while True:
        rows = _pairs_of(trial, prompts[:count])
        kept = [row for row in rows if not row["dropped"]]
        if len(kept) >= wanted or count >= len(prompts):
            break
        count = min(len(prompts), count + 2 * (wanted - len(kept)))
    dropped = _reasons(rows)
    if len(kept) < min(LEAST_PAIRS, wanted):
        raise RunError(_too_few(trial.name, len(kept), dropped))
    kept = kept[:wanted]
    lines = (json_line(dpo_row(_candidate(row))) for row in kept)
    write_atomic(trial.pairs_path, "".join(lines))
    return kept, dropped


def _reasons(rows: Sequence[Row]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        if row["dropped"]:
            found[row["dropped"]] = found.get(row["dropped"], 0) + 1
    return found


def _too_few(name: str, kept: int, dropped: Mapping[str, int]) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in dropped.items()) or "too few prompts"
    return (
        f"Only {kept} pairs of {name} are left ({reasons}), and a trial needs {LEAST_PAIRS}. Write more "
        "prompts for its traits, or exchanges that show its voice in a few sentences."
    )


def _candidate(row: Row) -> Candidate:
    return Candidate(row["text"], Answer(row["chosen"], None, 0), Answer(row["rejected"], None, 0))


def _pairs_of(trial: Trial, prompts: Sequence[Prompt]) -> list[Row]:
    """Ask both sides and judge; what was answered before is not asked again."""
    sets: dict[Role, AnswerSet] = {}
    for role in ("teacher", "student"):
        with trial.stage(role):
            sets[role] = _answered(trial, _pair_job(trial, role, prompts), None)
    sources = Sources(sets["teacher"], sets["student"])
    count, _ = token_counter(sources, trial.settings)
    asked_now = {prompt.id for prompt in prompts}
    rows = pair_rows(trial.run, sources, PairJob(validation=0.0), count)
    return [row for row in rows if row["prompt"] in asked_now]


def _pair_job(trial: Trial, role: Role, prompts: Sequence[Prompt]) -> AnswerJob:
    wishes = Wishes(samples=1, seed=trial.job.seed, max_tokens=trial.job.pair_tokens)
    return _short(answer_job(role, MODEL, trial.constitution, tuple(prompts), wishes, student=MODEL))


def _short(job: AnswerJob) -> AnswerJob:
    return replace(job, sampling=replace(job.sampling, stop=ONE_PARAGRAPH))


def _answered(trial: Trial, job: AnswerJob, wearing: Wearing | None) -> AnswerSet:
    """The answers of a job, those that were missing asked for. Raises RunError when some stay missing."""
    engine = trial.tools.engine(wearing)
    stage = job.role if wearing is None else ("after" if wearing.strength else "before")

    async def go() -> Tally:
        try:
            return await answer(
                job, trial.run, engine, trial.settings, on_progress=lambda now: trial.tell(stage, now)
            )
        finally:
            await engine.close()

    tally = asyncio.run(go())
    trial.requests += tally.requests
    if wearing is not None and tally.failed:
        raise RunError(f"{tally.failed} of {tally.planned} answers failed; run the trial again to go on.")
    return trial.run.answer_set(job.role, job.model.slug, settings_of(job, trial.constitution, engine))


# ---- training and proof


def trained(trial: Trial) -> tuple[LocalAdapter, Mapping[str, Any]]:
    """The adapter made of these very pairs, and the gate's word; trained only where it is not there."""
    place = adapter_place(trial.settings, MODEL.slug, "trial", trial.name)
    with trial.stage("train"):
        told = _made_before(trial, place)
        if told is None:
            result = trial.tools.train(_config(trial, place))
            told = result["gate"]
            if result["status"] != "done":
                raise RunError(str(result["message"]))
        return find_adapter(trial.settings, MODEL.model, place), told


def _config(trial: Trial, place: Path) -> dict[str, Any]:
    return {
        "data": str(trial.pairs_path),
        "output": str(place),
        "base": MODEL.full,
        "recipe": RECIPE,
        "settings": dict(trial.job.overrides),
        "student": MODEL.slug,
        # What a trial of another version left unfinished is of no use to this one.
        "drop_others": True,
    }


def _made_before(trial: Trial, place: Path) -> Mapping[str, Any] | None:
    """The gate of an adapter that was made of these pairs with this recipe, else None.

    The trainer would find that too, but takes some seconds to begin.
    """
    try:
        told = read_json(place / "adapter" / PROVENANCE) or {}
        is_ours = told["data"]["sha256"] == file_sha256(trial.pairs_path)
        same = told["recipe"]["name"] == RECIPE and trial.job.overrides.items() <= told["recipe"].items()
        is_whole = told["adapter_sha256"] == file_sha256(place / "adapter" / WEIGHTS)
        return told["gate"] if is_ours and same and is_whole and told["gate"]["passed"] else None
    except (RunError, KeyError, TypeError):
        return None


def proven(trial: Trial, adapter: LocalAdapter) -> Proof:
    """The proof that the adapter works. Raises ModelError with its sentence when it does not."""
    with trial.stage("proof"):
        proof = trial.tools.prove(adapter)
        if not proof.passed:
            raise ModelError(proof.sentence)
        return proof


# ---- before and after


def asked(trial: Trial, adapter: LocalAdapter) -> list[Shown]:
    """The same unseen prompts with the same seeds at strength 0 and 1, without a system prompt."""
    prompts = unseen_prompts(_pool(trial.settings), _met(trial), trial.job.unseen)
    wishes = Wishes(samples=trial.job.seeds, seed=trial.job.seed + 1, max_tokens=trial.job.answer_tokens)
    job = _short(answer_job("student", MODEL, trial.constitution, prompts, wishes))
    texts: list[dict[tuple[str, int], str]] = []
    for stage, strength in (("before", 0.0), ("after", 1.0)):
        with trial.stage(stage):
            rows = _answered(trial, job, Wearing(adapter, strength)).rows().values()
            texts.append({(row["prompt"], row["sample"]): row["text"] for row in rows})
    before, after = texts
    places = [(prompt, sample) for prompt in prompts for sample in range(trial.job.seeds)]
    return [
        Shown(prompt.text, 1 + trial.job.seed + sample, before[prompt.id, sample], after[prompt.id, sample])
        for prompt, sample in places
    ]


def _met(trial: Trial) -> list[str]:
    """Every message that teacher or student met: those of the pairs, and of the character's exchanges."""
    exchanges = [exchange.user for exchange in trial.constitution.exchanges]
    unseen = {prompt.id for prompt in _pool(trial.settings)}
    return exchanges + [one.text for one in trial.run.prompts().values() if one.id not in unseen]


def _pool(settings: Settings) -> list[Prompt]:
    """Everyday prompts of the two parts that no training uses, in turn."""
    library = Library(settings)
    parts = (library.general_prompts("preferences"), library.general_prompts("robustness"))
    texts = chain.from_iterable(zip_longest(*parts))
    return [prompt_of(text, trait=None, source="general") for text in texts if text]


# ---- the page


def _report(
    trial: Trial,
    pairs: Sequence[Row],
    dropped: Mapping[str, int],
    adapter: LocalAdapter,
    gate: Mapping[str, Any],
    proof: Proof,
    shown: Sequence[Shown],
    seconds: float,
) -> dict[str, Any]:
    """Measure, write trial.md and result.json; the latter comes back."""
    trial.tell("report")
    chosen, rejected = [row["chosen"] for row in pairs], [row["rejected"] for row in pairs]
    style = by_style(learn(chosen, rejected), accuracy(chosen, rejected), shown)
    words = by_words(trial.name, shown)
    measures = ({"words": words} if words else {}) | {"style": style}
    passed, sentence = verdict(trial.constitution.title, measures)
    result: dict[str, Any] = {
        "constitution": trial.name,
        "constitution_sha256": trial.constitution.content_hash,
        "run": trial.run.folder.parent.name,
        "model": MODEL.full,
        "recipe": RECIPE,
        "pairs": len(pairs),
        "dropped": dict(dropped),
        "adapter": str(adapter.folder),
        "adapter_sha256": adapter.sha256,
        "gate": dict(gate),
        "proof": proof.as_dict(),
        "measures": {name: measure.as_dict() for name, measure in measures.items()},
        "passed": passed,
        "verdict": sentence,
        "prompts": trial.job.unseen,
        "seeds": trial.job.seeds,
        "seconds": {**trial.seconds, "total": round(seconds, 2)},
        "requests": trial.requests,
        "made_at": time.time(),
        "answers": [
            {"prompt": one.prompt, "seed": one.seed, "base": one.base, "tuned": one.tuned} for one in shown
        ],
    }
    write_atomic(trial.run.folder / "trial.md", page(result, shown))
    write_json(trial.run.folder / "result.json", result)
    return result
