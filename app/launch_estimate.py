"""What making pairs will take, before the click: calls, tokens, time and money, side by side.

Counting every request of a large job takes a second, so it is kept for as long as the files look alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from app.launch_options import Options
from app.launch_quote import Quote, Side
from app.reads import library, prompt_looks, settings
from core.constitution import Constitution
from core.engines import Engine
from core.engines.opening import open_engine
from core.names import ModelName
from core.prices import Price
from core.stages.defaults import Wishes, answer_job
from core.stages.planning import Estimate, Role, There, answers_there, estimate
from core.stages.prepare import Scope, choose_prompts, existing_run, load_character
from core.store.looks import Look, look
from core.store.price_table import PriceTable
from core.store.runs import Run


@dataclass(frozen=True, slots=True)
class Asked:
    """How many prompts of which character, asked of whom, how often."""

    name: str
    teacher: ModelName
    student: ModelName
    samples: int
    limit: int
    options: Options

    @property
    def models(self) -> tuple[tuple[Role, ModelName], ...]:
        """Who is asked, in this order."""
        return (("teacher", self.teacher), ("student", self.student))


def quote(asked: Asked) -> Quote:
    """What a launch would take as things stand. Sends nothing. Raises CoreError: no key, no such model."""
    constitution = library().load(asked.name).constitution
    # A limit changes nothing of what there is to count.
    unlimited = replace(asked, options=replace(asked.options, budget=None))
    return Quote(tuple(_side(role, model, unlimited, constitution) for role, model in asked.models))


def _side(role: Role, model: ModelName, asked: Asked, constitution: Constitution) -> Side:
    engine = open_engine(model, settings(), asked.options.routing(role))
    price = PriceTable(settings()).lookup(model)
    stamp = _stamp(role, model, asked.name, constitution)
    told_by = repr((stamp, role, asked, price, engine.identity.as_dict()))
    found = _kept(told_by, lambda: _estimate(stamp, role, asked, price, engine))
    return Side(role, model, found, price)


@st.cache_data(max_entries=64, show_spinner=False)
def _kept(told_by: str, _count: Callable[[], Estimate]) -> Estimate:
    """A count, made anew when `told_by` changes; one text, as it is compared on every run."""
    return _count()


def _estimate(
    stamp: tuple[str, tuple[Look, ...]], role: Role, asked: Asked, price: Price | None, engine: Engine
) -> Estimate:
    scope = Scope(asked.name, limit=asked.limit)
    constitution = load_character(scope, settings())
    job = answer_job(
        role,
        dict(asked.models)[role],
        constitution,
        choose_prompts(scope, constitution, settings()),
        Wishes(samples=asked.samples, concurrency=asked.options.at_once),
        student=asked.student if role == "teacher" else None,
    )
    run = existing_run(scope, constitution, settings())
    there = _there(stamp, role, job.model, run)
    return estimate(job, run, constitution, engine, price, there)


@st.cache_resource(max_entries=4, show_spinner=False)
def _there(stamp: tuple[str, tuple[Look, ...]], role: Role, model: ModelName, _run: Run | None) -> There:
    """What is there already, whatever number is asked for: reading 100,000 answers takes half a second."""
    return answers_there(role, model, _run)


def _stamp(
    role: Role, model: ModelName, name: str, constitution: Constitution
) -> tuple[str, tuple[Look, ...]]:
    """The character's version, and what the files look like that prompts and answers are read from."""
    run = existing_run(Scope(name), constitution, settings())
    answers = [found.rows_path for found in run.answer_sets(role, model.label)] if run else []
    return constitution.content_hash, (*prompt_looks(name), *map(look, answers))
