"""Estimands: what is estimated, on which scale, in whom; their names are written and read here only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

About = Literal["column", "column and day", "day", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A scale of effects, or a number that describes a matched set.

    Attributes
    ----------
    label, shown
        What an estimate on it is called as it is computed, and as people read it: ratios after `math.exp`.
    kind
        ``ratio``: estimates are logarithms; ``difference``: they are not; ``description``: no effect at all.
    conditional
        Whether an effect given covariates differs from the marginal one even without confounding.
    factor, unit, axis
        Factor for print, the unit behind a number, and the unit in words on an axis.
    pattern
        How a name begins.
    about
        What `Estimand.outcome` holds: a column, a column and a day (``hospital_death_28``), a day or nothing.
    """

    label: str
    shown: str
    kind: Literal["ratio", "difference", "description"]
    pattern: str
    conditional: bool = False
    factor: float = 1.0
    unit: str = ""
    axis: str = ""
    about: About = "column"

    @property
    def null(self) -> float:
        """Return the value of no effect as people read it; NaN where there is none."""
        return {"ratio": 1.0, "difference": 0.0, "description": float("nan")}[self.kind]

    @property
    def heading(self) -> str:
        """Return `shown` for the head of a table or the name of an axis, with its unit."""
        words = self.shown[:1].upper() + self.shown[1:]
        return f"{words} ({self.axis})" if self.axis else words

    @cached_property
    def _shape(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.pattern).replace(r"\{outcome\}", "(.+)"), re.DOTALL)


def _ratio(
    name: str, shown: str, *, conditional: bool = False, label: str = "", about: About = "column"
) -> Scale:
    pattern = f"{name}_{{outcome}}"
    return Scale(
        label=label or f"log {shown}",
        shown=shown,
        kind="ratio",
        pattern=pattern,
        conditional=conditional,
        about=about,
    )


SCALES: dict[str, Scale] = {
    "rd": Scale(
        label="risk difference",
        shown="risk difference",
        kind="difference",
        pattern="rd_{outcome}",
        factor=100.0,
        unit="points",
        axis="percentage points",
    ),
    "log_rr": _ratio("log_rr", "risk ratio"),
    "log_or_ratio": _ratio("log_or_ratio", "ratio of odds ratios", label="log ratio of odds ratios"),
    "log_or": _ratio("log_or", "odds ratio", conditional=True),
    "log_hr": _ratio("log_hr", "hazard ratio", conditional=True),
    "log_shr": _ratio("log_shr", "subdistribution hazard ratio", conditional=True, about="column and day"),
    "md": Scale(
        label="difference of means", shown="difference of means", kind="difference", pattern="md_{outcome}"
    ),
    "cid": Scale(
        label="difference of cumulative incidence",
        shown="difference of cumulative incidence",
        kind="difference",
        pattern="cid_{outcome}",
        factor=100.0,
        unit="points",
        axis="percentage points",
        about="column and day",
    ),
    "rmst": Scale(
        label="difference of mean days alive",
        shown="difference of mean days alive",
        kind="difference",
        pattern="rmst{outcome}_difference",
        unit="days",
        axis="days",
        about="day",
    ),
    "pairs": Scale(
        label="number of matched pairs",
        shown="number of matched pairs",
        kind="description",
        pattern="pairs",
        about="nothing",
    ),
    "max_smd": Scale(
        label="largest standardized difference after matching",
        shown="largest standardized difference after matching",
        kind="description",
        pattern="max_smd",
        about="nothing",
    ),
}
"""Scale → what it is; one stands before another that its names also fit."""

POPULATIONS: dict[str, str] = {
    "att": "in the treated",
    "ate": "in everybody",
    "ato": "in the overlap of the arms, patients weighted by e(1 − e)",
    "twin": "in everybody, as randomized by coin",
    "matched": "in the treated whom matching keeps",
    "start_within_48h": "of starting within 48 hours, in whoever is still there, against never",
    "never": "of never treating against treatment as it was given",
}
"""Population, the end of a name → whose effect it is, or of which policy in everybody.

``twin`` is what the same method converges to where a coin treats: on conditional scales that is no average
over patients. ``matched`` are the treated patients that the method itself matched.
"""

POLICIES = ("start_within_48h", "never")
"""Populations that are policies: what they are compared with is in `POPULATIONS`."""

OTHER = Scale(label="", shown="", kind="description", pattern="{outcome}")
"""What a name of no known form is on."""


@dataclass(frozen=True, slots=True)
class Estimand:
    """What is estimated.

    Attributes
    ----------
    scale
        One of `SCALES`; empty where a name is of no known form.
    outcome
        What the scale is about, mostly a column; `column` is the column alone.
    population
        One of `POPULATIONS`; empty where a name does not say.

    Examples
    --------
    >>> Estimand("log_or", "death", "matched").name
    'log_or_death_matched'
    >>> Estimand.parse("rd_death_30_ate")
    Estimand(scale='rd', outcome='death_30', population='ate')
    """

    scale: str
    outcome: str
    population: str = ""

    @property
    def on(self) -> Scale:
        """Return its scale."""
        return SCALES.get(self.scale, OTHER)

    @property
    def column(self) -> str:
        """Return the column that it is about; empty where there is none."""
        return {"column": self.outcome, "column and day": self.outcome.rpartition("_")[0]}.get(
            self.on.about, ""
        )

    @property
    def stem(self) -> str:
        """Return the name without the population."""
        return self.on.pattern.replace("{outcome}", self.outcome)

    @property
    def name(self) -> str:
        """Return the name under which it stands in tables."""
        return f"{self.stem}_{self.population}" if self.population else self.stem

    @property
    def is_conditional(self) -> bool:
        """Return whether it is an effect given covariates that differs from the marginal one."""
        return self.on.conditional and self.population == "twin"

    @property
    def is_effect(self) -> bool:
        """Return whether it compares arms, so that there is a value of no effect."""
        return self.on.kind != "description"

    def of(self, population: str) -> Estimand:
        """Return the same in another population."""
        return replace(self, population=population)

    def matches(self, wanted: str) -> bool:
        """Return whether it is the one that a name means, which may lack the population."""
        return wanted in (self.name, self.stem)

    def label(self, outcome: str = "") -> str:
        """Return it in words, without the population.

        Parameters
        ----------
        outcome
            The outcome in words; without, as `outcome_words`.

        Examples
        --------
        >>> Estimand.parse("log_hr_death_30d_twin").label()
        'log hazard ratio of death by day 30'
        >>> Estimand.parse("rd_dead").label("death from any cause")
        'risk difference of death from any cause'
        """
        if self.scale not in SCALES:
            return self.name.replace("_", " ")
        words = outcome or outcome_words(self.outcome)
        return f"{self.on.label} of {words}" if self.column else self.on.label

    @classmethod
    def parse(cls, name: str, outcomes: Iterable[str] = ()) -> Estimand:
        """Return the estimand of a name; ``parse(name).name == name`` for every name."""
        readings = _readings(name)
        known = frozenset(outcomes)
        return next((reading for reading in readings if reading.column in known), readings[0])


def outcome_words(outcome: str) -> str:
    """Return an outcome's name in words: ``death_30d`` is death by day 30."""
    words = re.sub(r"_(\d+)d?$", r" by day \1", outcome).replace("_", " ")
    return re.sub(r"\bicu\b", "ICU", words)


@lru_cache(maxsize=4096)
def _readings(name: str) -> tuple[Estimand, ...]:
    """Return what a name may mean, the usual first."""
    population = next((one for one in POPULATIONS if name[1:].endswith(f"_{one}")), "")
    start = name.removesuffix(f"_{population}") if population else name
    found = [
        Estimand(scale, (*match.groups(), "")[0], population)
        for scale, shape in SCALES.items()
        if (match := shape._shape.fullmatch(start))
    ]
    return (*found, Estimand("", start, population))
