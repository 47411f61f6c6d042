"""The Jobs page: what runs and how it ended is told as it is, and every button does what it says."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.wording import ago, counted, duration, size
from core.jobs import Job, Jobs
from core.settings import load_settings
from core.store.jsonl import append_rows
from core.store.runs import open_run
from tests.app.kit import button, library, tab, words
from tests.waiting import until

WORKS_ON = "import time\nprint('at work', flush=True)\nwhile True: time.sleep(60)"
NASTY = "![look](http://evil.example/x.png) <b>bold</b> $x^2$"


def jobs() -> Jobs:
    return Jobs(load_settings())


def start(script: str, *, title: str = "A test", **more: Any) -> Job:
    """A job that runs a small Python program."""
    return jobs().start([sys.executable, "-c", script], title=title, token="", **({"verb": "test"} | more))


def ended(job: Job) -> Job:
    until(lambda: not jobs().get(job.id).active)
    return jobs().get(job.id)


def running(job: Job, says: str) -> Job:
    until(lambda: says in jobs().log_tail(job.id))
    return jobs().get(job.id)


def opened(job: Job) -> AppTest:
    """The Jobs page as a link to one job opens it."""
    app = tab("jobs")
    app.query_params["job"] = job.id
    return app.run()


def shown_code(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in app.code)


def labels(app: AppTest) -> list[str]:
    return [element.label for element in app.button]


def test_without_jobs_the_page_says_what_will_be_here_and_where_to_begin() -> None:
    app = tab("jobs")
    assert "becomes a job" in words(app)
    assert button(app, "Make the first pairs")
    assert "character jobs list" in shown_code(app)


def test_a_running_job_shows_how_far_it_is_and_cancel_stops_it() -> None:
    report = (
        "from core.jobs import ProgressReporter\n"
        "reporter = ProgressReporter.from_environment()\n"
        "reporter.update(stage='teacher', done=3, planned=12, failed=1); reporter.flush()\n"
    )
    job = running(start(report + WORKS_ON, title="Pairs of Pirate"), "at work")
    app = opened(job)
    assert "Pairs of Pirate" in words(app)
    [bar] = app.progress
    assert bar.value == 25
    assert "3 of 12" in bar.text
    assert "1 failed" in bar.text
    assert "at work" in shown_code(app)
    app.button(key=f"stop:{job.id}").click().run()
    assert not app.exception
    assert jobs().get(job.id).state == "cancelled"
    assert not app.progress
    assert "You stopped it" in words(app)


def test_go_on_starts_a_new_job_with_the_same_command_and_opens_it() -> None:
    old = ended(start("raise SystemExit('The disk was full; free some space.')", title="Pairs"))
    app = opened(old)
    assert "The disk was full" in words(app)
    app.button(key=f"resume:{old.id}").click().run()
    [newer] = [job for job in jobs().list() if job.resumes == old.id]
    assert newer.argv == old.argv
    assert app.query_params["job"] == newer.id
    ended(newer)
    back = opened(old)
    assert f"resume:{old.id}" not in [element.key for element in back.button]
    back.button(key=f"newer:{old.id}").click().run()
    assert back.query_params["job"] == newer.id


def test_what_a_job_prints_is_text_and_never_markdown() -> None:
    job = ended(start(f'print({NASTY!r}); print(\'{{"verb": "x"}}\')', title=NASTY))
    app = opened(job)
    assert shown_code(app).count(NASTY) >= 1
    assert '"verb"' not in shown_code(app).split("print(")[0]
    for element in (*app.markdown, *app.caption):
        assert "![look](" not in str(element.value)
        assert "<b>" not in str(element.value)


def test_what_is_for_programs_is_not_shown_even_when_a_word_follows_it() -> None:
    job = ended(start("print('at work'); print('{\"verb\": \"x\"}'); print('Stopped.')", title="A"))
    app = opened(job)
    [log] = [element.value for element in app.code if element.value.startswith("at work")]
    assert log == "at work\nStopped."


def test_a_done_job_can_only_leave_the_list() -> None:
    job = ended(start("print('fine')"))
    app = opened(job)
    assert "Finished." in words(app).replace("\\", "")
    assert "Go on" not in labels(app)
    app.button(key=f"remove:{job.id}").click().run()
    assert jobs().list() == []
    assert "becomes a job" in words(app.run())


def test_failed_answers_are_grouped_by_reason_and_can_be_asked_for_again() -> None:
    job = ended(start("raise SystemExit(3)", verb="pipeline", subject="pairs:pirate", title="Pairs"))
    assert job.ended_at is not None
    run = open_run(load_settings(), library().load("pirate").constitution)
    append_rows(
        run.folder / "prompts.jsonl", [{"id": "p1", "text": NASTY, "trait": None, "source": "hand"}]
    )
    answers = run.answer_set("teacher", "m", {"model": "m"})
    failure = {"prompt": "p1", "kind": "transient", "status": 429, "message": "too fast", "attempts": 5}
    rows = [failure | {"key": f"k{number}", "at": job.ended_at} for number in range(25)]
    rows += [failure | {"key": "e", "kind": "empty", "status": None, "at": job.ended_at}]
    rows += [failure | {"key": "old", "at": job.started - 9}]
    append_rows(answers.errors_path, rows)
    app = opened(job)
    groups = [element.label for element in app.expander if "failed" in element.label]
    assert "25 answers failed" in groups[0]
    assert "HTTP 429" in groups[0].replace("\\", "")
    assert "1 answer failed" in groups[1]
    texts = [element.value for element in app.text]
    assert texts.count(NASTY) == 20 + 1
    assert "And 5 more" in words(app).replace("\\", "")
    assert button(app, "Retry these 26").key == f"resume:{job.id}"


# --- figures and history ---

COUNTS = """
import time
from core.jobs import ProgressReporter
reporter = ProgressReporter.from_environment()
figures = {"requests": 44, "retries": 3, "in_flight": 20, "waiting": 0, "limit": 37, "ceiling": 64,
           "per_second": 31.2, "tokens_in": 9000, "tokens_out": 800, "cost_usd": 0.42, "budget_usd": 5.0,
           "maybe_double_billed": 3, "maybe_usd": 0.002, "reasons": {"timeout": 2}}
reporter.update(stage="teacher", done=30, planned=120, failed=2, figures=figures)
for second, (limit, why) in enumerate([(8, ""), (38, ""), (37, "38 at once was too many: now 37 ![x](y)"),
                                       (37, ""), (37, ""), (37, ""), (37, "")]):
    reporter.note_history({"at": 1795392900 + 2 * second, "stage": "teacher", "limit": limit,
                           "in_flight": limit, "per_second": 3.0 * second, "why": why})
reporter.flush()
"""


def charts(app: AppTest) -> list[Any]:
    return list(app.get("plotly_chart"))


def told(app: AppTest) -> str:
    return words(app).replace("\\", "").replace("\u00a0", " ")


def test_a_running_job_with_figures_shows_speed_money_doubts_failures_and_why_it_slowed() -> None:
    job = running(start(COUNTS + WORKS_ON, title="Pairs"), "at work")
    app = opened(job)
    assert "31 answers a second · 20 of at most 64 at once · $0.42 of $5.00 spent · 3 asked again" in told(
        app
    )
    assert "3 possibly billed twice" in told(app)
    [doubt] = [element for element in app.caption if "billed twice" in element.value]
    assert "charge" in doubt.help
    assert "2 answers failed: No answer in time" in told(app)
    assert "38 at once was too many: now 37" in told(app)
    assert "![x](y)" not in words(app)
    assert len(charts(app)) == 2
    assert "It settled at 37 at once; 38 at once was too many." in told(app)
    [bar] = app.progress
    assert "3 s left" in bar.text or "5 s left" in bar.text
    app.button(key=f"stop:{job.id}").click().run()
    assert not app.exception
    assert len(charts(app)) == 2


def test_an_ended_job_keeps_its_charts_and_totals() -> None:
    job = ended(start(COUNTS + "raise SystemExit(3)", title="Pairs"))
    app = opened(job)
    assert not app.exception
    assert len(charts(app)) == 2
    assert "Teacher answers: 44 requests · 3 asked again · 9,000 tokens in · 800 out" in told(app)
    assert "2 answers failed: No answer in time" in told(app)
    assert "$0.42" in told(tab("jobs"))


def test_each_stage_keeps_its_own_totals() -> None:
    closing = (
        "from core.jobs import ProgressReporter\n"
        "reporter = ProgressReporter.from_environment()\n"
        "reporter.note_history({'at': 1.0, 'stage': 'teacher', 'why': '', 'figures': {'requests': 7}})\n"
        "reporter.update(stage='student', done=1, planned=1, figures={'requests': 9})\n"
    )
    app = opened(ended(start(closing)))
    assert "Teacher answers: 7 requests" in told(app)
    assert "Student answers: 9 requests" in told(app)


def test_a_job_from_before_there_were_figures_shows_no_charts() -> None:
    report = (
        "from core.jobs import ProgressReporter\n"
        "ProgressReporter.from_environment().update(stage='teacher', done=3, planned=3)\n"
    )
    app = opened(ended(start(report)))
    assert not app.exception
    assert not charts(app)
    assert "3 of 3 teacher answers" in told(app)


@pytest.mark.parametrize(
    "figures",
    ['"many"', '{"limit": "x", "cost_usd": NaN, "reasons": [1], "requests": -1}', "[[]]", "1e999"],
)
def test_damaged_figures_and_history_never_break_the_page(figures: str) -> None:
    job = ended(start("print('fine')"))
    whole = '{"stage": "teacher", "done": 1, "planned": 2, "failed": 0, "note": "", "at": 5.0, "figures": '
    (job.folder / "progress.json").write_text(whole + figures + "}")
    lines = ['{"at": 1, "limit": {}, "why": 3}', '{"at": 1e300}', "nonsense", '{"at": 2, "limit": -7}']
    lines += [
        '{"at": 3, "stage": null, "per_second": "fast", "figures": {"requests": []}}',
        '{"at": 4, "li',
    ]
    (job.folder / "history.jsonl").write_text("\n".join(lines))
    app = opened(job)
    assert not app.exception
    assert "1 of 2 teacher answers" in told(app)


def test_a_job_that_is_gone_is_said_to_be_gone() -> None:
    start("print(1)")
    app = tab("jobs")
    app.query_params["job"] = "20250101-000000-abcd"
    app.run()
    assert "not in the list any more" in words(app)


def test_a_table_that_cannot_be_used_is_explained() -> None:
    ended(start("print(1)"))
    table = load_settings().data_path / "jobs.sqlite"
    table.unlink()
    table.mkdir()
    app = tab("jobs")
    assert "cannot be used" in app.error[0].value.replace("\\", "")


def test_the_command_is_shown_as_a_person_types_it() -> None:
    argv = [sys.executable, "-m", "core", "jobs", "list", "--json"]
    job = ended(jobs().start(argv, verb="jobs", title="List", token=""))
    app = opened(job)
    assert "character jobs list" in [element.value for element in app.code]
    assert f"character jobs show {job.id}" in shown_code(app)
    assert sys.executable not in shown_code(app)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min"), (125, "2 min 5 s"), (3600, "1 h"), (7260, "2 h 1 min")],
)
def test_durations_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_moments_sizes_and_counts_as_people_say_them() -> None:
    assert [ago(s) for s in (5, 60, 7200, 90_000)] == [
        "just now",
        "1 minute ago",
        "2 hours ago",
        "1 day ago",
    ]
    assert [size(n) for n in (0, 900, 12e6, 1.34e9)] == ["0 MB", "under 1 MB", "12 MB", "1.3 GB"]
    assert [counted(n, "reply", "replies") for n in (1, 1250)] == ["1 reply", "1,250 replies"]
