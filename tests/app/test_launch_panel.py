"""The launch panel of the Pairs page: size, time and price before the click, and what is added to it."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.launch_quote import Quote, Side, rough, rounded_up, span
from core.engines.opening import open_engine
from core.engines.routing import Routing
from core.jobs import Jobs
from core.names import parse_model
from core.prices import Price, PriceRange, estimate_words
from core.settings import load_settings
from core.stages.defaults import Wishes, answer_job
from core.stages.planning import Estimate, estimate
from core.stages.prepare import Scope, choose_prompts, existing_run, load_character
from core.store.price_table import PriceTable
from tests.app.kit import button, tab, words
from tests.waiting import until

GLM = "openrouter/z-ai/glm-4.5-air"
NOBODY = "openrouter/nobody/knows-1b"
EMBEDDED = "local/smollm2-135m"
LISTED = Price(2e-7, 1.1e-6, source="OpenRouter's list", as_of="2026-11-23")


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is none, and OpenRouter's list with one model."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-test-not-real")
    PriceTable(load_settings()).store_list("openrouter", {"z-ai/glm-4.5-air": LISTED})


def text(app: AppTest) -> str:
    return words(app).replace("\\", "")


def shell(app: AppTest) -> str:
    """The first command under the panel."""
    return next(element.value for element in app.code if "pipeline" in element.value).splitlines()[0]


def panel(teacher: str = GLM, student: str = EMBEDDED) -> AppTest:
    app = tab("pairs")
    app.text_input(key="teacher").set_value(teacher).run()
    return app.text_input(key="student").set_value(student).run()


def drawn(app: AppTest, key: str) -> bool:
    return any(element.key == key for element in [*app.number_input, *app.text_input, *app.toggle])


def expected(limit: int) -> Estimate:
    """What the command itself would say of the teacher."""
    settings, scope = load_settings(), Scope("pirate", limit=limit)
    constitution = load_character(scope, settings)
    prompts, model = choose_prompts(scope, constitution, settings), parse_model(GLM)
    job = answer_job(
        "teacher", model, constitution, prompts, Wishes(samples=1), student=parse_model(EMBEDDED)
    )
    engine = open_engine(model, settings, Routing(distillable=True))
    run = existing_run(scope, constitution, settings)
    return estimate(job, run, constitution, engine, LISTED)


def wait_for_jobs() -> None:
    until(lambda: not Jobs(load_settings()).list(active_only=True))


# ---- what is said before the click


def test_the_embedded_model_is_free_and_asks_for_no_limit() -> None:
    app = tab("pairs")
    assert "Free, it runs here · 8 answers · 1 to 2 min" in text(app)
    assert "Free, it runs here · 48 answers · 3 to 9 min" in text(app)
    assert "24 by the teacher and 24 by the student" in text(app)
    assert "$" not in text(app)
    assert not drawn(app, "budget")
    assert not drawn(app, "only-provider")


@pytest.mark.usefixtures("priced")
def test_the_numbers_are_those_of_the_command() -> None:
    app = panel()
    found = expected(24)
    assert found.cost
    price = estimate_words(*found.cost, LISTED)
    assert (
        f"Teacher glm-4.5-air: 24 calls, about {found.prompt_tokens:,} word pieces in, "
        f"at most {24 * 4096:,} out; {price}." in text(app)
    )
    assert "(OpenRouter's list, 23 Nov 2026)" in price
    assert "Student smollm2-135m: 24 calls" in text(app)
    assert "12,288 out; free, it runs here." in text(app)
    assert "48 calls · 1 to 5 min" in text(app)


@pytest.mark.usefixtures("priced")
def test_the_estimate_follows_the_number_of_prompts_and_answers() -> None:
    app = panel()
    app.number_input(key="limit").set_value(100).run()
    assert f"100 calls, about {expected(100).prompt_tokens:,} word pieces in" in text(app)
    app.number_input(key="samples").set_value(5).run()
    assert "Teacher glm-4.5-air: 500 calls" in text(app)


def test_answers_that_are_there_are_not_counted_again() -> None:
    app = panel("fake/parrot", "fake/parrot")
    button(app, "Preview 4").click().run()
    wait_for_jobs()
    app.run()
    assert "Nothing to send: all 8 answers are there." in text(app)
    assert "40 answers, 8 there already" in text(app)


def test_a_new_price_counts_at_once(priced: None) -> None:
    app = panel(NOBODY)
    assert "Price unknown · 48 calls" in text(app)
    PriceTable(load_settings()).set_own(NOBODY, 1.0, 2.0)
    assert "(your table, " in text(app.run())


def test_without_a_key_nothing_can_start_and_the_page_says_where_keys_go() -> None:
    app = panel()
    assert "OpenRouter needs a key" in text(app)
    assert button(app, "Preview 4").disabled
    assert button(app, "Make 24 pairs").disabled


# ---- the spending limit


@pytest.mark.usefixtures("priced")
def test_a_price_that_is_unknown_is_said_and_a_limit_on_it_explains_why_it_cannot_start() -> None:
    app = panel(student=NOBODY)
    assert "for the teacher, the student's price is unknown · 48 calls" in text(app)
    assert not button(app, "Make 24 pairs").disabled
    app.number_input(key="budget").set_value(5.0).run()
    assert f"A spending limit needs the price of {NOBODY}" in text(app)
    assert button(app, "Make 24 pairs").disabled
    assert button(app, "Preview 4").disabled


@pytest.mark.usefixtures("priced")
def test_a_limit_below_the_low_estimate_warns_that_the_job_will_stop_early() -> None:
    app = panel()
    app.number_input(key="limit").set_value(200).run()
    low, high = expected(200).cost or (0.0, 0.0)
    app.number_input(key="budget").set_value(0.01).run()
    assert low > 0.01
    assert "It will stop early: $0.01 is less than even short answers cost" in text(app)
    app.number_input(key="budget").set_value((low + high) / 2).run()
    assert "It stops early if answers are long" in text(app)
    assert not app.warning
    app.number_input(key="budget").set_value(high + 1).run()
    assert "Stops before more than" in text(app)


@pytest.mark.usefixtures("priced")
def test_one_click_sets_a_limit_above_the_high_estimate() -> None:
    app = panel()
    app.button(key="pairs:sensible-limit").click().run()
    high = expected(24).cost.high  # type: ignore[union-attr]
    assert high <= app.number_input(key="budget").value <= high + 0.1
    assert "--budget 0.2" in shell(app)


@pytest.mark.usefixtures("priced")
def test_a_limit_of_a_paid_model_does_not_follow_to_a_free_one() -> None:
    app = panel()
    app.number_input(key="budget").set_value(5.0).run()
    app.text_input(key="teacher").set_value(EMBEDDED).run()
    assert "--budget" not in shell(app)


# ---- what reaches the command


@pytest.mark.usefixtures("priced")
def test_every_choice_reaches_the_command() -> None:
    app = panel()
    assert shell(app) == f"character pipeline pirate --teacher {GLM} --student {EMBEDDED} --limit 24 --K 1"
    app.number_input(key="budget").set_value(2.5).run()
    app.number_input(key="at-once").set_value(128).run()
    app.toggle(key="exactly").set_value(True).run()
    app.text_input(key="only-provider").set_value("deepinfra, novita").run()
    app.multiselect(key="precision").set_value(["fp8"]).run()
    app.toggle(key="any-licence").set_value(True).run()
    assert shell(app).endswith(
        "--budget 2.5 --max-concurrency 128 --fixed-concurrency --only-provider deepinfra "
        "--only-provider novita --quantization fp8 --any-license"
    )


@pytest.mark.usefixtures("priced")
def test_the_command_shown_is_one_that_the_command_line_takes() -> None:
    from core.cli.generate import pipeline

    app = panel()
    app.number_input(key="budget").set_value(2.5).run()
    app.text_input(key="only-provider").set_value("deepinfra novita").run()
    app.toggle(key="any-licence").set_value(True).run()
    asked = pipeline.make_context("pipeline", shell(app).split()[2:]).params
    assert (asked["budget"], asked["limit"], asked["distillable"]) == (2.5, 24, False)
    assert asked["only_provider"] == ("deepinfra", "novita")


def test_the_command_shown_is_the_very_one_that_runs() -> None:
    app = panel("fake/parrot", "fake/parrot")
    app.number_input(key="limit").set_value(5).run()
    app.number_input(key="at-once").set_value(3).run()
    shown = shell(app).split()[1:]
    button(app, "Make 5 pairs").click().run()
    wait_for_jobs()
    ran = Jobs(load_settings()).list()[0].argv
    assert list(ran[ran.index("pipeline") : -1]) == shown
    assert "--max-concurrency 3" in " ".join(ran)


def test_a_second_click_while_the_job_runs_starts_no_second_one() -> None:
    app = panel("fake/parrot", "fake/parrot")
    make = button(app, "Make 24 pairs")
    make.click()
    app.run()
    make.click()
    app.run()
    assert len(Jobs(load_settings()).list()) == 1
    wait_for_jobs()


def test_drawing_the_panel_sends_and_writes_nothing(priced: None) -> None:
    panel()
    assert not Jobs(load_settings()).list()
    assert not load_settings().runs_path.exists()


# ---- the panel that has prompts written


def test_writing_prompts_says_the_most_that_its_first_round_costs(priced: None) -> None:
    app = tab("prompts")
    assert "first round costs" not in text(app)
    app.text_input(key="prompt-writer").set_value(GLM).run()
    assert "The first round costs at most $0." in text(app)
    assert "(OpenRouter's list, 23 Nov 2026)" in text(app)
    app.text_input(key="prompt-writer").set_value(NOBODY).run()
    assert "Its price is unknown: add it under Engines and keys." in text(app)


# ---- words


def side(price: Price | None, calls: int, low: float = 0.0, high: float = 0.0) -> Side:
    cost = PriceRange(low, high) if price else None
    found = Estimate(calls, calls, 1000, 1000, 30.0, None, cost)
    return Side("teacher", parse_model(GLM), found, price)


def test_a_limit_too_small_for_one_call_says_that_nothing_would_be_sent() -> None:
    early, said = Quote((side(LISTED, 10, 1.0, 10.0),)).limit_words(0.5)
    assert early
    assert "Not one call fits: about $1.00 is kept aside for each" in said


@pytest.mark.parametrize(
    ("usd", "limit"), [(0.004, 0.1), (0.11, 0.2), (0.2, 0.2), (3.2, 4), (47.1, 50), (1200, 1200)]
)
def test_the_limit_that_is_offered_is_a_round_one_above_the_estimate(usd: float, limit: float) -> None:
    assert rounded_up(usd) == limit


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (28, "under a minute"),
        (168, "about 3 min"),
        (5400, "about 1 h 30 min"),
        (15_625, "about 4 h 30 min"),
    ],
)
def test_a_time_claims_no_more_than_an_estimate_can(seconds: float, said: str) -> None:
    assert rough(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(7, "under a minute"), (28, "1 to 2 min"), (168, "3 to 9 min"), (5400, "2 to 5 h")],
)
def test_a_time_on_this_computer_allows_for_other_work_on_it(seconds: float, said: str) -> None:
    assert span(seconds) == said
