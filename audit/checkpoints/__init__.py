"""Checkpoints: a name or a path becomes a loaded, checked, fingerprinted model.

The only place that imports open_clip. Whatever comes from a third party is held for hostile: see ``config``
(the allow-list), ``files`` and ``weights`` (what is read, and how), ``sanity`` (the gate before any measurement).
"""

from audit.checkpoints.checkpoint import Checkpoint
from audit.checkpoints.examination import Examination, Fact, examine
from audit.checkpoints.loading import export_folder, load_checkpoint
from audit.checkpoints.names import LoadOptions
from audit.checkpoints.sanity import load_pictures, pictured
from audit.checkpoints.weights import AttentionBlock, AttentionPool, VisionTransformer, build_model

__all__ = [
    "AttentionBlock",
    "AttentionPool",
    "Checkpoint",
    "Examination",
    "Fact",
    "LoadOptions",
    "VisionTransformer",
    "build_model",
    "examine",
    "export_folder",
    "load_checkpoint",
    "load_pictures",
    "pictured",
]
