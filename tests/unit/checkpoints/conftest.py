"""Folders with tiny checkpoints, shared by the tests of this chapter."""

import shutil

import pytest
from checkpoint_tiny import PREPROCESS, bpe_model_cfg, learn_pairs, seeded_model, tiny_model_cfg, word_tokenizer

from audit.checkpoints import export_folder


@pytest.fixture(scope="session")
def trained_source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "folder"
    model, tokenizer = seeded_model(tiny_model_cfg()), word_tokenizer()
    learn_pairs(model, tokenizer)
    export_folder(
        folder,
        model=model,
        model_cfg=tiny_model_cfg(),
        preprocess_cfg=PREPROCESS,
        tokenizer=tokenizer,
        lineage=["world:abc"],
    )
    return folder


@pytest.fixture
def trained_folder(trained_source, tmp_path):
    """An open_clip folder that passes the sanity check, to be damaged at will."""
    return shutil.copytree(trained_source, tmp_path / "checkpoint")


@pytest.fixture(scope="session")
def bpe_model():
    return seeded_model(bpe_model_cfg())
