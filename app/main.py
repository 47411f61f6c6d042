"""The studio's front door: `character studio`, or `streamlit run app/main.py`.

It owns the page list, the sidebar and the character switcher; every page is a file in `app/views`.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import state
from app.browser import draw_script
from app.check_kinds import ABOUTS
from app.check_names import title_now
from app.gate import draw_signed_in, let_in
from app.glossary import draw_vocabulary_switch
from app.links import lead_to
from app.page_list import draw_list
from app.sample_banner import draw_sample_banner
from app.sidebar import character_switcher
from app.state.address import arrive, leave
from app.state.limits import bring_back_limits
from app.state.preferences import remember_visit
from app.tour import draw_tour, here
from app.widgets import style_sheet
from core.store.privacy import keep_private

# `streamlit run` comes straight here.
keep_private()

st.set_page_config(
    page_title="Character Studio", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide"
)

style_sheet()
draw_script()

if not let_in():
    st.stop()

PAGES = {
    "": [
        st.Page("views/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("views/characters.py", title="Characters", icon=":material/groups:"),
        st.Page("views/draft.py", title="New character", icon=":material/person_add:"),
        st.Page("views/bring_in.py", title="Bring in a character", icon=":material/upload_file:"),
    ],
    "Character": [
        st.Page("views/overview.py", title="Overview", icon=":material/account_tree:"),
        st.Page("views/traits.py", title="Traits", icon=":material/edit_note:"),
        st.Page("views/exchanges.py", title="Exchanges", icon=":material/forum:"),
        st.Page("views/versions.py", title="Versions", icon=":material/history:"),
        st.Page("views/switchboard.py", title="Switchboard", icon=":material/tune:"),
    ],
    "Data": [
        st.Page("views/prompts.py", title="Prompts", icon=":material/format_list_bulleted:"),
        st.Page("views/pairs.py", title="Pairs", icon=":material/compare_arrows:"),
    ],
    "Train": [
        st.Page("views/trial.py", title="Try it now", icon=":material/bolt:"),
        st.Page("views/plan.py", title="Plan and price", icon=":material/receipt_long:"),
        st.Page("views/train.py", title="Train", icon=":material/model_training:"),
    ],
    "Check": [
        st.Page("views/before_after.py", title="Before and after", icon=":material/compare:"),
        st.Page("views/break_me.py", title="Try to break it", icon=":material/gavel:"),
        *(st.Page(about.view, title=title_now(about), icon=about.icon) for about in ABOUTS),
        st.Page("views/rate.py", title="Rate blind", icon=":material/thumbs_up_down:"),
        st.Page("views/report.py", title="Report", icon=":material/article:"),
    ],
    "Work": [
        st.Page("views/jobs.py", title="Jobs", icon=":material/pending_actions:"),
        st.Page("views/share.py", title="Share", icon=":material/ios_share:"),
    ],
    "Settings": [
        st.Page("views/settings.py", title="Engines and keys", icon=":material/key:"),
        st.Page("views/glossary.py", title="What the words mean", icon=":material/menu_book:"),
    ],
}

page = st.navigation(PAGES, position="hidden")
if wished := state.requested_page():
    lead_to(wished)
arrive(page.url_path)
character_switcher()
draw_vocabulary_switch()
draw_signed_in()
draw_list(PAGES)
remember_visit(state.character(), page.url_path)
bring_back_limits()
# A place that is there though it may be empty: a page that moves loses what is just being typed on it.
with st.container():
    draw_tour(page.url_path)
    draw_sample_banner(page.url_path, quiet=here() is not None)
page.run()
state.show_sayings()
leave()
