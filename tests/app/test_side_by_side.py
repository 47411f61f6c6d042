"""Two answers at once: each side comes whole and in order, trouble stays on its side."""

from __future__ import annotations

from collections.abc import Iterator

from app.side_by_side import at_once
from core.errors import ModelError
from tests.waiting import until


def says(*pieces: str) -> Iterator[str]:
    yield from pieces


def test_both_sides_come_whole_and_each_ends_once() -> None:
    news = list(at_once({"before": lambda: says("a", "b"), "after": lambda: says("x", "", "y")}))
    for side, text in (("before", "ab"), ("after", "xy")):
        mine = [came for came in news if came.side == side]
        assert "".join(came.piece for came in mine) == text
        assert [came.is_end for came in mine].count(True) == 1 and mine[-1].is_end


def test_trouble_of_one_side_is_told_and_leaves_the_other_alone() -> None:
    def refuses() -> Iterator[str]:
        raise ModelError("There is no adapter.")

    def breaks() -> Iterator[str]:
        yield "half"
        raise RuntimeError("boom")

    news = list(at_once({"one": refuses, "two": breaks, "three": lambda: says("fine")}))
    troubles = {came.side: came.trouble for came in news if came.is_end}
    assert troubles["one"] == "There is no adapter."
    assert "broke off" in troubles["two"]
    assert troubles["three"] == ""


def test_whoever_stops_listening_stops_the_answers() -> None:
    closed: list[str] = []

    def endless() -> Iterator[str]:
        try:
            while True:
                yield "on and on"
        finally:
            closed.append("yes")

    news = at_once({"one": endless})
    next(news)
    news.close()
    until(lambda: closed == ["yes"])
