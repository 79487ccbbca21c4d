"""Documents whose every value is of the right kind, and whose whole makes no sense."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from malformed_files import LONG, SPACED, Kind, Malformed
from toml_text import Raw, changed, document_text, found

TWIN = "log_or_hospital_death_twin"

CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "scenario": {
        "probabilities beyond 1": {"patients.route.er": 0.9},
        "probabilities below 1": {"patients.infection_site.abdomen": 0.0},
        "organ without chances": {"patients.ordinal.sofa_cv_day1": [0.0, 0.0, 0.0, 0.0, 0.0]},
        "organ of three grades": {"patients.ordinal.sofa_cv_day1": [0.2, 0.3, 0.5]},
        "organ of no grade": {"patients.ordinal.sofa_cv_day1": []},
        "negative probability": {"patients.binary.male": -0.1},
        "percent": {"patients.binary.male": 60},
        "weights of 1e308 kg": {"patients.continuous.weight_kg.high": 1e308},
        "weights of 1e5 kg": {"patients.continuous.weight_kg.high": 1e5},
        "age of 500": {"patients.continuous.age.high": 500.0},
        "age below 16": {"patients.continuous.age.low": -40.0},
        "APACHE II of 300": {"patients.continuous.apache2.high": 300.0},
        "quartiles in reverse": {"patients.continuous.age.ivigg": [79.0, 70.0, 61.0]},
        "quartiles alike": {"patients.continuous.age.ivigg": [70.0, 70.0, 70.0]},
        "two quartiles": {"patients.continuous.age.ivigg": [61.0, 79.0]},
        "lognormal below 0": {"patients.continuous.weight_kg.low": -5.0},
        "lognormal from 0": {"patients.continuous.weight_kg.low": 0.0},
        "lab limits in reverse": {"patients.labs.lactate.low": 20.0, "patients.labs.lactate.high": 1.0},
        "lab median outside": {"patients.labs.lactate.median": 500.0},
        "loading of 1.2": {"patients.loadings.age": {"aging": 1.2}},
        "loadings beyond 1 together": {"patients.loadings.age": {"aging": 0.8, "severity": 0.8}},
        "loading of an unknown factor": {"patients.loadings.age": {"luck": 0.3}},
        "loading of an unknown column": {"patients.loadings.shoe_size": {"severity": 0.3}},
        "unknown number": {"patients.continuous.shoe_size": {"family": "split_normal"}},
        "unknown organ": {"patients.ordinal.sofa_heart_day1": [0.2] * 5},
        "unknown route": {"patients.route.moon": 0.1},
        "unknown site": {"patients.infection_site.soul": 0.1},
        "unknown disease": {"patients.binary.melancholy": 0.1},
        "unknown treatment number": {"treatment.numbers.shoe_size": [1.0]},
        "too many functions": {"treatment.numbers.age": [1.0] * 9},
        "no functions": {"treatment.numbers.age": []},
        "unknown treatment level": {"treatment.levels.icu_type.moon": 1.0},
        "unknown treatment category": {"treatment.levels.weather": {"rain": 1.0}},
        "unknown risk": {"course.risk.shoe_size": 0.4},
        "unknown level of a risk": {"course.risk": {"admission_route=moon": 0.4}},
        "unknown support": {"supports.leeches": {"ever": {}, "days": {}, "log_sd": 1.0}},
        "unknown adjunct": {"adjuncts.leeches": {"intercept": 0, "care": 0, "icu": 0, "severity": 0}},
        "unknown transfusion": {
            "transfusions.tea": {"ever": {}, "units": {}, "log_sd": 1.0, "pack": 1.0},
        },
        "unknown term of a support": {"supports.rrt.ever.weather": 1.0},
        "unknown term of an adjunct": {"adjuncts.pmx.effects": {"weather": 1.0}},
        "unknown term of a transfusion": {"transfusions.rbc.units.weather": 1.0},
        "lists of ICUs unequal": {"icus.roster.beds": [4, 5]},
        "no ICU": {"icus.roster.size": []},
        "ICU of no patient": {"icus.roster.size": [0] * 42},
        "ICU type unknown": {"icus.roster.type": ["moon"] * 42},
        "ICUs beyond all variance": {"icus.roster.severity": [-9.0, 9.0] * 21},
        "spread of ICUs": {"icus.spread": 50.0},
        "one ICU": {"icus.number": 1},
        "million ICUs": {"icus.number": 10**6},
        "ICUs without sampling": {"icus.kind": "registry"},
        "no patient": {"n": 0},
        "negative patients": {"n": -5},
        "billion patients": {"n": 10**9},
        "half a patient": {"n": 0.5},
        "effect without scale": {"effect": {"value": 0.8}},
        "scale without effect": {"effect": {"measure": "risk_ratio"}},
        "risk ratio of 0": {"effect.value": 0.0},
        "negative risk ratio": {"effect.value": -0.5},
        "risk ratio of 1000": {"effect.value": 1000.0},
        "risk difference of 5": {"effect": {"measure": "risk_difference", "value": 5.0}},
        "late share of 1": {"treatment.late_share": 1.0},
        "late share of 0": {"treatment.late_share": 0.0},
        "shares of doses": {"dose.regimens": [{"share": 0.5, "grams": 5.0}]},
        "two doses in one": {"dose.regimens": [{"grams": 5.0, "grams_per_kg": 1.0}]},
        "no dose": {"dose.regimens": []},
        "dose without amount": {"dose.regimens": [{"share": 1.0}]},
        "negative dose": {"dose.regimens": [{"grams": -5.0}]},
        "tons": {"dose.regimens": [{"grams": 1e9}]},
        "held and stated": {"unmeasured": {"kind": "binary", "crude": "held"}},
        "unmeasured everybody": {"unmeasured.prevalence": 1.0},
        "odds ratio of 0": {"unmeasured.or_treatment": 0.0},
        "omitted column unknown": {"observation.omit": ["shoe_size"]},
        "omitted column twice": {"observation.omit": ["wbc", "wbc"]},
        "everybody incomplete": {"observation.incomplete_day1": 1.5},
        "hazard of 500": {"course.icu_death.intercept": 500.0},
        "persistence of 2": {"course.persistence": 2.0},
        "decimals of 99": {"patients.labs.lactate.decimals": 99},
        "pack of nothing": {"transfusions.rbc.pack": 0.0},
        "spread of 0": {"supports.rrt.log_sd": 0.0},
        "modifier of a million": {"effect.modifier": {"severe": 1e6}},
    },
    "experiment": {
        "unknown world": {"world.base": "thesos"},
        "world is a path outside": {"world.base": "../../../etc/passwd"},
        "world is long": {"world.base": LONG},
        "world is spaced": {"world.base": SPACED},
        "world has NUL": {"world.base": "a\0.toml"},
        "unknown key of the world": {"world.set": {"treatment.colour": 1}},
        "illegal value of the world": {"world.set": {"treatment.late_share": 7}},
        "text in the world": {"world.set": {"treatment.severity": "strong"}},
        "true in the world": {"world.set": {"treatment.severity": True}},
        "star in the world": {"world.set": {"*": 1}},
        "empty key in the world": {"world.set": {"": 1}},
        "dots in the world": {"world.set": {"..": 1}},
        "list index in the world": {"world.set": {"dose.regimens.7.grams": 1.0}},
        "negative index in the world": {"world.set": {"dose.regimens.-1.grams": 1.0}},
        "parts of a number": {"world.set": {"n.a": 1}},
        "name of the world": {"world.set": {"name": "x"}},
        "vary and cells": {"vary": {"effect.value": [0.8]}},
        "no cell": {"cells": []},
        "cell twice": {"cells": [{"name": "a"}, {"name": "a", "set": {"n": 400}}]},
        "same world twice": {"cells": [{"name": "a"}, {"name": "b"}]},
        "cell without name": {"cells": [{"name": ""}]},
        "cell with escape": {"cells": [{"name": "a\x1b[2Jb"}]},
        "unknown method": {"run.methods": ["psm", "pms"]},
        "long method": {"run.methods": [LONG]},
        "no method": {"run.methods": []},
        "method twice": {"run.methods": ["psm", "psm"]},
        "unknown estimand": {"run.estimands": ["log_or_hospital_deth"]},
        "no estimand": {"run.estimands": []},
        "empty estimand": {"run.estimands": [""]},
        "no replicate": {"run.replicates": 0},
        "billion replicates": {"run.replicates": 10**9},
        "two ends": {"run.until_mcse": {"coverage": 0.01}},
        "negative seed": {"run.seed": -1},
        "no time": {"run.method_seconds": 0.0},
        "unknown reference": {"run.reference": "psmm"},
        "truth of few": {"run.truth_population": 10},
        "claim is no claim": {"accept": {"a": "psm is good"}},
        "claim of an unknown measure": {"accept": {"a": "psm coverages in [0.9, 1]"}},
        "claim of an unknown method": {"accept": {"a": "pms log_or_hospital_death coverage > 0.9"}},
        "claim in reverse": {"accept": {"a": "psm coverage in [0.97, 0.93]"}},
        "claim of nan": {"accept": {"a": "psm coverage > nan"}},
        "claim of infinity": {"accept": {"a": "psm coverage in [-inf, inf]"}},
        "claim of an unknown cell": {"accept": {"a": "psm coverage > 0.9 in cells nowhere"}},
        "claim of an unknown estimand": {"accept": {"a": "psm log_or_moon coverage > 0.9"}},
        "claim is long": {"accept": {"a": LONG}},
        "claim is spaced": {"accept": {"a": SPACED}},
        "claim without name": {"accept": {"": "psm coverage > 0.9"}},
        "claim's name has escapes": {"accept": {"a\x1b[2J": "psm coverage > 0.9"}},
        "figure of an unknown kind": {"figures": [{"kind": "pie"}]},
        "figure without x": {"figures": [{"kind": "curve"}]},
        "figure of a foreign key": {"figures": [{"kind": "zip", "x": "n"}]},
        "figure named outside": {"figures": [{"kind": "zip", "name": "../zip"}]},
        "figure named as a device": {"figures": [{"kind": "zip", "name": "CON"}]},
        "figure with a long name": {"figures": [{"kind": "zip", "name": "a" * 300}]},
        "two figures of one name": {
            "figures": [{"kind": "zip", "name": "a"}, {"kind": "ladder", "name": "a"}]
        },
        "answer of an unknown kind": {"answers": [{"kind": "maybe"}]},
        "band in reverse": {"answers": [{"kind": "verdict", "band": [0.97, 0.93]}]},
        "band of three": {"answers": [{"kind": "verdict", "band": [0.1, 0.2, 0.3]}]},
        "estimand not judged": {"answers": [{"kind": "extremes", "estimand": "log_rr_icu_death"}]},
        "cells that do not exist": {"figures": [{"kind": "zip", "cells": "nowhere"}]},
    },
    "trial": {
        "unknown world": {"world.base": "thesos"},
        "world is long": {"world.base": LONG},
        "world has NUL": {"world.base": "a\0.toml"},
        "unknown key of the world": {"world.set": {"colour": 1}},
        "true in the world": {"world.set": {"treatment.severity": True}},
        "two arms of a name": {"arms": [{"name": "a", "grams": 1.0}, {"name": "a", "grams": 2.0}]},
        "arm called as the control": {"arms": [{"name": "placebo", "grams": 1.0}]},
        "arm of both doses": {"arms": [{"name": "a", "grams": 1.0, "grams_per_kg": 1.0}]},
        "arm without name": {"arms": [{"name": "", "grams": 1.0}]},
        "arm with escape": {"arms": [{"name": "\x1b[2J", "grams": 1.0}]},
        "no arm": {"arms": []},
        "negative dose": {"arms": [{"name": "a", "grams": -5.0}]},
        "tons": {"arms": [{"name": "a", "grams": 1e9}]},
        "ratio of a million": {"arms": [{"name": "a", "grams": 5.0, "ratio": 1e6}]},
        "endpoint unknown": {"endpoint.name": "happiness"},
        "risk of 1": {"endpoint.control_risk": 1.0},
        "risk in percent": {"endpoint.control_risk": 31},
        "horizon without use": {"endpoint.horizon": 28},
        "effect of 0": {"effect.value": 0.0},
        "effect of 1": {"effect.value": 1.0},
        "negative effect": {"effect.value": -0.9},
        "effect beyond all risk": {"effect.value": 9.0},
        "difference in percent": {"effect": {"value": -5, "scale": "risk_difference"}},
        "unknown scale": {"effect.scale": "ratio"},
        "hazard ratio without horizon": {"effect.scale": "hazard_ratio"},
        "effect of an unknown arm": {"effect.arm": "IVIG"},
        "alpha of 5": {"test.alpha": 5},
        "alpha of 0": {"test.alpha": 0.0},
        "power of 90": {"test.power": 90},
        "power below alpha": {"test.power": 0.01},
        "three sides": {"test.sides": 3},
        "no side": {"test.sides": 0},
        "stratum after randomization": {"test.strata": ["icu_days >= 3"]},
        "stratum unreadable": {"test.strata": ["apache2 is high"]},
        "stratum of nan": {"test.strata": ["apache2 >= nan"]},
        "stratum is long": {"test.strata": [LONG]},
        "nobody": {"population": {"where": "age >= 500"}},
        "condition unreadable": {"population": {"where": "apache2 29"}},
        "condition empty": {"population": {"where": ""}},
        "condition spaced": {"population": {"where": SPACED}},
        "hour of 999": {"population": {"hour": 999.0}},
        "looks in reverse": {"looks.information": [1.0, 0.5]},
        "looks in percent": {"looks.information": [50, 100]},
        "looks without end": {"looks.information": [0.5]},
        "look at nothing": {"looks.information": [0.0, 1.0]},
        "no look": {"looks.information": []},
        "looks twice": {"looks.information": [0.5, 0.5, 1.0]},
        "hundred looks": {"looks.information": [i / 1000 for i in range(1, 1001)]},
        "spending unknown": {"looks.spending": "obrien"},
        "loss of all": {"conduct.loss.share": 1.0},
        "negative loss": {"conduct.loss.share": -0.1},
        "loss in percent": {"conduct.loss.share": 2},
        "weights below 1": {"priors": [{"name": "low_risk_of_bias", "weight": 0.5}]},
        "weights beyond 1": {"priors": [{"name": "low_risk_of_bias", "weight": 0.8}] * 2},
        "prior unknown": {"priors": [{"name": "hope", "weight": 1.0}]},
        "prior in reverse": {"priors.0.low": 1.02, "priors.0.high": 0.81},
        "prior outside itself": {"priors.0.estimate": 5.0},
        "prior of a foreign scale": {"priors.0.scale": "metres"},
        "prior half stated": {"priors": [{"name": "new", "weight": 1.0, "estimate": 0.9}]},
        "bias of no file": {
            "priors.2.bias": {
                "performance": "absent.csv",
                "method": "psm",
                "estimand": "log_or_hospital_death_twin",
            }
        },
        "bias of a folder": {"priors.2.bias": {"performance": ".", "method": "psm", "estimand": TWIN}},
        "bias of a long path": {"priors.2.bias": {"performance": LONG, "method": "psm", "estimand": TWIN}},
        "bias of NUL": {"priors.2.bias": {"performance": "a\0", "method": "psm", "estimand": TWIN}},
        "patients of 3": {"n_total": 3},
        "patients by the billion": {"n_total": 10**9},
        "block of 0": {"allocation": {"block": 0}},
        "ICC of patients": {"allocation": {"icc": 0.05}},
        "unit unknown": {"allocation": {"unit": "hospital"}},
        "wedge without steps": {"allocation": {"unit": "stepped_wedge"}},
        "one site": {"sites": {"number": 1}},
        "consent of 30": {"sites": {"consent": 30}},
        "consent of none": {"sites": {"consent": 0.0}},
        "no trial": {"run.trials": 0},
        "pool of ten": {"run.pool": 10},
        "published unknown": {"published": [{"quantity": "joy", "value": 1.0}]},
    },
    "spec": {
        "treatment unknown": {"treatment": "ivig"},
        "treatment long": {"treatment": LONG},
        "treatment as covariate": {"covariates": ["age", "ivigg"]},
        "no outcome": {"outcomes": []},
        "outcome unknown": {"outcomes": ["hospital_deth"]},
        "outcome is a number": {"outcomes": ["age"]},
        "no covariate": {"covariates": []},
        "covariate unknown": {"covariates": ["age", "shoe_size"]},
        "covariate twice": {"covariates": ["age", "age"]},
        "covariate empty": {"covariates": [""]},
        "covariate is an identifier": {"covariates": ["age", "patient_id"]},
        "cluster unknown": {"cluster": "ward"},
        "patient unknown": {"patient": "person"},
        "time without event": {"survival_event": ""},
        "event without time": {"survival_time": ""},
        "event is a number": {"survival_event": "age"},
        "time is text": {"survival_time": "infection_site"},
        "censoring unknown": {"censoring": "never"},
        "censoring on day 0": {"censoring": 0},
        "negative censoring": {"censoring": -3.0},
        "RMST to day 0": {"rmst_horizon": 0.0},
        "negative RMST": {"rmst_horizon": -28.0},
        "negative caliper": {"caliper": -0.2},
        "order unknown": {"order": "alphabetical"},
        "fewest users negative": {"min_adjunct_users": -1},
        "subgroup of an unknown column": {"subgroups.0.column": "shoe_size"},
        "subgroup of a category": {"subgroups.0.column": "infection_site"},
        "subgroup twice": {"subgroups": [{"name": "a", "column": "age", "at_least": 60.0}] * 2},
        "level unknown to the file": {"levels": {"infection_site": ["abdomen"]}},
        "level twice": {"levels": {"infection_site": ["lung", "lung"]}},
        "no level": {"levels": {"infection_site": []}},
        "levels are numbers": {"levels": {"infection_site": [1, 2]}},
        "missing rule of a stranger": {"missing": {"shoe_size": "indicator"}},
        "missing rule unknown": {"missing": {"age": "guess"}},
        "difference of one": {"differences": {"stay": ["icu_days"]}},
        "extends something": {"extends": "thesos"},
    },
}
"""Kind → what is wrong → dotted key → value."""

EXTENDS: dict[str, Any] = {
    "number": 1,
    "true": True,
    "list": ["thesis"],
    "table": {"a": 1},
    "date": Raw("2019-04-01"),
    "fraction": 1.5,
    "nan": float("nan"),
    "empty": "",
    "blank": "  ",
    "unknown": "thesos",
    "capitals": "THESIS",
    "long": LONG,
    "spaced": SPACED,
    "NUL": "a\0b",
    "folder": "..",
    "root": "/",
    "device": "/dev/zero",
    "password file": "../../../../etc/passwd",
    "other suffix": "thesis.txt",
    "markup": "[/x]",
    "escape": "\x1b[31m",
    "surrogate": "\udc80",
}
CYCLES = {
    "by name": "spoilt",
    "by file": "spoilt.toml",
    "with a dot": "./spoilt",
    "with a dot and suffix": "./spoilt.toml",
    "by the folder above": "../{folder}/spoilt",
    "by the folder above with suffix": "../{folder}/spoilt.toml",
    "by the whole path": "{path}",
    "by the whole path without suffix": "{stem}",
    "two slashes": ".//spoilt",
    "through a link": "link",
    "through a link with suffix": "link.toml",
    "through a linked folder": "here/spoilt",
    "through another file": "other",
    "growing": "here/here/here/spoilt",
}


def _with(good: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for dotted, value in changes.items():
        parts = tuple(int(part) if part.isdecimal() else part for part in dotted.split("."))
        for end in range(1, len(parts)):
            try:
                found(good, parts[:end])
            except (KeyError, IndexError):
                good = changed(good, parts[:end], {})
        good = changed(good, parts, value)
    return good


def _cycle(path: Path, base: str) -> None:
    (path.parent / "link.toml").symlink_to(path.name)
    (path.parent / "here").symlink_to(".", target_is_directory=True)
    (path.parent / "other.toml").write_text('extends = "./here/spoilt"\n')
    told = base.format(folder=path.parent.name, path=path, stem=path.with_suffix(""))
    path.write_text(f'extends = "{told}"\n')


def _chain(path: Path) -> None:
    for number in range(2_000):
        (path.parent / f"link{number}.toml").write_text(f'extends = "link{number + 1}"\n')
    (path.parent / "link2000.toml").write_text('extends = "thesis"\n')
    path.write_text('extends = "link0"\n')


def _extends(kind: Kind) -> Iterator[Malformed]:
    for name, base in EXTENDS.items():
        text = f"extends = {_escaped(base)}\n" + (document_text(kind.good) if kind.name == "spec" else "")
        yield kind.text(f"extends {name}", text)
    if kind.name != "scenario":
        return
    for name, base in CYCLES.items():
        yield kind.made(f"cycle {name}", lambda path, base=base: _cycle(path, base))
    yield kind.made("chain of 2000", _chain)


def _escaped(base: Any) -> str:
    return document_text({"x": base}).removeprefix('"x" = ').rstrip("\n")


def _many(kind: Kind) -> Iterator[Malformed]:
    plain = {
        key: value for key, value in kind.good.items() if key not in ("cells", "accept", "figures", "answers")
    }
    million = {"effect.log_hazard_ratio": [i / 1000 for i in range(1000)], "n": list(range(500, 1500))}
    yield kind.case("million cells", plain | {"vary": million})
    yield kind.case("trillion cells", plain | {"vary": million | {"course.drift_sd": list(range(1, 1001))}})
    yield kind.case("50,000 listed cells", plain | {"cells": [{"name": f"c{i}"} for i in range(50_000)]})
    for name, vary in {
        "nothing to vary": {"n": []},
        "number to vary": {"n": 5},
        "text to vary": {"n": "many"},
        "table to vary": {"n": [{"a": 1}]},
        "unknown key to vary": {"colour": ["red"]},
        "nan to vary": {"effect.log_hazard_ratio": [float("nan")]},
        "true to vary": {"treatment.severity": [True, False]},
        "texts to vary": {"treatment.severity": ["0.1", "0.2"]},
        "value twice": {"n": [500, 500]},
        "1e300 to vary": {"effect.log_hazard_ratio": [1e300]},
    }.items():
        yield kind.case(name, plain | {"vary": vary})


def meanings(kind: Kind) -> Iterator[Malformed]:
    """Yield documents that make no sense as a whole."""
    for name, changes in CHANGES[kind.name].items():
        yield kind.case(name, _with(kind.good, changes))
    if kind.name in ("scenario", "spec"):
        yield from _extends(kind)
    if kind.name == "experiment":
        yield from _many(kind)
