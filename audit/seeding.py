"""Seeds that depend on names and never on order.

Every random draw of an audit comes from a generator whose seed is the SHA-256 of the names of what is
drawn: ("invert", checkpoint digest, prompt id, replicate). So the same item gets the same numbers in any
batch, on any run, after any crash.
"""

from __future__ import annotations

import hashlib

_SEED_BITS = 63  # torch.Generator takes a signed 64-bit seed; numpy takes any non-negative integer


def derive_seed(*names: str | int) -> int:
    """Return a seed in [0, 2**63) that is a function of ``names`` alone.

    Args:
        names: What the draw is for, from the general to the particular. A name may hold any text: parts
            are length-prefixed, so that ("ab", "c") and ("a", "bc") differ.

    Raises:
        ValueError: If no name is given.

    Example:
        >>> derive_seed("invert", "a photo of a nurse", 0) == derive_seed("invert", "a photo of a nurse", 0)
        True
        >>> derive_seed("ab", "c") == derive_seed("a", "bc")
        False
    """
    if not names:
        raise ValueError("A seed needs at least one name; got none.")
    digest = hashlib.sha256()
    for name in names:
        part = str(name).encode("utf-8", "surrogatepass")
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return int.from_bytes(digest.digest()[:8], "big") >> (64 - _SEED_BITS)
