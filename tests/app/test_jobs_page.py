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
    app.button(key=f"cancel:{job.id}").click().run()
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
