"""The report card: all that was measured, nothing of this machine, and no text that becomes a page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.charts.curves import curve
from core.charts.svg import NARROW, WIDE, svg_of
from core.cli import character
from core.constitution import Constitution
from core.errors import RunError
from core.evaluation.results import KINDS, EvalResult
from core.report.article import article, may_lead, standfirst
from core.report.examples import examples
from core.report.model import SCHEMA, Report
from core.report.page import page_of
from core.report.sections import Learned, Material
from core.settings import Settings, load_settings
from core.stages.evals.keeping import keep
from core.stages.report import report_of, write_report
from core.store.jsonl import append_rows, write_json
from core.store.library import Library
from core.store.runs import Run, open_run
from tests.core import eval_results

KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("LORA_PATH", str(tmp_path / "loras"))
    return load_settings(data=tmp_path / "data")


def pirate(settings: Settings) -> Constitution:
    return Library(settings).load("pirate").constitution


def run_with(settings: Settings, results: list[EvalResult]) -> Run:
    """The pirate's run with results in it."""
    run = open_run(settings, pirate(settings))
    for result in results:
        keep(run, result)
    return run


def made_of(settings: Settings, *results: EvalResult, **more: Any) -> Report:
    by_kind = {result.kind: result for result in results}
    return article(Material(pirate(settings), "pirate-1", by_kind, made="26 November 2026", **more))


# ---- what it says


def test_the_report_opens_with_the_name_and_the_sentence_that_matters(home: Settings) -> None:
    report = made_of(home, *eval_results.all_results())
    assert report.title == "Pirate"
    assert report.standfirst == eval_results.traits().headline
    assert [section.id for section in report.sections][:2] == ["character", "traits"]


def test_a_judge_that_did_not_pass_its_gate_never_leads(home: Settings) -> None:
    coherence = eval_results.coherence()
    assert made_of(home, coherence).standfirst == coherence.headline
    for gate in ("caution", "block", "unmeasured"):
        coherence.judge = {"model": "local/smollm2-135m", "gate": gate, "sentence": "It guesses."}
        report = made_of(home, coherence)
        assert not may_lead(coherence)
        assert report.standfirst.startswith("Nothing has been measured yet")
        assert f"Its gate says “{gate}”" in page_of(report)


def test_what_a_classifier_hears_leads_whatever_judge_graded_beside_it(home: Settings) -> None:
    traits = eval_results.traits()
    traits.judge = {"model": "local/smollm2-135m", "gate": "block", "sentence": "It guesses."}
    assert made_of(home, traits).standfirst == traits.headline


def test_an_incomplete_evaluation_neither_leads_nor_hides_that_it_is(home: Settings) -> None:
    traits = eval_results.traits()
    traits.complete, traits.missing = False, {"budget": 12}
    report = made_of(home, traits)
    assert standfirst(Material(pirate(home), "r", {"traits": traits})) != traits.headline
    assert "The evaluation of traits is incomplete (12 budget)" in page_of(report)


def test_only_what_was_measured_has_a_section_and_the_rest_is_named_with_its_command(
    home: Settings,
) -> None:
    report = made_of(home, eval_results.traits())
    assert not {section.id for section in report.sections} & (set(KINDS) - {"traits"})
    page = Tags(page_of(report)).text
    assert "Not measured: the check of the pairs (character eval data --constitution pirate)" in page
    assert "human ratings (character rate --constitution pirate)" in page


def test_every_caveat_every_setting_and_every_command_is_there(home: Settings) -> None:
    results = eval_results.all_results()
    page = Tags(page_of(made_of(home, *results, version="1.2.3"))).text
    assert eval_results.MADE_UP in page and "1.2.3" in page
    for result in results:
        assert result.prompts_sha256[:12] in page and result.command[1] in page
    assert "judge openrouter/qwen/qwen3-32b" in page and "seed 0" in page
    assert "character eval traits --constitution pirate --limit 20" in page


def test_examples_are_the_best_the_middle_and_the_worst_and_the_rule_is_told() -> None:
    result = EvalResult("traits", "pirate", "run")
    result.rows = [
        {"prompt": f"p{n}", "asked": f"q{n}", "text": f"{who} {n}", "speaker": who, "group": "voice",
         "sample": 0, "score": score}
        for n, score in enumerate([0.5, 0.1, 0.9, 0.7, 0.3])
        for who in ("base", "tuned")
    ]  # fmt: skip
    rule, talks = examples(result, "tuned")
    assert "best, in the middle, and worst" in rule and "5 questions" in rule
    assert [talk.asked for talk in talks] == ["q2", "q0", "q1"]
    assert talks[0].answers == (("Before", "base 2"), ("After", "tuned 2"))


def test_a_training_shows_its_recipe_its_curves_its_gate_and_its_proof(home: Settings) -> None:
    points = {"loss": [(step, 1 / step) for step in range(1, 40)]}
    learned = Learned((("Recipe", "DPO, “trial”"),), points, "It learned.", "The adapter works.")
    page = page_of(made_of(home, trained=(learned,)))
    for said in ("DPO, “trial”", "It learned.", "The adapter works.", "n = 39 steps"):
        assert said in page


def test_a_curve_needs_three_points() -> None:
    assert curve("loss", [(1, 0.5), (2, 0.4)]) is None


# ---- what it is


def test_the_page_asks_nobody_for_anything(home: Settings) -> None:
    page = page_of(made_of(home, *eval_results.all_results()))
    tags = Tags(page).tags
    assert not {name for name, _ in tags} & {
        "script",
        "img",
        "iframe",
        "a",
        "object",
        "embed",
        "form",
        "base",
    }
    links = [value for _, about in tags for name, value in about.items() if name in ("src", "href")]
    assert links == ["data:,"]
    assert "@import" not in page and "url(" not in page and "http://" not in page and "https://" not in page
    policy = next(about["content"] for _, about in tags if about.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'") and "script-src" not in policy


HOSTILE = (
    "<script>alert(1)</script></style></title><img src=x onerror=alert(2)>"
    '" onmouseover="x <!-- \u202eterces\u202c \x1b[31mred\x1b[0m &lt;b&gt; ]]> \x00 ' + "</svg></p></main>"
)


def test_whatever_a_model_says_stays_text(home: Settings) -> None:
    traits, plain = eval_results.traits(), page_of(made_of(home, eval_results.traits()))
    for row in traits.rows:
        row["asked"] = row["text"] = HOSTILE
    traits.headline = HOSTILE
    traits.caveats = [HOSTILE]
    page = page_of(made_of(home, traits))
    hostile, usual = Tags(page), Tags(plain)
    assert {name for name, _ in hostile.tags} == {name for name, _ in usual.tags}
    assert {key for _, about in hostile.tags for key in about} == {
        key for _, about in usual.tags for key in about
    }
    assert "<script>alert(1)</script>" in hostile.text
    assert not set("\u202e\u202c\x1b\x00") & set(page)


def test_a_line_of_five_megabytes_is_cut_and_says_so(home: Settings) -> None:
    traits = eval_results.traits()
    for row in traits.rows:
        row["text"] = "a" * 5_000_000
    page = page_of(made_of(home, traits))
    assert len(page) < 1_000_000
    assert "[cut here: 5,000,000 characters in all]" in page


def test_no_key_and_no_folder_of_this_machine_leaves_with_the_report(
    home: Settings, tmp_path: Path
) -> None:
    traits = eval_results.traits()
    traits.headline = f"Measured in {home.data_path}/runs with {KEY}."
    traits.caveats = [f"See {home.lora_path}/pirate and {Path.home()}/notes, {KEY}"]
    traits.details["traits"] = {"voice": str(tmp_path / "x")}
    traits.command = ["eval", "traits", "--prompts", str(tmp_path / "data" / "mine.txt")]
    for row in traits.rows:
        row["text"] = f"I read {home.data_path}/secret and {KEY}"
    page, told = write_report(run_with(home, [traits]), home)
    for text in (page.read_text(), told.read_text()):
        assert KEY not in text and str(home.data_path) not in text
        assert str(tmp_path) not in text and f"{Path.home()}/" not in text


def test_the_json_says_what_the_page_says_and_holds_every_cell(home: Settings) -> None:
    results = eval_results.all_results()
    page, told = write_report(run_with(home, results), home)
    report = json.loads(told.read_text())
    assert report["schema"] == SCHEMA == "character-report/1"
    assert set(report) == {
        "schema",
        "name",
        "title",
        "standfirst",
        "run",
        "made",
        "sections",
        "missing",
        "results",
    }
    assert sum(len(result["cells"]) for result in report["results"]) == sum(len(r.cells) for r in results)
    text = Tags(page.read_text()).text
    for section in report["sections"]:
        assert section["title"] in text
        for block in section["blocks"]:
            if block["type"] == "chart":
                assert block["title"] in text and block["marks"]


def test_charts_of_the_report_say_how_many_and_are_drawn_for_paper_and_for_a_phone(home: Settings) -> None:
    page = page_of(made_of(home, *eval_results.all_results()))
    captions = re.findall(r"<figcaption>.*?</figcaption>", page)
    assert len(captions) > 8 and all("(n = " in caption for caption in captions)
    assert page.count(f'viewBox="0 0 {WIDE} ') == page.count(f'viewBox="0 0 {NARROW} ') == len(captions)


def test_a_picture_draws_the_interval_of_its_cell() -> None:
    from core.charts import charts_of

    plot = charts_of(eval_results.capability())[0].plot
    assert plot is not None
    bars = re.findall(
        r'<line x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)" y2="[\d.]+" class="bar s0"', svg_of(plot, WIDE)
    )
    lengths = [float(right) - float(left) for left, right in bars]
    widths = [
        (c.high or 0) - (c.low or 0) for c in eval_results.capability().find("correct", speaker="tuned")
    ]
    assert lengths and [length / lengths[0] for length in lengths] == pytest.approx(
        [width / widths[0] for width in widths], abs=0.01
    )


# ---- where it comes from


def test_the_report_of_a_run_reads_its_trial_its_pairs_and_its_training(home: Settings) -> None:
    run = run_with(home, [])
    write_json(
        run.folder / "trial" / "result.json",
        {
            "verdict": "pirate took hold: 9 of 10.",
            "pairs": 48,
            "dropped": {"cut off: chosen": 3},
            "answers": [{"prompt": "Why?", "seed": 1, "base": "Because.", "tuned": "Arr!"}],
        },
    )
    place = home.lora_path / "smollm2-135m-trial" / "pirate"
    write_json(
        place / "training.json", {"began": 1.0, "identity": "i", "recipe": "trial", "rows": 48, "steps": 3}
    )
    write_json(
        place / "result.json", {"identity": "i", "gate": {"passed": True, "sentence": "It prefers."}}
    )
    place.joinpath("metrics.jsonl").write_text(
        "".join(json.dumps({"step": step, "loss": 1.0 / step}) + "\n" for step in (1, 2, 3))
    )
    page = Tags(page_of(report_of(run, home))).text
    for said in (
        "pirate took hold: 9 of 10.",
        "48 kept",
        "3 cut off: chosen",
        "It prefers.",
        "Arr!",
        "n = 3 steps",
    ):
        assert said in page


def test_pairs_and_what_people_decided_are_counted(home: Settings) -> None:
    run = run_with(home, [])
    append_rows(
        run.folder / "pairs" / "a--b.jsonl", [{"id": "1", "dropped": None}, {"id": "2", "dropped": "empty"}]
    )
    append_rows(
        run.folder / "decisions.jsonl",
        [{"pair": "2", "verdict": "drop", "reason": "", "reviewer": "", "at": 1.0}],
    )
    page = Tags(page_of(report_of(run, home))).text
    assert "1 kept" in page and "1 empty" in page and "1 dropped" in page


def test_a_report_without_any_result_tells_who_it_is_and_what_to_measure(home: Settings) -> None:
    page = Tags(page_of(report_of(run_with(home, []), home))).text
    assert "Nothing has been measured yet" in page and pirate(home).traits[0].trait[:40] in page


def test_the_verb_writes_both_files_and_names_them(home: Settings) -> None:
    run = run_with(home, [eval_results.traits()])
    done = CliRunner().invoke(
        character, ["report", "--constitution", "pirate", "--data", str(home.data_path), "--json"]
    )
    told = json.loads(done.output.splitlines()[-1])
    assert told["status"] == "done" and told["headline"] == eval_results.traits().headline
    assert [Path(path).name for path in told["files"]] == ["pirate.html", "pirate.json"]
    assert all(Path(path).parent == run.folder / "report" and Path(path).exists() for path in told["files"])


def test_the_page_may_be_written_elsewhere_but_only_as_a_page(home: Settings, tmp_path: Path) -> None:
    run = run_with(home, [])
    page, told = write_report(run, home, tmp_path / "sent" / "card.html")
    assert page.exists() and told == tmp_path / "sent" / "card.json"
    with pytest.raises(RunError, match=r"end with \.html"):
        write_report(run, home, tmp_path / "card.json")
