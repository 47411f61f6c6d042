"""What was made from what, whatever is edited, made and trained in whichever order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from core.constitution import Constitution, Exchange, Trait
from core.lineage import (
    Adapter,
    Chain,
    Check,
    DataSet,
    Report,
    Version,
    affected_traits,
    affects_everything,
    chain_words,
    changes,
    marked,
)


def character(*sentences: str, exchange: str = "Aye!") -> Constitution:
    traits = tuple(Trait(f"t{number}", text, ("Why?",)) for number, text in enumerate(sentences, 1))
    return Constitution("pirate", "", traits, (Exchange("Hello", exchange),))


A = character("I sail.", "I laugh.", "I count.")


def test_an_edit_is_told_trait_by_trait() -> None:
    reworded = replace(A, traits=(A.traits[0], replace(A.traits[1], trait="I roar."), A.traits[2]))
    assert [one.sentence for one in changes(A, reworded)] == ["Trait 2 was reworded"]
    removed = replace(A, traits=A.traits[:2])
    assert [one.sentence for one in changes(A, removed)] == ["Trait 3 (“I count.”) was removed"]
    added = replace(A, traits=(Trait("new", "I sing.", ()), *A.traits))
    assert [one.sentence for one in changes(A, added)] == ["Trait 1 was added"]
    assert affected_traits(changes(A, added)) == {"new"}
    assert affected_traits(changes(A, removed)) == frozenset()


def test_an_exchange_or_the_name_concerns_every_pair_and_a_trait_only_its_own() -> None:
    assert affects_everything(changes(A, character("I sail.", "I laugh.", "I count.", exchange="No!")))
    assert affects_everything(changes(A, replace(A, assistant_name="Jack")))
    assert not affects_everything(changes(A, character("I sail.", "I roar.", "I count.")))


def test_a_new_exchange_before_the_others_is_one_added_and_none_reworded() -> None:
    more = replace(A, exchanges=(Exchange("Hi", "Ahoy"), *A.exchanges))
    assert [one.sentence for one in changes(A, more)] == ["Exchange 1 was added"]


def test_a_trait_that_reads_the_same_under_another_id_makes_nothing_stale() -> None:
    other = replace(A, traits=(A.traits[0], replace(A.traits[1], id="new-id"), A.traits[2]))
    assert changes(A, other) == ()
    assert affected_traits(changes(other, replace(other, traits=other.traits[::-1]))) == frozenset()
    both = replace(other, traits=(replace(other.traits[0], id="t9", trait="I fly."), *other.traits[1:]))
    assert {one.sentence for one in changes(A, both)} == {
        "Trait 1 was added",
        "Trait 1 (“I sail.”) was removed",
    }


def test_summary_clarification_and_order_make_nothing_stale() -> None:
    again = replace(
        A, summary="New words", traits=(A.traits[2], replace(A.traits[0], clarification="why"), A.traits[1])
    )
    assert changes(A, again) == ()


def test_a_questions_change_is_told_once_for_its_trait() -> None:
    more = replace(A, traits=(replace(A.traits[0], questions=("Why?", "How?", "Who?")), *A.traits[1:]))
    data = DataSet("dpo", "s", "d1", A.content_hash, 10)
    chain = Chain(
        "pirate", Version(more.content_hash, more), {A.content_hash: Version(A.content_hash, A)}, (data,)
    )
    assert marked(chain).data[0].reasons == (
        "A question of trait 1 was added after these pairs were made.",
    )


# ---- any order of events


@dataclass
class World:
    """A small studio: what a person does, and beside it what must be true, kept in the plainest way."""

    now: Constitution = A
    clock: float = 0.0
    versions: dict[str, Version] = field(default_factory=dict)
    data: DataSet | None = None
    earlier: list[DataSet] = field(default_factory=list)
    adapter: Adapter | None = None
    replaced: set[str] = field(default_factory=set)
    check: Check | None = None
    report: Report | None = None

    def tick(self) -> float:
        self.clock += 1.0
        return self.clock

    def edit(self, trait: int, text: str) -> None:
        traits = list(self.now.traits)
        traits[trait] = replace(traits[trait], trait=text)
        if len({one.trait for one in traits}) == len(traits):
            self.now = replace(self.now, traits=tuple(traits))

    def make_pairs(self) -> None:
        if self.data:
            self.earlier.append(self.data)
        self.versions[self.now.content_hash] = Version(self.now.content_hash, self.now, 1)
        at = self.tick()
        self.data = DataSet("dpo", "s", f"data{at}", self.now.content_hash, 10, made_at=at)

    def train(self) -> None:
        if self.data:
            if self.adapter:
                self.replaced.add(self.adapter.fingerprint)
            at = self.tick()
            self.adapter = Adapter("dpo", "s", f"adapter{at}", self.data.sha256, made_at=at)

    def measure(self) -> None:
        if self.adapter:
            self.versions[self.now.content_hash] = Version(self.now.content_hash, self.now, 1)
            at = self.tick()
            self.check = Check("traits", self.now.content_hash, (self.adapter.fingerprint,), made_at=at)

    def write(self) -> None:
        self.versions[self.now.content_hash] = Version(self.now.content_hash, self.now, 1)
        self.report = Report(self.now.content_hash, made_at=self.tick())

    def chain(self) -> Chain:
        return Chain(
            "pirate",
            Version(self.now.content_hash, self.now, 2),
            self.versions,
            (self.data,) if self.data else (),
            tuple(self.earlier),
            (self.adapter,) if self.adapter else (),
            frozenset(self.replaced),
            (self.check,) if self.check else (),
            self.report,
        )

    # What must be true, said as simply as it can be.

    def data_is_current(self) -> bool:
        return self.data is not None and self.data.version == self.now.content_hash

    def model_is_current(self) -> bool:
        if not (self.data and self.adapter):
            return False
        return self.adapter.data_sha256 == self.data.sha256 and self.data_is_current()

    def check_is_current(self) -> bool:
        if not (self.check and self.adapter):
            return False
        same_model = self.check.adapters == (self.adapter.fingerprint,)
        return same_model and self.model_is_current() and self.check.version == self.now.content_hash


EDITS = st.tuples(
    st.just("edit"), st.integers(0, 2), st.sampled_from(["I sail.", "I roar.", "I sing.", "I nap."])
)
EVENTS = st.lists(
    st.one_of(EDITS, st.sampled_from([("make_pairs",), ("train",), ("measure",), ("write",)])), max_size=14
)


@given(EVENTS)
def test_after_any_events_each_link_says_whether_it_fits_what_stands_before_it(events: list[tuple]) -> None:  # type: ignore[type-arg]
    world = World()
    for name, *arguments in events:
        getattr(world, name)(*arguments)
    found = marked(world.chain())
    if world.data:
        assert (found.data[0].mark == "current") == world.data_is_current()
    if world.adapter:
        assert found.model is not None
        assert (found.model.mark == "current") == world.model_is_current()
        assert found.model.mark != "unknown"
    if world.check:
        assert (found.checks[0].mark == "current") == world.check_is_current()
    for link in (*found.data, *found.adapters, *found.checks, *([found.report] if found.report else [])):
        assert bool(link.reasons) == (link.mark != "current"), (
            "a mark that hinders says why, a good one is quiet"
        )


@given(EVENTS)
def test_words_taken_back_make_everything_fit_again(events: list[tuple]) -> None:  # type: ignore[type-arg]
    world = World()
    for name, *arguments in [*events, ("make_pairs",), ("train",)]:
        getattr(world, name)(*arguments)
    before = marked(world.chain())
    kept = world.now
    world.edit(0, "I am someone else.")
    assert marked(world.chain()).is_stale
    world.now = kept
    assert marked(world.chain()) == before


def test_what_was_trained_on_an_unknown_file_or_stands_on_a_lost_adapter_is_said_to_be_unknown() -> None:
    data = DataSet("dpo", "s", "d1", A.content_hash, 10)
    adapters = (Adapter("dpo", "s", "a1", "somewhere"), Adapter("merged", "s", "m1", None, ("a1", "lost")))
    chain = Chain("pirate", Version(A.content_hash, A), {}, (data,), (), adapters)
    assert {link.node.kind: link.mark for link in marked(chain).adapters} == {
        "dpo": "unknown",
        "merged": "unknown",
    }


def test_adapters_that_stand_on_each_other_in_a_circle_are_judged_all_the_same() -> None:
    adapters = (Adapter("dpo", "s", "a", "d1", ("b",)), Adapter("sft", "s", "b", "d1", ("a",)))
    chain = Chain(
        "pirate", Version(A.content_hash, A), {}, (DataSet("dpo", "s", "d1", A.content_hash),), (), adapters
    )
    assert len(marked(chain).adapters) == 2
    circle = tuple(replace(one, data_sha256=None) for one in adapters)
    assert marked(replace(chain, adapters=circle)).model_data is None


def test_sft_on_a_dpo_adapter_that_was_trained_again_is_stale() -> None:
    dpo = DataSet("dpo", "s", "d1", A.content_hash, 10, made_at=1)
    sft = DataSet("sft", "s", "s1", A.content_hash, 10, made_at=2)
    adapters = (
        Adapter("sft", "s", "x", "s1", ("old",), made_at=3),
        Adapter("dpo", "s", "new", "d1", made_at=4),
    )
    chain = Chain("pirate", Version(A.content_hash, A), {}, (dpo, sft), (), adapters, frozenset({"old"}))
    found = {link.node.kind: link for link in marked(chain).adapters}
    assert found["sft"].mark == "stale"
    assert found["dpo"].mark == "current"


def test_the_chain_in_one_line() -> None:
    version = Version(A.content_hash, A, 4)
    data = DataSet("dpo", "s", "d1", A.content_hash, 600, 12)
    chain = Chain(
        "pirate", version, {A.content_hash: version}, (data,), (), (Adapter("dpo", "s", "a", "d1"),)
    )
    assert chain_words(marked(chain)) == "Model ← 612 pairs ← version 4"
    assert chain_words(marked(replace(chain, adapters=()))) == "612 pairs ← version 4"
    assert chain_words(marked(replace(chain, adapters=(), data=()))) == ""
    trial = tuple(replace(one, kind="trial") for one in chain.data)
    assert chain_words(marked(replace(chain, data=trial))) == "Model ← 612 pairs of a trial ← version 4"
