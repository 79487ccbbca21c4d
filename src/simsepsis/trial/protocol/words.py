"""What a protocol's text says in its own words, in English and Japanese."""

from __future__ import annotations

from typing import Literal

from simsepsis.world.section import Section


class Words(Section):
    """Words for statement and estimand; what is absent is made from the rest."""

    population: str = ""
    """Who is randomized, such as “adults with septic shock”."""
    population_ja: str = ""
    """The same in Japanese."""
    treatment: str = ""
    """What the treated arm is given, with dose and days."""
    treatment_ja: str = ""
    """The same in Japanese."""
    control: str = ""
    """What the control arm is given."""
    control_ja: str = ""
    """The same in Japanese."""
    control_risk: str = ""
    """Where the control risk is from: a clause after “this risk”."""
    control_risk_ja: str = ""
    """The same in Japanese."""
    basis: Literal["important", "realistic", "both"] | None = None
    """Whether the effect is one that matters, one that can be expected, or both (DELTA2)."""
    ratio_reason: str = ""
    """Why arms have these sizes: a clause after a semicolon."""
    ratio_reason_ja: str = ""
    """The same in Japanese."""
    icc: str = ""
    """Where the correlation within ICUs is from."""
    icc_ja: str = ""
    """The same in Japanese."""
    cac: str = ""
    """Where the correlation between periods is from."""
    cac_ja: str = ""
    """The same in Japanese."""
    rationale: str = ""
    """Why this effect is the one to detect: whole sentences."""
    rationale_ja: str = ""
    """The same in Japanese."""


class Published(Section):
    """A result of a trial that has been held, to be set against its simulated replicas."""

    quantity: Literal[
        "risk_control", "risk_treated", "risk_difference", "days_control", "days_treated", "days_difference"
    ]
    """Risk of an arm or their difference (treated less control), or the same of mean days without support."""
    value: float
    """As published."""
    source: str = ""
    """Where it stands."""
