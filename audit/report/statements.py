"""What a run found, in the forms of other tools: CycloneDX, in-toto and SARIF, bound to the digest of the weights.

Sources: CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json; in-toto test-result v0.1,
https://in-toto.io/attestation/test-result/v0.1; SARIF 2.1.0, https://docs.oasis-open.org/sarif/sarif/v2.1.0.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from audit.errors import UsageProblem
from audit.lenses import INSTRUMENTS
from audit.records import CheckpointCard, Decision, Finding, RuleResult, Verdict
from audit.report.findings import is_measured, is_whole
from audit.report.text import clean

_TOOL: Final = "clip-audit"
_WEIGHTS: Final = "weights:"
_RUN: Final = "run.json"
_LONGEST: Final = 1000
"""Characters of a text."""
_LEVELS: Final[Mapping[Verdict, str]] = {Verdict.FAIL: "error", Verdict.INCONCLUSIVE: "warning"}


def weights_digest(checkpoint: CheckpointCard) -> str:
    """Return the SHA-256 of the weights of a checkpoint, of several files over theirs; empty where nothing says it."""
    told = (name.removeprefix(_WEIGHTS) for name in checkpoint.lineage if name.startswith(_WEIGHTS))
    return next((digest for digest in told if len(digest) == 64 and set(digest) <= set("0123456789abcdef")), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What is stated, and of what."""

    checkpoint: CheckpointCard
    findings: Sequence[Finding]
    decision: Decision
    suites: Mapping[str, str]
    """Name of each suite -> its digest."""
    run_digest: str
    """SHA-256 of ``run.json``, which holds the digests of all else."""
    created: str
    """ISO date."""
    version: str
    """Of clip-audit."""
    limits: Sequence[str]
    """What is not said by it, in sentences."""

    @property
    def weights(self) -> str:
        """SHA-256 of the weights; of several files, over theirs.

        Raises:
            UsageProblem: If the run does not say it.
        """
        digest = weights_digest(self.checkpoint)
        if digest:
            return digest
        raise UsageProblem(
            f"The run of {clean(self.checkpoint.name)} does not say the digest of the weights.",
            remedy="Audit the checkpoint anew: a statement that is bound to no weights holds of any.",
        )


def cyclonedx(stated: Stated) -> dict[str, object]:
    """Return a bill of materials with the checkpoint and its model card: measures of whole suites, and their limits."""
    decision = stated.decision
    told = {
        "verdict": decision.verdict.value,
        "policy": "" if decision.policy is None else decision.policy.name,
        "checkpoint-digest": stated.checkpoint.digest,
        "run-digest": stated.run_digest,
    }
    model = {
        "type": "machine-learning-model",
        "bom-ref": "checkpoint",
        "name": _text(stated.checkpoint.name),
        "hashes": [{"alg": "SHA-256", "content": stated.weights}],
        "modelCard": {
            "modelParameters": {
                "architectureFamily": "CLIP",
                "modelArchitecture": _text(stated.checkpoint.architecture),
                "inputs": [{"format": "image"}, {"format": "text"}],
                "outputs": [{"format": "embedding"}],
            },
            "quantitativeAnalysis": {"performanceMetrics": [_metric(one) for one in whole_suites(stated.findings)]},
            "considerations": {"technicalLimitations": [_text(one) for one in stated.limits]},
        },
        "properties": [{"name": f"{_TOOL}:{name}", "value": _text(value)} for name, value in told.items() if value],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{_TOOL}:{stated.run_digest}')}",
        "version": 1,
        "metadata": {
            "timestamp": f"{stated.created}T00:00:00Z",
            "tools": {"components": [{"type": "application", "name": _TOOL, "version": stated.version}]},
        },
        "components": [model],
    }


def whole_suites(findings: Sequence[Finding]) -> list[Finding]:
    """Return what other tools are told: measured findings about whole suites, without those about instruments."""
    return [one for one in findings if is_whole(one) and is_measured(one) and one.lens not in INSTRUMENTS]


def _metric(finding: Finding) -> dict[str, object]:
    estimate = finding.estimate
    ends = {"lowerBound": estimate.low, "upperBound": estimate.high}
    interval = {name: f"{end:.6g}" for name, end in ends.items() if end is not None}
    return {
        "type": finding.metric,
        "value": f"{estimate.value:.6g}",
        "slice": _text(finding.suite if finding.subject == "*" else f"{finding.suite}, {finding.subject}"),
        **({"confidenceInterval": interval} if interval else {}),
    }


def in_toto(stated: Stated) -> dict[str, object]:
    """Return a statement that the weights were tested: PASSED, WARNED where waivers were needed, else FAILED.

    What is inconclusive has not passed, so it is FAILED too: who lets through what is PASSED lets through nothing else.

    Raises:
        UsageProblem: If no policy was asked: nothing was decided that could be stated.
    """
    decision = stated.decision
    if decision.policy is None:
        raise UsageProblem(
            "No policy was asked, so there is no result to state.", remedy="Hold the run against one: clip-audit gate."
        )
    passed = decision.verdict is Verdict.PASS
    result = "FAILED" if not passed else "WARNED" if decision.passed_with_waivers else "PASSED"
    rules = {
        "passedTests": [one.rule for one in decision.results if one.verdict is Verdict.PASS],
        "warnedTests": [one.rule for one in decision.waived],
        "failedTests": [one.rule for one in decision.results if one.stands_in_the_way],
    }
    sources = [(f"policy {decision.policy.name}", decision.policy.digest), (_RUN, stated.run_digest)]
    sources += [(f"suite {name}", digest) for name, digest in sorted(stated.suites.items())]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": _text(stated.checkpoint.name), "digest": {"sha256": stated.weights}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": result,
            "configuration": [{"name": _text(name), "digest": {"sha256": digest}} for name, digest in sources],
            **{name: [_text(rule) for rule in those] for name, those in rules.items()},
        },
    }


def sarif(stated: Stated) -> dict[str, object]:
    """Return what keeps the run from passing as results of a static analysis: a failed rule is an error."""
    told = [one for one in stated.decision.results if one.verdict in _LEVELS]
    driver = {
        "name": _TOOL,
        "version": stated.version,
        "rules": [{"id": name} for name in dict.fromkeys(_text(one.rule) for one in told)],
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(one, stated) for one in told]}],
    }


def _result(result: RuleResult, stated: Stated) -> dict[str, object]:
    """A rule stands in the policy, so that is where a reader is sent; what it is about is a logical place."""
    line, waived = result.line, result.waived
    about = _text(stated.checkpoint.name if line is None else f"{line.suite}: {line.subject}")
    place = {"artifactLocation": {"uri": "policy.toml"}, "region": {"startLine": 1}}
    told: dict[str, object] = {
        "ruleId": _text(result.rule),
        "level": _LEVELS[result.verdict],
        "message": {"text": _text(result.evidence)},
        "locations": [{"physicalLocation": place, "logicalLocations": [{"fullyQualifiedName": about}]}],
        "partialFingerprints": {"rule/v1": f"{stated.weights[:16]}:{_text(result.rule)}"},
    }
    if waived is not None:
        told["suppressions"] = [
            {"kind": "external", "justification": _text(f"{waived.owner}, until {waived.until}: {waived.reason}")}
        ]
    return told


def _text(value: str) -> str:
    return clean(value, longest=_LONGEST)


STATEMENTS: Final[Mapping[str, Callable[[Stated], dict[str, object]]]] = {
    "cyclonedx": cyclonedx,
    "in-toto": in_toto,
    "sarif": sarif,
}
"""Name of a form -> what makes it."""
