"""Trials that randomize patients within ICUs: what an ICC does, and does not do, to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from simsepsis.errors import UsageError
from simsepsis.trial.designs import Design
from simsepsis.trial.inputs import within


@dataclass(frozen=True, slots=True, kw_only=True)
class StratifiedAnalysis:
    """What the ICC does to a trial that randomizes patients within ICUs."""

    icc: float
    variance_factor: float
    stratified_power: float
    unstratified_alpha: float
    unstratified_power: float
    sentence: str


def stratified_analysis(design: Design, icc: float) -> StratifiedAnalysis:
    """What an ICC does, and does not do, to an individually randomized trial in several ICUs.

    Parameters
    ----------
    design
        Individually randomized, 1:1 within each ICU.
    icc
        Correlation of two patients of one ICU.

    Notes
    -----
    ICUs are in both arms alike, so their variance cancels and (1 − ρ) is left. The stratified analysis
    gains it. The unstratified test uses the whole variance: its type I error falls to that of z/√(1 − ρ).

    References
    ----------
    Vierron E, Giraudeau B. BMC Med Res Methodol 2009;9:39. Kahan BC, Morris TP. BMJ 2012;345:e5840.
    """
    if design.randomization != "individual":
        raise UsageError(f"design is {design.randomization}; this is about patients randomized within ICUs")
    factor = 1.0 - (0.0 if icc == 0 else within(icc, "icc", 0.0, 1.0))
    level, told = design.level, design.signal_at(design.effect)
    shrunk = replace(told, sd_true=told.sd_true * math.sqrt(factor))
    null = replace(shrunk, delta=0.0, shift=0.0, sd_true=told.sd_null * math.sqrt(factor))
    return StratifiedAnalysis(
        icc=icc,
        variance_factor=factor,
        stratified_power=told.power(design.n_total / factor, level.z),
        unstratified_alpha=level.sides * null.power(design.n_total, level.z),
        unstratified_power=shrunk.power(design.n_total, level.z),
        sentence=(
            "Patients are randomized within ICUs: no design effect; analyse stratified by ICU, or an ICC "
            f"of {icc:g} makes the test conservative."
        ),
    )
