"""Planning a trial from its file to a folder."""

from __future__ import annotations

from pathlib import Path

from simsepsis.files import check_folder, write_files
from simsepsis.report.trial.document import contents_of, document_of
from simsepsis.trial.planning.compute import compute_plan
from simsepsis.trial.planning.record import TrialPlan
from simsepsis.trial.planning.screen import screen
from simsepsis.trial.protocol import TrialProtocol, load_trial
from simsepsis.trial.simulation.pool import build_pool


def plan_trial(path_or_plan: str | Path | TrialProtocol, out: Path | str) -> TrialPlan:
    """Plan a trial and write ``plan.json``, ``plan.md``, ``report.html`` and ``figures/``.

    Parameters
    ----------
    path_or_plan
        Name of a shipped trial, path of a ``.toml`` file, or a protocol.
    out
        Folder; made if it does not exist.
    """
    protocol = path_or_plan if isinstance(path_or_plan, TrialProtocol) else load_trial(path_or_plan)
    folder = check_folder(out)
    plan = compute_plan(protocol, screen(protocol, build_pool(protocol)))
    write_files(folder, contents_of(document_of(plan, command=f"simsepsis plan {protocol.name}")))
    return plan
