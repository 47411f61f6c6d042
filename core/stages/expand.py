"""`character prompts`: more prompts for each trait, written by a model, kept as they pass review.

Round by round the stage asks for what is missing, length by length, and never for more rounds than
allowed. Answers are reviewed in the order in which they were asked for, whichever came first, so that
the same answers always give the same prompts. A second run asks only for what is still missing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager

from filelock import FileLock, Timeout

from core.bulk import Bulk, Request, answer_all
from core.bulk.pace import Bounds, Pace
from core.constitution import Constitution, Trait
from core.engines import Engine
from core.errors import EngineError, RunError
from core.expansion import PREFILL, Mix, is_small
from core.pairs import strip_reasoning
from core.prompt_lists import parse_prompts
from core.prompt_review import CUT_OFF, EMPTY, QUOTA_FULL, Pools, review
from core.records import Completion, Sampling
from core.similarity import Near
from core.stages.expansion_plan import Ask, Planner, TraitProgress
from core.stages.expansion_report import Dropped, ExpansionReport, dropped_path
from core.store.general import PARTS
from core.store.jsonl import Appender, disk_trouble, repair
from core.store.library import Library

__all__ = ["ExpansionReport", "expand"]

OnProgress = Callable[[int, int, int, str], None]


async def expand(
    library: Library,
    constitution: Constitution,
    engine: Engine,
    sampling: Sampling,
    *,
    per_trait: int = 50,
    max_rounds: int = 6,
    traits: Collection[str] | None = None,
    seed: int = 0,
    concurrency: int = 8,
    bulk: Bulk | None = None,
    on_progress: OnProgress = lambda done, planned, failed, note: None,
) -> ExpansionReport:
    """Write prompts until each trait has `per_trait`, its hand-written ones included, and say how it went.

    `bulk` carries limits and money; without it `concurrency` requests are under way at once.
    `on_progress` gets the prompts there are, those there will be, failed requests, and the trait.
    Raises EngineError when the job must stop; what was kept before stays and is not asked for again.
    """
    chosen = [trait for trait in constitution.traits if traits is None or trait.id in traits]
    small = is_small(engine.model)
    planner = Planner(constitution, sampling, seed, small, prefill=small and engine.can_prefill)
    with _alone(library, constitution.name):
        repair(dropped_path(library.shelf, constitution.name))
        intake = _Intake(library, constitution, chosen, per_trait, planner, on_progress)
        bulk = bulk or Bulk(pace=Pace(Bounds(ceiling=concurrency, adaptive=False)), warm_first=True)
        await _rounds(intake, planner, engine, max_rounds, bulk)
    return intake.report


@contextmanager
def _alone(library: Library, name: str) -> Generator[None]:
    """Hold a character's expansion for this process. Raises RunError while another one writes prompts."""
    path = library.shelf.own_path(".locks", name, ".expand.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, is_singleton=False)
        lock.acquire(timeout=0)
    except Timeout:
        message = f"Prompts for {name} are being written already; wait for that job or cancel it."
        raise RunError(message) from None
    except OSError as error:
        raise disk_trouble("open", path, error) from error
    try:
        yield
    finally:
        lock.release()


async def _rounds(intake: _Intake, planner: Planner, engine: Engine, max_rounds: int, bulk: Bulk) -> None:
    """Every round that is needed and allowed; the few-shot file is derived even when one fails."""
    try:
        for number in range(1, max_rounds + 1):
            plan = planner.round(intake.traits, last=number == max_rounds)
            if not plan or bulk.figures.left_out:
                return
            intake.report.rounds = number
            await intake.round(engine, plan, bulk)
    finally:
        intake.finish()


class _Intake:
    """Takes answers in, in the order of their plan: keeps what passes review, notes what does not."""

    def __init__(
        self,
        library: Library,
        constitution: Constitution,
        chosen: Sequence[Trait],
        per_trait: int,
        planner: Planner,
        on_progress: OnProgress,
    ) -> None:
        self._library = library
        self._constitution = constitution
        self._planner = planner
        self._on_progress = on_progress
        self.report = ExpansionReport(Mix.target(per_trait))
        self.traits = _progress(library, constitution, chosen, per_trait)
        self._planned = sum(max(0, per_trait - len(trait.questions)) for trait in chosen)
        self._say("")

    async def round(self, engine: Engine, plan: Sequence[Request[Ask]], bulk: Bulk) -> None:
        """Ask a plan. Answers that came in before a failure are taken in all the same."""
        landed: dict[int, Completion | EngineError] = {}
        expected = 0
        with Appender(dropped_path(self._library.shelf, self._constitution.name)) as dropped:

            def on_done(request: Request[Ask], result: Completion | EngineError) -> None:
                nonlocal expected
                landed[request.tag.index] = result
                while expected in landed:
                    self._take(plan[expected].tag, landed.pop(expected), dropped)
                    expected += 1

            try:
                await answer_all(engine, plan, on_done, bulk=bulk)
            except EngineError as error:
                self.report.fail(error.kind, error.attempts)
                raise
            finally:
                for index in sorted(landed):
                    self._take(plan[index].tag, landed[index], dropped)
        for progress in self.traits:
            progress.end_round()

    def _take(self, ask: Ask, result: Completion | EngineError, dropped: Appender) -> None:
        if isinstance(result, EngineError):
            self.report.fail(result.kind, result.attempts)
        else:
            self.report.requests += result.attempts
            self.report.cost_usd += result.cost_usd or 0.0
            self._review(ask, result, dropped)
        self._say(ask.progress.trait.id)

    def _review(self, ask: Ask, result: Completion, dropped: Appender) -> None:
        """Keep or drop each message of an answer."""
        messages = parse_prompts(_list_in(result, prefilled=self._planner.prefill))
        cut = len(messages) - 1 if result.finish_reason == "length" else None
        for number, text in enumerate(messages):
            reason = CUT_OFF if number == cut else self._reason(ask, text)
            if reason:
                self._drop(Dropped(reason, text, ask.progress.trait.id), dropped)
            else:
                self._library.append_additional(self._constitution, ask.progress.trait.id, text)
                ask.progress.keep(text)
                self.report.added += 1
        if not messages:
            self._drop(Dropped(EMPTY, result.text, ask.progress.trait.id), dropped)

    def _reason(self, ask: Ask, text: str) -> str | None:
        progress = ask.progress
        room = None if ask.relaxed else progress.lacking
        reason = review(
            text,
            trait=progress.trait,
            character=self._constitution.name,
            pools=progress.pools,
            room=room,
            must_ask=self._planner.small,
        )
        return reason or (None if progress.room else QUOTA_FULL)

    def _drop(self, candidate: Dropped, dropped: Appender) -> None:
        self.report.drop(candidate)
        dropped.append(candidate.as_row())

    def _say(self, note: str) -> None:
        lacking = sum(progress.room for progress in self.traits)
        self._on_progress(self._planned - lacking, self._planned, self.report.failed_requests, note)

    def finish(self) -> None:
        """Close the report and derive the few-shot file."""
        self.report.achieved = {progress.trait.id: progress.mix for progress in self.traits}
        self.report.missing = sum(progress.room for progress in self.traits)
        # Also what a killed run left behind; but a shipped file is not copied for nothing.
        if self._library.additional(self._constitution.name).unfinished:
            self._library.finish_additional(self._constitution)


def _progress(
    library: Library, constitution: Constitution, chosen: Sequence[Trait], per_trait: int
) -> list[TraitProgress]:
    """Where each chosen trait stands before anything is asked."""
    additional = library.additional(constitution.name).by_trait
    own = {trait.id: [*trait.questions, *additional.get(trait.id, ())] for trait in constitution.traits}
    # One pool is "the other traits" of each trait: its own pool is searched before.
    every = Near(text for texts in own.values() for text in texts)
    general = Near(text for part in PARTS for text in library.general_prompts(part))
    return [
        TraitProgress(trait, number, per_trait, own[trait.id], Pools(Near(own[trait.id]), every, general))
        for number, trait in enumerate(chosen)
    ]


def _list_in(result: Completion, *, prefilled: bool) -> str:
    """The list in an answer, without reasoning; a list that we began gets its first number back."""
    text, _ = strip_reasoning(result.text)
    return f"{PREFILL} {text}" if prefilled and text and not text.startswith(PREFILL) else text
