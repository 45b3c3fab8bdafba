"""How warm the colours of images are. Light to import: torch comes with the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.judges import JudgeKind

if TYPE_CHECKING:
    from audit.judges.judge_protocol import Judge, JudgeSettings


def _load(target: str, settings: JudgeSettings) -> Judge:
    from clip_audit_warmth.warmth_judge import WarmthJudge

    del target, settings
    return WarmthJudge()


KIND = JudgeKind(forms=("warmth",), load=_load)
