"""What a scan says is what its tools said: silence is never "none found"."""

from __future__ import annotations

import json

import pytest
from packaging.utils import canonicalize_name

from tests.quality import supply_chain
from tests.quality.supply_chain import (
    installed_closure,
    is_allowed,
    reduced,
    refused_licences,
    shipped,
    vulnerabilities,
    wanted,
)


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT License", True),
        ("Apache-2.0 AND (Apache-2.0 WITH LLVM-exception) AND Zlib", True),
        ("ISC License (ISCL)", True),
        ("Mozilla Public License 2.0 (MPL 2.0)", True),
        ("BSD License; MIT License", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("GNU Affero General Public License v3", False),
        ("MIT; GNU General Public License v3 (GPLv3)", False),
        ("UNKNOWN", False),
        ("", False),
    ],
)
def test_a_licence_is_held_to_the_list(licence, allowed):
    assert is_allowed(licence) is allowed


def test_a_package_with_another_licence_is_told_unless_it_was_read_by_somebody():
    rows = [
        {"Name": "Fine_One", "Version": "1", "License": "MIT"},
        {"Name": "Strict.One", "Version": "2", "License": "AGPL-3.0"},
        {"Name": "nudenet", "Version": "3", "License": "AGPL-3.0"},
        {"Name": "nvidia-cublas", "Version": "4", "License": "LicenseRef-NVIDIA-Proprietary"},
        {"Name": "elsewhere", "Version": "5", "License": "UNKNOWN"},
    ]
    names = {canonicalize_name(row["Name"]) for row in rows} - {"elsewhere"}
    assert refused_licences(rows, names) == ["Strict.One 2: AGPL-3.0"]


def test_what_was_read_by_somebody_is_still_shipped():
    assert set(supply_chain.BY_NAME) <= shipped()


def test_what_users_get_leads_to_torch_and_not_to_the_tools_of_developers():
    names = shipped()
    assert {"torch", "numpy", "wordfreq", "rapidocr", "clip-audit"} - {"clip-audit"} <= names
    assert not names & {"pytest", "hypothesis", "mypy", "ruff", "playwright", "statsmodels"}
    assert installed_closure(wanted()) < names


ANSWER = {
    "dependencies": [
        {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]},
        {"name": "b", "version": "1", "vulns": []},
        {"name": "c", "skip_reason": "not found on the index"},
    ]
}


def test_a_known_vulnerability_is_told_with_the_version_that_mends_it():
    answer = vulnerabilities(json.dumps(ANSWER), "", 3)
    assert answer.known == ("a 1: PYSEC-1, mended in 2",)


@pytest.mark.parametrize(
    ("said", "errors", "unasked", "why"),
    [
        (json.dumps(ANSWER), "No known vulnerabilities found", 1, "not found on the index"),
        (json.dumps({"dependencies": []}), "", 3, ""),
        ("", "Traceback ...\nConnectionError: no such host", 3, "ConnectionError: no such host"),
        ("", "", 3, "it said nothing"),
    ],
)
def test_what_nobody_answered_about_is_counted(said, errors, unasked, why):
    answer = vulnerabilities(said, errors, 3)
    assert (answer.unasked, answer.why) == (unasked, why)


def test_the_bill_keeps_what_users_get_and_says_what_is_optional():
    parts = [{"name": name, "bom-ref": name} for name in ("Torch", "rapidocr", "pytest")]
    bill = {
        "metadata": {"component": {"bom-ref": "root"}},
        "components": parts,
        "dependencies": [
            {"ref": "root", "dependsOn": ["Torch", "pytest", "rapidocr"]},
            {"ref": "pytest", "dependsOn": []},
            {"ref": "Torch"},
        ],
    }
    small = reduced(bill, {"torch"}, {"rapidocr"})
    assert [(part["name"], part["scope"]) for part in small["components"]] == [
        ("Torch", "required"),
        ("rapidocr", "optional"),
    ]
    assert small["dependencies"] == [{"ref": "root", "dependsOn": ["Torch", "rapidocr"]}, {"ref": "Torch"}]


def test_the_bill_names_the_libraries_of_the_page_with_version_licence_and_the_digest_of_every_file():
    bill = {"metadata": {"component": {"bom-ref": "root"}}, "components": [], "dependencies": [{"ref": "root"}]}
    whole = supply_chain.with_bundled(bill)
    told = {part["purl"]: part for part in whole["components"]}
    assert set(told) == {"pkg:npm/%40tanstack/table-core@8.21.3", "pkg:npm/uplot@1.6.32"}
    assert whole["dependencies"][0] == {"ref": "root", "dependsOn": sorted(told)}
    page = (supply_chain.LIBRARIES / "README.md").read_text(encoding="utf-8")
    explorer = (supply_chain.ROOT / "audit" / "report" / "explorer.py").read_text(encoding="utf-8")
    notice = (supply_chain.ROOT / "NOTICE").read_text(encoding="utf-8")
    for part in told.values():
        assert part["licenses"] == [{"license": {"id": "MIT"}}]
        assert part["version"] in explorer
        assert part["version"] in notice
        for file in part["components"]:
            assert f"`{file['hashes'][0]['content']}`" in page


def test_no_file_of_a_library_is_missing_from_the_bill():
    named = {file for _, _, files in supply_chain.BUNDLED for file in files}
    assert named == {path.name for path in supply_chain.LIBRARIES.iterdir() if path.suffix in {".js", ".css"}}


def test_a_folder_without_one_wheel_gets_no_bill(tmp_path):
    with pytest.raises(SystemExit, match="0 wheels"):
        supply_chain.write_bill(tmp_path)


def test_every_tool_is_pinned():
    pins = dict(
        line.split("==") for line in (supply_chain.ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    )
    assert {"cyclonedx-bom", "pip-audit", "pip-licenses"} <= set(map(canonicalize_name, pins))
