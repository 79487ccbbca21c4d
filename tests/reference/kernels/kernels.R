# Reference results for the statistical kernels: Rscript kernels.R in this folder, after make_data.py.
library(survival)
library(geepack)
library(sandwich)
library(brglm2)
library(cmprsk)
library(epiR)
library(jsonlite)

d <- read.csv("patients.csv")
out <- list()
versions <- c("survival", "geepack", "sandwich", "brglm2", "cmprsk", "epiR")
out$versions <- c(list(R = paste(R.version$major, R.version$minor, sep = ".")),
                  lapply(setNames(versions, versions), function(p) as.character(packageVersion(p))))

# ---- logistic regression
model <- died ~ age + treated + units + rare
tight <- list(epsilon = 1e-13, maxit = 100)
regression <- function(m) list(coef = unname(coef(m)), vcov = unname(vcov(m)))
plain <- glm(model, binomial, d, control = tight)
weighted <- suppressWarnings(glm(model, binomial, d, weights = weight, control = tight))
out$logistic <- regression(plain)
out$logistic$loglik <- as.numeric(logLik(plain))
out$logistic_weighted <- regression(weighted)
aliased <- glm(died ~ age + treated + I(2 * age - 3 * treated) + units + I(treated + units), binomial, d)
out$logistic_aliased <- list(coef = unname(coef(aliased)))
out$firth <- regression(glm(model, binomial, d, method = "brglmFit", type = "AS_mean",
                            control = list(epsilon = 1e-13, maxit = 500)))
out$sandwich_rows <- unname(vcovHC(plain, type = "HC0"))
out$sandwich_clusters <- unname(vcovCL(plain, cluster = d$cluster, type = "HC0", cadjust = FALSE))
out$sandwich_weighted <- unname(vcovCL(weighted, cluster = d$cluster, type = "HC0", cadjust = FALSE))

# ---- GEE
s <- d[order(d$cluster), ]
gee <- function(corstr) {
  m <- geeglm(model, binomial, s, id = cluster, corstr = corstr,
              control = geese.control(epsilon = 1e-13, maxit = 200))
  list(coef = unname(coef(m)), vcov = unname(m$geese$vbeta),
       alpha = if (corstr == "independence") 0 else unname(m$geese$alpha))
}
out$gee_exchangeable <- gee("exchangeable")
out$gee_independence <- gee("independence")

# The textbook forms of the corrections, with the n x n matrix of each cluster, at geepack's solution.
power_of <- function(A, k) {
  e <- eigen(A)
  Re(e$vectors %*% diag(e$values^k, nrow(A)) %*% solve(e$vectors))
}
X <- model.matrix(model, s)
mu <- as.vector(plogis(X %*% out$gee_exchangeable$coef))
alpha <- out$gee_exchangeable$alpha
parts <- lapply(split(seq_len(nrow(s)), s$cluster), function(i) {
  v <- mu[i] * (1 - mu[i])
  R <- matrix(alpha, length(i), length(i)); diag(R) <- 1
  V <- diag(sqrt(v), length(i)) %*% R %*% diag(sqrt(v), length(i))
  D <- v * X[i, , drop = FALSE]
  list(D = D, Vi = solve(V), r = s$died[i] - mu[i])
})
B <- Reduce(`+`, lapply(parts, function(z) t(z$D) %*% z$Vi %*% z$D))
Bi <- solve(B)
meat <- function(score) Reduce(`+`, lapply(parts, function(z) tcrossprod(score(z))))
hat <- function(z) z$D %*% Bi %*% t(z$D) %*% z$Vi
robust <- meat(function(z) t(z$D) %*% z$Vi %*% z$r)
md <- meat(function(z) t(z$D) %*% z$Vi %*% solve(diag(length(z$r)) - hat(z), z$r))
kc <- meat(function(z) t(z$D) %*% z$Vi %*% power_of(diag(length(z$r)) - hat(z), -0.5) %*% z$r)
fg <- meat(function(z) {
  q <- diag(t(z$D) %*% z$Vi %*% z$D %*% Bi)
  (1 - pmin(0.75, q))^-0.5 * (t(z$D) %*% z$Vi %*% z$r)
})
out$gee_covariances <- lapply(list(robust = robust, mancl_derouen = md, kauermann_carroll = kc,
                                   fay_graubard = fg), function(M) unname(Bi %*% M %*% Bi))

# ---- Cox regression
ct <- coxph.control(eps = 1e-11, iter.max = 100)
cox <- function(m) c(regression(m), list(loglik = m$loglik[2]),
                     lapply(c(km = "km", rank = "rank", log = "log", identity = "identity"),
                            function(g) unname(cox.zph(m, g)$table[, 1])))
for (ties in c("efron", "breslow")) {
  out[[paste0("cox_", ties)]] <- cox(coxph(Surv(time, died) ~ age + treated + units, d, ties = ties,
                                           control = ct))
  out[[paste0("cox_", ties, "_clustered")]] <- cox(
    coxph(Surv(time, died) ~ age + treated + units + cluster(cluster), d, ties = ties, control = ct))
  out[[paste0("cox_", ties, "_everything")]] <- cox(
    coxph(Surv(entry, time, died) ~ age + treated + units + strata(stratum) + cluster(cluster), d,
          weights = weight, ties = ties, control = ct))
}

# ---- survival curves
curve <- function(type) {
  f <- survfit(Surv(time, died) ~ 1, d, conf.type = type)
  list(time = f$time, at_risk = f$n.risk, events = f$n.event, survival = f$surv,
       std_error = f$surv * f$std.err, low = f$lower, high = f$upper)
}
out$survival <- list(log = curve("log"), log_log = curve("log-log"), plain = curve("plain"))
out$log_rank <- list(two = survdiff(Surv(time, died) ~ treated, d)$chisq,
                     three = survdiff(Surv(time, died) ~ stratum, d)$chisq)
out$rmst <- lapply(c(a = 28, b = 10.5), function(h) {
  unname(summary(survfit(Surv(time, died) ~ 1, d), rmean = h)$table[c("rmean", "se(rmean)")])
})
aj <- survfit(Surv(time, factor(cause, 0:2)) ~ 1, d)
out$incidence <- list(time = aj$time, first = aj$pstate[, 2], second = aj$pstate[, 3])
times <- c(5, 20, 40)
fine <- timepoints(cuminc(d$time, d$cause), times)
out$cuminc <- list(times = times, estimate = unname(fine$est), variance = unname(fine$var))

# ---- tables and ranks
T1 <- matrix(c(12, 5, 30, 41), 2)
T2 <- matrix(c(3, 1, 8, 12), 2)
strata <- table(d$treated, d$died, d$stratum)[2:1, 2:1, ]
mh <- mantelhaen.test(strata)
brday <- epi.2by2(strata, method = "cohort.count")$massoc.detail$bOR.homog
out$tables <- list(
  chi = chisq.test(T1, correct = FALSE)[c("statistic", "p.value")],
  yates = chisq.test(T1)[c("statistic", "p.value")],
  chi_small = suppressWarnings(chisq.test(T2, correct = FALSE)[c("statistic", "p.value")]),
  fisher = lapply(c(`two-sided` = "two.sided", less = "less", greater = "greater"), function(a) fisher.test(T2, alternative = a)$p.value),
  mcnemar = mcnemar.test(T1, correct = FALSE)[c("statistic", "p.value")],
  mcnemar_corrected = mcnemar.test(T1)[c("statistic", "p.value")],
  binomial = binom.test(5, 35)$p.value,
  strata = aperm(unclass(strata), c(3, 1, 2)),
  common = c(unname(mh$estimate), mh$conf.int),
  breslow_day = c(brday$test.statistic, brday$p.value)
)
wilcox <- function(x) wilcox.test(x ~ d$treated, exact = FALSE, correct = FALSE)$p.value
out$mann_whitney <- lapply(d[c("age", "units", "rare", "time")], wilcox)

write(toJSON(out, digits = NA, auto_unbox = TRUE, na = "null", pretty = 1), "kernels.json")
