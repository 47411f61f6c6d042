"""Learn whose texts are whose with ModernBERT, or score texts with what was learned: one process by argv.

    python -m training.classifier --config FILE         "-" reads stdin

Train: {"action": "train", "model", "output", "labels", "rows": [{"text", "label", "held_out"}], …}. The
rows that are held out are not learned from; the result has their `scores` (log odds, rows × labels), and
the folder `output` the model. The same config again is done already. Score: {"action": "score", "model",
"texts"}; the result has `scores`.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.records import content_hash
from training.files import read_object, refuse_pickles, refuse_remote_code, sha256_file, whole_folder
from training.job import Field, checked, main
from training.problems import TrainingError

ABOUT = "classifier.json"
WEIGHTS = "model.safetensors"
FIELDS = {
    "action": Field((str,), required=True),
    "model": Field((str,), required=True),
    "output": Field((str,)),
    "labels": Field((list,)),
    "rows": Field((list,)),
    "texts": Field((list,)),
    "epochs": Field((int,), 3),
    "batch": Field((int,), 16),
    "learning_rate": Field((float,), 5e-5),
    "warmup": Field((float,), 0.1),
    "weight_decay": Field((float,), 0.01),
    "max_length": Field((int,), 512),
    "seed": Field((int,), 0),
    "threads": Field((int,)),
}
# What decides the weights that come out; the texts are hashed beside them.
DECIDING = (
    "labels",
    "rows",
    "epochs",
    "batch",
    "learning_rate",
    "warmup",
    "weight_decay",
    "max_length",
    "seed",
)


def work(config: Mapping[str, Any]) -> dict[str, Any]:
    """Train or score as the config says. Raises TrainingError."""
    made = checked(config, FIELDS)
    needed = {"train": ("output", "labels", "rows"), "score": ("texts",)}.get(made["action"])
    if needed is None:
        raise TrainingError(f"There is no action {made['action']!r}; choose train or score.")
    missing = [name for name in needed if made[name] is None]
    if missing:
        raise TrainingError(f"To {made['action']}, the config needs {', '.join(missing)}.")
    return train(made) if made["action"] == "train" else score(made)


def train(made: Mapping[str, Any]) -> dict[str, Any]:
    """Train on the rows that are not held out, keep the model, and score the others."""
    output = Path(made["output"])
    identity = _identity(made)
    if (told := _done_before(output, identity)) is not None:
        return told | {"already_done": True}
    model, tokenizer = load(made["model"], made["labels"])
    learned = [row for row in made["rows"] if not row["held_out"]]
    left = [row["text"] for row in made["rows"] if row["held_out"]]
    losses = fit(model, tokenizer, learned, made)
    told = {
        "status": "done",
        "identity": identity,
        "labels": made["labels"],
        "max_length": made["max_length"],
        "learned": len(learned),
        "loss": losses[-1] if losses else None,
        "scores": scores_of(model, tokenizer, left, made["max_length"]),
    }
    with whole_folder(output) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / ABOUT).write_text(json.dumps(told), encoding="utf-8")
    return told


def score(made: Mapping[str, Any]) -> dict[str, Any]:
    """Log odds of texts, by a model that `train` left."""
    folder = Path(made["model"])
    about = read_object(folder / ABOUT, "What the classifier says of itself in")
    model, tokenizer = load(str(folder), about["labels"])
    return {"status": "done", "scores": scores_of(model, tokenizer, made["texts"], about["max_length"])}


def _identity(made: Mapping[str, Any]) -> str:
    """What was learned from what: a folder's weights by their bytes, a model's id by its name."""
    weights = Path(made["model"]) / WEIGHTS
    start = sha256_file(weights) if weights.is_file() else made["model"]
    return content_hash({"start": start} | {name: made[name] for name in DECIDING})


def _done_before(output: Path, identity: str) -> dict[str, Any] | None:
    if not (output / ABOUT).is_file():
        return None
    told = read_object(output / ABOUT, "What the classifier says of itself in")
    return told if told.get("identity") == identity else None


# ---- the model


def load(name: str, labels: Sequence[str]) -> tuple[Any, Any]:
    """(model, tokenizer) of a folder, or of a Hugging Face id that was fetched. Raises TrainingError."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = Path(name)
    if folder.is_dir():
        refuse_pickles(folder, "The classifier")
        refuse_remote_code(read_object(folder / "config.json", "The config"), folder, allowed=False)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_pretrained(
            name, num_labels=len(labels), trust_remote_code=False, use_safetensors=True, dtype="float32"
        )
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"There are no usable weights of {name} here ({_first_line(error)}). Fetch them where there is "
            "a network, for example with: hf download answerdotai/ModernBERT-base --local-dir FOLDER; "
            "then name them: --classifier-model FOLDER. Or use --classifier words, which needs none."
        ) from error
    return model, tokenizer


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def fit(
    model: Any, tokenizer: Any, rows: Sequence[Mapping[str, Any]], made: Mapping[str, Any]
) -> list[float]:
    """Train in place, labels weighing the same; the loss of each step comes back."""
    import torch

    if made["threads"]:
        torch.set_num_threads(made["threads"])
    torch.manual_seed(made["seed"])
    places = torch.tensor([made["labels"].index(row["label"]) for row in rows])
    counts = torch.bincount(places, minlength=len(made["labels"])).clamp(min=1)
    loss_of = torch.nn.CrossEntropyLoss(weight=len(rows) / (len(counts) * counts))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=made["learning_rate"], weight_decay=made["weight_decay"]
    )
    plan = [batch for epoch in range(made["epochs"]) for batch in _batches(len(rows), made, epoch)]
    losses: list[float] = []
    model.train()
    for step, batch in enumerate(plan):
        rate = made["learning_rate"] * _rate(step, len(plan), made["warmup"])
        encoded = encode(tokenizer, [rows[place]["text"] for place in batch], made["max_length"])
        losses.append(_step(model, optimizer, rate, loss_of(model(**encoded).logits, places[batch])))
        print(f"Classifier: step {step + 1} of {len(plan)}, loss {losses[-1]:.3f}", flush=True)
    return losses


def _step(model: Any, optimizer: Any, rate: float, loss: Any) -> float:
    """One step of the optimiser; the loss comes back as a number."""
    import torch

    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return round(loss.item(), 4)


def _batches(count: int, made: Mapping[str, Any], epoch: int) -> Iterator[Any]:
    import torch

    order = torch.randperm(count, generator=torch.Generator().manual_seed(made["seed"] * 1000 + epoch))
    return iter(order.split(made["batch"]))


def _rate(step: int, steps: int, warmup: float) -> float:
    """The share of the learning rate at a step: a short rise, then a cosine to zero."""
    rise = max(1, round(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def scores_of(model: Any, tokenizer: Any, texts: Sequence[str], max_length: int) -> list[list[float]]:
    """Log odds, texts × labels, in the order of the texts."""
    import torch

    model.eval()
    found: dict[int, list[float]] = {}
    # Texts of like length together: little is padded.
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    with torch.inference_mode():
        for start in range(0, len(order), 32):
            places = order[start : start + 32]
            logits = model(**encode(tokenizer, [texts[place] for place in places], max_length)).logits
            found.update(zip(places, logits.double().tolist(), strict=True))
    return [[round(value, 5) for value in found[place]] for place in range(len(texts))]


def encode(tokenizer: Any, texts: Sequence[str], max_length: int) -> Any:
    """Token ids and attention mask of a batch."""
    told = tokenizer(list(texts), truncation=True, max_length=max_length, padding=True, return_tensors="pt")
    return {name: told[name] for name in ("input_ids", "attention_mask")}


if __name__ == "__main__":
    sys.exit(main("classifier", work))
