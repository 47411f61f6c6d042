"""What a model was made from, and what an edit has made stale. Pure.

    model  ←  data set  ←  version of the constitution

    marked(chain).adapters[0].mark       "stale"
    marked(chain).adapters[0].reasons    ("Trait 3 was reworded after these pairs were made.",)

A link is "current" when it was made from what stands before it now, "stale" when that has changed since,
"unknown" when nothing on disk says what it was made from. A link is never better than the one before it.

This is the front door. Behind it: `changes` (what an edit changed), `chain` (what was found on disk),
`links` (the same with marks), `judging` (which mark and why), `words` (in one line).
"""

from core.lineage.chain import Adapter, AdapterKind, Chain, Check, DataKind, DataSet, Report, Version
from core.lineage.changes import Change, affected_traits, affects_everything, changes, gathered, renamed
from core.lineage.judging import marked, since
from core.lineage.links import Lineage, Link, Mark
from core.lineage.words import chain_words

__all__ = [
    "Adapter",
    "AdapterKind",
    "Chain",
    "Change",
    "Check",
    "DataKind",
    "DataSet",
    "Lineage",
    "Link",
    "Mark",
    "Report",
    "Version",
    "affected_traits",
    "affects_everything",
    "chain_words",
    "changes",
    "gathered",
    "marked",
    "renamed",
    "since",
]
