"""What a finding rests on: the words of its prompts, and the region of a picture that the judge looked at."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from audit.checkpoints import Checkpoint, LoadOptions, load_checkpoint
from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence import FINDINGS_NAME, Evidence, RunFolder, load_evidence, read_findings, read_pictures, read_run
from audit.evidence.specs import SPEC_NAME
from audit.inversion import Inverter, Item, Recipe, find_recipe
from audit.judges import load_judge
from audit.judges.judge_protocol import Judge
from audit.lenses import CARDS, Explained, said_best
from audit.pipeline.execute import decode_png
from audit.pipeline.progress import Progress
from audit.precision import Precision
from audit.records import MADE_OF_SEVERAL, OPPOSITES, SCALE_OF, UNSEEN, UNWORDED, Estimate, Finding, Status
from audit.seeding import derive_seed
from audit.stats import cluster_mean
from audit.studies.explain.explanation_page import Explanation, Region, WordEffect

EXPLAINED: Final[Mapping[str, Explained]] = {
    name: card.explained for name, card in CARDS.items() if card.explained is not None
}
"""Metrics that can be explained, and how."""

_KINDS: Final = " or ".join(CARDS[name].noun for name in EXPLAINED)

MOST_PROMPTS: Final = 4
MOST_REGIONS: Final = 3
_REPLICATES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What is explained, and who is asked."""

    evidence: Evidence
    finding: Finding
    prompts: pd.DataFrame
    judge: Judge
    checkpoint: Checkpoint
    recipe: Recipe
    """That of the run."""
    precision: Precision
    seed: int

    @property
    def column(self) -> str:
        return EXPLAINED[self.finding.metric].score


def explain(folder: Path, progress: Progress, *, subject: str = "", device: str = "cpu") -> Explanation:
    """Explain one finding of a finished run.

    Args:
        folder: The run.
        progress: Shows how far it is.
        subject: The concept; empty for the finding that lies farthest from its neutral value among those whose interval
            leaves that out.
        device: Where checkpoint and judge compute.

    Raises:
        UsageProblem: If ``folder`` is no run, has no such finding, or the checkpoint is no longer what it was.
        InconclusiveProblem: If the run is not finished, or has no finding that can be explained.
        RefusedProblem: If the checkpoint or the judge is refused.
        EnvironmentProblem: If the run is damaged.
    """
    run = read_run(folder, finished=True)
    evidence = load_evidence(run)
    finding = choose(read_findings(folder / FINDINGS_NAME), subject)
    case = _case(run, evidence, finding, device)
    progress.begin("leaving words out", 2)
    text = _text_effects(case)
    progress.advance(1)
    images = _image_effects(case)
    progress.advance(1)
    progress.begin("hiding regions", MOST_REGIONS)
    regions = _regions(run, case, progress)
    return Explanation(
        checkpoint=evidence.checkpoint.name,
        judge=case.judge.card.name,
        finding=finding,
        words=_merge(text, images),
        regions=regions,
    )


def choose(findings: Sequence[Finding], subject: str = "") -> Finding:
    """Return the finding to be explained.

    Raises:
        UsageProblem: If there is none about ``subject``.
        InconclusiveProblem: If no interval leaves out the neutral value.
    """
    asked = [f for f in said_best(findings) if f.metric in EXPLAINED]
    known = [f for f in asked if f.subject != "*" and f.estimate.value is not None]
    if subject:
        named = [f for f in known if f.subject == subject]
        if not named:
            subjects = ", ".join(sorted({f.subject for f in known})[:12]) or "there are none"
            raise UsageProblem(f"The run has no {_KINDS} of {subject!r}.", remedy=f"Choose --subject from: {subjects}.")
        return max(named, key=_distance)
    clear = [f for f in known if _leaves_out_neutral(f)]
    if not clear:
        raise InconclusiveProblem(
            f"No {_KINDS} of this run has an interval that leaves out its neutral value, so there is nothing to "
            "explain.",
            remedy="Name a concept with --subject to look at it all the same.",
        )
    return max(clear, key=_distance)


def _distance(finding: Finding) -> float:
    return abs((finding.estimate.value or 0.0) - (finding.neutral or 0.0))


def _leaves_out_neutral(finding: Finding) -> bool:
    low, high, neutral = finding.estimate.low, finding.estimate.high, finding.neutral or 0.0
    return low is not None and high is not None and not low <= neutral <= high


def _case(run: RunFolder, evidence: Evidence, finding: Finding, device: str) -> _Case:
    stored, options = run.spec["checkpoint"], run.spec.get("options")
    more = LoadOptions(**options) if isinstance(options, dict) else LoadOptions()
    checkpoint = load_checkpoint(evidence.checkpoint.name, options=more, device=device)
    if checkpoint.card.digest != evidence.checkpoint.digest:
        raise UsageProblem(
            f"{stored['name'] if isinstance(stored, dict) else stored} is not what {run.path} was made from: "
            f"its digest is {checkpoint.card.digest[:12]}, the run's {evidence.checkpoint.digest[:12]}.",
            remedy="Put the checkpoint back, or audit the new one and explain that run.",
        )
    column = EXPLAINED[finding.metric].score
    judges = [name for name, card in evidence.judges.items() if column in card.classes]
    prompts = evidence.prompts
    asked = (prompts["suite"] == finding.suite) & (prompts["concept"] == finding.subject)
    mine = prompts[asked & prompts["role"].isin(["subject", "reference"])].head(MOST_PROMPTS)
    recipe = _recipe_of(run)
    return _Case(
        evidence=evidence,
        finding=finding,
        prompts=mine,
        judge=load_judge(judges[0], device=device, audited=checkpoint.card),
        checkpoint=checkpoint,
        recipe=recipe,
        precision=recipe.choose_precision(str(run.spec["precision"]), checkpoint.device).precision,
        seed=int(str(run.spec.get("seed", 0))),
    )


def _recipe_of(run: RunFolder) -> Recipe:
    """Return the recipe that the images of a run were made by: another one might not be read by the judge."""
    stored = run.spec["recipe"]
    if not isinstance(stored, dict):
        raise EnvironmentProblem(
            f"{run.path / SPEC_NAME} does not say how images were made.", remedy="Restore it from a copy."
        )
    return dataclasses.replace(find_recipe(str(stored["name"])), steps=int(stored["steps"]))


def _axis(case: _Case, prompt_id: str) -> Float[np.ndarray, " embedding"]:
    """Return the direction from the texts of one known answer to those of its opposite.

    They are the ends of the prompt's own scale, or, where it has none, all explicit controls of the run.
    """
    upper = EXPLAINED[case.finding.metric].answer
    explicit = case.evidence.prompts[case.evidence.prompts["role"] == "explicit"]
    own = explicit[explicit["facts"].str.contains(f'"{SCALE_OF}": "{prompt_id}"', regex=False)]
    ends = []
    for answer in (upper, OPPOSITES[upper]):
        texts = next((t for t in (own, explicit) if (t["expected"] == answer).any()), explicit.iloc[:0])
        chosen = texts.loc[texts["expected"] == answer, "text"].tolist()
        if not chosen:
            raise InconclusiveProblem(
                f"No control of the run says {answer!r}, so that no text tells which words lean towards it.",
                remedy="Audit with --suite controls too, or with a scale in the suite.",
            )
        ends.append(_embed(case, chosen).mean(axis=0))
    return np.asarray(ends[0] - ends[1])


def _embed(case: _Case, texts: Sequence[str]) -> Float[np.ndarray, "text embedding"]:
    return np.asarray(case.checkpoint.encode_text(list(texts)).double().cpu().numpy())


def _text_effects(case: _Case) -> pd.DataFrame:
    """Return, per prompt and word, by how much the text's own lean falls without the word."""
    rows: list[dict[str, object]] = []
    for prompt_id, text in zip(case.prompts["prompt_id"], case.prompts["text"], strict=True):
        left = without_each_word(text)
        along = _embed(case, [text, *(other for _, other in left)]) @ _axis(case, prompt_id)
        rows += [
            {"prompt_id": prompt_id, "place": place, "word": word, "effect": float(along[0] - along[place + 1])}
            for place, (word, _) in enumerate(left)
        ]
    return pd.DataFrame(rows, columns=["prompt_id", "place", "word", "effect"])


def _image_effects(case: _Case) -> pd.DataFrame:
    """Return the same for the judge's score of images inverted anew with and without the word, from equal seeds."""
    asked = [
        (prompt_id, place, word, text, replicate)
        for prompt_id, whole in zip(case.prompts["prompt_id"], case.prompts["text"], strict=True)
        for place, (word, text) in enumerate((("", whole), *without_each_word(whole)))
        for replicate in range(_REPLICATES)
    ]
    table = pd.DataFrame(asked, columns=["prompt_id", "place", "word", "text", "replicate"])
    table["score"] = _scores_of(case, table)
    key = ["prompt_id", "replicate"]
    whole = table[table["place"] == 0].set_index(key)["score"].rename("whole")
    left = table[table["place"] > 0].join(whole, on=key)
    left = left.assign(effect=left["whole"] - left["score"], place=left["place"] - 1).dropna(subset=["effect"])
    return left.groupby(["prompt_id", "place", "word"])["effect"].mean().reset_index()


def _scores_of(case: _Case, asked: pd.DataFrame) -> list[float]:
    """Invert every text as the run did and let the judge look; NaN where it did not converge or was not scored."""
    inverter = Inverter(case.checkpoint, case.recipe, case.precision)
    texts = asked["text"].tolist()
    known = case.evidence.prompts[~case.evidence.prompts["role"].isin(MADE_OF_SEVERAL | UNWORDED | UNSEEN)]
    references = inverter.references(known["text"].tolist(), known["concept"].tolist(), also=texts)
    items = [
        Item(text=text, concept=case.finding.subject, seed=derive_seed("invert", case.seed, prompt_id, replicate))
        for text, prompt_id, replicate in zip(texts, asked["prompt_id"], asked["replicate"], strict=True)
    ]
    size = case.recipe.batch(16)
    made = [
        image
        for first in range(0, len(items), size)
        for image in inverter.make(items[first : first + size], references)
    ]
    scores = case.judge.score(torch.stack([image.pixels for image in made]))
    return [
        score.values[case.column] if score.values is not None and image.quality.status is Status.CONVERGED else np.nan
        for score, image in zip(scores, made, strict=True)
    ]


def _merge(text: pd.DataFrame, images: pd.DataFrame) -> tuple[WordEffect, ...]:
    words = text.groupby("word", sort=False)["place"].mean().sort_values(kind="stable").index
    return tuple(WordEffect(word=str(word), text=_mean(text, word), image=_mean(images, word)) for word in words)


def _mean(table: pd.DataFrame, word: object) -> Estimate:
    rows = table[table["word"] == word]
    found = cluster_mean(rows["effect"].to_numpy(dtype=float), [str(name) for name in rows["prompt_id"]])
    prompts = int(rows["prompt_id"].nunique())
    return Estimate(
        value=found.value,
        low=found.low,
        high=found.high,
        level=0.95,
        method=found.method,
        over=found.over,
        remark=found.remark,
        n_images=len(rows),
        n_prompts=prompts,
    )


def _regions(run: RunFolder, case: _Case, progress: Progress) -> tuple[Region, ...]:
    """Return the map of one stored picture per prompt: that with the score nearest to the median of the concept's."""
    scores = case.evidence.scores[case.judge.card.name]
    rows = case.evidence.images.merge(scores[["prompt_id", "replicate", case.column]], on=["prompt_id", "replicate"])
    rows = rows[rows["prompt_id"].isin(case.prompts["prompt_id"]) & (rows["status"] == Status.CONVERGED.value)]
    rows = rows.dropna(subset=[case.column])
    median = rows[case.column].median()
    chosen = rows.assign(far=(rows[case.column] - median).abs()).sort_values(["far", "prompt_id", "replicate"])
    chosen = chosen.drop_duplicates("prompt_id").head(MOST_REGIONS)
    keys = list(zip(chosen["prompt_id"].tolist(), chosen["replicate"].tolist(), strict=True))
    texts = case.prompts.set_index("prompt_id")["text"]
    regions = []
    for (key, png), score in zip(read_pictures(run, keys).items(), chosen[case.column], strict=True):
        weights = hide_parts(decode_png(png), lambda batch: _column(case, batch))
        progress.advance(1)
        regions.append(Region(text=str(texts[key[0]]), score=float(score), png=png, weights=weights))
    return tuple(regions)


def _column(case: _Case, batch: UInt8[Tensor, "batch 3 height width"]) -> list[float]:
    """Return the judge's score of each picture; NaN where it cannot read one."""
    return [np.nan if score.values is None else score.values[case.column] for score in case.judge.score(batch)]


def without_each_word(text: str) -> tuple[tuple[str, str], ...]:
    """Return every word of a text with the text that is left without it; a text of one word has nothing to leave out.

    A word that stands twice is left out at each of its places.

    Example:
        >>> without_each_word("a photo of nurses")[1]
        ('photo', 'a of nurses')
        >>> without_each_word("nurses")
        ()
    """
    words = text.split()
    if len(words) < 2:
        return ()
    return tuple((word, " ".join([*words[:place], *words[place + 1 :]])) for place, word in enumerate(words))


PARTS: Final = 4
"""The hidden square has this part of the picture's side, and moves by half of itself."""

_AT_ONCE: Final = 16

Scorer = Callable[[UInt8[Tensor, "batch 3 height width"]], Sequence[float]]
"""What a judge says of each picture, as one number."""


def hide_parts(picture: UInt8[Tensor, "3 height width"], scorer: Scorer) -> Float[np.ndarray, "height width"]:
    """Return, for every pixel, by how much the score falls when its surroundings are hidden.

    A square of the picture's mean colour takes the place of the part, wherever it fits in steps of half a square; a
    pixel has the mean over the squares that cover it, of those that were read; 0 where none was. Nothing of the judge
    is needed but its scores, so that a detector and another CLIP are asked alike.
    Source: Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", ECCV, arXiv 1311.2901,
    section 4.2.

    Args:
        picture: RGB in [0, 255].
        scorer: Numbers in any unit, of which the result has the same; NaN for what cannot be read.
    """
    height, width = picture.shape[1:]
    side = max(2, min(height, width) // PARTS)
    pixels = picture.float()
    mean = pixels.mean(dim=(1, 2), keepdim=True).round().to(torch.uint8)
    squares = [
        (slice(top, top + side), slice(left, left + side))
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]
    hidden = picture.repeat(len(squares), 1, 1, 1)
    for place, (rows, columns) in enumerate(squares):
        hidden[place, :, rows, columns] = mean
    (whole,) = scorer(picture[None])
    scores = [score for part in torch.split(hidden, _AT_ONCE) for score in scorer(part)]
    falls, cover = np.zeros((height, width)), np.zeros((height, width))
    for (rows, columns), score in zip(squares, scores, strict=True):
        if np.isfinite(whole - score):
            falls[rows, columns] += whole - score
            cover[rows, columns] += 1
    return falls / np.maximum(cover, 1)


def _starts(length: int, side: int) -> list[int]:
    """Return where squares begin, in steps of half a side; the last one reaches the edge, and may be cut there."""
    step = max(1, side // 2)
    return [place * step for place in range(-(-(length - side) // step) + 1)]
