"""Freeze every number that the commands write, and see later whether one has changed; run by hand.

    python tests/ledger/ledger.py check                     # compute all again, compare with frozen.csv
    python tests/ledger/ledger.py check --only analyze      # commands whose name holds a word
    python tests/ledger/ledger.py check --keep before       # and keep what was computed in a folder
    python tests/ledger/ledger.py check --against before    # show the first cell that differs in each file
    python tests/ledger/ledger.py freeze                    # after a change of numbers that was meant

A move of code changes no number, so that `check` says nothing after it. Columns that a move renames stand in
``renamed.toml``. Last bits depend on the processor: freeze before a change on the machine that checks it.
The cohort of right heart catheterization is no part of the project; without it its lines are left out.
Takes some minutes. Ends with 1 if a number changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FROZEN = HERE / "frozen.csv"
KEY = ["command", "file"]
CLOCK = ["seconds"]
"""Columns that differ from run to run."""
TEXTS = ("checklist.csv",)
"""Tables of sentences, which no move of code has to keep."""

PREPARED = "generate thesis-v1 --seed 1 -o cohort.csv --oracle oracle.csv"
"""What other commands read."""
HIDDEN = (
    '[unmeasured]\nkind = "binary"\nprevalence = 0.3\nor_treatment = 2.0\nhr_death = 2.0\ncrude = "held"\n'
)
WORLDS = {"unmeasured-held": HIDDEN, "late-start": "[treatment]\nseverity = 1.0\nlate_share = 0.6\n"}
"""Worlds of the first calibration, which the ledger was frozen on, under the names that they had then."""
COMMANDS: dict[str, tuple[str, ...]] = {
    "audit": ("audit --out {out}",),
    "generate": (
        "generate thesis-v1 --seed 1 -o {out}/cohort.csv --oracle {out}/oracle.csv",
        "generate unmeasured-held.toml --seed 2 -o {out}/held.csv --oracle {out}/held-oracle.csv",
        "generate late-start.toml --seed 3 -o {out}/late.csv --oracle {out}/late-oracle.csv",
    ),
    "analyze-simulated": ("analyze cohort.csv --out {out}",),
    "analyze-rhc": ("analyze {rhc} --spec analysis-rhc --out {out}",),
    "reproduce": ("reproduce --scenario thesis-v1 --readings --replicates 20 --out {out}",),
    "run-null": ("run null --replicates 20 --out {out}", "verify {out} --fraction 0.1"),
    "run-interaction": ("run interaction --replicates 20 --out {out}",),
    "run-timing": ("run timing --replicates 20 --out {out}",),
    "run-adjuncts": ("run adjuncts --replicates 20 --out {out}",),
    "plan-high-dose": ("plan trial-ivigg-high-dose --replicates 300 --out {out}",),
    "plan-cluster": ("plan trial-ivigg-cluster-crossover --replicates 300 --out {out}",),
    "describe": ("describe thesis-v1 --out {out}",),
}
"""Name of a line in the ledger → the commands that make its files."""


def cohort_of_rhc() -> Path | None:
    """Return the public file, where it lies beside the checkout or in the named folder."""
    folders = [os.environ.get("SIMSEPSIS_DATA", ""), ROOT.parent / "shared" / "data"]
    found = [Path(folder) / "rhc.csv" for folder in folders if folder]
    return next((path for path in found if path.is_file()), None)


def simsepsis(line: str, folder: Path) -> None:
    """Run one command in a folder."""
    command = [sys.executable, "-m", "simsepsis", *line.split()]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"simsepsis {line} ended with {done.returncode}: {done.stderr[-2000:]}")


def compute(folder: Path, only: str) -> Iterator[str]:
    """Run the commands into folders of their names; yield each name when its files are there."""
    rhc = cohort_of_rhc()
    for name, text in WORLDS.items():
        (folder / f"{name}.toml").write_text(f'extends = "thesis-v1"\n{text}', encoding="utf-8")
    simsepsis(PREPARED, folder)
    for name, lines in COMMANDS.items():
        if only not in name or ("{rhc}" in "".join(lines) and rhc is None):
            continue
        (folder / name).mkdir()
        for line in lines:
            simsepsis(line.format(out=name, rhc=rhc), folder)
        yield name


def renamed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table under its columns' names when the ledger was frozen, without what a clock tells."""
    names = tomllib.loads((HERE / "renamed.toml").read_text(encoding="utf-8"))
    return frame.rename(columns=names).drop(columns=CLOCK, errors="ignore")


def tables(folder: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield every table below a folder, its cells as they are written; Parquet files count as well."""
    for path in sorted(one for one in folder.rglob("*.csv") if one.name not in TEXTS):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        yield str(path.relative_to(folder)), renamed(frame)
    for path in sorted(folder.rglob("truth*.parquet")):
        yield str(path.relative_to(folder)), renamed(pd.read_parquet(path).map(repr))


def hashes(folder: Path, name: str) -> pd.DataFrame:
    """Return one row per table of a command: its file, size and hash."""
    rows = []
    for file, frame in tables(folder / name):
        digest = hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()[:16]
        rows.append((name, file, len(frame), digest))
    return pd.DataFrame(rows, columns=[*KEY, "rows", "hash"])


def freeze(found: pd.DataFrame) -> None:
    """Put the hashes of one command in the place of its old ones."""
    if FROZEN.exists():
        kept = pd.read_csv(FROZEN)
        found = pd.concat([kept[~kept["command"].isin(found["command"])], found])
    found.to_csv(FROZEN, index=False, lineterminator="\n")


def first_difference(old: pd.DataFrame, new: pd.DataFrame) -> str:
    """Return where two tables part first."""
    if list(old.columns) != list(new.columns):
        return f"columns {sorted(set(old.columns) ^ set(new.columns)) or 'in another order'}"
    if len(old) != len(new):
        return f"{len(old)} rows, now {len(new)}"
    differ = (old != new).to_numpy()
    row, column = (int(axis[0]) for axis in differ.nonzero())
    cell = f"row {row + 1}, {old.columns[column]}: {old.iat[row, column]}, now {new.iat[row, column]}"
    return f"{int(differ.sum())} cells; {cell}"


def compare(new: pd.DataFrame, folder: Path, against: Path | None) -> int:
    """Print the files of one command that differ from the ledger; return their number."""
    old, name = pd.read_csv(FROZEN), new["command"].iloc[0]
    both = old[old["command"] == name].merge(new, on=KEY, how="outer", suffixes=("_old", "_new"))
    changed = both[both["hash_old"] != both["hash_new"]]
    print(f"{name}: {len(both) - len(changed)} of {len(both)} files equal", flush=True)
    for row in changed.itertuples():
        why = "new" if pd.isna(row.hash_old) else "gone" if pd.isna(row.hash_new) else "changed"
        if why == "changed" and against is not None:
            before, after = (dict(tables(place / name))[row.file] for place in (against, folder))
            why = first_difference(before, after)
        print(f"    {row.file}: {why}", flush=True)
    return len(changed)


def main() -> int:
    """Freeze, or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["freeze", "check"])
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--against", type=Path)
    asked = parser.parse_args()
    changed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in compute(folder, asked.only):
            found = hashes(folder, name)
            if asked.what == "check":
                changed += compare(found, folder, asked.against)
            else:
                freeze(found)
            if asked.keep is not None:
                shutil.copytree(folder / name, asked.keep / name, dirs_exist_ok=True)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
