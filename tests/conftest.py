"""Shared by all tests; that this file is here puts ``tests`` on the path, so that they find ``worlds``."""

from __future__ import annotations

import os

import pytest

from audit.precision import PRECISIONS


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the audits of ``tests/truth`` be made in either precision, whatever this CPU has."""
    parser.addoption(
        "--precision", default="auto", choices=PRECISIONS, help="Of the tests marked both_precisions (tests/bf16.py)."
    )


@pytest.fixture(scope="session")
def asked_precision(pytestconfig: pytest.Config) -> str:
    return pytestconfig.getoption("--precision")


def pytest_configure(config: pytest.Config) -> None:
    """Let no worker hand the width of its parent's terminal on: what is written here goes to a pipe."""
    if hasattr(config, "workerinput"):
        os.environ.pop("COLUMNS", None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where workers share the tests, file by file, begin with the files that take long, so that none comes last."""
    if hasattr(config, "workerinput"):
        long = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in long)
