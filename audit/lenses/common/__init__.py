"""What several lenses share: the protocol, verdicts, scales, matched references, labelled images, texts as vectors.

Nothing here asks a question, and no lens imports another.
"""
