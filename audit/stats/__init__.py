"""Statistics on plain numbers and arrays: every function gives its formula, source, units and errors.

The unit of evidence is the prompt, not the image (see :mod:`audit.stats.clusters`). Nothing here knows tables,
lenses or checkpoints. What could not be measured is ``None``, never 0 and never NaN.
"""

from audit.stats.calibration import ReadOff, read_off
from audit.stats.clusters import ClusterEstimate, cluster_mean, cluster_share, group_means, two_level_means
from audit.stats.correlations import Correlation, pearson, spearman
from audit.stats.differences import welch_difference
from audit.stats.hypotheses import Adjusted, TestResult, benjamini_hochberg, holm, sign_test, t_test
from audit.stats.intervals import Interval, clopper_pearson, goodman, wilson
from audit.stats.unknowns import undetermined_bounds

__all__ = [
    "Adjusted",
    "ClusterEstimate",
    "Correlation",
    "Interval",
    "ReadOff",
    "TestResult",
    "benjamini_hochberg",
    "clopper_pearson",
    "cluster_mean",
    "cluster_share",
    "goodman",
    "group_means",
    "holm",
    "pearson",
    "read_off",
    "sign_test",
    "spearman",
    "t_test",
    "two_level_means",
    "undetermined_bounds",
    "welch_difference",
    "wilson",
]
