"""`character lineage NAME`: what the model was made from, and what an edit has made stale."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from core.cli.options import data_option, json_option
from core.cli.output import say
from core.lineage import Adapter, Change, Check, DataSet, Lineage, Link, Report, chain_words
from core.settings import load_settings
from core.stages.lineage import lineage_of


@click.command("lineage")
@click.argument("name")
@data_option
@json_option
def lineage(name: str, data: Path | None, as_json: bool) -> None:
    """Model, pairs and constitution version: what was made from what, and what is stale."""
    found = lineage_of(load_settings(data=data), name)
    if as_json:
        click.echo(json.dumps(as_dict(found), ensure_ascii=False))
        return
    say(f"{name}: {found.chain.now.title}{_saved(found.chain.now.saved_at)}")
    say(chain_words(found) or "Nothing was made of it yet.")
    for link in every_link(found):
        say(f"  {title_of_link(link):<34} {link.mark}")
        for reason in link.reasons:
            say(f"    {reason}")
    if found.is_stale:
        say(f"Bring the pairs up to date: character pipeline {name} --to dpo-data --only-affected")


def _saved(at: float | None) -> str:
    return f", saved {time.strftime('%Y-%m-%d %H:%M', time.localtime(at))}" if at else ""


def every_link(found: Lineage) -> list[Link[Any]]:
    """Data, models, results and report, in the order in which they are made."""
    return [*found.data, *found.adapters, *found.checks, *([found.report] if found.report else [])]


def title_of_link(link: Link[Any]) -> str:
    """What a link is, in a few words: "612 pairs (dpo, smollm2-135m)"."""
    node = link.node
    if isinstance(node, DataSet):
        noun = "conversations" if node.kind == "sft" else "pairs"
        return f"{node.pairs:,} {noun} ({node.kind}, {node.student})"
    if isinstance(node, Adapter):
        return f"model ({node.kind}, {node.student})"
    return f"check of {node.kind}" if isinstance(node, Check) else "report"


def as_dict(found: Lineage) -> dict[str, Any]:
    """The lineage as `--json` prints it."""
    chain = found.chain
    return {
        "verb": "lineage",
        "status": "done",
        "constitution": chain.name,
        "version": {
            "sha256": chain.now.sha256,
            "number": chain.now.number,
            "saved_at": chain.now.saved_at,
        },
        "chain": chain_words(found),
        "stale": found.is_stale,
        "links": [_link(link) for link in every_link(found)],
    }


KINDS = {DataSet: "data", Adapter: "model", Check: "check", Report: "report"}


def _link(link: Link[Any]) -> dict[str, Any]:
    node = {name: getattr(link.node, name) for name in link.node.__slots__}
    return {
        "is": KINDS[type(link.node)],
        **{name: list(value) if isinstance(value, tuple) else value for name, value in node.items()},
        "mark": link.mark,
        "reasons": list(link.reasons),
        "changes": [_change(change) for change in link.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    return {name: getattr(change, name) for name in change.__slots__} | {"sentence": change.sentence}


COMMANDS = (lineage,)
