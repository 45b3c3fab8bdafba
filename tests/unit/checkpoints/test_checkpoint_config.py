import dataclasses
import json

import open_clip
import pytest
from open_clip.model import CLIPTextCfg, CLIPVisionCfg

from audit.checkpoints.config import (
    FolderConfig,
    TextConfig,
    VisionConfig,
    check,
    parse_folder_config,
    parse_model_config,
)
from audit.checkpoints.safe_files import read_json
from audit.errors import RefusedProblem


def folder_config(**changes):
    content = {"model_cfg": {"embed_dim": 16, "vision_cfg": {}, "text_cfg": {}}, "preprocess_cfg": {}}
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = value
    return content


@pytest.mark.parametrize("arch", open_clip.list_models())
def test_every_built_in_architecture_is_read(arch):
    model_cfg = open_clip.get_model_config(arch)
    assert parse_model_config(model_cfg).embed_dim == model_cfg["embed_dim"]


@pytest.mark.parametrize(("ours", "theirs"), [(VisionConfig, CLIPVisionCfg), (TextConfig, CLIPTextCfg)])
def test_what_a_configuration_leaves_out_means_the_same_as_in_open_clip(ours, theirs):
    defaults = {field.name: field.default for field in dataclasses.fields(theirs)}
    for name, field in ours.model_fields.items():
        # the second is of forks, and means what open_clip does anyway; the third is of its older versions
        if name not in {"tokenizer_kwargs", "proj_type", "global_average_pool"}:
            assert field.default == defaults[name], name


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("model_cfg__text_cfg__tokenizer_kwargs", {"trust_remote_code": True}, "trust_remote_code.*run code"),
        ("model_cfg__text_cfg__hf_model_name", "somebody/else", "hf_model_name.*fetched"),
        ("model_cfg__text_cfg__hf_tokenizer_name", "../../etc", "hf_tokenizer_name"),
        ("model_cfg__text_cfg__tokenizer_mode", "clips", "tokenizer_mode"),
        ("model_cfg__vision_cfg__timm_model_name", "hf-hub:evil/model", "timm_model_name"),
        ("model_cfg__vision_cfg__timm_model_name", "local-dir:/tmp/model", "timm_model_name"),
        ("model_cfg__vision_cfg__patch_size", 0, "patch_size.*greater than or equal to 1"),
        ("model_cfg__vision_cfg__patch_size", 255, "does not fit"),
        ("model_cfg__vision_cfg__layers", 10**9, "layers"),
        ("model_cfg__vision_cfg__image_size", -1, r"refused: `model_cfg.vision_cfg.image_size`: [^`;]*\(found -1\)\."),
        ("model_cfg__vision_cfg__image_size", [224, 192], "not a square"),
        ("model_cfg__vision_cfg__width", 100, "multiple of head_width"),
        ("model_cfg__vision_cfg__width", "768", "valid integer"),
        ("model_cfg__text_cfg__width", 100, "multiple of heads"),
        ("model_cfg__text_cfg__context_length", 100_000, "context_length"),
        ("model_cfg__text_cfg__pad_id", 99_999, "outside of the vocabulary"),
        ("model_cfg__embed_dim", 10**9, "embed_dim"),
        ("model_cfg__cache_dir", "elsewhere", "cache_dir.*not on the list"),
        ("preprocess_cfg__mean", [0.5], "mean"),
        ("preprocess_cfg__std", [0.0, 1.0, 1.0], "std"),
        ("preprocess_cfg__mode", "BGR", "mode"),
        ("auto_map", {"AutoModel": "x.py"}, "auto_map"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(path, value, said):
    with pytest.raises(RefusedProblem, match=said) as caught:
        check(FolderConfig, folder_config(**{path: value}), where="here")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("image_size", [224, 192], "square resolution"),
        ("mask_image", True, "one of fixed size"),
        ("ln_pre", False, "cannot be left out"),
    ],
)
def test_a_setting_that_changes_answers_is_not_to_be_removed(key, value, remedy):
    with pytest.raises(RefusedProblem) as caught:
        check(FolderConfig, folder_config(**{f"model_cfg__vision_cfg__{key}": value}), where="here")
    assert remedy in caught.value.remedy
    assert "Remove" not in caught.value.remedy


@pytest.mark.parametrize("key", ["vision_cfg__global_average_pool", "mask_image", "mask_text"])
def test_a_setting_that_says_what_is_so_anyway_is_read(key):
    said = folder_config(**{f"model_cfg__{key}": False})["model_cfg"]
    assert parse_model_config(said).canonical() == parse_model_config(folder_config()["model_cfg"]).canonical()


def test_harmless_tokenizer_options_are_read():
    config = check(
        FolderConfig, folder_config(model_cfg__text_cfg__tokenizer_kwargs={"clean": "canonicalize"}), where="here"
    )
    assert config.model_cfg.text_cfg.tokenizer_kwargs.clean == "canonicalize"


def test_two_spellings_of_one_model_are_equal():
    short, spelled = folder_config()["model_cfg"], folder_config(model_cfg__vision_cfg__layers=12)["model_cfg"]
    assert parse_model_config(short).canonical() == parse_model_config(spelled).canonical()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not json", "not plain JSON"),
        (b"\xff\xfe{}", "not plain JSON"),
        (b'{"a": 1, "a": 2}', "given twice"),
        (b'{"a": NaN}', "NaN"),
        (b"[" * 200_000, "not plain JSON"),
        (b" " * (1 << 21), "bytes"),
    ],
)
def test_a_file_that_is_not_plain_json_is_refused(tmp_path, content, said):
    path = tmp_path / "open_clip_config.json"
    path.write_bytes(content)
    with pytest.raises(RefusedProblem, match=said):
        read_json(path)


@pytest.mark.parametrize("content", ["[]", "7", "{}", '{"model_cfg": []}'])
def test_json_of_another_shape_is_refused(tmp_path, content):
    path = tmp_path / "open_clip_config.json"
    path.write_text(content)
    with pytest.raises(RefusedProblem):
        parse_folder_config(path)


def test_a_message_escapes_what_the_file_says():
    with pytest.raises(RefusedProblem) as caught:
        check(FolderConfig, json.loads('{"\\u001b[31m\\n::error::": 1}'), where="here")
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)
