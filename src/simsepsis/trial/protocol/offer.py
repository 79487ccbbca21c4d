"""What a study offers its trials: outcomes, columns, comparisons and words, from its files alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from simsepsis.documents import is_file, read_toml, sentence
from simsepsis.errors import UsageError
from simsepsis.study.published import Study, opened_before
from simsepsis.words import literal
from simsepsis.words.labels import Wording, is_death
from simsepsis.world.section import Section

FILE = "trial.toml"
"""File of a study that says what its other files do not; it may be absent."""


class Phrase(NamedTuple):
    """The same words in both languages."""

    en: str
    ja: str


class Text(Section):
    """Words in English, and in Japanese where they differ."""

    en: str
    ja: str = ""

    @property
    def phrase(self) -> Phrase:
        """The words in both languages."""
        return Phrase(self.en, self.ja or self.en)


class Outcome(Text):
    """An outcome that a trial may have; in its words ``{horizon}`` is its day."""

    name: str
    kind: Literal["event", "time", "free_days", "win_ratio"] = "event"
    """Whether it happens; when patients die; days without organ support, a death being 0; deaths by day, then
    these days, compared pair by pair."""
    day: int | None = None
    """Day from randomization by which it counts; absent: to the end of the stay."""
    after: str = ""
    """Of what is compared by ranks: the event that effects on scales of risks are about."""
    label: str
    short: str = ""
    risk: Text | None = None
    """How its risk is called."""

    @model_validator(mode="after")
    def _fillable(self) -> Self:
        risk = self.risk or self
        for text in (self.label, self.short, self.en, self.ja, risk.en, risk.ja):
            try:
                text.format(horizon=self.day)
            except (LookupError, ValueError):
                raise ValueError(
                    f"{text!r} has other braces than those of {{horizon}}; double them, or leave them out"
                ) from None
        return self

    @property
    def binary(self) -> bool:
        """Whether patients either have the event or not."""
        return self.kind == "event"

    @property
    def rank_scale(self) -> str | None:
        """Scale of what is compared by ranks, beside those of risks."""
        return {"free_days": "probability_index", "win_ratio": "win_ratio"}.get(self.kind)

    @property
    def days(self) -> float:
        """Days from randomization by which it counts; inf to the end of the stay."""
        return float("inf") if self.day is None else float(self.day)

    @property
    def heading(self) -> str:
        """Its name in tables."""
        return self.label.format(horizon=self.day)

    @property
    def mark(self) -> str:
        """Its name in figures."""
        return (self.short or self.label).format(horizon=self.day)


class Part(Section):
    """A part of the patients that a trial could be restricted to."""

    where: str
    label: str


class Doses(Section):
    """Doses that are compared where the world has a dose–response."""

    key: str
    unit: str
    values: tuple[float, ...]


SITES = Phrase("site", "施設")
"""What recruits, where a study has no word of its own for it."""


class Offer(Section):
    """What the trials of a study may be about. What its files do not say follows from its other files."""

    horizon: int
    """Day to which patients are followed, unless an outcome has its own."""
    patients: Text
    """Who is screened."""
    treatment: Text
    """What controls must not get."""
    site: Text = Text(en=SITES.en, ja=SITES.ja)
    """What recruits; the plural takes an s."""
    time_zero: Text = Text(en="when they are found eligible", ja="適格と判定された時点")
    """When patients are randomized, or enrolled."""
    calibration: Text
    """What the world rests on."""
    plan: dict[str, Any]
    """What a plan says where its file does not."""
    usual: dict[str, Any] = Field(default_factory=dict)
    """Open-label treatment, unless a plan says another."""
    practice: float | None = None
    """Share of patients who get the treatment where there is no trial."""
    known: dict[str, tuple[str, ...]]
    """Column that is known before randomization → its levels, none for a number."""
    columns: dict[str, Text]
    """The same columns in words."""
    outcomes: dict[str, Outcome]
    doses: Doses | None = None
    populations: dict[str, Part]
    modifiers: tuple[str, ...] = ()
    """Keys of ``effect.modifier`` in the study's scenarios that an enrichment map changes."""
    modified: str = ""
    """In whom they make treatment do more."""


def offer_of(study: str) -> Offer:
    """Return what a study offers its trials, as it was when `open_study` last looked at its files."""
    return _offer(opened_before(study))


@lru_cache
def _offer(found: Study) -> Offer:
    path = found.folder / FILE
    said = read_toml(path, UsageError) if is_file(path) else {}
    told = _derived(found)
    told |= {key: value for key, value in said.items() if key not in ("columns", "outcomes")}
    told["columns"] |= said.get("columns", {})
    told["known"] |= {name: () for name in said.get("columns", {}) if name not in told["known"]}
    if "outcomes" in said:
        told["outcomes"] = said["outcomes"]
    told["outcomes"] = dict(_dated(told["outcomes"], told["horizon"]))
    try:
        return Offer.model_validate(told)
    except ValidationError as error:
        raise UsageError(f"{path}: {sentence(error, Offer)}") from error


def _dated(outcomes: dict[str, Any], horizon: int) -> Iterator[tuple[str, Any]]:
    for name, outcome in outcomes.items():
        fixed = {} if outcome.get("kind", "event") == "event" else {"day": horizon}
        yield name, {"name": name, **fixed, **outcome}


def _derived(study: Study) -> dict[str, Any]:
    """Return what follows from a study's dictionary and analysis."""
    spec, words = study.spec, _words(study)
    known = {name: study.variables[name].level_names for name in study.variables.of("covariate")}
    parts = {
        one.name: {
            "where": f"{one.column} >= {one.at_least:g}",
            "label": one.label or f"{words.row(one.column)} ≥ {one.at_least:g}",
        }
        for one in spec.subgroups
        if one.at_least is not None and one.column in known
    }
    factors = [*(["icu"] if spec.cluster else []), *(part["where"] for part in list(parts.values())[:1])]
    numbers = [name for name in spec.covariates if study.variables[name].kind == "number"]
    marked = [one.column for one in spec.subgroups if one.column in numbers]
    chosen = dict.fromkeys([*marked[:1], *(["age"] if "age" in numbers else numbers[:1])])
    return {
        "horizon": round(spec.rmst_horizon),
        "patients": {"en": "patients", "ja": "患者"},
        "treatment": {"en": literal(words.said(spec.treatment)), "ja": literal(words.row(spec.treatment))},
        "calibration": {
            "en": f"Simulated from a world of “{study.title}”; what the plan changes in it is an input, not "
            "an estimate.",
            "ja": f"本計画のシミュレーションは「{study.title}」の世界に基づく。"
            "計画で変更した値は入力した仮定であり、推定値ではない。",
        },
        "plan": {"allocation": {"factors": factors}, "test": {"strata": factors, "covariates": list(chosen)}},
        "known": known,
        "columns": {name: {"en": words.said(name), "ja": words.row(name)} for name in known},
        "outcomes": dict(_outcomes(study)),
        "populations": parts,
    }


def _words(study: Study) -> Wording:
    """Return the words for a study's columns, those of its analysis first."""
    return replace(study.wording, own=study.spec.labels)


def _as_noun(words: Wording, name: str) -> str:
    """Return an outcome as a sentence has it: a column that says who died as death, another in quotes."""
    said = words.said(name)
    if said.lower() != name.lower():
        return literal(said)
    return "death" if is_death(said) else f"“{literal(said)}”"


def _outcomes(study: Study) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the outcomes of a study's analysis, and the time to its event."""
    spec, words, horizon = study.spec, _words(study), round(study.spec.rmst_horizon)
    for name in spec.outcomes:
        said, label = _as_noun(words, name), literal(words.row(name))
        dated = name == spec.survival_event and spec.censoring == "administrative"
        yield (
            name,
            {
                "label": label,
                "en": said,
                "ja": label,
                "day": horizon if dated else None,
                "risk": {"en": f"the risk of {said}", "ja": f"{label}の割合"},
            },
        )
    if spec.survival_event and spec.time_unit == "days":
        label = words.row(spec.survival_event)
        said = "death" if is_death(label) else _as_noun(words, spec.survival_event)
        yield (
            "time_to_death" if is_death(label) else "time_to_event",
            {
                "kind": "time",
                "label": f"Time to {said}, censored at day {{horizon}}",
                "short": f"Time to {said}",
                "en": f"time to {said}, all patients being censored at day {{horizon}}",
                "ja": f"{literal(label)}までの期間（全例をランダム化後{{horizon}}日で打ち切り）",
                "risk": {
                    "en": f"the risk of {said} by day {{horizon}}",
                    "ja": f"{{horizon}}日までの{literal(label)}の割合",
                },
            },
        )
