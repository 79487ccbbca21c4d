# Reference results for methods: Rscript methods.R in this folder, on the patients of ../kernels.
library(survival)
library(jsonlite)

d <- read.csv("../kernels/patients.csv")
out <- list(versions = list(R = paste(R.version$major, R.version$minor, sep = "."),
                            survival = as.character(packageVersion("survival"))))
exact <- function(formula, data) {
  m <- clogit(formula, data, method = "exact", control = coxph.control(eps = 1e-13, toler.chol = 1e-15, iter.max = 100))
  list(coef = unname(coef(m)), vcov = unname(vcov(m)), loglik = m$loglik[2])
}

# ---- conditional logistic regression, exact likelihood
out$by_cluster <- exact(died ~ age + treated + units + rare + strata(cluster), d)
out$by_stratum <- exact(died ~ age + treated + units + strata(stratum), d)

# ---- Fine and Gray without censoring before day 28: the discharged stay at risk
dead <- d$died == 1 & d$time <= 28
fg <- coxph(Surv(ifelse(dead, d$time, 28), dead) ~ d$treated, cluster = d$cluster,
            control = coxph.control(eps = 1e-13))
out$subdistribution <- list(coef = unname(coef(fg)), se = sqrt(fg$var[1, 1]))

# ---- Rosenbaum bounds by the exact binomial tail
bound <- function(b, c) uniroot(function(g) 1 - pbinom(b - 1, b + c, g / (1 + g)) - 0.05, c(1, 50), tol = 1e-12)$root
out$rosenbaum <- c(bound(60, 30), bound(40, 12), bound(9, 0))

writeLines(toJSON(out, digits = 15, auto_unbox = TRUE, pretty = TRUE), "methods.json")
