"""A small suite in the words of the tiny phantom, and a run of it."""

from __future__ import annotations

from tiny_runs import everything_counts, plan, quick_plan, ran, ran_with, recorder, request_for, write_suite

__all__ = ["everything_counts", "plan", "quick_plan", "ran", "ran_with", "recorder", "request_for", "write_suite"]
