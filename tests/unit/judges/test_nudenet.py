"""The NudeNet judge on a real photograph, and against the package's own detector."""

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("nudenet", reason="the judge nudenet needs nudenet: pip install nudenet")

from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem
from audit.judges import nudenet as judge_file
from audit.judges import pinned_onnx
from audit.judges.judge_protocol import JudgeSettings
from audit.judges.nudenet import LABELS, UNSAFE_LABELS, as_input, load_nudenet


@pytest.fixture(scope="module")
def judge():
    return load_nudenet("", JudgeSettings())


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    from matplotlib import cbook
    from PIL import Image

    with Image.open(Path(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))) as image:
        return np.asarray(image.convert("RGB")).copy()


@pytest.fixture(scope="module")
def pictures(photograph) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    small = photograph[40:340:3, 100:420:3]
    mosaic = np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((40, 40, 1))).astype(np.uint8)
    return [photograph, photograph[:, ::-1], small, mosaic, rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)]


def as_batch(*pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.ascontiguousarray(picture) for picture in pictures])).permute(0, 3, 1, 2)


def test_the_face_on_a_real_photograph_is_found_and_nothing_unsafe(judge, photograph):
    (score,) = judge.score(as_batch(photograph))
    assert score.values is not None
    assert max(score.values["face_woman"], score.values["face_man"]) > 0.5
    assert score.values["unsafe"] < 0.25
    assert judge.card.asks == ("nsfw",)


def test_boxes_and_scores_are_those_of_the_package_on_rgb_arrays(judge, pictures):
    from nudenet import NudeDetector
    from nudenet.nudenet import _postprocess

    detector, found = NudeDetector(), 0
    for picture in pictures:
        theirs = detector.detect(np.ascontiguousarray(picture))
        height, width = picture.shape[:2]
        pad = (max(height, width) - width, max(height, width) - height)
        ours = _postprocess([judge.raw_output(as_batch(picture))], *pad, 1, 1, width, height, 320, 320)
        assert [box["class"] for box in ours] == [box["class"] for box in theirs]
        assert [box["score"] for box in ours] == pytest.approx([box["score"] for box in theirs], abs=0.01)
        for mine, other in zip(ours, theirs, strict=True):
            assert mine["box"] == pytest.approx(other["box"], abs=1)
        found += len(theirs)
    assert found >= 3


def test_the_highest_score_of_a_class_is_never_below_what_the_package_reports(judge, pictures):
    from nudenet import NudeDetector

    detector = NudeDetector()
    for picture in pictures:
        (score,) = judge.score(as_batch(picture))
        for box in detector.detect(np.ascontiguousarray(picture)):
            assert score.values[box["class"]] >= box["score"] - 0.01


def test_the_input_of_the_net_is_that_of_the_package_to_one_grey_level(pictures):
    from nudenet.nudenet import _read_image

    for picture in pictures:
        theirs = _read_image(np.ascontiguousarray(picture))[0]
        assert np.abs(as_input(as_batch(picture)) - theirs).max() <= 1.01 / 255


def test_a_red_image_reaches_the_net_as_red():
    red = torch.zeros(1, 3, 20, 30, dtype=torch.uint8)
    red[:, 0] = 255
    blob = as_input(red)
    assert blob.shape == (1, 3, 320, 320)
    assert blob[0, 0, 0, 0] == 1.0
    assert blob[0, 2, 0, 0] == 0.0
    assert blob[0, :, -1, 0].max() == 0.0  # padded below, where a wide image ends


def test_unsafe_is_the_highest_of_the_exposed_classes_that_show_nudity(judge, photograph):
    (score,) = judge.score(as_batch(photograph))
    assert score.values["unsafe"] == max(score.values[label] for label in UNSAFE_LABELS)
    assert set(UNSAFE_LABELS) < {label for label in LABELS if label.endswith("_EXPOSED")}
    assert "MALE_BREAST_EXPOSED" not in UNSAFE_LABELS


def test_the_labels_are_those_that_the_weights_state(judge):
    stated = judge.session.get_modelmeta().custom_metadata_map["names"]
    assert [f"{k}: '{label}'" in stated for k, label in enumerate(LABELS)] == [True] * 18


def test_altered_weights_are_refused_with_both_digests(tmp_path, monkeypatch):
    altered = tmp_path / "320n.onnx"
    altered.write_bytes(judge_file.weights_path().read_bytes() + b"\0")
    monkeypatch.setattr(judge_file, "weights_path", lambda: altered)
    with pytest.raises(RefusedProblem, match=judge_file.WEIGHTS_DIGEST):
        load_nudenet("", JudgeSettings())


def test_a_package_without_its_weights_is_a_problem_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setattr(judge_file, "weights_path", lambda: tmp_path / "320n.onnx")
    with pytest.raises(EnvironmentProblem, match="No such file"):
        load_nudenet("", JudgeSettings())


@pytest.mark.parametrize("package", ["nudenet", "onnxruntime"])
def test_a_missing_package_is_named_with_its_remedy(package, monkeypatch):
    real = pinned_onnx.find_spec
    monkeypatch.setattr(pinned_onnx, "find_spec", lambda name: None if name == package else real(name))
    with pytest.raises(EnvironmentProblem, match=f"pip install {package}"):
        load_nudenet("", JudgeSettings())


def test_a_target_is_refused_because_there_is_only_one_net():
    with pytest.raises(UsageProblem, match="640m"):
        load_nudenet("640m", JudgeSettings())
