"""Other designs of the same trial in a plan: adaptive, borrowing, ordinal, followed longer."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from simsepsis.estimand import Estimand
from simsepsis.trial.adaptive import AdaptiveDesign
from simsepsis.trial.borrowing import BetaMixture, map_prior
from simsepsis.trial.designs.design import Design
from simsepsis.trial.designs.follow_up import design_follow_up
from simsepsis.trial.ordinal import design_ordinal
from simsepsis.trial.protocol.prior_weight import MeasuredBias
from simsepsis.trial.protocol.sections import Checked, Share
from simsepsis.world.section import NonNegative, OpenProbability, Positive

VARIANTS = ("adaptive", "borrowing", "ordinal", "follow_up")
"""Keys of other designs of the same trial, which are told beside it."""


class Adaptive(Checked):
    """The plan's arms in a Bayesian adaptive trial of its event, beside the plan."""

    looks: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
    """Patients with a known outcome at each look."""
    randomized: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Patients randomized at each look, more than that while outcomes mature; absent: as many."""
    superiority: OpenProbability | None = None
    """Probability of being the best arm from which it stops; absent: searched, for `error`."""
    error: OpenProbability = 0.025
    """Type I error: how often arms that do not differ may be called superior."""
    inferiority: OpenProbability | None = None
    """Probability of being best below which an arm is dropped; absent: one less `superiority`."""
    equivalence: OpenProbability | None = None
    """Probability that all arms differ by less than `difference` from which it stops; absent: never."""
    difference: OpenProbability = 0.05
    """Difference of risks that is none."""
    least: Share = 0.0
    """Least share of every arm that is left; the rest follows the probability of being best."""
    soften: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    """Power of that probability: 0 for equal shares."""
    risks: tuple[OpenProbability, ...] | None = None
    """Risks of the arms, control first; absent: those of the plan's world, as randomized."""

    def check(self) -> None:
        """Raise where there is no such trial."""
        _ = self.design

    @property
    def design(self) -> AdaptiveDesign:
        """The trial, with a high threshold where it is to be searched."""
        shared = self.model_dump(exclude={"looks", "randomized", "superiority", "error", "risks"})
        return AdaptiveDesign(
            looks=self.looks,
            randomized=self.randomized or self.looks,
            superiority=self.superiority or 0.99,
            **shared,
        )


class Borrowing(Checked):
    """Controls of a registry or of earlier trials, borrowed for the plan's event."""

    events: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Events of each earlier control group."""
    patients: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Patients of each."""
    tau: Positive = 1.0
    """Scale of a half-normal prior on the SD of their log odds."""
    shapes: tuple[Positive, Positive] | None = None
    """Beta distribution of the control risk, in place of groups."""
    robust: Share = 0.0
    """Weight of a part of the prior that knows nothing."""
    controls: Annotated[int, Field(ge=1, le=5_000)] | None = None
    """Controls of the trial itself with a known outcome; absent: the plan's."""
    treated: Annotated[int, Field(ge=1, le=5_000)] | None = None
    """The same of the treated."""
    threshold: OpenProbability = 0.975
    """Posterior probability of benefit from which it is claimed."""
    rates: tuple[OpenProbability, ...] | None = None
    """True control risks; absent: the plan's, and 5 and 10 points around it."""
    higher_is_better: bool = False
    """Whether the event is to be sought."""
    bias: MeasuredBias | None = None
    """How far off the source is, as experiments measured it on the log odds ratio: the error in each."""

    def check(self) -> None:
        """Raise where there is no such prior."""
        _ = self.prior
        if self.bias is not None and Estimand.parse(self.bias.estimand).scale != "log_or":
            raise ValueError(f"bias of {self.bias.estimand} is not on the log odds ratio; name one of it")

    @property
    def prior(self) -> BetaMixture:
        """What is known of the control risk."""
        if self.shapes is None:
            return map_prior(self.events, self.patients, tau=self.tau).robust(self.robust)
        a, b = self.shapes
        return BetaMixture(weights=(1.0,), a=(a,), b=(b,)).robust(self.robust)


class Ordinal(Checked):
    """Ordered categories in place of the plan's endpoint, compared under proportional odds."""

    control: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...]
    """Shares of controls in the categories, worst first."""
    odds_ratio: Positive
    """Odds of a better category, treated against control."""

    def check(self) -> None:
        """Raise where there is no such trial."""
        design_ordinal(self.control, self.odds_ratio)


class FollowUp(Checked):
    """Time to an event when patients enter over time and are followed to the trial's end."""

    hazard_ratio: Positive
    """Treated against control."""
    hazard: Positive | None = None
    """Of the event under control, for each unit of time."""
    median: Positive | None = None
    """Median time to the event under control, in place of the hazard."""
    accrual: tuple[Positive, ...]
    """Ends of the pieces of accrual."""
    pace: tuple[Positive, ...] = (1.0,)
    """Patients for each unit of time in every piece; only their proportions matter."""
    end: Positive
    """When the last patient is no longer followed."""
    dropout: NonNegative = 0.0
    """Hazard of being lost."""

    def check(self) -> None:
        """Raise where there is no such trial."""
        if (self.hazard is None) == (self.median is None):
            raise ValueError("give either hazard or median, such as median = 20")
        self.design("schoenfeld", 0.05, 2, 0.9, 1.0)

    def design(self, formula: str, alpha: float, sides: int, power: float, ratio: float) -> Design:
        """Return the trial by a formula."""
        return design_follow_up(
            self.hazard_ratio,
            self.hazard or math.log(2.0) / (self.median or 1.0),
            accrual=self.accrual,
            pace=self.pace,
            end=self.end,
            dropout=self.dropout,
            alpha=alpha,
            sides=sides,
            power=power,
            ratio=ratio,
            formula=formula,
        )
