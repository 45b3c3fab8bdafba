"""Prompt suites: TOML with slots becomes frozen prompts with stable ids.

Read in this order: ``document`` (a file and its lines), ``tables`` (what a suite may hold), ``templates`` (text
with slots), ``expansion`` (slots into prompts), ``catalogue`` (names into files). ``prompts/README.md`` says how
to write a suite.
"""

from audit.suites.catalogue import list_suites, load_suite, suite_name, suite_path
from audit.suites.expansion import MAX_PROMPTS, keep_roles, over_length, shorten, with_neutralised

__all__ = [
    "MAX_PROMPTS",
    "keep_roles",
    "list_suites",
    "load_suite",
    "over_length",
    "shorten",
    "suite_name",
    "suite_path",
    "with_neutralised",
]
