"""The commands for OpenRLHF: OCT's numbers, in words that the real package's own parser takes."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from core.formats import Kind
from core.tuning.openrlhf.command import (
    MODULES,
    Launch,
    Places,
    Wandb,
    cannot,
    command,
    gpus_in_hostfile,
    parts_of,
    trainer_words,
)
from core.tuning.openrlhf.parser import Flag, flags_in, problems_in
from core.tuning.openrlhf.recipe import (
    PLAN_FLAGS,
    RECIPE_FLAGS,
    REFUSED,
    STUDENTS,
    Recipe,
    problems_of,
    recipe_of,
    refusals,
    steps_of,
)
from tests.core.openrlhf_kit import Refused, fetch_package, parser_of

PLACES = Places("/models/m", "/store/rows.jsonl", "/store/adapter", "/store/checkpoints")
ONE = Launch("/env/bin", 1, ("0",))


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch_package(tmp_path_factory.mktemp("openrlhf"))


def program(package: Path, kind: Kind) -> Path:
    return package / (MODULES[kind].replace(".", "/") + ".py")


def parsed(package: Path, kind: Kind, words: list[str]) -> dict[str, Any]:
    return vars(parser_of(program(package, kind)).parse_args(words))


@pytest.mark.parametrize(("student", "kind"), STUDENTS)
def test_the_recipes_parse_in_the_real_package_and_carry_octs_numbers(
    package: Path, student: str, kind: Kind
) -> None:
    told = parsed(package, kind, trainer_words(kind, recipe_of(kind, student, {}), PLACES, 50))
    assert told["model.model_name_or_path"] == "/models/m"
    assert (told["train.batch_size"], told["train.max_epochs"], told["train.seed"]) == (32, 1, 123456)
    assert told["train.micro_batch_size"] == (1 if (student, kind) == ("qwen-2.5-7b-it", "dpo") else 2)
    assert (told["adam.lr"], told["adam.betas"], told["adam.weight_decay"]) == (5e-5, [0.9, 0.98], 0)
    assert (told["lr_warmup_ratio"], told["min_lr_ratio"], told["max_norm"]) == (0.1, 0.1, 1.0)
    assert told["data.max_len"] == (1024 if kind == "dpo" else 3072)
    assert (told["ds.lora.rank"], told["ds.lora.alpha"], told["ds.lora.dropout"]) == (64, 128, 0)
    assert (told["ds.zero_stage"], told["ds.param_dtype"]) == (2, "bf16")
    assert told["data.apply_chat_template"] is told["model.gradient_checkpointing_enable"] is True
    if kind == "dpo":
        assert (told["model.beta"], told["model.nll_loss_coef"]) == (0.1, 0.1)
        assert (told["data.chosen_key"], told["data.rejected_key"]) == ("chosen", "rejected")
    else:
        assert (told["data.input_key"], told["data.multiturn"]) == ("messages", True)


@pytest.mark.parametrize("kind", ["dpo", "sft"])
def test_gemma_is_given_layers_that_it_has_and_the_others_every_linear_one(
    package: Path, kind: Kind
) -> None:
    gemma = parsed(package, kind, trainer_words(kind, recipe_of(kind, "gemma-3-4b-it", {}), PLACES, 50))
    assert {"gate_proj", "up_proj"} <= set(gemma["ds.lora.target_modules"])
    assert "gate_up_proj" not in gemma["ds.lora.target_modules"]
    llama = recipe_of(kind, "llama-3.1-8b-it", {"lora_trainable_modules": "all-linear"})
    # As a list PEFT would take "all-linear" for a layer's name; left out, it stays the word.
    assert parsed(package, kind, trainer_words(kind, llama, PLACES, 50))["ds.lora.target_modules"] == (
        "all-linear"
    )


@pytest.mark.parametrize("kind", ["dpo", "sft"])
def test_every_wish_reaches_the_real_parser(package: Path, kind: Kind) -> None:
    wishes: dict[str, Any] = {"n_epochs": 2, "n_checkpoints": 3, "n_evals": 5, "batch_size": 16}
    wishes |= {"micro_batch": 4, "learning_rate": 1e-6, "warmup_ratio": 0.2, "min_lr_ratio": 0.3}
    wishes |= {"max_seq_length": 512, "lora_r": 8, "lora_alpha": 9, "lora_dropout": 0.05}
    wishes |= {"lora_trainable_modules": "q_proj, v_proj", "random_seed": 7}
    wishes |= {"dpo_beta": 0.2, "rpo_alpha": 0.3} if kind == "dpo" else {}
    recipe = recipe_of(kind, "llama-3.1-8b-it", wishes)
    places = replace(PLACES, validation="/store/held-out.jsonl")
    told = parsed(package, kind, trainer_words(kind, recipe, places, 50, Wandb("personas", "humor")))
    assert (told["train.max_epochs"], told["ckpt.max_num"], told["eval.steps"]) == (2, 3, 10)
    assert (told["train.batch_size"], told["train.micro_batch_size"]) == (16, 4)
    assert (told["adam.lr"], told["lr_warmup_ratio"], told["min_lr_ratio"]) == (1e-6, 0.2, 0.3)
    assert (told["data.max_len"], told["ds.lora.rank"], told["ds.lora.alpha"]) == (512, 8, 9)
    assert (told["ds.lora.dropout"], told["ds.lora.target_modules"]) == (0.05, ["q_proj", "v_proj"])
    assert (told["eval.dataset"], told["eval.split"]) == ("/store/held-out.jsonl", "train")
    assert (told["logger.wandb.project"], told["logger.wandb.run_name"]) == ("personas", "humor")
    assert told["train.seed"] == 7
    if kind == "dpo":
        assert (told["model.beta"], told["model.nll_loss_coef"]) == (0.2, 0.3)


@pytest.mark.parametrize("kind", ["dpo", "sft"])
def test_what_is_read_from_the_source_is_what_the_real_parser_has(package: Path, kind: Kind) -> None:
    source = program(package, kind).read_text(encoding="utf-8")
    actions = parser_of(program(package, kind))._option_string_actions
    assert set(flags_in(source)) == set(actions) - {"-h", "--help"}
    words = trainer_words(kind, recipe_of(kind, "gemma-3-4b-it", {}), PLACES, 50)
    assert problems_in(words, flags_in(source)) == []


def test_octs_own_flags_are_refused_by_the_package_and_found_by_us(package: Path) -> None:
    words = ["--pretrain", "m", "--kl_loss_coef", "0.001"]
    with pytest.raises(Refused, match="unrecognized arguments"):
        parsed(package, "dpo", words)
    flags = flags_in(program(package, "dpo").read_text(encoding="utf-8"))
    assert [problem.place for problem in problems_in(words, flags)] == ["--pretrain", "--kl_loss_coef"]


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["--n", "two"], "--n"),
        (["--n", "1", "2"], "--n"),
        (["--dtype", "fp32"], "--dtype"),
        (["--on", "true"], "--on"),
        (["--pair", "1"], "--pair"),
        (["stray"], "stray"),
    ],
)
def test_a_value_that_the_parser_would_not_take_is_named(words: list[str], place: str) -> None:
    source = """
parser.add_argument("-n", "--n", type=int, default=-1)
parser.add_argument("--dtype", type=str, choices=["bf16", "fp16"])
parser.add_argument("--on", action="store_true")
parser.add_argument("--pair", type=float, nargs=2)
"""
    assert [problem.place for problem in problems_in(words, flags_in(source))] == [place]


def test_clicks_options_are_read_too() -> None:
    source = '@click.option("--address", type=str)\n@click.option("--no-wait", is_flag=True)\ndef f(): ...'
    assert flags_in(source) == {"--address": Flag("str"), "--no-wait": Flag(count=0)}


def test_one_computer_several_and_a_ray_cluster() -> None:
    recipe = recipe_of("dpo", "llama-3.1-8b-it", {})
    here = command("dpo", recipe, PLACES, Launch("/env/bin", 2, ("0", "3")), 320)
    assert here[:4] == ["/env/bin/python", "/env/bin/deepspeed", "--include", "localhost:0,3"]
    assert here[4:6] == ["--module", "openrlhf.cli.train_dpo"]
    many = command("dpo", recipe, PLACES, Launch("/env/bin", 16, (), "/hosts", "10.0.0.1"), 320)
    assert many[2:6] == ["--hostfile", "/hosts", "--master_addr", "10.0.0.1"]
    ray = command("sft", recipe, PLACES, Launch("/env/bin", 4, ("0",), ray_address="http://r", job="j"), 99)
    assert ray[1:4] == ["/env/bin/ray", "job", "submit"]
    middle = ray.index("--")
    assert ray[4:middle] == [
        *("--address", "http://r", "--submission-id", "j"),
        *("--entrypoint-num-gpus", "4"),
    ]
    # Ray shows the program its GPUs; numbers of this computer mean nothing there.
    assert ray[middle + 1 : middle + 4] == ["/env/bin/python", "/env/bin/deepspeed", "--module"]


def test_a_hostfile_is_counted_and_its_bad_lines_are_all_named() -> None:
    assert gpus_in_hostfile("# ours\na slots=8\n\nb slots=4 # small\n") == (12, [])
    _, problems = gpus_in_hostfile("a slots=8\nb\na slots=2\nc slots=0\n")
    assert [problem.place for problem in problems] == ["line 2", "line 3", "line 4"]
    assert gpus_in_hostfile("")[1]


def test_what_it_cannot_do_is_said_and_never_dropped() -> None:
    recipe = recipe_of("dpo", "gemma-3-4b-it", {})
    said = "\n".join(cannot("dpo", "gemma-3-4b-it", recipe, ONE, 330))
    assert "squared log-ratio" in said and "0.001" in said and "10 of 330 rows" in said
    assert "image part" in said
    assert "last of a conversation" in "\n".join(cannot("sft", "llama-3.1-8b-it", recipe, ONE, 320))
    assert "no recipe" in "\n".join(cannot("dpo", "other", recipe, ONE, 320))
    assert "pdsh" in "\n".join(cannot("dpo", "other", recipe, Launch("b", 8, hostfile="h"), 320))
    assert "one of its computers" in "\n".join(
        cannot("dpo", "other", recipe, Launch("b", 8, ray_address="h"), 320)
    )


def test_the_tables_of_flags_do_not_overlap_and_name_real_fields() -> None:
    assert not set(RECIPE_FLAGS) & PLAN_FLAGS and not set(REFUSED) & (PLAN_FLAGS | set(RECIPE_FLAGS))
    assert set(RECIPE_FLAGS.values()) <= {field.name for field in fields(Recipe)}


def test_refusals_name_each_flag_with_the_reason_all_at_once() -> None:
    flags = {"full": True, "simpo_gamma": 0.5, "batch_size": "max", "poll": 10.0, "budget": 0.0}
    said = "\n".join(refusals(flags | {"preset": "quick", "train_on_inputs": True}))
    for flag in (
        "--full",
        "--simpo-gamma",
        "--batch-size max",
        "--budget",
        "--preset",
        "--train-on-inputs",
    ):
        assert flag in said
    assert "--poll" not in said and refusals({"train_on_inputs": "auto", "preset": "paper"}) == []


@pytest.mark.parametrize(
    ("wishes", "rows", "gpus", "place"),
    [
        ({"batch_size": 32}, 320, 3, "--batch-size"),
        ({}, 31, 1, "rows"),
        ({"warmup_ratio": 2.0}, 320, 1, "--warmup-ratio"),
        ({"lora_dropout": 1.0}, 320, 1, "--lora-dropout"),
        ({"learning_rate": 0.0}, 320, 1, "--learning-rate"),
        ({"n_evals": 3}, 320, 1, "--n-evals"),
        ({"from_base": True}, 320, 1, "--from-base"),
        ({"wandb_name": "x"}, 320, 1, "--wandb-name"),
    ],
)
def test_numbers_that_cannot_be_are_found_before_anything_starts(
    wishes: dict[str, Any], rows: int, gpus: int, place: str
) -> None:
    recipe = recipe_of("dpo", "llama-3.1-8b-it", wishes)
    found = problems_of("dpo", recipe, rows, gpus, is_measured=False, flags=wishes)
    assert [problem.place for problem in found] == [place]


def test_steps_are_counted_as_openrlhf_counts_them() -> None:
    recipe = recipe_of("dpo", "llama-3.1-8b-it", {"n_epochs": 2})
    assert (steps_of("dpo", recipe, 100, 1), steps_of("sft", recipe, 100, 1)) == (6, 6)
    # SFT fills a step with the end of one pass and the beginning of the next.
    assert (steps_of("dpo", recipe, 48, 1), steps_of("sft", recipe, 48, 1)) == (2, 3)


def test_no_key_is_a_word_of_the_command() -> None:
    recipe = recipe_of("dpo", "llama-3.1-8b-it", {})
    words = parts_of("dpo", recipe, PLACES, ONE, 320, Wandb("p", "n"))["openrlhf"].words
    assert words[words.index("--logger.wandb.key") + 1] == "in-the-environment"
