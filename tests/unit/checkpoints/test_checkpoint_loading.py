"""Names, cards, the laws of encoding, the sanity check, and what open_clip makes of an exported folder."""

import json
import math
import shutil

import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from audit import early_checks
from audit.checkpoints import LoadOptions, build_model, load_checkpoint
from audit.checkpoints.sanity import LEAST_RANKING, captions, check_sanity, load_pictures, rank_matches
from audit.early_checks import phantom_folder
from audit.errors import EnvironmentProblem, ExitCode, RefusedProblem, UsageProblem
from audit.lineage import without_matrices

WAIVED = LoadOptions(waive_sanity=True)
WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture(scope="module")
def checkpoint(trained_source):
    return load_checkpoint(str(trained_source))


def random_pixels(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


def change_config(folder, change):
    config = json.loads((folder / "open_clip_config.json").read_text())
    change(config)
    (folder / "open_clip_config.json").write_text(json.dumps(config))


def test_a_marker_file_beside_a_tokenizer_that_asks_for_remote_code_is_not_run(trained_folder):
    marker = trained_folder / "marker"
    (trained_folder / "tok.py").write_text(f"open({str(marker)!r}, 'w').close()\nclass Tok: pass\n")
    (trained_folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "Tok", "auto_map": {"AutoTokenizer": ["tok.Tok", None]}, "pad_token": "[PAD]"})
    )
    load_checkpoint(str(trained_folder))  # what tokenizer_config.json asks for is not even looked at
    assert not marker.exists()
    change_config(
        trained_folder,
        lambda config: config["model_cfg"]["text_cfg"].update(tokenizer_kwargs={"trust_remote_code": True}),
    )
    with pytest.raises(RefusedProblem, match=r"trust_remote_code.*run code") as caught:
        load_checkpoint(str(trained_folder))
    assert caught.value.exit_code is ExitCode.REFUSED
    assert not marker.exists()


def test_a_tokenizer_of_another_repository_is_not_fetched(trained_folder):
    change_config(
        trained_folder, lambda config: config["model_cfg"]["text_cfg"].update(hf_tokenizer_name="evil/tokenizer")
    )
    assert load_checkpoint(str(trained_folder)).count_tokens("a red ball") == 5
    (trained_folder / "tokenizer.json").unlink()
    with pytest.raises(RefusedProblem, match=r"evil/tokenizer.*no tokenizer\.json"):
        load_checkpoint(str(trained_folder))


def test_the_card_says_what_was_loaded(checkpoint):
    card = checkpoint.card
    assert (card.image_size, card.embedding_size, card.context_length, card.quick_gelu) == (32, 16, 12, False)
    assert len(card.digest) == 64
    assert "world:abc" in card.lineage
    assert any(item.startswith("weights:") for item in card.lineage)


def test_the_digest_is_of_content_and_not_of_the_name(checkpoint, trained_folder):
    assert load_checkpoint(str(trained_folder)).card.digest == checkpoint.card.digest
    change_config(trained_folder, lambda config: config["preprocess_cfg"].update(mean=[0.5, 0.4, 0.31]))
    assert load_checkpoint(str(trained_folder)).card.digest != checkpoint.card.digest


def test_the_model_is_frozen_evaluated_and_in_single_precision(checkpoint):
    assert not checkpoint.model.training
    assert not any(parameter.requires_grad for parameter in checkpoint.model.parameters())
    assert {parameter.dtype for parameter in checkpoint.model.parameters()} == {torch.float32}


def test_loading_leaves_the_ambient_generator_alone(trained_source):
    before = torch.get_rng_state()
    load_checkpoint(str(trained_source))
    assert torch.equal(before, torch.get_rng_state())


def test_gradients_reach_the_pixels_through_the_tower(checkpoint):
    pixels = random_pixels(1, 3, 32, 32).requires_grad_()
    checkpoint.visual(pixels).square().sum().backward()
    assert pixels.grad is not None
    assert pixels.grad.abs().sum() > 0


@pytest.mark.parametrize("size", [(32, 32), (20, 50), (64, 64)])
def test_image_embeddings_have_unit_length_in_any_size(checkpoint, size):
    embeddings = checkpoint.encode_image(random_pixels(3, 3, *size))
    assert embeddings.shape == (3, 16)
    torch.testing.assert_close(embeddings.norm(dim=-1), torch.ones(3))


def test_embeddings_do_not_depend_on_the_batch(checkpoint):
    images = random_pixels(70, 3, 32, 32)
    texts = [captions()[index % 12] for index in range(300)]
    torch.testing.assert_close(checkpoint.encode_image(images)[65:66], checkpoint.encode_image(images[65:66]))
    torch.testing.assert_close(checkpoint.encode_text(texts)[290:291], checkpoint.encode_text(texts[290:291]))


def test_nothing_gives_no_rows(checkpoint):
    assert checkpoint.encode_text([]).shape == (0, 16)
    assert checkpoint.encode_image(torch.zeros(0, 3, 32, 32)).shape == (0, 16)


def test_bytes_are_not_taken_for_pixels_in_the_unit_interval(trained_source):
    checkpoint = load_checkpoint(str(trained_source))
    with pytest.raises(Exception, match=r"real numbers|type|violat"):
        checkpoint.encode_image(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))


def test_open_clip_itself_loads_an_exported_folder_and_agrees(checkpoint, trained_source):
    name = f"local-dir:{trained_source}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    tokenizer = open_clip.get_tokenizer(name)
    model.eval()
    texts = [*captions(), "a zebra", "a photo of " + "red " * 30]
    array = (load_pictures()[:4] * 255).round().to(torch.uint8)
    pictures = [Image.fromarray(picture.permute(1, 2, 0).numpy()) for picture in array]
    assert torch.equal(tokenizer(texts), checkpoint.tokenizer.encode(texts))
    with torch.no_grad():
        theirs = model.encode_text(tokenizer(texts), normalize=True)
        same_size = torch.stack([preprocess(picture.resize((32, 32))) for picture in pictures])
        theirs_of_images = model.encode_image(same_size, normalize=True)
        theirs_resized = model.encode_image(torch.stack([preprocess(picture) for picture in pictures]), normalize=True)
    torch.testing.assert_close(checkpoint.encode_text(texts), theirs)
    resized = torch.stack([torch.tensor(list(p.resize((32, 32)).tobytes())).view(32, 32, 3) for p in pictures])
    torch.testing.assert_close(checkpoint.encode_image(resized.permute(0, 3, 1, 2) / 255), theirs_of_images)
    assert (checkpoint.encode_image(array / 255) * theirs_resized).sum(dim=-1).min() > 0.999  # Pillow rounds to 8 bits


def test_a_model_that_learned_the_pairs_passes_the_gate(checkpoint):
    sanity = check_sanity(checkpoint)
    assert sanity.ranking > 0.9
    assert sanity.n_pairs == 12


def test_ranking_is_one_for_matches_and_half_by_chance():
    assert rank_matches(torch.eye(5)) == 1.0
    assert rank_matches(torch.ones(5, 5)) == 0.5
    noise = torch.randn(200, 200, generator=torch.Generator().manual_seed(3))
    assert abs(rank_matches(noise) - 0.5) < 0.1


def shuffle_weights(folder):
    state = load_file(folder / WEIGHTS)
    generator = torch.Generator().manual_seed(5)
    for name, tensor in state.items():
        if tensor.ndim >= 2:
            state[name] = (torch.randn(tensor.shape, generator=generator) * 0.05).half()
    save_file(state, folder / WEIGHTS)


def test_weights_that_mean_nothing_are_refused_unless_the_gate_is_waived(trained_folder):
    shuffle_weights(trained_folder)
    with pytest.raises(RefusedProblem, match="does not tell matched"):
        load_checkpoint(str(trained_folder))
    waived = load_checkpoint(str(trained_folder), options=WAIVED)
    assert rank_matches(waived.encode_image(load_pictures()) @ waived.encode_text(captions()).T) < LEAST_RANKING


@pytest.mark.parametrize("exponent", [-1.0, 12.0])
def test_a_logit_scale_that_no_model_has_is_refused(trained_folder, exponent):
    state = load_file(trained_folder / WEIGHTS)
    state["logit_scale"] = torch.tensor(exponent)
    save_file(state, trained_folder / WEIGHTS)
    with pytest.raises(RefusedProblem, match="logit scale"):
        load_checkpoint(str(trained_folder))
    state["logit_scale"] = torch.tensor([math.log(100)])  # as some versions write it
    save_file(state, trained_folder / WEIGHTS)
    assert load_checkpoint(str(trained_folder)).card.embedding_size == 16


def test_a_vocabulary_without_the_test_words_is_refused_with_the_reason(trained_folder):
    tokenizer = json.loads((trained_folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    for word in ("ball", "apple", "car", "house", "cup"):
        vocabulary[word + "x"] = vocabulary.pop(word)
    (trained_folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(RefusedProblem, match="knows the words of 2 of 12"):
        load_checkpoint(str(trained_folder))
    assert load_checkpoint(str(trained_folder), options=WAIVED).unknown_words("a red ball") == ("ball",)


def test_towers_that_disagree_with_their_configuration_are_refused(trained_folder):
    change_config(trained_folder, lambda config: config["model_cfg"]["vision_cfg"].update(pool_type="none"))
    with pytest.raises(RefusedProblem, match="embeddings of shapes"):
        load_checkpoint(str(trained_folder), options=WAIVED)


def test_phantoms_are_found_by_name_and_their_name_is_all_that_differs(trained_source, tmp_path, monkeypatch):
    monkeypatch.setattr(early_checks, "PHANTOMS", tmp_path)
    shutil.copytree(trained_source, tmp_path / "tiny")
    assert phantom_folder("tiny") == tmp_path / "tiny"
    phantom, folder = load_checkpoint("phantom:tiny"), load_checkpoint(str(trained_source))
    assert phantom.card.digest == folder.card.digest
    assert phantom.card.name == "phantom:tiny"
    for unknown in ("../tiny", "huge"):
        with pytest.raises(UsageProblem, match="The phantoms here are tiny"):
            load_checkpoint(f"phantom:{unknown}")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("nowhere/at/all", LoadOptions(), "There is no checkpoint.*phantom:NAME"),
        ("", LoadOptions(), "There is no checkpoint"),
        ("x" * 5000, LoadOptions(), "There is no checkpoint"),
        ("a\0b\n", LoadOptions(), "There is no checkpoint"),
        ("open_clip:ViT-B-33/openai", LoadOptions(), "no architecture.*ViT-B-32"),
        ("open_clip:ViT-B-32/nothing", LoadOptions(), "Its tags are.*laion2b"),
        ("open_clip:ViT-B-32", LoadOptions(), "no architecture"),
        ("hf-hub:org/repo", LoadOptions(), "ORG/REPO@REVISION"),
        ("hf-hub:../..@main", LoadOptions(), "ORG/REPO@REVISION"),
        ("phantom:x", LoadOptions(arch="ViT-B-32"), "not a weights file"),
    ],
)
def test_names_that_stand_for_nothing_are_explained(name, options, said):
    with pytest.raises((UsageProblem, RefusedProblem), match=said) as caught:
        load_checkpoint(name, options=options)
    assert "\n" not in str(caught.value)


def test_an_architecture_is_asked_for_with_a_file_and_refused_with_a_folder(trained_folder):
    with pytest.raises(UsageProblem, match="Add --arch"):
        load_checkpoint(str(trained_folder / WEIGHTS))
    with pytest.raises(UsageProblem, match="not a weights file"):
        load_checkpoint(str(trained_folder), options=LoadOptions(arch="ViT-B-32"))


def test_the_wrong_activation_of_a_published_tag_is_refused():
    with pytest.raises(RefusedProblem, match="ViT-B-32-quickgelu/openai"):
        load_checkpoint("open_clip:ViT-B-32/openai")


def test_a_lineage_file_is_checked(trained_folder):
    (trained_folder / "clip_audit.json").write_text(json.dumps({"lineage": ["x" * 500]}))
    with pytest.raises(RefusedProblem, match="lineage"):
        load_checkpoint(str(trained_folder))
    (trained_folder / "clip_audit.json").unlink()
    assert len(without_matrices(load_checkpoint(str(trained_folder)).card.lineage)) == 1


def test_a_device_that_is_not_there_is_named(trained_source):
    with pytest.raises(UsageProblem, match="no device"):
        load_checkpoint(str(trained_source), device="abacus")
    if not torch.cuda.is_available():
        with pytest.raises(EnvironmentProblem, match="cuda"):
            load_checkpoint(str(trained_source), device="cuda")


def test_a_model_that_open_clip_cannot_build_is_refused():
    with pytest.raises(RefusedProblem, match="cannot build"):
        build_model({"embed_dim": 16, "vision_cfg": {"timm_model_name": "no_such_tower"}, "text_cfg": {}})
