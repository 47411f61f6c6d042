"""A stand-in for the program `lm-eval`: its words, and the results file that it writes; no model.

Placed as `bin/lm-eval` of an environment. FAKE_LM_EVAL_RECORD a file that gets a line of JSON a start
(argv and the names of its environment) · FAKE_LM_EVAL_SCORES {"base": 0.5, "tuned": 0.4}: which share of
questions is right, by the last folder of --output_path · FAKE_LM_EVAL_DIES the words with which it ends,
with FAKE_LM_EVAL_DIES_AT at that speaker only · FAKE_LM_EVAL_HANGS "1": it says its process id and waits.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import sys
from pathlib import Path

SIZES = {"gsm8k": 1319, "ifeval": 541, "mmlu_anatomy": 135, "mmlu_virology": 166}
METRICS = {"gsm8k": "exact_match,strict-match", "ifeval": "prompt_level_strict_acc,none"}
GROUPS = {"mmlu": ["mmlu_anatomy", "mmlu_virology"]}


def main() -> None:
    """Write what lm-eval would have written."""
    asked = words()
    record()
    print("INFO     [evaluator:305] Building contexts", flush=True)
    if os.environ.get("FAKE_LM_EVAL_HANGS"):
        print(f"pid {os.getpid()}", flush=True)
        signal.pause()
    output = Path(asked.output_path)
    dying, where = os.environ.get("FAKE_LM_EVAL_DIES"), os.environ.get("FAKE_LM_EVAL_DIES_AT", "")
    if dying and where in ("", output.name):
        print(dying, flush=True)
        sys.exit(1)
    share = json.loads(os.environ.get("FAKE_LM_EVAL_SCORES", "{}")).get(output.name, 0.5)
    args = json.loads(asked.model_args)
    model = str(args.get("peft") or args.get("pretrained") or args["model"])
    folder = output / re.sub(r"[\"<>:/|\\?*\[\]]+", "__", model)
    folder.mkdir(parents=True, exist_ok=True)
    written = json.dumps(results(asked.tasks.split(","), share, asked.limit), indent=2)
    (folder / "results_2026-11-26T15-42-01.123456.json").write_text(written)


def words() -> argparse.Namespace:
    """The words of lm-eval that matter here; unknown ones end it, as they would end the real one."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("command", choices=["run"])
    parser.add_argument("--model", choices=["hf", "local-completions", "local-chat-completions"])
    for name in ("--model_args", "--tasks", "--output_path", "--gen_kwargs", "--seed"):
        parser.add_argument(name)
    parser.add_argument("--limit", type=float)
    parser.add_argument("--num_fewshot", type=int)
    parser.add_argument("--apply_chat_template", nargs="?", const=True)
    return parser.parse_args()


def record() -> None:
    """Leave argv and the environment's names and key where a test can read them."""
    if place := os.environ.get("FAKE_LM_EVAL_RECORD"):
        row = {"argv": sys.argv[1:], "names": sorted(os.environ), "key": os.environ.get("OPENAI_API_KEY")}
        with open(place, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def results(tasks: list[str], share: float, limit: float | None) -> dict[str, object]:
    """The file's content: rows of tasks, of groups, and how many examples each had."""
    leaves = [leaf for task in tasks for leaf in GROUPS.get(task, [task])]
    sizes = {leaf: min(SIZES[leaf], int(limit or SIZES[leaf])) for leaf in leaves}
    rows: dict[str, dict[str, object]] = {leaf: row(leaf, share, sizes[leaf]) for leaf in leaves}
    for task in tasks:
        if task in GROUPS:
            rows[task] = {"alias": task, "acc,none": share, "acc_stderr,none": "N/A"}
    return {
        "results": rows,
        "group_subtasks": {task: GROUPS.get(task, []) for task in tasks},
        "n-samples": {leaf: {"original": SIZES[leaf], "effective": sizes[leaf]} for leaf in leaves},
        "config": {"model": "local-chat-completions"},
        "lm_eval_version": "0.4.13",
    }


def row(task: str, share: float, size: int) -> dict[str, object]:
    """One task's metrics as lm-eval names them, with the sample's standard error."""
    metric, _, rest = METRICS.get(task, "acc,none").partition(",")
    error = math.sqrt(share * (1 - share) / (size - 1))
    return {"alias": task, f"{metric}_stderr,{rest}": error, f"{metric},{rest}": share, "sample_len": size}


if __name__ == "__main__":
    main()
