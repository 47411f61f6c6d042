"""Half of a sign, as a model that was cut off leaves it, is shown as a question mark and breaks no page."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def texts() -> None:
    import streamlit as st

    from app.widgets import answer_text, difference, dressed_text, plain, plain_text
    from core.diff import Span

    half = "half a sign: \ud83d"
    st.markdown(plain(half))
    plain_text(half)
    answer_text([Span(half, False), Span(half, True)])
    dressed_text([(half, "", ""), (half, "color:red", half)])
    difference(half, f"{half} more")


def test_half_a_sign_breaks_no_page() -> None:
    app = AppTest.from_function(texts, default_timeout=30).run()
    assert not app.exception
    assert app.markdown[0].value == "half a sign\\: ?"
    assert app.text[0].value == "half a sign: ?"
