"""A small run: two prompts, two replicates, one judge."""

from __future__ import annotations

import pandas as pd
import pytest

from audit.evidence import IMAGE_SHARD, build_table, card_to_json, open_run, prompts_table, scores_table
from audit.records import CheckpointCard, JudgeCard, Prompt, Score


@pytest.fixture
def checkpoint() -> CheckpointCard:
    return CheckpointCard(
        name="phantom:skewed",
        digest="c" * 64,
        architecture="small",
        image_size=64,
        embedding_size=128,
        context_length=16,
        quick_gelu=False,
        lineage=("world:skewed",),
    )


@pytest.fixture
def judge() -> JudgeCard:
    return JudgeCard(name="zero_shot:phantom:judge", digest="d" * 64, classes=("woman", "man"), asks=("gender",))


@pytest.fixture
def spec(checkpoint, judge) -> dict[str, object]:
    return {
        "schema_version": 1,
        "checkpoint": card_to_json(checkpoint),
        "judges": {judge.name: card_to_json(judge)},
        "recipe": {"steps": 400, "views": 8},
        "suites": {"professions": "e" * 64},
    }


@pytest.fixture
def prompts() -> pd.DataFrame:
    return prompts_table(
        [
            Prompt(
                prompt_id=prompt_id,
                suite="professions",
                text=f"a photo of a {concept}",
                template="a photo of {a_slot}",
                concept=concept,
                role="subject",
                facts=facts,
            )
            for prompt_id, concept, facts in (("bb", "nurse", {"women": 0.87}), ("aa", "=cmd|' /C calc'!A0", {}))
        ]
    )


def image_row(prompt_id: str, replicate: int) -> dict[str, object]:
    return {
        "prompt_id": prompt_id,
        "replicate": replicate,
        "seed": 2**63 - 1,
        "status": "converged",
        "own_cosine": 0.31,
        "own_percentile": 97.5,
        "own_z": 4.0,
        "sharpness": float("nan"),
        "steps": 400,
        "png": f"png of {prompt_id} {replicate}".encode(),
    }


@pytest.fixture
def shards() -> dict[str, pd.DataFrame]:
    """Cut by replicate, so that their order is not the order of the prompts."""
    return {
        f"{replicate:04d}": build_table(IMAGE_SHARD, [image_row(prompt_id, replicate) for prompt_id in ("aa", "bb")])
        for replicate in (0, 1)
    }


@pytest.fixture
def score_shards(judge, shards) -> dict[str, pd.DataFrame]:
    scores = [Score(values={"woman": 0.25, "man": 0.75}), Score(values=None, reason="no face")]
    return {
        name: scores_table(list(zip(shard["prompt_id"], shard["replicate"], strict=True)), scores, judge)
        for name, shard in shards.items()
    }


@pytest.fixture
def run(tmp_path, spec):
    with open_run(tmp_path / "run", spec) as folder:
        yield folder


@pytest.fixture
def full_run(run, prompts, shards, score_shards, judge):
    """All of a run but its last file."""
    run.write_tables({"prompts": prompts})
    for name, shard in shards.items():
        run.write_shard("images", name, shard)
    for name, shard in score_shards.items():
        run.write_shard(f"scores/{judge.name}", name, shard)
    run.write_text("findings.json", '{"schema_version": 1, "findings": []}\n')
    return run
