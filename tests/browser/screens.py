"""Sizes in CSS pixels."""

WIDE = (1280, 800)
"""A laptop."""
NARROW = (360, 760)
"""A small telephone."""
PAPER = (718, 1000)
"""The text of a printed A4 page."""
