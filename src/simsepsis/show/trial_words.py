"""Words of a plan in English and Japanese, by the key that the protocol has for them."""

from __future__ import annotations

from typing import NamedTuple


class Phrase(NamedTuple):
    """The same words in both languages."""

    en: str
    ja: str


ENDPOINTS = {
    "death_28d": Phrase(
        "death from any cause within {horizon} days of randomization",
        "ランダム化後{horizon}日以内の全死亡",
    ),
    "icu_death": Phrase("death in the intensive care unit", "集中治療室（ICU）内死亡"),
    "hospital_death": Phrase("death in hospital from any cause", "院内全死亡"),
    "time_to_death": Phrase(
        "time to death from any cause, all patients being censored at day {horizon}",
        "全死亡までの期間（全例をランダム化後{horizon}日で打ち切り）",
    ),
    "ventilator_free_days": Phrase(
        "ventilator-free days to day {horizon}, patients who die by then having 0",
        "ランダム化後{horizon}日までの人工呼吸器非使用日数（それまでの死亡例は0日とする）",
    ),
    "win_ratio": Phrase(
        "a hierarchy of death by day {horizon} and then ventilator-free days, compared by the win ratio",
        "{horizon}日以内の死亡、次いで人工呼吸器非使用日数からなる階層的評価項目（win ratioで比較）",
    ),
}
RISKS = {
    "death_28d": Phrase("{horizon}-day mortality", "{horizon}日死亡率"),
    "icu_death": Phrase("ICU mortality", "ICU死亡率"),
    "hospital_death": Phrase("hospital mortality", "院内死亡率"),
    "time_to_death": Phrase("{horizon}-day mortality", "{horizon}日死亡率"),
}
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
COLUMN_WORDS = {
    "apache2": Phrase("APACHE II score", "APACHE IIスコア"),
    "age": Phrase("age", "年齢"),
    "endogenous_igg": Phrase("serum IgG (g/L)", "血清IgG値（g/L）"),
    "immunocompromised": Phrase("immunocompromise", "免疫不全"),
}
SIGNS = {">=": "≥", "<=": "≤", "==": "=", "!=": "≠", "<": "<", ">": ">"}
CALIBRATION = Phrase(
    "Calibrated to published summaries of one 2011–13 Japanese cohort; dose–response, IgG interaction and "
    "trend are inputs, not estimates.",
    "本計画のシミュレーションは、2011～13年の国内1コホートについて公表された要約値に較正したものである。"
    "用量反応関係、IgG値との交互作用および時代的変化は入力した仮定であり、推定値ではない。",
)


def in_words(condition: str, *, ja: bool = False) -> str:
    """Return a condition or factor such as ``apache2 >= 29`` as people write it."""
    if condition in FACTORS:
        return FACTORS[condition][ja]
    joints = ("または", "かつ") if ja else ("or", "and")
    space = "" if ja else " "
    parts = [
        f"{space}{joints[1]}{space}".join(_comparison(part.strip(), ja) for part in group.split(" and "))
        for group in condition.split(" or ")
    ]
    return f"{space}{joints[0]}{space}".join(parts)


def _comparison(text: str, ja: bool) -> str:
    words = text.split()
    name = COLUMN_WORDS[words[0]][ja] if words[0] in COLUMN_WORDS else words[0].replace("_", " ")
    return ("" if ja else " ").join([name, *(SIGNS.get(word, word) for word in words[1:])])


def listed(names: tuple[str, ...], *, ja: bool = False) -> str:
    """Return factors or columns as a list in a sentence."""
    words = [in_words(name, ja=ja) for name in names]
    if ja:
        return "、".join(words[:-1]) + ("および" if len(words) > 1 else "") + words[-1]
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]
