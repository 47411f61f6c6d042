"""Rows become tokens in our chat template, and every row that cannot is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training import tiny
from training.data import batches, collate, dpo_example, encoder, read_dataset, refuse_foreign, sft_example
from training.problems import TrainingError

pytestmark = pytest.mark.train

TOKENIZER = tiny.tokenizer()
ENCODE = encoder(TOKENIZER, TOKENIZER.chat_template)


def turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def test_a_pair_is_what_the_chat_template_writes() -> None:
    row = tiny.pair(1)
    made = dpo_example(row, ENCODE)
    text = TOKENIZER.decode([*made.prompt, *made.branches[0]])
    assert text == TOKENIZER.apply_chat_template(row["chosen"], tokenize=False)
    assert TOKENIZER.decode(made.prompt).endswith("<|im_start|>assistant\n")


def test_only_what_the_assistant_says_is_learned() -> None:
    spoken = [turn("user", "u"), turn("assistant", "one"), turn("user", "v"), turn("assistant", "two")]
    row = {"messages": [turn("system", "S"), *spoken]}
    made = sft_example(row, ENCODE)
    learned = [token for token, flag in zip(made.branches[0], made.learned[0], strict=True) if flag]
    assert TOKENIZER.decode(learned) == "one<|im_end|>\ntwo<|im_end|>\n"


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"chosen": []}, "no list of messages"),
        ({"chosen": [turn("user", "a"), turn("user", "b")], "rejected": [turn("user", "a")]}, "alternate"),
        ({"chosen": [turn("user", "a")], "rejected": [turn("user", "a")]}, "ends on the user"),
        ({"chosen": [turn("user", "a"), turn("assistant", " ")], "rejected": []}, "without role or text"),
        (tiny.pair(0, "same", "same"), "the same answer"),
        (tiny.pair(1) | {"rejected": tiny.pair(2)["rejected"]}, "different conversations"),
        ("text", "no list of messages"),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path: Path, row: object, word: str) -> None:
    path = tiny.write_rows(tmp_path / "rows.jsonl", [tiny.pair(1), row])
    with pytest.raises(TrainingError, match=f"line 2: .*{word}"):
        read_dataset(path, "dpo", ENCODE, 512)


def test_all_bad_rows_are_reported_at_once(tmp_path: Path) -> None:
    path = tiny.write_rows(tmp_path / "rows.jsonl", [{}] * 12)
    with pytest.raises(TrainingError, match=r"(?s)line 1:.*line 10:.*and 2 more"):
        read_dataset(path, "dpo", ENCODE, 512)


def test_rows_that_are_too_long_are_counted_and_an_empty_rest_is_refused(tmp_path: Path) -> None:
    path = tiny.write_rows(tmp_path / "rows.jsonl", [tiny.pair(1), tiny.pair(2, "Arr! " * 100)])
    made = read_dataset(path, "dpo", ENCODE, 200)
    assert (len(made.examples), made.too_long) == (1, 1)
    with pytest.raises(TrainingError, match="raise max_length"):
        read_dataset(path, "dpo", ENCODE, 16)
    with pytest.raises(TrainingError, match="holds no rows"):
        read_dataset(tiny.write_rows(tmp_path / "empty.jsonl", []), "dpo", ENCODE, 16)


def test_the_rows_of_another_student_are_refused(tmp_path: Path) -> None:
    path = tiny.write_rows(tmp_path / "pirate.jsonl", [tiny.pair(1)])
    path.with_suffix(".manifest.json").write_text(json.dumps({"student": "local/smollm2-135m"}))
    refuse_foreign(path, "smollm2-135m")
    with pytest.raises(TrainingError, match="made with the student local/smollm2-135m"):
        refuse_foreign(path, "qwen-2.5-7b-it")


def test_batches_hold_rows_of_like_length_and_repeat_with_their_seed() -> None:
    lengths = [5, 90, 6, 91, 7, 92, 8]
    made = batches(lengths, 3, order="length", seed=1, epoch=0)
    assert sorted(sorted(lengths[place] for place in one) for one in made) == [[5, 6, 7], [8, 90, 91], [92]]
    assert made == batches(lengths, 3, order="length", seed=1, epoch=0)
    orders = {str(batches(lengths, 3, order="length", seed=1, epoch=epoch)) for epoch in range(8)}
    assert len(orders) > 1


def test_fewer_rows_than_a_batch_are_one_step() -> None:
    assert batches([3, 4], 32, order="length", seed=0, epoch=0) in ([[0, 1]], [[1, 0]])


def test_a_batch_holds_a_prompt_once_and_predicts_every_answer_token() -> None:
    examples = [dpo_example(tiny.pair(number), ENCODE) for number in (1, 2)]
    batch = collate(examples)
    answers = sum(len(branch) for one in examples for branch in one.branches)
    assert len(batch.ids) == answers + sum(len(one.prompt) for one in examples)
    assert len(batch.targets) == sum(batch.lengths) == answers
    first = batch.rows[0, : batch.sizes[0]]
    assert batch.ids[first].tolist() == [*examples[0].prompt, *examples[0].branches[0]]
