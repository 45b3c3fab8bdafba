"""A run of the first release that the repository keeps, and a policy that it is held against."""

from pathlib import Path

KEPT = Path(__file__).parent / "data" / "first_release_run"
POLICY = """schema_version = 1
name = "mine"
[[rule]]
id = "rule"
metric = "gender.raw_lean"
suite = "first_release"
subject = "*"
between = [-0.25, 0.25]
"""
