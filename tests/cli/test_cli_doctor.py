"""``clip-audit doctor CHECKPOINT``: what it is, what says so, what is missing, and what to do; nothing is audited."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from audit.checkpoints import build_model
from audit.early_checks import PHANTOMS
from audit.errors import ExitCode

PHANTOM = PHANTOMS / "scenes"
TINY = {
    "embed_dim": 16,
    "vision_cfg": {"layers": 1, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 32},
    "text_cfg": {"context_length": 16, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(PHANTOM, tmp_path / "copy")


def facts(said):
    return {one["name"]: (one["found"], one["source"]) for one in said.json["facts"]}


def test_a_sound_folder_is_described_with_the_source_of_every_number(cli, folder):
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [clip]\n---\n# A model\n")
    content = json.loads((folder / "open_clip_config.json").read_text())
    del content["preprocess_cfg"]["resize_mode"]
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    said = cli("doctor", str(folder), "--json")
    assert said.code == ExitCode.OK, said.err
    found = facts(said)
    assert found["form"][0] == "a folder, as open_clip saves it"
    assert found["mean"] == ("0.5 0.5 0.5", "open_clip_config.json")
    assert found["resize_mode"] == ("shortest", "default of open_clip, not stated")
    assert found["precision"][0] == "stored in float16, computed in float32"
    assert found["licence"] == ("mit", "README.md")
    assert found["sanity"][0] == "passed"
    assert len(found["digest"][0]) == 64
    assert (said.json["ok"], said.json["problems"], said.json["doubts"]) == (True, [], [])


def test_a_doubt_is_said_and_is_no_refusal(cli, folder):
    content = json.loads((folder / "open_clip_config.json").read_text())
    content["preprocess_cfg"] |= {"mean": [0.0] * 3, "std": [1.0] * 3}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    said = cli("doctor", str(folder))
    assert said.code == ExitCode.OK
    assert "Warning: Read with" in said.err
    assert "It can be audited." in said.out


def test_several_things_that_are_missing_are_told_at_once_and_mended_one_by_one(cli, tmp_path):
    save_file({"logit_scale": torch.ones(())}, tmp_path / "w.safetensors")
    said = cli("doctor", str(tmp_path / "w.safetensors"), "--arch", "ViT-L-14", "--json")
    assert said.code == ExitCode.USAGE
    remedies = [one["remedy"] for one in said.json["problems"]]
    assert len(remedies) == 2
    assert "--preprocess" in remedies[0]
    assert "text tower alone" in remedies[1]
    assert facts(said)["pictures"][1] == "missing"
    more = cli("doctor", str(tmp_path / "w.safetensors"), "--arch", "ViT-L-14", "--preprocess", "openai", "--json")
    assert [one["exit_code"] for one in more.json["problems"]] == [ExitCode.REFUSED]


def test_a_folder_that_is_none_is_listed(cli, tmp_path):
    (tmp_path / "weights.gguf").write_bytes(b"GGUF")
    said = cli("doctor", str(tmp_path), "--json")
    assert said.code == ExitCode.REFUSED
    assert facts(said)["folder"][0] == "1 entries: weights.gguf"
    assert said.json["ok"] is False


def test_a_file_without_an_architecture_is_told_which_it_fits_and_that_works(cli, tmp_path, monkeypatch):
    import open_clip

    known = {"tiny": TINY, "tiny-wide": {**TINY, "embed_dim": 24}}
    monkeypatch.setattr(open_clip, "list_models", lambda: list(known))
    monkeypatch.setattr(open_clip, "get_model_config", known.__getitem__)
    save_file(build_model(TINY).state_dict(), tmp_path / "w.safetensors")
    said = cli("doctor", str(tmp_path / "w.safetensors"), "--json")
    assert said.code == ExitCode.USAGE
    assert facts(said)["architecture"] == ("tiny, by names and shapes", "w.safetensors")
    options = ("--preprocess", "ViT-B-32/openai", "--waive-sanity", "--json")
    wrong = cli("doctor", str(tmp_path / "w.safetensors"), "--arch", "tiny-wide", *options)
    assert "weights of tiny: name it with --arch" in wrong.json["problems"][0]["remedy"]
    right = cli("doctor", str(tmp_path / "w.safetensors"), "--arch", "tiny", *options)
    assert right.code == ExitCode.OK, right.err
    assert facts(right)["mean"][1] == "open_clip's record of ViT-B-32/openai (--preprocess)"


def test_nothing_of_a_pickle_is_read_unasked(cli, folder):
    torch.save(load_file(folder / "open_clip_model.safetensors"), folder / "open_clip_pytorch_model.bin")
    (folder / "open_clip_model.safetensors").unlink()
    assert cli("doctor", str(folder)).code == ExitCode.REFUSED
    assert cli("doctor", str(folder), "--allow-pickle").code == ExitCode.OK
