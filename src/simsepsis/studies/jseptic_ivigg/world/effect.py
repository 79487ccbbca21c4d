"""What IVIgG does, at which dose, and what nobody measured."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simsepsis.world.section import (
    Coefficient,
    Grams,
    GramsPerKg,
    OpenProbability,
    Positive,
    Ratio,
    Section,
)

Measure = Literal["risk_ratio", "risk_difference", "odds_ratio", "hazard_ratio"]
Endpoint = Literal["icu_death", "hospital_death", "death_28d"]


class Modifier(Section):
    """Factors on the log hazard ratio in subgroups: 1 no difference, 0 no effect there."""

    severe: Coefficient = 1.0
    """In patients with APACHE II of 29 or more."""
    immunocompromised: Coefficient = 1.0
    """In immunocompromised patients."""
    low_igg: Coefficient = 1.0
    """In patients with endogenous IgG below 6.5 g/L, which the registry does not measure."""


class Effect(Section):
    """The effect of IVIgG, stated as clinicians do, or as the coefficient itself."""

    measure: Measure | None = None
    """Scale of `value`; absent: `log_hazard_ratio` is taken as it stands."""
    endpoint: Endpoint = "hospital_death"
    """Endpoint of `value`."""
    value: float | None = None
    """What the effect shall be, comparing the same patients with and without IVIgG."""
    population: Literal["treated", "all"] = "treated"
    """In whom `value` holds: those given IVIgG, or everybody."""
    log_hazard_ratio: Coefficient = 0.0
    """Coefficient on the log hazards of death from the first dose on; solved where `measure` is given."""
    modifier: Modifier = Modifier()
    """Effect modification."""

    @model_validator(mode="after")
    def _value_and_scale(self) -> Self:
        if (self.measure is None) != (self.value is None):
            raise ValueError("measure and value belong together; give both or neither")
        ratio = self.measure in ("risk_ratio", "odds_ratio", "hazard_ratio")
        if ratio and (self.value or 0.0) <= 0.0:
            raise ValueError(f"a {self.measure} of {self.value} is impossible; ratios are positive")
        if ratio and not 0.01 <= (self.value or 0.0) <= 100.0:
            raise ValueError(f"a {self.measure} of {self.value:g} is beyond any treatment; give 0.01 to 100")
        if self.measure == "risk_difference" and not -1.0 < (self.value or 0.0) < 1.0:
            raise ValueError(f"a risk difference of {self.value} is impossible; it lies between -1 and 1")
        return self


class Amount(Section):
    """A dose."""

    grams: Grams | None = None
    """Total dose in g, whatever the weight. The insured course in Japan is 5 g on 3 days."""
    grams_per_kg: GramsPerKg | None = None
    """Total dose in g per kg of body weight."""

    @model_validator(mode="after")
    def _one_dose(self) -> Self:
        if (self.grams is None) == (self.grams_per_kg is None):
            raise ValueError("give either grams or grams_per_kg")
        return self


class Common(Section):
    """How common something is."""

    share: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Share of treated patients who get it."""


class Regimen(Amount, Common):
    """A dose and how common it is."""


class Dose(Section):
    """Dose and dose–response: factor on the log hazard ratio, 1 at the reference dose."""

    regimens: tuple[Regimen, ...] = (Regimen(grams=15.0),)
    """Who gets what. The thesis estimates 15 g."""
    response: Literal["none", "log_linear", "emax", "threshold", "igg_level"] = "none"
    """none: any dose does the same; log_linear: in proportion to g/kg; emax: saturating; threshold: only
    from `threshold` on; igg_level: in proportion to the rise that brings IgG up to `igg_target`."""
    reference: GramsPerKg | None = None
    """Dose in g/kg at which the stated effect holds; absent: the effect is that of the doses given."""
    ed50: GramsPerKg = 0.5
    """Dose in g/kg with half the maximal effect (emax). Judgement."""
    threshold: GramsPerKg = 1.0
    """Least effective dose in g/kg (threshold). A meta-analysis saw a stronger effect from 1 g/kg."""
    igg_median: Positive = 8.4
    """Median endogenous IgG in g/L; lognormal. SBITS."""
    igg_log_sd: Annotated[float, Field(ge=0.0, le=10.0)] = 0.5
    """Standard deviation of its logarithm. SBITS."""
    igg_rise: Positive = 20.5
    """Rise of IgG in g/L per g/kg. Volunteers and Japanese patients: 19 to 22."""
    igg_target: Positive = 16.0
    """IgG in g/L above which more does nothing (igg_level). Judgement."""

    @model_validator(mode="after")
    def _shares(self) -> Self:
        total = sum(regimen.share for regimen in self.regimens)
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"the shares of the regimens sum to {total:g}; they must sum to 1")
        return self


class Unmeasured(Section):
    """A confounder u that the registry does not record."""

    kind: Literal["none", "binary", "normal"] = "none"
    """Absent, 0/1, or standard normal."""
    prevalence: OpenProbability = 0.3
    """Share with u = 1 (binary). Judgement."""
    or_treatment: Ratio = 1.0
    """Odds ratio of IVIgG: marginal for a binary u; per SD, as a ratio of hazards, for a normal one."""
    hr_death: Ratio = 1.0
    """Hazard ratio of death, per SD for a normal u."""
    crude: Literal["free", "held", "held_by_care", "held_by_intercepts"] = "free"
    """free: the effect is as stated, and crude mortality moves with it and with u. The others keep crude
    mortality of both arms where Table 3 has it. held: the effect is solved, with the intercepts of death and
    what the hidden intensity of care does to death on the ward. held_by_care: the effect is as stated, and
    the intercepts and what care does to death in the ICU and on the ward are solved: care takes up what the
    effect leaves. held_by_intercepts: the effect and care are as stated, and the intercepts are solved."""
