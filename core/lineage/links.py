"""The chain with its marks: each link current, stale or unknown, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from core.lineage.chain import Adapter, Chain, Check, DataSet, Report
from core.lineage.changes import Change

Mark = Literal["current", "stale", "unknown"]
Node = TypeVar("Node")


@dataclass(frozen=True, slots=True)
class Link(Generic[Node]):
    """One thing with its mark, and why, in sentences; `changes` since the version that it shows."""

    node: Node
    mark: Mark
    reasons: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """A chain with its marks; each list newest first, so that its first is what a person means.

    `earlier` are data sets that a later one has replaced.
    """

    chain: Chain
    data: tuple[Link[DataSet], ...]
    adapters: tuple[Link[Adapter], ...]
    checks: tuple[Link[Check], ...]
    report: Link[Report] | None
    earlier: tuple[Link[DataSet], ...] = ()

    @property
    def model(self) -> Link[Adapter] | None:
        """The adapter that counts: the one made last."""
        return self.adapters[0] if self.adapters else None

    @property
    def model_data(self) -> Link[DataSet] | None:
        """What that adapter learned, as far as it is known; without an adapter, the newest data set."""
        if self.model is None:
            return self.data[0] if self.data else None
        return self.data_of(self.model.node)

    @property
    def pairs(self) -> Link[DataSet] | None:
        """The pairs that stand now, those of a trial only where there are no others."""
        found = [link for link in self.data if link.node.kind == "dpo"]
        return found[0] if found else next((one for one in self.data if one.node.kind == "trial"), None)

    def data_of(self, adapter: Adapter) -> Link[DataSet] | None:
        """The data set of an adapter; of a merged one, that of the first it joins."""
        return self._data_of(adapter, frozenset())

    def _data_of(self, adapter: Adapter, above: frozenset[str]) -> Link[DataSet] | None:
        if adapter.data_sha256 is not None:
            every = (*self.data, *self.earlier)
            return next((link for link in every if link.node.sha256 == adapter.data_sha256), None)
        # Files from elsewhere may say that two adapters stand on each other.
        above |= {adapter.fingerprint}
        below = (one.node for one in self.adapters if one.node.fingerprint in {*adapter.parents} - above)
        return next((found for one in below if (found := self._data_of(one, above))), None)

    @property
    def is_stale(self) -> bool:
        """Whether what counts, model or pairs, was made from something that has changed since."""
        return any(one is not None and one.mark == "stale" for one in (self.model, self.pairs))

    def check(self, kind: str) -> Link[Check] | None:
        """The newest result of a kind, or None."""
        return next((link for link in self.checks if link.node.kind == kind), None)
