"""A plan in short: its sentences, and its estimand after ICH E9(R1)."""

from __future__ import annotations

from simsepsis.show.pages.trial.companion_tables import replay_sentences
from simsepsis.show.pages.trial.facts import Facts
from simsepsis.show.pages.trial.statement import (
    Words,
    conditions_of,
    risk_phrase,
    statement_phrases,
    test_phrase,
)
from simsepsis.show.table import Table
from simsepsis.show.trial_words import SCALES, in_words, words_of
from simsepsis.trial.planning.compute import TrialPlan
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.protocol.condition import EVERYBODY
from simsepsis.trial.protocol.offer import Phrase
from simsepsis.trial.protocol.other_designs import VARIANTS
from simsepsis.words import literal

SENTENCES: tuple[tuple[str, str], ...] = (
    (
        "superiority",
        "{enrolled}: {power} power by formula for {scale} of {effect} ({risk} "
        "{p_control} against {p_treated}).",
    ),
    (
        "support_alone",
        "{enrolled}: {power} power by formula for a hazard of coming off organ support multiplied by "
        "{support}, deaths as they are ({risk} {p_control}).",
    ),
    (
        "noninferiority",
        "{enrolled}: {power} power by formula to show that treatment is not worse by a margin of {margin} "
        "({risk} {p_control} against {p_treated}).",
    ),
    (
        "simulated",
        "Simulated on the cohort, {trials} trials: power {rejection_planned}, {claim} claimed {under_null} "
        "in "
        "{claimed_null} (Monte Carlo standard error in brackets).",
    ),
    (
        "gains",
        "The formula is for an unadjusted analysis; the planned one leaves {variance_left} of its variance, "
        "with which the power is {power_analysis} by formula.",
    ),
    (
        "diluted",
        "Departures from the arms dilute the difference from {rd} to {rd_itt} percentage points.",
    ),
    (
        "unsure",
        "The number of patients has a Monte Carlo standard error of {n_mcse}, because it rests on {pool} "
        "simulated patients; run.pool = {pool_larger} would make that {n_mcse_larger}.",
    ),
    (
        "looks",
        "With the planned looks {expected_planned} patients are expected if the plan is right, "
        "{expected_null} {under_null}.",
    ),
    (
        "individual",
        "Patients of one {site} are in both arms, so no design effect applies (ICC {icc_world}); an analysis "
        "that leaves out what the randomization is stratified by is conservative.",
    ),
    (
        "clustered",
        "Randomizing {site}s multiplies the number of patients by {design_effect}.",
    ),
    (
        "mixed",
        "Averaged over the stated beliefs the trial shows a benefit with a probability of "
        "{assurance_mixture}; no number of patients brings it above {ceiling_mixture}. Single priors say "
        "{assurance_low} to {assurance_high}.",
    ),
    (
        "adaptive",
        "As a Bayesian adaptive trial it needs {adaptive_expected_n_planned} patients on average if the plan "
        "is right, and calls an arm superior in {adaptive_superiority_planned}; without effect, in "
        "{adaptive_superiority_null}.",
    ),
    (
        "borrowing",
        "With borrowed controls the type I error is {borrowing_low} to {borrowing_high}, by the true control "
        "risk.",
    ),
    (
        "ordinal",
        "Compared by the stated ordered categories, {ordinal_n} patients with a known outcome are needed.",
    ),
    (
        "follow_up",
        "Followed to the end of the trial, {follow_up_n} patients are needed, with {follow_up_events} "
        "events.",
    ),
    (
        "always",
        "{icus} {sites} enrol {per_month} patients a month: {months} months to the last patient, "
        "{months_slow} at {pace_slow} of the pace.",
    ),
    (
        "slow",
        "That is longer than {feasible_months} months; {remedy} would bring it under.",
    ),
)


def summary(plan: TrialPlan, facts: Facts) -> tuple[str, ...]:
    """Return a plan in a few sentences."""
    texts = {name: fact.text for name, fact in facts.items()} | words_of(plan.protocol.offer)
    texts["risk"] = risk_phrase(plan).en.format_map(texts)
    scale = SCALES[plan.protocol.planned.name].en
    texts["scale"] = f"{'an' if scale[0] in 'aeiou' else 'a'} {scale}"
    phrases = statement_phrases(plan)
    texts |= {name: phrases[name].en.format_map(texts) for name in ("claim", "under_null", "remedy")}
    cells = "{clusters} {sites} to randomize with {n_randomized} patients"
    one_by_one = "{n_randomized} patients to randomize"
    texts["enrolled"] = (cells if plan.protocol.allocation.clustered else one_by_one).format_map(texts)
    holding = conditions_of(plan) | (set(VARIANTS) & set(plan.tables))
    holding |= {"mixed"} if plan.protocol.priors else set()
    told = tuple(text.format_map(texts) for holds, text in SENTENCES if holds in holding)
    return told + replay_sentences(plan)


ATTRIBUTES: tuple[tuple[Phrase, Phrase], ...] = (
    (
        Phrase("Population", "対象集団"),
        Phrase(
            "{population}, {enrolled} {time_zero}.",
            "{population}（{time_zero}に{enrolled}）。",
        ),
    ),
    (
        Phrase("Treatment condition", "試験治療"),
        Phrase(
            "{treatment}, begun at randomization, on top of usual care.",
            "{treatment_ja}（通常治療に上乗せ）。",
        ),
    ),
    (
        Phrase("Alternative condition", "対照治療"),
        Phrase("{alternative}.", "{alternative}。"),
    ),
    (Phrase("Variable", "変数（評価項目）"), Phrase("{endpoint}", "{endpoint}。")),
    (
        Phrase(
            "Intercurrent event: assigned treatment not given", "中間事象：割り付けられた治療が行われない"
        ),
        Phrase(
            "Treatment policy: analysed as randomized ({nonadherence} expected in the treatment group).",
            "治療方針ストラテジー：割付けどおりに解析（試験治療群の{nonadherence}と見込む）。",
        ),
    ),
    (
        Phrase("Intercurrent event: treatment stopped early", "中間事象：治療の早期中止"),
        Phrase("Treatment policy: analysed as randomized.", "治療方針ストラテジー：割付けどおりに解析。"),
    ),
    (
        Phrase("Intercurrent event: {outside} outside the protocol", "中間事象：プロトコル外の{outside_ja}"),
        Phrase(
            "Treatment policy: analysed as randomized ({contamination} expected in the control group). A "
            "supplementary estimand is hypothetical: as if none had been given.",
            "治療方針ストラテジー：割付けどおりに解析（対照群の{contamination}と見込む）。補足的estimandとし"
            "て、"
            "行われなかった場合を想定する仮想ストラテジーを用いる。",
        ),
    ),
    (Phrase("Intercurrent event: death", "中間事象：死亡"), Phrase("{death}", "{death}")),
    (
        Phrase("Intercurrent event: discharge or transfer", "中間事象：退院・転院"),
        Phrase("Treatment policy: {follow_up}.", "治療方針ストラテジー：{follow_up}。"),
    ),
    (
        Phrase(
            "Missing outcome (withdrawal of consent, loss to follow-up)", "転帰の欠測（同意撤回、追跡不能）"
        ),
        Phrase(
            "No intercurrent event. {loss} expected; {missing}.",
            "中間事象ではない。{loss}と見込む。{missing}。",
        ),
    ),
    (
        Phrase("Population-level summary", "集団レベルの要約"),
        Phrase(
            "{summary}, treatment against control, by {test}.",
            "試験治療群の対照群に対する{summary}（{test}）。",
        ),
    ),
)
_DEATHS = {
    "event": Phrase("Part of the variable.", "評価項目に含まれる。"),
    "time": Phrase("The event itself.", "評価項目のイベントそのもの。"),
    "ranked": Phrase(
        "Composite: the worst value of the variable.", "複合ストラテジー：評価項目の最悪値とする。"
    ),
}
"""Kind of outcome → what a death is."""


def estimand_table(plan: TrialPlan, facts: Facts, *, ja: bool = False) -> Table:
    """Return the attributes of the estimand with the strategies for intercurrent events."""
    texts = Words(
        {name: fact.text for name, fact in facts.items()} | words_of(plan.protocol.offer),
        _phrases(plan),
        ja=ja,
    )
    said = [(name[ja].format_map(texts), text[ja].format_map(texts)) for name, text in ATTRIBUTES]
    rows = [(name, _sentence(text, ja=ja)) for name, text in said]
    heads = ("属性", "定義とストラテジー") if ja else ("Attribute", "Definition and strategy")
    return Table(
        name="estimand",
        title="主要解析のestimand（ICH E9(R1)）" if ja else "Estimand of the primary analysis (ICH E9(R1))",
        heads=heads,
        rows=tuple(rows),
    )


def _phrases(plan: TrialPlan) -> dict[str, Phrase]:
    protocol = plan.protocol
    informative, kind = protocol.conduct.loss.dead_odds_ratio, protocol.outcome.kind
    population = protocol.words.population, protocol.words.population_ja or protocol.words.population
    clustered = protocol.allocation.clustered
    return {
        "population": Phrase(*map(literal, population)) if population[0] else _population(protocol),
        "enrolled": Phrase("enrolled", "登録") if clustered else Phrase("randomized", "ランダム化"),
        "time_zero": protocol.offer.time_zero.phrase,
        "alternative": Phrase("{control}", "{control_ja}")
        if protocol.control == "usual care"
        else Phrase("{control}, on top of usual care", "{control_ja}（通常治療に上乗せ）"),
        "endpoint": protocol.outcome.phrase,
        "death": _DEATHS.get(kind, _DEATHS["ranked"]),
        "follow_up": Phrase("followed to the end of the stay", "退院まで追跡")
        if protocol.risk.day is None
        else Phrase("followed to day {horizon} wherever they are", "所在を問わず{horizon}日まで追跡"),
        "missing": Phrase(
            "assumed to be unrelated to the outcome, with a tipping-point analysis",
            "転帰とは無関係と仮定し、tipping-point解析を行う",
        )
        if informative == 1.0
        else Phrase(
            f"simulated with odds of {informative:g} in those who die against those who live",
            f"死亡例の欠測のオッズを生存例の{informative:g}倍としてシミュレーションした",
        ),
        "summary": SCALES[protocol.scale],
        "test": test_phrase(plan),
    }


def _population(protocol: TrialProtocol) -> Phrase:
    where, patients = protocol.population.where, protocol.offer.patients.phrase
    said = [literal(in_words(where, protocol.offer, ja=ja)) for ja in (False, True)]
    en, ja = (literal(text) for text in patients)
    everybody = where == EVERYBODY
    return Phrase(
        f"{en[:1].upper()}{en[1:]}{'' if everybody else f' with {said[0]}'}",
        f"{'' if everybody else f'{said[1]}の'}{ja}",
    )


def _sentence(text: str, *, ja: bool) -> str:
    end = "。" if ja else "."
    ended = text if text.endswith(end) else f"{text}{end}"
    return ended if ja else ended[:1].upper() + ended[1:]
