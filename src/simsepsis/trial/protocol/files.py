"""Protocols on disk: found by name or path, read from TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simsepsis.documents import is_file, sentence
from simsepsis.errors import ExperimentError
from simsepsis.study.published import open_study
from simsepsis.trial.protocol.schema import TrialProtocol
from simsepsis.world.plans import find_plan, plan_names, read_plan, scenario_beside

BIAS_FILE = "performance"
"""Key of a file that stands beside the plan."""

KEY = "arms"
"""Table that marks a plan as one of a trial."""


def trial_names() -> list[str]:
    """Return the names of the trial protocols that come with the package."""
    return plan_names(KEY)


def load_trial(name_or_path: str | Path, study: str | None = None) -> TrialProtocol:
    """Return the protocol of a shipped trial or of a TOML file.

    Parameters
    ----------
    name_or_path
        A name of `trial_names`, or the path of a ``.toml`` file.
    study
        Study of a plan that names none, as in `open_study`.

    Raises
    ------
    ExperimentError
        If there is no such file, it is not TOML, or a key or value is not legal.
    """
    path = find_plan(name_or_path, KEY)
    raw = _beside({"study": open_study(study).key, **read_plan(path)}, path.parent)
    try:
        return TrialProtocol.model_validate({"label": raw["name"], **raw})
    except ValidationError as error:
        raise ExperimentError(f"{path}: {sentence(error, TrialProtocol)}") from error


def _beside(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a plan whose study, scenario and tables of bias are found where the plan stands."""
    found, study, world, priors = dict(raw), raw["study"], raw.get("world"), raw.get("priors")
    if isinstance(study, str) and is_file(folder / study / "study.toml"):
        found["study"] = study = str(folder / study)
    if isinstance(study, str) and isinstance(world, dict) and isinstance(world.get("base"), str):
        base = open_study(study).place("scenarios", scenario_beside(world["base"], folder))
        found["world"] = {**world, "base": str(base)}
    if isinstance(priors, list):
        found["priors"] = [_located(prior, folder) for prior in priors]
    if "borrowing" in raw:
        found["borrowing"] = _located(raw["borrowing"], folder)
    return found


def _located(prior: Any, folder: Path) -> Any:
    bias = prior.get("bias") if isinstance(prior, dict) else None
    if not isinstance(bias, dict) or not isinstance(bias.get(BIAS_FILE), str):
        return prior
    beside = folder / bias[BIAS_FILE]
    return {**prior, "bias": {**bias, BIAS_FILE: str(beside if is_file(beside) else bias[BIAS_FILE])}}
