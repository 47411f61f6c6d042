"""The Train page: the plan, the checks, the one button, what runs, and what came of it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from core.settings import load_settings
from core.tuning.prepare import Asked, begin, plan_of
from core.tuning.recipe import recipe_of
from core.tuning.state import Store, Tuning, read_tuning
from tests.app.kit import library, tab, words
from tests.waiting import until

EMBEDDED, LLAMA = "smollm2-135m", "llama-3.1-8b-it"
SENTENCE = "The model now prefers the character's answer in 100% of pairs it never saw (margin 9.8)."


def write(path: Path, rows: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def pairs(student: str = EMBEDDED, count: int = 43) -> Path:
    """A fresh file of pairs of pirate for a student."""

    def pair(number: int) -> dict[str, Any]:
        user = {"role": "user", "content": f"Question {number}?"}
        sides = {"chosen": f"Arr {number}!", "rejected": f"Answer {number}."}
        return {side: [user, {"role": "assistant", "content": text}] for side, text in sides.items()}

    path = load_settings().data_path / "dpo" / student / "pirate.jsonl"
    write(path, [pair(number) for number in range(count)])
    digest = library().load("pirate").constitution.content_hash
    about = {"student": student, "constitution_sha256": digest, "created": time.time()}
    write(path.with_suffix(".manifest.json"), [about])
    return path


def trained(*, passed: bool = True, sentence: str = SENTENCE, folder: str = "") -> Path:
    """A finished training of pirate on this computer."""
    place = load_settings().lora_path / f"{EMBEDDED}-dpo" / "pirate" / folder
    began = 100.0 if folder else 200.0
    about = {"identity": "a", "began": began, "recipe": "trial", "settings": {}, "rows": 43, "steps": 3}
    steps = [
        {"step": step, "loss": 2.0 / step, "margin": 1.0 * step, "accuracy": 1.0} for step in (1, 2, 3)
    ]
    write(place / "training.json", [about])
    write(place / "metrics.jsonl", steps)
    gate = {"passed": passed, "sentence": sentence}
    write(place / "result.json", [{"identity": "a", "gate": gate, "laps": {"train": 86.0}}])
    return place


def at_together() -> tuple[Tuning, Store]:
    """A tuning of pirate that was begun and sent nowhere."""
    pairs(LLAMA)
    asked = Asked("dpo", recipe_of("dpo", "paper", {}), constitution="pirate", student=LLAMA)
    return begin(plan_of(asked, load_settings()), load_settings())


def told(app: AppTest) -> str:
    return words(app).replace("\\", "").replace("\u00a0", " ")


def shell(app: AppTest) -> str:
    return next(element.value for element in app.code if "character train" in element.value)


def jobs() -> Jobs:
    return Jobs(load_settings())


@pytest.fixture(autouse=True)
def no_job_is_left() -> Any:
    yield
    for job in jobs().list(active_only=True):
        jobs().cancel(job.id, grace_s=0)


# ---- the plan


def test_without_pairs_the_button_waits_and_the_cure_is_named() -> None:
    app = tab("train")
    assert "There is no file of pairs for smollm2-135m yet." in told(app)
    assert "press “Write the training file”" in told(app)
    assert app.button(key="train:start").disabled


def test_a_plan_says_size_time_price_and_the_command_before_the_click() -> None:
    pairs()
    app = tab("train")
    assert "1 pass over 43 pairs, 4 a step: 11 steps." in told(app)
    assert "Free · 2 to 6 min on this computer" in told(app)
    assert not app.button(key="train:start").disabled
    assert shell(app) == (
        "character train dpo --backend local --constitution pirate --student local/smollm2-135m "
        "--preset trial"
    )


def test_an_experts_number_changes_the_plan_and_the_command() -> None:
    pairs()
    app = tab("train")
    app.number_input(key="train:number:n-epochs").set_value(3)
    app.number_input(key="train:number:learning-rate").set_value(0.00005).run()
    assert "3 passes over 43 pairs, 4 a step: 33 steps." in told(app)
    assert shell(app).endswith("--n-epochs 3 --learning-rate 0.00005")
    next(one for one in app.button if one.label == "Back to the defaults").click().run()
    assert "1 pass over 43 pairs" in told(app)


def test_every_recipe_shows_its_own_numbers() -> None:
    pairs()
    app = tab("train")
    app.segmented_control(key="train:preset").set_value("paper").run()
    assert "1 pass over 43 pairs, 32 a step: 2 steps." in told(app)
    assert app.number_input(key="train:number:lora-r").placeholder == "64"


def test_two_clicks_on_one_button_are_one_job() -> None:
    pairs()
    app = tab("train")
    button = app.button(key="train:start")
    button.click()
    app.run()
    [job] = jobs().list()
    assert list(job.argv[3:6]) == ["train", "dpo", "--backend"]
    assert "Pirate is being learned" in told(app)
    assert not app.exception


def test_a_bad_row_is_named_and_shown_as_text() -> None:
    path = pairs()
    nasty = '{"chosen": "![look](http://evil.example/x.png) <b>"}'
    lines = path.read_text().splitlines()
    lines[6] = nasty
    path.write_text("\n".join(lines) + "\n")
    app = tab("train")
    assert "Line 7: " in told(app)
    assert nasty in [element.value for element in app.text]
    assert app.button(key="train:start").disabled


# ---- what came of it


def test_the_gates_sentence_is_the_headline_over_three_curves() -> None:
    pairs()
    trained()
    app = tab("train")
    assert any(SENTENCE in element.value.replace("\\", "") for element in app.subheader)
    assert len(app.get("plotly_chart")) == 3
    assert "2.00 → 0.67" in told(app)
    assert "a coin gets 50 %" in told(app)
    assert app.button(key="train:start").label == "Train it again"
    assert "--again" in shell(app)


def test_a_failed_gate_is_the_headline_too_and_leads_to_no_comparison() -> None:
    trained(passed=False, sentence="Nothing was learned: about as often as a coin.")
    app = tab("train")
    assert any("Nothing was learned" in element.value for element in app.subheader)
    assert "train:hear" not in [element.key for element in app.button]


def test_an_earlier_training_can_be_laid_over_the_last_one() -> None:
    trained()
    trained(folder="earlier/100-a")
    app = tab("train")
    choose = app.multiselect(key="train:compare")
    assert len(choose.options) == 1
    choose.set_value(["here/smollm2-135m/dpo/100-a"]).run()
    assert not app.exception
    assert "A: " in told(app) and "B: " in told(app)


def test_a_stopped_training_goes_on_and_does_not_begin_anew() -> None:
    pairs()
    argv = [sys.executable, "-m", "core", "train", "dpo", "--backend", "local", "--again", "--no-such"]
    old = jobs().start(argv, verb="train", title="Train Pirate", subject="train:pirate", token="")
    until(lambda: not jobs().get(old.id).active)
    app = tab("train")
    app.button(key=f"resume:{old.id}").click().run()
    assert list(jobs().list()[0].argv[3:]) == ["train", "dpo", "--backend", "local", "--no-such", "--json"]


def test_a_stopped_training_with_other_numbers_is_put_aside_only_when_told_so() -> None:
    pairs()
    place = trained()
    (place / "result.json").unlink()
    app = tab("train")
    assert "put aside" not in told(app) and "--again" not in shell(app)
    app.segmented_control(key="train:preset").set_value("quick").run()
    assert "The unfinished training before is put aside." in told(app)
    assert "--again" in shell(app)


# ---- Together


def test_together_needs_a_key_and_says_what_it_leaves_out() -> None:
    pairs(LLAMA)
    app = tab("train")
    app.segmented_control(key="train:where").set_value("together").run()
    assert "There is no key of Together." in told(app)
    assert "the paper's 0.001 is left out" in told(app)
    assert "not deployed as an endpoint" in told(app)
    assert app.button(key="train:start").disabled


def test_openrlhf_says_what_is_missing_and_what_it_does_otherwise() -> None:
    pairs(LLAMA)
    app = tab("train")
    app.segmented_control(key="train:where").set_value("openrlhf").run()
    assert "OpenRLHF is not installed." in told(app)
    assert "no squared log-ratio" in told(app)
    assert shell(app) == "character train dpo --backend openrlhf --constitution pirate --student " + LLAMA


def test_a_price_above_the_limit_waits_for_a_click_on_that_price() -> None:
    tuning, store = at_together()
    tuning.state, tuning.price_usd, tuning.price_tokens = "priced", 4.2, 12345
    store.save(tuning)
    app = tab("train")
    assert "Together estimates $4.20 for 12,345 tokens." in told(app)
    button = app.button(key="train:go-on")
    assert button.label == "Start for $4.20"
    button.click().run()
    [job] = jobs().list()
    assert list(job.argv[3:]) == ["train", "resume", tuning.id, "--budget", "4.2", "--json"]


def test_an_unknown_price_is_said_to_be_unknown() -> None:
    tuning, store = at_together()
    tuning.state = "priced"
    store.save(tuning)
    app = tab("train")
    assert app.button(key="train:go-on").label == "Start at an unknown price"
    assert "Nobody knows beforehand what it costs." in told(app)


def test_a_rejected_file_shows_the_row_that_together_names() -> None:
    tuning, store = at_together()
    row = '{"input": {"messages": []}} <b>![x](y)</b>'
    tuning.state = "uploaded"
    tuning.error = f"Together rejects the file: Line 7: bad.\n  line 7: {row}\nMend that row."
    store.save(tuning)
    app = tab("train")
    assert "Together rejects the file: Line 7: bad." in told(app)
    assert row in [element.value for element in app.text]
    assert app.button(key="train:go-on").label == "Go on"


def test_cancelling_what_waits_starts_the_verb_that_ends_it() -> None:
    tuning, store = at_together()
    tuning.state, tuning.price_usd = "priced", 4.2
    store.save(tuning)
    app = tab("train")
    app.button(key="train:cancel").click().run()
    assert [list(job.argv[3:6]) for job in jobs().list()] == [["train", "cancel", tuning.id]]


def test_what_waits_is_cancelled_without_a_job_and_the_plan_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("together")
    monkeypatch.setenv("TOGETHER_API_KEY", "tgp-no-key-at-all")
    monkeypatch.setenv("TOGETHER_BASE_URL", "http://127.0.0.1:9/v1")
    tuning, store = at_together()
    tuning.state, tuning.price_usd = "priced", 4.2
    store.save(tuning)
    app = tab("train")
    app.button(key="train:cancel").click().run()
    until(lambda: not jobs().list(active_only=True))
    app.run()
    assert read_tuning(load_settings(), tuning.id).state == "cancelled"
    assert app.button(key="train:start").label == "Train it"


def test_a_job_that_ended_before_there_was_anything_to_follow_says_why() -> None:
    pairs(LLAMA)
    argv = [sys.executable, "-c", "raise SystemExit('Training on Together needs its key.')"]
    argv += ["train", "dpo", "--backend", "together"]
    job = jobs().start(argv, verb="train", title="Train Pirate", subject="train:pirate", token="")
    until(lambda: not jobs().get(job.id).active)
    app = tab("train")
    assert "Training on Together needs its key." in told(app)
    assert f"resume:{job.id}" in [element.key for element in app.button]


def test_a_job_that_failed_at_together_is_the_headline_and_the_next_one_is_new() -> None:
    tuning, store = at_together()
    tuning.state, tuning.job_id, tuning.error = "failed", "ft-1", "Together's job ft-1 failed: no GPU."
    store.save(tuning)
    app = tab("train")
    assert any("ft-1 failed: no GPU" in element.value.replace("\\", "") for element in app.subheader)
    app.segmented_control(key="train:where").set_value("together").run()
    assert "--again" in shell(app)
