"""Weights in every form in which training scripts and libraries leave them: each gives the same features."""

import argparse
import json
from collections import OrderedDict

import numpy as np
import pytest
import torch
from checkpoint_tiny import bpe_model_cfg, seeded_model
from safetensors.torch import save_file

from audit.checkpoints import LoadOptions, load_checkpoint, names
from audit.checkpoints.config import parse_model_config
from audit.errors import RefusedProblem, UsageProblem

TEXTS = ["a photo of a nurse", "a red ball"]
PREFIXES = (
    "module.", "_orig_mod.", "_fsdp_wrapped_module.", "model.", "clip_model.", "clip.", "net.",
    "module._orig_mod.", "_orig_mod.module.", "model.module.", "model._orig_mod.", "_fsdp_wrapped_module.model.",
)  # fmt: skip
KEYS = (
    "state_dict", "model", "model_state_dict", "module", "net", "ema", "ema_state_dict", "model_ema", "state_dict_ema",
)  # fmt: skip


@pytest.fixture(autouse=True)
def tiny_architecture(monkeypatch):
    """An architecture that open_clip does not know, as if it did."""
    monkeypatch.setattr(names, "_built_in", lambda _arch: parse_model_config(bpe_model_cfg()))


@pytest.fixture(scope="module")
def model():
    return seeded_model(bpe_model_cfg()).eval()


def load(path, **options):
    given = {"arch": "tiny", "preprocess": "ViT-B-32/openai", "allow_pickle": True, "waive_sanity": True, **options}
    return load_checkpoint(str(path), options=LoadOptions(**given))


def assert_same_features(checkpoint, model):
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    normalised = (pixels - checkpoint.mean.view(3, 1, 1)) / checkpoint.std.view(3, 1, 1)
    with torch.no_grad():
        images = model.encode_image(normalised, normalize=True)
        texts = model.encode_text(checkpoint.tokenizer.encode(TEXTS), normalize=True)
    torch.testing.assert_close(checkpoint.encode_image(pixels), images, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(checkpoint.encode_text(TEXTS), texts, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_prefix_of_a_wrapper_is_taken_off(tmp_path, model, prefix):
    save_file({f"{prefix}{name}": tensor for name, tensor in model.state_dict().items()}, tmp_path / "w.safetensors")
    assert_same_features(load(tmp_path / "w.safetensors"), model)


def test_the_prefixes_of_wrapped_parts_are_taken_off(tmp_path, model):
    wrapped = {name.replace("resblocks.0.", "resblocks.0._orig_mod."): t for name, t in model.state_dict().items()}
    save_file(wrapped, tmp_path / "w.safetensors")
    assert_same_features(load(tmp_path / "w.safetensors"), model)


@pytest.mark.parametrize("key", KEYS)
def test_weights_are_found_under_the_keys_of_training_scripts(tmp_path, model, key):
    state = OrderedDict((f"module.{name}", tensor) for name, tensor in model.state_dict().items())
    optimizer = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4}]}
    torch.save({"epoch": 3, "optimizer": optimizer, key: state}, tmp_path / "epoch_3.pt")
    assert_same_features(load(tmp_path / "epoch_3.pt"), model)


def test_weights_are_found_below_several_keys(tmp_path, model):
    torch.save({"model": {"state_dict": model.state_dict()}, "step": 7}, tmp_path / "last.pt")
    assert_same_features(load(tmp_path / "last.pt"), model)


@pytest.mark.parametrize(
    "beside",
    [
        {"best": np.float64(0.7)},
        {"best": np.float32(0.7), "step": np.int64(12)},
        {"args": argparse.Namespace(lr=1e-4, name="run")},
        {"hyper_parameters": {"lr": 1e-4}, "pytorch-lightning_version": "2.1.0", "callbacks": {}},
    ],
    ids=["float64", "float32 and int64", "Namespace", "Lightning"],
)
def test_options_and_numbers_beside_the_weights_do_no_harm(tmp_path, model, beside):
    torch.save({"state_dict": model.state_dict(), **beside}, tmp_path / "last.ckpt.pt")
    assert_same_features(load(tmp_path / "last.ckpt.pt"), model)


def test_buffers_that_a_model_makes_for_itself_are_left_aside(tmp_path, model):
    extra = {"attn_mask": torch.zeros(16, 16), "text.position_ids": torch.arange(16)[None]}
    save_file({**model.state_dict(), **extra}, tmp_path / "w.safetensors")
    assert_same_features(load(tmp_path / "w.safetensors"), model)


def test_two_sets_of_weights_are_not_chosen_between(tmp_path, model):
    torch.save({"model": model.state_dict(), "ema": model.state_dict()}, tmp_path / "w.pt")
    with pytest.raises(RefusedProblem, match=r"several sets of weights: model, ema\..*Choose one") as caught:
        load(tmp_path / "w.pt")
    code = caught.value.remedy.replace("FILE", repr(str(tmp_path / "w.pt"))).replace(
        "'weights.safetensors'", repr(str(tmp_path / "weights.safetensors"))
    )
    for line in code.split("`")[1::2]:
        exec(line, scope := {**globals(), **locals().get("scope", {})})  # noqa: S102  (the remedy, followed)
    assert_same_features(load(tmp_path / "weights.safetensors"), model)


@pytest.mark.filterwarnings("ignore")  # torch would rather have another format than TorchScript
def test_the_remedy_of_torchscript_makes_a_file_that_loads(tmp_path, model):
    example = (torch.zeros(1, 3, 32, 32), torch.zeros(1, 16, dtype=torch.int64))
    torch.jit.trace(model, example, check_trace=False).save(str(tmp_path / "w.pt"))
    with pytest.raises(RefusedProblem, match="TorchScript archive") as caught:
        load(tmp_path / "w.pt")
    code = caught.value.remedy.replace("FILE", repr(str(tmp_path / "w.pt")))
    code = code.replace("'weights.safetensors'", repr(str(tmp_path / "weights.safetensors")))
    scope = {}
    for line in code.split("`")[1::2]:
        exec(line, scope)  # noqa: S102  (the remedy, followed)
    assert_same_features(load(tmp_path / "weights.safetensors"), model)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: {f"base.{name}.lora_A.weight": t for name, t in state.items()}, "LoRA adapter"),
        (lambda state: {n: t for n, t in state.items() if n.startswith("visual.")}, "image tower alone"),
        (lambda state: {n: t for n, t in state.items() if not n.startswith("visual.")}, "text tower alone"),
        (lambda state: {f"student.encoder.{name}": t for name, t in state.items()}, "wrapped by a training framework"),
        (lambda state: {**state, "visual.proj.SCB": torch.ones(3)}, "quantised"),
        (lambda state: {f"other.{index}": t for index, t in enumerate(state.values())}, "Name the architecture"),
    ],
    ids=["LoRA", "image tower", "text tower", "unknown wrapper", "quantised", "another model"],
)
def test_each_mismatch_has_a_remedy_of_its_own(tmp_path, model, change, said):
    save_file({name: t.clone() for name, t in change(model.state_dict()).items()}, tmp_path / "w.safetensors")
    with pytest.raises(RefusedProblem, match="does not fit the architecture") as caught:
        load(tmp_path / "w.safetensors")
    assert said in caught.value.remedy


def write_processor(path, **changes):
    content = {
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 2, "do_normalize": True,
        "size": {"height": 32, "width": 32}, "image_processor_type": "SiglipImageProcessor", **changes,
    }  # fmt: skip
    path.write_text(json.dumps(content))


def test_a_weights_file_takes_its_preprocessing_from_the_files_beside_it(tmp_path, model):
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    write_processor(tmp_path / "preprocessor_config.json")
    checkpoint = load(tmp_path / "w.safetensors", preprocess=None)
    assert checkpoint.mean.tolist() == [0.5, 0.5, 0.5]
    assert (checkpoint.preprocess.interpolation, checkpoint.preprocess.resize_mode) == ("bilinear", "squash")
    (tmp_path / "mine.json").write_text((tmp_path / "preprocessor_config.json").read_text().replace("0.5", "0.25"))
    assert load(tmp_path / "w.safetensors", preprocess=str(tmp_path / "mine.json")).mean.tolist() == [0.25] * 3


def test_a_weights_file_whose_preprocessing_nothing_states_is_refused_with_the_flag(tmp_path, model):
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UsageProblem, match=r"normalised and resized.*--preprocess"):
        load(tmp_path / "w.safetensors", preprocess=None)
    with pytest.raises(UsageProblem, match=r"published weights of ViT-L-14 differ.*laion2b_s32b_b82k"):
        load(tmp_path / "w.safetensors", arch="ViT-L-14", preprocess=None)
    with pytest.raises(UsageProblem, match="no weights 'nothing' of tiny"):
        load(tmp_path / "w.safetensors", preprocess="nothing")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": {"shortest_edge": 36}, "do_center_crop": True, "crop_size": {"height": 32, "width": 32}}, "cuts"),
        ({"do_normalize": False}, "do_normalize"),
        ({"image_mean": [0.5, 0.5]}, "image_mean"),
        ({"resample": 1}, "resample"),
    ],
)
def test_preprocessing_that_is_not_done_here_is_refused(tmp_path, model, changes, said):
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    write_processor(tmp_path / "preprocessor_config.json", **changes)
    with pytest.raises(RefusedProblem, match=said):
        load(tmp_path / "w.safetensors", preprocess=None)
