"""The plan of an inference: which settings of a world are uncertain, and what is believed of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, ValidationError, field_validator, model_validator
from scipy.special import ndtr

from simsepsis.analysis.readings import Reading
from simsepsis.arrays import FloatArray
from simsepsis.documents import sentence
from simsepsis.errors import ExperimentError, UsageError, did_you_mean
from simsepsis.estimand import Estimand
from simsepsis.study.blocks import Item, before_items, blocks_of, items_of
from simsepsis.study.published import DEFAULT, Study, is_study, open_study
from simsepsis.truth import CONTRASTS
from simsepsis.words import shown
from simsepsis.world.changes import Changes, WorldChoice, changed_scenario, dotted
from simsepsis.world.kinds import setting_words
from simsepsis.world.plans import find_plan, read_plan, scenario_beside
from simsepsis.world.scenario import Scenario
from simsepsis.world.section import Name, Section

KEY = "infer"
"""Table that marks a plan as one of an inference."""
BEFORE = "before"
"""Block of the outcomes as printed before matching."""
Z_99 = 2.5758293035489004
FARTHEST = 4.5
"""Standard normal deviate at which a prior is cut: what lies beyond has a probability of 7 in a million."""
Pair = tuple[float, float]


class Prior(Section):
    """What is believed of one setting: a distribution by its name, with its two numbers."""

    uniform: Pair | None = None
    """Lowest and highest value."""
    loguniform: Pair | None = None
    """Lowest and highest value, uniform on the logarithm."""
    normal: Pair | None = None
    """Mean and standard deviation."""
    lognormal: Pair | None = None
    """Median, and standard deviation of the logarithm."""
    words: str = ""
    """What people call the setting."""
    also: dict[str, float] = Field(default_factory=dict)
    """Other dotted keys that go with it → factor on the value."""

    @field_validator("also", mode="before")
    @classmethod
    def _dotted(cls, also: Changes) -> Changes:
        return dict(dotted(also))

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in SHAPES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(SHAPES)}, such as uniform = [-1.0, 1.0]")
        name, (first, second) = given[0], self.numbers
        if name.endswith("uniform") and not first < second:
            raise ValueError(f"{name} = [{first:g}, {second:g}] is reversed; the lower end comes first")
        if not name.endswith("uniform") and not second > 0.0:
            raise ValueError(f"{name} has a standard deviation of {second:g}; give one above 0")
        if name.startswith("log") and not first > 0.0:
            raise ValueError(f"{name} begins with {first:g}, which has no logarithm; give a number above 0")
        return self

    @property
    def shape(self) -> str:
        """Return the name of the distribution."""
        return next(name for name in SHAPES if getattr(self, name) is not None)

    @property
    def numbers(self) -> Pair:
        """Return its two numbers."""
        pair: Pair = getattr(self, self.shape)
        return pair

    @property
    def text(self) -> str:
        """Return the prior in words."""
        return SHAPES[self.shape][1].format(*self.numbers)

    def working(self, normal: FloatArray) -> FloatArray:
        """Return values on the scale on which worlds are smooth in it, from standard normal deviates.

        Notes
        -----
        Uniform shapes run from −√3 to √3, normal ones are the deviates: mean 0 and variance 1 in each.
        """
        if self.shape.endswith("uniform"):
            return np.asarray(np.sqrt(12.0) * (ndtr(normal) - 0.5))
        return np.clip(normal, -FARTHEST, FARTHEST)

    def values(self, normal: FloatArray) -> FloatArray:
        """Return values of the setting from standard normal deviates."""
        return SHAPES[self.shape][0](self.working(normal), *self.numbers)


def _between(z: FloatArray, low: float, high: float) -> FloatArray:
    return np.asarray(low + (high - low) * (z / np.sqrt(12.0) + 0.5))


SHAPES: dict[str, tuple[Callable[[FloatArray, float, float], FloatArray], str]] = {
    "uniform": (_between, "uniform from {:g} to {:g}"),
    "loguniform": (
        lambda z, low, high: np.exp(_between(z, float(np.log(low)), float(np.log(high)))),
        "log-uniform from {:g} to {:g}",
    ),
    "normal": (lambda z, mean, sd: mean + sd * z, "normal, mean {:g}, SD {:g}"),
    "lognormal": (
        lambda z, median, sd: median * np.exp(sd * z),
        "log-normal, median {:g}, SD of the logarithm {:g}",
    ),
}
"""Name of a distribution → its value from the working scale and its numbers, and its words."""


class InferSettings(Section):
    """What is inferred, from what, and how many worlds are simulated for it."""

    study: str = DEFAULT
    """The study whose printed results are explained."""
    priors: dict[str, Prior]
    """Dotted key of a scenario → what is believed of it."""
    truths: tuple[str, ...] = ()
    """Estimands of a world that are reported too, such as ``log_rr_death_att``; the first leads."""
    readings: tuple[str, ...] = ()
    """Readings of the methods that may be what was done; none: all that the study joins, and the literal."""
    blocks: tuple[str, ...] = ()
    """Blocks of printed results; none: all of them."""
    worlds: Annotated[int, Field(ge=8, le=100_000)] = 400
    """Worlds drawn from the prior."""
    waves: tuple[Annotated[int, Field(ge=1, le=100_000)], ...] = ()
    """Worlds of each later wave, drawn from where the earlier ones have left it plausible."""
    replicates: Annotated[int, Field(ge=3, le=10_000)] = 24
    """Registries in each world."""
    truth_population: Annotated[int, Field(ge=1_000, le=10_000_000)] = 20_000
    """Patients on whom each world's truths are computed."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of all random numbers."""
    world_seeds: tuple[str, ...] = ()
    """Dotted keys of seeds that are each world's number, so that what they draw is new in every world."""

    @field_validator("priors", mode="before")
    @classmethod
    def _flat(cls, priors: Any) -> Any:
        """Take tables of tables as dotted keys, down to the distributions."""
        return dict(_priors(priors)) if isinstance(priors, Mapping) else priors

    @field_validator("priors")
    @classmethod
    def _some(cls, priors: dict[str, Prior]) -> dict[str, Prior]:
        if not priors:
            raise ValueError(
                'is empty; write a setting and its prior, such as "n" = { uniform = [100, 200] }'
            )
        return priors

    @field_validator("truths")
    @classmethod
    def _known(cls, truths: tuple[str, ...]) -> tuple[str, ...]:
        for name in truths:
            estimand = Estimand.parse(name)
            if estimand.scale not in CONTRASTS or estimand.population not in ("att", "ate"):
                raise ValueError(
                    f"'{name}' is no contrast of risks; write {', '.join(CONTRASTS)}, an outcome and att or "
                    "ate, such as log_rr_death_att"
                )
        return truths


def _priors(table: Mapping[str, Any], prefix: str = "") -> Any:
    for key, value in table.items():
        inner = isinstance(value, Mapping) and not set(value) & set(SHAPES)
        if inner and any(isinstance(one, Mapping) for one in value.values()):
            yield from _priors(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


class InferencePlan(Section):
    """An inference: everything that decides its numbers."""

    name: Name
    """Short name, as in file names."""
    question: str
    """What is asked."""
    world: WorldChoice
    """The world whose settings are uncertain."""
    infer: InferSettings
    """What is inferred."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the dotted keys that are uncertain."""
        return tuple(self.infer.priors)

    @property
    def study(self) -> Study:
        """Return the study."""
        return open_study(self.infer.study)

    @property
    def words(self) -> dict[str, str]:
        """Return what people call each setting and truth."""
        names = setting_words(self.infer.study)
        settings = {key: prior.words or names.get(key, key) for key, prior in self.infer.priors.items()}
        seeds = {key: names.get(key, key) for key in self.infer.world_seeds}
        return settings | seeds | {name: Estimand.parse(name).label() for name in self.infer.truths}

    def working(self, normal: FloatArray) -> FloatArray:
        """Return points (…, settings) on the working scale from standard normal deviates."""
        priors = self.infer.priors.values()
        return np.stack([prior.working(normal[..., k]) for k, prior in enumerate(priors)], axis=-1)

    def values(self, normal: FloatArray) -> FloatArray:
        """Return points (…, settings) as values of the settings from standard normal deviates."""
        priors = self.infer.priors.values()
        return np.stack([prior.values(normal[..., k]) for k, prior in enumerate(priors)], axis=-1)

    def scenario(self, values: FloatArray, number: int = 0) -> Scenario:
        """Return the world of a number with these values, nothing in it solved yet."""
        changes = self.world.set | dict.fromkeys(self.infer.world_seeds, number)
        for (key, prior), value in zip(self.infer.priors.items(), values.tolist(), strict=True):
            changes |= {key: value} | {other: factor * value for other, factor in prior.also.items()}
        return changed_scenario(self.world.base, changes, place="infer.priors", label=f"world {number}")

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Return the readings, as the plan names them."""
        study = self.study
        known = {one.name: one for one in (*study.readings, *study.joint_readings)}
        default = (study.readings[0].name, *(one.name for one in study.joint_readings))
        for name in self.infer.readings:
            if name not in known:
                raise ExperimentError(
                    f"infer.readings: '{name}' is no reading of {study.called}{did_you_mean(name, known)}; "
                    f"known are {', '.join(known)}"
                )
        return tuple(known[name] for name in self.infer.readings or default)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Return the printed results that worlds are compared by, with the outcomes before matching."""
        study = self.study
        outcomes = study.variables.of("outcome")
        before = [item for item in before_items(study) if item.keys[0].variable in outcomes]
        return (*before, *items_of(study))

    @property
    def blocks(self) -> dict[str, str]:
        """Return the blocks that are used and their words."""
        study = self.study
        words = {one.name: one.label or study.layout.label(one.name) for one in blocks_of(study)}
        there = {item.block for item in self.items}
        known = {BEFORE: "Outcomes before matching"} | words
        known = {name: label for name, label in known.items() if name in there}
        for name in self.infer.blocks:
            if name not in known:
                raise ExperimentError(
                    f"infer.blocks: '{name}' is no block of printed results{did_you_mean(name, known)}; "
                    f"known are {', '.join(known)}"
                )
        return {name: known[name] for name in self.infer.blocks} or known

    @property
    def mark(self) -> str:
        """Return what all worlds that are simulated for it have in common."""
        values = self.infer.model_dump(mode="json", include={"study", "priors", "truths", "truth_population"})
        for prior in values["priors"].values():
            del prior["words"]
        worlds = [self.scenario(self.values(np.zeros(len(self.keys)))).hash, values]
        content = json.dumps(worlds, sort_keys=True).encode()
        told = hashlib.sha256(content).hexdigest()[:16]
        return f"{self.name}, seed {self.infer.seed}, {told}, simsepsis {version('simsepsis')}"


def load_inference(name_or_path: str | Path) -> InferencePlan:
    """Return the plan of an inference from a shipped file or a path.

    Parameters
    ----------
    name_or_path
        Name of a shipped plan, or path of a ``.toml`` file with an ``[infer]`` table.

    Raises
    ------
    ExperimentError
        If there is no such file, a key or value is not legal, a prior is of no setting of the world or goes
        where the setting cannot, or the study has no printed results or readings of these names.
    """
    path = find_plan(name_or_path, KEY)
    document = read_plan(path)
    if KEY not in document:
        raise ExperimentError(f"{path}: has no [infer] table; write one with priors and seed")
    document = _with_places(document, path.parent)
    try:
        plan = InferencePlan.model_validate(document)
        check_inference(plan)
    except ValidationError as error:
        raise ExperimentError(f"{path}: {sentence(error, InferencePlan)}") from error
    except (ExperimentError, UsageError) as error:
        raise ExperimentError(f"{path}: {error}") from error
    return plan


def _with_places(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a plan in which what stands beside it is named by its whole path."""
    infer, world = document.get(KEY), document.get("world")
    study = infer.get("study") if isinstance(infer, dict) else None
    if isinstance(study, str) and isinstance(infer, dict) and is_study(folder / study):
        document = document | {KEY: infer | {"study": str((folder / study).resolve())}}
    if isinstance(world, dict) and isinstance(world.get("base"), str):
        opened = open_study(study if isinstance(study, str) else DEFAULT)
        base = opened.place("scenarios", scenario_beside(world["base"], folder))
        document = document | {"world": world | {"base": str(base)}}
    return document


def check_inference(plan: InferencePlan) -> None:
    """Raise `ExperimentError` unless the plan's world, results, blocks and readings are there."""
    if not plan.items:
        raise ExperimentError(
            f"infer.study: {plan.study.called} has no printed results that worlds could be judged by; write "
            f"them into {plan.study.folder / 'tables'}"
        )
    _ = plan.blocks, plan.readings
    seeds = dict.fromkeys(plan.infer.world_seeds, 0)
    changed_scenario(plan.world.base, plan.world.set | seeds, place="infer.world_seeds", label="")
    for place, key in enumerate(plan.keys):
        deviates = np.zeros((3, len(plan.keys)))
        deviates[:, place] = (-Z_99, 0.0, Z_99)
        for values in plan.values(deviates):
            try:
                plan.scenario(values)
            except (ExperimentError, UsageError) as error:
                told = str(error).removeprefix("infer.priors: ")
                raise ExperimentError(f"infer.priors: {key} = {shown(values[place])}: {told}") from error
