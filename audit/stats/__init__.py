"""Statistics on plain numbers and arrays: every function gives its formula, source, units and errors.

The unit of evidence is the prompt, not the image (see :mod:`audit.stats.clusters`). Nothing here knows tables,
lenses or checkpoints. What could not be measured is ``None``, never 0 and never NaN.
"""

from audit.stats.calibration_curve import ReadOff, read_off
from audit.stats.clusters import ClusterEstimate, cluster_mean, cluster_share
from audit.stats.correlations import effect_size, spearman
from audit.stats.crossed import crossed_mean, crossed_share
from audit.stats.differences import (
    OverFloor,
    excess_over_floor,
    excess_over_references,
    paired_difference,
    welch_difference,
)
from audit.stats.entropy import cluster_evenness, evenness
from audit.stats.grouping import group_means, singles, two_level_means
from audit.stats.hypotheses import Adjusted, TestResult, benjamini_hochberg, holm, sign_test, t_test
from audit.stats.instrument import InstrumentError, instrument_error, mean_size, widen, widened_test
from audit.stats.intervals import Interval, clopper_pearson, goodman, impact_ratio, undetermined_bounds, wilson
from audit.stats.jackknife import jackknife_difference, jackknife_test, pseudo_values
from audit.stats.judge_error import Neither, PooledRate, Rate, agreement, rogan_gladen
from audit.stats.permutations import sign_flip_test, two_sample_test
from audit.stats.power import (
    implied_sd,
    power_of_mean,
    power_of_mean_by_look,
    power_of_share,
    power_of_share_by_look,
    prompts_for_mean,
    prompts_for_zero_hits,
)
from audit.stats.variances import VarianceShares, repeated_variance, wording_share

__all__ = [
    "Adjusted",
    "ClusterEstimate",
    "InstrumentError",
    "Interval",
    "Neither",
    "OverFloor",
    "PooledRate",
    "Rate",
    "ReadOff",
    "TestResult",
    "VarianceShares",
    "agreement",
    "benjamini_hochberg",
    "clopper_pearson",
    "cluster_evenness",
    "cluster_mean",
    "cluster_share",
    "crossed_mean",
    "crossed_share",
    "effect_size",
    "evenness",
    "excess_over_floor",
    "excess_over_references",
    "goodman",
    "group_means",
    "holm",
    "impact_ratio",
    "implied_sd",
    "instrument_error",
    "jackknife_difference",
    "jackknife_test",
    "mean_size",
    "paired_difference",
    "power_of_mean",
    "power_of_mean_by_look",
    "power_of_share",
    "power_of_share_by_look",
    "prompts_for_mean",
    "prompts_for_zero_hits",
    "pseudo_values",
    "read_off",
    "repeated_variance",
    "rogan_gladen",
    "sign_flip_test",
    "sign_test",
    "singles",
    "spearman",
    "t_test",
    "two_level_means",
    "two_sample_test",
    "undetermined_bounds",
    "welch_difference",
    "widen",
    "widened_test",
    "wilson",
    "wording_share",
]
