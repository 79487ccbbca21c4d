"""An inference in sentences: the answer, what drives it, what does not fit, how far it can be believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.estimand import Estimand
from simsepsis.experiment.inference.checks import NOTHING
from simsepsis.words.numbers import fixed, listed, ratio

if TYPE_CHECKING:
    from simsepsis.experiment.inference.findings import Inference

ADDS_LITTLE = 0.7
"""Standard deviation after the results, as a share of that before, above which they add little."""
FITS = 0.05
RATIOS = ("log_rr", "log_or")
SCALES = {"log_rr": "risk ratio", "log_or": "odds ratio", "rd": "risk difference"}
MOST_CONFLICTS = 2
ENOUGH = 200.0
"""Effective draws below which tails of a posterior are not to be trusted."""
WIDELY = 3.0
"""MCSEs by which a coverage may miss its level."""


def sentences_of(found: Inference) -> Iterator[str]:
    """Yield the answer, its assumptions, what each setting shows, and the checks."""
    yield from _headline(found)
    yield from _fits(found)
    yield from _settings(found)
    yield from _drives(found)
    yield from _conflicts(found)
    yield from _covers(found)
    yield from _cautions(found)


def _of(found: Inference, reading: str = "") -> pd.DataFrame:
    name = reading or str(found.table["reading"].iloc[0])
    return found.table[found.table["reading"] == name].set_index("key")


def _value(key: str, number: float) -> str:
    """Return a quantity in print: ratios as such, all else with two digits."""
    if Estimand.parse(key).scale in RATIOS:
        return ratio(float(np.exp(number)))
    return fixed(number, 2)


def _range(row: pd.Series, key: str, of: str) -> str:
    middle, low, high = (_value(key, float(row[name + of])) for name in ("mean", "low", "high"))
    return f"{middle} ({low} to {high})"


def _name(found: Inference, key: str) -> str:
    words = found.plan.words[key]
    if key not in found.plan.infer.truths:
        return words
    estimand = Estimand.parse(key)
    outcome = found.plan.study.wording.said(estimand.outcome)
    whom = "those who were treated" if estimand.population == "att" else "everybody"
    return f"{SCALES[estimand.scale]} of {outcome} in {whom}"


def _headline(found: Inference) -> Iterator[str]:
    key = found.headline
    row = _of(found).loc[key]
    name = _name(found, key)
    yield (
        f"{_upper(name)}: {_range(row, key, '_discrepancy')} in mean and 95% interval where every block of "
        f"results may be off by about one standard deviation, {_range(row, key, '')} where worlds are taken "
        f"to be right; before the results {_range(row, key, '_prior')}{_little(row)}."
    )
    scale = Estimand.parse(key).scale
    if scale or "log" in key:
        yield (
            f"That it lies below {1 if scale in RATIOS else 0} has a probability of "
            f"{row['below_0_discrepancy']:.2f} ({row['below_0']:.2f} without discrepancies, "
            f"{row['below_0_prior']:.2f} before the results)."
        )


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _little(row: pd.Series) -> str:
    return ": the data add little to the prior" if row["sd_ratio"] > ADDS_LITTLE else ""


def _fits(found: Inference) -> Iterator[str]:
    table = found.reading_table
    told = [
        f"{row.words} {row.mean_z2:.2f} (p {_p(row.p)}, weight {row.weight:.2f})"
        for row in table.itertuples()
    ]
    yield (
        "Squared distance per result of the nearest world, 1 in the right one, with its calibrated p and the "
        f"reading's probability: {listed(told)}."
    )
    if (table["p"] < FITS).all():
        yield (
            "No world fits in any reading: what stands above without discrepancies are weights among worlds "
            "that are all wrong."
        )
    lead = found.off[found.off["reading"] == found.leading].sort_values("off", ascending=False)
    off = [f"{row.words} {row.off:.1f}" for row in lead.itertuples() if float(str(row.off)) > 1.0]
    if off:
        yield (
            "Blocks that the worlds miss by more than was allowed for before, in standard deviations of a "
            f"replicate: {listed(off)}."
        )
    declared = found.plan.scenario(found.plan.values(np.zeros(len(found.plan.keys)))).fitted_after_looking
    if declared:
        yield (
            "The world was given the following after some of these results had been seen, so that its fit "
            f"is no test of it: {'; '.join(declared)}."
        )


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _settings(found: Inference) -> Iterator[str]:
    rows = _of(found).loc[[key for key in found.plan.keys if key != found.headline]]
    little = rows["sd_ratio"] > ADDS_LITTLE
    for key, row in rows[~little].iterrows():
        name = _upper(_name(found, str(key)))
        yield (
            f"{name}: {_range(row, str(key), '_prior')} before the results, "
            f"{_range(row, str(key), '_discrepancy')} after them."
        )
    if little.any():
        named = [_name(found, str(key)) for key in rows.index[little]]
        yield f"The data add little to the prior of: {listed(named)}."


def _drives(found: Inference) -> Iterator[str]:
    key, words = found.headline, found.plan.blocks
    rows = found.influence[found.influence["key"] == key].set_index("dropped")
    if len(rows) < 2:
        return
    whole = float(rows.loc[NOTHING, "mean_discrepancy"])
    others = rows.drop(NOTHING)["mean_discrepancy"]
    order = (others - whole).abs().sort_values(ascending=False).index
    told = [f"{_value(key, float(others[name]))} without {words[str(name)]}" for name in order]
    yield (
        f"In the most probable reading its mean is {_value(key, whole)} with all blocks, and {listed(told)}."
    )


def _conflicts(found: Inference) -> Iterator[str]:
    labels = {one.name: one.label for one in found.plan.readings}
    for name, rows in found.conflicts.groupby("reading", sort=False):
        for row in rows[rows["p_all"] < FITS].head(MOST_CONFLICTS).itertuples():
            yield (
                f"{_upper(str(row.one))} and {row.other} cannot both come from any of these worlds (reading: "
                f"{labels[str(name)]}): from the nearest they lie at a squared distance of "
                f"{row.distance:.1f} (p {_p(float(str(row.p_all)))} for all {len(rows)} pairs)."
            )


def _covers(found: Inference) -> Iterator[str]:
    if not len(found.coverage):
        return
    n = int(found.coverage["n"].iloc[0])
    for level, rows in found.coverage.groupby("level"):
        lead = rows.set_index("key").loc[found.headline]
        yield (
            f"Where replicates of {n} worlds that the emulator has not seen are taken for print, intervals "
            f"of {100 * float(str(level)):.0f}% hold the truth of the headline in "
            f"{100 * lead['covered']:.0f}% ± {100 * lead['mcse']:.0f} (Monte Carlo standard error)."
        )
    gaps = (found.coverage["level"] - found.coverage["covered"]) / found.coverage["mcse"]
    short = found.coverage[gaps > WIDELY]
    if len(short):
        named = [found.plan.words[key] for key in dict.fromkeys(short["key"])]
        yield (
            f"Too rarely held is the truth of: {listed(named)}; what stands above of these is too sure of "
            "itself."
        )


def _cautions(found: Inference) -> Iterator[str]:
    failed, made = len(found.simulated.failures), len(found.simulated.numbers)
    if failed:
        yield (
            f"{failed} of {failed + made} worlds cannot be made, and worlds like them count for less by how "
            f"rarely they can; the first because {next(iter(found.simulated.failures.values()))}."
        )
    emulators = [one.concluded.emulator for one in found.readings.values()]
    r2 = [f"{100 * one.r2:.0f}%" for one in emulators]
    yield (
        f"The emulator tells {listed(r2)} of what worlds differ in, each world left out in its turn "
        f"({made} worlds, {found.plan.infer.replicates} registries in each)."
    )
    least = min(found.reading_table[["effective", "effective_discrepancy"]].min())
    if least < ENOUGH:
        yield (f"One posterior rests on {least:.0f} effective draws only; its tails are not to be trusted.")
