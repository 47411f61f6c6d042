"""How each link of a chain stands to what it was made from. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from core.lineage.chain import Adapter, Chain, Check, DataSet, Report
from core.lineage.changes import Change, changes, gathered
from core.lineage.links import Lineage, Link, Mark, Node

Dated = TypeVar("Dated", DataSet, Adapter, Check)


def marked(chain: Chain) -> Lineage:
    """The chain with every link judged."""
    data = tuple(_data(one, chain) for one in _newest_first(chain.data))
    adapters = _adapters(chain, data)
    checks = tuple(_check(one, chain, adapters, data) for one in _newest_first(chain.checks))
    report = chain.report and _report(chain.report, chain, checks, adapters)
    earlier = tuple(_data(one, chain) for one in chain.earlier)
    return Lineage(chain, data, adapters, checks, report, earlier)


def _newest_first(found: Iterable[Dated]) -> list[Dated]:
    return sorted(found, key=lambda one: one.made_at, reverse=True)


def since(chain: Chain, version: str | None) -> tuple[Change, ...] | None:
    """What changed since a version; None where it is not known what that said."""
    if version == chain.now.sha256:
        return ()
    then = chain.versions.get(version or "")
    if then is None or then.constitution is None or chain.now.constitution is None:
        return None
    return changes(then.constitution, chain.now.constitution)


def _from_version(node: Node, version: str | None, chain: Chain, made: str) -> Link[Node]:
    """A link that hangs on a version directly."""
    found = since(chain, version)
    if found is None:
        return Link(node, "unknown", ("Nothing here says which version it was made from.",))
    if not found:
        return Link(node, "current")
    return Link(node, "stale", tuple(f"{one.sentence} after {made}." for one in gathered(found)), found)


def _data(one: DataSet, chain: Chain) -> Link[DataSet]:
    made = "these conversations were made" if one.kind == "sft" else "these pairs were made"
    return _from_version(one, one.version, chain, made)


def _adapters(chain: Chain, data: Sequence[Link[DataSet]]) -> tuple[Link[Adapter], ...]:
    """Adapters by what they stand on: a parent is judged before its child, however they are listed."""
    by_print = {one.fingerprint: one for one in chain.adapters}
    judged: dict[str, Link[Adapter]] = {}

    def judge(one: Adapter, above: frozenset[str]) -> Link[Adapter]:
        if one.fingerprint not in judged:
            below = [
                by_print[parent] for parent in one.parents if parent in by_print and parent not in above
            ]
            parents = [judge(parent, above | {one.fingerprint}) for parent in below]
            judged[one.fingerprint] = _adapter(one, chain, data, parents)
        return judged[one.fingerprint]

    return tuple(judge(one, frozenset({one.fingerprint})) for one in _newest_first(chain.adapters))


def _adapter(
    one: Adapter, chain: Chain, data: Sequence[Link[DataSet]], parents: Sequence[Link[Adapter]]
) -> Link[Adapter]:
    links = [_learned(one, chain, data)] if one.kind != "merged" else []
    links += [_parent(parent) for parent in parents]
    known = {parent.node.fingerprint for parent in parents}
    links += [_lost_parent(parent, chain) for parent in one.parents if parent not in known]
    return _worst(one, links)


Verdict = tuple[Mark, tuple[str, ...], tuple[Change, ...]]
CURRENT: Verdict = ("current", (), ())


def _learned(one: Adapter, chain: Chain, data: Sequence[Link[DataSet]]) -> Verdict:
    """How an adapter stands to the file that it learned."""
    now = next((link for link in data if link.node.sha256 == one.data_sha256), None)
    if now is not None:
        return now.mark, now.reasons, now.changes
    before = next((found for found in chain.earlier if found.sha256 == one.data_sha256), None)
    if before is None:
        return "unknown", ("It learned from a file that was not made here, or is not known any more.",), ()
    link = _data(before, chain)
    noun = "conversations" if before.kind == "sft" else "pairs"
    return "stale", (f"The {noun} were written again after it was trained.", *link.reasons), link.changes


def _parent(parent: Link[Adapter]) -> Verdict:
    return parent.mark, parent.reasons, parent.changes


def _lost_parent(fingerprint: str, chain: Chain) -> Verdict:
    if fingerprint in chain.replaced:
        return "stale", ("The adapter that it stands on was trained again since.",), ()
    return "unknown", ("It stands on an adapter that is not here.",), ()


def _worst(node: Node, verdicts: Sequence[Verdict]) -> Link[Node]:
    """One link of several verdicts: the worst mark, each reason once."""
    if not verdicts:
        return Link(node, "unknown", ("Nothing here says what it was made from.",))
    rank: dict[Mark, int] = {"current": 0, "unknown": 1, "stale": 2}
    mark: Mark = max((verdict[0] for verdict in verdicts), key=lambda one: rank[one])
    reasons = dict.fromkeys(reason for verdict in verdicts for reason in verdict[1])
    changed = dict.fromkeys(change for verdict in verdicts for change in verdict[2])
    return Link(node, mark, tuple(reasons), tuple(changed))


def _check(
    one: Check, chain: Chain, adapters: Sequence[Link[Adapter]], data: Sequence[Link[DataSet]]
) -> Link[Check]:
    own = _from_version(one, one.version, chain, "this was measured")
    verdicts: list[Verdict] = [(own.mark, own.reasons, own.changes)]
    verdicts += [_measured(fingerprint, chain, adapters) for fingerprint in one.adapters]
    if one.kind == "data":
        pairs = [link.node for link in data if link.node.kind != "sft"]
        if pairs and pairs[0].made_at > one.made_at:
            verdicts.append(("stale", ("The pairs were written again after this was measured.",), ()))
    return _worst(one, verdicts)


def _measured(fingerprint: str, chain: Chain, adapters: Sequence[Link[Adapter]]) -> Verdict:
    found = next((link for link in adapters if link.node.fingerprint == fingerprint), None)
    if found is not None:
        return found.mark, found.reasons, found.changes
    if fingerprint in chain.replaced:
        return "stale", ("The model was trained again after this was measured.",), ()
    return "unknown", ("It measured an adapter that is not here.",), ()


def _report(
    one: Report, chain: Chain, checks: Sequence[Link[Check]], adapters: Sequence[Link[Adapter]]
) -> Link[Report]:
    own = _from_version(one, one.version, chain, "this report was written")
    verdicts: list[Verdict] = [(own.mark, own.reasons, own.changes)]
    if any(link.node.made_at > one.made_at for link in checks):
        verdicts.append(("stale", ("Something was measured after this report was written.",), ()))
    if any(link.node.made_at > one.made_at for link in adapters):
        verdicts.append(("stale", ("The model was trained after this report was written.",), ()))
    # What it tells of is as stale as what was measured.
    inside = [link for link in checks if link.node.made_at <= one.made_at and link.mark == "stale"]
    if inside and own.mark == "current":
        verdicts.append(("stale", ("Some of what it tells was measured on something earlier.",), ()))
    return _worst(one, verdicts)
