"""Whether two runs can be compared, and which of their images are a pair.

Differences between runs mean something only if nothing but the checkpoint differs: the same prompts, inverted by the
same recipe from the same noise, seen by the same judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from audit.errors import UsageProblem
from audit.evidence import Evidence, RunFolder, differing_keys, read_judge_cards
from audit.records import UNSEEN, Status

SIDES: Final = ("in the baseline", "in the candidate")
KEY: Final = ["prompt_id", "replicate"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """What two runs have in common, image by image."""

    baseline: Evidence
    candidate: Evidence
    usable: pd.DataFrame
    """One row per pair: prompt_id, replicate, suite, concept, role, baseline and candidate (whether the image
    converged and every judge scored it)."""
    n_baseline_only: int
    """Images of the baseline that the candidate lacks; they are left out of the comparison."""
    n_candidate_only: int

    @property
    def n_usable_once(self) -> int:
        """Pairs of which one image is usable and the other is not."""
        return int((self.usable["baseline"] != self.usable["candidate"]).sum())


def refuse_unlike(baseline: RunFolder, candidate: RunFolder, *, across_precision: bool = False) -> None:
    """Refuse two runs that differ in more than their checkpoint, and name every difference.

    Args:
        baseline: The run to be compared with.
        candidate: The run that is compared.
        across_precision: Whether the precision of the gradients may differ.

    Raises:
        UsageProblem: If suites, recipe, effort, seed, precision or judges differ.
        EnvironmentProblem: If the card of a judge is damaged.
    """
    ours, theirs = _settings(baseline), _settings(candidate)
    if across_precision:
        ours["precision"] = theirs["precision"]
    found = differing_keys(ours, theirs, sides=SIDES)
    if not found:
        return
    raise UsageProblem(
        f"The runs in {baseline.path} and {candidate.path} cannot be compared, because more than the checkpoint "
        f"differs: {'; '.join(found)}.",
        remedy="Audit the candidate again with the settings of the baseline, which its spec.json states, into another "
        "--out. Where one run lacks a judge, let it look: clip-audit judge RUN --judge NAME. Where the precision alone "
        "differs, clip-audit compare --across-precision carries what that makes into the intervals.",
    )


def doubtful_differences(baseline: RunFolder, candidate: RunFolder) -> tuple[str, ...]:
    """Say where two runs differ in what should not matter, and may: versions and device."""
    names = ("versions", "device")
    ours, theirs = ({name: run.spec.get(name) for name in names} for run in (baseline, candidate))
    found = differing_keys(ours, theirs, sides=SIDES)
    if not found:
        return ()
    return (f"The runs were not made alike, so some of a small difference may come from there: {'; '.join(found)}.",)


def pair_images(baseline: Evidence, candidate: Evidence) -> Pairs:
    """Return both runs reduced to the prompts and images that both have.

    Raises:
        UsageProblem: If a pair did not start from the same seed, or there is no pair.
    """
    both = baseline.images.merge(candidate.images, on=KEY, suffixes=("_baseline", "_candidate"))
    unlike = both[both["seed_baseline"] != both["seed_candidate"]]
    seen = len(baseline.images) or len(candidate.images)
    if len(unlike) or (both.empty and seen):
        first = unlike.iloc[0] if len(unlike) else None
        what = (
            "The two runs have no image of the same prompt."
            if first is None
            else f"{len(unlike)} of {len(both)} images did not start from the same seed in both runs, as replicate "
            f"{first['replicate']} of prompt {first['prompt_id']} ({first['seed_baseline']} {SIDES[0]}, "
            f"{first['seed_candidate']} {SIDES[1]})."
        )
        raise UsageProblem(what, remedy="Make both runs with the same version of clip-audit and the same --seed.")
    keys = both[KEY]
    ours, theirs = (keep_images(as_read(side), keys) for side in (baseline, candidate))
    usable = _usable(ours).merge(_usable(theirs), on=KEY, suffixes=("_baseline", "_candidate"), validate="one_to_one")
    usable = usable.rename(columns={"usable_baseline": "baseline", "usable_candidate": "candidate"})
    return Pairs(
        baseline=ours,
        candidate=theirs,
        usable=usable.merge(ours.prompts[["prompt_id", "suite", "concept", "role"]], on="prompt_id"),
        n_baseline_only=len(baseline.images) - len(keys),
        n_candidate_only=len(candidate.images) - len(keys),
    )


def as_read(evidence: Evidence) -> Evidence:
    """Return evidence without labels: two runs are compared as one judge reads both, or one were corrected alone."""
    return evidence if evidence.labels.empty else replace(evidence, labels=evidence.labels.iloc[:0])


def keep_images(evidence: Evidence, keys: pd.DataFrame) -> Evidence:
    """Return evidence with the given images and their prompts only; the very same where that is all of it.

    Texts that are only read stay: no image of them can be missing.

    Args:
        evidence: Any.
        keys: Columns ``prompt_id`` and ``replicate``.
    """
    wanted = pd.MultiIndex.from_frame(keys)
    images = evidence.images[pd.MultiIndex.from_frame(evidence.images[KEY]).isin(wanted)]
    if len(images) == len(evidence.images):
        return evidence
    kept = evidence.prompts["prompt_id"].isin(keys["prompt_id"]) | evidence.prompts["role"].isin(UNSEEN)
    prompts = evidence.prompts[kept]
    scores = {
        name: table[pd.MultiIndex.from_frame(table[KEY]).isin(wanted)].reset_index(drop=True)
        for name, table in evidence.scores.items()
    }
    return replace(
        evidence, prompts=prompts.reset_index(drop=True), images=images.reset_index(drop=True), scores=scores
    )


def identical_images(
    pairs: Pairs, baseline: Mapping[tuple[str, int], str], candidate: Mapping[tuple[str, int], str]
) -> pd.DataFrame:
    """Return the keys of the pairs whose images are the same to the last bit.

    Args:
        pairs: All pairs.
        baseline: Digest of the picture of every image of the baseline, by prompt id and replicate.
        candidate: The same of the candidate.
    """
    keys = list(pairs.usable[KEY].itertuples(index=False, name=None))
    return pairs.usable[KEY][[key in baseline and baseline[key] == candidate.get(key) for key in keys]]


def _usable(evidence: Evidence) -> pd.DataFrame:
    images = evidence.images
    table = images[KEY].assign(usable=(images["status"] == Status.CONVERGED.value) | evidence.is_noise_control)
    for scores in evidence.scores.values():
        unscored = table[KEY].merge(scores[[*KEY, "reason"]], on=KEY, how="left")["reason"] != ""
        table = table.assign(usable=table["usable"] & ~unscored.to_numpy())
    return table


def _settings(run: RunFolder) -> dict[str, object]:
    """Return all of a spec that two runs have to share, the judges in the order in which they are asked."""
    judges = read_judge_cards(run)
    recipe = run.spec.get("recipe")
    return {
        **{name: run.spec.get(name) for name in ("suites", "effort", "seed", "precision")},
        # what its digest says, its other entries say better
        "recipe": {key: value for key, value in recipe.items() if key != "digest"}
        if isinstance(recipe, dict)
        else recipe,
        "number of audit seeds": run.spec.get("audit_seeds", 1),
        "judges": {name: card.digest for name, card in judges.items()},
        "order of judges": list(judges),
    }
