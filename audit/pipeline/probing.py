"""Pictures that the checkpoint is shown, before any is inverted from it."""

from __future__ import annotations

from typing import Final

from audit.evidence import PROBES, RunFolder, build_table
from audit.pipeline.plan import Plan
from audit.probes import draw_written, look_at
from audit.records import PromptSuite

KIND: Final = "probes"
"""The kind of shards that hold what was seen; one per suite."""

LENS: Final = "written"
"""The lens whose suites ask for pictures with words on them."""


def probe(run: RunFolder, plan: Plan) -> None:
    """Show the checkpoint the pictures that its suites ask for, unless that was done."""
    for number, suite in enumerate(plan.suites):
        name = f"{number:05d}"
        if any(prompt.lens == LENS for prompt in suite.prompts) and not run.has_shard(KIND, name):
            run.write_shard(KIND, name, build_table(PROBES, _rows(plan, suite)))


def _rows(plan: Plan, suite: PromptSuite) -> list[dict[str, object]]:
    first: dict[str, str] = {}
    for prompt in suite.prompts:
        first.setdefault(prompt.concept, prompt.prompt_id)
    pictures = draw_written(first.keys())
    cosines = look_at(plan.checkpoint, pictures, [prompt.text for prompt in suite.prompts]).tolist()
    return [
        {
            "picture": f"{picture.number:02d}",
            "kind": picture.kind,
            "shows": first[picture.shows],
            "says": first.get(picture.says, ""),
            "prompt_id": prompt.prompt_id,
            "cosine": cosine,
        }
        for picture, row in zip(pictures, cosines, strict=True)
        for prompt, cosine in zip(suite.prompts, row, strict=True)
    ]
