"""Phantoms: small CLIP checkpoints trained on a drawn world whose biases are planted and therefore known.

Read in this order: ``world`` (what is planted), ``drawing`` and ``pictures`` (what it looks like), ``captions``
(what is said of it), ``augment`` and ``training`` (how a checkpoint learns it), ``folder`` (how it is kept),
``suites`` (prompts in its own words), ``truth`` (what was planted against what an audit measured), ``doses`` and
``calibration`` (the same over many worlds: how sure an audit can be).
"""
