"""Print the tables of the study of right heart catheters from its public file: counts, means and SDs only.

    python tests/unit/studies/rhc/print_tables.py rhc.csv

writes ``tables/`` of ``studies/rhc`` anew. No row of a patient is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from simsepsis.analysis.encode import encode_cohort
from simsepsis.study.printed import PRINTED_COLUMNS
from simsepsis.study.published import Study, open_study

STUDY = open_study("rhc")
ARMS = {"treated": True, "control": False}
Row = tuple[object, ...]


def printed(
    table: str, variable: str, level: str, statistic: str, arm: str, value: float, digits: int
) -> Row:
    text = f"{value:.{digits}f}"
    return (table, variable, level, statistic, "before", arm, float(text), text, "", digits)


def digits_of(spread: float) -> int:
    """Return as many decimals as make three figures of a standard deviation."""
    return int(np.clip(2 - np.floor(np.log10(spread)), 0, 4))


def share(table: str, variable: str, level: str, arm: str, has: np.ndarray) -> Iterator[Row]:
    yield printed(table, variable, level, "count", arm, has.sum(), 0)
    yield printed(table, variable, level, "percent", arm, 100 * has.mean(), 1)


def rows_of(frame: pd.DataFrame, study: Study) -> Iterator[Row]:
    cohort = encode_cohort(frame, study.spec)
    outcomes = study.variables.of("outcome", "duration")
    for table, names in (("table1", study.spec.covariates), ("table2", outcomes)):
        for arm, treated in ARMS.items():
            yield printed(table, "n", "", "count", arm, (cohort.treated == treated).sum(), 0)
        for name in names:
            for arm, treated in ARMS.items():
                values = cohort.column(name)[cohort.treated == treated]
                kind, levels = study.variables[name].kind, study.variables[name].level_names
                if kind == "binary":
                    yield from share(table, name, "", arm, values == 1)
                elif kind == "category":
                    for place, level in enumerate(levels):
                        yield from share(table, name, level, arm, values == place)
                else:
                    known = values[~np.isnan(values)]
                    digits = digits_of(known.std(ddof=1))
                    yield printed(table, name, "", "mean", arm, known.mean(), digits)
                    yield printed(table, name, "", "sd", arm, known.std(ddof=1), digits)


def tables_of(frame: pd.DataFrame, study: Study = STUDY) -> dict[str, pd.DataFrame]:
    """Return the tables by name."""
    rows = pd.DataFrame(list(rows_of(frame, study)), columns=list(PRINTED_COLUMNS))
    return {str(name): table for name, table in rows.groupby("table", sort=False)}


if __name__ == "__main__":
    file = pd.read_csv(Path(sys.argv[1]), keep_default_na=False, na_values=["NA"])
    for name, table in tables_of(file).items():
        path = STUDY.folder / "tables" / f"{name}.csv"
        table.assign(printed=table["text"]).to_csv(path, index=False, lineterminator="\n")
