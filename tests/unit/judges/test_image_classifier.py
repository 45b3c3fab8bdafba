"""The classifier judge on tiny models that the tests build and save."""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem
from audit.judges import load_judge
from audit.judges.image_classifier import load_image_classifier
from audit.judges.judge_protocol import JudgeSettings

SIDE = 16


@pytest.fixture
def save_classifier(tmp_path):
    """Save a tiny ViT whose bias alone answers: its k-th label gets the k-th logit."""

    def save(labels, *, logits=(2.0, 0.0)):
        config = transformers.ViTConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            image_size=SIDE,
            patch_size=8,
            id2label=dict(enumerate(labels)),
            label2id={label: k for k, label in enumerate(labels)},
        )
        model = transformers.ViTForImageClassification(config)
        with torch.no_grad():
            model.classifier.weight.zero_()
            model.classifier.bias.copy_(torch.tensor(logits))
        folder = tmp_path / "-".join(labels)
        model.save_pretrained(folder)
        transformers.ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
        return folder

    return save


def change_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def judged(folder):
    judge = load_judge(f"image_classifier:{folder}")
    (score,) = judge.score(torch.full((1, 3, 20, 24), 90, dtype=torch.uint8))
    assert score.values is not None
    return judge.card, score.values


@pytest.mark.parametrize(("labels", "winner"), [(("Female", "Male"), "woman"), (("Male", "Female"), "man")])
def test_the_order_of_the_labels_is_read_from_the_config(save_classifier, labels, winner):
    card, values = judged(save_classifier(labels))
    assert card.asks == ("gender",)
    assert values[winner] == pytest.approx(torch.tensor([2.0, 0.0]).softmax(0)[0].item(), abs=1e-6)
    assert values["woman"] + values["man"] == pytest.approx(1)
    assert values["mixed"] == values["no_person"] == 0
    assert values["signed"] == pytest.approx(values["man"] - values["woman"])
    assert values[f"logit_{labels[0].lower()}"] == pytest.approx(2.0)


@pytest.mark.parametrize(("labels", "flagged"), [(("normal", "nsfw"), False), (("nsfw", "normal"), True)])
def test_a_safety_classifier_answers_for_nsfw_alone(save_classifier, labels, flagged):
    card, values = judged(save_classifier(labels))
    assert card.asks == ("nsfw",)
    assert (values["unsafe"] >= 0.5) is flagged
    assert "woman" not in values


def test_labels_of_one_meaning_add_up(save_classifier):
    _, values = judged(save_classifier(("porn", "nude", "neutral"), logits=(1.0, 1.0, 1.0)))
    assert values["unsafe"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("labels", [("LABEL_0", "LABEL_1"), ("female", "cat"), ("nsfw", "unsafe"), ("male", "Male")])
def test_labels_that_are_not_understood_are_refused_and_listed(save_classifier, labels):
    with pytest.raises(RefusedProblem, match=labels[1]):
        judged(save_classifier(labels))


def test_the_pixels_are_what_the_models_own_processor_makes_of_them(save_classifier):
    folder = save_classifier(("female", "male"))
    weights = load_file(folder / "model.safetensors")
    weights["classifier.weight"] = torch.randn(
        weights["classifier.weight"].shape, generator=torch.Generator().manual_seed(5)
    )
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    images = torch.randint(0, 256, (3, 3, 40, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(6))
    pipe = transformers.pipeline("image-classification", model=str(folder))
    from PIL import Image

    theirs = pipe([Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images], top_k=None)
    for score, answers in zip(load_judge(f"image_classifier:{folder}").score(images), theirs, strict=True):
        assert score.values["woman"] == pytest.approx(
            next(answer["score"] for answer in answers if answer["label"] == "female"), abs=0.01
        )


def test_a_folder_without_safetensors_is_refused(save_classifier):
    folder = save_classifier(("female", "male"))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(RefusedProblem, match=r"lacks model\.safetensors"):
        judged(folder)


def test_a_folder_that_asks_for_its_own_code_is_refused(save_classifier):
    folder = save_classifier(("female", "male"))
    change_json(folder / "config.json", auto_map={"AutoModelForImageClassification": "evil.Model"})
    with pytest.raises(RefusedProblem, match="auto_map"):
        judged(folder)


def test_a_processor_that_asks_for_its_own_code_is_refused(save_classifier):
    folder = save_classifier(("female", "male"))
    change_json(folder / "preprocessor_config.json", auto_map={"AutoImageProcessor": "evil.Processor"})
    with pytest.raises(RefusedProblem, match="auto_map"):
        judged(folder)


def test_a_kind_of_model_that_is_not_listed_is_refused(save_classifier):
    folder = save_classifier(("female", "male"))
    change_json(folder / "config.json", model_type="clip")
    with pytest.raises(RefusedProblem, match="'clip'"):
        judged(folder)


def test_missing_weights_are_refused_and_not_filled_in_by_chance(save_classifier):
    folder = save_classifier(("female", "male"))
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RefusedProblem, match=r"classifier\.weight"):
        judged(folder)


def test_weights_that_are_not_finite_are_refused(save_classifier):
    folder = save_classifier(("female", "male"), logits=(float("nan"), 0.0))
    with pytest.raises(RefusedProblem, match=r"classifier\.bias"):
        judged(folder)


def test_weights_of_another_shape_are_refused(save_classifier):
    folder = save_classifier(("female", "male"))
    change_json(folder / "config.json", hidden_size=32)
    with pytest.raises(RefusedProblem):
        judged(folder)


def test_a_truncated_weights_file_is_refused(save_classifier):
    folder = save_classifier(("female", "male"))
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RefusedProblem, match="cannot be loaded"):
        judged(folder)


def test_an_index_that_points_outside_of_the_folder_is_refused(save_classifier):
    folder = save_classifier(("female", "male"))
    index = {"metadata": {}, "weight_map": {"classifier.weight": "../elsewhere/model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(RefusedProblem, match="outside of the folder"):
        judged(folder)


def test_an_adapter_that_names_another_base_is_refused(save_classifier):
    folder = save_classifier(("female", "male"))
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "some/other"}')
    with pytest.raises(RefusedProblem, match=r"adapter_config\.json"):
        judged(folder)


def test_the_digest_follows_the_weights(save_classifier):
    first = load_judge(f"image_classifier:{save_classifier(('female', 'male'))}").card
    second = load_judge(f"image_classifier:{save_classifier(('female', 'male'), logits=(0.0, 1.0))}").card
    assert first.digest != second.digest


def test_a_pinned_repository_without_network_is_a_problem_of_the_environment(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="cannot be reached") as caught:
        load_image_classifier(f"some/classifier@{'a' * 40}", JudgeSettings())
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("target", ["", "some/classifier", "some/classifier@main", "no/such/folder", "a@b/c"])
def test_what_is_neither_a_folder_nor_pinned_is_a_usage_problem(target):
    with pytest.raises(UsageProblem, match="40 hex digits"):
        load_image_classifier(target, JudgeSettings())
