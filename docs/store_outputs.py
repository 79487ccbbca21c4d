"""Run the tutorials and store what they print: ``docs/.venv/bin/python docs/store_outputs.py``.

Colours and progress that a terminal would have written over are left out.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

TUTORIALS = Path(__file__).parent / "tutorials"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def settled(text: str) -> str:
    """Return what stands on a terminal in the end."""
    plain = ESCAPE.sub("", text).replace("\r\n", "\n")
    return "\n".join(line.rpartition("\r")[2].rstrip() for line in plain.split("\n"))


def stored(path: Path) -> None:
    """Run one notebook in an empty folder and write it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        streams = [one for one in cell.get("outputs", ()) if one.output_type == "stream"]
        if streams:
            text = settled("".join(one.text for one in streams))
            rest = [one for one in cell.outputs if one.output_type != "stream"]
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text), *rest]
    nbformat.write(notebook, path)


if __name__ == "__main__":
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for notebook in sorted(TUTORIALS.glob("*.ipynb")):
        stored(notebook)
