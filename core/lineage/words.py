"""A lineage in one line. Pure."""

from __future__ import annotations

from core.lineage.links import Lineage


def chain_words(lineage: Lineage) -> str:
    """The chain in one line: "Model ← 612 pairs ← version 4"; "" before anything was made."""
    data = lineage.model_data
    if lineage.model is None and data is None:
        return ""
    parts = ["Model"] if lineage.model else []
    if data is None:
        return " ← ".join([*parts, "unknown pairs"])
    node = data.node
    noun = ("conversation" if node.kind == "sft" else "pair") + ("" if node.pairs == 1 else "s")
    of = " of a trial" if node.kind == "trial" else ""
    version = lineage.chain.versions.get(node.version or "")
    return " ← ".join(
        [*parts, f"{node.pairs:,} {noun}{of}", version.title if version else "unknown version"]
    )
