"""The way of the data: plan, invert, judge, examine, decide, report; each stage can be resumed and rerun alone."""

from audit.pipeline.audit_plan import EFFORTS, AuditRequest, Plan, make_plan
from audit.pipeline.examine import Outcome
from audit.pipeline.execute import gate_again, judge_again, report_again, run_audit
from audit.pipeline.forecast import Forecast, earlier_run, predict, probe, work_left
from audit.pipeline.progress import Progress, Silence

__all__ = [
    "EFFORTS",
    "AuditRequest",
    "Forecast",
    "Outcome",
    "Plan",
    "Progress",
    "Silence",
    "earlier_run",
    "gate_again",
    "judge_again",
    "make_plan",
    "predict",
    "probe",
    "report_again",
    "run_audit",
    "work_left",
]
