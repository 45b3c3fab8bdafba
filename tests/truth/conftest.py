"""Audits of the shipped phantoms, made once for all tests and workers; ``bounds.py`` says what is asked of them.

Nothing here may change what is in their folders.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from bf16 import bf16_at_speed
from bounds import core_audit, lean_changes, noise_ablation, quick_audit, scenes_audit
from shared_audits import once


@pytest.fixture(scope="session")
def shared(tmp_path_factory, asked_precision):
    """Make an audit in the precision that the tests run in, or read what another test or worker made."""

    def make(name, audit):
        with bf16_at_speed() if asked_precision == "bf16" else nullcontext():
            return once(tmp_path_factory, name, lambda folder: audit(folder, precision=asked_precision))

    return make


@pytest.fixture(scope="session")
def quick(shared):
    return shared("skewed-quick", quick_audit)


@pytest.fixture(scope="session")
def skewed(shared):
    return shared("skewed", lambda folder, precision: core_audit("skewed", folder, precision=precision))


@pytest.fixture(scope="session")
def balanced(shared):
    return shared("balanced", lambda folder, precision: core_audit("balanced", folder, precision=precision))


@pytest.fixture(scope="session")
def changes(balanced, skewed):
    return lean_changes(balanced.folder, skewed.folder)


@pytest.fixture(scope="session")
def scenes(shared):
    return shared("scenes", scenes_audit)


@pytest.fixture(scope="session")
def recipes(shared):
    return shared("recipes", noise_ablation)
