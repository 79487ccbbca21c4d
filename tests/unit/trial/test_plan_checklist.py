"""The checklist of a plan says yes only where the plan says it, and leaves the rest to the team."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from simsepsis.show.checklist import CHECKLIST, CHECKLIST_COLUMNS, YES
from simsepsis.show.pages.trial import plan_contents
from simsepsis.trial.planning import Effort, compute_plan

CLUSTERED = {
    "allocation": {"unit": "parallel_cluster"},
    "test.analysis": "cluster_means",
    "sites": {"number": 40, "sampled": True},
    "endpoint.name": "hospital_death",
}


def answered(told):
    contents = plan_contents(compute_plan(told, effort=Effort(replicates=0)), command="")
    found = pd.read_csv(io.BytesIO(contents[CHECKLIST]), keep_default_na=False)
    assert tuple(found.columns) == CHECKLIST_COLUMNS
    assert set(found["answered"]) == {YES, "for the team"}
    assert ((found["answer"] != "") == (found["answered"] == YES)).all()
    assert ((found["where"] != "") == (found["answered"] == YES)).all()
    text = contents["plan.md"].decode()
    for place in found.loc[found["where"].str.startswith("plan.md: "), "where"].unique():
        heading = place.removeprefix("plan.md: ")
        assert heading == "first line" or f"## {heading}" in text
    return found, text


def answers(found, item):
    return " ".join(found.loc[(found["item"] == item), "answer"])


def test_every_item_of_both_lists_is_there(protocol):
    found, _ = answered(protocol())
    numbers = {int("".join(filter(str.isdigit, one.split()[1]))) for one in found["item"] if "SPIRIT" in one}
    assert numbers == set(range(1, 34))
    parts = found.loc[found["item"].str.startswith("DELTA2"), "item"].str.split().str[1]
    assert list(dict.fromkeys(parts)) == ["1", "2", "3", "4", "5a", "5b", "5c", "5d", "6", "7", "8"]


def test_answers_are_the_sentences_of_the_statement(protocol):
    found, text = answered(protocol({"looks.information": [0.5, 1.0]}))
    said = [answers(found, f"DELTA2 {part}") for part in ("1", "2", "3", "4", "5a", "5b")]
    said.append(answers(found, "SPIRIT 21b"))
    for sentence in (one for answer in said for one in answer.split(". ")):
        assert sentence.rstrip(".") in text
    assert "at z = " in answers(found, "SPIRIT 21b")
    assert "Blocks within strata" not in answers(found, "SPIRIT 16a")
    assert answers(found, "SPIRIT 16a") == "By coin."


def test_what_the_plan_does_not_justify_is_for_the_team(protocol):
    told = {"basis": "realistic", "rationale": "A trial of 2020 found it.", "control_risk": "the registry"}
    bare, _ = answered(protocol())
    worded, _ = answered(protocol({"words": told, "endpoint.control_risk": 0.25}))
    bare, worded = (one.set_index(["item", "asks"])["answered"] for one in (bare, worded))
    for item in ("DELTA2 6", "DELTA2 7"):
        assert set(bare[item]) == {"for the team"}
        assert set(worded[item]) == {YES}
    unsourced, _ = answered(protocol({"endpoint.control_risk": 0.25}))
    (source,) = unsourced.loc[unsourced["asks"] == "Source of the control group's risk", "answered"]
    assert source == "for the team"
    unequal, _ = answered(protocol({"arms": [{"name": "IVIgG", "grams_per_kg": 1.5, "ratio": 2.0}]}))
    assert set(unequal.loc[unequal["item"] == "DELTA2 4", "answered"]) == {"for the team"}


@pytest.mark.parametrize(("changes", "said"), [({}, "one by one"), (CLUSTERED, "intracluster correlation")])
def test_the_design_is_told_as_it_is(protocol, changes, said):
    found, _ = answered(protocol(changes))
    assert said in answers(found, "DELTA2 5c")
