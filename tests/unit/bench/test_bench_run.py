"""The bench from end to end, with loops of four steps: what is made, kept, read and written."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from audit.errors import UsageProblem
from tests.benchmarks import bench
from tests.benchmarks.arms import find_arm
from tests.benchmarks.images import ImageStore, eight_bit, fast_tower, image_seed, kept_images
from tests.benchmarks.prompts import choose, every_prompt, split
from tests.benchmarks.tables import BEGIN, END, write_between

PROMPTS = choose(split(every_prompt())["test"], 3)


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def done(out, skewed, judges) -> Path:
    """Run the bench once, with three prompts."""
    document = out / "document.md"
    document.write_text("before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n", encoding="utf-8")
    words = ["--prompts", "3", "--seeds", "2", "--steps", "4", "--rounds", "2", "--turn", "0.01"]
    words += ["--arms", "reference", "fast", "careful", "reference-batched:2"]
    words += ["--out", str(out), "--document", str(document), "--figure", str(out / "bench.svg")]
    bench.run(bench.parser().parse_args(words), {"phantom:skewed": skewed}, judges)
    return out


def test_the_table_goes_between_the_marks(done):
    text = (done / "document.md").read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- bench: begin -->\nMade by `make bench`.")
    assert text.endswith("<!-- bench: end -->\nafter\n")
    assert "old" not in text
    rows = [line for line in text.splitlines() if line.startswith(("| R0, p", "| R1", "| fast", "| careful"))]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| R0, published", "3"],
        ["| fast", "3"],
        ["| careful", "3"],
        ["| R1, batched", "2"],
    ]
    assert len({row.count("|") for row in rows}) == 1
    beside = text[text.index("| beside R0, in pairs | fast | careful | R1, batched | asked |") :].splitlines()
    table = list(itertools.takewhile(lambda line: line.startswith("|"), beside))
    assert {line.count("|") for line in table} == {6}
    for question in ("the same, of R0's whole loop", "R-precision, less R0's, points", "same verdicts as careful"):
        assert any(line.startswith(f"| {question}") for line in table)


def test_the_numbers_hold_every_arm_and_its_curve(done):
    found = json.loads((done / "bench-test.json").read_text(encoding="utf-8"))
    (result,) = found["results"]
    assert result["judges"] == ["vit", "resnet-deep"]
    assert set(result["rows"]) == {"reference", "fast", "careful", "reference-batched"}
    assert {name: row["prompts"] for name, row in result["rows"].items()}["reference-batched"] == 2
    assert [len(result["rows"][name]["median_z"]) for name in ("reference", "fast")] == [3, 1]
    assert result["rows"]["reference"]["cost"]["batch"] == 1


def test_the_figure_is_a_picture_that_names_its_arms(done):
    text = (done / "bench.svg").read_text(encoding="utf-8")
    assert text.rstrip().endswith("</svg>")
    assert "R0, published" in text
    assert "image-gradients" in text


def test_a_bench_that_is_run_again_makes_no_image_anew(done, skewed, judges):
    images = {path: path.stat().st_mtime_ns for path in (done / "images").rglob("*.npz")}
    assert len(images) == 3 * 2 * 3 + 2 * 2
    next(iter(images)).unlink()
    words = ["--prompts", "3", "--steps", "4", "--arms", "reference", "fast", "careful"]
    bench.run(bench.parser().parse_args([*words, "--stages", "images", "--out", str(done)]), {"again": skewed}, {})
    after = {path: path.stat().st_mtime_ns for path in (done / "images").rglob("*.npz")}
    assert set(after) == set(images)
    assert sum(after[path] != images[path] for path in images) == 1


def test_kept_images_are_what_is_seen_on_the_way_and_at_the_end(skewed, done):
    arm = find_arm("reference", steps=4)
    store = ImageStore(done, skewed, arm)
    assert store.precision == "fp32"
    stored = store.load(PROMPTS, 2)
    assert stored.shape == (3, 2, 3, 3, 64, 64)
    target = skewed.encode_text([PROMPTS[1].text])
    alone = kept_images(fast_tower(skewed, "fp32"), target, [image_seed(PROMPTS[1], 1)], arm)
    assert np.abs(alone[0].numpy().astype(int) - stored[1, 1]).mean() < 0.5


def test_images_are_scored_clamped_and_in_8_bits():
    pixels = torch.tensor([-0.2, 0.5, 1.3, float("nan")]).expand(1, 3, 4, 4)
    assert eight_bit(pixels)[0, 0, 0].tolist() == [0, 128, 255, 128]


def test_images_of_other_code_are_said_so(tmp_path, skewed):
    store = ImageStore(tmp_path, skewed, find_arm("fast", steps=1))
    said: list[str] = []
    store.fill(PROMPTS[:1], 1, said.append)
    (store.folder / "made_by.txt").write_text("an earlier version", encoding="utf-8")
    assert not any("earlier version" in line for line in said)
    store.fill(PROMPTS[:2], 1, said.append)
    assert any("earlier version" in line for line in said)


def test_a_checkpoint_may_have_its_own_number_of_prompts():
    given = bench.parser().parse_args(["--prompts", "35", "--prompts-of", "vit-41", "14"])
    assert (given.prompts, bench.own_counts(given.prompts_of, ["phantom:skewed", "vit-41"])) == (35, {"vit-41": 14})
    with pytest.raises(UsageProblem, match="vit-42, which is not audited"):
        bench.own_counts([["vit-42", "14"]], ["vit-41"])
    for count in ("few", "0", "-1"):
        with pytest.raises(UsageProblem, match="not a number of prompts"):
            bench.own_counts([["vit-41", count]], ["vit-41"])


def test_a_document_without_marks_is_left_alone(tmp_path):
    document = tmp_path / "document.md"
    document.write_text("nothing\n", encoding="utf-8")
    assert not write_between(document, "table")
    assert document.read_text(encoding="utf-8") == "nothing\n"


def test_the_document_has_the_marks():
    text = bench.parser().parse_args([]).document.read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)
