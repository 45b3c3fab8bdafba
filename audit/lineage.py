"""What a checkpoint or a judge was trained on, and whether two of them can be called independent.

Two models of one data set err alike, whoever trained them. What open_clip's weights were trained on is a table, by
tag; what a folder says of itself is kept as said, and never makes anything independent: only a table row, or a
statement, on both sides with nothing in common leaves the question to the reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Final, Literal

from audit.records import CheckpointCard, JudgeCard

TRAINED_ON: Final = "trained on "
SAID: Final = "said to be trained on "
"""Beginnings of what a lineage says of training data: by the table, and by the model's own folder."""

IMAGE_TOWER: Final = "image tower:"
"""Beginning of the digest of one large matrix of an image tower, by which a copy is known that has another file."""

SAME_TOWER: Final = "weights of the image tower"

UNKNOWN: Final = "unknown"
"""What a tag was trained on where nothing that we could read says it."""

WITHIN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LAION-400M": "LAION",
        "LAION-2B": "LAION",
        "LAION-5B": "LAION",
        "LAION-Aesthetics": "LAION",
        "LAION-COCO": "LAION",
        "DataComp": "CommonPool",
        "DataComp-1B": "CommonPool",
        "DFN-2B": "CommonPool",
        "DFN-5B": "CommonPool",
        "MetaCLIP-400M": "MetaCLIP",
        "MetaCLIP 2": "MetaCLIP",
        "PE": "MetaCLIP",
        "YFCC15M": "YFCC100M",
        "WIT": "WIT (OpenAI)",
    }
)
"""A data set -> what it was taken from, or is curated like; two of one source are relatives."""

CRAWLED: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(("LAION", "CommonPool", "MetaCLIP", "COYO-700M"), "Common Crawl")
)
"""Where a source was itself drawn from: two of one crawl may hold the same pictures, and are not shown independent."""

_OPENAI: Final = ("WIT (OpenAI)", "YFCC100M")
_EVA: Final = (*_OPENAI, "LAION-2B", "COYO-700M")
_DRAWN: Final = ("LAION-COCO", "LAION-2B", "WebLI")

DATA_OF_TAG: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # OpenAI's model card: a crawl of websites and data sets that exist, "such as YFCC100M" (WebImageText)
        "openai": _OPENAI,
        # open_clip, docs/PRETRAINED.md; the tags name the data set
        "yfcc15m": ("YFCC15M",),
        "cc12m": ("CC12M",),
        **dict.fromkeys(("laion400m_e31", "laion400m_e32", "laion400m_s13b_b51k"), ("LAION-400M",)),
        **dict.fromkeys(
            (
                "laion2b",
                "laion2b_e16",
                "laion2b_s34b_b79k",
                "laion2b_s34b_b88k",
                "laion2b_s32b_b82k",
                "laion2b_s32b_b79k",
                "laion2b_s12b_b42k",
                "laion2b_s39b_b160k",
                "laion2b_s12b_b32k",
                "laion2b_s13b_b82k",
                "laion2b_s13b_b82k_augreg",
                "laion2b_s26b_b102k_augreg",
                "laion2b_s29b_b131k_ft",
                "laion2b_s29b_b131k_ft_soup",
                "laion2b_s34b_b82k_augreg",
                "laion2b_s34b_b82k_augreg_rewind",
                "laion2b_s34b_b82k_augreg_soup",
                "laion2b_s13b_b90k",
            ),
            ("LAION-2B",),
        ),
        **dict.fromkeys(("laion5b_s13b_b90k", "frozen_laion5b_s13b_b90k"), ("LAION-5B",)),
        **dict.fromkeys(("laion_aesthetic_s13b_b82k", "laion_aesthetic_s13b_b82k_augreg"), ("LAION-Aesthetics",)),
        "mscoco_finetuned_laion2b_s13b_b90k": ("LAION-2B", "MS COCO"),
        # DataComp, arXiv 2304.14108: all of it, filtered or not, is of CommonPool
        **dict.fromkeys(
            (
                "datacomp_xl_s13b_b90k",
                "datacomp_l_s1b_b8k",
                "datacomp_m_s128m_b4k",
                "datacomp_s_s13m_b4k",
                "datacomp_s34b_b86k",
                "datacomp1b",
            ),
            ("DataComp-1B",),
        ),
        **dict.fromkeys(
            (
                *(f"commonpool_{size}_s13b_b90k" for size in ("xl", "xl_clip", "xl_laion")),
                *(
                    f"commonpool_{size}{kind}_{trained}"
                    for size, trained in (("l", "s1b_b8k"), ("m", "s128m_b4k"), ("s", "s13m_b4k"))
                    for kind in ("", "_clip", "_laion", "_image", "_text", "_basic")
                ),
            ),
            ("CommonPool",),
        ),
        # MetaCLIP, arXiv 2309.16671; Altogether, 2410.17251, and MetaCLIP 2, 2507.22062, curate alike
        "metaclip_400m": ("MetaCLIP-400M",),
        "metaclip_fullcc": ("MetaCLIP",),
        "metaclip_altogether": ("MetaCLIP",),
        "metaclip2_worldwide": ("MetaCLIP 2",),
        # Perception Encoder, arXiv 2504.13181: image-text pairs curated with MetaCLIP's pipeline
        "meta": ("PE",),
        # Data Filtering Networks, arXiv 2309.17425: DFN-2B is of CommonPool, DFN-5B of it and of more of Common Crawl
        **dict.fromkeys(("dfn2b", "dfn2b_s39b"), ("DFN-2B",)),
        "dfn5b": ("DFN-5B",),
        # EVA-CLIP, arXiv 2303.15389: Merged-2B is LAION-2B with COYO-700M; towers begin from CLIPs, OpenAI's among them
        "laion400m_s11b_b41k": (*_OPENAI, "LAION-400M"),
        **dict.fromkeys(("merged2b_s11b_b114k", "merged2b_s8b_b131k", "merged2b_s4b_b131k", "merged2b_s6b_b61k"), _EVA),
        **dict.fromkeys(("laion2b_s4b_b115k", "laion2b_s9b_b144k"), (*_OPENAI, "LAION-2B", "COYO-700M")),
        # SigLIP, arXiv 2303.15343, and SigLIP 2, 2502.14786
        "webli": ("WebLI",),
        # NLLB-CLIP, arXiv 2309.01859: LAION-COCO in translation, on image towers of LAION-2B or of SigLIP
        "v1": _DRAWN,
        "mrl": _DRAWN,
        # MobileCLIP, arXiv 2311.17049: taught by CLIPs of OpenAI and of DataComp, captions by a CoCa of LAION-2B
        **dict.fromkeys(("datacompdr", "datacompdr_lt"), ("DataComp-1B", *_OPENAI, "LAION-2B")),
        # MobileCLIP2, arXiv 2508.20691: DFN-2B, taught by CLIPs of DFN-2B
        "dfndr2b": ("DFN-2B",),
    }
)
"""Tag of open_clip's pretrained weights -> training data; what taught a model, or it began from, counts as well."""


Kind = Literal["relative", "one crawl", "unknown", "stated", "apart"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinship:
    """What two models have in common."""

    kind: Kind
    shared: tuple[str, ...] = ()
    """Weights, names or data of relatives; the crawl of those of one crawl."""

    @property
    def shared_by_relatives(self) -> tuple[str, ...]:
        """What makes them relatives; nothing where they are none."""
        return self.shared if self.kind == "relative" else ()

    @property
    def in_doubt(self) -> bool:
        """Whether nothing shows that they are independent, though nothing shows the opposite."""
        return self.kind in {"one crawl", "unknown"}

    @property
    def sentence(self) -> str:
        """What it means for a judge, beside the audited checkpoint."""
        match self.kind:
            case "relative":
                return f"shares {', '.join(self.shared)} with the audited checkpoint: not independent"
            case "one crawl":
                return f"not shown independent: training data of both are from {', '.join(self.shared)}"
            case "unknown":
                return "not shown independent: what it or the audited checkpoint was trained on is unknown"
            case "stated":
                return "nothing in common, as far as their makers state what they were trained on"
            case "apart":
                return "no training data in common, by the table of tags"


def data_of_tag(tag: str) -> tuple[str, ...]:
    """Return what a lineage says of the data of open_clip's weights of this tag; nothing where that is unknown.

    Example:
        >>> data_of_tag("laion2b_e16"), data_of_tag("a-tag-of-tomorrow")
        (('trained on LAION-2B',), ())
    """
    return tuple(f"{TRAINED_ON}{name}" for name in DATA_OF_TAG.get(tag, ()) if name != UNKNOWN)


def data_as_said(names: Iterable[str]) -> tuple[str, ...]:
    """Return what a lineage says of the data that a model's own folder states."""
    return tuple(f"{SAID}{name}" for name in names)


def without_matrices(lineage: Iterable[str]) -> tuple[str, ...]:
    """Return what a reader is told of a lineage: all of it but the digests of single matrices."""
    return tuple(name for name in lineage if not name.startswith(IMAGE_TOWER))


def kinship(one: Iterable[str], other: Iterable[str]) -> Kinship:
    """Compare two lineages.

    Example:
        >>> kinship(data_of_tag("laion2b_e16"), data_of_tag("laion400m_e32"))
        Kinship(kind='relative', shared=('LAION',))
        >>> kinship(data_of_tag("laion2b_e16"), data_of_tag("dfn5b")).kind
        'one crawl'
        >>> kinship(data_of_tag("webli"), ()).kind, kinship(data_of_tag("webli"), data_as_said(["my own"])).kind
        ('unknown', 'stated')
    """
    ours, theirs = set(one), set(other)
    ours_from, theirs_from = sources(ours), sources(theirs)
    same = {
        SAME_TOWER if name.startswith(IMAGE_TOWER) else name
        for name in ours & theirs
        if not name.startswith((TRAINED_ON, SAID))
    }
    if shared := same | (ours_from & theirs_from):
        return Kinship(kind="relative", shared=tuple(sorted(shared)))
    if not (ours_from and theirs_from):
        return Kinship(kind="unknown")
    crawls = _crawls(ours_from) & _crawls(theirs_from)
    if crawls:
        return Kinship(kind="one crawl", shared=tuple(sorted(crawls)))
    stated = any(name.startswith(SAID) for name in ours | theirs)
    return Kinship(kind="stated" if stated else "apart")


def kinship_of(judge: JudgeCard, checkpoint: CheckpointCard) -> Kinship:
    """Compare a judge with the audited checkpoint."""
    return kinship((judge.digest, *judge.lineage), (checkpoint.digest, *checkpoint.lineage))


def sources(lineage: Iterable[str]) -> frozenset[str]:
    """Return the sources of the training data that a lineage names, by the table or as said; by no case of letters."""
    names = [
        name.removeprefix(SAID).removeprefix(TRAINED_ON) for name in lineage if name.startswith((TRAINED_ON, SAID))
    ]
    spelt = {name.casefold(): name for name in (*WITHIN, *WITHIN.values(), *CRAWLED)}
    known = [spelt.get(name.casefold(), name) for name in names]
    return frozenset(WITHIN.get(name, name) for name in known)


RECOMMENDED: Final = ("open_clip:ViT-B-16-SigLIP/webli", "open_clip:ViT-B-32/openai")
"""Checkpoints for judges of photographs that see with other eyes: WebLI, and OpenAI's pictures; the surer one first."""


def recommended(lineage: Iterable[str]) -> tuple[str, ...]:
    """Return the checkpoints of ``RECOMMENDED`` that share no source and no crawl with a lineage, as far as is known.

    Of an unknown lineage nothing is known, and all are returned: their reader knows more.

    Example:
        >>> recommended(data_of_tag("laion2b_e16"))[0], recommended(data_of_tag("webli"))
        ('open_clip:ViT-B-16-SigLIP/webli', ('open_clip:ViT-B-32/openai',))
    """
    ours = tuple(lineage)
    return tuple(name for name in RECOMMENDED if kinship(ours, data_of_tag(name.rpartition("/")[2])).kind not in _NEAR)


_NEAR: Final = frozenset({"relative", "one crawl"})


def relatives_among(lineages: Mapping[str, Iterable[str]]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Return every two of several models that are relatives, and what they share: their opinions are one opinion."""
    pairs = combinations(sorted((name, tuple(lineage)) for name, lineage in lineages.items()), 2)
    found = [(one, other, kinship(ours, theirs)) for (one, ours), (other, theirs) in pairs]
    return tuple((one, other, kin.shared) for one, other, kin in found if kin.kind == "relative")


def _crawls(names: Iterable[str]) -> set[str]:
    return {CRAWLED[name] for name in names if name in CRAWLED}
