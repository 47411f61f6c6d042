"""What a model was made from, and what an edit has made stale. Pure.

    model  ←  data set  ←  version of the constitution

    marked(chain).adapters[0].mark       "stale"
    marked(chain).adapters[0].reasons    ("Trait 3 was reworded after these pairs were made.",)

A link is "current" when it was made from what stands before it now, "stale" when that has changed since,
"unknown" when nothing on disk says what it was made from. A link is never better than the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from core.constitution import Constitution, Exchange

Mark = Literal["current", "stale", "unknown"]
DataKind = Literal["dpo", "sft", "trial"]
AdapterKind = Literal["dpo", "sft", "merged", "trial"]
How = Literal["added", "removed", "reworded"]
What = Literal["trait", "exchange", "question", "name"]
SHOWN_LETTERS = 60
Node = TypeVar("Node")
Dated = TypeVar("Dated", "DataSet", "Adapter", "Check")


# ---- what an edit changed


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions that a model was shown, or is asked.

    `number` counts from 1 in the newer version, or in the older one for what was removed. `trait` is the
    id of the trait that it belongs to, None for exchanges and the name.
    """

    what: What
    how: How
    number: int
    trait: str | None = None
    before: str = ""
    after: str = ""

    @property
    def sentence(self) -> str:
        """What happened, without when: "Trait 3 was reworded"."""
        if self.what == "name":
            return "What the assistant calls itself was changed"
        if self.what == "question":
            return f"A question of trait {self.number} was {self.how}"
        noun = "Trait" if self.what == "trait" else "Exchange"
        quoted = f" (“{shortened(self.before)}”)" if self.how == "removed" else ""
        return f"{noun} {self.number}{quoted} was {self.how}"


def shortened(text: str) -> str:
    """A sentence that fits into another one."""
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_LETTERS else text[: SHOWN_LETTERS - 1].rstrip() + "…"


def changes(before: Constitution, after: Constitution) -> tuple[Change, ...]:
    """What differs between two versions: traits, then questions, exchanges and the name.

    Summary, clarifications and the order of traits are left out: no answer is made differently by them
    in a way that a pair would show.
    """
    found = [*_traits(before, after), *_questions(before, after), *_exchanges(before, after)]
    if (before.assistant_name or "") != (after.assistant_name or ""):
        found.append(
            Change("name", "reworded", 0, None, before.assistant_name or "", after.assistant_name or "")
        )
    return tuple(found)


def _traits(before: Constitution, after: Constitution) -> Iterable[Change]:
    old = {trait.id: trait for trait in before.traits}
    new = {trait.id for trait in after.traits}
    for number, trait in enumerate(after.traits, 1):
        was = old.get(trait.id)
        if was is None:
            yield Change("trait", "added", number, trait.id, "", trait.trait)
        elif was.trait != trait.trait:
            yield Change("trait", "reworded", number, trait.id, was.trait, trait.trait)
    for number, trait in enumerate(before.traits, 1):
        if trait.id not in new:
            yield Change("trait", "removed", number, trait.id, trait.trait, "")


def _questions(before: Constitution, after: Constitution) -> Iterable[Change]:
    """Questions of traits that both versions have: those of a new trait are new with it."""
    old = {trait.id: trait.questions for trait in before.traits}
    for number, trait in enumerate(after.traits, 1):
        was = old.get(trait.id)
        if was is None:
            continue
        yield from (
            Change("question", "added", number, trait.id, "", text)
            for text in trait.questions
            if text not in was
        )
        yield from (
            Change("question", "removed", number, trait.id, text, "")
            for text in was
            if text not in trait.questions
        )


def _exchanges(before: Constitution, after: Constitution) -> Iterable[Change]:
    """Exchanges by place: a new one among the old is told as one added, not as all behind it reworded."""
    old, new = list(before.exchanges), list(after.exchanges)
    gone = [(number, one) for number, one in enumerate(old, 1) if one not in new]
    come = [(number, one) for number, one in enumerate(new, 1) if one not in old]
    reworded = min(len(gone), len(come))
    for (_, was), (number, now) in zip(gone[:reworded], come[:reworded], strict=True):
        yield Change("exchange", "reworded", number, None, _said(was), _said(now))
    for number, one in come[reworded:]:
        yield Change("exchange", "added", number, None, "", _said(one))
    for number, one in gone[reworded:]:
        yield Change("exchange", "removed", number, None, _said(one), "")


def _said(exchange: Exchange) -> str:
    return f"{exchange.user} {exchange.assistant}"


def affected_traits(found: Iterable[Change]) -> frozenset[str]:
    """The ids of the traits whose pairs must be made anew: those added or reworded."""
    return frozenset(
        one.trait for one in found if one.trait and one.what == "trait" and one.how != "removed"
    )


def affects_everything(found: Iterable[Change]) -> bool:
    """Whether every pair is affected: exchanges and the name stand before every single question."""
    return any(one.what in ("exchange", "name") for one in found)


# ---- the chain, as it was found on disk


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a constitution. `number` is None where its history does not hold it any more."""

    sha256: str
    constitution: Constitution | None = None
    number: int | None = None
    saved_at: float | None = None

    @property
    def title(self) -> str:
        """ "version 4", or by its hash where it has no number."""
        return f"version {self.number}" if self.number else f"version {self.sha256[:6] or 'unknown'}"


@dataclass(frozen=True, slots=True)
class DataSet:
    """A file that is trained on. `carried` counts pairs that were made with earlier versions, by version.

    `sha256` is that of the file as it was written; `version` the hash of the constitution it shows.
    """

    kind: DataKind
    student: str
    sha256: str
    version: str | None
    rows: int = 0
    held_out: int = 0
    run: str = ""
    made_at: float = 0.0
    carried: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def pairs(self) -> int:
        """All rows, those held out to measure on included."""
        return self.rows + self.held_out


@dataclass(frozen=True, slots=True)
class Adapter:
    """What a training made. `parents` are the fingerprints of adapters that it stands on or joins."""

    kind: AdapterKind
    student: str
    fingerprint: str
    data_sha256: str | None = None
    parents: tuple[str, ...] = ()
    rows: int | None = None
    recipe: str = ""
    where: str = ""
    made_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """The newest result of one kind of evaluation. `adapters` are the fingerprints that it measured."""

    kind: str
    version: str | None
    adapters: tuple[str, ...] = ()
    run: str = ""
    made_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """The newest report of a character."""

    version: str | None
    run: str = ""
    made_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Chain:
    """Everything that was made of a character, unjudged.

    `earlier` holds data sets that a later one has replaced, `replaced` the fingerprints of adapters that
    stood here once: both are known, and no longer what stands.
    """

    name: str
    now: Version
    versions: Mapping[str, Version] = field(default_factory=dict[str, Version])
    data: tuple[DataSet, ...] = ()
    earlier: tuple[DataSet, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    replaced: frozenset[str] = frozenset()
    checks: tuple[Check, ...] = ()
    report: Report | None = None


# ---- the marks


@dataclass(frozen=True, slots=True)
class Link(Generic[Node]):
    """One thing with its mark, and why, in sentences; `changes` since the version that it shows."""

    node: Node
    mark: Mark
    reasons: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """A chain with its marks; each list newest first, so that its first is what a person means."""

    chain: Chain
    data: tuple[Link[DataSet], ...]
    adapters: tuple[Link[Adapter], ...]
    checks: tuple[Link[Check], ...]
    report: Link[Report] | None

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
        if adapter.data_sha256 is not None:
            every = [*self.data, *(_data(one, self.chain) for one in self.chain.earlier)]
            return next((one for one in every if one.node.sha256 == adapter.data_sha256), None)
        below = [one.node for one in self.adapters if one.node.fingerprint in adapter.parents]
        return next((found for one in below if one != adapter and (found := self.data_of(one))), None)

    @property
    def is_stale(self) -> bool:
        """Whether what counts, model or pairs, was made from something that has changed since."""
        return any(one is not None and one.mark == "stale" for one in (self.model, self.pairs))

    def check(self, kind: str) -> Link[Check] | None:
        """The newest result of a kind, or None."""
        return next((link for link in self.checks if link.node.kind == kind), None)


def marked(chain: Chain) -> Lineage:
    """The chain with every link judged."""
    data = tuple(_data(one, chain) for one in _newest_first(chain.data))
    adapters = _adapters(chain, data)
    checks = tuple(_check(one, chain, adapters, data) for one in _newest_first(chain.checks))
    report = chain.report and _report(chain.report, chain, checks, adapters)
    return Lineage(chain, data, adapters, checks, report)


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


def gathered(found: Sequence[Change]) -> list[Change]:
    """The changes with the questions of a trait told once: nobody wants five sentences about five."""
    told: dict[tuple[Any, ...], Change] = {}
    for one in found:
        told.setdefault(
            (one.what, one.how, one.number, one.trait) if one.what == "question" else (one,), one
        )
    return list(told.values())


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


# ---- words


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
