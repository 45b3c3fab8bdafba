"""Statistics on plain numbers and arrays: every function gives its formula, source, units and errors.

The unit of evidence is the prompt, not the image (see :mod:`audit.stats.clusters`). Nothing here knows tables,
lenses or checkpoints. What could not be measured is ``None``, never 0 and never NaN.
"""

from audit.stats.associations import effect_size
from audit.stats.bootstrap import cluster_bootstrap
from audit.stats.calibration import ReadOff, read_off
from audit.stats.clusters import ClusterEstimate, cluster_mean, cluster_share
from audit.stats.correlations import Correlation, pearson, spearman
from audit.stats.differences import welch_difference
from audit.stats.entropy import cluster_evenness, evenness
from audit.stats.grouping import group_means, singles, two_level_means
from audit.stats.hypotheses import Adjusted, TestResult, benjamini_hochberg, holm, sign_test, t_test
from audit.stats.intervals import Interval, clopper_pearson, goodman, wilson
from audit.stats.jackknife import jackknife_difference, jackknife_test, pseudo_values
from audit.stats.judge_error import JudgeCheck, rogan_gladen
from audit.stats.margins import Standing, non_inferiority
from audit.stats.pairs import paired_difference, paired_test
from audit.stats.permutations import max_t, sign_flip_test, two_sample_test
from audit.stats.power import (
    detectable_gap,
    implied_sd,
    power_of_mean,
    power_of_share,
    prompts_for_mean,
    prompts_for_zero_hits,
)
from audit.stats.power_by_look import power_of_mean_by_look, power_of_share_by_look
from audit.stats.proportions import newcombe_difference, newcombe_paired_difference
from audit.stats.sequences import (
    EValue,
    e_benjamini_hochberg,
    evidence_against_at_least,
    evidence_against_at_most,
    mean_sequence,
    share_sequence,
)
from audit.stats.spreads import repeated_variance
from audit.stats.unknowns import undetermined_bounds
from audit.stats.variances import VarianceShares, wording_share

__all__ = [
    "Adjusted",
    "ClusterEstimate",
    "Correlation",
    "EValue",
    "Interval",
    "JudgeCheck",
    "ReadOff",
    "Standing",
    "TestResult",
    "VarianceShares",
    "benjamini_hochberg",
    "clopper_pearson",
    "cluster_bootstrap",
    "cluster_evenness",
    "cluster_mean",
    "cluster_share",
    "detectable_gap",
    "e_benjamini_hochberg",
    "effect_size",
    "evenness",
    "evidence_against_at_least",
    "evidence_against_at_most",
    "goodman",
    "group_means",
    "holm",
    "implied_sd",
    "jackknife_difference",
    "jackknife_test",
    "max_t",
    "mean_sequence",
    "newcombe_difference",
    "newcombe_paired_difference",
    "non_inferiority",
    "paired_difference",
    "paired_test",
    "pearson",
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
    "share_sequence",
    "sign_flip_test",
    "sign_test",
    "singles",
    "spearman",
    "t_test",
    "two_level_means",
    "two_sample_test",
    "undetermined_bounds",
    "welch_difference",
    "wilson",
    "wording_share",
]
