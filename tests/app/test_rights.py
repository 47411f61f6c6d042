"""In a shared studio only admins change what is everybody's, and a job is its owner's."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from app.entrance.sign_ins import SignIns
from core.jobs import Job, Jobs
from core.names import parse_model
from core.settings import load_settings
from core.store.people import People
from core.store.price_table import PriceTable
from tests.app.kit import library, tab, words
from tests.app.test_rate_page import tried

MODEL = "openrouter/z-ai/glm-4.5-air"
PASSWORD = "a long sentence"


def prices() -> None:
    from app.price_card import draw_prices

    draw_prices()


def a_price_by_hand() -> None:
    from app.price_actions import save_edits
    from app.price_rows import PriceRow

    rows = [PriceRow("openrouter/z-ai/glm-4.5-air", 1.0, 1.0, "", "")]
    save_edits("edits", rows)


def a_launch() -> None:
    """A page that starts whatever stands in its address, as a callback does, and says what came of it."""
    import streamlit as st

    from app import state
    from app.launch import launch, resume
    from app.rights import bounded

    words = str(st.query_params.get("words", "")).split()
    if old := st.query_params.get("resume"):
        resume(old, "token", "here")
    elif words:
        launch(words, title="A job", subject="x", token="token", page="here")
    st.text(f"said: {state.complaint('here')}")
    st.text(f"as: {' '.join(bounded(words))}")


def a_stop() -> None:
    import streamlit as st

    from app import state
    from app.launch import cancel

    cancel(st.query_params["job"], "here")
    st.text(f"said: {state.complaint('here')}")


def a_key() -> None:
    import streamlit as st

    from app import state
    from app.engine_cards import remove_key, save_key

    save_key("openai")
    remove_key("openrouter")
    st.text(f"said: {state.complaint('key:openai')} {state.complaint('key:openrouter')}")


def a_deletion() -> None:
    import streamlit as st

    from app import state
    from app.reads import library
    from app.trash_actions import PAGE, delete_for_good

    delete_for_good(tuple(item.id for item in library().trash()))
    st.text(f"said: {state.complaint(PAGE)}")


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> People:
    """A studio with an admin, Ana, and Bo, who is none."""
    people = People(load_settings())
    people.add("Ana", PASSWORD, admin=True)
    people.add("Bo", PASSWORD)
    monkeypatch.setenv("CHARACTER_SHARE", "password")
    PriceTable(load_settings()).set_own(MODEL, 1.0, 2.0)
    return people


@pytest.fixture(autouse=True)
def no_job_is_left() -> Iterator[None]:
    yield
    jobs = Jobs(load_settings())
    for job in jobs.list(active_only=True):
        jobs.cancel(job.id, grace_s=0)


def user(name: str) -> dict[str, str]:
    """What the server knows of somebody who signed in."""
    person = People(load_settings()).get(name)
    assert person is not None
    return {"person": SignIns(load_settings()).begin(person)}


def seen_by(name: str, page, **address: str) -> AppTest:  # type: ignore[no-untyped-def]
    """A page as somebody sees it."""
    app = AppTest.from_function(page, default_timeout=30)
    app.user = user(name)
    for key, value in address.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception
    return app


def running(by: str) -> Job:
    """A job that somebody started; "" for one of a shell."""
    page = {"by": by} if by else {}
    return Jobs(load_settings()).start(
        [sys.executable, "-c", "import time; time.sleep(60)"], verb="x", title="A job", token="", page=page
    )


def labels(app: AppTest) -> list[str]:
    return [one.label for one in app.button]


# ---- prices


def test_prices_are_shown_but_not_changed_by_who_is_no_admin(shared: People) -> None:
    app = seen_by("Bo", prices)
    assert "Whoever runs this studio can change them" in words(app)
    assert not {"Save price", "Forget it", "Refresh from OpenRouter"} & set(labels(app))
    assert "Save price" in labels(seen_by("Ana", prices))


def test_in_a_studio_of_ones_own_they_are_changed() -> None:
    PriceTable(load_settings()).set_own(MODEL, 1.0, 2.0)
    app = AppTest.from_function(prices, default_timeout=30).run()
    assert "Save price" in labels(app) and "Forget it" in labels(app)


def test_an_edit_that_is_sent_all_the_same_changes_nothing(shared: People) -> None:
    app = AppTest.from_function(a_price_by_hand, default_timeout=30)
    app.user = user("Bo")
    app.session_state["edits"] = {"edited_rows": {0: {"input": 0.0, "output": 0.0}}}
    app.run()
    assert not app.exception

    price = PriceTable(load_settings()).lookup(parse_model(MODEL))
    assert price is not None and price.prompt > 0


# ---- what the deployment has for all


@pytest.mark.parametrize(
    "command",
    [
        "prices refresh openrouter",
        "setup vllm",
        "setup lm-eval",
        "serve vllm --model local/smollm2-135m",
        "upload pirate --repo ana/pirate --public",
    ],
)
def test_what_is_everybodys_is_not_started_by_who_is_no_admin(shared: People, command: str) -> None:
    app = seen_by("Bo", a_launch, words=command)
    assert "only an admin" in words(app).casefold()
    assert Jobs(load_settings()).list() == []


def test_an_admins_rights_end_at_the_next_click(shared: People) -> None:
    app = seen_by("Ana", a_launch)
    shared.set_admin("Ana", False)
    app.query_params["words"] = "setup vllm"
    app.run()
    assert "only an admin starts it" in words(app) and Jobs(load_settings()).list() == []


def test_who_was_removed_starts_nothing_even_in_an_open_tab(shared: People) -> None:
    app = seen_by("Ana", a_launch)
    shared.remove("Ana")
    app.query_params["words"] = "upload pirate --repo ana/pirate"
    app.run()
    assert Jobs(load_settings()).list() == []


def test_an_old_job_is_no_way_around_the_rights(shared: People) -> None:
    jobs = Jobs(load_settings())
    argv = [sys.executable, "-m", "core", "upload", "pirate", "--repo", "no repository", "--json"]
    old = jobs.start(argv, verb="upload", title="Upload", token="", page={"by": "Bo"})
    jobs.cancel(old.id, grace_s=0)
    assert "only an admin" in words(seen_by("Bo", a_launch, resume=old.id))
    assert [job.id for job in jobs.list()] == [old.id]


def test_what_others_bring_in_has_limits(shared: People) -> None:
    assert "--most-mb 2000 --refuse-weights" in words(seen_by("Bo", a_launch, words="bundle import x.zip"))
    assert "--most-mb" not in words(seen_by("Ana", a_launch, words="bundle import x.zip"))
    [mine] = [job for job in Jobs(load_settings()).list() if job.page["by"] == "Bo"]
    assert mine.argv[-4:] == ("--most-mb", "2000", "--refuse-weights", "--json")


def test_keys_are_changed_on_no_page_of_a_shared_studio_by_nobody(shared: People) -> None:
    load_settings().save_key("openrouter", "sk-or-0123456789abcdef")
    app = seen_by("Ana", a_key)
    assert words(app).count("set on the computer") == 2
    assert load_settings().key("openrouter") is not None and load_settings().key("openai") is None


def test_only_an_admin_deletes_for_good(shared: People) -> None:
    library().create("old-salt", copy_of="pirate")
    library().delete("old-salt")
    assert "only an admin" in words(seen_by("Bo", a_deletion)) and library().trash()
    seen_by("Ana", a_deletion)
    assert not library().trash()


# ---- whose is what


def test_a_job_of_a_shell_is_stopped_by_an_admin_only_and_says_whose_it_is(shared: People) -> None:
    job = running(by="")
    assert "started by whoever runs this studio" in words(tab("jobs", user=user("Bo"))).replace("\\", "")
    assert "Only an admin stops" in words(seen_by("Bo", a_stop, job=job.id))
    assert Jobs(load_settings()).get(job.id).active
    seen_by("Ana", a_stop, job=job.id)
    assert not Jobs(load_settings()).get(job.id).active


def test_a_person_stops_their_own_job_and_no_other(shared: People) -> None:
    own, other = running(by="Bo"), running(by="Ana")
    assert "Ana started this job" in words(seen_by("Bo", a_stop, job=other.id))
    seen_by("Bo", a_stop, job=own.id)
    jobs = Jobs(load_settings())
    assert jobs.get(other.id).active and not jobs.get(own.id).active


def test_a_rater_is_who_is_signed_in_whatever_the_address_says(shared: People) -> None:
    tried()
    app = tab("rate", user=user("Bo"))
    app.query_params["rater"] = "Ana"
    app.run()
    assert not [field for field in app.text_input if field.label == "Your name"]
    [first] = [button for button in app.button if button.label.startswith("Left")][:1]
    first.click().run()
    assert {vote.rater for vote in votes()} == {"Bo"}


def votes():  # type: ignore[no-untyped-def]
    from core.stages.evals.gate import votes_of
    from core.store.runs import Run, run_folder

    run = library().load("pirate").constitution.run_id
    return votes_of(Run(run_folder(load_settings(), run)))


@pytest.mark.parametrize("forged", ["Ana", "", "a.b.c"])
def test_a_name_that_nobody_signed_draws_no_page(shared: People, forged: str) -> None:
    app = tab(user={"person": forged})
    assert "Signed out" in words(app) and "Sign in" not in labels(app)
    assert len(app.sidebar) == 0
