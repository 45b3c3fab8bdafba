"""Two runs beside each other, image by image: what a comparison, a history and a gate with a baseline rest on.

Only the checkpoint may differ between them. Their images are pairs, made from the same text, noise and views, so what
both runs have in common cancels.
"""

from audit.pairing.image_pairs import KEY, keep_images, refuse_unlike
from audit.pairing.paired_changes import changes_since

__all__ = ["KEY", "changes_since", "keep_images", "refuse_unlike"]
