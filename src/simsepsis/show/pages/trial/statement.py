"""The sample-size statement of a protocol, in English and Japanese, after DELTA2.

References
----------
Cook JA, Julious SA, Sones W, et al. DELTA2 guidance on choosing the target difference and undertaking and
reporting the sample size calculation for a randomised controlled trial. BMJ 2018;363:k3750.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from simsepsis.show.pages.trial.facts import FEASIBLE_MONTHS, SURE, Facts, consent_needed, patients_error
from simsepsis.show.pages.trial.statement_clauses import CLAUSES, PARAGRAPH, Clause
from simsepsis.show.trial_words import (
    ASSIGNED,
    BASES,
    BINDING,
    ENROLMENT,
    FORMULAS,
    FUTILITY_SPENDING,
    HYPOTHESES,
    ICC_SOURCES,
    MULTIPLICITY,
    POWER_KINDS,
    RATIO_REASONS,
    REMEDIES,
    SCALES,
    SIDES,
    SPENDING,
    TESTS,
    UNDER_NULL,
    UNITS,
    words_of,
)
from simsepsis.trial.effect import RISK_SCALES
from simsepsis.trial.planning.compute import TrialPlan
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.protocol.offer import Phrase
from simsepsis.trial.sizing.assumptions import Assumptions
from simsepsis.words import literal


class Words(dict[str, str]):
    """Texts by their places, and phrases that take other texts, filled when a clause asks for them."""

    def __init__(self, texts: dict[str, str], phrases: dict[str, Phrase], *, ja: bool = False) -> None:
        super().__init__(texts)
        self.phrases, self.ja = phrases, ja

    def __missing__(self, name: str) -> str:
        """Return a phrase in the language."""
        return self.phrases[name][self.ja].format_map(self)


def statement(plan: TrialPlan, facts: Facts, *, ja: bool = False) -> tuple[str, ...]:
    """Return the paragraphs of the sample-size statement of a protocol."""
    paragraphs: list[list[str]] = [[]]
    for clause, text in sentences(plan, facts, ja=ja):
        if clause is PARAGRAPH:
            paragraphs.append([])
        else:
            paragraphs[-1].append(text)
    return tuple(("" if ja else " ").join(told) for told in paragraphs)


def sentences(plan: TrialPlan, facts: Facts, *, ja: bool = False) -> Iterator[tuple[Clause, str]]:
    """Yield the clauses that hold of a plan, filled."""
    holding = conditions_of(plan)
    filled = Words(_texts(plan, facts), statement_phrases(plan), ja=ja)
    for clause in CLAUSES:
        if clause.holds in holding:
            yield clause, (clause.ja if ja else clause.en).format_map(filled)


def _texts(plan: TrialPlan, facts: Facts) -> dict[str, str]:
    return {name: fact.text for name, fact in facts.items()} | words_of(plan.protocol.offer)


def conditions_of(plan: TrialPlan) -> set[str]:
    """Return what holds of a plan, by the names that clauses have for it."""
    given, protocol = plan.size.assumptions, plan.protocol
    worded, lost, solved = bool(protocol.words.control_risk), given.loss > 0, protocol.stated_total is None
    rule, futility = protocol.looks.futility, given.futility
    stated = rule is not None and rule.z is not None
    by_power = rule is not None and (rule.conditional_power or rule.predictive_power) is not None
    given_risk = protocol.endpoint.control_risk is not None
    of_deaths = protocol.effect.margin is None and not protocol.support_alone
    held = {
        "always": True,
        "ranked": protocol.outcome.rank_scale is not None,
        "parallel": given.clusters is None,
        "superiority": of_deaths,
        "support_alone": protocol.support_alone,
        "noninferiority": protocol.effect.margin is not None,
        "risk_worded": worded,
        "risk_given": given_risk and not worded,
        "risk_simulated": not given_risk and not worded,
        "estimated_otherwise": protocol.scale != given.effect.name and protocol.scale in RISK_SCALES,
        "support": protocol.effect.support_hazard_ratio != 1.0 and not protocol.support_alone,
        "discharge": protocol.effect.discharge_hazard_ratio != 1.0,
        "based": bool(protocol.words.basis),
        "baseless": not (protocol.words.basis and protocol.words.rationale),
        "averaged": round(given.averaging, 2) != 1.0,
        "periods": given.clusters is not None and given.clusters.periods > 1,
        "detects": of_deaths and not math.isnan(plan.detectable),
        "detects_none": of_deaths and math.isnan(plan.detectable),
        "slow": plan.pace["months_accrual"].iloc[0] > FEASIBLE_MONTHS,
        "rationale": bool(protocol.words.rationale),
        "several": len(protocol.arms) > 1,
        "diluted": given.nonadherence > 0 or given.contamination > 0,
        "clustered": given.clusters is not None,
        "weighted_icus": given.clusters is not None and given.clusters.cv > 0,
        "alike_icus": given.clusters is not None and given.clusters.inverse > 1,
        "individual": given.clusters is None,
        "looks": given.boundaries is not None,
        "futility_spent": futility is not None and not stated and not by_power,
        "futility_stated": futility is not None and stated,
        "futility_by_power": futility is not None and by_power,
        "no_futility": given.boundaries is not None and futility is None,
        "solved": solved,
        "solved_loss": solved and lost,
        "solved_whole": solved and not lost,
        "stated": not solved,
        "simulated": plan.simulated_trials > 0,
        "enlarged": "tried" in plan.tables and len(plan.tables["tried"]) > 1,
        "gains": plan.screened.precision.left(plan.size.n_analysed) < 1.0,
        "unsure": not patients_error(plan) <= SURE,
        "sparse": given.sparse > 1.0,
        "checked": "analyses" in plan.tables and protocol.test.analysis != "unadjusted",
    }
    return {name for name, holds in held.items() if holds}


def test_phrase(plan: TrialPlan) -> Phrase:
    """Return the primary analysis in words, with places for strata and covariates."""
    outcome, test = plan.protocol.outcome, plan.size.assumptions.test
    if plan.protocol.margin is not None:
        test = "noninferiority"
    ranked = "win_ratio" if outcome.kind == "win_ratio" else "ranks"
    return TESTS[plan.protocol.test.analysis, ranked if outcome.rank_scale else test]


def risk_phrase(plan: TrialPlan) -> Phrase:
    """Return how the risk is called that effects are about, with a place for its day."""
    risk = plan.protocol.risk
    return (risk.risk or risk).phrase


def statement_phrases(plan: TrialPlan) -> dict[str, Phrase]:
    """Return the words that the clauses take beside numbers."""
    protocol, given = plan.protocol, plan.size.assumptions
    own, clusters, rule = protocol.words, given.clusters, protocol.looks.futility
    futility = given.futility
    adjusted = protocol.test.analysis == "adjusted"
    harm = protocol.effect.aim == "harm"
    return {
        "prognostic": Phrase("{covariates}", "{covariates_ja}")
        if adjusted
        else Phrase("{strata}", "{strata_ja}"),
        "endpoint": protocol.outcome.phrase,
        "risk": risk_phrase(plan),
        "event": risk_event(plan),
        "scale": _with_article(SCALES[protocol.planned.name]),
        "margin_scale": SCALES[protocol.planned.name],
        "estimate_scale": _with_article(SCALES[protocol.scale]),
        "rank_scale": SCALES[protocol.outcome.rank_scale or protocol.planned.name],
        "sides": SIDES[protocol.test.sides],
        "test": test_phrase(plan),
        "formula": FORMULAS[given.formula],
        "departures": _departures(given),
        "multiplicity": MULTIPLICITY[protocol.test.multiplicity],
        "spending": SPENDING[protocol.looks.spending],
        "futility_spending": FUTILITY_SPENDING[_futility_rule(given)],
        "unit": UNITS[given.randomization],
        "power_kind": POWER_KINDS[rule is None or rule.predictive_power is None],
        "z_sign": Phrase("z", "z") if protocol.test.sides == 1 else Phrase("|z|", "|z|"),
        "binding": BINDING[futility is not None and futility.binding],
        "control_risk": _own(own.control_risk, own.control_risk_ja),
        "rationale": _own(own.rationale, own.rationale_ja),
        "hypothesis": HYPOTHESES[protocol.effect.margin is not None],
        "assigned": ASSIGNED[clusters is not None],
        "or_assigned": Phrase("to", ASSIGNED[False].ja) if clusters is None else ASSIGNED[True],
        "lowers": Phrase("raises", "") if harm else Phrase("lowers", ""),
        "reduction": Phrase("increase", "上昇") if harm else Phrase("reduction", "低下"),
        "a_change": Phrase("a rise", "上昇") if harm else Phrase("a fall", "低下"),
        "claim": _claim(protocol),
        "under_null": UNDER_NULL[protocol.effect.margin is not None],
        "basis": BASES[own.basis or "important"],
        "missing_basis": _missing_basis(protocol),
        "ratio_reason": _ratio_reason(protocol),
        "of_whom": Phrase(", {deaths_fixed} of them with {event},", "（うち{event}{deaths_fixed}例）")
        if given.test == "log_rank"
        else Phrase("", ""),
        "icc_source": _icc_source(protocol),
        "with_cac": _cac(protocol),
        "enrolment": ENROLMENT[clusters is not None],
        "remedy": REMEDIES[(protocol.allocation.clustered, consent_needed(plan) <= 1.0)],
    }


def _with_article(scale: Phrase) -> Phrase:
    return Phrase(f"{'an' if scale.en[0] in 'aeiou' else 'a'} {scale.en}", scale.ja)


def _futility_rule(given: Assumptions) -> str:
    rule = "" if given.futility is None else given.futility.spending
    return rule if isinstance(rule, str) and rule in FUTILITY_SPENDING else "hsd"


def _claim(protocol: TrialProtocol) -> Phrase:
    if protocol.effect.margin is not None:
        return Phrase("non-inferiority", "非劣性")
    return Phrase("harm", "有害") if protocol.effect.aim == "harm" else Phrase("a benefit", "有効")


def _missing_basis(protocol: TrialProtocol) -> Phrase:
    """Return what DELTA2 asks of a target difference and the protocol does not say."""
    told = []
    if not protocol.words.basis:
        told.append(
            Phrase("whether this difference is important or realistic", "この差が重要なものか現実的なものか")
        )
    if not protocol.words.rationale:
        told.append(Phrase("where it is from", "その根拠"))
    return Phrase(", nor ".join(one.en for one in told), "、また".join(one.ja for one in told))


def _ratio_reason(protocol: TrialProtocol) -> Phrase:
    if protocol.words.ratio_reason:
        return _own(protocol.words.ratio_reason, protocol.words.ratio_reason_ja)
    equal = all(arm.ratio == 1.0 for arm in protocol.arms)
    return RATIO_REASONS["equal" if equal and len(protocol.arms) == 1 else "several" if equal else "unstated"]


def _icc_source(protocol: TrialProtocol) -> Phrase:
    if protocol.words.icc:
        return _own(protocol.words.icc, protocol.words.icc_ja)
    return ICC_SOURCES["simulated" if protocol.allocation.icc is None else "unstated"]


def _cac(protocol: TrialProtocol) -> Phrase:
    if protocol.allocation.unit == "parallel_cluster":
        return Phrase("", "")
    own = protocol.words
    source = _own(own.cac, own.cac_ja) if own.cac else ICC_SOURCES["unstated"]
    return Phrase(
        f", a cluster autocorrelation of {{cac}} ({source.en})",
        f"、期間間の相関の比（cluster autocorrelation）を{{cac}}（{source.ja}）",
    )


def risk_event(plan: TrialPlan) -> Phrase:
    """Return how the event is called that the risk is about."""
    outcome = plan.protocol.risk
    if outcome.kind == "event":
        return outcome.phrase
    if plan.protocol.endpoint.name == "time_to_death":
        return Phrase("death by day {horizon}", "{horizon}日までの死亡")
    return Phrase("the event by day {horizon}", "{horizon}日までのイベント")


def _own(text: str, text_ja: str) -> Phrase:
    """Return the protocol's own words, braces and all."""
    return Phrase(literal(text), literal(text_ja or text))


def _departures(given: Assumptions) -> Phrase:
    """Return what patients of the two groups are expected to do otherwise than assigned."""
    both = given.nonadherence > 0 and given.contamination > 0
    treated = Phrase(
        "{nonadherence} of the treatment group will not receive the treatment",
        "試験治療群の{nonadherence}が割り付けられた治療を" + ("受けず" if both else "受けない"),
    )
    control = Phrase(
        "{contamination} of the control group will receive {outside} outside the protocol",
        "対照群の{contamination}がプロトコル外で{outside_ja}を受ける",
    )
    if both:
        return Phrase(f"{treated.en} and that {control.en}", f"{treated.ja}、{control.ja}")
    return treated if given.nonadherence > 0 else control
