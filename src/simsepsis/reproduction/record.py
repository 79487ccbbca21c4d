"""A reproduction as files: the compared tables, and the record of the run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from simsepsis.environment import versions
from simsepsis.files import write_files
from simsepsis.reproduction.comparison import TABLE_COLUMNS, held
from simsepsis.reproduction.fit import ALL, Fit
from simsepsis.reproduction.reproduce import Reproduction
from simsepsis.spreadsheet import csv_bytes

DIGITS = "%.6g"


def write_reproduction(reproduction: Reproduction, out: Path | str) -> tuple[Path, ...]:
    """Write the compared tables, the fit and the record of the run, and return their paths."""
    return write_files(out, contents_of(reproduction))


def contents_of(reproduction: Reproduction) -> dict[str, bytes]:
    """Return every file of a reproduction by its name in the folder.

    All is the same for any number of workers, but the ``timings`` in ``reproduction.json``.
    """
    record = json.dumps(record_of(reproduction), indent=2, ensure_ascii=False) + "\n"
    tables = {f"tables/{table}.csv": _csv(reproduction, table) for table in reproduction.study.layout.tables}
    fit = reproduction.fit
    for name, frame in (("fit", fit.table), ("conditional", fit.conditional)):
        written = reproduction.study.layout.written(frame)
        tables[f"tables/{name}.csv"] = csv_bytes(written, float_format=DIGITS, lineterminator="\n")
    if reproduction.ensemble is not None:
        tables["tables/ensemble.csv"] = csv_bytes(
            reproduction.ensemble.table, float_format=DIGITS, lineterminator="\n"
        )
    if reproduction.readings is not None:
        table = reproduction.study.layout.written(reproduction.readings.table)
        tables["tables/readings.csv"] = csv_bytes(table, float_format=DIGITS, lineterminator="\n")
    return tables | {"reproduction.json": record.encode()}


def _csv(reproduction: Reproduction, table: str) -> bytes:
    rows = reproduction.comparison[reproduction.comparison["table"] == table]
    return csv_bytes(
        reproduction.study.layout.written(rows[list(TABLE_COLUMNS)]), float_format=DIGITS, lineterminator="\n"
    )


def record_of(reproduction: Reproduction) -> dict[str, Any]:
    """Return what ``reproduction.json`` holds: what was run, what it says, how long it took."""
    scenario = reproduction.scenario
    return {
        "scenario": {"name": scenario.name, "label": scenario.label, "hash": scenario.hash},
        "seed": reproduction.seed,
        "replicates": reproduction.replicates,
        "interval_holds": round(held(reproduction.replicates), 5),
        "summary": [*reproduction.summary, *(reproduction.readings.summary if reproduction.readings else ())],
        "fit": fit_record(reproduction.fit),
        "fitted_after_looking": list(reproduction.fit.declared),
        "inside": _counts(reproduction),
        "readings": _readings(reproduction),
        "failures": reproduction.failures.to_dict("records"),
        "versions": versions(),
        "timings": {
            "jobs": reproduction.jobs,
            "seconds": round(reproduction.seconds, 3),
            "seconds_per_replicate": round(reproduction.seconds / reproduction.replicates, 5),
        },
    }


def fit_record(fit: Fit) -> dict[str, Any]:
    """Return the overall fit of each reading: what was judged, and how far print lies."""
    return {
        name: {
            "items": len(one.items),
            "not_judged": {"numbers": one.fixed, "printed_otherwise": one.missed},
            "mean_z2": _number(one.blocks[ALL].observed),
            "p": _number(one.blocks[ALL].p),
            "distance_per_item": _number(one.distance.observed),
            "distance_p": _number(one.distance.p),
            "inside_given_before": _number(one.inside_given_before),
            "halves": {half: _number(judged.observed) for half, judged in one.halves.items()},
        }
        for name, one in fit.readings.items()
    }


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _readings(reproduction: Reproduction) -> list[dict[str, str]]:
    """Return what each further reading was; none where they were not run."""
    if reproduction.readings is None:
        return []
    return [
        {"name": reading.name, "label": reading.label, "changes": reading.changes}
        for reading in reproduction.readings.readings
    ]


def _counts(reproduction: Reproduction) -> list[dict[str, Any]]:
    """Return how many numbers lie inside, by table, fitted and held out apart; repetitions left out."""
    frame = reproduction.comparison
    own = frame[frame["inside"].notna() & (frame["repeats"] == "")]
    return [
        {
            "table": str(table),
            "fitted": bool(fitted),
            "numbers": len(rows),
            "inside": int(rows["inside"].sum()),
            "inside_corrected": int(rows["inside_corrected"].sum()),
        }
        for (table, fitted), rows in own.groupby(["table", "fitted"], sort=True)
    ]
