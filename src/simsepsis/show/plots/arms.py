"""The words that people use for the two arms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from simsepsis.study.published import Study, open_study
from simsepsis.words.labels import Wording

if TYPE_CHECKING:
    from simsepsis.analysis.data import CohortArrays
    from simsepsis.analysis.spec import AnalysisSpec
    from simsepsis.analysis.spec_types import Scalar

_NO_WORDS = {"", "yes", "no", "true", "false", "y", "n", "1", "0", "nan", "none"}
"""Values that say nothing about what a patient was given."""


class Arms(NamedTuple):
    """Words for both arms, as they stand inside a sentence."""

    treated: str
    control: str

    @property
    def heads(self) -> Arms:
        """Return the words as they stand alone: in a table's head, at a curve."""
        plain = {"treated": "Treated", "control": "Control"}
        return Arms(*(plain.get(word, word) for word in self))


def printed_arms(study: Study) -> Arms:
    """Return how a study calls its arms among other words."""
    short = study.layout.short_arms
    return Arms(short.get("treated", "treated"), short.get("control", "control"))


def sides_of(arms: Arms, study: Study | None) -> str:
    """Return which arm is drawn upwards; the arms of a study's own tables are just treated and control."""
    own = study is not None and arms == printed_arms(study)
    treated, control = ("treated", "control") if own else arms
    return f"{treated} upwards and {control} downwards"


def arms_of(spec: AnalysisSpec, cohort: CohortArrays) -> Arms:
    """Return the words for both arms: the treatment's label, or the values that make the arms."""
    written = cohort.arm_values or ((), ())
    treated = _words(spec.arms.get("treated", spec.treated)) or _words(written[0])
    control = _words(spec.arms.get("control")) or _words(written[1])
    named = spec.treatment in spec.labels or spec.treatment in spec.variables
    label = wording_of(spec).row(spec.treatment) if named else ""
    return Arms(treated=label or treated or "treated", control=control or "control")


def _words(values: Scalar | tuple[Scalar, ...] | None) -> str:
    """Return the values of an arm in words; empty where they are numbers, or yes and no."""
    listed = values if isinstance(values, tuple) else (values,)
    told = [value.strip() for value in listed if isinstance(value, str)]
    telling = [text for text in told if text.casefold() not in _NO_WORDS and not _is_number(text)]
    return " or ".join(telling) if len(telling) == len(listed) else ""


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def wording_of(spec: AnalysisSpec) -> Wording:
    """Return the words for the columns of an analysis: the study's dictionary, and the spec's own labels."""
    known = Wording() if spec.own else open_study(spec.study).wording
    return replace(known, columns=spec.variables, own=spec.labels)
