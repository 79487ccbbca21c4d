"""The sentences of the sample-size statement, in their order, in English and Japanese."""

from __future__ import annotations

from typing import NamedTuple


class Clause(NamedTuple):
    """A sentence with places for facts, and what has to hold for it to be said."""

    holds: str
    en: str
    ja: str


PARAGRAPH = Clause("always", "", "")
"""Between the clauses of two paragraphs."""

CLAUSES = (
    Clause(
        "parallel",
        "This is a {hypothesis} trial with {group_count} parallel groups, patients being allocated "
        "{allocation} "
        "(treatment to control); {ratio_reason}.",
        "本試験は{group_count_ja}群の並行群間比較による{hypothesis}試験であり、割付比（試験治療群：対照群）は"
        "{allocation_ja}とする。{ratio_reason}。",
    ),
    Clause(
        "clustered",
        "This is a {hypothesis} trial in which {site}s, not patients, are randomized: {unit}.",
        "本試験は患者ではなく{site_ja}をランダム化する{hypothesis}試験である（{unit}）。",
    ),
    Clause(
        "always",
        "The primary outcome is {endpoint}. It is compared between patients {assigned} {treatment} "
        "(treatment group) and {or_assigned} {control} (control group), all analysed as randomized, by "
        "{test} at a {sides} "
        "significance level of {alpha}.",
        "主要評価項目は{endpoint}とする。{treatment_ja}{assigned}試験治療群と{control_ja}{or_assigned}対照群"
        "を、"
        "割付けどおりの全例（intention-to-treat集団）において{test}により比較し、有意水準は{sides}{alpha}と"
        "する。",
    ),
    Clause(
        "risk_worded",
        "In the control group we assume that {risk} will be {p_control} ({control_risk}).",
        "対照群の{risk}は{p_control}と仮定した（{control_risk}）。",
    ),
    Clause(
        "risk_given",
        "In the control group we assume that {risk} will be {p_control}; the protocol does not state the "
        "source "
        "of this risk.",
        "対照群の{risk}は{p_control}と仮定した（この値の根拠は実施計画書に示されていない）。",
    ),
    Clause(
        "risk_simulated",
        "In the control group we assume that {risk} will be {p_control}, as in eligible patients of the "
        "simulated cohort (Monte Carlo standard error {p_control_mcse} percentage points).",
        "対照群の{risk}は、シミュレーションコホートの適格患者における値に基づき{p_control}と仮定した"
        "（モンテカルロ標準誤差{p_control_mcse}パーセントポイント）。",
    ),
    Clause(
        "superiority",
        "The target difference is {scale} of {effect} in patients who are treated as assigned. It {lowers} "
        "{risk} from {p_control} to {p_treated}: an absolute {reduction} of {rd} percentage points and a "
        "relative {reduction} of {rrr} (odds ratio {or}).",
        "検出すべき差（target difference）は、割付けどおりに治療を受けた患者における{scale}{effect}とした。"
        "これは{risk}の{p_control}から{p_treated}への{reduction}{lowers}、すなわち絶対差{rd}パーセントポイン"
        "ト"
        "（相対的{reduction}{rrr}、オッズ比{or}）に相当する。",
    ),
    Clause(
        "noninferiority",
        "Treatment is not inferior if the confidence interval of the {margin_scale} excludes {margin} to its "
        "disadvantage; with {scale} of {effect} in truth, {risk} is {p_control} in the control group and "
        "{p_treated} in the treatment group.",
        "{margin_scale}の信頼区間が試験治療群に不利な方向に{margin}を含まない場合に非劣性と判断する。真の"
        "{scale}を"
        "{effect}とすると、{risk}は対照群で{p_control}、試験治療群で{p_treated}となる。",
    ),
    Clause(
        "estimated_otherwise",
        "The trial will report {estimate_scale}; the same target difference on that scale is "
        "{estimate_value}.",
        "結果は{estimate_scale}により報告し、この尺度では上記の検出すべき差は{estimate_value}に相当する。",
    ),
    Clause(
        "support_alone",
        "The target difference is in the time on organ support alone: treatment is taken to multiply the "
        "hazard of coming off it by {support}, and to leave {risk} at {p_control}.",
        "検出すべき差は臓器補助の期間のみとし、試験治療により臓器補助から離脱するハザードが{support}倍になり、"
        "{risk}は{p_control}のまま変わらないと仮定した。",
    ),
    Clause(
        "support",
        "Treatment is also taken to multiply the hazard of coming off organ support by {support}.",
        "あわせて、試験治療により臓器補助から離脱するハザードが{support}倍になると仮定した。",
    ),
    Clause(
        "discharge",
        "Treatment is also taken to multiply the hazard of leaving alive, which competes with death, by "
        "{discharge}.",
        "あわせて、試験治療により、死亡と競合する生存退室・生存退院のハザードが{discharge}倍になると仮定した。",
    ),
    Clause("based", "This difference is held to be {basis}.", "この差は{basis}と考えられる。"),
    Clause("rationale", "{rationale}", "{rationale}"),
    Clause(
        "baseless",
        "The protocol does not state {missing_basis}.",
        "{missing_basis}は実施計画書に示されていない。",
    ),
    Clause(
        "ranked",
        "On the primary outcome the target difference is a {rank_scale} of {rank_effect} between the groups "
        "as randomized, found in the simulated cohort.",
        "この検出すべき差は、主要評価項目においては、シミュレーションコホートで求めた、割付けどおりの群間に"
        "おける"
        "{rank_scale}{rank_effect}に相当する。",
    ),
    PARAGRAPH,
    Clause(
        "several",
        "Each of the {comparisons} treatment groups ({arms}) is compared with the control group, all "
        "comparisons together at the level above by {multiplicity}. The effect above is that of {arm}; the "
        "number of patients is that of a single comparison at a level of {alpha_one_comparison}.",
        "{comparisons}つの試験治療群（{arms_ja}）をそれぞれ対照群と比較し、全比較を通じた有意水準を"
        "{multiplicity}により"
        "上記の値に保つ。上記の効果は{arm}群のものであり、症例数は1比較当たりの有意水準を"
        "{alpha_one_comparison}として"
        "算出した。",
    ),
    Clause(
        "diluted",
        "We expect that {departures}. Analysed as randomized, the difference then is {rd_itt} percentage "
        "points ({p_control_itt} against {p_treated_itt}; risk ratio {rr_itt}).",
        "{departures}と見込むと、割付けどおりに解析した場合の差は{rd_itt}パーセントポイント"
        "（{p_control_itt}対{p_treated_itt}、リスク比{rr_itt}）に縮小する。",
    ),
    Clause(
        "averaged",
        "Hazards are not proportional in the simulated cohort: averaged over the follow-up to day "
        "{horizon}, the "
        "hazard ratio as randomized is {hr_averaged} (its logarithm is {averaging} times that of the risks "
        "at "
        "day {horizon}).",
        "シミュレーションコホートでは比例ハザード性が成り立たず、{horizon}日までの追跡期間で平均した割付けど"
        "おりの"
        "ハザード比は{hr_averaged}となる（その対数は{horizon}日時点のリスクに基づく対数ハザード比の"
        "{averaging}倍）。",
    ),
    Clause(
        "always",
        "By {formula} ({reference}), a single analysis of {n_fixed} patients with a known outcome{of_whom} "
        "has "
        "a power of {power_target}.",
        "{formula}（{reference}）を用いると、中間解析を行わない場合に検出力{power_target}を得るには、"
        "転帰の判明した患者が{n_fixed}例{of_whom}必要である。",
    ),
    Clause(
        "clustered",
        "With an intracluster correlation of {icc} ({icc_source}){with_cac} and {cluster_size} patients with "
        "a known outcome per {site} and period in {clusters} {sites}, the design effect is {design_effect}, "
        "and {n_clustered} patients are needed.",
        "級内相関係数を{icc}（{icc_source}）{with_cac}とし、{clusters}{sites_ja}で"
        "1{site_ja}当たり各期{cluster_size}例の転帰"
        "が判明すると"
        "すると、デザイン効果は{design_effect}となり、{n_clustered}例が必要となる。",
    ),
    Clause(
        "periods",
        "At {icu_month} patients per {site} and month, each of the {periods} periods lasts {period_months} "
        "months.",
        "1{site_ja}当たり月{icu_month}例の登録を見込むと、{periods}期の各期間は{period_months}か月となる。",
    ),
    Clause(
        "weighted_icus",
        "The design effect includes {site}s of unequal size, weighted by their patients (coefficient of "
        "variation "
        "{size_cv}), and a t test on {clusters_df} degrees of freedom.",
        "このデザイン効果には、{site_ja}の規模の不均一（患者数による重み付け、変動係数{size_cv}）と自由度"
        "{clusters_df}のt検定を考慮した。",
    ),
    Clause(
        "alike_icus",
        "The design effect includes that every {site} counts alike whatever its size, which takes "
        "{size_inverse} "
        "times the patients of {site}s of one size, and a t test on {clusters_df} degrees of freedom.",
        "このデザイン効果には、規模にかかわらず各{site_ja}を等しく扱うこと（規模が同じ場合の{size_inverse}倍の患者"
        "を"
        "要する）と自由度{clusters_df}のt検定を考慮した。",
    ),
    Clause(
        "individual",
        "Patients are randomized one by one within {site}s, so that no design effect applies.",
        "ランダム化は各{site_ja}内で患者ごとに行うため、クラスターによるデザイン効果は見込まない。",
    ),
    Clause(
        "looks",
        "{interims} planned before the final one, when the outcomes of {fractions} of the patients are "
        "known. The trial stops early for efficacy by {spending}: at z = {interim_z}, the final analysis "
        "needing "
        "z = {final_z}.",
        "最終解析の前に、予定した患者の{fractions_ja}の転帰が判明した時点で計{interims_ja}回の中間解析を行い"
        "、"
        "{spending}に基づいて有効中止を判断する（中間解析の境界値z = {interim_z_ja}、最終解析の棄却限界値z ="
        " {final_z}）。",
    ),
    Clause(
        "futility_spent",
        "It stops for futility at {z_sign} = {futility_z} or less; these boundaries spend a type II error of "
        "{beta} by "
        "{futility_spending} and are {binding}.",
        "無益性中止の境界値は{z_sign} = {futility_z_ja}（これ以下で中止）とし、第二種の過誤{beta}を"
        "{futility_spending}に従って"
        "消費する。この境界は{binding}。",
    ),
    Clause(
        "futility_by_power",
        "It stops for futility at {z_sign} = {futility_z} or less, where the {power_kind} is below "
        "{power_floor}; these "
        "boundaries are {binding}.",
        "{power_kind}が{power_floor}を下回る{z_sign} = {futility_z_ja}（これ以下）で無益性中止とする。"
        "この境界は"
        "{binding}。",
    ),
    Clause(
        "futility_stated",
        "It stops for futility at {z_sign} = {futility_z} or less, as stated in the protocol; these "
        "boundaries are "
        "{binding}.",
        "無益性中止の境界値は実施計画書で定めた{z_sign} = {futility_z_ja}（これ以下で中止）とする。この境界は"
        "{binding}。",
    ),
    Clause("no_futility", "There is no rule for futility.", "無益性中止の規準は設けない。"),
    Clause(
        "looks",
        "With these looks, {n_looked} patients with a known outcome are needed (inflation factor "
        "{inflation}).",
        "以上の中間解析を考慮すると、転帰の判明した患者は{n_looked}例必要となる（膨張係数{inflation}）。",
    ),
    Clause(
        "sparse",
        "Strata in which only one group has patients tell nothing: with this many strata the analysis takes "
        "{sparse} times the patients.",
        "片方の群の患者しかいない層は比較に寄与しないため、これだけの層を用いる解析には{sparse}倍の症例数を"
        "要する。",
    ),
    Clause(
        "solved_loss",
        "Allowing for {loss} of patients whose outcome will remain unknown, {enrolment}: {arm_sizes}.",
        "転帰が不明となる患者を{loss}と見込み、{enrolment}（{arm_sizes_ja}）。",
    ),
    Clause(
        "solved_whole",
        "In all, {enrolment}: {arm_sizes}.",
        "以上より、{enrolment}（{arm_sizes_ja}）。",
    ),
    Clause(
        "stated",
        "As the protocol states, {enrolment} ({arm_sizes}), of whom {n_known} are expected to have a known "
        "outcome.",
        "実施計画書の定めにより、{enrolment}（{arm_sizes_ja}）。うち{n_known}例で転帰が判明すると見込む。",
    ),
    Clause(
        "enlarged",
        "This is more than the {n_formula} of the formula, which had a power of {power_formula} in simulated "
        "trials.",
        "これは計算式による{n_formula}例を上回る。{n_formula}例では、シミュレーションによる検出力が"
        "{power_formula}に"
        "とどまったためである。",
    ),
    PARAGRAPH,
    Clause(
        "always",
        "The power of these whole numbers, computed anew, is {power}; among the patients with a known "
        "outcome "
        "{deaths} events are expected ({event}).",
        "この整数化した症例数について改めて計算した検出力は{power}であり、転帰の判明した患者のうち{deaths}例"
        "にイベント（{event}）が生じると見込む。",
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
        "detects",
        "With a power of {power_target} they detect {a_change} of {risk} by {detectable} percentage points "
        "or "
        "more.",
        "検出力{power_target}で検出しうる{risk}の{a_change}は{detectable}パーセントポイント以上である。",
    ),
    Clause(
        "detects_none",
        "No difference of {risk}, however large, is detected with a power of {power_target}.",
        "検出力{power_target}では、いかに大きな{risk}の差も検出できない。",
    ),
    Clause(
        "simulated",
        "In {trials} simulated trials of patients drawn from the calibrated cohort, under the same "
        "assumptions, the planned analysis had a power of {rejection_planned}; {under_null}, the trial "
        "claimed "
        "{claim} in {claimed_null} (Monte Carlo standard errors in brackets, in percentage points).",
        "較正したコホートから患者を抽出し、同じ仮定の下で行った{trials}回の"
        "試験シミュレーションでは、予定した解析の検出力は{rejection_planned}、{under_null}に{claim}と"
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
        "With {icus} {sites} that each screen {screened_rate} {patients} a month, {eligible_share} of them "
        "eligible and {consent} of these enrolled, accrual takes {months} months.",
        "{icus}{sites_ja}で1施設当たり月{screened_rate}例の{patients_ja}がスクリーニングを受け、その"
        "{eligible_share}が適格、適格例の{consent}が登録されるとすると、登録期間は{months}か月となる。",
    ),
    Clause(
        "slow",
        "That is longer than {feasible_months} months; {remedy} would bring it under.",
        "これは{feasible_months}か月を超える。{feasible_months}か月以内とするには{remedy}が必要である。",
    ),
    Clause(
        "always",
        "Computed with {version}, seed {seed}.",
        "計算には{version}を用いた（乱数シード{seed}）。",
    ),
)
