"""Whatever a model or a file says, every page shows it as text and the browser asks nobody (X4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from core.drafting.proposals import Proposal
from core.settings import Settings, load_settings
from core.store.drafting import Draftings
from core.store.jsonl import read_rows, seal, write_atomic
from core.store.library import Library
from core.store.play_log import play_log
from core.store.sample import open_sample
from core.store.suggestions import Suggestions
from tests.journeys.conftest import Studio, go, settled

pytestmark = pytest.mark.journey

SCRIPT = "<script>window.taken=1;alert(1)</script>"
HOSTILE = (
    f"I say {SCRIPT} <img src=http://192.0.2.1/i.png onerror=window.taken=1> ![x](http://192.0.2.1/x.png) "
    '<a href="javascript:alert(3)">go</a> [go](javascript:alert(4)) [[1]](http://192.0.2.1/a) '
    "$$\\frac{a}{b}$$ "
    ":material/delete: :red[x] <https://192.0.2.1/auto> https://192.0.2.1/bare \u202egnihton\u202c "
    "\x1b[31mred\x1b[0m <iframe src=http://192.0.2.1></iframe> <svg onload=window.taken=1> `code` and on. "
)
SAID = ("text", "answer", "chosen", "rejected", "asked", "reason", "quote", "said", "example", "completion")
LONG = "so it goes " * 450_000


def poisoned(value: Any, name: str = "") -> Any:
    """A value in which everything that was said begins with what must stay text."""
    if isinstance(value, dict):
        return {field: poisoned(one, field) for field, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one, name) for one in value]
    return HOSTILE + value if isinstance(value, str) and name in SAID else value


def poison_sample(settings: Settings) -> None:
    """The finished sample, every answer and result hostile, and answers of five million letters."""
    open_sample(settings)
    for path in settings.runs_path.rglob("*.jsonl"):
        if path.name in ("prompts.jsonl", "plan.jsonl", "datasets.jsonl"):
            continue
        rows = [poisoned(row) for row in read_rows(path).rows]
        # Answers of that length in pairs are another journey's.
        if rows and "text" in rows[0] and "evals" in path.parts:
            rows[0]["text"] += LONG
        write_atomic(path, b"".join(seal(row) for row in rows))
    for path in settings.runs_path.rglob("result.json"):
        found = poisoned(json.loads(path.read_text()))
        for name in ("headline", "caveats"):
            found |= {name: poisoned(found[name], "said")} if name in found else {}
        write_atomic(path, json.dumps(found))
    lora = settings.data_path / "loras" / "smollm2-135m-dpo" / "sample-pirate" / "result.json"
    about = json.loads(lora.read_text())
    about["gate"] = {"passed": True, "sentence": HOSTILE}
    write_atomic(lora, json.dumps(about))


def hostile_character(settings: Settings) -> None:
    """A character whose every text is hostile, as a file from elsewhere may be, saved twice."""
    value = Library(settings).load("pirate").constitution.as_dict() | {
        "name": "hostile",
        "summary": HOSTILE,
    }
    for number, trait in enumerate(value["traits"]):
        trait |= {"trait": f"I {number} {HOSTILE}", "clarification": HOSTILE}
        trait["questions"] = [f"{number} {one} {HOSTILE}" for one in range(5)]
    value["exchanges"] = [{"user": f"{n} {HOSTILE}", "assistant": f"{n} {HOSTILE}"} for n in range(2)]
    # No character's file may hold these: they are refused where it is read.
    text = json.dumps(value)
    for hidden in ("\\u001b", "\\u202e", "\\u202c"):
        text = text.replace(hidden, "")
    write_atomic(settings.data_path / "constitutions" / "hand-written" / "hostile.json", text)
    library = Library(settings)
    loaded = library.load("hostile")
    fewer = replace(loaded.constitution, traits=loaded.constitution.traits[1:])
    library.save(fewer, base_revision=loaded.revision)


def played(settings: Settings, name: str) -> None:
    """A switchboard, attacks, proposals and a draft in which models said hostile things."""
    ask = {"turn": "1", "text": HOSTILE, "seed": 1, "a": "all", "b": "none", "model": "fake/parrot"}
    play_log(settings, "switchboard", name).add(
        {"do": "ask", **ask},
        *({"do": "answer", "turn": "1", "side": side, "text": HOSTILE, "broken": HOSTILE} for side in "ab"),
    )
    sides = {"base": {}, "tuned": {"adapter": "trial/" + name, "strength": 1.0}}
    tried = {"id": "1", "attack": "drop-role", "question": HOSTILE, "seed": 1, "model": "fake/parrot"}
    play_log(settings, "attacks", name).add(
        {"do": "try", **tried, "sides": sides},
        *({"do": "answer", "id": "1", "side": side, "text": HOSTILE, "broken": ""} for side in sides),
    )
    trait = Library(settings).load(name).constitution.traits[0]
    change = Proposal("change", trait.id, trait.trait, HOSTILE, by=HOSTILE, why=HOSTILE)
    Suggestions(settings, name).add([change, Proposal("new", text=HOSTILE, source=HOSTILE)])


def drafted(settings: Settings) -> str:
    """A drafting whose model answered hostile things; returns its id."""
    drafts = Draftings(settings)
    made = drafts.begin(description=HOSTILE)
    drafts.change(made.id, lambda one: replace(one, step="keep"))
    row = {"key": "c" * 64, "for": "draft", "angle": "Warmer", "number": 1, "round": 0, "model": "fake/w"}
    answer = json.dumps({"traits": [HOSTILE, "The keeper is old. " + HOSTILE]})
    with drafts.replies(made.id).writing() as rows:
        rows.append({**row, "label": HOSTILE, "at": 1.0, "text": answer})
    return made.id


# Where models speak of the finished sample, and where a character's own texts stand.
OF_SAMPLE = [
    "overview",
    "switchboard",
    "pairs",
    "pairs?view=list",
    "trial",
    "train",
    "before_after",
    "break_me?attack=1",
    "check_traits",
    "check_robustness",
    "check_prefill",
    "check_capability",
    "check_coherence",
    "check_preferences",
    "check_data",
    "rate",
    "report",
    "share",
]
OF_HOSTILE = ["overview", "traits", "exchanges", "versions", "prompts", "characters"]
# A list of pairs is drawn as a picture, and attacks want a trained adapter: not all can be read here.
SHOWN_ON = {"pairs", "traits", "exchanges", "switchboard", "draft", "versions", "train"}
EVERY_TEXT = """() => document.body.innerText
    + [...document.querySelectorAll("textarea, input")].map(one => one.value).join(" ")"""


def watch(page: Page) -> Callable[[], list[str]]:
    """What a page did that it must not do, since it was last asked."""
    bad: list[str] = []
    ours = ("data:", "blob:", "http://127.0.0.1", "ws://127.0.0.1")
    page.on("request", lambda one: None if one.url.startswith(ours) else bad.append(one.url))
    page.on("dialog", lambda one: (bad.append(f"dialog {one.message}"), one.dismiss()))
    page.on("popup", lambda one: bad.append(f"popup {one.url}"))

    def told() -> list[str]:
        found = page.evaluate(
            """() => [...document.querySelectorAll("[src*='192.0.2.1'], [href*='192.0.2.1'], svg[onload],"
                + "[href^='javascript:'], img[onerror]")].map(one => one.outerHTML.slice(0, 200))
                .concat(window.taken ? ["a script ran"] : [])"""
        )
        now, bad[:] = [*bad, *found], []
        return now

    return told


def test_no_page_does_what_a_model_or_a_file_tells_it(studio: Studio, page: Page) -> None:
    settings = load_settings(data=studio.data)
    poison_sample(settings)
    hostile_character(settings)
    for name in ("sample-pirate", "hostile"):
        played(settings, name)
    places = [f"{one}{'&' if '?' in one else '?'}character=sample-pirate" for one in OF_SAMPLE]
    places += [f"{one}?character=hostile" for one in OF_HOSTILE]
    places += ["", "draft?drafting=" + drafted(settings) + "&character=hostile"]
    told, wrong, shown = watch(page), dict[str, list[str]](), set[str]()
    for place in places:
        go(page, studio, place)
        for tab in page.get_by_test_id("stExpander").all()[:6]:
            tab.locator("summary").first.click()
        settled(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        if "<script>window.taken=1" in page.evaluate(EVERY_TEXT):
            shown.add(place.partition("?")[0])
        if found := told():
            wrong[place] = found
    assert wrong == {}
    assert shown >= SHOWN_ON, SHOWN_ON - shown
