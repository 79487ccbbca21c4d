"""Faults that a sceptic would plant, and the tests that should notice them first."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One planted fault.

    Attributes
    ----------
    name
        Short name.
    file
        File below ``src/simsepsis``.
    right, wrong
        Text that stands there exactly once, and what is put in its place.
    tests
        Files below ``tests`` that should notice, in the order in which they are tried.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


TRUTH = (
    "unit/experiment/test_seeds_and_populations.py",
    "unit/test_truth.py",
    "unit/experiment/test_experiment_truth.py",
    "unit/experiment/test_experiment_run.py",
)
GENERATE = ("unit/studies", "properties/test_generator_properties.py")
MATCHING = ("unit/analysis/test_matching.py", "properties/test_matching_properties.py")
METHODS = (
    "unit/analysis/test_methods_weighting.py",
    "unit/analysis/test_methods.py",
    "unit/analysis/test_methods_matching.py",
    "reference/test_methods_against_r.py",
)
MEASURES = ("unit/performance/test_performance_measures.py", "properties/test_performance_properties.py")
SURVIVAL = (
    "unit/analysis/test_cox.py",
    "unit/analysis/test_kaplan_meier.py",
    "reference/test_kernels_against_r.py",
)
TABLES = ("unit/analysis/test_two_by_two.py", "reference/test_kernels_against_r.py")
GEE = ("unit/analysis/test_gee.py", "reference/test_kernels_against_r.py")
RUNS = (
    "unit/experiment/test_seeds_and_populations.py",
    "unit/experiment/test_experiment_run.py",
    "unit/replication",
    "unit/experiment",
)
READING = (
    "unit/analysis/test_reading_by_role.py",
    "unit/analysis/test_data_encoding.py",
    "unit/analysis/test_cohort_files.py",
)
TIMING = ("unit/analysis/test_methods_timing.py", "unit/analysis/test_methods.py")
TRIALS = ("unit/trial", "reference/test_trial_published.py")

FAULTS = (
    Fault(
        "the effect in the treated is averaged with the weights of the untreated",
        "truth.py",
        'truth_rows(outcomes, chance, "att", wanted)',
        'truth_rows(outcomes, 1.0 - chance, "att", wanted)',
        TRUTH,
    ),
    Fault(
        "truths of a run are drawn from the seed of its replicates",
        "experiment/truths.py",
        "TRUTH_OFFSET = 2**32",
        "TRUTH_OFFSET = 0",
        TRUTH,
    ),
    Fault(
        "every replicate is matched in the same order",
        "experiment/replicates.py",
        "            draw=streams(seed, replicate=replicate),\n            oracle=cohort.oracle,",
        "            draw=streams(seed),\n            oracle=cohort.oracle,",
        RUNS,
    ),
    Fault(
        "every replicate has the same patients",
        "experiment/replicates.py",
        'cell.scenario, seed=seed, replicate=replicate, oracle="oracle" in needs',
        'cell.scenario, seed=seed, replicate=0, oracle="oracle" in needs',
        RUNS,
    ),
    Fault(
        "the twin is assigned by indication",
        "experiment/replicates.py",
        'oracle=False, assignment="coin")',
        'oracle=False, assignment="indication")',
        RUNS,
    ),
    Fault(
        "streams of two mechanisms are one",
        "streams.py",
        "address = (cell, replicate, zlib.crc32(name.encode()),",
        "address = (cell, replicate, 0,",
        ("unit/test_streams.py", "properties/test_generator_properties.py"),
    ),
    Fault(
        "blocks of a large registry repeat themselves",
        "streams.py",
        "*((block,) if block else ())",
        "*(() if block else ())",
        ("unit/test_streams.py", *GENERATE),
    ),
    Fault(
        "the oracle's arms are exchanged",
        "studies/jseptic_ivigg/world/oracle.py",
        "        untreated=potential_of(simulated.untreated),\n    )",
        "        untreated=potential_of(exits_if_treated(world, simulated, day)),\n    )",
        GENERATE,
    ),
    Fault(
        "death by day 28 includes later deaths",
        "studies/jseptic_ivigg/world/oracle.py",
        "died & (time <= HORIZON_DAYS)",
        "died & (time <= HORIZON_DAYS + 1.0)",
        (*GENERATE, *TRUTH),
    ),
    Fault(
        "treatment starts a day late",
        "studies/jseptic_ivigg/world/starts.py",
        "times[i] = day + within",
        "times[i] = day + 1.0 + within",
        GENERATE,
    ),
    Fault(
        "the Monte Carlo error of a contrast forgets the square of the weights",
        "world/contrast.py",
        "np.sum((self.weights * influence) ** 2)",
        "np.sum(self.weights * influence**2)",
        TRUTH,
    ),
    Fault(
        "a marginal odds ratio is a risk ratio",
        "world/contrast.py",
        "value = float(np.log(p1 / (1.0 - p1) * (1.0 - p0) / p0))",
        "value = float(np.log(p1 / p0))",
        TRUTH,
    ),
    Fault(
        "restricted mean truth runs to the end of the stay",
        "truth.py",
        "np.minimum(potential.lifetime, potential.horizon)",
        "np.where(np.isfinite(potential.lifetime), potential.lifetime, HORIZON_DAYS)",
        TRUTH,
    ),
    Fault(
        "inverse probability weights of the untreated use the probability of treatment",
        "analysis/methods/weighting.py",
        "own = np.where(treated, score, 1 - score)",
        "own = np.where(treated, score, score)",
        METHODS,
    ),
    Fault(
        "overlap weights are exchanged",
        "analysis/methods/weighting.py",
        "return np.where(treated, 1 - score, score), np.where(treated, -1.0, 1.0) * score",
        "return np.where(treated, score, 1 - score), np.where(treated, -1.0, 1.0) * score",
        METHODS,
    ),
    Fault(
        "the error of weighting ignores that the score was estimated",
        "analysis/methods/weighting.py",
        "        influence += score_influence(",
        "        influence += 0.0 * score_influence(",
        METHODS,
    ),
    Fault(
        "augmented weights add the residual of the wrong arm",
        "analysis/methods/doubly_robust.py",
        "weight = np.where(inside, weights, 0.0)",
        "weight = np.where(inside, 0.0, weights)",
        METHODS,
    ),
    Fault(
        "a clone may start on the last day of grace without leaving",
        "analysis/methods/clone_censor.py",
        "still = day[which] <= days.start[patient]",
        "still = day[which] < days.start[patient]",
        TIMING,
    ),
    Fault(
        "the caliper is the variance of the score",
        "analysis/matching.py",
        "return caliper * float(score.std(ddof=1))",
        "return caliper * float(score.var(ddof=1))",
        MATCHING,
    ),
    Fault(
        "a pair at the caliper is refused",
        "analysis/matching_kernels.py",
        "    left = left_distance <= width\n",
        "    left = left_distance < width\n",
        MATCHING,
    ),
    Fault(
        "closest pairs may lie beyond the caliper",
        "analysis/matching_kernels.py",
        "        if gap <= width:",
        "        if gap <= 1.01 * width:",
        MATCHING,
    ),
    Fault(
        "matching is on the probability where the logit was asked for",
        "analysis/matched.py",
        'propensity.logit if spec.scale == "logit" else propensity.probability',
        'propensity.probability if spec.scale == "logit" else propensity.logit',
        ("unit/analysis/test_thesis_analysis.py", "unit/analysis/test_methods_matching.py"),
    ),
    Fault(
        "the paired error forgets that pairs agree",
        "analysis/two_by_two/effects.py",
        "np.sqrt(max((b + c) - (b - c) ** 2 / n, 0.0)) / n",
        "np.sqrt(b + c) / n",
        TABLES,
    ),
    Fault(
        "the error of an odds ratio leaves out a cell",
        "analysis/two_by_two/effects.py",
        "np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)",
        "np.sqrt(1 / a + 1 / b + 1 / c)",
        TABLES,
    ),
    Fault(
        "an effect is stated for the control arm",
        "analysis/two_by_two/effects.py",
        "return difference_effect(treated - control, error, level)",
        "return difference_effect(control - treated, error, level)",
        TABLES,
    ),
    Fault(
        "pooled standard deviations are sums",
        "analysis/balance.py",
        '"pooled": (var1 + var0) / 2',
        '"pooled": var1 + var0',
        ("unit/analysis/test_balance.py", "unit/analysis/test_standardized_difference.py"),
    ),
    Fault(
        "Efron's ties are Breslow's",
        "analysis/survival/partial_likelihood.py",
        'count[group] if ties == "efron" else None',
        'count[group] if ties == "never" else None',
        SURVIVAL,
    ),
    Fault(
        "Greenwood's sum divides by those at risk twice",
        "analysis/survival/kaplan_meier.py",
        "left = table.at_risk * (table.at_risk - table.events)",
        "left = table.at_risk * table.at_risk",
        SURVIVAL,
    ),
    Fault(
        "who leaves at a time is no longer at risk then",
        "analysis/survival/kaplan_meier.py",
        "at_risk = np.cumsum(count[::-1])[::-1].astype(np.float64)",
        "at_risk = (np.cumsum(count[::-1])[::-1] - count).astype(np.float64) + np.bincount(code, dead)",
        SURVIVAL,
    ),
    Fault(
        "a competing event is a censoring",
        "analysis/survival/kaplan_meier.py",
        "    table = _life_table(duration, codes > 0)\n",
        "    table = _life_table(duration, codes == 1)\n",
        SURVIVAL,
    ),
    Fault(
        "log-rank variance without its hypergeometric factor",
        "analysis/survival/kaplan_meier.py",
        "spread = np.divide(deaths * (total - deaths), total - 1,",
        "spread = np.divide(deaths * (total - deaths), total,",
        SURVIVAL,
    ),
    Fault(
        "the small-sample correction acts with the wrong power",
        "analysis/gee_covariance.py",
        "* (1 - leverage) ** _POWERS[covariance]",
        "* (1 - leverage) ** -1.0",
        GEE,
    ),
    Fault(
        "bias-corrected standard errors divide by n",
        "performance/mcse.py",
        "quotient(np.square(centred.deviation).sum(axis=-1), np.maximum(centred.n - 1, 0))",
        "quotient(np.square(centred.deviation).sum(axis=-1), centred.n)",
        MEASURES,
    ),
    Fault(
        "the Monte Carlo error of a mean is a standard deviation",
        "performance/mcse.py",
        "return Measured(centred.mean, np.sqrt(quotient(variance(centred), centred.n)), centred.n)",
        "return Measured(centred.mean, np.sqrt(variance(centred)), centred.n)",
        MEASURES,
    ),
    Fault(
        "the error of the truth is left out",
        "performance/mcse.py",
        "return measured._replace(mcse=np.hypot(measured.mcse, np.abs(error)))",
        "return measured",
        MEASURES,
    ),
    Fault(
        "the model's standard error is a mean of standard errors",
        "performance/measures.py",
        "return root_of(mean_of(np.square(std_error)))",
        "return mean_of(std_error)",
        MEASURES,
    ),
    Fault(
        "a relative error is a ratio",
        "performance/measures.py",
        "return Measured(100.0 * (ratio - 1.0), 100.0 * error, m.n_used)",
        "return Measured(100.0 * ratio, 100.0 * error, m.n_used)",
        MEASURES,
    ),
    Fault(
        "the value that is treated is the other one",
        "analysis/values.py",
        "table = [float(name in wanted) for name in names]",
        "table = [float(name not in wanted) for name in names]",
        READING,
    ),
    Fault(
        "text is ordered by the alphabet",
        "analysis/coded_columns.py",
        "key=lambda place: (-counts[place], labels[place])",
        "key=lambda place: labels[place]",
        READING,
    ),
    Fault(
        "a row of a message is counted among those that are left",
        "analysis/values.py",
        'f"has {shown(value)} in row {self.record[row] + 1}; {rule}"',
        'f"has {shown(value)} in row {row + 1}; {rule}"',
        READING,
    ),
    Fault(
        "patients without an outcome stay",
        "analysis/data.py",
        "keep: BoolArray = np.logical_and(day1, _complete(cohort, later, empty))",
        "keep: BoolArray = np.array(day1)",
        ("unit/analysis/test_data_encoding.py", *READING),
    ),
    Fault(
        "negative times pass",
        "analysis/coded_columns.py",
        'return Coded(values, "number", 0.0)',
        'return Coded(values, "number")',
        READING,
    ),
    Fault(
        "a month is thirty days",
        "analysis/spec_types.py",
        '"months": _YEAR / 12',
        '"months": 30.0',
        READING,
    ),
    Fault(
        "the words for a missing number are missing in text too",
        "analysis/column_types.py",
        "_without(words, absent - _meant(spec, name))",
        "_without(words, set(MISSING_WORDS))",
        READING,
    ),
    Fault(
        "the margin of non-inferiority is on the other side",
        "trial/designs/noninferiority.py",
        "return shift + factor * p0 - p1,",
        "return factor * p0 - p1 - shift,",
        ("unit/trial/test_trial_noninferiority.py",),
    ),
    Fault(
        "futility bounds of looks that were held are solved anew",
        "trial/sequential/solve.py",
        "if look < held.size:",
        "if look < 0:",
        ("unit/trial/test_trial_sequential.py",),
    ),
    Fault(
        "the luck of a small pool counts as correlation within ICUs",
        "trial/simulation/pool.py",
        "luck = 0.0 if chance else",
        "luck = 0.0 if not chance else",
        ("unit/trial/test_trial_of_icus.py",),
    ),
    Fault(
        "strata with one arm weigh as much as those with both",
        "trial/simulation/precision.py",
        "patients - 1.0 + alone",
        "patients",
        ("unit/trial/test_trial_precision.py",),
    ),
    Fault(
        "a stated size of clusters is enlarged",
        "trial/planning/compute.py",
        "fixed=protocol.stated_total is not None",
        "fixed=protocol.n_total is not None",
        ("unit/trial/test_stated_sizes.py",),
    ),
    Fault(
        "a second stage forgets what the first has used of its bound",
        "trial/sequential/interim.py",
        "cut = (float(boundaries.z[1]) - seen * math.sqrt(first)) / math.sqrt(rest)",
        "cut = float(boundaries.z[1])",
        ("unit/trial/test_trial_reestimate.py",),
    ),
)
