"""What has to fit together in a protocol: one check after the other, each with its one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from simsepsis.documents import sentence
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.trial.designs.noninferiority import margin_of
from simsepsis.trial.effect import RISK_SCALES
from simsepsis.trial.protocol.condition import SITE, check_column
from simsepsis.world.kinds import regimen_of

if TYPE_CHECKING:
    from simsepsis.trial.protocol.schema import TrialProtocol

CLUSTER_ANALYSES = ("cluster_means", "gee")


def check(protocol: TrialProtocol) -> None:
    """Raise `UsageError` where parts of a protocol contradict each other."""
    for one in CHECKS:
        one(protocol)


def _endpoint(protocol: TrialProtocol) -> None:
    name, horizon, offered = protocol.endpoint.name, protocol.endpoint.horizon, protocol.offer.outcomes
    if name not in offered:
        near = did_you_mean(name, offered) or f"; the study has {', '.join(offered)}"
        raise UsageError(f"endpoint.name = '{name}' is unknown{near}")
    timed = offered[name].kind == "time"
    if timed and horizon is None:
        raise UsageError(
            f"{name} has no horizon; give the day at which every patient is censored, such as "
            f"horizon = {protocol.offer.horizon}"
        )
    if not timed and horizon is not None:
        raise UsageError(f"horizon = {horizon} has no meaning for {name}; remove it")
    days = any(told.quantity.startswith("days") for told in protocol.published)
    if days and not any(outcome.kind == "free_days" for outcome in offered.values()):
        raise UsageError("published: the study has no days without organ support; give risks only")


def _columns(protocol: TrialProtocol) -> None:
    _ = protocol.condition
    for factor in (*protocol.allocation.factors, *protocol.test.strata):
        if factor != SITE:
            protocol.parsed(factor)
    for column in protocol.test.covariates:
        check_column(column, protocol.offer.known)
    if protocol.test.analysis == "adjusted" and not protocol.test.covariates:
        raise UsageError("test.analysis = 'adjusted' has no covariates; name some in test.covariates")


def _treatments(protocol: TrialProtocol) -> None:
    regimen = regimen_of(protocol.study)
    given = {f"arms.{number}": arm.treatment for number, arm in enumerate(protocol.arms)}
    if protocol.conduct.contamination.share > 0.0 or protocol.conduct.contamination.treatment:
        given["conduct.contamination"] = protocol.open_label
    for place, treatment in given.items():
        try:
            regimen.model_validate(treatment)
        except ValidationError as error:
            raise UsageError(sentence(error, regimen, within=place)) from error


def _arms(protocol: TrialProtocol) -> None:
    names = [arm.name for arm in protocol.arms]
    if len({protocol.control, *names}) <= len(names):
        told = ", ".join([protocol.control, *names])
        raise UsageError(f"arms: two of {told} have one name; name each arm differently")
    if protocol.effect.arm is not None and protocol.effect.arm not in names:
        raise UsageError(f"effect.arm = '{protocol.effect.arm}' is none of the arms {', '.join(names)}")
    block = [protocol.allocation.block * arm.ratio for arm in protocol.arms]
    if protocol.allocation.method == "blocks" and any(abs(size - round(size)) > 1e-9 for size in block):
        raise UsageError(
            f"allocation.block = {protocol.allocation.block} leaves parts of patients in the arms; choose a "
            "multiple that makes the ratios whole"
        )
    if protocol.allocation.clustered and (len(names) > 1 or protocol.arms[0].ratio != 1.0):
        raise UsageError(
            f"allocation.unit = '{protocol.allocation.unit}' is for one treated arm of ratio 1; change the "
            "arms or randomize patients"
        )


def _effect(protocol: TrialProtocol) -> None:
    effect, own = protocol.effect, protocol.outcome.rank_scale
    scale, name, days = effect.scale, protocol.endpoint.name, protocol.outcome.days
    if scale not in (*RISK_SCALES, own):
        others = f" or {own}" if own else ""
        raise UsageError(
            f"effect.scale = '{scale}' does not fit {name}; use one of {', '.join(RISK_SCALES)}{others}"
        )
    if scale == "hazard_ratio" and effect.horizon != days:
        raise UsageError(
            f"effect.horizon = {effect.horizon:g} is not the day by which {name} counts deaths ({days:g}); "
            "state the effect for that day or on another scale"
        )
    if protocol.endpoint.control_risk is not None and scale in RISK_SCALES:
        protocol.planned.treated_risk(protocol.endpoint.control_risk)
    if protocol.support_alone and (own is None or protocol.priors or effect.support_hazard_ratio < 1.0):
        raise UsageError(
            f"effect.support_hazard_ratio = {effect.support_hazard_ratio:g} without an effect on deaths is "
            "for a benefit (above 1) on days without organ support, and no priors; state an effect on deaths"
        )
    if effect.discharge_hazard_ratio != 1.0 and protocol.planned.coefficient == 0.0:
        raise UsageError(
            f"effect.discharge_hazard_ratio = {effect.discharge_hazard_ratio:g} goes with an effect on "
            "deaths, which has to be told beside it; state one"
        )
    if effect.margin is not None:
        _margin(protocol, effect.margin)
    elif protocol.planned.coefficient and protocol.benefit != (effect.aim == "benefit"):
        does, other = ("worse", "harm") if effect.aim == "benefit" else ("better", "benefit")
        raise UsageError(
            f"effect.value = {effect.value:g}: a {scale} of {effect.value:g} makes patients {does}, but the "
            f'trial is to show {effect.aim}; correct the value, or write aim = "{other}"'
        )


def _margin(protocol: TrialProtocol, margin: float) -> None:
    effect, worst = protocol.effect, margin_of(protocol.planned, margin)
    one_by_one = len(protocol.arms) == 1 and not protocol.allocation.clustered
    if not (protocol.outcome.binary and one_by_one) or protocol.priors:
        raise UsageError(
            f"effect.margin = {margin:g} is for one treated arm, patients randomized one by one, an event "
            "endpoint and no priors; change the plan, or remove the margin"
        )
    if protocol.planned.coefficient >= worst.coefficient:
        raise UsageError(
            f"effect.value = {effect.value:g} is as bad as effect.margin = {margin:g} or worse; plan for a "
            "better effect or a wider margin"
        )
    if effect.aim == "harm" or protocol.test.estimate not in (None, effect.scale):
        raise UsageError("effect.margin: remove effect.aim and test.estimate, which do not go with a margin")


def _departures(protocol: TrialProtocol) -> None:
    missed, gained = protocol.conduct.nonadherence.share, protocol.conduct.contamination.share
    if missed + gained >= 1.0:
        raise UsageError(
            f"conduct.nonadherence.share = {missed:g} and conduct.contamination.share = {gained:g} leave "
            "no more treated patients in the treated arm than among controls; make their sum less than 1"
        )


def _analysis(protocol: TrialProtocol) -> None:
    analysis, unit = protocol.test.analysis, protocol.allocation.unit
    if (analysis in CLUSTER_ANALYSES) != protocol.allocation.clustered:
        fit = CLUSTER_ANALYSES if protocol.allocation.clustered else ("unadjusted", "stratified", "adjusted")
        raise UsageError(
            f"test.analysis = '{analysis}' does not fit allocation.unit = '{unit}'; use one of "
            f"{', '.join(fit)}"
        )
    if analysis == "cluster_means" and unit == "stepped_wedge":
        raise UsageError(
            "test.analysis = 'cluster_means' cannot tell treatment from time in a stepped wedge; use gee"
        )
    if analysis == "gee" and protocol.test.estimate not in (None, "odds_ratio"):
        raise UsageError(
            f"test.estimate = '{protocol.test.estimate}' with gee, which estimates an odds ratio; remove it"
        )
    if analysis in ("adjusted", *CLUSTER_ANALYSES) and not protocol.outcome.binary:
        raise UsageError(
            f"test.analysis = '{analysis}' is for deaths counted by a day or in hospital, not for "
            f"{protocol.endpoint.name}; use unadjusted or stratified, with patients randomized"
        )


def _stated_size(protocol: TrialProtocol) -> None:
    each, periods, stated = protocol.allocation.cluster_size, protocol.allocation.periods, protocol.n_total
    whole = (each or 0) * protocol.sites.number * periods
    if each is not None and stated not in (None, whole):
        raise UsageError(
            f"n_total = {stated}, but allocation.cluster_size = {each} in {protocol.sites.number} ICUs and "
            f"{periods} periods makes {whole}; state one of the two"
        )
    if stated is not None and protocol.allocation.clustered and stated % periods:
        raise UsageError(
            f"n_total = {stated} does not divide among {periods} periods; write "
            f"n_total = {stated + periods - stated % periods}"
        )


def _looks(protocol: TrialProtocol) -> None:
    many = len(protocol.looks.information) > 1
    _ = protocol.boundaries
    if many and protocol.allocation.clustered:
        raise UsageError(
            f"looks.information = {list(protocol.looks.information)} with ICUs randomized: few ICUs make no "
            "interim analysis; use information = [1.0]"
        )
    if many and len(protocol.arms) > 1 and protocol.test.multiplicity != "bonferroni":
        raise UsageError(
            f"test.multiplicity = '{protocol.test.multiplicity}' has no bounds for several looks; use "
            "bonferroni, or information = [1.0]"
        )


def _assurance(protocol: TrialProtocol) -> None:
    if not protocol.priors:
        if protocol.test.assurance is not None:
            raise UsageError(f"test.assurance = {protocol.test.assurance:g} needs priors; give them")
        return
    total = sum(part.weight for part in protocol.priors)
    if abs(total - 1.0) > 1e-9:
        raise UsageError(f"priors: their weights sum to {total:g}; make them sum to 1")
    ceiling = protocol.assurance_ceiling
    if protocol.test.assurance is not None and protocol.test.assurance >= ceiling:
        raise UsageError(
            f"test.assurance = {protocol.test.assurance:g} is above the ceiling {ceiling:.3f} of the priors, "
            "the probability of an effect on the planned side; no sample size reaches it, so aim below"
        )


def _variants(protocol: TrialProtocol) -> None:
    adaptive, arms = protocol.adaptive, 1 + len(protocol.arms)
    if adaptive is not None and adaptive.risks is None and not protocol.outcome.binary:
        raise UsageError(
            f"adaptive is about an event, not about {protocol.endpoint.name}; state adaptive.risks, such as "
            "risks = [0.30, 0.25]"
        )
    if adaptive is not None and adaptive.risks is not None and len(adaptive.risks) != arms:
        raise UsageError(
            f"adaptive.risks = {list(adaptive.risks)} has {len(adaptive.risks)} risks for {arms} arms; give "
            "one for each, control first"
        )
    if protocol.borrowing is not None and not protocol.outcome.binary and protocol.borrowing.rates is None:
        raise UsageError(
            f"borrowing is about an event, not about {protocol.endpoint.name}; state borrowing.rates, such "
            "as rates = [0.2, 0.3]"
        )


CHECKS = (
    _endpoint,
    _columns,
    _treatments,
    _arms,
    _effect,
    _departures,
    _analysis,
    _stated_size,
    _looks,
    _assurance,
    _variants,
)
