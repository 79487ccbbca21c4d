"""The sample-size statement of a protocol, in English and Japanese, after DELTA2.

References
----------
Cook JA, Julious SA, Sones W, et al. DELTA2 guidance on choosing the target difference and undertaking and
reporting the sample size calculation for a randomised controlled trial. BMJ 2018;363:k3750.
"""

from __future__ import annotations

from typing import NamedTuple

from simsepsis.show.pages.trial.facts import Facts
from simsepsis.show.trial_words import (
    FORMULAS,
    MULTIPLICITY,
    SCALES,
    SIDES,
    SPENDING,
    TESTS,
    UNITS,
    words_of,
)
from simsepsis.trial.planning.record import TrialPlan
from simsepsis.trial.protocol.offer import Phrase
from simsepsis.trial.sizing import Assumptions
from simsepsis.words import literal


class Clause(NamedTuple):
    """A sentence with places for facts, and what has to hold for it to be said."""

    holds: str
    en: str
    ja: str


PARAGRAPH = Clause("always", "", "")
"""Between the clauses of two paragraphs."""

CLAUSES = (
    Clause(
        "always",
        "The primary outcome is {endpoint}. It is compared between patients assigned to {treatment} "
        "(treatment group) and to {control} (control group), all analysed as randomized, by {test} at a "
        "{sides} significance level of {alpha}.",
        "主要評価項目は{endpoint}とする。{treatment_ja}に割り付けられた試験治療群と{control_ja}に割り付けられた対照群を、"
        "割付けどおりの全例（intention-to-treat集団）において{test}により比較し、有意水準は{sides}{alpha}とする。",
    ),
    Clause(
        "risk_worded",
        "In the control group we assume that {risk} will be {p_control} ({control_risk}).",
        "対照群の{risk}は{p_control}と仮定した（{control_risk}）。",
    ),
    Clause(
        "risk_given",
        "In the control group we assume that {risk} will be {p_control}.",
        "対照群の{risk}は{p_control}と仮定した。",
    ),
    Clause(
        "risk_simulated",
        "In the control group we assume that {risk} will be {p_control}, as in eligible patients of the "
        "simulated cohort (Monte Carlo standard error {p_control_mcse}).",
        "対照群の{risk}は、シミュレーションコホートの適格患者における値に基づき{p_control}と仮定した"
        "（モンテカルロ標準誤差{p_control_mcse}）。",
    ),
    Clause(
        "always",
        "The target difference is a {scale} of {effect} in patients who are treated as assigned. It lowers "
        "{risk} from {p_control} to {p_treated}: an absolute reduction of {rd} percentage points and a "
        "relative reduction of {rrr}.",
        "検出すべき差（target difference）は、割付けどおりに治療を受けた患者における{scale}{effect}とした。"
        "これは{risk}の{p_control}から{p_treated}への低下、すなわち絶対差{rd}ポイント、"
        "相対リスク減少{rrr}に相当する。",
    ),
    Clause("rationale", "{rationale}", "{rationale}"),
    Clause(
        "ranked",
        "On the primary outcome the target difference is a {rank_scale} of {rank_effect} between the groups "
        "as randomized, found in the simulated cohort.",
        "この検出すべき差は、主要評価項目においては、シミュレーションコホートで求めた、割付けどおりの群間における"
        "{rank_scale}{rank_effect}に相当する。",
    ),
    PARAGRAPH,
    Clause(
        "several",
        "Each of the {comparisons} treatment groups ({arms}) is compared with the control group, all "
        "comparisons together at the level above by {multiplicity}. The effect above is that of {arm}; the "
        "number of patients is that of a single comparison at a level of {alpha_one_comparison}.",
        "{comparisons}つの試験治療群（{arms_ja}）をそれぞれ対照群と比較し、全比較を通じた有意水準を{multiplicity}により"
        "上記の値に保つ。上記の効果は{arm}群のものであり、症例数は1比較当たりの有意水準を{alpha_one_comparison}として"
        "算出した。",
    ),
    Clause(
        "diluted",
        "We expect that {departures}. Analysed as randomized, the difference then is {rd_itt} percentage "
        "points ({p_control_itt} against {p_treated_itt}; risk ratio {rr_itt}).",
        "{departures}と見込むと、割付けどおりに解析した場合の差は{rd_itt}ポイント"
        "（{p_control_itt}対{p_treated_itt}、リスク比{rr_itt}）に縮小する。",
    ),
    Clause(
        "always",
        "By {formula} ({reference}), a single analysis of {n_fixed} patients with a known outcome has a "
        "power of {power_target}.",
        "{formula}（{reference}）を用いると、中間解析を行わない場合に検出力{power_target}を得るには、"
        "転帰の判明した患者が{n_fixed}例必要である。",
    ),
    Clause(
        "clustered",
        "{unit}. With an intracluster correlation of {icc}, a cluster autocorrelation of {cac} and "
        "{cluster_size} patients per ICU and period in {clusters} ICUs, the design effect is "
        "{design_effect}, and {n_clustered} patients are needed.",
        "{unit}。級内相関係数を{icc}、期間間の相関の比（cluster autocorrelation）を{cac}とし、"
        "{clusters}施設のICUで各期{cluster_size}例とすると、デザイン効果は{design_effect}となり、"
        "{n_clustered}例が必要となる。",
    ),
    Clause(
        "weighted_icus",
        "It includes ICUs of unequal size, weighted by their patients (coefficient of variation {size_cv}), "
        "and a t test on {clusters_df} degrees of freedom.",
        "このデザイン効果には、ICUの規模の不均一（患者数による重み付け、変動係数{size_cv}）と自由度"
        "{clusters_df}のt検定を考慮した。",
    ),
    Clause(
        "alike_icus",
        "It includes that every ICU counts alike whatever its size, which takes {size_inverse} times the "
        "patients of ICUs of one size, and a t test on {clusters_df} degrees of freedom.",
        "このデザイン効果には、規模にかかわらず各ICUを等しく扱うこと（規模が同じ場合の{size_inverse}倍の患者を"
        "要する）と自由度{clusters_df}のt検定を考慮した。",
    ),
    Clause(
        "individual",
        "Patients are randomized one by one within ICUs, so that no design effect applies.",
        "ランダム化は各ICU内で患者ごとに行うため、クラスターによるデザイン効果は見込まない。",
    ),
    Clause(
        "looks",
        "{interims} planned before the final one, when the outcomes of {fractions} of the patients are "
        "known. The trial stops early for efficacy by {spending}.",
        "最終解析の前に、予定した患者の{fractions_ja}の転帰が判明した時点で計{interims_ja}回の中間解析を行い、"
        "{spending}に基づいて有効中止を判断する。",
    ),
    Clause(
        "futility_spent",
        "Futility boundaries, which are {binding}, spend the type II error by the Hwang–Shih–DeCani function "
        "with γ = {gamma}.",
        "無益性中止の境界（{binding}）には、第二種の過誤に対するHwang–Shih–DeCani消費関数（γ = "
        "{gamma}）を用いる。",
    ),
    Clause(
        "looks",
        "With these looks, {n_needed} patients with a known outcome are needed (inflation factor "
        "{inflation}).",
        "以上の中間解析を考慮すると、転帰の判明した患者は{n_needed}例必要となる（膨張係数{inflation}）。",
    ),
    Clause(
        "sparse",
        "Strata in which only one group has patients tell nothing: with this many strata the analysis takes "
        "{sparse} times the patients.",
        "片方の群の患者しかいない層は比較に寄与しないため、これだけの層を用いる解析には{sparse}倍の症例数を要する。",
    ),
    Clause(
        "solved_loss",
        "Allowing for {loss} of patients whose outcome will remain unknown, {n_randomized} patients will be "
        "randomized: {arm_sizes}.",
        "転帰が不明となる患者を{loss}と見込み、計{n_randomized}例（{arm_sizes_ja}）をランダム化する。",
    ),
    Clause(
        "solved_whole",
        "In all, {n_randomized} patients will be randomized: {arm_sizes}.",
        "以上より、計{n_randomized}例（{arm_sizes_ja}）をランダム化する。",
    ),
    Clause(
        "stated",
        "The trial randomizes {n_randomized} patients ({arm_sizes}), of whom {n_known} are expected to have "
        "a known outcome.",
        "本試験では{n_randomized}例（{arm_sizes_ja}）をランダム化し、"
        "うち{n_known}例で転帰が判明すると見込む。",
    ),
    Clause(
        "enlarged",
        "This is more than the {n_formula} of the formula, which had a power of {power_formula} in simulated "
        "trials.",
        "これは計算式による{n_formula}例を上回る。{n_formula}例では、シミュレーションによる検出力が{power_formula}に"
        "とどまったためである。",
    ),
    PARAGRAPH,
    Clause(
        "always",
        "The power of these whole numbers, computed anew, is {power}.",
        "この整数化した症例数について改めて計算した検出力は{power}である。",
    ),
    Clause(
        "gains",
        "That is the power of the unadjusted test. The planned analysis leaves {variance_left} of the "
        "variance, because the outcome varies with {prognostic}; with it the same patients have a power of "
        "{power_analysis} by formula. The number of patients does not count on this gain.",
        "これは調整しない検定の検出力である。転帰が{prognostic}によって異なるため、予定した解析では分散が"
        "{variance_left}に減少し、同じ症例数での計算上の検出力は{power_analysis}となる。この利得は症例数には"
        "見込んでいない。",
    ),
    Clause(
        "simulated",
        "In {trials} simulated trials of patients drawn from the calibrated cohort, under the same "
        "assumptions, the planned analysis had a power of {rejection_planned}; with no "
        "effect at all, the trial claimed a benefit in {claimed_null} (Monte Carlo standard errors in "
        "brackets, in percentage points).",
        "較正したコホートから患者を抽出し、同じ仮定の下で行った{trials}回の"
        "試験シミュレーションでは、予定した解析の検出力は{rejection_planned}、効果が全くない場合に有効と"
        "判定される割合は{claimed_null}であった（括弧内はモンテカルロ標準誤差、単位はパーセントポイント）。",
    ),
    Clause(
        "checked",
        "The unadjusted test, for patients randomized without strata as the formula has them, had "
        "{power_unadjusted} in simulated trials of the same size.",
        "同じ症例数で、計算式の前提どおり層を設けずにランダム化し、調整しない検定を行った場合の"
        "シミュレーションによる検出力は{power_unadjusted}であった。",
    ),
    Clause(
        "always",
        "With {icus} ICUs that each screen {screened_rate} {patients} a month, {eligible_share} of them "
        "eligible and {consent} of these randomized, accrual takes {months} months.",
        "{icus}施設のICUで1施設当たり月{screened_rate}例の{patients_ja}がスクリーニングを受け、その"
        "{eligible_share}が適格、適格例の{consent}がランダム化されるとすると、登録期間は{months}か月となる。",
    ),
    Clause(
        "always",
        "Computed with {version}, seed {seed}.",
        "計算には{version}を用いた（乱数シード{seed}）。",
    ),
)


def statement(plan: TrialPlan, facts: Facts, *, ja: bool = False) -> tuple[str, ...]:
    """Return the paragraphs of the sample-size statement of a protocol."""
    holding = conditions_of(plan)
    filled = _texts(plan, facts) | _phrases(plan, facts, ja)
    paragraphs: list[list[str]] = [[]]
    for clause in CLAUSES:
        if clause is PARAGRAPH:
            paragraphs.append([])
        elif clause.holds in holding:
            paragraphs[-1].append((clause.ja if ja else clause.en).format_map(filled))
    return tuple(("" if ja else " ").join(sentences) for sentences in paragraphs)


def _texts(plan: TrialPlan, facts: Facts) -> dict[str, str]:
    return {name: fact.text for name, fact in facts.items()} | words_of(plan.protocol.offer)


def conditions_of(plan: TrialPlan) -> set[str]:
    """Return what holds of a plan, by the names that clauses have for it."""
    given, protocol = plan.size.assumptions, plan.protocol
    worded, lost, solved = bool(protocol.words.control_risk), given.loss > 0, protocol.stated_total is None
    held = {
        "always": True,
        "ranked": protocol.outcome.rank_scale is not None,
        "risk_worded": worded,
        "risk_given": plan.screened.given and not worded,
        "risk_simulated": not plan.screened.given and not worded,
        "rationale": bool(protocol.words.rationale),
        "several": len(protocol.arms) > 1,
        "diluted": given.nonadherence > 0 or given.contamination > 0,
        "clustered": given.clusters is not None,
        "weighted_icus": given.clusters is not None and given.clusters.cv > 0,
        "alike_icus": given.clusters is not None and given.clusters.inverse > 1,
        "individual": given.clusters is None,
        "looks": len(given.looks) > 1,
        "futility_spent": given.futility is not None and given.futility.spending == "hsd",
        "solved": solved,
        "solved_loss": solved and lost,
        "solved_whole": solved and not lost,
        "stated": not solved,
        "simulated": plan.simulated_trials > 0,
        "enlarged": "tried" in plan.tables and len(plan.tables["tried"]) > 1,
        "gains": plan.screened.precision.left(plan.size.n_analysed) < 1.0,
        "sparse": given.sparse > 1.0,
        "checked": "analyses" in plan.tables and protocol.test.analysis != "unadjusted",
    }
    return {name for name, holds in held.items() if holds}


def test_phrase(plan: TrialPlan) -> Phrase:
    """Return the primary analysis in words, with places for strata and covariates."""
    outcome, test = plan.protocol.outcome, plan.size.assumptions.test
    ranked = "win_ratio" if outcome.kind == "win_ratio" else "ranks"
    return TESTS[plan.protocol.test.analysis, ranked if outcome.rank_scale else test]


def risk_phrase(plan: TrialPlan) -> Phrase:
    """Return how the risk is called that effects are about, with a place for its day."""
    risk = plan.protocol.risk
    return (risk.risk or risk).phrase


def _phrases(plan: TrialPlan, facts: Facts, ja: bool) -> dict[str, str]:
    """Return the words that the clauses take beside numbers."""
    protocol, given = plan.protocol, plan.size.assumptions
    own, futility = protocol.words, given.futility
    adjusted = protocol.test.analysis == "adjusted"
    phrases: dict[str, Phrase] = {
        "prognostic": Phrase("{covariates}", "{covariates_ja}")
        if adjusted
        else Phrase("{strata}", "{strata_ja}"),
        "endpoint": protocol.outcome.phrase,
        "risk": risk_phrase(plan),
        "scale": SCALES[protocol.planned.name],
        "rank_scale": SCALES[protocol.outcome.rank_scale or protocol.planned.name],
        "sides": SIDES[protocol.test.sides],
        "test": test_phrase(plan),
        "formula": FORMULAS[given.formula],
        "departures": _departures(given),
        "multiplicity": MULTIPLICITY[protocol.test.multiplicity],
        "spending": SPENDING[protocol.looks.spending],
        "unit": UNITS[given.randomization],
        "binding": Phrase("binding", "拘束的")
        if futility is not None and futility.binding
        else Phrase("non-binding", "非拘束的"),
        "control_risk": _own(own.control_risk, own.control_risk_ja),
        "rationale": _own(own.rationale, own.rationale_ja),
    }
    texts = _texts(plan, facts)
    return {name: phrase[ja].format_map(texts) for name, phrase in phrases.items()}


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
