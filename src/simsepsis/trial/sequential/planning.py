"""From information fractions and spending to boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.threads import one_thread
from simsepsis.trial.inputs import Level, chosen, positive, probability, within
from simsepsis.trial.sequential.boundaries import Boundaries
from simsepsis.trial.sequential.solve import (
    EfficacyTest,
    beta_spending_bounds,
    haybittle_peto_bounds,
    shaped_bounds,
    spending_bounds,
    wedge_bounds,
)
from simsepsis.trial.sequential.spending import (
    SPENDING,
    Futility,
    cumulative_errors,
    information_fractions,
    listed,
    spending_parameter,
    spent_by,
)

# δ of Wang and Tsiatis; None where the user chooses it.
_SHAPES: dict[str, float | None] = {"obrien_fleming": 0.0, "pocock": 0.5, "wang_tsiatis": None}
_WANG_TSIATIS_DELTA = 0.25
_HAYBITTLE_PETO_Z = 3.0
RULES = (*_SHAPES, "haybittle_peto", *SPENDING)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rule:
    """An efficacy rule with its parameter; `errors` (K,) of one side at each look, None for a shape."""

    name: str | tuple[float, ...]
    parameter: float | None
    errors: FloatArray | None


@one_thread()
def design_group_sequential(
    information: ArrayLike,
    *,
    alpha: float = 0.025,
    sides: int = 1,
    spending: str | Sequence[float] = "ld_obrien_fleming",
    futility: str | Futility | None = None,
    parameter: float | None = None,
    spending_time: ArrayLike | None = None,
    fineness: float = 1.0,
) -> Boundaries:
    """Boundaries of a group-sequential test by recursive numerical integration.

    Parameters
    ----------
    information
        Information fractions of the looks, increasing to 1; shape (K,).
    alpha, sides
        Type I error and sides. A two-sided test has symmetric bounds with α/2 on each side.
    spending
        ``"obrien_fleming"``, ``"pocock"``, ``"wang_tsiatis"``: bounds c·t^(δ−½); ``"haybittle_peto"``: one
        bound until the last look; ``"ld_obrien_fleming"``, ``"ld_pocock"``, ``"hsd"``, ``"kim_demets"``:
        spending functions, applied to the error of one side; or the cumulative α of each look, both sides
        together.
    futility
        A `Futility` rule, or the name of a spending function for β: then non-binding at a power of 90 %.
    parameter
        δ of wang_tsiatis (0.25), early bound of haybittle_peto (3), γ of hsd (−4), ρ of kim_demets (3).
    spending_time
        Fractions at which the errors are spent, where they are not the information fractions: after the
        planned maximum has been exceeded, say; shape (K,).
    fineness
        Multiplies the number of integration nodes; 1 is accurate to about 1e-12.

    Raises
    ------
    UsageError
        When the fractions do not increase to 1, or a rule is unknown or cannot be combined with another.

    Notes
    -----
    R: ``gsDesign::gsDesign``, ``rpact::getDesignGroupSequential``.

    References
    ----------
    Armitage P, McPherson CK, Rowe BC. J R Stat Soc A 1969;132:235.
    Jennison C, Turnbull BW. Group Sequential Methods. Chapman & Hall 2000.
    """
    times = information_fractions(information)
    clock = times if spending_time is None else _clock(spending_time, times.size)
    stop = Futility(spending=futility) if isinstance(futility, str) else futility
    level = Level(alpha=alpha, sides=sides)
    return _solved(times, clock, level, (spending, parameter), stop, fineness, held=np.zeros(0))


def _solved(
    times: FloatArray,
    clock: FloatArray,
    level: Level,
    efficacy: tuple[str | Sequence[float], float | None],
    stop: Futility | None,
    fineness: float,
    *,
    held: FloatArray,
) -> Boundaries:
    """Return the boundaries, those of futility being given for the looks that have been held."""
    spending, parameter = efficacy
    rule = _rule(spending, parameter, clock, level)
    test = EfficacyTest(
        times=times,
        lower=_binding_bounds(stop, times.size),
        error=level.one_sided,
        two_sided=level.sides == 2,
        fineness=positive(fineness, "fineness"),
    )
    upper, lower = _bounds(test, rule, stop, clock, level, held)
    relied = lower if stop is not None and stop.binding and lower is not None else test.lower
    return Boundaries(
        information=times,
        spending_time=clock,
        alpha=level.alpha,
        sides=level.sides,
        spending=rule.name,
        parameter=rule.parameter,
        z=upper,
        futility_z=lower,
        futility=stop,
        cumulative_alpha=level.sides * np.cumsum(replace(test, lower=relied).spent(upper)),
        fineness=fineness,
    )


def _clock(spending_time: ArrayLike, looks: int) -> FloatArray:
    clock = information_fractions(spending_time)
    if clock.size != looks:
        raise UsageError(f"spending_time has {clock.size} entries for {looks} looks; give one for each look")
    return clock


def _rule(spending: str | Sequence[float], parameter: float | None, clock: FloatArray, level: Level) -> _Rule:
    """Return the efficacy rule with its parameter checked."""
    if not isinstance(spending, str):
        return _stated_rule(spending, clock.size, level)
    chosen(spending, RULES, "spending")
    if spending in SPENDING:
        value = spending_parameter(spending, parameter)
        spent = spent_by(spending, clock, level.one_sided, value)
        return _Rule(name=spending, parameter=value, errors=np.diff(spent, prepend=0.0))
    if spending == "haybittle_peto":
        early = _HAYBITTLE_PETO_Z if parameter is None else positive(parameter, "parameter of haybittle_peto")
        return _Rule(name=spending, parameter=early, errors=None)
    delta = _SHAPES[spending]
    if delta is not None and parameter is not None:
        raise UsageError(
            f"parameter={parameter!r} has no meaning for {spending}; use wang_tsiatis to choose δ"
        )
    if delta is None:
        delta = _WANG_TSIATIS_DELTA if parameter is None else parameter
        within(delta, "parameter of wang_tsiatis", -1.0, 1.0, closed=True)
    return _Rule(name=spending, parameter=delta, errors=None)


def _stated_rule(spending: Sequence[float], looks: int, level: Level) -> _Rule:
    cumulative = cumulative_errors(spending, looks, "spending")
    if abs(cumulative[-1] - level.alpha) > 1e-9:
        raise UsageError(
            f"spending ends at {cumulative[-1]:g}, not at alpha={level.alpha:g}; make its last entry alpha"
        )
    errors = np.diff(cumulative, prepend=0.0) / level.sides
    return _Rule(name=tuple(map(float, cumulative)), parameter=None, errors=errors)


def _binding_bounds(stop: Futility | None, looks: int) -> FloatArray:
    """Return the futility bounds that the efficacy bounds may rely on before any is solved for."""
    bounds = np.full(looks, -np.inf)
    if stop is not None and stop.binding and stop.z is not None:
        bounds[:-1] = _stated_bounds(stop, looks)
    return bounds


def _stated_bounds(stop: Futility, looks: int) -> FloatArray:
    bounds = np.array(stop.z, dtype=np.float64)
    if bounds.shape != (looks - 1,) or np.any(np.isnan(bounds)):
        raise UsageError(
            f"futility z={list(stop.z or ())} has {bounds.size} bounds for {looks} looks; give one for each "
            "look but the last"
        )
    return bounds


def _bounds(
    test: EfficacyTest, rule: _Rule, stop: Futility | None, clock: FloatArray, level: Level, held: FloatArray
) -> tuple[FloatArray, FloatArray | None]:
    """Return efficacy and futility bounds."""
    if stop is not None and level.sides == 2 and stop.binding:
        raise UsageError(
            "binding=True goes with sides=1: in a two-sided test futility stops where |z| is small, and does "
            f"not bind; remove it, or use sides=1 with alpha={level.one_sided:g}"
        )
    if stop is None:
        return _efficacy(test, rule), None
    if stop.z is None:
        return _beta_spending(test, rule, stop, clock, level, held)
    upper = _efficacy(test, rule)
    lower = np.append(_stated_bounds(stop, upper.size), upper[-1])
    if np.any(lower[:-1] >= upper[:-1]):
        raise UsageError(
            f"futility z={list(stop.z)} reaches the efficacy bound of a look; lower it below "
            f"{np.round(upper[:-1], 3).tolist()}"
        )
    return upper, lower


def _efficacy(test: EfficacyTest, rule: _Rule) -> FloatArray:
    if rule.errors is not None:
        return spending_bounds(test, rule.errors)
    value = 0.0 if rule.parameter is None else rule.parameter
    if rule.name == "haybittle_peto":
        return haybittle_peto_bounds(test, value)
    return shaped_bounds(test, value)


def _beta_spending(
    test: EfficacyTest, rule: _Rule, stop: Futility, clock: FloatArray, level: Level, held: FloatArray
) -> tuple[FloatArray, FloatArray]:
    errors = rule.errors
    if errors is None and stop.binding:
        raise UsageError(
            f"spending={rule.name!r} with binding β spending has no look-by-look solution; use a spending "
            "function, binding=False, or stated futility bounds Futility(z=...)"
        )
    if errors is None:
        errors = test.spent(_efficacy(test, rule))
    beta = _beta_errors(stop, clock)
    start = level.z + level.z_power(1.0 - float(beta.sum()))
    if level.sides == 2:
        upper = _efficacy(test, rule)
        return upper, wedge_bounds(test, upper, beta, start=start, held=held)
    return beta_spending_bounds(test, errors, beta, binding=stop.binding, start=start, held=held)


def _beta_errors(stop: Futility, clock: FloatArray) -> FloatArray:
    if isinstance(stop.spending, str):
        beta = 1.0 - probability(stop.power, "power of futility")
        spent = spent_by(stop.spending, clock, beta, stop.parameter)
    else:
        spent = cumulative_errors(stop.spending, clock.size, "spending of futility")
    return np.diff(spent, prepend=0.0)


def update_boundaries(
    boundaries: Boundaries, observed: ArrayLike, *, final: bool = False, unplanned: Sequence[int] = ()
) -> Boundaries:
    """Boundaries at the information that was in fact observed.

    Parameters
    ----------
    boundaries
        As planned, from a spending function.
    observed
        Observed information at all looks held so far, as fractions of the planned maximum; shape (k,).
    final
        Whether the last of them is the final analysis. It then spends all that is left, also when the
        maximum was exceeded or not reached.
    unplanned
        Numbers, from 1, of the observed looks that take no planned look's place.

    Returns
    -------
    Boundaries
        With `information` as fractions of the information at the end: of the planned maximum, or of what the
        final analysis has. Each other observed look takes the place of a planned one; later looks are kept
        as planned. Futility bounds of looks that have been held stay what they were then; an unplanned look
        has none where the bounds were stated.

    Raises
    ------
    UsageError
        When the boundaries do not come from a spending function, so that they hold at the planned looks only.

    Notes
    -----
    The errors are spent at the observed fractions of the planned maximum; the correlations are those of the
    observed information. R: ``rpact::getDesignGroupSequential(typeOfDesign = "asUser")``.

    References
    ----------
    Lan KKG, DeMets DL. Biometrika 1983;70:659.

    Examples
    --------
    >>> plan = design_group_sequential([0.5, 1])
    >>> update_boundaries(plan, [0.5, 0.7], unplanned=[2]).z.round(3).tolist()
    [2.963, 2.462, 2.002]
    """
    if not isinstance(boundaries.spending, str) or boundaries.spending not in SPENDING:
        raise UsageError(
            f"spending={boundaries.spending!r} fixes the bounds at the planned looks; plan with one of "
            f"{', '.join(SPENDING)} to follow the observed information"
        )
    seen = listed(observed, "observed")
    extra = sorted(set(unplanned))
    if extra and not (extra[0] >= 1 and extra[-1] <= seen.size):
        raise UsageError(f"unplanned={list(unplanned)} names no look; number those observed from 1")
    if np.any(seen[:-1] >= 1.0):
        raise UsageError(
            f"observed={seen.tolist()} reaches the planned maximum before its last look, where all of alpha "
            "is spent; end there with final=True"
        )
    held, found = np.zeros(0), boundaries
    for number in range(1, seen.size + 1):
        last = number == seen.size
        if last or (boundaries.futility is not None and boundaries.futility.z is None):
            found = _updated(boundaries, seen[:number], extra, held, final=final and last)
            held = np.zeros(0) if found.futility_z is None else found.futility_z[:number]
    return found


def _updated(
    plan: Boundaries, seen: FloatArray, extra: Sequence[int], held: FloatArray, *, final: bool
) -> Boundaries:
    """Return the boundaries after the looks seen, with the futility bounds held before the last of them."""
    places = [number not in extra for number in range(1, seen.size + 1)]
    later = np.arange(plan.looks) >= sum(places)
    later &= plan.information > seen[-1] + 1e-9
    if not final and not later.any():
        later = (np.arange(plan.looks) == plan.looks - 1) & (seen[-1] < 1.0 - 1e-9)
    if not final and not later.any():
        raise UsageError(
            f"observed information {seen[-1]:g} leaves no look for the rest of the trial; say final=True"
        )
    fractions = seen if final else np.append(seen, plan.information[later])
    stop = plan.futility
    if stop is not None and stop.z is not None:
        stated = iter(stop.z)
        bounds = [next(stated, -np.inf) if place else -np.inf for place in places]
        bounds += [] if final else [stop.z[k] for k in np.flatnonzero(later[:-1])]
        stop = replace(stop, z=tuple(bounds[: fractions.size - 1]))
    return _solved(
        information_fractions(fractions / fractions[-1]),
        _clock(np.append(fractions[:-1], 1.0), fractions.size),
        plan.level,
        (plan.spending, plan.parameter),
        stop,
        plan.fineness,
        held=held,
    )
