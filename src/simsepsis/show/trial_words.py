"""Words of a plan in English and Japanese, by the key that the protocol has for them."""

from __future__ import annotations

from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.protocol.offer import Offer, Outcome, Phrase
from simsepsis.words.numbers import DASH

SCALES = {
    "risk_ratio": Phrase("risk ratio", "リスク比"),
    "odds_ratio": Phrase("odds ratio", "オッズ比"),
    "hazard_ratio": Phrase("hazard ratio", "ハザード比"),
    "risk_difference": Phrase("risk difference", "リスク差"),
    "probability_index": Phrase("probability index", "確率指数（probability index）"),
    "win_ratio": Phrase("win ratio", "win ratio"),
}
SHORT_SCALES = {
    "risk_ratio": "RR",
    "odds_ratio": "OR",
    "hazard_ratio": "HR",
    "risk_difference": "RD",
    "probability_index": "PI",
    "win_ratio": "WR",
}
SIDES = {1: Phrase("one-sided", "片側"), 2: Phrase("two-sided", "両側")}
TESTS = {
    ("unadjusted", "two_proportions"): Phrase(
        "Pearson's test of two proportions without correction for continuity",
        "2標本の割合の検定（連続性の補正なし）",
    ),
    ("stratified", "two_proportions"): Phrase(
        "the Mantel–Haenszel test stratified by {strata}", "{strata_ja}を層とするMantel–Haenszel検定"
    ),
    ("adjusted", "two_proportions"): Phrase(
        "a test of the marginal risks standardized over a logistic model with {covariates}",
        "{covariates_ja}を共変量とするロジスティックモデルにより標準化した周辺リスクの検定",
    ),
    ("cluster_means", "two_proportions"): Phrase(
        "a comparison of ICU-period means", "ICU・期間ごとの平均値の比較"
    ),
    ("gee", "two_proportions"): Phrase(
        "generalized estimating equations with ICUs as clusters",
        "ICUをクラスターとする一般化推定方程式（GEE）",
    ),
    ("unadjusted", "log_rank"): Phrase("the log-rank test", "ログランク検定"),
    ("stratified", "log_rank"): Phrase(
        "the log-rank test stratified by {strata}", "{strata_ja}を層とする層別ログランク検定"
    ),
    ("unadjusted", "win_ratio"): Phrase(
        "a Wald test of the logarithm of the win ratio", "win ratioの対数に対するWald検定"
    ),
    ("stratified", "win_ratio"): Phrase(
        "a Wald test of the logarithm of the win ratio stratified by {strata}",
        "{strata_ja}を層とするwin ratioの対数に対するWald検定",
    ),
    ("unadjusted", "ranks"): Phrase("the Wilcoxon–Mann–Whitney test", "Wilcoxon–Mann–Whitney検定"),
    ("stratified", "ranks"): Phrase(
        "the van Elteren test stratified by {strata}", "{strata_ja}を層とするvan Elteren検定"
    ),
}
FORMULAS = {
    "pooled": Phrase(
        "the normal approximation for two proportions with pooled variance under the null hypothesis",
        "2標本の割合の比較に対する正規近似（帰無仮説の下で分散を併合）",
    ),
    "schoenfeld": Phrase(
        "Schoenfeld's formula for the log-rank test", "ログランク検定に対するSchoenfeldの式"
    ),
    "u_statistic": Phrase(
        "the variance of the U-statistic for the distributions of the outcome in the simulated cohort",
        "シミュレーションコホートにおける本評価項目の分布に対するU統計量の分散",
    ),
}
SPENDING = {
    "obrien_fleming": Phrase("O'Brien–Fleming boundaries", "O'Brien–Fleming型の中止境界"),
    "pocock": Phrase("Pocock boundaries", "Pocock型の中止境界"),
    "wang_tsiatis": Phrase("Wang–Tsiatis boundaries", "Wang–Tsiatis型の中止境界"),
    "haybittle_peto": Phrase("Haybittle–Peto boundaries", "Haybittle–Peto型の中止境界"),
    "ld_obrien_fleming": Phrase(
        "the Lan–DeMets spending function of O'Brien–Fleming type",
        "O'Brien–Fleming型のLan–DeMets α消費関数",
    ),
    "ld_pocock": Phrase("the Lan–DeMets spending function of Pocock type", "Pocock型のLan–DeMets α消費関数"),
    "hsd": Phrase("the Hwang–Shih–DeCani spending function", "Hwang–Shih–DeCani α消費関数"),
    "kim_demets": Phrase("the Kim–DeMets spending function", "Kim–DeMets α消費関数"),
}
MULTIPLICITY = {
    "dunnett": Phrase("Dunnett's single-step test", "Dunnettの検定"),
    "closed": Phrase(
        "Dunnett's step-down test, which is a closed test", "Dunnettのstep-down法（閉検定手順）"
    ),
    "bonferroni": Phrase("Bonferroni's correction", "Bonferroni法"),
}
UNITS = {
    "individual": Phrase("Patients are randomized one by one", "患者を個別にランダム化する"),
    "parallel_cluster": Phrase("ICUs are randomized to one arm each", "ICU単位で並行群にランダム化する"),
    "cluster_crossover": Phrase(
        "ICUs are randomized to the order in which they use both treatments, one period each",
        "ICU単位で両治療の実施順序をランダム化する（クラスター・クロスオーバー、各1期）",
    ),
    "stepped_wedge": Phrase(
        "ICUs are randomized to the step at which they change to treatment",
        "ICU単位で介入へ移行する時期をランダム化する（stepped wedge）",
    ),
}
FACTORS = {"icu": Phrase("ICU", "ICU")}
SIGNS = {">=": "≥", "<=": "≤", "==": "=", "!=": "≠", "<": "<", ">": ">"}


def in_words(condition: str, offer: Offer, *, ja: bool = False) -> str:
    """Return a condition or factor such as ``age >= 65`` as people write it."""
    if condition in FACTORS:
        return FACTORS[condition][ja]
    joints = ("または", "かつ") if ja else ("or", "and")
    space = "" if ja else " "
    parts = [
        f"{space}{joints[1]}{space}".join(
            _comparison(part.strip(), offer, ja) for part in group.split(" and ")
        )
        for group in condition.split(" or ")
    ]
    return f"{space}{joints[0]}{space}".join(parts)


def _comparison(text: str, offer: Offer, ja: bool) -> str:
    words = text.split()
    name = offer.columns[words[0]].phrase[ja] if words[0] in offer.columns else words[0]
    return ("" if ja else " ").join([name, *(SIGNS.get(word, word) for word in words[1:])])


def listed(names: tuple[str, ...], offer: Offer, *, ja: bool = False) -> str:
    """Return factors or columns as a list in a sentence."""
    words = [in_words(name, offer, ja=ja) for name in names] or [DASH]
    if ja:
        return "、".join(words[:-1]) + ("および" if len(words) > 1 else "") + words[-1]
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]


def words_of(offer: Offer) -> dict[str, str]:
    """Return how a study calls its patients and its treatment, by their places in sentences."""
    named = {"patients": offer.patients.phrase, "outside": offer.treatment.phrase}
    return {f"{name}{'_ja' * ja}": phrase[ja] for name, phrase in named.items() for ja in (False, True)}


def compared_outcome(protocol: TrialProtocol, name: str) -> Outcome:
    """Return an outcome as a plan's patients were compared by it: times to the plan's own day."""
    own = protocol.endpoint.horizon if protocol.offer.outcomes[name].kind == "time" else None
    return protocol.outcome_of(name, own)


def population_labels(offer: Offer) -> dict[str, str]:
    """Return the words for the populations that an enrichment map compares."""
    return {"all": f"All {offer.patients.en}"} | {
        name: part.label for name, part in offer.populations.items()
    }
