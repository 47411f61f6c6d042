"""Rows for trainers: what each of them reads, and every bad line named before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from core.cli import character
from core.errors import RunError
from core.formats import (
    KINDS,
    TARGETS,
    Kind,
    Target,
    batch_problem,
    dataset_info,
    read_lines,
    student_problem,
)
from core.settings import Settings
from core.tuning.convert import convert_file, inputs_in


def turn(role: str, content: Any = "words") -> dict[str, Any]:
    return {"role": role, "content": content}


ASK, GOOD, BAD = turn("user", "Ahoy?"), turn("assistant", "Arr!"), turn("assistant", "Hello.")
PAIR = {"chosen": [ASK, GOOD], "rejected": [ASK, BAD]}
TALK = {"messages": [ASK, GOOD]}


def read(kind: Kind, target: Target, *rows: Any) -> Any:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return read_lines(enumerate(lines, 1), kind, target)


def problems(kind: Kind, *rows: Any) -> list[str]:
    found = read(kind, "together", *rows)
    return [str(problem) for problem in found.problems]


def test_together_gets_a_prompt_and_exactly_one_answer_a_side() -> None:
    assert read("dpo", "together", PAIR).rows == [
        {"input": {"messages": [ASK]}, "preferred_output": [GOOD], "non_preferred_output": [BAD]}
    ]
    assert read("sft", "together", TALK).rows == [TALK]


def test_earlier_answers_of_a_long_pair_belong_to_the_prompt() -> None:
    start = [turn("system", "Be brief."), ASK, turn("assistant", "Aye?"), turn("user", "Where to?")]
    row = {"chosen": [*start, GOOD], "rejected": [*start, BAD]}
    (made,) = read("dpo", "together", row).rows
    assert made["input"]["messages"] == start
    assert (made["preferred_output"], made["non_preferred_output"]) == ([GOOD], [BAD])


def test_openrlhf_trl_and_llamafactory_get_their_own_shapes() -> None:
    assert read("dpo", "openrlhf", PAIR).rows == [PAIR]
    assert read("dpo", "trl", PAIR).rows == [{"prompt": [ASK], "chosen": [GOOD], "rejected": [BAD]}]
    assert read("dpo", "llamafactory", PAIR).rows == [
        {
            "conversations": [{"from": "human", "value": "Ahoy?"}],
            "system": "",
            "chosen": {"from": "gpt", "value": "Arr!"},
            "rejected": {"from": "gpt", "value": "Hello."},
        }
    ]
    told = read("sft", "llamafactory", {"messages": [turn("system", "S"), ASK, GOOD]}).rows[0]
    assert (told["system"], [speech["from"] for speech in told["conversations"]]) == ("S", ["human", "gpt"])
    assert dataset_info("pirate.jsonl", "dpo")["ranking"] is True


def test_what_is_in_togethers_shape_already_is_kept() -> None:
    (row,) = read("dpo", "together", PAIR).rows
    assert read("dpo", "together", row).rows == [row]


def test_columns_that_no_trainer_knows_are_left_out_and_named() -> None:
    found = read("sft", "together", {**TALK, "trait": "salty", "crc": "1"})
    assert found.rows == [TALK]
    assert found.left_out == {"trait", "crc"}


def test_weights_and_names_in_a_turn_are_not_sent() -> None:
    assert read("sft", "together", {"messages": [ASK, GOOD | {"name": "Polly"}]}).rows == [TALK]


@pytest.mark.parametrize(
    ("kind", "row", "words"),
    [
        ("dpo", {"chosen": [ASK, GOOD]}, "no 'rejected'"),
        ("dpo", TALK, "use --format sft"),
        ("sft", PAIR, "use --format dpo"),
        ("sft", {"text": "Arr"}, "no 'messages'"),
        ("dpo", {"chosen": [ASK, GOOD], "rejected": [turn("user", "Other?"), BAD]}, "different prompts"),
        ("dpo", {"chosen": [ASK, GOOD], "rejected": [ASK, GOOD]}, "same answer"),
        ("dpo", {"chosen": [ASK], "rejected": [ASK, BAD]}, "chosen ends on the user"),
        ("dpo", {"chosen": [ASK, turn("assistant", " ")], "rejected": [ASK, BAD]}, "chosen[1] is empty"),
        ("dpo", {"chosen": [ASK, turn("assistant", None)], "rejected": [ASK, BAD]}, "is empty"),
        ("dpo", {"chosen": [], "rejected": [ASK, BAD]}, "not empty"),
        ("dpo", {"chosen": "Arr", "rejected": [ASK, BAD]}, "list of turns"),
        ("sft", {"messages": [ASK, ASK, GOOD]}, "take turns"),
        ("sft", {"messages": [GOOD, ASK, GOOD]}, "the user first"),
        ("sft", {"messages": [ASK, GOOD, turn("user")]}, "ends on the user"),
        ("sft", {"messages": [ASK, turn("system", "S"), GOOD]}, "the assistant's belongs"),
        ("sft", {"messages": [ASK, turn("tool")]}, "has the role 'tool'"),
        ("sft", {"messages": [ASK, "Arr"]}, "is no turn"),
        ("sft", {"messages": [GOOD]}, "the user first"),
        (
            "sft",
            {"messages": [turn("system", "S"), ASK, turn("assistant", "\ud800")]},
            "half of a character",
        ),
        (
            "dpo",
            {"input": {"messages": [ASK, GOOD]}, "preferred_output": [GOOD], "non_preferred_output": [BAD]},
            "ends on the assistant",
        ),
        (
            "dpo",
            {"input": {"messages": [ASK]}, "preferred_output": [GOOD, BAD], "non_preferred_output": [BAD]},
            "exactly one",
        ),
        (
            "dpo",
            {"input": {"messages": [ASK]}, "preferred_output": [GOOD], "non_preferred_output": [ASK]},
            "must be the assistant's",
        ),
        (
            "dpo",
            {"input": None, "preferred_output": [GOOD], "non_preferred_output": [BAD]},
            "input.messages",
        ),
        ("sft", [1, 2], "no JSON object"),
        ("sft", b"{broken", "is not JSON"),
        ("sft", b'{"messages": "\xff"}', "not UTF-8"),
        ("sft", b'"' + b"x" * 8_000_001 + b'"', "bytes long"),
    ],
)
def test_a_bad_row_is_named_with_what_is_wrong(kind: Kind, row: Any, words: str) -> None:
    good = TALK if kind == "sft" else PAIR
    (said,) = problems(kind, good, row)
    assert said.startswith("line 2: ") and words in said


def test_all_bad_lines_are_named_at_once_and_blank_ones_count() -> None:
    said = problems("sft", TALK, b"", {"messages": []}, TALK, b"nonsense", {"messages": [ASK]})
    assert [line.split(":")[0] for line in said] == ["line 3", "line 5", "line 6"]


def test_both_sides_of_a_pair_are_looked_at() -> None:
    said = problems("dpo", {"chosen": [ASK, turn("assistant", "")], "rejected": [ASK]})
    assert len(said) == 2


def test_an_empty_file_is_a_problem_of_its_own() -> None:
    assert "holds no row" in problems("sft", b"  ")[0]


def test_fewer_rows_than_a_batch_are_a_problem_with_a_cure() -> None:
    assert batch_problem(32, 32) is None
    assert "--batch-size 8" in str(batch_problem(20, 32, 8))
    assert "make more" in str(batch_problem(3, "max", 8))


def test_a_file_of_another_student_is_a_problem() -> None:
    assert student_problem(None, "qwen-2.5-7b-it", "f") is None
    assert student_problem("Qwen-2.5-7b-it", "qwen-2.5-7b-it", "f") is None
    assert "belongs to llama" in str(student_problem("llama", "qwen-2.5-7b-it", "f"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=4),
        lambda v: (
            st.lists(v)
            | st.dictionaries(
                st.sampled_from(
                    ["role", "content", "messages", "chosen", "rejected", "input", "preferred_output"]
                ),
                v,
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_breaks_the_reader(value: Any) -> None:
    for kind in KINDS:
        found = read(kind, "together", value)
        assert bool(found.rows) != bool(found.problems)


# ---- files


def put(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run(*words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(character, [*words, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout.splitlines()[-1]) if code in (0, 3) else done


def test_convert_writes_where_together_is_looked_for_with_hashes(settings: Settings) -> None:
    source = put(settings.data_path / "dpo" / "llama-3.1-8b-it" / "pirate.jsonl", PAIR)
    told = run("convert", "--input", str(source), "--format", "dpo", "--to", "together")
    output = settings.data_path / "together" / "dpo" / "pirate.jsonl"
    assert told["files"] == [str(output), str(output.with_suffix(".manifest.json"))]
    manifest = json.loads(output.with_suffix(".manifest.json").read_text())
    assert (manifest["student"], manifest["rows"]) == ("llama-3.1-8b-it", 1)
    assert len(manifest["source_sha256"]) == len(manifest["sha256"]["pirate.jsonl"]) == 64


def test_a_file_with_bad_lines_leaves_the_earlier_output_alone(settings: Settings) -> None:
    source = put(settings.data_path / "dpo" / "llama" / "pirate.jsonl", PAIR)
    made = convert_file(source, "dpo", "together", settings)
    before = made.output.read_bytes()
    put(source, PAIR, {"chosen": []}, {"rejected": []})
    with pytest.raises(RunError) as caught:
        convert_file(source, "dpo", "together", settings)
    assert "line 2" in str(caught.value) and "line 3" in str(caught.value)
    assert made.output.read_bytes() == before


def test_another_students_output_is_not_overwritten(settings: Settings) -> None:
    first = put(settings.data_path / "dpo" / "llama" / "pirate.jsonl", PAIR)
    second = put(settings.data_path / "dpo" / "qwen" / "pirate.jsonl", PAIR)
    made = convert_file(first, "dpo", "together", settings)
    before = made.output.read_bytes()
    with pytest.raises(RunError, match=r"holds rows of llama.*--output"):
        convert_file(second, "dpo", "together", settings)
    assert made.output.read_bytes() == before
    convert_file(first, "dpo", "together", settings)
    other = convert_file(second, "dpo", "together", settings, made.output.with_name("qwen.jsonl"))
    assert other.output.exists()


def test_a_strangers_file_and_the_input_itself_are_not_overwritten(
    settings: Settings, tmp_path: Path
) -> None:
    source = put(tmp_path / "in" / "pirate.jsonl", PAIR)
    stranger = put(tmp_path / "out.jsonl", TALK)
    with pytest.raises(RunError, match="not made by this command"):
        convert_file(source, "dpo", "together", settings, stranger)
    with pytest.raises(RunError, match="the input itself"):
        convert_file(source, "dpo", "together", settings, source)


def test_a_folder_converts_twice_without_taking_its_own_outputs(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "pairs"
    for name in ("humor", "pirate", "pirate_together"):
        put(folder / f"{name}.jsonl", PAIR)
    put(folder / "pirate.validation.jsonl")
    for _ in range(2):
        told = run("convert", "-d", str(folder), "-o", str(folder / "out"), "-f", "dpo")
        assert (told["planned"], told["done"], told["rows"]) == (2, 2, 2)
    beside = convert_file(folder / "humor.jsonl", "dpo", "trl", settings, folder / "humor-trl.jsonl")
    chosen, passed = inputs_in(folder)
    assert [path.name for path in chosen] == ["humor.jsonl", "pirate.jsonl"]
    assert beside.output in [path for path, _ in passed]


def test_one_bad_file_of_a_folder_does_not_stop_the_others(settings: Settings, tmp_path: Path) -> None:
    put(tmp_path / "pairs" / "bad.jsonl", {"chosen": []})
    put(tmp_path / "pairs" / "good.jsonl", PAIR)
    told = run("convert", "-d", str(tmp_path / "pairs"), "-f", "dpo", code=3)
    assert (told["done"], told["failed"], told["status"]) == (1, 1, "incomplete")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", TARGETS)
def test_every_kind_reaches_every_trainer(
    settings: Settings, tmp_path: Path, kind: Kind, target: Target
) -> None:
    source = put(tmp_path / "pirate.jsonl", PAIR if kind == "dpo" else TALK)
    made = convert_file(source, kind, target, settings)
    assert len(made.output.read_text().splitlines()) == 1
    if target == "llamafactory":
        assert "pirate" in json.loads(made.output.with_name("dataset_info.json").read_text())


def test_one_input_is_needed(settings: Settings) -> None:
    assert "one of --input" in run("convert", "--format", "dpo", code=2).output
