"""The thesis's tables as data: as printed, or with the proven misprints corrected."""

from __future__ import annotations

import pandas as pd

from simsepsis.thesis.audit import corrections
from simsepsis.thesis.printed import KEY, read_printed


def load_thesis(corrected: bool = False) -> pd.DataFrame:
    """Return every number of Tables 1–6 and of the results text, one row per number.

    Parameters
    ----------
    corrected
        If True, `printed` holds the corrected value where the audit proves a misprint or a number
        computed from one. The correction is derived from the other printed numbers, never stored.

    Returns
    -------
    DataFrame
        `table, variable, level, statistic, phase, arm` (the key, unique), `printed` (the number),
        `text` (the string in print, never corrected), `bound` (``"<"`` for an upper bound such as
        p <0.001, stored as 0.001), `decimals`, and `corrected` (True where `printed` was replaced).
    """
    printed = read_printed().assign(corrected=False)
    if not corrected:
        return printed
    values = corrections(printed)
    keys = list(printed[list(KEY)].itertuples(index=False, name=None))
    replaced = [key in values for key in keys]
    numbers = [values.get(key, number) for key, number in zip(keys, printed["printed"], strict=True)]
    return printed.assign(printed=numbers, corrected=replaced)
