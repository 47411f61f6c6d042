"""The Report page: what would be in it, one job that makes it, the file to take along."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.launch_quote import sentence_case
from core.jobs import Jobs
from core.settings import load_settings
from tests.app.kit import tab
from tests.app.test_check_pages import kept, run_of_pirate, told


@pytest.fixture(autouse=True)
def no_job_is_left() -> Iterator[None]:
    yield
    jobs = Jobs(load_settings())
    for job in jobs.list(active_only=True):
        jobs.cancel(job.id, grace_s=0)


def written(text: str = "<title>Pirate</title>") -> Path:
    """A report as the command leaves it."""
    path = run_of_pirate().folder / "report" / "pirate.html"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.with_suffix(".json").write_text("{}")
    return path


def test_before_the_first_one_the_page_says_what_is_missing_and_leads_there() -> None:
    app = tab("report")
    assert "0 of 8 parts are measured" in told(app)
    assert "Not measured yet: does it still know what it knew?" in told(app)
    links = [one.proto.label for one in app.main.get("page_link")]
    assert links[0] == "Data check" and links[-1] == "Rate blind" and len(links) == 8
    assert app.code[-1].value == "character report --constitution pirate"


def test_what_was_measured_stands_there_with_its_sentence() -> None:
    found = kept("traits")
    text = told(tab("report"))
    assert sentence_case(found.headline) in text and "1 of 8 parts are measured" in text


def test_a_click_makes_it_as_one_job() -> None:
    app = tab("report")
    app.button(key="report:make").click().run()
    app.run()
    [job] = Jobs(load_settings()).list()
    assert list(job.argv[3:]) == ["report", "--constitution", "pirate", "--json"]


def test_the_file_can_be_taken_along_and_read_in_a_frame_that_reaches_nothing() -> None:
    written()
    app = tab("report")
    labels = [one.proto.label for one in app.get("download_button")]
    assert labels == ["Download the page", "Download the numbers"]
    [frame] = app.get("iframe")
    assert frame.proto.src.startswith("data:text/html;charset=utf-8;base64,")
    app.toggle(key="report:preview").set_value(False).run()
    assert not app.get("iframe")


def test_a_report_that_is_older_than_a_result_says_so() -> None:
    path = written()
    kept("traits")
    os.utime(path, (1e9, 1e9))
    assert "Measured since then: Trait scores" in told(tab("report"))
