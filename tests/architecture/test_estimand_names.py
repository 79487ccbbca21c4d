"""Names of estimands are taken apart in one module, so that they may change in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import simsepsis
from simsepsis.estimand import POPULATIONS, SCALES

SOURCE = Path(simsepsis.__file__).parent
CUTTERS = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split"}
PIECES = (
    {f"{scale}_" for scale in SCALES}
    | {scale for scale in SCALES if scale.startswith("log_")}
    | {f"_{population}" for population in POPULATIONS}
    | {"log_"}
)
OF_ESTIMAND = re.compile(r"(?:^|\W)estimand(?:'\])?(?:\.str)?$|^str\(.*estimand'\]\)$")


def cuts(source: str) -> Iterator[str]:
    """Yield the calls that take a name of an estimand apart."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        constants = {
            part.value for arg in node.args for part in ast.walk(arg) if isinstance(part, ast.Constant)
        }
        of_estimand = OF_ESTIMAND.search(ast.unparse(node.func.value))
        at_last_word = node.func.attr.endswith(("partition", "split")) and "_" in constants
        if node.func.attr in CUTTERS and (of_estimand or at_last_word or constants & PIECES):
            yield ast.unparse(node)


def test_no_other_module_cuts_a_name():
    guilty = {
        path.relative_to(SOURCE).as_posix(): found
        for path in SOURCE.rglob("*.py")
        if path.name != "estimand.py" and (found := list(cuts(path.read_text("utf-8"))))
    }
    assert guilty == {}


@pytest.mark.parametrize(
    "line",
    [
        'name.startswith("rd_")',
        'name.startswith(("log_or", "log_hr"))',
        'low.estimand.endswith("_twin")',
        'row["estimand"].rpartition("_")[2]',
        'str(row["estimand"]).startswith("rmst")',
        '[name.rpartition("_")[2] for name in self.estimands]',
        'table["estimand"].str.removeprefix("x")',
    ],
)
def test_the_walk_finds_a_cut(line: str):
    assert list(cuts(line))
