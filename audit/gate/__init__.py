"""The release gate: findings and controls become a decision, and the decision an exit code.

First version: there are no policies yet, so a run passes when its controls hold and something was measured.
"""

from audit.gate.decision import decide, exit_code
from audit.gate.decision_json import decision_document, decision_text

__all__ = ["decide", "decision_document", "decision_text", "exit_code"]
