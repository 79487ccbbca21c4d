"""Every number printed in a plan is a `Fact`: the number with its formatted text."""

from __future__ import annotations

import math
from importlib.metadata import version

import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.show.table import Fact
from simsepsis.show.trial_words import CONTROLS_JA, listed
from simsepsis.trial.effect import RISK_SCALES, effect_between, effect_from_coefficient
from simsepsis.trial.planning.accrual import patients_per_month
from simsepsis.trial.planning.companions import power_with
from simsepsis.trial.planning.compute import TrialPlan
from simsepsis.trial.protocol.sections import MOST_PATIENTS
from simsepsis.trial.sequential.spending import spending_parameter
from simsepsis.trial.simulation.decide import ANY
from simsepsis.trial.simulation.from_protocol import size_error
from simsepsis.words import numbers
from simsepsis.words.numbers import DASH, error_text, fixed

Facts = dict[str, Fact]
NONE = Fact(value=None, text=DASH)


def words(text: str) -> Fact:
    """Return words that a text takes as they are."""
    return Fact(value=text, text=text)


def count(value: float) -> Fact:
    """Return a number of people, whole, with thousands apart."""
    return NONE if math.isnan(value) else Fact(value=round(value), text=numbers.count(value))


def percent(value: float, mcse: float | None = None, *, digits: int = 1) -> Fact:
    """Return a share in percent; with its Monte Carlo standard error in brackets where there is one."""
    return _measured(value, mcse, 100 * value, digits, factor=100.0, unit="%")


def short_percent(value: float) -> Fact:
    """Return a share in percent with no decimals that are zero, such as 5% or 2.5%."""
    return NONE if math.isnan(value) else Fact(value=value, text=f"{100 * value:.6g}%")


def points(value: float, mcse: float | None = None) -> Fact:
    """Return a difference of shares in percentage points, its size only."""
    return _measured(abs(value), mcse, 100 * abs(value), 1, factor=100.0)


def decimal(value: float, mcse: float | None = None, *, digits: int = 2) -> Fact:
    """Return a number with fixed decimals."""
    return _measured(value, mcse, value, digits)


def plain(value: float) -> Fact:
    """Return a stated number as it was stated."""
    return Fact(value=value, text=f"{value:g}".replace("-", numbers.MINUS))


def p_value(value: float) -> Fact:
    """Return a p value to the fourth decimal."""
    return NONE if math.isnan(value) else Fact(value=value, text=numbers.p_value(value, 4))


def _measured(
    value: float, mcse: float | None, shown: float, digits: int, *, factor: float = 1.0, unit: str = ""
) -> Fact:
    if math.isnan(value):
        return NONE
    error = "" if mcse is None else f" ({error_text(factor * mcse, digits, exact=False)})"
    return Fact(value=value, text=fixed(shown, digits, unit=unit) + error, mcse=mcse)


MIXTURE = "mixture"
COUNTED = {1: "One", 2: "Two", 3: "Three", 4: "Four", 5: "Five", 6: "Six"}
"""Numbers that begin a sentence."""


def facts_of(plan: TrialPlan) -> Facts:
    """Return every number that the sentences of a plan may use."""
    return {
        **_stated(plan),
        **_risks(plan),
        **_population(plan),
        **_patients(plan),
        **_looks(plan),
        **_clusters(plan),
        **_conduct(plan),
        **_beliefs(plan),
        **_simulated(plan),
        **_variants(plan),
    }


def _stated(plan: TrialPlan) -> Facts:
    protocol, given = plan.protocol, plan.size.assumptions
    arm = protocol.arms[protocol.effect_arm]
    own, offer = protocol.words, protocol.offer
    return {
        "arm": words(arm.name),
        "arms": words(", ".join(item.name for item in protocol.arms)),
        "arms_ja": words("、".join(item.name for item in protocol.arms)),
        **_arm_sizes(plan),
        "treatment": words(own.treatment or arm.name),
        "treatment_ja": words(own.treatment_ja or arm.name),
        "control": words(own.control or protocol.control),
        "control_ja": words(own.control_ja or CONTROLS_JA.get(protocol.control, protocol.control)),
        **_allocation(plan),
        "horizon": count(protocol.outcome.day or offer.horizon),
        "alpha": short_percent(protocol.test.alpha),
        "alpha_one_comparison": percent(given.alpha, digits=2),
        "power_target": short_percent(given.power),
        "effect": plain(protocol.effect.value),
        "support": plain(protocol.effect.support_hazard_ratio),
        "discharge": plain(protocol.effect.discharge_hazard_ratio),
        "strata": words(listed(protocol.test.strata, offer)),
        "strata_ja": words(listed(protocol.test.strata, offer, ja=True)),
        "covariates": words(listed(protocol.test.covariates, offer)),
        "covariates_ja": words(listed(protocol.test.covariates, offer, ja=True)),
        "ratio": plain(given.ratio),
        "comparisons": count(len(protocol.arms)),
        "randomized_hour": plain(protocol.population.hour),
        "version": words(f"simsepsis {version('simsepsis')}"),
        "seed": Fact(value=protocol.run.seed, text=str(protocol.run.seed)),
        "reference": words(plan.size.reference),
    }


def _allocation(plan: TrialPlan) -> Facts:
    """Return the groups and their ratio, the treated first."""
    protocol, given = plan.protocol, plan.size.assumptions
    ratios = [f"{arm.ratio:g}" for arm in protocol.arms] + ["1"]
    facts = {
        "group_count": words({2: "two", 3: "three", 4: "four"}.get(len(ratios), str(len(ratios)))),
        "group_count_ja": count(len(ratios)),
        "allocation": words(":".join(ratios)),
        "allocation_ja": words("：".join(ratios)),
    }
    if protocol.scale in RISK_SCALES:
        found = effect_between(given.p_control, given.p_treated, protocol.scale, horizon=given.horizon)
        facts["estimate_value"] = plain(float(f"{found.value:.3g}"))
    if protocol.effect.margin is not None:
        facts["margin"] = plain(protocol.effect.margin)
    return facts


def _arm_sizes(plan: TrialPlan) -> Facts:
    """Return the patients of every arm as a list in both languages; a single treated one is not named."""
    arms, (control, treated) = plan.protocol.arms, plan.size.arms
    told = [("the treatment group", "試験治療群", float(treated))]
    if len(arms) > 1:
        each = plan.n_total / (1.0 + sum(arm.ratio for arm in arms))
        sizes = [arm.ratio * each for arm in arms]
        sizes[plan.protocol.effect_arm] = treated
        names = [(f"the group given {arm.name}", f"{arm.name}群") for arm in arms]
        told = [(*name, size) for name, size in zip(names, sizes, strict=True)]
    listed_en = ", ".join(f"{count(size).text} to {name}" for name, _, size in told)
    listed_ja = "、".join(f"{name}{count(size).text}例" for _, name, size in told)
    return {
        "arm_sizes": words(f"{listed_en} and {count(control).text} to the control group"),
        "arm_sizes_ja": words(f"{listed_ja}、対照群{count(control).text}例"),
        "n_known": count(plan.n_total * (1.0 - plan.size.assumptions.loss)),
    }


SURE = 0.01
"""Monte Carlo error of the number of patients, as a part of it, up to which it need not be told."""


def patients_error(plan: TrialPlan) -> float:
    """Return the Monte Carlo error of the number of patients as a part of it; that of a stated one is 0."""
    return 0.0 if plan.protocol.stated_total is not None else size_error(plan.size, plan.screened)


def _population(plan: TrialPlan) -> Facts:
    """Return what the simulated population leaves open, and what a larger one would; nothing if little."""
    error, pool = patients_error(plan), plan.protocol.run.pool
    if error <= SURE:
        return {}
    wanted = pool * (error / SURE) ** 2
    larger = math.ceil(wanted / 10_000) * 10_000 if wanted < MOST_PATIENTS else MOST_PATIENTS
    return {
        "pool": count(pool),
        "pool_larger": Fact(value=larger, text=str(larger)),
        "n_mcse": percent(error),
        "n_mcse_larger": percent(error * math.sqrt(pool / max(larger, pool))),
    }


def _risks(plan: TrialPlan) -> Facts:
    given, screened = plan.size.assumptions, plan.screened
    control, treated = given.p_control, given.p_treated
    arms = given.risks
    return {
        "p_control": percent(control),
        "p_control_mcse": decimal(100 * screened.p_control_mcse),
        "averaging": decimal(given.averaging),
        "hr_averaged": decimal(
            effect_between(*arms, "hazard_ratio", horizon=given.horizon or 1.0).value ** given.averaging,
            digits=3,
        ),
        "p_treated": percent(treated),
        "rd": points(treated - control),
        "rrr": percent(abs(1.0 - treated / control)),
        "rr": decimal(treated / control),
        "or": decimal(effect_between(control, treated, "odds_ratio").value),
        "p_control_itt": percent(arms[0]),
        "p_treated_itt": percent(arms[1]),
        "rd_itt": points(arms[1] - arms[0]),
        "rr_itt": decimal(arms[1] / arms[0]),
        "nonadherence": short_percent(given.nonadherence),
        "contamination": short_percent(given.contamination),
        "loss": short_percent(given.loss),
        "open_label": short_percent(round(given.open_label, 3)),
        "icc_world": decimal(screened.icc, digits=3),
        **_ranks(plan),
    }


def _ranks(plan: TrialPlan) -> Facts:
    """Return the effect on ranks that the planned effect on deaths amounts to, where ranks are compared."""
    given = plan.size.assumptions
    if given.ranked is None:
        return {}
    control, treated = given.risks
    left = 1.0 - given.nonadherence - given.contamination
    found = effect_from_coefficient(
        given.ranked.base * left + given.ranked.slope * (control - treated), given.ranked.scale
    )
    return {"rank_effect": decimal(found.value, digits=3)}


def _patients(plan: TrialPlan) -> Facts:
    size = plan.size
    control, treated = size.arms
    return {
        "n_randomized": count(size.n_randomized),
        "n_control": count(control),
        "n_treated": count(treated),
        "n_analysed": count(size.n_analysed),
        "n_undiluted": count(math.ceil(size.n_undiluted)),
        "n_fixed": count(math.ceil(size.n_fixed)),
        "n_clustered": count(math.ceil(size.n_clustered)),
        "n_needed": count(math.ceil(size.n_sequential)),
        "n_looked": count(math.ceil(size.n_sequential / size.assumptions.sparse)),
        "inflation": decimal(size.n_sequential / size.n_clustered / size.assumptions.sparse, digits=3),
        "sparse": decimal(size.assumptions.sparse),
        "deaths": count(size.events),
        "deaths_fixed": count(math.ceil(size.n_fixed / size.n_analysed * size.events)),
        "power": percent(size.power),
        "expected_null": count(plan.expected["null"]),
        "expected_planned": count(plan.expected["planned"]),
        "detectable": points(plan.detectable),
    }


def _looks(plan: TrialPlan) -> Facts:
    bounds, times = plan.size.assumptions.boundaries, plan.protocol.looks.information
    futility, interims = plan.size.assumptions.futility, len(times) - 1
    verb = "analysis is" if interims == 1 else "analyses are"
    facts = {
        "looks": count(len(times)),
        "interims": words(f"{COUNTED.get(interims, str(interims))} interim {verb}"),
        "interims_ja": count(interims),
        "fractions": words(_joined(times[:-1], ", ", " and ")),
        "fractions_ja": words(_joined(times[:-1], "、", "および")),
    }
    if bounds is None:
        return facts
    facts |= {"final_z": decimal(float(bounds.z[-1]), digits=3), **_bounds("interim_z", bounds.z)}
    looks = plan.protocol.looks
    skipping = looks.efficacy_at is not None
    used = spending_parameter(looks.spending, looks.parameter) if skipping else bounds.parameter
    facts["parameter"] = NONE if used is None else plain(used)
    if futility is None or bounds.futility_z is None:
        return facts
    rule = futility.spending if isinstance(futility.spending, str) else "hsd"
    parameter = spending_parameter(rule, futility.parameter)
    told = looks.futility
    floor = None if told is None else told.conditional_power or told.predictive_power
    return facts | {
        "power_floor": NONE if floor is None else short_percent(floor),
        "futility_parameter": NONE if parameter is None else plain(parameter),
        "beta": short_percent(round(1.0 - futility.power, 10)),
        **_bounds("futility_z", bounds.futility_z),
    }


def _bounds(name: str, bounds: FloatArray) -> Facts:
    """Return the bounds of all looks but the last as a list in both languages."""
    texts = [
        decimal(float(z), digits=3).text if math.isfinite(z) else ("−∞" if z < 0 else "∞")
        for z in bounds[:-1]
    ]
    return {
        name: words(" and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))),
        f"{name}_ja": words("、".join(texts)),
    }


def _joined(looks: tuple[float, ...], comma: str, last: str) -> str:
    texts = [short_percent(round(look, 4)).text for look in looks]
    return (
        texts[0]
        if len(texts) == 1
        else comma.join(texts[:-1]) + (last if texts else "") + "".join(texts[-1:])
    )


def _clusters(plan: TrialPlan) -> Facts:
    clusters, size = plan.size.assumptions.clusters, plan.size
    if clusters is None:
        return {}
    return {
        "icc": decimal(clusters.icc, digits=3),
        "cac": plain(clusters.cac or 0.0),
        "clusters": count(clusters.number),
        "size_cv": decimal(clusters.cv),
        "size_inverse": decimal(clusters.inverse),
        "clusters_df": count(clusters.df),
        "cluster_size": plain(round(size.cluster_size or math.nan, 1)),
        "periods": count(clusters.periods),
        **_period(plan, clusters.periods * clusters.number),
        "design_effect": decimal(size.n_clustered / size.n_fixed),
    }


def _period(plan: TrialPlan, cells: int) -> Facts:
    """Return how long a period lasts if ICUs recruit as planned."""
    rate = patients_per_month(plan.protocol.sites, plan.screened.eligible)
    return {
        "icu_month": decimal(rate),
        "period_months": decimal(plan.n_total / cells / rate, digits=1),
    }


FEASIBLE_MONTHS = 60
"""Months of accrual beyond which a trial is said to be too slow."""


def consent_needed(plan: TrialPlan) -> float:
    """Return the consent with which the same ICUs would be done within the feasible months."""
    sites = plan.protocol.sites
    steady = max(FEASIBLE_MONTHS - 0.5 * sites.startup_months, 1.0)
    return plan.n_total / (sites.screened_per_month * plan.screened.eligible * steady * sites.number)


def _remedies(plan: TrialPlan) -> Facts:
    """Return how many ICUs, and what consent, would bring the accrual under the feasible months."""
    sites, consent = plan.protocol.sites, consent_needed(plan)
    return {
        "feasible_months": count(FEASIBLE_MONTHS),
        "icus_needed": count(math.ceil(consent / sites.consent * sites.number)),
        "consent_needed": short_percent(math.ceil(100 * consent) / 100),
    }


def _conduct(plan: TrialPlan) -> Facts:
    first, sites = plan.pace.iloc[0], plan.protocol.sites
    flow = plan.flow.set_index("step")["patients"]
    slow = plan.pace.iloc[-1]
    return {
        **_remedies(plan),
        "icus": count(sites.number),
        "per_month": decimal(first["per_month"], digits=1),
        "startup": plain(sites.startup_months),
        "months": count(first["months_accrual"]),
        "months_outcome": count(first["months_outcome"]),
        "months_slow": count(slow["months_accrual"]),
        "pace_slow": short_percent(slow["pace"]),
        "overrun": count(first["overrun"]),
        "screened": count(flow["screened"]),
        "eligible": count(flow["eligible"]),
        "eligible_share": percent(plan.screened.eligible),
        "consent": short_percent(sites.consent),
        "screened_rate": plain(sites.screened_per_month),
    }


def _beliefs(plan: TrialPlan) -> Facts:
    if plan.priors.empty:
        return {}
    rows = plan.priors.set_index("prior")
    facts = {}
    for name in rows.index:
        facts[f"assurance_{name}"] = percent(rows.loc[name, "assurance"])
        facts[f"ceiling_{name}"] = percent(rows.loc[name, "ceiling"])
    lowest, highest = plan.priors["assurance"].min(), plan.priors["assurance"].max()
    return facts | {"assurance_low": percent(lowest), "assurance_high": percent(highest)}


def _analyses(plan: TrialPlan) -> Facts:
    """Return what the planned analysis leaves of the variance, and the power that the formula then gives."""
    rows = plan.tables.get("analyses")
    left = plan.screened.precision.left(plan.size.n_analysed)
    facts = {"variance_left": percent(left), "power_analysis": percent(power_with(plan.size, left))}
    if rows is None or rows.empty:
        return facts
    plain = rows[(rows["analysis"] == "unadjusted") & (rows["method"] == "simple")].iloc[0]
    return facts | {"power_unadjusted": percent(plain["power"], plain["mcse"])}


def _variants(plan: TrialPlan) -> Facts:
    """Return what other designs of the same trial come to."""
    facts: Facts = {}
    for row in plan.tables.get("adaptive", pd.DataFrame()).to_dict("records"):
        whole = row["measure"].startswith("expected")
        form = decimal(row["value"], row["mcse"], digits=0) if whole else percent(row["value"], row["mcse"])
        facts[f"adaptive_{row['measure']}_{row['truth']}"] = form
    if "borrowing" in plan.tables:
        errors = plan.tables["borrowing"]["type_one"]
        facts |= {"borrowing_low": percent(errors.min()), "borrowing_high": percent(errors.max())}
    if "ordinal" in plan.tables:
        facts["ordinal_n"] = count(math.ceil(plan.tables["ordinal"].set_index("measure")["value"]["n_known"]))
    if "follow_up" in plan.tables:
        first = plan.tables["follow_up"].iloc[0]
        facts |= {
            "follow_up_n": count(math.ceil(first["n_total"])),
            "follow_up_events": count(first["events"]),
        }
    return facts


SHARES = ("rejection", "harm", "futility", "early_stop", "coverage", "adjusted_coverage", "failure")


def _simulated(plan: TrialPlan) -> Facts:
    facts: Facts = {"trials": count(plan.simulated_trials)}
    if "tried" in plan.tables:
        first = plan.tables["tried"].iloc[0]
        facts["n_formula"] = count(first["n_randomized"])
        facts["power_formula"] = percent(first["power"], first["mcse"])
    facts |= _analyses(plan)
    own = plan.operating[plan.operating["arm"] == plan.protocol.arms[plan.protocol.effect_arm].name]
    for row in own.to_dict("records"):
        form = percent if row["measure"] in SHARES else decimal
        facts[f"{row['measure']}_{row['truth']}"] = form(row["value"], row["mcse"])
    return facts | _family(plan)


def _family(plan: TrialPlan) -> Facts:
    """Return how often any arm is claimed to work, where there are several."""
    rows = plan.operating[(plan.operating["arm"] == ANY) & (plan.operating["measure"] == "rejection")]
    own = plan.protocol.arms[plan.protocol.effect_arm].name
    if rows.empty:
        rows = plan.operating[(plan.operating["arm"] == own) & (plan.operating["measure"] == "rejection")]
    return {f"claimed_{row.truth}": percent(row.value, row.mcse) for row in rows.itertuples()}
