"""When an adapter counts as proven, and what is said when it is not."""

from __future__ import annotations

import json

import pytest

from core.errors import ModelError
from core.settings import Settings
from core.store.jsonl import write_json
from core.tuning.proof import PROOF, Answers, judge, read_proof, require
from tests.core.adapter_kit import write_adapter_folder

NAME = "smollm2-135m"


def answers(changed: int, of: int = 4, plain: int | None = 4) -> list[Answers]:
    """`changed` answers differ at strength 1; `plain` equal the base at strength 0, None: not asked."""
    return [
        Answers(
            f"Question {number}?",
            None if plain is None else ("Yes." if number < plain else "Perhaps."),
            "Yes.",
            "Arr, aye!" if number < changed else "Yes.",
        )
        for number in range(of)
    ]


@pytest.mark.parametrize("changed", [0, 1])
def test_the_proof_fails_when_all_or_nearly_all_answers_stay_the_same(changed: int) -> None:
    proof = judge(answers(changed))
    assert not proof.passed
    with pytest.raises(ModelError, match=f"changes nothing: {4 - changed} of 4 answers are the same"):
        require(proof)


def test_changed_answers_prove_the_adapter(changed: int = 3) -> None:
    proof = judge(answers(changed))
    require(proof)
    assert (proof.changed, proof.asked, proof.plain_as_base) == (3, 4, 4)
    assert "changes 3 of 4 answers" in proof.sentence


def test_an_adapter_that_cannot_be_turned_off_fails_too() -> None:
    with pytest.raises(ModelError, match="does not turn the adapter off"):
        require(judge(answers(4, plain=1)))


def test_without_a_plain_server_nothing_is_claimed_of_it() -> None:
    proof = judge(answers(4, plain=None))
    assert proof.passed and proof.plain_as_base is None
    assert "was not asked" in proof.sentence


def test_no_answers_prove_nothing() -> None:
    assert not judge([]).passed


def test_a_proof_of_weights_that_were_replaced_is_none(settings: Settings) -> None:
    from core.embedded.adapters import find_adapter

    folder = write_adapter_folder(settings.lora_path / f"{NAME}-dpo" / "pirate" / "adapter")
    assert read_proof(settings, NAME, "pirate") is None
    proof = judge(answers(4)).as_dict() | {"adapter_sha256": find_adapter(settings, NAME, folder).sha256}
    write_json(folder / PROOF, proof)
    found = read_proof(settings, NAME, "pirate")
    assert found and found.passed and found.answers == tuple(answers(4))
    write_adapter_folder(folder, seed=9)
    assert json.loads((folder / PROOF).read_text())["passed"]
    assert read_proof(settings, NAME, "pirate") is None
