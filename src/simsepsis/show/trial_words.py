"""Words of a plan in English and Japanese, by the key that the protocol has for them."""

from __future__ import annotations

from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.protocol.condition import SITE
from simsepsis.trial.protocol.offer import SITES, Offer, Outcome, Phrase
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
        "a comparison of {site}-period means", "{site_ja}・期間ごとの平均値の比較"
    ),
    ("gee", "two_proportions"): Phrase(
        "generalized estimating equations with {site}s as clusters",
        "{site_ja}をクラスターとする一般化推定方程式（GEE）",
    ),
    ("unadjusted", "noninferiority"): Phrase("the Farrington–Manning test", "Farrington–Manning検定"),
    ("stratified", "noninferiority"): Phrase(
        "the Mantel–Haenszel estimate stratified by {strata} with its confidence interval",
        "{strata_ja}を層とするMantel–Haenszel推定値の信頼区間",
    ),
    ("adjusted", "noninferiority"): Phrase(
        "the effect standardized over a logistic model with {covariates} and its confidence interval",
        "{covariates_ja}を共変量とするロジスティックモデルにより標準化した効果の信頼区間",
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
    "farrington_manning": Phrase(
        "the formula of Farrington and Manning for a margin", "マージンに対するFarringtonとManningの式"
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
    "wang_tsiatis": Phrase(
        "Wang–Tsiatis boundaries (Δ = {parameter})", "Wang–Tsiatis型の中止境界（Δ = {parameter}）"
    ),
    "haybittle_peto": Phrase(
        "Haybittle–Peto boundaries (z = {parameter} until the final analysis)",
        "Haybittle–Peto型の中止境界（最終解析前はz = {parameter}）",
    ),
    "ld_obrien_fleming": Phrase(
        "the Lan–DeMets spending function of O'Brien–Fleming type",
        "O'Brien–Fleming型のLan–DeMets α消費関数",
    ),
    "ld_pocock": Phrase("the Lan–DeMets spending function of Pocock type", "Pocock型のLan–DeMets α消費関数"),
    "hsd": Phrase(
        "the Hwang–Shih–DeCani spending function (γ = {parameter})",
        "Hwang–Shih–DeCani α消費関数（γ = {parameter}）",
    ),
    "kim_demets": Phrase(
        "the Kim–DeMets spending function (ρ = {parameter})", "Kim–DeMets α消費関数（ρ = {parameter}）"
    ),
}
FUTILITY_SPENDING = {
    "ld_obrien_fleming": Phrase(
        "the Lan–DeMets function of O'Brien–Fleming type", "O'Brien–Fleming型のLan–DeMets消費関数"
    ),
    "ld_pocock": Phrase("the Lan–DeMets function of Pocock type", "Pocock型のLan–DeMets消費関数"),
    "hsd": Phrase(
        "the Hwang–Shih–DeCani function (γ = {futility_parameter})",
        "Hwang–Shih–DeCani消費関数（γ = {futility_parameter}）",
    ),
    "kim_demets": Phrase(
        "the Kim–DeMets function (ρ = {futility_parameter})", "Kim–DeMets消費関数（ρ = {futility_parameter}）"
    ),
}
BINDING = {
    True: Phrase(
        "binding: the boundaries for efficacy rely on them", "拘束的であり、有効性の境界はこれを前提とする"
    ),
    False: Phrase(
        "non-binding: the type I error holds whether or not they are followed",
        "非拘束的であり、従わない場合も第一種の過誤は保たれる",
    ),
}
POWER_KINDS = {
    True: Phrase("conditional power under the current trend", "現在の傾向の下での条件付き検出力"),
    False: Phrase("predictive power", "予測検出力"),
}
HYPOTHESES = {False: Phrase("superiority", "優越性"), True: Phrase("non-inferiority", "非劣性")}
ASSIGNED = {
    False: Phrase("assigned to", "に割り付けられた"),
    True: Phrase("of {site}s assigned to", "に割り付けられた{site_ja}の患者からなる"),
}
UNDER_NULL = {
    False: Phrase("with no effect at all", "効果が全くない場合"),
    True: Phrase("with an effect as bad as the margin", "真の効果が非劣性マージンに等しい場合"),
}
BASES = {
    "important": Phrase("important to patients and clinicians", "患者および臨床医にとって重要な差である"),
    "realistic": Phrase("realistic", "現実的に期待しうる差である"),
    "both": Phrase("both important and realistic", "重要かつ現実的に期待しうる差である"),
}
RATIO_REASONS = {
    "equal": Phrase(
        "equal groups need the fewest patients", "1対1の割付けは必要症例数を最小にするためである"
    ),
    "several": Phrase("groups of one size are of equal interest", "各群の重要性を同等とみなすためである"),
    "unstated": Phrase("the protocol does not say why", "この割付比の理由は実施計画書に示されていない"),
}
ICC_SOURCES = {
    "simulated": Phrase("as in the simulated cohort", "シミュレーションコホートの値"),
    "unstated": Phrase("the protocol states no source", "実施計画書に根拠の記載なし"),
}
ENROLMENT = {
    False: Phrase("{n_randomized} patients will be randomized", "計{n_randomized}例をランダム化する"),
    True: Phrase(
        "{clusters} {sites} will be randomized and enrol {n_randomized} patients",
        "{clusters}{sites_ja}をランダム化し、計{n_randomized}例を登録する",
    ),
}
REMEDIES = {
    (False, True): Phrase(
        "{icus_needed} {sites}, or {consent_needed} of eligible patients enrolled,",
        "{icus_needed}{sites_ja}、または適格例の{consent_needed}の登録",
    ),
    (False, False): Phrase("{icus_needed} {sites}", "{icus_needed}{sites_ja}"),
    (True, True): Phrase("{consent_needed} of eligible patients enrolled", "適格例の{consent_needed}の登録"),
    (True, False): Phrase(
        "{icus_needed} {sites} of the same size, with a new calculation,",
        "同規模の{icus_needed}{sites_ja}（症例数の再計算を要する）",
    ),
}
MULTIPLICITY = {
    "dunnett": Phrase("Dunnett's single-step test", "Dunnettの検定"),
    "closed": Phrase(
        "Dunnett's step-down test, which is a closed test", "Dunnettのstep-down法（閉検定手順）"
    ),
    "bonferroni": Phrase("Bonferroni's correction", "Bonferroni法"),
}
UNITS = {
    "individual": Phrase("patients are randomized one by one", "患者を個別にランダム化する"),
    "parallel_cluster": Phrase("to one of two parallel groups each", "{site_ja}単位の並行群間比較"),
    "cluster_crossover": Phrase(
        "to the order in which they use both treatments, one period each (cluster crossover)",
        "各期1治療ずつ両治療を用いる順序をランダム化するクラスター・クロスオーバー",
    ),
    "stepped_wedge": Phrase(
        "to the step at which they change from control to treatment (stepped wedge)",
        "対照から介入へ移行する時期をランダム化するstepped wedgeデザイン",
    ),
}
CONTROLS_JA = {"placebo": "プラセボ", "usual care": "通常治療"}
SIGNS = {">=": "≥", "<=": "≤", "==": "=", "!=": "≠", "<": "<", ">": ">"}


def in_words(condition: str, offer: Offer, *, ja: bool = False) -> str:
    """Return a condition or factor such as ``age >= 65`` as people write it."""
    if condition == SITE:
        return offer.site.phrase[ja]
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
    """Return how a study calls its patients, treatment and sites, by their places in sentences."""
    site = offer.site.phrase
    named = {"patients": offer.patients.phrase, "outside": offer.treatment.phrase, "site": site}
    said = {f"{name}{'_ja' * ja}": phrase[ja] for name, phrase in named.items() for ja in (False, True)}
    counted = SITES.ja if site.ja == SITES.ja else f"{SITES.ja}の{site.ja}"
    return {**said, "sites": f"{site.en}s", "sites_ja": counted}


def compared_outcome(protocol: TrialProtocol, name: str) -> Outcome:
    """Return an outcome as a plan's patients were compared by it: times to the plan's own day."""
    own = protocol.endpoint.horizon if protocol.offer.outcomes[name].kind == "time" else None
    return protocol.outcome_of(name, own)


def population_labels(offer: Offer) -> dict[str, str]:
    """Return the words for the populations that an enrichment map compares."""
    return {"all": f"All {offer.patients.en}"} | {
        name: part.label for name, part in offer.populations.items()
    }
