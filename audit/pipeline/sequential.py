"""A run in rounds: images until the verdict of a policy is settled, or all that the effort allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from audit.evidence import RunFolder, load_evidence, prompts_table
from audit.gate import decide
from audit.gate.policy import WHOLE
from audit.pipeline.concluding import waived_checks
from audit.pipeline.plan import Plan
from audit.pipeline.policing import Gate
from audit.pipeline.progress import Progress
from audit.pipeline.replaying import ROUNDS, Replay
from audit.pipeline.rounds import LOOKS
from audit.records import UNSEEN, Verdict

Make = Callable[[Sequence[str]], None]


def run_rounds(run: RunFolder, plan: Plan, gate: Gate, make: Make, progress: Progress) -> None:
    """Make images round by round until the verdict is settled.

    Every suite has the first round. Then those go on that have a line which is not decided, until there is none. The
    verdict is settled once the controls hold and a line failed, which no other can mend, or all lines passed. Nothing
    is kept of a look but its images: a run that is given again takes the same looks at the same images and comes to
    the same end.

    Args:
        run: Open for writing.
        plan: A plan in rounds.
        gate: What ends the run.
        make: Makes and judges the shards that it is given, as far as they are not there.
        progress: Hears of it.
    """
    rounds = rounds_table(plan)
    run.write_tables({ROUNDS: rounds})
    replay = Replay(run, gate, rounds)
    names: list[str] = [name for name in plan.shards if run.has_shard("images", name)]
    suites = [suite.name for suite in plan.suites]
    for look in range(1, LOOKS + 1):
        going = suites if look == 1 or WHOLE in replay.sequence.open_suites else replay.sequence.open_suites
        wanted = {name for (at, suite), its in plan.rounds.items() if at <= look and suite in going for name in its}
        names = [name for name in plan.shards if name in wanted or name in names]
        prompts = {item.prompt.prompt_id for name in names for item in plan.shards[name]}
        asked = [one for one in plan.prompts if one.prompt_id in prompts or one.role in UNSEEN]
        run.write_tables({"prompts": prompts_table(asked)})
        make(names)
        verdict = _verdict_at(run, replay, look)
        left = sorted(replay.sequence.open_suites)
        progress.say(f"Look {look} of {LOOKS}: {verdict.value}" + (f"; open: {', '.join(left)}." if left else "."))
        if verdict is not Verdict.INCONCLUSIVE or not left:
            return


def rounds_table(plan: Plan) -> pd.DataFrame:
    """Return a row for every image of a plan in rounds, with the look that it is made for."""
    return pd.DataFrame(
        {
            "suite": [one.prompt.suite for one in plan.dealt],
            "prompt_id": [one.prompt.prompt_id for one in plan.dealt],
            "replicate": [one.replicate for one in plan.dealt],
            "look": [one.look for one in plan.dealt],
        }
    )


def _verdict_at(run: RunFolder, replay: Replay, look: int) -> Verdict:
    examination = replay.take(look, load_evidence(run))
    answers = examination.at(replay.sequence.level_of(look))  # asked already
    ruling = replay.sequence.ruling(over=look == LOOKS)
    controls = answers.tables.get("controls")
    return decide(answers.findings, controls, waived=waived_checks(run.spec), ruling=ruling).verdict
