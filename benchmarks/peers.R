# The thesis's analysis as a careful user of R writes it: glm, a plain greedy matcher, geepack, survival.
# Called by peers.py:  Rscript peers.R FOLDER REPEATS
# FOLDER holds registry.csv, columns.json, and the kernels' inputs; times and results go to peers.json there.
suppressMessages({library(survival); library(geepack); library(jsonlite)})
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
repeats <- as.integer(arguments[2])
columns <- fromJSON(file.path(folder, "columns.json"))
read <- function(name) read.csv(file.path(folder, name))
median_seconds <- function(f, n = repeats) {
  f()
  median(replicate(n, system.time(f(), gcFirst = FALSE)[["elapsed"]]))
}

greedy <- function(score, treated, width) {
  rows <- which(treated)
  controls <- which(!treated)
  free <- score[controls]
  chosen <- integer(length(rows))
  for (i in seq_along(rows)) {
    distance <- abs(free - score[rows[i]])
    nearest <- which.min(distance)
    if (length(nearest) && distance[nearest] <= width) {
      chosen[i] <- controls[nearest]
      free[nearest] <- Inf
    }
  }
  cbind(rows, chosen)[chosen > 0, ]
}

association <- function(arm, event) {
  counts <- table(factor(arm, c(1, 0)), factor(event, c(1, 0)))
  expected <- outer(rowSums(counts), colSums(counts)) / sum(counts)
  if (min(expected) < 5) fisher.test(counts)$p.value
  else suppressWarnings(chisq.test(counts, correct = FALSE)$p.value)
}

breslow_day <- function(arm, event, upper) {
  tables <- table(factor(arm, c(1, 0)), factor(event, c(1, 0)), upper)
  odds <- mantelhaen.test(tables)$estimate
  statistic <- 0
  for (k in seq_len(dim(tables)[3])) {
    a <- tables[1, 1, k]; n1 <- sum(tables[1, , k]); n0 <- sum(tables[2, , k]); m <- sum(tables[, 1, k])
    linear <- n0 - m + odds * (n1 + m)
    e <- 2 * odds * n1 * m / (linear + sqrt(linear^2 - 4 * (odds - 1) * odds * n1 * m))
    v <- 1 / (1 / e + 1 / (m - e) + 1 / (n1 - e) + 1 / (n0 - m + e))
    statistic <- statistic + (a - e)^2 / v
  }
  unname(pchisq(statistic, dim(tables)[3] - 1, lower.tail = FALSE))
}

describe <- function(frame, X) {
  arm <- frame$ivigg == 1
  spread <- sqrt((apply(X[arm, ], 2, var) + apply(X[!arm, ], 2, var)) / 2)
  smd <- (colMeans(X[arm, ]) - colMeans(X[!arm, ])) / spread
  for (name in c(columns$adjuncts, columns$outcomes)) association(frame$ivigg, frame[[name]])
  for (name in c(columns$transfusions, columns$durations)) {
    wilcox.test(frame[[name]][arm], frame[[name]][!arm], exact = FALSE, correct = FALSE)
    for (side in list(arm, !arm)) quantile(frame[[name]][side], c(.25, .5, .75), type = 6, na.rm = TRUE)
  }
  for (name in c("age", "apache2", "weight_kg", "wbc", "hemoglobin", "platelets"))
    for (side in list(arm, !arm)) quantile(frame[[name]][side], c(.25, .5, .75), type = 6)
  sum(abs(smd[is.finite(smd)]))
}

whole_analysis <- function(registry) {
  frame <- registry[complete.cases(registry[columns$covariates]), ]
  found <- list(n = nrow(frame))
  covariates <- model.matrix(reformulate(columns$covariates), frame)
  describe(frame, covariates[, -1])
  scores <- list(covariates = columns$covariates,
                 adjuncts = c(columns$covariates, columns$adjuncts, columns$transfusions))
  for (score in names(scores)) {
    fit <- suppressWarnings(glm(reformulate(scores[[score]], "ivigg"), binomial, frame))
    logit <- fit$linear.predictors
    pairs <- greedy(logit, frame$ivigg == 1, 0.2 * sd(logit))
    found[[paste(score, "pairs")]] <- nrow(pairs)
    matched <- frame[c(pairs[, 1], pairs[, 2]), ]
    used <- columns$adjuncts[colSums(matched[columns$adjuncts]) >= 5]
    plain <- c("ivigg", used, columns$transfusions)
    for (extended in c(FALSE, TRUE)) {
      terms <- if (extended) c(plain, columns$later) else plain
      part <- if (extended) matched[complete.cases(matched[columns$later]), ] else matched
      part <- part[order(part$icu_id), ]
      for (outcome in columns$outcomes) {
        gee <- suppressWarnings(geeglm(reformulate(terms, outcome), binomial, part, id = part$icu_id,
                                       corstr = "exchangeable"))
        name <- paste(score, "gee", if (extended) "True" else "False", outcome)
        found[[name]] <- unname(coef(gee)[2])
        found[[paste(name, "se")]] <- sqrt(diag(vcov(gee)))[[2]]
      }
    }
    for (outcome in columns$outcomes) {
      counts <- table(matched$ivigg, matched[[outcome]])
      found[[paste(score, "crude", outcome)]] <- counts[2, 2] * counts[1, 1] / (counts[2, 1] * counts[1, 2])
      found[[paste(score, "crude", outcome, "p")]] <- association(matched$ivigg, matched[[outcome]])
    }
    if (score == "covariates") {
      describe(matched, covariates[c(pairs[, 1], pairs[, 2]), -1])
      surv <- Surv(matched$hospital_days, matched$hospital_death)
      found[["cox"]] <- unname(coef(coxph(surv ~ ivigg, matched)))
      survfit(surv ~ ivigg, matched)
      found[["log rank p"]] <- survdiff(surv ~ ivigg, matched)$pvalue
      for (outcome in columns$outcomes) {
        found[[paste("breslow-day apache2", outcome)]] <-
          breslow_day(matched$ivigg, matched[[outcome]], matched$apache2 >= 29)
        found[[paste("breslow-day immunocompromised", outcome)]] <-
          breslow_day(matched$ivigg, matched[[outcome]], matched$immunocompromised == 1)
      }
    }
  }
  found
}

registry <- read("registry.csv")
for (name in columns$categories) registry[[name]] <- factor(registry[[name]], columns$levels[[name]])
results <- whole_analysis(registry)
seconds <- list(whole = median_seconds(function() whole_analysis(registry)))

frame <- registry[complete.cases(registry[columns$covariates]), ]
formula <- reformulate(columns$covariates, "ivigg")
seconds$logistic <- median_seconds(function() suppressWarnings(glm(formula, binomial, frame)))
gee <- read("gee.csv")
terms <- setdiff(names(gee), c("y", "cluster"))
gee_formula <- reformulate(terms, "y")
seconds$gee <- median_seconds(function()
  geeglm(gee_formula, binomial, gee, id = gee$cluster, corstr = "exchangeable"))
fit <- geeglm(gee_formula, binomial, gee, id = gee$cluster, corstr = "exchangeable",
              control = geese.control(epsilon = 1e-12, maxit = 200))
results[["kernel gee"]] <- unname(coef(fit))
results[["kernel gee se"]] <- unname(sqrt(diag(vcov(fit))))
small <- read("cox_small.csv")
seconds$cox_small <- median_seconds(function() coxph(Surv(time, event) ~ x, small))
precise <- coxph(Surv(time, event) ~ x, small, control = coxph.control(eps = 1e-11, toler.chol = 1e-12))
results[["kernel cox"]] <- c(coef(precise), sqrt(diag(vcov(precise))))
large <- as.data.frame(matrix(readBin(file.path(folder, "cox_large.bin"), "double", 3e6), ncol = 3))
seconds$cox_large <- median_seconds(function() coxph(Surv(V1, V2) ~ V3, large), 1)
score <- read("match.csv")
seconds$match <- median_seconds(function() greedy(score$score, score$treated == 1, 0.2 * sd(score$score)))
results[["kernel pairs"]] <- greedy(score$score, score$treated == 1, 0.2 * sd(score$score)) - 1
if (requireNamespace("MatchIt", quietly = TRUE)) {
  results[["matchit"]] <- as.character(packageVersion("MatchIt"))
  seconds$matchit <- median_seconds(function()
    MatchIt::matchit(treated ~ score, score, distance = score$score, caliper = 0.2), 1)
}
versions <- sapply(c("survival", "geepack"), function(name) as.character(packageVersion(name)))
write_json(list(seconds = seconds, results = results, versions = as.list(c(R = as.character(getRversion()), versions))),
           file.path(folder, "peers.json"), auto_unbox = TRUE, digits = NA)
