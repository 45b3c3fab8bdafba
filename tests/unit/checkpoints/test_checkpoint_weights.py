"""Weights files that are damaged, made up, do not fit, or carry code."""

import contextlib
import json
import os
import pickle
import signal
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from audit.checkpoints import LoadOptions, load_checkpoint, weights
from audit.checkpoints.safe_files import sniff, unchanged, within
from audit.errors import EnvironmentProblem, ExitCode, RefusedProblem

PICKLES = LoadOptions(allow_pickle=True)
WEIGHTS = "open_clip_model.safetensors"


class Marker:
    """A pickle of this writes a file when it is read carelessly."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def refused(name, said, options=PICKLES):
    with pytest.raises(RefusedProblem, match=said) as caught:
        load_checkpoint(str(name), options=options)
    assert caught.value.exit_code is ExitCode.REFUSED
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def edit(folder, change):
    state = load_file(folder / WEIGHTS)
    change(state)
    save_file(state, folder / WEIGHTS)
    return folder


@pytest.mark.parametrize("options", [LoadOptions(), PICKLES])
@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", WEIGHTS])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(trained_folder, tmp_path, options, protocol, name):
    (trained_folder / WEIGHTS).unlink()
    (trained_folder / name).write_bytes(pickle.dumps({"visual.proj": Marker(tmp_path / "marker")}, protocol=protocol))
    refused(trained_folder, "pickle|cannot be read|weights file", options)
    assert not (tmp_path / "marker").exists()


def test_a_torch_archive_that_runs_code_is_refused_by_what_it_asks_for(trained_folder, tmp_path):
    (trained_folder / WEIGHTS).unlink()
    torch.save({"visual.proj": Marker(tmp_path / "marker")}, trained_folder / "weights.pt")
    refused(trained_folder, "mkdir")
    assert not (tmp_path / "marker").exists()


def test_a_sound_pickle_needs_to_be_allowed(trained_folder):
    state = load_file(trained_folder / WEIGHTS)
    (trained_folder / WEIGHTS).unlink()
    torch.save(state, trained_folder / "open_clip_pytorch_model.bin")
    refused(trained_folder, "--allow-pickle", LoadOptions())
    assert load_checkpoint(str(trained_folder), options=PICKLES).card.embedding_size == 16


def test_a_legacy_pickle_loads_where_allowed(trained_folder):
    state = load_file(trained_folder / WEIGHTS)
    (trained_folder / WEIGHTS).unlink()
    torch.save(state, trained_folder / "model.pth", _use_new_zipfile_serialization=False)
    assert load_checkpoint(str(trained_folder), options=PICKLES).card.embedding_size == 16


@pytest.mark.parametrize("optimiser", [torch.nn.Linear(2, 2), "text"])
def test_a_pickle_that_holds_something_else_is_refused(trained_folder, optimiser):
    (trained_folder / WEIGHTS).unlink()
    torch.save(optimiser, trained_folder / "model.pth")
    refused(trained_folder, "holds objects of|instead of a state dict")


@pytest.mark.parametrize("strange", [torch.eye(3).to_sparse(), torch.empty(3, device="meta")])
def test_a_tensor_without_ordinary_memory_is_refused(trained_folder, strange):
    (trained_folder / WEIGHTS).unlink()
    torch.save({"visual.proj": strange}, trained_folder / "model.pth")
    refused(trained_folder, "among the weights|cannot be read|asks for")


@pytest.mark.parametrize("kind", ["archive", "legacy", "safetensors"])
def test_no_damage_to_a_file_leaves_as_anything_but_a_refusal(trained_folder, kind):
    """Flip bytes where the structure is; a flip that spares it may load."""
    state = load_file(trained_folder / WEIGHTS)
    path = trained_folder / WEIGHTS
    if kind != "safetensors":
        path.unlink()
        path = trained_folder / "model.pth"
        torch.save(state, path, _use_new_zipfile_serialization=kind == "archive")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 4000), 3):
            damaged[place] = int(rng.integers(256))
        path.write_bytes(damaged)
        with contextlib.suppress(RefusedProblem):
            load_checkpoint(str(trained_folder), options=PICKLES)


def zip_with(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")


@pytest.mark.parametrize(
    ("file", "names", "said"),
    [
        ("model.pt", ["m/data.pkl", "m/constants.pkl", "m/code/__torch__.py"], "TorchScript"),
        ("model.pt", ["m/data.pkl", "m/code/a.py"], "TorchScript"),
        ("model.pt2", ["m/data.pkl"], "exported program"),
        ("model.pt", ["m/archive_format", "m/models/model.json"], "exported program"),
        ("model.bin", ["arr_0.npy"], "NumPy archive"),
        ("model.bin", ["readme.txt"], "without weights"),
    ],
)
def test_archives_of_programs_and_arrays_are_refused(tmp_path, file, names, said):
    zip_with(tmp_path / file, names)
    with pytest.raises(RefusedProblem, match=said):
        sniff(tmp_path / file)
    refused(tmp_path / file, said, LoadOptions(arch="ViT-B-32", allow_pickle=True))


def test_a_numpy_archive_with_objects_is_refused(tmp_path):
    np.savez(tmp_path / "weights.npz", weights=np.array([{"a": 1}], dtype=object))
    refused(tmp_path / "weights.npz", "NumPy archive", LoadOptions(arch="ViT-B-32", allow_pickle=True))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>404</html>", "web page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
        (b"\x93NUMPY" + bytes(64), "NumPy"),
        (b"hello", "no weights file"),
        ((2**40).to_bytes(8, "little") + b"{}", "cut off or made up"),
        ((2).to_bytes(8, "little") + b"{]", "header"),
        ((2).to_bytes(8, "little") + b"{}", "no tensor"),
        (b"PK\x03\x04 cut off", "damaged"),
    ],
)
def test_files_that_are_no_weights_are_refused(trained_folder, content, said):
    (trained_folder / WEIGHTS).write_bytes(content)
    refused(trained_folder, said)


def safetensors_bytes(header, data=b""):
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return len(text).to_bytes(8, "little") + text + data


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "content",
    [
        safetensors_bytes({"a": {**ENTRY, "shape": [3]}}, bytes(8)),
        safetensors_bytes({"a": ENTRY, "b": ENTRY}, bytes(8)),
        safetensors_bytes('{"a": %s, "a": %s}' % (json.dumps(ENTRY), json.dumps(ENTRY)), bytes(8)),  # noqa: UP031
        safetensors_bytes({"a": ENTRY}, bytes(4)),
        safetensors_bytes({"a": {"dtype": "F32"}}, bytes(8)),
        safetensors_bytes({"a": {**ENTRY, "dtype": "F8_E4M3", "shape": [8]}}, bytes(8)),
        safetensors_bytes({f"t{i}": ENTRY for i in range(20_001)}, bytes(8)),
    ],
)
def test_a_header_that_lies_is_refused(trained_folder, content):
    (trained_folder / WEIGHTS).write_bytes(content)
    refused(trained_folder, "safetensors|stores")


def test_a_truncated_file_is_refused(trained_folder):
    whole = (trained_folder / WEIGHTS).read_bytes()
    (trained_folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])
    refused(trained_folder, "no sound safetensors")


def test_a_truncated_archive_is_refused(trained_folder):
    (trained_folder / WEIGHTS).unlink()
    torch.save({"a": torch.ones(1000)}, trained_folder / "model.pth")
    whole = (trained_folder / "model.pth").read_bytes()
    (trained_folder / "model.pth").write_bytes(whole[: len(whole) // 2])
    refused(trained_folder, "damaged")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_one_value_that_is_not_finite_is_refused(trained_folder, value):
    refused(
        edit(trained_folder, lambda state: state["visual.proj"].view(-1)[3:4].fill_(value)), "visual.proj.*not finite"
    )


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_constant_matrix_is_refused(trained_folder, value):
    refused(edit(trained_folder, lambda state: state["visual.proj"].fill_(value)), "one and the same number")


def test_missing_and_extra_parameters_are_refused_by_name(trained_folder):
    def rename(state):
        state["surprise"] = state.pop("visual.proj")

    refused(edit(trained_folder, rename), "missing.*visual.proj.*unknown.*surprise")


def test_a_wrong_shape_is_refused(trained_folder):
    def widen(state):
        state["visual.proj"] = torch.randn(32, 17, generator=torch.Generator())

    refused(edit(trained_folder, widen), r"visual.proj has the shape \(32, 17\)")


def test_quantised_weights_are_refused(trained_folder):
    def quantise(state):
        state["visual.proj"] = state["visual.proj"].to(torch.int8)

    refused(edit(trained_folder, quantise), "quantised")


def test_weights_for_a_huge_model_are_compared_before_memory_is_spent(trained_folder):
    config = json.loads((trained_folder / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"].update(width=8192, layers=64)  # 52 thousand million parameters
    (trained_folder / "open_clip_config.json").write_text(json.dumps(config))
    refused(trained_folder, "does not fit the architecture")


def test_a_link_out_of_the_folder_is_refused(trained_folder, tmp_path):
    (trained_folder / WEIGHTS).rename(tmp_path / "elsewhere.safetensors")
    (trained_folder / WEIGHTS).symlink_to(tmp_path / "elsewhere.safetensors")
    refused(trained_folder, "leads out of its folder")


@pytest.mark.parametrize(
    "name", ["open_clip_config.json", "tokenizer.json", "tokenizer_config.json", "clip_audit.json"]
)
def test_a_link_to_a_foreign_text_is_refused(trained_folder, name):
    (trained_folder / name).unlink()
    (trained_folder / name).symlink_to("/etc/passwd")
    refused(trained_folder, "leads out of its folder")


def test_a_link_within_the_folder_is_fine(trained_folder):
    (trained_folder / WEIGHTS).rename(trained_folder / "weights-1")
    (trained_folder / WEIGHTS).symlink_to("weights-1")
    assert within(trained_folder, trained_folder / WEIGHTS).is_file()
    assert load_checkpoint(str(trained_folder)).card.image_size == 32


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    with pytest.raises(EnvironmentProblem, match="changed while"), unchanged(path):
        path.write_bytes(b"three")


def test_several_unnamed_weights_are_refused(trained_folder):
    (trained_folder / WEIGHTS).rename(trained_folder / "a.safetensors")
    assert load_checkpoint(str(trained_folder)).card.image_size == 32
    (trained_folder / "b.safetensors").write_bytes((trained_folder / "a.safetensors").read_bytes())
    refused(trained_folder, "several weights files")


def test_a_folder_without_weights_is_refused(trained_folder):
    (trained_folder / WEIGHTS).unlink()
    refused(trained_folder, "no weights")


def test_weights_larger_than_the_free_memory_are_refused_by_their_header(trained_folder, tmp_path, monkeypatch):
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:  64 kB\nMemAvailable:  1 kB\n")
    monkeypatch.setattr("audit.checkpoints.weights._MEMORY_TABLE", table)
    monkeypatch.setattr("audit.checkpoints.weights.load_file", None)  # nothing of the weights is read
    with pytest.raises(EnvironmentProblem, match=r"GB of memory, and 0\.0 GB are free") as caught:
        load_checkpoint(str(trained_folder))
    assert caught.value.exit_code is ExitCode.ENVIRONMENT
    assert "machine with more memory" in caught.value.remedy


@pytest.mark.parametrize("ends", [(-2.0, 2.0), (2.0, 4.0)], ids=["about the mean", "far from it"])
def test_what_draws_until_it_lies_in_a_range_ends_though_nothing_is_drawn(ends):
    held = torch.full((64,), 1e9)  # as memory may hold that nobody has written to

    def ended(*_):
        raise AssertionError("it draws for ever")

    before = signal.signal(signal.SIGALRM, ended)
    signal.setitimer(signal.ITIMER_REAL, 30.0)
    try:
        with weights._Undrawn():
            torch.nn.init.trunc_normal_(held, 0.0, 1.0, *ends)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert ends[0] <= float(held.min()) <= float(held.max()) <= ends[1]
