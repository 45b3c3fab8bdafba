"""Prompt suites: TOML with slots becomes frozen prompts with stable ids.

Read in this order: ``document`` (a file and its lines), ``suite_tables`` (what a suite may hold), ``templates`` (text
with slots), ``expansion`` (names into files, slots into prompts). ``prompts/README.md`` says how to write a suite.
"""

from audit.suites.expansion import (
    MAX_PROMPTS,
    OWN,
    OWN_SUITES,
    keep_roles,
    list_suites,
    load_suite,
    over_length,
    own_sentences,
    shorten,
    suite_files,
    suite_name,
    suite_path,
    suites_in,
    with_neutralised,
)

__all__ = [
    "MAX_PROMPTS",
    "OWN",
    "OWN_SUITES",
    "keep_roles",
    "list_suites",
    "load_suite",
    "over_length",
    "own_sentences",
    "shorten",
    "suite_files",
    "suite_name",
    "suite_path",
    "suites_in",
    "with_neutralised",
]
