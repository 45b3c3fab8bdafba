"""Pictures that are shown to the checkpoint, instead of being inverted from it: drawn here, one file per question."""

from audit.probes.written import KINDS, Written, draw_written, look_at

__all__ = ["KINDS", "Written", "draw_written", "look_at"]
