"""What the text tower says of the texts of a run: one unit vector for each, and how the tokenizer reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from audit.errors import UsageProblem
from audit.evidence.columns import REMEDY, Columns, build_table, check_columns, refuse

TEXTS: Final[Columns] = {"text": "text", "tokens": "integer", "unknown": "integer", "vector": "bytes"}
"""``vector`` holds float32, little-endian."""

TEXT_SHARD: Final = ("texts", "embeddings")
"""Kind and name of the shard that holds it."""

_LITTLE: Final = np.dtype("<f4")
_ROUNDING: Final = 1e-3


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class TextEvidence:
    """Embeddings of texts by the audited checkpoint; empty for a run that has none.

    Raises:
        UsageProblem: If the parts are not of one length, a text stands twice, or a vector is not of unit length.
    """

    texts: tuple[str, ...] = ()
    vectors: Float[np.ndarray, "text embedding"]
    """Unit rows in float32, in the order of ``texts``."""
    tokens: Int[np.ndarray, " text"]
    """Tokens of each text before anything is cut, start and end included."""
    unknown: Int[np.ndarray, " text"]
    """Words of each text that a closed vocabulary does not hold."""

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        lengths = {len(self.texts), len(self.vectors), len(self.tokens), len(self.unknown), len(self._places)}
        off = np.abs(np.linalg.norm(self.vectors, axis=1) - 1) if len(self.vectors) else np.zeros(1)
        if len(lengths) != 1 or not (off < _ROUNDING).all():
            raise UsageProblem(
                f"The embeddings of {len(self.texts)} texts do not fit them, or are not of unit length.",
                remedy=REMEDY,
            )

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {text: place for place, text in enumerate(self.texts)}

    def __contains__(self, text: object) -> bool:
        """Tell whether a text was embedded."""
        return text in self._places

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.texts)

    def of(self, texts: Sequence[str]) -> Float[np.ndarray, "text embedding"]:
        """Return the embeddings of some texts, one row each, in order.

        Raises:
            UsageProblem: If one was not embedded.
        """
        return np.asarray(self.vectors[self.places(texts)])

    def places(self, texts: Sequence[str]) -> Int[np.ndarray, " text"]:
        """Return the rows of some texts, in order.

        Raises:
            UsageProblem: If one was not embedded.
        """
        missing = [text for text in texts if text not in self._places]
        if missing:
            raise UsageProblem(
                f"The run has no embedding of the text {missing[0][:80]!r} ({len(missing)} are missing): an earlier "
                "version made it, or it is of other suites.",
                remedy=REMEDY,
            )
        return np.array([self._places[text] for text in texts], dtype=np.int64)


def no_texts() -> TextEvidence:
    """Return the embeddings of a run that has none."""
    none = np.zeros(0, dtype=np.int64)
    return TextEvidence(vectors=np.zeros((0, 0), dtype=np.float32), tokens=none, unknown=none)


def texts_table(evidence: TextEvidence) -> pd.DataFrame:
    """Return embeddings as the table ``TEXTS``, in their order."""
    rows = [
        {"text": text, "tokens": int(tokens), "unknown": int(unknown), "vector": vector.astype(_LITTLE).tobytes()}
        for text, tokens, unknown, vector in zip(
            evidence.texts, evidence.tokens, evidence.unknown, evidence.vectors, strict=True
        )
    ]
    return build_table(TEXTS, rows)


def read_texts(table: pd.DataFrame) -> TextEvidence:
    """Return the embeddings that :func:`texts_table` made a table of.

    Raises:
        UsageProblem: If the table is not as ``TEXTS`` says, or its vectors are of several lengths.
    """
    check_columns("texts", table, TEXTS)
    lengths = table["vector"].map(len).astype(int)
    length = int(lengths.iloc[0]) if len(table) else 0
    refuse("texts", table, lengths != length, "text", f"one with a vector of {length} bytes")
    refuse("texts", table, table["text"].duplicated(), "text", "there once")
    flat = np.frombuffer(b"".join(table["vector"]), dtype=_LITTLE).astype(np.float32)
    return TextEvidence(
        texts=tuple(table["text"].tolist()),
        vectors=flat.reshape(len(table), length // _LITTLE.itemsize),
        tokens=table["tokens"].to_numpy(dtype=np.int64),
        unknown=table["unknown"].to_numpy(dtype=np.int64),
    )
