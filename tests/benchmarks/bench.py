"""The bench: arms against the published loop, by held-out judges and by the clock. ``make bench`` runs it.

Every image is kept in the output folder, so a bench that was stopped goes on where it was. The tables go between the
marks in docs/inversion.md, and the figure to reports/bench.svg.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from audit.checkpoints import Checkpoint, load_checkpoint
from audit.errors import UsageProblem
from audit.judges import load_judge
from tests.benchmarks.arms import DEFAULT_ARMS, Arm, find_arm
from tests.benchmarks.checkpoints import held_out, provide, read_plan
from tests.benchmarks.costs import keep_costs, kept_costs, measure
from tests.benchmarks.figure import draw
from tests.benchmarks.held_out import HeldOutJudge, Texts
from tests.benchmarks.prompts import choose, every_prompt, how_many, split
from tests.benchmarks.results import CheckpointResult, Setting, open_stores, read_arm, sum_up
from tests.benchmarks.tables import as_json, table, write_between

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("images", "costs", "report")


def say(line: str) -> None:
    """Write one line for people."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    made = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench", description=__doc__)
    add = made.add_argument
    add("--set", dest="which", choices=("test", "tuning"), default="test", help="prompts and judges [test]")
    add("--checkpoint", action="append", help="audited; a name of bench.toml or any other; repeatable [the set's]")
    add("--judge", action="append", help="held-out judge, likewise; repeatable [the set's]")
    add("--verdicts", default="zero_shot:phantom:judge", help="judge of verdicts [%(default)s]")
    add("--arms", nargs="+", default=list(DEFAULT_ARMS), help="recipes; NAME:8 on the first 8 prompts [%(default)s]")
    add("--prompts", type=int, default=60, help="how many, spread over concepts [%(default)s]")
    own = "prompts of a checkpoint that has a number of its own; repeatable"
    add("--prompts-of", nargs=2, action="append", default=[], metavar=("CHECKPOINT", "COUNT"), help=own)
    add("--seeds", type=int, default=2, help="images of each prompt [%(default)s]")
    add("--steps", type=int, help="other number of steps in every arm, to try the bench itself")
    add("--rounds", type=int, default=7, help="turns of the clock [%(default)s]")
    add("--turn", type=float, default=3.0, help="about how many seconds a turn takes [%(default)s]")
    add("--stages", nargs="+", choices=STAGES, default=list(STAGES), help="what to do [all]")
    add("--device", default="cpu", help="where images are made and timed [%(default)s]")
    add("--out", type=Path, default=ROOT / "runs" / "bench", help="folder of images and results [runs/bench]")
    add("--document", type=Path, default=ROOT / "docs" / "inversion.md", help="where the tables go, between marks")
    add("--figure", type=Path, default=ROOT / "reports" / "bench.svg", help="SVG or PNG")
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Run the bench."""
    given = parser().parse_args(argv)
    plan = read_plan(given.which)

    def load(name: str) -> Checkpoint:
        return load_checkpoint(provide(name, plan.worlds, given.out / "checkpoints", say), device=given.device)

    audited = {name: load(name) for name in given.checkpoint or plan.audited}
    judges = {name: load(name) for name in given.judge or plan.judges} if "report" in given.stages else {}
    run(given, audited, judges, command=" ".join(sys.argv[1:] if argv is None else argv))


def run(
    given: argparse.Namespace, audited: dict[str, Checkpoint], judges: dict[str, Checkpoint], *, command: str = ""
) -> None:
    """Do the stages that were asked for, on checkpoints that are loaded."""
    arms = [find_arm(name, steps=given.steps) for name in given.arms]
    prompts = every_prompt()
    texts = Texts(texts=tuple(p.text for p in prompts), concepts=tuple(p.concept for p in prompts))
    counts, results = own_counts(given.prompts_of, audited), []
    for name, checkpoint in audited.items():
        chosen = choose(split(prompts)[given.which], counts.get(name, given.prompts))
        setting = Setting(prompts=chosen, texts=texts, seeds=given.seeds, out=given.out)
        say(f"{name}: {len(setting.prompts)} prompts x {setting.seeds} seeds x {len(arms)} arms")
        if "images" in given.stages:
            for arm, store in zip(arms, open_stores(checkpoint, arms, given.out).values(), strict=True):
                store.fill(setting.prompts[: arm.prompts], setting.seeds, say)
        if "costs" in given.stages:
            say(f"{name}: costs, in turns")
            found = measure(checkpoint, arms, rounds=given.rounds, seconds=given.turn, say=say)
            keep_costs(given.out, checkpoint, arms, found)
        if "report" in given.stages:
            results.append(examine(name, checkpoint, judges, arms, setting, given.verdicts))
    if results:
        report(results, given, command)


def own_counts(given: Sequence[Sequence[str]], audited: Collection[str]) -> dict[str, int]:
    """Return the number of prompts of each checkpoint that was given one.

    Args:
        given: Pairs of a checkpoint's name and a number, as words.
        audited: Names of all that are audited.

    Raises:
        UsageProblem: If a name is none of them, or a number is not a whole one above 0.
    """
    for name, _ in given:
        if name not in audited:
            raise UsageProblem(
                f"--prompts-of names {name}, which is not audited.", remedy=f"Name {' or '.join(audited)}."
            )
    return {name: how_many(count) for name, count in given}


def examine(
    name: str,
    checkpoint: Checkpoint,
    judges: dict[str, Checkpoint],
    arms: Sequence[Arm],
    setting: Setting,
    verdicts: str,
) -> CheckpointResult:
    """Return what the judges say of every arm's images on one checkpoint."""
    apart = held_out(checkpoint, judges, setting.texts.texts)
    readers = [HeldOutJudge(judge, setting.texts, name=known) for known, judge in apart.items()]
    judge = load_judge(verdicts, audited=checkpoint.card)
    stores = open_stores(checkpoint, arms, setting.out)
    costs, timed_on = kept_costs(setting.out, checkpoint, arms)
    return CheckpointResult(
        name=name,
        architecture=checkpoint.card.architecture,
        judges=tuple(apart),
        seeds=setting.seeds,
        prompts=setting.prompts,
        arms={arm.name: read_arm(stores[arm.name], readers, judge, setting, say) for arm in arms},
        costs=costs,
        timed_on=timed_on,
    )


def report(results: Sequence[CheckpointResult], given: argparse.Namespace, words: str) -> None:
    """Write tables, numbers and figure."""
    command = f"python -m tests.benchmarks.bench {words}".strip() if words else "make bench"
    summed = [(result, sum_up(result)) for result in results]
    text = table(summed, which=given.which, command=command)
    place = given.out / f"bench-{given.which}"
    place.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    place.with_suffix(".json").write_text(as_json(summed, which=given.which) + "\n", encoding="utf-8")
    if given.which == "tuning":
        draw(results, place.with_suffix(".svg"))
    else:
        draw(results, given.figure)
        if not (given.document.exists() and write_between(given.document, text)):
            say(f"{given.document.name} has no marks for the tables; they are in {place.name}.md")
    say(text)


if __name__ == "__main__":
    main()
