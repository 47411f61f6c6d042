"""What is set on a page stands in its address, whatever the address says."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def form() -> None:
    import streamlit as st

    from app.state.address import arrive, in_address, number, whole

    arrive("here")
    st.text_input("Teacher", key=in_address("teacher", "nobody"))
    st.number_input("How many", 1, 9, key=in_address("many", read=whole(1, 9)))
    st.slider("Strength", 0.0, 2.0, key=in_address("strength", 1.0, read=number(0.0, 2.0)))
    st.toggle("Two", key=in_address("a:two", False))
    st.pills(
        "Words", ["x", "y"], selection_mode="multi", key=in_address("words", ["x"], options=["x", "y"])
    )
    st.selectbox("Place", ["here", "there"], key=in_address("place", "here", options=["here", "there"]))


def opened(**address: str) -> AppTest:
    app = AppTest.from_function(form, default_timeout=30)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def held(app: AppTest) -> tuple[object, ...]:
    return tuple(
        app.session_state[key] for key in ("teacher", "many", "strength", "a:two", "words", "place")
    )


def address(app: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in app.query_params.items()}


KEYS = ("teacher", "many", "strength", "a:two", "words", "place")
DEFAULTS = ("nobody", None, 1.0, False, ["x"], "here")
ODD = ("../x", "-1e999", "nan", "9" * 400, "x\x00y", "on,off", "", "None", "x" * 100_000)


def test_a_page_that_nobody_set_leaves_its_address_alone() -> None:
    app = opened()
    assert (held(app), address(app)) == (DEFAULTS, {})


def test_what_was_set_is_found_again_by_a_session_that_knows_only_the_address() -> None:
    app = opened()
    app.text_input[0].set_value("local/one & two, three").run()
    app.number_input[0].set_value(4).run()
    app.slider[0].set_value(0.35).run()
    app.toggle[0].set_value(True).run()
    app.button_group[0].set_value(["x", "y"]).run()
    app.selectbox[0].set_value("there").run()
    again = opened(**address(app))
    assert held(again) == held(app) == ("local/one & two, three", 4, 0.35, True, ["x", "y"], "there")


def test_a_setting_that_is_put_back_leaves_the_address() -> None:
    app = opened(teacher="somebody")
    assert app.text_input[0].value == "somebody"
    app.text_input[0].set_value("nobody").run()
    assert address(app) == {}


def test_back_and_forward_change_what_stands_in_the_fields() -> None:
    app = opened(teacher="first")
    app.text_input[0].set_value("second").run()
    app.query_params["teacher"] = "first"
    app.run()
    assert (app.text_input[0].value, address(app)) == ("first", {"teacher": "first"})
    del app.query_params["teacher"]
    app.run()
    assert app.text_input[0].value == "nobody"


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["many", "strength", "a-two", "words", "place"])
def test_an_address_that_makes_no_sense_does_no_harm(name: str, odd: str) -> None:
    app = opened(**{name: odd})
    assert app.number_input[0].value is None or 1 <= app.number_input[0].value <= 9
    assert 0.0 <= app.slider[0].value <= 2.0


def test_a_box_that_holds_its_words_already_is_not_set_anew_under_the_fingers_of_who_types() -> None:
    app = opened(teacher="local/one")
    assert app.text_input[0].value == "local/one"
    app.toggle[0].set_value(True).run()
    assert app.text_input[0].value == "local/one" and not app.text_input[0].proto.set_value
