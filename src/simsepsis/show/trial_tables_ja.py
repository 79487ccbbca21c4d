"""The tables of a plan in Japanese: their titles, heads and words, by the English that they have."""

from __future__ import annotations

import re
from functools import lru_cache

from simsepsis.show.table import Cell, Fact, Table, text_of

WORDS = {
    "Step": "段階",
    "Strategy for departures": "逸脱に対するストラテジー",
    "True effect": "真の効果",
    "Treatment policy (primary): as randomized": "治療方針（主要）：割付けどおり",
    "Hypothetical: as if nobody departed": "仮想：逸脱がないとした場合",
    "Composite: a departure counts as an event": "複合：逸脱をイベントに含める",
    "While on treatment: events after a departure do not count": "治療中：逸脱後のイベントは数えない",
    "Principal stratum: patients who depart in neither group": "主要層：いずれの群でも逸脱しない患者",
    "What each strategy for departures from the arms would estimate in the simulated cohort": (
        "逸脱に対する各ストラテジーがシミュレーションコホートで推定する量"
    ),
    "Calls an arm superior": "いずれかの群を優越と判定",
    "Stops because arms are alike": "群間の差が小さいため中止",
    "Ends without a result": "結論に至らず終了",
    "Source of the prior": "事前分布の出所",
    "unbiased": "偏りなし",
    "Type I error": "第一種の過誤",
    "Power, planned effect": "検出力（計画どおりの効果）",
    "Patients with a known outcome, not rounded": "転帰の判明した症例数（整数化前）",
    "The same, each group whole": "同、各群を整数化",
    "Their power": "その検出力",
    "Common odds ratio": "共通オッズ比",
    "Win ratio": "win ratio",
    "Win odds": "win odds",
    "Probability index": "確率指数",
    "Net benefit": "net benefit",
    "Difference of mean categories": "カテゴリー平均の差",
    "Formula": "計算式",
    "Events": "イベント数",
    "Ordered categories under proportional odds (Whitehead 1993), with every estimand's true value": (
        "比例オッズの下での順序カテゴリー（Whitehead 1993）と各estimandの真値"
    ),
    "Everybody followed to the end of the trial, none of them rounded": (
        "全例を試験終了まで追跡する場合（整数化前）"
    ),
    "Plans side by side": "計画の比較",
    "Plan": "計画",
    "Effect": "効果",
    "Expected patients, no effect": "期待症例数（効果なし）",
    "Expected patients, planned effect": "期待症例数（計画どおりの効果）",
    "Events expected": "期待イベント数",
    "Cost": "費用",
    "Patients": "症例数",
    "Fixed design, nobody departs from the protocol": "中間解析なし、全例が割付けを遵守",
    "Difference diluted by departures": "割付けからの逸脱による差の縮小",
    "Design effect of randomized sites": "施設のランダム化によるデザイン効果",
    "Interim analyses": "中間解析",
    "Strata with one group only": "片方の群しかいない層",
    "Loss, all arms, whole patients in each": "転帰不明例を含む全群の整数化した症例数",
    "Stated in the protocol": "実施計画書で定めた症例数",
    "Power of these whole patients by formula": "この症例数での計算上の検出力",
    "Control risk": "対照群のリスク",
    "Look": "解析",
    "Information": "情報の割合",
    "Patients randomized with outcome due": "転帰判明予定の登録例数",
    "Events expected, no effect / planned": "期待イベント数（効果なし／計画どおり）",
    "Nominal p": "名目p値",
    "Effect at the boundary": "境界における効果",
    "Events at the boundary, treated v control": "境界におけるイベント数（試験治療群 v 対照群）",
    "α spent": "消費したα",
    "Futility z": "無益性中止のz",
    "Stops here, no effect": "この解析で中止（効果なし）",
    "Stops by here, no effect": "この解析までに中止（効果なし）",
    "Stops here, planned effect": "この解析で中止（計画どおりの効果）",
    "Stops by here, planned effect": "この解析までに中止（計画どおりの効果）",
    "Efficacy by here, planned effect": "この解析までに有効（計画どおりの効果）",
    "z judged": "評価するz",
    "Conditional power, planned effect": "条件付き検出力（計画どおりの効果）",
    "Conditional power, current trend": "条件付き検出力（現在の傾向）",
    "Conditional power, planned effect, later looks and futility followed": (
        "条件付き検出力（計画どおりの効果、以後の中間解析と無益性中止に従う）"
    ),
    "Predictive power": "予測検出力",
    "Measure": "指標",
    "No effect": "効果なし",
    "Effect at the margin": "マージンどおりの効果",
    "Planned effect": "計画どおりの効果",
    "Claims a benefit": "有効と判定",
    "Claims non-inferiority": "非劣性と判定",
    "Claims harm": "有害と判定",
    "Stops for futility": "無益性中止",
    "Stops early": "早期中止",
    "Patients randomized, mean": "登録例数、平均",
    "Patients randomized, SD": "登録例数、標準偏差",
    "Patients randomized, 90th percentile": "登録例数、90パーセンタイル",
    "Events, mean": "イベント数、平均",
    "Months to the end, mean": "終了までの月数、平均",
    "Months to the end, 90th percentile": "終了までの月数、90パーセンタイル",
    "Bias of the estimate": "推定値のバイアス",
    "Coverage of its 95% interval": "95%信頼区間の被覆率",
    "Median bias of the stage-wise estimate": "段階別順序に基づく推定値の中央値バイアス",
    "Coverage of its 95% interval, stage-wise": "段階別順序に基づく95%信頼区間の被覆率",
    "No test possible": "検定不能",
    "Truth": "真の効果",
    "Efficacy": "有効",
    "Harm": "有害",
    "Futility": "無益",
    "Stopped by here": "この解析までに中止",
    "Events if it goes on to here": "この解析まで続いた場合のイベント数",
    "Months": "月数",
    "Patients randomized": "登録例数",
    "Simulated power": "シミュレーションによる検出力",
    "Prior": "事前分布",
    "Effect (95% interval)": "効果（95%区間）",
    "Weight": "重み",
    "Assurance": "アシュアランス",
    "Ceiling: P(benefit)": "上限：P（有効）",
    "P(effect as planned or better)": "P（計画以上の効果）",
    "Mixture by the stated weights": "重みによる混合分布",
    "Assumption": "仮定",
    "Value": "値",
    "Treated risk": "試験治療群のリスク",
    "Power of the planned patients": "計画症例数での検出力",
    "Patients needed": "必要症例数",
    "Part of the effect that is real": "真の効果の割合",
    "Treatment not given": "治療が行われない",
    "Outcome unknown": "転帰不明",
    "Intracluster correlation": "級内相関係数",
    "Cluster autocorrelation": "期間間の相関の比",
    "Pace, of the planned": "計画に対する登録速度",
    "Sites": "施設数",
    "Patients a month, all sites open": "全施設開始後の月間登録数",
    "Months to the last patient": "最終登録までの月数",
    "Months to the last outcome": "最終転帰判明までの月数",
    "Randomized while outcomes mature": "転帰判明待ちの間の登録数",
    "Screened": "スクリーニング",
    "Eligible": "適格",
    "Randomized": "ランダム化",
    "Control group": "対照群",
    "Treatment group": "試験治療群",
    "Control group, outcome known": "対照群、転帰判明",
    "Treatment group, outcome known": "試験治療群、転帰判明",
    "Control group, events if the plan is right": "対照群、計画どおりの場合のイベント数",
    "Treatment group, events if the plan is right": "試験治療群、計画どおりの場合のイベント数",
    "Endpoint": "評価項目",
    "Power": "検出力",
    "True effect as randomized": "割付けどおりの真の効果",
    "Against the plan's endpoint, paired (points)": "計画の評価項目との差、対応あり（ポイント）",
    "Patients for the same power, times the plan's": "同じ検出力に要する症例数（計画比）",
    "Risk ratio": "リスク比",
    "Population": "対象集団",
    "Interaction: factor on the log hazard ratio": "交互作用：対数ハザード比の倍率",
    "Share of the screened": "スクリーニング例に占める割合",
    "Patients to randomize": "ランダム化する症例数",
    "Power, simulated": "検出力（シミュレーション）",
    "To screen, mean": "スクリーニング数、平均",
    "Analysis": "解析",
    "Randomization": "ランダム化",
    "Variance left, of the unadjusted": "調整しない解析に対する分散の割合",
    "Power by formula": "計算上の検出力",
    "Simulated trials": "シミュレーション回数",
    "Unadjusted": "調整なし",
    "Stratified": "層別",
    "Adjusted for covariates": "共変量調整",
    "By coin": "単純ランダム化",
    "Blocks within strata": "層別置換ブロック",
    "Minimization": "最小化法",
    "Quantity": "量",
    "If treatment has": "治療効果",
    "no effect": "効果なし",
    "the planned effect": "計画どおりの効果",
    "Published": "公表値",
    "Simulated mean": "シミュレーション平均",
    "90% interval of single trials": "個々の試験の90%区間",
    "Inside?": "区間内か",
    "yes": "はい",
    "no": "いいえ",
    "Difference of the risks": "リスクの差",
    "Difference of the means": "平均の差",
    "How the number of patients comes about": "症例数の算出過程",
    "Looks and their boundaries (counts are cumulative)": "解析時点と境界（数は累積）",
    "How the simulated trials end at each look": "シミュレーションにおける各解析時点の結果",
    "Sizes simulated on the way to the plan": "計画に至るまでにシミュレーションした症例数",
    "Assurance of the planned patients, and the ceiling that no number of patients exceeds": (
        "計画症例数のアシュアランスと、症例数によらない上限"
    ),
    "How long the trial takes": "試験期間",
    "Expected flow of patients": "症例の期待フロー",
    "Other doses under the assumed dose–response (an input, not an estimate)": (
        "仮定した用量反応関係の下での他の用量（入力した仮定であり推定値ではない）"
    ),
    "Chances of stopping by formula; conditional and predictive power at the futility boundary, or "
    "where the arms are equal if there is none": (
        "中止の確率（計算値）。条件付き検出力と予測検出力は無益性中止の境界、または境界がなければ両群が等し"
        "い場合の値"
    ),
}
"""What tables say in the same words in every plan."""

TEMPLATES = {
    "Patients to {what} for a power of {power}, all else as planned (* the plan)": (
        "検出力{power}に必要な登録症例数、他は計画どおり（* 計画）"
    ),
    "{trials} simulated trials under each truth; Monte Carlo standard errors in brackets, of "
    "percentages in points. Estimates are {rest}": (
        "各条件での{trials}回の試験シミュレーション（括弧内はモンテカルロ標準誤差、割合では単位はパーセント"
        "ポイント）"
    ),
    "If one assumption is wrong (* the plan); the effect is the same on the plan's scale{rest}": (
        "仮定の一つが誤っている場合（* 計画）。効果は計画の尺度で同じとする"
    ),
    "Endpoints on the same patients and looks ({trials} simulated trials)": (
        "同じ患者と解析時点での評価項目の比較（シミュレーション{trials}回）"
    ),
    "Restricting the trial ({trials} simulated trials a row; risks as randomized): the effect on "
    "average over all {rest}": "対象集団の限定（各行{trials}回のシミュレーション、リスクは割付けどおり）",
    "The same number of patients by other analyses (* the plan): strata {strata}, covariates {rest}": (
        "同じ症例数での他の解析（* 計画）"
    ),
    "The trial that was held, against {trials} simulated ones": (
        "実施済みの試験とシミュレーション{trials}回との比較"
    ),
    "Open-label {treatment} in controls": "対照群でのプロトコル外の治療",
    "Dose ({unit})": "用量（{unit}）",
    "Best in the end: {arm}": "最終的に最良：{arm}",
    "Bayesian adaptive trial: an arm is superior when best with a probability above {threshold} "
    "({trials} simulated trials; {rest}": (
        "ベイズ流アダプティブ試験：最良である確率が{threshold}を超えた群を優越とする（シミュレーション"
        "{trials}回、括弧内はモンテカルロ標準誤差、割合では単位はパーセントポイント）"
    ),
    "Borrowed controls: {controls} controls and {treated} treated, a prior worth {borrowed} patients, "
    "{rest}": (
        "対照の借用：対照群{controls}例、試験治療群{treated}例、事前分布は{borrowed}例相当（正確計算）"
    ),
    "Risk of {event}, control": "対照群のリスク",
    "Risk of {event}, treated": "試験治療群のリスク",
    "Mean {days}, control": "対照群の平均日数",
    "Mean {days}, treated": "試験治療群の平均日数",
}
"""The same with what changes from plan to plan."""


def japanese(table: Table, own: dict[str, str]) -> Table:
    """Return a table in Japanese; `own` are words of the study and the plan, such as its outcomes."""
    return Table(
        name=table.name,
        title=in_japanese(table.title, own),
        heads=tuple(head if isinstance(head, Fact) else in_japanese(head, own) for head in table.heads),
        rows=tuple(tuple(_cell(cell, own) for cell in row) for row in table.rows),
    )


def _cell(cell: Cell, own: dict[str, str]) -> Cell:
    return in_japanese(text_of(cell), own) if isinstance(cell, str) else cell


def in_japanese(text: str, own: dict[str, str]) -> str:
    """Return words in Japanese; numbers and names stay."""
    bare = text.removesuffix("*")
    found = own.get(bare) or WORDS.get(bare)
    if found:
        return found + "*" * (len(text) - len(bare))
    for pattern, told in _patterns():
        if match := pattern.fullmatch(text):
            return told.format_map(match.groupdict())
    arm, colon, rest = text.partition(": ")
    return f"{arm}：{in_japanese(rest, own)}" if colon and rest in WORDS else text


@lru_cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the templates as patterns of the texts that they make."""
    return tuple(
        (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.*)", re.escape(text))), told)
        for text, told in TEMPLATES.items()
    )
