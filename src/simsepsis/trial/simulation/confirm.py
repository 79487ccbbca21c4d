"""How many patients the planned power needs, found by formula and confirmed by simulated trials."""

from __future__ import annotations

import math

import pandas as pd
from scipy.special import ndtri

from simsepsis.errors import ConvergenceError
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.pool import Pool, build_pool
from simsepsis.trial.simulation.simulate import simulate_trials
from simsepsis.trial.simulation.sizing import planned_total

CLOSE = 2.0
"""Monte Carlo standard errors of the planned power within which a size is confirmed."""

ROUNDS = 5


def confirm_total(
    protocol: TrialProtocol,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    jobs: int = -1,
    pool: Pool | None = None,
) -> pd.DataFrame:
    """Find the size of a trial: start from the formula, and correct it by what simulated trials show.

    Parameters
    ----------
    protocol
        The trial; a stated `n_total` is where the search starts.
    replicates, seed, jobs, pool
        As in `simulate_trials`.

    Returns
    -------
    DataFrame
        One row per round: n_total, power, power_mcse, confirmed; the last row is the size found.

    Raises
    ------
    ConvergenceError
        If no size was confirmed in five rounds.

    Notes
    -----
    N is multiplied by [(z_α + z_β)/(z_α + Φ⁻¹(power))]², with the same random numbers in every round, until
    the simulated power is within 2 Monte Carlo standard errors of the planned one.
    """
    there = pool or build_pool(protocol)
    total = planned_total(protocol, there)
    z_alpha, z_beta = protocol.test.level.z, protocol.test.level.z_power(protocol.test.power)
    rows: list[dict[str, object]] = []
    for _ in range(ROUNDS):
        found = simulate_trials(
            protocol, replicates=replicates, seed=seed, jobs=jobs, n_total=total, pool=there
        )
        power, mcse = found.measure("rejection")
        # With no failure at all the MCSE is 0; one failure more is what chance may hide.
        error = max(mcse, 1.0 / len(found.trials))
        confirmed = abs(power - protocol.test.power) <= CLOSE * error
        rows.append({"n_total": total, "power": power, "power_mcse": mcse, "confirmed": confirmed})
        if confirmed:
            return pd.DataFrame(rows)
        reached = z_alpha + float(ndtri(min(max(power, 0.5 * error), 1.0 - 0.5 * error)))
        total = math.ceil(total * min(max((z_alpha + z_beta) / max(reached, 0.2), 0.5), 3.0) ** 2)
    raise ConvergenceError(
        f"{protocol.name}: no size gave a power of {protocol.test.power:g} within {ROUNDS} rounds (last: "
        f"{rows[-1]['n_total']} patients, power {power:.3f}); simulate more trials or state n_total"
    )
