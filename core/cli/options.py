"""The flags that verbs share, defined once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])
Decorator = Callable[[Function], Function]


def stacked(*decorators: Decorator[Any]) -> Decorator[Any]:
    """Several click options as one decorator, listed in reading order."""

    def apply(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


data_option = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Data folder (DATA_PATH)."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object as the last line."
)
run_option = click.option("--run", "run_id", help="Run id; default: the character's name and content hash.")

scope_options = stacked(
    click.option("--constitution", required=True, help="The character's name, or 'all'."),
    run_option,
    click.option(
        "--prompts",
        "prompts_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Prompts from a text or JSONL file, one a line, in place of the character's own.",
    ),
    click.option(
        "--general/--no-general",
        default=True,
        help="Add the general pool's everyday prompts.",
        show_default=True,
    ),
    click.option("--limit", type=click.IntRange(min=1), help="Only the first N prompts."),
)

concurrency_options = stacked(
    click.option(
        "--max-concurrency",
        "--concurrency",
        "concurrency",
        type=click.IntRange(1, 1000),
        help="Most requests under way at once; adapted below it [64; 256 on vllm/, 8 on local/].",
    ),
    click.option(
        "--fixed-concurrency",
        is_flag=True,
        help="Keep --max-concurrency requests under way whatever the server says.",
    ),
)

sampling_options = stacked(
    click.option("--K", "samples", type=click.IntRange(min=1), help="Answers a prompt [5; 1 on local/]."),
    click.option("--temperature", type=click.FloatRange(0, 2), default=0.7, show_default=True),
    click.option("--top-p", type=click.FloatRange(0, 1), default=0.95, show_default=True),
    click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer [4096; 512 on local/]."),
    click.option("--seed", type=int, default=0, show_default=True),
    concurrency_options,
)

budget_option = click.option(
    "--budget",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Stop before more than this is spent; what is finished is kept.",
)

routing_options = stacked(
    click.option("--only-provider", multiple=True, help="OpenRouter: answer only through this provider."),
    click.option("--quantization", multiple=True, help="OpenRouter: only at this precision (fp8, bf16 …)."),
    click.option(
        "--distillable/--any-license",
        default=None,
        help="OpenRouter: only models that may be trained on [on for teachers].",
    ),
)

provider_option = click.option(
    "--provider", help="Where a model without provider/ runs: openrouter, together, openai, vllm, local …"
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be asked; send nothing.")

teacher_options = stacked(
    click.option(
        "--exchanges/--no-exchanges",
        default=True,
        help="Show the teacher the character's examples.",
        show_default=True,
    ),
    click.option(
        "--thinking", is_flag=True, help="Begin the teacher's reasoning at the traits (needs prefill)."
    ),
    click.option("--assistant-name", help="What the assistant calls itself [its family's name]."),
)

affected_options = stacked(
    click.option("--traits", metavar="ID,ID", help="Only prompts of these traits."),
    click.option(
        "--only-affected",
        is_flag=True,
        help="After an edit: ask anew only where a trait changed; other answers are carried over.",
    ),
)
