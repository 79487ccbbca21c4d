"""Site, blood culture, organism and source control: one joint table in which the impossible has no weight."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.studies.jseptic_ivigg.world.margins import fit_joint
from simsepsis.studies.jseptic_ivigg.world.people import Patients

SITES = (
    "urinary",
    "cns",
    "lung",
    "other",
    "unknown",
    "endocarditis",
    "crbsi",
    "musculoskeletal",
    "abdomen",
)
"""Sites from medical to surgical: the order in which the latent variable passes through them."""

SOURCE_CONTROL_ODDS = {
    "urinary": 0.5,
    "cns": 0.2,
    "lung": 0.1,
    "other": 0.4,
    "unknown": 0.1,
    "endocarditis": 0.4,
    "crbsi": 0.8,
    "musculoskeletal": 1.5,
    "abdomen": 3.0,
}
"""Odds of surgery or drainage by site, up to a common factor. Judgement: what can be drained is drained."""

POSITIVE_CULTURE_ODDS = {"urinary": 1.6, "endocarditis": 8.0, "crbsi": 8.0, "lung": 0.6, "unknown": 0.7}
"""Odds of a positive blood culture by site, relative to the others. Judgement."""

ORGANISM_WEIGHTS = {
    "gram_negative_rod": {"urinary": 3.0, "abdomen": 1.5},
    "gram_positive_coccus": {"musculoskeletal": 3.0, "endocarditis": 6.0, "crbsi": 4.0, "abdomen": 0.5},
    "combined": {"abdomen": 2.0, "urinary": 0.6},
    "fungus": {"crbsi": 3.0},
    "virus": {"lung": 4.0, "cns": 4.0, "abdomen": 0.1, "urinary": 0.1},
    "unknown": {"unknown": 3.0, "lung": 1.3},
}
"""Relative weight of an organism at a site. Judgement after general microbiology."""

IMPOSSIBLE_IF_POSITIVE = ("unknown", "virus")
"""A positive blood culture names a bacterium or fungus."""

VARIABLES = ("infection_site", "blood_culture", "microorganism", "source_control")


def _levels(name: str) -> tuple[str, ...]:
    return SITES if name == "infection_site" else COLUMNS[name].level_names


def _association() -> FloatArray:
    cultures, organisms = _levels("blood_culture"), _levels("microorganism")
    table = np.ones((len(SITES), len(cultures), len(organisms), 2))
    for s, site in enumerate(SITES):
        table[s, cultures.index("positive")] *= POSITIVE_CULTURE_ODDS.get(site, 1.0)
        table[s, ..., 1] *= SOURCE_CONTROL_ODDS[site]
        for m, organism in enumerate(organisms):
            table[s, :, m] *= ORGANISM_WEIGHTS.get(organism, {}).get(site, 1.0)
    for organism in IMPOSSIBLE_IF_POSITIVE:
        table[:, cultures.index("positive"), organisms.index(organism)] = 0.0
    return table


def joint_infection_table(patients: Patients) -> tuple[FloatArray, dict[str, IntArray]]:
    """Return the joint probabilities of the four infection variables, flattened, and their decoding."""
    margins = {
        0: np.array([patients.infection_site[level] for level in SITES]),
        1: np.array([patients.blood_culture[level] for level in _levels("blood_culture")]),
        2: np.array([patients.microorganism[level] for level in _levels("microorganism")]),
        3: np.array([1.0 - patients.source_control, patients.source_control]),
    }
    table = fit_joint(_association(), {axis: p / p.sum() for axis, p in margins.items()})
    indices = np.unravel_index(np.arange(table.size), table.shape)
    decoding = {name: index.astype(np.int64) for name, index in zip(VARIABLES, indices, strict=True)}
    in_dictionary = [COLUMNS["infection_site"].level_names.index(site) for site in SITES]
    decoding["infection_site"] = np.asarray(in_dictionary)[decoding["infection_site"]]
    return table.ravel(), decoding
