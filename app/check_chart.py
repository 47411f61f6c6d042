"""The chart of a result: one at a time, with its sentence; a click on a bar shows the answers behind it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state
from app.check_answers import show_group
from app.check_kinds import About
from app.check_reads import Kept, whole
from app.job_charts import CONFIG
from app.state.address import in_address
from app.widgets import plain
from core.charts import MOST_ROWS, Chart, charts_of
from core.charts.clicks import clicked
from core.constitution import Constitution
from core.store.looks import Look, look

CLICK = "Click a mark to read the answers behind it."


def draw_chart(about: About, kept: Kept, constitution: Constitution) -> None:
    """The first chart, or the one that was chosen, with its sentence."""
    everything = f"{about.page}:all"
    most = None if state.flag(everything) else MOST_ROWS
    traits = tuple((trait.id, trait.trait) for trait in constitution.traits)
    charts = charts_for(look(kept.folder / "result.json"), traits, most, kept)
    if not charts:
        return
    chart = which(about, charts)
    with st.container(gap="small"):
        st.markdown(plain(chart.sentence))
        if chart.figure is not None:
            draw_figure(about, kept, chart)
        if chart.more or most is None:
            label = f"Show {chart.more} more" if chart.more else "Show fewer"
            on = bool(chart.more)
            st.button(
                label,
                key=f"{everything}:button",
                type="tertiary",
                icon=":material/expand_more:" if on else ":material/expand_less:",
                on_click=state.set_flag,
                args=(everything, on),
            )


@st.cache_resource(max_entries=16, show_spinner=False)
def charts_for(
    stamp: Look, traits: tuple[tuple[str, str], ...], most: int | None, _kept: Kept
) -> list[Chart]:
    """A result's charts, made once as long as its file looks the same."""
    return charts_of(whole(_kept), traits=dict(traits), most=most)


def which(about: About, charts: Sequence[Chart]) -> Chart:
    """The chart that is shown; a choice where there are several. The address names another one."""
    by_name = {chart.name: chart for chart in charts}
    if len(by_name) == 1:
        return charts[0]
    chosen = st.segmented_control(
        "Chart",
        list(by_name),
        key=in_address(f"{about.page}:chart", charts[0].name, options=by_name, name="chart"),
        required=True,
        format_func=lambda name: by_name[name].title if name in by_name else str(name),
        label_visibility="collapsed",
    )
    return by_name.get(str(chosen), charts[0])


def draw_figure(about: About, kept: Kept, chart: Chart) -> None:
    """The figure itself; a click shows the answers behind the mark."""
    key = f"{about.page}:figure:{kept.id}:{chart.name}"
    st.plotly_chart(
        chart.figure,
        key=key,
        on_select=lambda: open_rows(about, key),
        selection_mode="points",
        config=CONFIG,
        alt=f"{chart.title}. {chart.sentence}",
    )
    st.caption(CLICK)


def open_rows(about: About, key: str) -> None:
    """Show the answers behind the mark that was clicked; for callbacks."""
    source = clicked(state.widget(key))
    if source is not None:
        show_group(about, source.group, source.versus if about.judged else source.speaker)
        state.say_once("The answers behind it stand below the chart.", ":material/arrow_downward:")
