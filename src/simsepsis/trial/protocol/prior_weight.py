"""Beliefs about the effect in a plan: shipped or stated priors, and how biased the method behind them is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field

from simsepsis.documents import is_file
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.estimand import Estimand
from simsepsis.spreadsheet import without_marks
from simsepsis.trial.effect import RATIOS, SCALES
from simsepsis.trial.inputs import chosen
from simsepsis.trial.priors import COHORT, Prior, bridge_prior, load_priors, prior_from_interval
from simsepsis.trial.protocol.sections import Checked
from simsepsis.world.section import Section

MEASURED_ON = {
    "odds_ratio": "log_or",
    "risk_ratio": "log_rr",
    "hazard_ratio": "log_hr",
    "risk_difference": "rd",
}
"""Scale of an effect → scale of the estimands that measure it."""

COLUMNS = ("scenario", "method", "estimand", "measure", "value", "mcse")
_BIAS = "bias"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bias:
    """Mean bias over worlds, its Monte Carlo standard error, the SD between worlds, and each world's bias."""

    mean: float
    mcse: float
    sd: float
    worlds: dict[str, tuple[float, float]]


def measured_bias(performance: str, method: str, estimand: str, scenarios: tuple[str, ...]) -> Bias:
    """Return the bias of a method over the worlds of an experiment that are held possible."""
    rows = _rows(performance, method, estimand, scenarios)
    values, errors = rows["value"].to_numpy(float), rows["mcse"].to_numpy(float)
    pairs = zip(values.tolist(), errors.tolist(), strict=True)
    return Bias(
        mean=float(values.mean()),
        mcse=float((errors @ errors) ** 0.5 / errors.size),
        sd=float(values.std(ddof=1)) if values.size > 1 else 0.0,
        worlds=dict(zip(rows["scenario"], pairs, strict=True)),
    )


def _rows(performance: str, method: str, estimand: str, scenarios: tuple[str, ...]) -> pd.DataFrame:
    table = read_performance(performance)
    told = table[(table["method"] == method) & (table["measure"] == _BIAS)]
    told = told[told["estimand"] == estimand].dropna(subset=["value"])
    missing = [name for name in scenarios if name not in set(told["scenario"])]
    if told.empty or missing:
        wanted = f"scenario '{missing[0]}'" if missing and not told.empty else f"method '{method}'"
        raise UsageError(
            f"{performance}: no bias of {estimand} for {wanted}{did_you_mean(method, table['method'])}; "
            "run the experiment with it"
        )
    return told[told["scenario"].isin(scenarios)] if scenarios else told


def read_performance(path: str) -> pd.DataFrame:
    """Return the performance table of an experiment."""
    if not is_file(Path(path)):
        raise UsageError(f"{path}: no such performance table; give the performance.csv of an experiment")
    try:
        table = without_marks(pd.read_csv(path, comment="#"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path}: cannot be read as CSV; give the performance.csv that an experiment has written"
        ) from error
    lacking = [name for name in COLUMNS if name not in table]
    if lacking:
        raise UsageError(
            f"{path}: no column {lacking[0]}; give the performance.csv that an experiment has written"
        )
    return table


class MeasuredBias(Section):
    """Where the bias of a method is to be read."""

    performance: str
    """``performance.csv`` of an experiment, beside the plan or from the working folder."""
    method: str
    """Method behind the estimate."""
    estimand: str
    """What it estimates, on the scale of the estimate."""
    scenarios: tuple[str, ...] = ()
    """Worlds of the experiment held possible, each as likely as the others; absent: all of them."""

    @property
    def measured(self) -> Bias:
        """The bias over the worlds."""
        return measured_bias(self.performance, self.method, self.estimand, self.scenarios)


class PriorWeight(Checked):
    """A prior for the effect, shipped or stated, and its weight."""

    name: str
    """One of the study's priors, or a new name."""
    weight: Annotated[float, Field(gt=0.0, le=1.0)]
    """Weight in the mixture."""
    label: str = ""
    """What the texts call a new prior; absent: its name."""
    estimate: float | None = None
    """Of a new prior: effect, with `low`, `high` and `scale`."""
    low: float | None = None
    """Lower 95% limit."""
    high: float | None = None
    """Upper 95% limit."""
    scale: str | None = None
    """Scale of the three."""
    source: str = ""
    """Where they are from."""
    bias: MeasuredBias | None = None
    """Of an observational estimate: what the experiments measured of its method."""

    def check(self) -> None:
        """Raise where a stated prior is not whole, or its bias is on another scale."""
        own = {"estimate": self.estimate, "low": self.low, "high": self.high, "scale": self.scale}
        missing = [name for name, value in own.items() if value is None]
        if missing and len(missing) < len(own):
            raise ValueError(f"has no {missing[0]}; a prior of your own has estimate, low, high and scale")
        if self.estimate is not None and self.low is not None and self.high is not None:
            chosen(str(self.scale), SCALES, "scale")
            if not self.low < self.estimate < self.high:
                raise ValueError(
                    f"estimate = {self.estimate:g} is not between low = {self.low:g} and high = "
                    f"{self.high:g}; give the interval as low, high"
                )
            if self.scale in RATIOS and self.low <= 0.0:
                raise ValueError(f"low = {self.low:g} of a {self.scale} is not above 0; give a positive one")
        scale = MEASURED_ON.get(self.scale or "")
        if self.bias is not None and Estimand.parse(self.bias.estimand).scale != scale:
            raise ValueError(
                f"bias of {self.bias.estimand} is not on the scale of the estimate ({self.scale}); name an "
                f"estimand that begins with {scale or 'one of ' + ', '.join(MEASURED_ON.values())}"
            )

    def prior(self, study: str | None = None) -> Prior:
        """Return the prior itself."""
        if self.estimate is None or self.low is None or self.high is None:
            known = load_priors(study)
            return known[chosen(self.name, known, "name")]
        stated = prior_from_interval(
            self.estimate,
            self.low,
            self.high,
            scale=str(self.scale),
            name=self.name,
            label=self.label,
            source=self.source,
        )
        if self.bias is None:
            return stated
        told, off = stated.components[0], self.bias.measured
        corrected = bridge_prior(
            told.mean,
            told.sd,
            off.mean,
            off.mcse,
            scale=told.scale,
            weights={COHORT: 1.0},
            bias_sd=off.sd,
            name=self.name,
        )
        return replace(corrected, source=f"{self.source}; bias of {self.bias.method} from simulation")
