"""What only the simulator knows of each patient; never given to a method that does not ask for it by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.studies.jseptic_ivigg.world.course import Exits
from simsepsis.studies.jseptic_ivigg.world.prepared import World
from simsepsis.studies.jseptic_ivigg.world.simulate import Simulated, day_if_treated, exits_if_treated
from simsepsis.world.potential import Outcomes, Potential, join_potentials

HOURS = 24.0
HORIZON_DAYS = 28.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Oracle:
    """What the registry does not show.

    Attributes
    ----------
    propensity
        (n,) probability of IVIgG within seven days given all that precedes it, path included.
    unmeasured, endogenous_igg, dose_g_per_kg
        (n,) confounder u; IgG in g/L; dose, NaN if untreated.
    hours
        Therapy → (n,) hours from ICU admission to its start, NaN if never.
    path
        (n, days) latent severity.
    treated, untreated
        Potential outcomes with IVIgG as given (or as it would have been given) and without.
    """

    propensity: FloatArray
    unmeasured: FloatArray
    endogenous_igg: FloatArray
    dose_g_per_kg: FloatArray
    hours: dict[str, FloatArray]
    path: FloatArray
    treated: Potential
    untreated: Potential

    @property
    def outcomes(self) -> Outcomes:
        """Return how the patients fare with and without IVIgG, and their probability of it."""
        return Outcomes(treated=self.treated, untreated=self.untreated, propensity=self.propensity)

    def frame(self) -> pd.DataFrame:
        """Return a table with one row per patient, keyed by ``patient_id``.

        Columns as in the data dictionary: propensity, u, endogenous_igg, dose_g_per_kg, ``<therapy>_hour``,
        ``severity_day<d>``, and outcomes ``<outcome>_if_treated`` and ``<outcome>_if_untreated``, where
        ``death_day`` is NaN for patients who leave alive.
        """
        columns: dict[str, FloatArray | BoolArray | IntArray] = {
            "patient_id": np.arange(1, self.propensity.size + 1),
            "propensity": self.propensity,
            "u": self.unmeasured,
            "endogenous_igg": self.endogenous_igg,
            "dose_g_per_kg": self.dose_g_per_kg,
        }
        columns |= {f"{name}_hour": hours for name, hours in self.hours.items()}
        columns |= {f"severity_day{day}": value for day, value in enumerate(self.path.T, start=1)}
        for arm, potential in (("treated", self.treated), ("untreated", self.untreated)):
            columns |= {f"{name}_if_{arm}": died.astype(np.int64) for name, died in potential.event.items()}
            lifetime = potential.lifetime
            columns[f"death_day_if_{arm}"] = np.where(np.isfinite(lifetime), lifetime, np.nan)
        return pd.DataFrame(columns)


def potential_of(exits: Exits) -> Potential:
    """Return the outcomes of a way to leave."""
    died, time = exits.hospital_death, exits.hospital_time
    return Potential(
        event={
            "icu_death": exits.icu_death,
            "hospital_death": died,
            "death_28d": died & (time <= HORIZON_DAYS),
        },
        time={
            "icu_death": exits.icu_time,
            "hospital_death": time,
            "death_28d": np.minimum(time, HORIZON_DAYS),
        },
        lifetime=np.where(died, time, np.inf),
        survival="hospital_death",
        horizon=HORIZON_DAYS,
    )


def oracle_of(world: World, simulated: Simulated, starts: dict[str, FloatArray]) -> Oracle:
    """Return the oracle of a block."""
    day = day_if_treated(simulated)
    given = np.isfinite(simulated.ivigg_day)
    hours = {name: np.where(np.isfinite(start), start * HOURS, np.nan) for name, start in starts.items()}
    return Oracle(
        propensity=simulated.propensity,
        unmeasured=simulated.patients.unmeasured,
        endogenous_igg=simulated.dosing.igg,
        dose_g_per_kg=np.where(given, simulated.dosing.grams_per_kg, np.nan),
        hours=hours,
        path=simulated.fate.path,
        treated=potential_of(exits_if_treated(world, simulated, day)),
        untreated=potential_of(simulated.untreated),
    )


def join_oracles(parts: Sequence[Oracle]) -> Oracle:
    """Return the oracle of several blocks, in their order."""
    if len(parts) == 1:
        return parts[0]
    plain = ("propensity", "unmeasured", "endogenous_igg", "dose_g_per_kg", "path")
    return Oracle(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in plain},
        hours={name: np.concatenate([part.hours[name] for part in parts]) for name in parts[0].hours},
        treated=join_potentials([part.treated for part in parts]),
        untreated=join_potentials([part.untreated for part in parts]),
    )
