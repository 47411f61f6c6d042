"""`character upload NAME --repo user/name`: to the Hugging Face hub, private unless told otherwise."""

from __future__ import annotations

from pathlib import Path

import click

from core.cli.options import data_option, json_option, run_option
from core.cli.output import Result, finish, say, whisper
from core.settings import load_settings
from core.stages.upload import Target, What, hub_of, plan_upload, token_of, upload
from core.store.runs import Run, run_folder


@click.command("upload")
@click.argument("name")
@click.option("--repo", required=True, help="Where to: user/name.")
@click.option(
    "--adapter", "what", flag_value="adapter", default="adapter", help="The trained adapter [this]."
)
@click.option("--dataset", "what", flag_value="dataset", help="The pairs.")
@click.option("--both", "what", flag_value="both", help="Both, in two repositories of one name.")
@click.option("--private/--public", default=True, show_default=True, help="Who may see a new repository.")
@click.option("--show-card", is_flag=True, help="Print the card as it would be uploaded.")
@click.option("--dry-run", is_flag=True, help="List every file and its size; send nothing.")
@run_option
@data_option
@json_option
def upload_character(
    name: str,
    repo: str,
    what: What,
    private: bool,
    show_card: bool,
    dry_run: bool,
    run_id: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Put an adapter, its pairs or both on the Hugging Face hub, each with an honest card."""
    settings = load_settings(data=data)
    run = Run(run_folder(settings, run_id)) if run_id else None
    targets = plan_upload(settings, name, repo, what, run)
    for target in targets:
        _list(target, private=private, show_card=show_card)
    result = Result("upload", planned=sum(len(target.items) for target in targets))
    result.more = {
        "repositories": [f"{target.kind}/{target.repo}" for target in targets],
        "private": private,
    }
    result.more["bytes"] = sum(target.size for target in targets)
    if dry_run:
        say("Nothing was sent.")
        finish(result, as_json=as_json)
    whisper(f"To {hub_of(settings)}" if token_of(settings) else "")
    done = upload(settings, targets, private=private, say=whisper)
    for one in done:
        say(f"{one.url}: {'uploaded' if one.changed else 'already there, nothing was sent'}")
    result.done = result.planned
    result.more["urls"] = [one.url for one in done]
    result.more["changed"] = any(one.changed for one in done)
    finish(result, as_json=as_json)


def _list(target: Target, *, private: bool, show_card: bool) -> None:
    kind = "data set" if target.kind == "dataset" else "adapter"
    say(f"{kind} {target.repo}, {'private' if private else 'public'} if new, {target.size / 1e6:.1f} MB:")
    for item in target.items:
        say(f"  {item.size / 1e6:>9.3f} MB  {item.name}")
    card = target.items[0].content
    if show_card and isinstance(card, bytes):
        say(card.decode())


COMMANDS = (upload_character,)
