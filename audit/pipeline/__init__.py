"""The way of the data: plan, invert, judge, examine, decide, report; each stage can be resumed and rerun alone."""

from audit.pipeline.plan import EFFORTS, AuditRequest, Plan, make_plan
from audit.pipeline.progress import Progress, Silence
from audit.pipeline.stages import Outcome, judge_again, report_again, run_audit

__all__ = [
    "EFFORTS",
    "AuditRequest",
    "Outcome",
    "Plan",
    "Progress",
    "Silence",
    "judge_again",
    "make_plan",
    "report_again",
    "run_audit",
]
