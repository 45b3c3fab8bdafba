"""clip-audit asks a CLIP checkpoint itself what it associates with a text, and says how sure the answer is.

The data goes one way: ``suites`` and ``checkpoints``, then ``inversion``, ``judges``, ``evidence``, ``lenses``,
``gate`` and ``report``; ``pipeline`` runs them in that order, and ``cli`` is how people call it.
"""

__version__ = "0.1.0"
