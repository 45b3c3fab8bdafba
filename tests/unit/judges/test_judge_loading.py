"""Names of judges, and the refusal of relatives."""

import math
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from audit.checkpoints import load_checkpoint
from audit.errors import RefusedProblem, UsageProblem
from audit.judges import JUDGES, check_judge, load_judge
from audit.judges.judge_protocol import as_scores, refuse_relative
from audit.judges.zero_shot import make_zero_shot
from audit.lineage import IMAGE_TOWER, without_matrices
from audit.packaged import PHANTOMS


def test_an_unknown_name_lists_every_name_that_exists():
    with pytest.raises(UsageProblem) as caught:
        load_judge("oracle:delphi")
    assert all(name in caught.value.remedy for name in JUDGES)


@pytest.mark.parametrize(("kind", "form"), [(kind, form) for kind, one in JUDGES.items() for form in one.forms])
def test_a_judge_is_called_by_the_name_that_it_is_listed_under(kind, form):
    assert form.partition(":")[0] == kind


def test_a_judge_that_is_a_checkpoint_is_checked_as_one_before_it_is_loaded():
    with pytest.raises(UsageProblem, match="There is no phantom"):
        check_judge("matching:phantom:nobody")


def test_a_judge_on_the_audited_weights_is_refused_and_the_digest_is_named(axis_encoder):
    encoder = axis_encoder()
    judge = make_zero_shot(encoder, name="zero_shot:axes")
    with pytest.raises(RefusedProblem, match="d" * 64) as caught:
        refuse_relative(judge.card, encoder.card)
    assert caught.value.exit_code == 4


def test_a_judge_of_the_audited_lineage_is_refused_and_only_what_is_shared_is_named(axis_encoder):
    judge = make_zero_shot(axis_encoder(lineage=("world:red", "tag:own")), name="zero_shot:axes")
    audited = load_card(digest="e" * 64, lineage=("world:red", "tag:other"))
    with pytest.raises(RefusedProblem, match="they share world:red\\."):
        refuse_relative(judge.card, audited)


def test_the_same_architecture_trained_apart_is_no_relative(axis_encoder):
    judge = make_zero_shot(axis_encoder(lineage=("world:red",)), name="zero_shot:axes")
    refuse_relative(judge.card, load_card(digest="e" * 64, lineage=("world:blue",)))


def test_load_judge_refuses_a_relative_of_the_audited_checkpoint():
    pytest.importorskip("nudenet")
    with pytest.raises(RefusedProblem, match="nudenet-320n"):
        load_judge("nudenet", audited=load_card(digest="e" * 64, lineage=("nudenet-320n",)))


def another_number(weights):
    return weights | {"logit_scale": weights["logit_scale"] * 1.001}


def half_as_precise(weights):
    return {name: tensor.half().float() for name, tensor in weights.items()}


def one_matrix_trained_on(weights):
    largest = max((name for name in weights if name.startswith("visual.")), key=lambda name: weights[name].numel())
    return weights | {largest: weights[largest] * 1.01}


@pytest.mark.parametrize("change", [another_number, half_as_precise, one_matrix_trained_on])
def test_a_copy_of_the_audited_tower_in_another_file_is_refused(tmp_path, change):
    copy = Path(shutil.copytree(PHANTOMS / "balanced", tmp_path / "mine"))
    for told in ("clip_audit.json", "world.json"):
        (copy / told).unlink()
    save_file(change(load_file(copy / "open_clip_model.safetensors")), copy / "open_clip_model.safetensors")
    audited = load_checkpoint("phantom:balanced").card
    with pytest.raises(RefusedProblem, match="they share weights of the image tower\\."):
        load_judge(f"zero_shot:{copy}", audited=audited)


def test_no_two_shipped_phantoms_that_were_trained_apart_share_a_matrix():
    names = ("balanced", "skewed", "judge", "witness", "scenes")
    cards = [load_checkpoint(f"phantom:{name}").card for name in names]
    matrices = [set(card.lineage) - set(without_matrices(card.lineage)) for card in cards]
    assert all(len(each) == 4 for each in matrices)
    assert len(set.union(*matrices)) == sum(map(len, matrices))
    assert all(name.startswith(IMAGE_TOWER) for each in matrices for name in each)


def test_values_that_are_not_finite_are_reasons_and_not_numbers():
    good, bad = as_scores({"a": [0.5, math.inf], "b": [0.1, math.nan]})
    assert good.values == {"a": 0.5, "b": 0.1}
    assert bad.values is None
    assert bad.reason == "The judge returned no finite number for a, b."


def load_card(**given):
    from audit.records import CheckpointCard

    fixed = {"name": "audited", "architecture": "axes", "image_size": 8, "embedding_size": 6, "context_length": 16}
    return CheckpointCard(**fixed, quick_gelu=False, **given)
