"""Simulated trials on disk: what has been computed is kept, and a plan that was cut off goes on from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simsepsis.errors import ExperimentError
from simsepsis.replication import Batch, missing_replicates, read_rows, remove_drafts, scan_parts, write_part
from simsepsis.trial.simulation.batch import BATCH, Results
from simsepsis.trial.simulation.setting import Setting
from simsepsis.trial.simulation.truth import arm_names

WORDS = ("name", "label", "question", "words", "priors", "published")
"""What a protocol says that no simulated trial depends on."""

PER_ARM = ("z", "estimate", "std_error")
COUNTS = ("known", "dead")
PER_LOOK = ("randomized", "months")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where the trials of one setting are kept: parts of a store, one row per trial, arm and look."""

    folder: Path
    cell: int
    arms: tuple[str, ...]
    looks: int

    @property
    def _look_names(self) -> list[str]:
        return [f"look_{which + 1}" for which in range(self.looks)]

    def lacking(self, number: int) -> Iterator[range]:
        """Yield the batches that are not there yet."""
        remove_drafts(self.folder)
        parts = scan_parts(self.folder, _of_this_version).parts
        for first, last, _ in missing_replicates(parts, self.cell, self.arms, number):
            yield from (range(at, min(at + BATCH, last + 1)) for at in range(first, last + 1, BATCH))

    def write(self, first: int, results: Results) -> None:
        """Keep a batch."""
        last = first + len(results.months) - 1
        batch = Batch(run=_mark(), cell=self.cell, first=first, last=last, methods=self.arms)
        write_part(self.folder, batch, self._rows(first, results))

    def _rows(self, first: int, results: Results) -> pd.DataFrame:
        shape = len(results.months), self.looks, len(self.arms)
        trial, look, arm = (index.ravel() for index in np.indices(shape))
        nothing = np.full((*shape[:2], 1), np.nan)
        compared = {
            name: np.concatenate([nothing, getattr(results, name)], axis=2).ravel() for name in PER_ARM
        }
        return pd.DataFrame(
            {
                "cell": self.cell,
                "replicate": first + trial,
                "method": np.array(self.arms)[arm],
                "estimand": np.array(self._look_names)[look],
                **compared,
                **{name: getattr(results, name).ravel() for name in COUNTS},
                **{name: np.repeat(getattr(results, name).ravel(), shape[2]) for name in PER_LOOK},
            }
        )

    def read(self, number: int) -> Results:
        """Return the first trials that are kept."""
        mine = [
            part for part in scan_parts(self.folder, _of_this_version).parts if part.batch.cell == self.cell
        ]
        rows = read_rows(mine, below=number)
        # What is not there would be left to chance in the arrays below.
        if len(rows) != number * self.looks * len(self.arms):
            raise ExperimentError(
                f"{self.folder}: trials were removed or damaged while they were being read; run again to "
                "simulate what is missing"
            )
        arm = pd.Index(self.arms).get_indexer(rows["method"])
        look = pd.Index(self._look_names).get_indexer(rows["estimand"])
        place = rows["replicate"].to_numpy(), look, arm

        def array(name: str) -> Any:
            filled = np.empty((number, self.looks, len(self.arms)), rows[name].dtype)
            filled[place] = rows[name]
            return filled

        return Results(
            **{name: array(name)[:, :, 1:] for name in PER_ARM},
            **{name: array(name) for name in COUNTS},
            **{name: array(name)[:, :, 0] for name in PER_LOOK},
        )


def kept_in(folder: Path, setting: Setting, *, null: bool, seed: int) -> Kept:
    """Return where the trials of a setting are kept."""
    told = setting.protocol.model_dump(mode="json", exclude=set(WORDS))
    told["run"].pop("trials")
    digest = hashlib.sha256(json.dumps([told, setting.n_total, null, seed], sort_keys=True).encode())
    for part in _drawn_from(setting):
        digest.update(np.ascontiguousarray(part).data)
    return Kept(
        folder=folder,
        cell=int(digest.hexdigest()[:15], 16),
        arms=arm_names(setting.protocol),
        looks=len(setting.at_looks),
    )


def _drawn_from(setting: Setting) -> Iterator[NDArray[Any]]:
    """Yield the population itself: a file of its world may have changed and kept its name."""
    pool = setting.pool
    yield from (pool.icu, pool.rates, setting.codes, setting.dead, setting.covariates)
    yield from (setting.factors.codes, setting.strata.codes)
    yield from (part for part in (setting.lost, setting.untreated, setting.open_label) if part is not None)


def _mark() -> str:
    return f"simulated trials, simsepsis {version('simsepsis')}"


def _of_this_version(batch: Batch) -> bool:
    return batch.run == _mark()
