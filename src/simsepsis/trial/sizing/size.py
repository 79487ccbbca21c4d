"""From assumptions to patients: every step of the sample size, and the power of the whole patients."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from scipy.optimize import brentq

from simsepsis.errors import UsageError
from simsepsis.trial.cluster import cluster_size_for, design_cluster
from simsepsis.trial.designs.design import Design, RankedDeaths, fixed_design
from simsepsis.trial.designs.log_rank import design_log_rank
from simsepsis.trial.designs.noninferiority import design_noninferiority
from simsepsis.trial.designs.two_proportions import design_binary
from simsepsis.trial.effect import Effect, effect_between, inflated_for_loss
from simsepsis.trial.inputs import Level, positive
from simsepsis.trial.sequential.design import SequentialDesign, sequential_design
from simsepsis.trial.sizing.assumptions import Assumptions, Clusters


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSize:
    """A sample size with its steps, told in randomized patients and in effects of treatment taken."""

    assumptions: Assumptions
    design: Design | SequentialDesign
    n_undiluted: float
    n_fixed: float
    n_clustered: float
    n_sequential: float
    n_randomized: int
    reference: str

    @property
    def counted(self) -> float:
        """Share of all randomized whose outcome the design counts."""
        return self.assumptions.counted / self.assumptions.sparse

    @property
    def cluster_size(self) -> float | None:
        """Patients with an outcome of an ICU and period, where ICUs are randomized."""
        clusters = self.assumptions.clusters
        return self.design.n_total / clusters.cells if clusters else None

    @property
    def n_total(self) -> float:
        """Patients randomized, all arms, not rounded."""
        return self.design.n_total / self.counted

    @property
    def power(self) -> float:
        """Power of these patients, computed anew; never the target."""
        return self.power_at(self.assumptions.effect)

    @property
    def p_control(self) -> float:
        """Risk of controls who stay with their arm."""
        return self.assumptions.p_control

    @property
    def level(self) -> Level:
        """Type I error and sides."""
        return self.design.level

    @property
    def direction(self) -> float:
        """Side of the planned effect."""
        return self.design.direction

    @property
    def horizon(self) -> float | None:
        """Day by which events count, or None."""
        return self.design.horizon

    def power_at(self, effect: Effect) -> float:
        """Return the power at another effect of treatment taken."""
        return self.design.power_at(replace(self.assumptions, effect=effect).diluted_effect)

    def with_total(self, n_total: float) -> PlannedSize:
        """Return the same design with another number of randomized patients."""
        design = self.design.with_total(n_total * self.counted)
        return replace(self, design=design, n_randomized=round(n_total))

    def of(self, n_randomized: float) -> PlannedSize:
        """Return the same trial with another number of patients, in the ICUs that there are."""
        return plan_size(self.assumptions, n_randomized=round(n_randomized))

    @property
    def arms(self) -> tuple[int, int]:
        """Whole patients randomized to the two arms compared, control first."""
        compared = self.n_randomized * self.assumptions.compared
        control = round(compared / (1.0 + self.assumptions.ratio))
        return control, round(compared) - control

    @property
    def n_analysed(self) -> float:
        """Patients with an outcome that are expected in the two arms compared."""
        return self.n_randomized * self.assumptions.counted

    @property
    def events(self) -> float:
        """Deaths that are expected of the patients with an outcome, both arms."""
        control, treated = self.assumptions.risks
        ratio = self.assumptions.ratio
        return self.n_analysed * (control + ratio * treated) / (1.0 + ratio)


def plan_size(assumptions: Assumptions, *, n_randomized: int | None = None) -> PlannedSize:
    """Sample size of a trial with all that inflates it, rounded up, and its power computed anew."""
    undiluted = replace(assumptions, nonadherence=0.0, contamination=0.0)
    counted = assumptions.counted / assumptions.sparse
    fixed = _fixed(assumptions)
    clustered = _clustered(fixed, assumptions, n_randomized and n_randomized * counted)
    trial: Design | SequentialDesign = clustered
    if assumptions.boundaries is not None:
        trial = sequential_design(clustered, assumptions.boundaries)
    needed = trial.n_total * assumptions.sparse
    randomized = n_randomized or whole_patients(inflated_for_loss(needed, assumptions.loss), assumptions)
    return PlannedSize(
        assumptions=assumptions,
        design=trial.with_total(randomized * counted),
        n_undiluted=_fixed(undiluted).n_total,
        n_fixed=fixed.n_total,
        n_clustered=clustered.n_total,
        n_sequential=needed,
        n_randomized=randomized,
        reference=fixed.reference,
    )


def single_look(assumptions: Assumptions) -> Design:
    """Return the design with one analysis and nobody lost, for the effect between the arms as randomized."""
    return _clustered(_fixed(assumptions), assumptions, None)


def _fixed(assumptions: Assumptions) -> Design:
    """Return the design without looks, clusters and loss."""
    shared: dict[str, Any] = {
        "alpha": assumptions.alpha,
        "sides": assumptions.sides,
        "power": assumptions.power,
        "ratio": assumptions.ratio,
    }
    control = assumptions.risks[0]
    if assumptions.margin is not None:
        return design_noninferiority(control, assumptions.diluted_effect, assumptions.margin, **shared)
    if assumptions.ranked is not None and assumptions.ranked.base:
        return _ranked_design(assumptions.ranked, assumptions)
    if assumptions.p_control == assumptions.p_treated:
        raise UsageError(
            f"{assumptions.effect.name}={assumptions.effect.value:g} is no effect, so no sample size detects "
            "it; plan for an effect, or state n_total"
        )
    if assumptions.risks[0] == assumptions.risks[1]:
        raise UsageError(
            f"nonadherence={assumptions.nonadherence:g} and contamination={assumptions.contamination:g} "
            "leave no difference between the arms; lower them"
        )
    shared, effect = shared | {"formula": assumptions.formula}, assumptions.diluted_effect
    if assumptions.ranked is not None:
        return _ranked_design(assumptions.ranked, assumptions)
    if assumptions.test == "log_rank":
        averaging, horizon = assumptions.averaging, assumptions.horizon
        return design_log_rank(effect, control, horizon=horizon, averaging=averaging, **shared)
    return design_binary(control, effect, **shared)


def _ranked_design(ranked: RankedDeaths, assumptions: Assumptions) -> Design:
    left = 1.0 - assumptions.nonadherence - assumptions.contamination
    endpoint = replace(ranked, p_control=assumptions.risks[0], base=ranked.base * left)
    return fixed_design(
        endpoint,
        assumptions.diluted_effect,
        assumptions.level,
        assumptions.power,
        ratio=assumptions.ratio,
        formula=assumptions.formula,
        reference=endpoint.reference,
        p_control=endpoint.p_control,
        horizon=assumptions.horizon,
    )


def whole_patients(n_compared: float, assumptions: Assumptions) -> int:
    """Return whole patients in all arms: each arm rounded up, or each randomized ICU and period."""
    if assumptions.clusters is not None:
        cells = assumptions.clusters.cells
        return cells * math.ceil(n_compared / cells - 1e-9)
    control = n_compared / (1.0 + positive(assumptions.ratio, "ratio"))
    others = n_compared / assumptions.compared - n_compared
    return sum(math.ceil(arm - 1e-9) for arm in (control, n_compared - control, others))


def _clustered(fixed: Design, assumptions: Assumptions, counted: float | None) -> Design:
    if assumptions.clusters is None:
        return fixed
    return _with_size(fixed, assumptions, cluster_size(fixed, assumptions, assumptions.clusters, counted))


def _with_size(fixed: Design, assumptions: Assumptions, size: float) -> Design:
    assert assumptions.clusters is not None
    return design_cluster(
        fixed,
        randomization=assumptions.randomization,
        cluster_size=size,
        cac=assumptions.clusters.cac,
        steps=assumptions.clusters.steps,
        **assumptions.clusters.correlated,
    )


def cluster_size(fixed: Design, assumptions: Assumptions, clusters: Clusters, counted: float | None) -> float:
    """Return the patients of an ICU and period: as stated, or what the ICUs that there are need or have."""
    if clusters.size is not None or counted is not None:
        return clusters.size or (counted or 0.0) / clusters.cells
    if clusters.steps is not None:
        return _size_in_a_wedge(fixed, assumptions, clusters.number)
    return cluster_size_for(
        fixed,
        clusters.number,
        randomization=assumptions.randomization,
        cac=clusters.cac or 0.0,
        **clusters.correlated,
    )


LARGEST_LOG_SIZE = 14.0


def _size_in_a_wedge(fixed: Design, assumptions: Assumptions, number: int) -> float:
    """Return the patients of an ICU and period with which the ICUs that there are reach the power."""

    def lacking(log_size: float) -> float:
        return float(_with_size(fixed, assumptions, math.exp(log_size)).clusters or 0.0) - number

    if lacking(LARGEST_LOG_SIZE) > 0.0:
        raise UsageError(
            f"{number} ICUs never reach a power of {fixed.power:g} in {assumptions.randomization}, whatever "
            "their size; take more ICUs or steps"
        )
    return math.exp(brentq(lacking, 0.0, LARGEST_LOG_SIZE)) if lacking(0.0) > 0.0 else 1.0


SMALLEST_RISK = 1e-6
"""Share of a risk that is as good as none."""


def detectable(size: PlannedSize) -> float:
    """Return the smallest change of risk, to the planned side, that is detected with the target power."""
    given = size.assumptions
    control, target = given.p_control, given.power
    lowers = given.p_treated <= control
    room = control if lowers else 1.0 - control

    def missing(change: float) -> float:
        treated = control - change if lowers else control + change
        return size.power_at(effect_between(control, treated, "risk_difference")) - target

    most = room * (1.0 - SMALLEST_RISK)
    if missing(most) < 0:
        raise UsageError(
            f"n_total={size.n_randomized} detects no {'reduction' if lowers else 'increase'} of a control "
            f"risk of {control:g} with a power of {target:g}; plan more patients"
        )
    return float(brentq(missing, room * SMALLEST_RISK, most, xtol=1e-12))
