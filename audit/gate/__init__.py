"""The release gate: findings, controls and a policy become a decision, and the decision an exit code.

Read in this order: ``policy`` (rules, thresholds, waivers), ``policy_file`` (TOML, read strictly), ``measured`` (what a
gate may look at), ``lines`` (every rule for every subject, and its answer), ``ruling`` (a policy applied to a run),
``decision`` (with the controls, and as it is kept). For runs in rounds: ``looks``. Before a run: ``spreads`` (how far
units lie apart) and ``line_power`` (what each line can tell).

Without a policy there is no verdict; a run whose controls do not hold, or in which nothing was measured, is
inconclusive all the same.
"""

from audit.gate.decision import decide, decision_document, decision_text, exit_code
from audit.gate.line_power import POWER, LinePower, power_document, power_of_policy, power_sentences
from audit.gate.looks import METHOD, Look, PlannedLook, PolicySequence, spent
from audit.gate.measured import Asked, Measured, PromptValue, Size, asked_of, doubts_of
from audit.gate.policy import Policy, Rule, Threshold, Waiver
from audit.gate.policy_file import check_against, load_policy
from audit.gate.requires import RunFacts, check_requirements, requires_text, suites_with_too_few
from audit.gate.ruling import Ruling, apply_policy
from audit.gate.spreads import Seen

__all__ = [
    "METHOD",
    "POWER",
    "Asked",
    "LinePower",
    "Look",
    "Measured",
    "PlannedLook",
    "Policy",
    "PolicySequence",
    "PromptValue",
    "Rule",
    "Ruling",
    "RunFacts",
    "Seen",
    "Size",
    "Threshold",
    "Waiver",
    "apply_policy",
    "asked_of",
    "check_against",
    "check_requirements",
    "decide",
    "decision_document",
    "decision_text",
    "doubts_of",
    "exit_code",
    "load_policy",
    "power_document",
    "power_of_policy",
    "power_sentences",
    "requires_text",
    "spent",
    "suites_with_too_few",
]
