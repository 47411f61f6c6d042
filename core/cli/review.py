"""`character review`: find judged pairs by what the page filters by, decide about them, take it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast, get_args

import click

from core.cli import review_deciding, review_telling
from core.cli.options import data_option, json_option, run_option, stacked
from core.cli.pairs import model_label
from core.cli.review_interactive import go_through
from core.errors import RunError
from core.pair_filter import PairFilter, Show
from core.settings import load_settings
from core.stages.dpo_data import PairJob
from core.stages.prepare import Scope
from core.store.decisions import Verdict

BULK = ("keep", "drop", "swap", "undecided")

filter_options = stacked(
    click.option("--search", default="", help="Only pairs with these words in prompt or answers."),
    click.option("--show", type=click.Choice(get_args(Show)), default="all", show_default=True),
    click.option("--trait", default="", help="Only this trait's pairs; 'everyday' for those of none."),
    click.option("--flag", default="", help="Only pairs with this flag, such as 'role leak'."),
    click.option("--dropped-for", default="", help="Only pairs that were dropped for this."),
    click.option("--decided-by", help="Only pairs whose decision is this reviewer's; '' for nobody's."),
    click.option("--least", type=float, help="Least length, chosen ÷ rejected, in words."),
    click.option("--most", type=float, help="Most length, chosen ÷ rejected, in words."),
)
decide_options = stacked(
    click.option("--keep", multiple=True, metavar="PAIR", help="Keep this pair, whatever the checks say."),
    click.option("--drop", multiple=True, metavar="PAIR", help="Drop this pair."),
    click.option("--swap", multiple=True, metavar="PAIR", help="The student's answer is the better one."),
    click.option(
        "--edit", metavar="PAIR", help="Choose an answer of yours: --text, --text-file or $EDITOR."
    ),
    click.option("--text", help="The new answer for --edit."),
    click.option(
        "--text-file",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="The new answer for --edit, from a UTF-8 file.",
    ),
    click.option(
        "--reject-student",
        is_flag=True,
        help="With --edit: the student's answer stays the rejected one, not the teacher's.",
    ),
    click.option("--undo", multiple=True, metavar="PAIR", help="Nobody has decided about this pair."),
    click.option(
        "--all",
        "bulk",
        type=click.Choice(BULK),
        help="Decide alike about every pair that the filters show.",
    ),
    click.option("--dry-run", is_flag=True, help="With --all: say about how many; decide nothing."),
    click.option(
        "--undo-last", is_flag=True, help="Take back the last act of --reviewer, one pair or many."
    ),
    click.option("--reason", default="", help="Why, in your words."),
    click.option("--reviewer", default="", help="Who decides."),
)


@click.command("review")
@click.argument("name")
@filter_options
@decide_options
@click.option("--progress", is_flag=True, help="How far the review is, who decided, who disagrees.")
@click.option("--interactive", is_flag=True, help="One pair at a time: 1 keep, 2 swap, 3 drop, e, u, q.")
@click.option("--limit", type=click.IntRange(min=1), help="List only the first N.")
@click.option("--full", is_flag=True, help="Print both answers of every pair.")
@click.option("--teacher", help="Whose answers are chosen [those used last].")
@click.option("--student", help="Whose answers are rejected [those used last].")
@run_option
@data_option
@json_option
def review(name: str, run_id: str | None, data: Path | None, as_json: bool, **flags: Any) -> None:
    """List a character's pairs, or decide about some. `character dpo-data` then writes the file anew."""
    # The index brings numpy, which no other verb should wait for.
    from core.stages.reviewing import Saying, open_review

    settings = load_settings(data=data)
    job = PairJob(teacher=model_label(flags["teacher"]), student=model_label(flags["student"]))
    found = open_review(Scope(name, run_id), job, settings)
    wanted = _filter(flags)
    if flags["undo_last"]:
        review_deciding.undo_last_act(found, flags["reviewer"], as_json=as_json)
    elif flags["bulk"]:
        saying = Saying(cast(Verdict, flags["bulk"]), flags["reason"], flags["reviewer"])
        review_deciding.decide_alike(found, wanted, saying, dry_run=flags["dry_run"], as_json=as_json)
    elif any(flags[word] for word in ("keep", "drop", "swap", "edit", "undo")):
        review_deciding.decide_by_id(found, flags, as_json=as_json)
    elif flags["dry_run"] or flags["text"] is not None or flags["text_file"]:
        raise click.UsageError("--dry-run goes with --all, and --text with --edit PAIR.")
    elif flags["progress"]:
        review_telling.tell_progress(found, as_json=as_json)
    elif flags["interactive"]:
        go_through(found, wanted, flags["reviewer"])
    else:
        review_telling.tell_list(found, wanted, flags["limit"], full=flags["full"], as_json=as_json)


def _filter(flags: dict[str, Any]) -> PairFilter:
    least, most = flags["least"], flags["most"]
    if least is not None and most is not None and least > most:
        raise RunError(f"No length is at least {least} and at most {most}; change --least or --most.")
    return PairFilter(
        search=flags["search"],
        show=flags["show"],
        trait=flags["trait"],
        flag=flags["flag"],
        reason=flags["dropped_for"],
        reviewer=flags["decided_by"],
        least=least,
        most=most,
    )


COMMANDS = (review,)
