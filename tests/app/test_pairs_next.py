"""What the Pairs page offers first: to make some, and once all are decided, to write them down."""

from __future__ import annotations

from tests.app.kit import button, words
from tests.app.test_pairs_page import a_quick_reader, previewed

__all__ = ["a_quick_reader"]


def main_buttons(app) -> list[str]:  # type: ignore[no-untyped-def]
    """The labels of the page's main buttons."""
    return [one.label for one in app.button if one.proto.type == "primary"]


def test_when_every_pair_is_decided_the_one_main_button_writes_the_file() -> None:
    app = previewed()
    assert main_buttons(app) == []
    for _ in range(4):
        button(app, "Keep").click().run()
    assert "Every pair is decided" in words(app)
    assert main_buttons(app) == ["Write the training file (4 pairs)"]
    button(app, "Write the training file").click().run()
    app.run()
    assert "Written to" in words(app)
    assert main_buttons(app) == []
