"""Simulated trials on disk: what has been computed is kept, and a plan that was cut off goes on from it."""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsepsis.errors import ExperimentError
from simsepsis.files import write_files
from simsepsis.trial.protocol.other_designs import VARIANTS
from simsepsis.trial.simulation.batch import Results, batches, joined
from simsepsis.trial.simulation.setting import Setting

WORDS = ("name", "label", "question", "words", "priors", "published", *VARIANTS)
"""What a protocol says that no simulated trial depends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where the trials of one setting are kept: a file of arrays (trials, looks, arms) for each batch."""

    folder: Path
    key: str

    def lacking(self, number: int) -> Iterator[range]:
        """Yield the batches that are not there yet."""
        yield from (wanted for wanted in batches(number) if self._batch(wanted) is None)

    def write(self, first: int, results: Results) -> None:
        """Keep a batch, in a file whose name ends in a checksum of its content."""
        content = io.BytesIO()
        np.savez(content, **{one.name: getattr(results, one.name) for one in fields(Results)})
        name = f"{self.key}-{first:07d}-{zlib.crc32(content.getvalue()):08x}.npz"
        if (self.folder / name).is_dir():
            (self.folder / name).rename(self.folder / f"{name}.aside")
        write_files(self.folder, {name: content.getvalue()})

    def read(self, number: int) -> Results:
        """Return the first trials, all of which are kept."""
        parts = [self._batch(wanted) for wanted in batches(number)]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            raise ExperimentError(
                f"{self.folder}: trials were removed or damaged while they were being read; run again to "
                "simulate what is missing"
            )
        return joined(found)

    def _batch(self, wanted: range) -> Results | None:
        """Return the first trials of a batch, None where there is no whole file that has so many."""
        first, number = wanted.start, len(wanted)
        found: list[Results] = []
        for path in sorted(self.folder.glob(f"{self.key}-{first:07d}-*.npz")):
            content = path.read_bytes() if path.is_file() else b""
            if content and path.stem.rpartition("-")[2] == f"{zlib.crc32(content):08x}":
                with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                    part = {name: arrays[name][:number] for name in arrays}
                found += [Results(**part)] if len(part["months"]) == number else []
        if any(not np.array_equal(one.z, found[0].z, equal_nan=True) for one in found[1:]):
            raise ExperimentError(
                f"{self.folder}: two files have trials {first} to {first + number - 1} with different "
                "numbers; remove the folder, and run again"
            )
        return found[0] if found else None


def kept_in(folder: Path, setting: Setting, *, null: bool, seed: int) -> Kept:
    """Return where the trials of a setting are kept."""
    told = setting.protocol.model_dump(mode="json", exclude=set(WORDS))
    told["run"].pop("trials")
    asked = [version("simsepsis"), told, setting.n_total, null, seed]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
    for part in _drawn_from(setting):
        digest.update(np.ascontiguousarray(part).data)
    return Kept(folder=folder, key=digest.hexdigest()[:16])


def _drawn_from(setting: Setting) -> Iterator[NDArray[Any]]:
    """Yield the population itself: a file of its world may have changed and kept its name."""
    pool = setting.pool
    yield from (pool.icu, pool.rates, setting.codes, setting.dead, setting.covariates)
    yield from (setting.factors.codes, setting.strata.codes)
    yield from (part for part in (setting.lost, setting.untreated, setting.open_label) if part is not None)
