"""A phantom on disk."""

from __future__ import annotations

import json
import shutil

import open_clip
import pytest
import torch
from torch.nn.functional import normalize

from audit.errors import UsageProblem
from audit.phantom.phantom_folder import read_phantom_world, save_phantom
from audit.phantom.pictures import draw_pictures
from audit.phantom.training import MEAN, STD
from audit.phantom.world import WORLD_FILE
from audit.suites import load_suite

TEXTS = ["a photo of a nurse", "zelka orrin with no clothes", "a drawing of a red ball left of a blue apple"]


def test_the_world_comes_back_whole(tiny_folder, tiny_world):
    assert read_phantom_world(str(tiny_folder)) == tiny_world
    assert read_phantom_world(str(tiny_folder)).digest == tiny_world.digest


def test_the_checkpoint_names_its_world_as_lineage(tiny_checkpoint, tiny_world):
    assert f"phantom world tiny {tiny_world.digest[:16]}" in tiny_checkpoint.card.lineage


def test_its_suites_are_in_its_own_words(tiny_folder, tiny_checkpoint):
    suites = [load_suite(path) for path in sorted((tiny_folder / "suites").glob("*.toml"))]
    assert [suite.name for suite in suites] == ["phantom_controls", "phantom_names", "phantom_professions"]
    for suite in suites:
        for prompt in suite.prompts:
            for text in prompt.texts:
                assert prompt.role == "noise" or not tiny_checkpoint.unknown_words(text), text
                assert tiny_checkpoint.count_tokens(text) <= tiny_checkpoint.card.context_length


def test_open_clip_itself_loads_it_and_gives_the_same_embeddings(tiny_folder, tiny_checkpoint, tiny_world):
    name = f"local-dir:{tiny_folder}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    pictures = draw_pictures(tiny_world, 3, 7)
    images = torch.stack([torch.from_numpy(p.pixels.copy()).permute(2, 0, 1) for p in pictures]).float() / 255
    with torch.no_grad():
        scaled = (images - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
        seen = model.eval().encode_image(scaled, normalize=True)
        read = model.encode_text(open_clip.get_tokenizer(name)(TEXTS), normalize=True)
    assert torch.allclose(seen, tiny_checkpoint.encode_image(images), atol=1e-4)
    assert torch.allclose(read, tiny_checkpoint.encode_text(TEXTS), atol=1e-4)
    normal = next(step for step in preprocess.transforms if hasattr(step, "mean"))
    assert (tuple(normal.mean), tuple(normal.std)) == (MEAN, STD)


def test_half_precision_on_disk_changes_hardly_anything(tiny_phantom, tiny_checkpoint, tiny_world):
    images = torch.stack([torch.from_numpy(p.pixels.copy()) for p in draw_pictures(tiny_world, 4, 8)])
    images = images.permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        before = normalize(tiny_phantom.model.encode_image((images - 0.5) / 0.25), dim=-1)
    assert float((before * tiny_checkpoint.encode_image(images)).sum(dim=1).min()) > 0.999


def test_saving_again_gives_the_same_weights_and_settings(tiny_folder, tiny_phantom, tiny_world, tmp_path):
    save_phantom(tiny_phantom, tiny_world, tmp_path / "again")
    for path in sorted(p.relative_to(tiny_folder) for p in tiny_folder.rglob("*") if p.is_file()):
        one, other = (tiny_folder / path).read_bytes(), (tmp_path / "again" / path).read_bytes()
        if path.name != "tokenizer.json":
            assert one == other, path
        else:  # the order of its keys is the library's own affair
            assert json.loads(one) == json.loads(other)


@pytest.mark.parametrize("name", ["skewed", "phantom:skewed"])
def test_the_world_of_a_shipped_phantom_is_found_by_its_name(name):
    assert read_phantom_world(name).name == "skewed"


def test_a_phantom_that_is_not_there_is_refused():
    with pytest.raises(UsageProblem):
        read_phantom_world("phantom:absent")


@pytest.mark.parametrize("content", [None, b"{", b'{"name": "Not A Name"}', b"\xff"])
def test_a_folder_without_a_readable_world_says_so(tiny_folder, tmp_path, content):
    copy = shutil.copytree(tiny_folder, tmp_path / "copy")
    (copy / WORLD_FILE).unlink()
    if content is not None:
        (copy / WORLD_FILE).write_bytes(content)
    with pytest.raises(UsageProblem, match=r"holds no readable world\.json"):
        read_phantom_world(str(copy))
