"""The export of pairs: what leaves is counted and shown first, and nothing leaves unasked."""

from __future__ import annotations

import json

from streamlit.testing.v1 import AppTest

from tests.app.kit import words


def part(decided: int, loose: int, *, prompt: str = "What is rain?") -> AppTest:
    """The part alone, over pairs of which some were kept by a person and some by nobody."""

    def script(decided: int, loose: int, prompt: str) -> None:
        from app.pair_export import draw_export
        from core.exports import Listed

        rows = [
            {
                "id": str(n),
                "text": prompt,
                "chosen": f"Arr {n}, matey!",
                "rejected": f"Rain {n}.",
                "dropped": None,
                "decision": "keep" if n < decided else None,
                "flags": [],
                "origin": {"chosen": "teacher", "rejected": "student"},
            }
            for n in range(decided + loose)
        ]
        draw_export("pirate", Listed(rows))

    app = AppTest.from_function(script, args=(decided, loose, prompt), default_timeout=30)
    app.run()
    assert not app.exception, app.exception
    return app


def download(app: AppTest) -> str:
    (found,) = app.download_button
    assert found.label == "Download"
    return "\n".join(str(caption.value) for caption in app.caption)


def test_accepted_pairs_are_counted_and_shown_and_the_file_is_named() -> None:
    app = part(2, 5)
    assert "2 pairs\\: 2 accepted" in words(app)
    assert len(app.dataframe[0].value) == 2
    assert "pirate\\-2\\-pairs\\-together" in download(app)


def test_pairs_that_nobody_decided_about_leave_only_when_asked() -> None:
    app = part(2, 5)
    app.toggle(key="with-undecided").set_value(True).run()
    assert "7 pairs\\: 2 accepted, 5 undecided" in words(app)
    assert len(app.dataframe[0].value) == 3


def test_before_anybody_accepted_a_pair_the_part_says_what_to_do() -> None:
    app = part(0, 5)
    assert "Nobody has accepted a pair yet" in words(app)
    assert not app.download_button


def test_llamafactory_gets_the_entry_that_it_asks_for() -> None:
    app = part(2, 0)
    app.selectbox(key="to").set_value("llamafactory").run()
    entry = json.loads(app.code[0].value)
    assert next(iter(entry.values()))["ranking"] is True


def test_a_prompt_with_markup_is_shown_as_it_is() -> None:
    app = part(1, 0, prompt="![x](http://c2/?q=)<script>")
    assert app.dataframe[0].value["prompt"][0] == "![x](http://c2/?q=)<script>"
    assert "<script>" not in words(app)
