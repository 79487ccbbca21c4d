"""Our numbers beside those of other programs and papers: asserted, and kept for the page of the docs.

``SIMSEPSIS_MATCHES=docs/matches.csv python -m pytest -p no:xdist tests/reference`` writes what was compared;
the docs make their page *Does it match R?* of it.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose
from numpy.typing import ArrayLike

COLUMNS = ("source", "quantity", "theirs", "ours", "difference", "tolerance")
MOST = 6
"""Of more numbers than these the one that differs most is kept."""
FOUND: dict[tuple[str, str], list[str]] = {}


def agree(
    source: str, quantity: str, ours: ArrayLike, theirs: ArrayLike, *, rtol: float = 0.0, atol: float = 0.0
) -> None:
    """Assert that numbers agree, and keep them.

    Parameters
    ----------
    source
        Program or paper.
    quantity
        What is compared.
    ours, theirs
        Numbers of one shape.
    rtol, atol
        As of `numpy.testing.assert_allclose`.
    """
    found, wanted = (np.squeeze(np.asarray(one, dtype=np.float64)) for one in (ours, theirs))
    assert found.shape == wanted.shape, f"{source}: {quantity}"
    found, wanted = found.ravel(), wanted.ravel()
    assert_allclose(found, wanted, rtol=rtol, atol=atol, err_msg=f"{source}: {quantity}")
    places = np.flatnonzero(np.isfinite(wanted))
    if places.size > MOST:
        off = np.abs(found[places] - wanted[places]) / (atol + rtol * np.abs(wanted[places]) + 1e-300)
        many = f"{quantity}, the worst of {places.size}"
        _keep(source, many, found, wanted, places[[int(off.argmax())]], rtol, atol)
    else:
        _keep(source, quantity, found, wanted, places, rtol, atol)


def _keep(
    source: str,
    quantity: str,
    ours: np.ndarray,
    theirs: np.ndarray,
    places: np.ndarray,
    rtol: float,
    atol: float,
) -> None:
    for place in places:
        name = f"{quantity} [{place + 1}]" if places.size > 1 else quantity
        limit = f"{rtol:g} of it" if rtol else f"{atol:g}"
        FOUND[source, name] = [
            f"{theirs[place]:.10g}",
            f"{ours[place]:.10g}",
            f"{ours[place] - theirs[place]:.1e}",
            limit,
        ]


def write_matches(path: Path) -> None:
    """Write everything that was compared in this process, source by source."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*key, *FOUND[key]] for key in sorted(FOUND))
