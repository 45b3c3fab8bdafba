"""The table of docs/checkpoints.md: every form of a checkpoint for every family, with tiny random weights, loaded.

``python -m tests.oracles.support_matrix`` prints it with a count; with ``--write`` it goes into the page. What is taken
has to give the features of the library that the form comes from, for pictures and texts, to 1e-5.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import transformers
from open_clip.coca_model import CoCa
from open_clip.model import CLIP, CustomTextCLIP
from safetensors.torch import save_file
from torch.nn.functional import normalize

from audit.checkpoints import LoadOptions, load_checkpoint, names, text_towers
from audit.checkpoints.config import parse_model_config
from audit.errors import AuditProblem
from tests.truth.marks import DOCUMENTS, write_between
from tests.unit.checkpoints.checkpoint_tiny import PREPROCESS, WORDS, bpe_model_cfg, tiny_model_cfg, word_tokenizer

TEXTS = ("a photo of a nurse", "a red ball")
WORDS_AT_MOST = len(WORDS) + 4
ROBERTA = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100,
}  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """One form of one family: what is written, how it is named, and what it has to give."""

    form: str
    family: str
    write: Callable[[Path], Path]
    """Writes the checkpoint into an empty folder and returns what names it."""
    expect: Callable[[object, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]] | None
    """Features of normalised pixels and tokens by the original library; None where it is to be refused."""


@dataclass(frozen=True)
class Outcome:
    variant: Variant
    status: str
    """``read``, ``refused``, or what is wrong."""
    remedy: str = ""


def seeded(make):
    """Build a model and move every weight a little, so that none is as before any training."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(7)
        model = make().eval()
        for weight in model.parameters():
            sound = weight.isfinite() & (weight.abs() < 100)  # CoCa leaves one of its decoder as memory was
            weight.copy_(torch.where(sound, weight, 0.0) + 0.01 * torch.randn_like(weight))
        return model


def timm_cfg(tower, side, **more):
    cfg = tiny_model_cfg()
    vision = {"timm_model_name": tower, "timm_model_pretrained": False, "image_size": side, **more}
    return {**cfg, "vision_cfg": vision}


def with_tokenizer(cfg):
    return {**cfg, "text_cfg": {"hf_tokenizer_name": "local", **cfg["text_cfg"]}}


def open_clip_families():
    """Settings of a tiny model of each kind of tower that open_clip lists, with the word list as tokenizer."""
    vit, custom = tiny_model_cfg(), {**tiny_model_cfg(), "custom_text": True}
    caption = {"context_length": 12, "vocab_size": 24, "width": 32, "heads": 2, "layers": 1, "attn_pooler_heads": 2}
    coca = tiny_model_cfg(embed_cls=True, output_tokens=True, pool_type="last")
    coca = {**coca, "vision_cfg": {**coca["vision_cfg"], "output_tokens": True}, "multimodal_cfg": caption}
    siglip = tiny_model_cfg(no_causal_mask=True, pool_type="last", proj_bias=True)
    siglip = {**siglip, "custom_text": True, "init_logit_bias": -10.0}
    resnet = {"layers": [1, 1, 1, 1], "width": 16, "head_width": 16, "image_size": 32}
    text = {"hf_model_name": "roberta-base", "hf_tokenizer_name": "local", "context_length": 12, "hf_proj_type": "mlp"}
    return {
        "ViT": vit,
        "ViT, QuickGELU": {**vit, "quick_gelu": True},
        "ViT, separate text": custom,
        "ViT, pooled by average": {**vit, "vision_cfg": {**vit["vision_cfg"], "pool_type": "avg"}},
        "ResNet": {**vit, "vision_cfg": resnet},
        "logit bias, last token (SigLIP)": siglip,
        "timm ViT": timm_cfg("vit_tiny_patch16_224", 224, timm_pool="token"),
        "CoCa": coca,
        "ConvNeXt": timm_cfg("convnext_atto", 32, timm_pool="", timm_proj="linear"),
        "EVA02": timm_cfg("eva02_tiny_patch14_224", 224, timm_pool="token"),
        "MobileCLIP": timm_cfg("fastvit_t8", 64, timm_pool="avg", timm_proj=None),
        "PE-Core": timm_cfg("vit_pe_core_tiny_patch16_384", 384, timm_pool="avg"),
        "RoBERTa text": {**vit, "text_cfg": text},
    }


def write_open_clip(folder: Path, cfg, model) -> Path:
    content = {"model_cfg": with_tokenizer(cfg), "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    save_file(
        {name: one.contiguous() for name, one in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    word_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    return folder


def by_open_clip(model):
    def features(_checkpoint, pixels, tokens):
        images, texts = model.encode_image(pixels), model.encode_text(tokens)
        return images, texts

    return features


def original(cfg):
    """Build a model by open_clip's own classes and defaults, not by ours."""
    cfg = json.loads(json.dumps(cfg))
    cfg["text_cfg"].pop("hf_tokenizer_name", None)
    if "hf_model_name" in cfg["text_cfg"]:
        cfg["text_cfg"] |= {
            "hf_model_name": str(text_towers.settings_folder("roberta-base")),
            "hf_model_pretrained": False,
        }
        cfg["custom_text"] = True
    custom = cfg.pop("custom_text", False)
    kind = CoCa if "multimodal_cfg" in cfg else CustomTextCLIP if custom else CLIP
    return seeded(lambda: kind(**cfg))


def open_clip_folders() -> Iterator[Variant]:
    for family, cfg in open_clip_families().items():
        made: list[torch.nn.Module] = []

        def model(cfg=cfg, made=made):
            if not made:
                made.append(original(cfg))
            return made[0]

        def expect(checkpoint, pixels, tokens, model=model):
            return by_open_clip(model())(checkpoint, pixels, tokens)

        yield Variant(
            "folder of open_clip",
            family,
            lambda place, cfg=cfg, model=model: write_open_clip(place, cfg, model()),
            expect,
        )


PREFIXES = (
    "module.", "_orig_mod.", "_fsdp_wrapped_module.", "model.", "clip_model.", "clip.", "net.", "module._orig_mod.",
    "model.module.", "_fsdp_wrapped_module.model.",
)  # fmt: skip
KEYS = (
    "state_dict", "model", "model_state_dict", "module", "net", "ema", "ema_state_dict", "model_ema", "state_dict_ema",
)  # fmt: skip


def weights_files() -> Iterator[Variant]:
    model = seeded(lambda: CLIP(**bpe_model_cfg()))
    state = model.state_dict()
    expect = by_open_clip(model)

    def safetensors(form, change=lambda tensors: tensors, expected=expect):
        def write(place):
            save_file({name: one.clone() for name, one in change(dict(state)).items()}, place / "w.safetensors")
            return place / "w.safetensors"

        return Variant(form, "ViT", write, expected)

    def pickled(form, content, file="w.pt", expected=expect):
        def write(place):
            torch.save(content, place / file)
            return place / file

        return Variant(form, "ViT", write, expected)

    yield safetensors("weights alone")
    half = {name: one.half() if one.is_floating_point() else one for name, one in state.items()}
    rounded = seeded(lambda: CLIP(**bpe_model_cfg()))
    rounded.load_state_dict({name: one.float() for name, one in half.items()})
    yield safetensors("weights in half precision", lambda _state: half, by_open_clip(rounded))
    yield safetensors("buffers beside the weights", lambda tensors: {**tensors, "attn_mask": torch.zeros(16, 16)})
    for prefix in PREFIXES:
        yield safetensors(
            f"prefix {prefix}", lambda tensors, prefix=prefix: {f"{prefix}{name}": one for name, one in tensors.items()}
        )
    for key in KEYS:
        yield pickled(f"key {key}", {"epoch": 3, key: state})
    for file in ("w.pth", "w.bin", "w.pt"):
        yield pickled(f"pickle {file}", state, file)
    yield pickled("options beside the weights", {"state_dict": state, "args": argparse.Namespace(lr=1e-4)})
    yield pickled(
        "numpy numbers beside the weights", {"state_dict": state, "best": np.float64(0.7), "step": np.int64(3)}
    )
    yield pickled(
        "Lightning", {"state_dict": {f"model.{n}": t for n, t in state.items()}, "hyper_parameters": {"lr": 1.0}}
    )
    yield safetensors("LoRA adapter", lambda tensors: {f"{n}.lora_A.weight": t for n, t in tensors.items()}, None)
    yield safetensors("image tower alone", lambda ts: {n: t for n, t in ts.items() if n.startswith("visual.")}, None)
    yield safetensors("text tower alone", lambda ts: {n: t for n, t in ts.items() if not n.startswith("visual.")}, None)
    yield safetensors("quantised weights", lambda tensors: {**tensors, "visual.proj.SCB": torch.ones(3)}, None)
    yield pickled("two sets of weights", {"model": state, "ema": state}, expected=None)
    yield Variant("TorchScript", "ViT", torchscript, None)
    for form, file, content in FOREIGN:
        yield Variant(form, "ViT", lambda place, file=file, content=content: foreign(place / file, content), None)


FOREIGN = (
    ("GGUF", "w.gguf", b"GGUF" + bytes(600)),
    ("HDF5 (Keras)", "w.h5", b"\x89HDF\r\n\x1a\n" + bytes(600)),
    ("NumPy archive", "w.npy", b"\x93NUMPY" + bytes(600)),
    ("Git LFS pointer", "w.safetensors", b"version https://git-lfs.github.com/spec/v1\n"),
    ("web page", "w.safetensors", b"<!doctype html><title>Sign in</title>"),
    ("empty file", "w.safetensors", b""),
)


def foreign(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def torchscript(place: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have another format
        torch.jit.trace(torch.nn.Linear(2, 2).eval(), torch.zeros(1, 2)).save(str(place / "w.pt"))
    return place / "w.pt"


TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
VISION = {**TOWER, "image_size": 32, "patch_size": 16}
TEXT = {**TOWER, "vocab_size": WORDS_AT_MOST, "max_position_embeddings": 16, "pad_token_id": 0, "eos_token_id": 3}
TRANSFORMERS = {
    "CLIPModel": ("CLIP", {"projection_dim": 16}, {}, {}),
    "CLIPModel, GELU": ("CLIP", {"projection_dim": 16}, {"hidden_act": "gelu"}, {"hidden_act": "gelu"}),
    "MetaClip2Model": ("MetaClip2", {"projection_dim": 16}, {}, {}),
    "SiglipModel": ("Siglip", {}, {}, {}),
    "Siglip2Model": ("Siglip2", {}, {}, {"num_patches": 4}),
    "ChineseCLIPModel": ("ChineseCLIP", {"projection_dim": 16}, {}, {}),
    "AltCLIPModel": ("AltCLIP", {"projection_dim": 16}, {"project_dim": 24}, {}),
}
PROCESSOR = {
    "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4], "resample": 3, "size": {"shortest_edge": 32},
    "crop_size": {"height": 32, "width": 32}, "do_center_crop": True,
}  # fmt: skip


def transformers_model(family):
    stem, whole, text, vision = TRANSFORMERS[family]
    vision = {**VISION, **vision}
    if stem == "Siglip2":
        del vision["image_size"]
    config = getattr(transformers, f"{stem}Config")(text_config={**TEXT, **text}, vision_config=vision, **whole)
    return seeded(lambda: getattr(transformers, f"{stem}Model")(config))


def by_transformers(family, model):
    def features(_checkpoint, pixels, tokens):
        inputs = {"pixel_values": pixels}
        if family == "Siglip2Model":
            processor = transformers.Siglip2ImageProcessor(patch_size=16, max_num_patches=4, do_rescale=False)
            pictures = [(0.5 * one.permute(1, 2, 0) + 0.5).numpy() for one in pixels.double()]
            made = processor(pictures, do_resize=False, image_mean=[0.5] * 3, image_std=[0.5] * 3, return_tensors="pt")
            inputs = {key: value.float() if value.is_floating_point() else value for key, value in made.items()}
        masked = family in {"ChineseCLIPModel", "AltCLIPModel"}
        mask = {"attention_mask": (tokens != 0).long()} if masked else {}
        images = model.get_image_features(**inputs).pooler_output
        return images, model.get_text_features(input_ids=tokens, **mask).pooler_output

    return features


def write_transformers(folder: Path, model, **how) -> Path:
    model.save_pretrained(folder, **how)
    word_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder


def snapshot(place: Path, model) -> Path:
    made = place / "made"
    write_transformers(made, model)
    folder, blobs = place / "models--o--r" / "snapshots" / ("a" * 40), place / "models--o--r" / "blobs"
    folder.mkdir(parents=True)
    blobs.mkdir()
    for file in made.iterdir():
        shutil.move(file, blobs / file.name)
        (folder / file.name).symlink_to(f"../../blobs/{file.name}")
    return folder


def pickled_folder(place: Path, model) -> Path:
    write_transformers(place, model)
    (place / "model.safetensors").unlink()
    torch.save(model.state_dict(), place / "pytorch_model.bin")
    return place


def changed_config(place: Path, model, **changes) -> Path:
    write_transformers(place, model)
    content = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps({**content, **changes}))
    return place


def transformers_folders() -> Iterator[Variant]:
    for family in TRANSFORMERS:
        model = transformers_model(family)
        expect = by_transformers(family, model)
        yield Variant(
            "folder of transformers", family, lambda place, model=model: write_transformers(place, model), expect
        )
        shards = partial(write_transformers, model=model, max_shard_size="20KB")
        yield Variant("the same in shards", family, shards, expect)
        yield Variant("snapshot in a hub cache", family, lambda place, model=model: snapshot(place, model), expect)
        yield Variant("the same as a pickle", family, lambda place, model=model: pickled_folder(place, model), expect)
    model = transformers_model("CLIPModel")
    yield Variant(
        "code of its own (auto_map)", "any", lambda place: changed_config(place, model, auto_map={"A": "b"}), None
    )
    yield Variant("other kinds of model", "BLIP", lambda place: changed_config(place, model, model_type="blip"), None)


def averaged(model):
    """The image tower of older versions of open_clip with global_average_pool, in its own words."""
    tower = model.visual

    def features(_checkpoint, pixels, tokens):
        seen = tower.transformer(tower._embeds(pixels)).mean(dim=1)
        return tower.ln_post(seen) @ tower.proj, model.encode_text(tokens)

    return features


def forks() -> Iterator[Variant]:
    """Forms of forks and of older versions of open_clip."""
    cfg = tiny_model_cfg()
    model = original(cfg)
    over_all = {**cfg, "vision_cfg": {**cfg["vision_cfg"], "global_average_pool": True}}
    yield Variant("mean over all tokens", "ViT", lambda place: write_open_clip(place, over_all, model), averaged(model))

    def in_parts(place):
        write_open_clip(place, cfg, model)
        parts = {"visual": "_image_encoder", "logit_scale": "_logit_scale"}
        state = {
            f"{parts.get(name.partition('.')[0], '_text_encoder')}.module.{name}": one
            for name, one in model.state_dict().items()
        }
        save_file(state, place / "open_clip_model.safetensors")
        return place

    yield Variant("prefixes of TinyCLIP", "ViT", in_parts, by_open_clip(model))


def refused_settings() -> Iterator[Variant]:
    def write(place, **vision):
        cfg = tiny_model_cfg()
        write_open_clip(place, cfg, original(cfg))
        content = json.loads((place / "open_clip_config.json").read_text())
        content["model_cfg"]["vision_cfg"] |= vision
        (place / "open_clip_config.json").write_text(json.dumps(content))
        return place

    yield Variant("pictures that are not square", "ViT", lambda place: write(place, image_size=[32, 64]), None)
    yield Variant("a tower of no library", "TinyCLIP auto", lambda place: write(place, mask_image=True), None)


def variants() -> list[Variant]:
    return [*open_clip_folders(), *weights_files(), *transformers_folders(), *forks(), *refused_settings()]


def try_out(variant: Variant, place: Path) -> Outcome:
    """Write, load and compare one variant."""
    named = variant.write(place)
    given = {"arch": "tiny", "preprocess": "ViT-B-32/openai"} if named.is_file() else {}
    try:
        checkpoint = load_checkpoint(str(named), options=LoadOptions(allow_pickle=True, waive_sanity=True, **given))
    except AuditProblem as problem:
        return Outcome(variant, "refused" if variant.expect is None else f"WRONGLY REFUSED: {problem}", problem.remedy)
    if variant.expect is None:
        return Outcome(variant, "WRONGLY READ")
    side = checkpoint.card.image_size
    pixels = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    normalised = (pixels - checkpoint.mean.view(3, 1, 1)) / checkpoint.std.view(3, 1, 1)
    with torch.no_grad():
        wanted = variant.expect(checkpoint, normalised, checkpoint.tokenizer.encode(TEXTS))
    found = (checkpoint.encode_image(pixels), checkpoint.encode_text(TEXTS))
    apart = max(float((a - normalize(b, dim=-1)).abs().max()) for a, b in zip(found, wanted, strict=True))
    return Outcome(variant, "read" if apart <= 1e-5 else f"FEATURES DIFFER BY {apart:.1e}")


@contextmanager
def tiny_architectures() -> Iterator[None]:
    """Let the names of a text tower and of an architecture stand for tiny ones."""
    known = dict(text_towers._SETTINGS)
    known["roberta-base"] = {**known["roberta-base"], **ROBERTA}
    text_towers.settings_folder.cache_clear()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        with (
            patch.object(text_towers, "_SETTINGS", known),
            patch.object(names, "_built_in", lambda _arch: parse_model_config(bpe_model_cfg())),
        ):
            yield
    finally:
        text_towers.settings_folder.cache_clear()


def folders() -> Iterator[Variant]:
    """One folder of each family."""
    seen = set()
    for variant in (*open_clip_folders(), *transformers_folders()):
        if variant.expect is not None and variant.family not in seen:
            seen.add(variant.family)
            yield variant


def outcomes() -> list[Outcome]:
    with tiny_architectures(), tempfile.TemporaryDirectory() as temporary:
        found = []
        for number, variant in enumerate(variants()):
            place = Path(temporary) / str(number)
            place.mkdir()
            found.append(try_out(variant, place))
            shutil.rmtree(place)
        return found


def table(found: list[Outcome]) -> str:
    """Return the lines of the page: forms in their order, families of one status together."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        remedy = one.remedy.split(". ")[0].rstrip(".") if one.status == "refused" else ""
        remedy = remedy.replace("|", "/").replace("`", "")
        groups.setdefault((short(one.variant.form), one.status, remedy), []).append(one.variant.family)
    lines = ["| form | families | status |", "|---|---|---|"]
    for (form, status, remedy), families in groups.items():
        count = f" ({len(families)} forms)" if len(set(families)) < len(families) else ""
        shown = "; ".join(dict.fromkeys(families))
        lines.append(f"| {form}{count} | {shown} | {status}{': ' + remedy if remedy else ''} |")
    read, refused = (sum(one.status == status for one in found) for status in ("read", "refused"))
    return "\n".join(
        [
            f"{len(found)} variants: {read} are read with the features of the original library, {refused} refused.",
            "",
            *lines,
        ]
    )


def short(form: str) -> str:
    for head, words in (
        ("prefix ", "prefixes that wrappers add"),
        ("key ", "keys of training files"),
        ("pickle ", "pickles"),
    ):
        if form.startswith(head):
            return words
    return form


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into docs/checkpoints.md")
    arguments = parser.parse_args()
    found = outcomes()
    if arguments.write:
        write_between(DOCUMENTS["forms"], "forms", table(found))
    print(table(found))
    sys.exit(0 if all(one.status in {"read", "refused"} for one in found) else 1)


if __name__ == "__main__":
    main()
