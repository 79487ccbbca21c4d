# Probabilities of going on past each look, from the multivariate normal distribution (mvtnorm, Miwa's algorithm):
# a route to the same numbers without any recursion over looks. Writes trial_sequential.json beside this script.
library(mvtnorm)
library(jsonlite)

cases <- list(
  list(time = c(0.2, 0.4, 0.6, 0.8, 1), lower = rep(-2.4132, 5), upper = rep(2.4132, 5), drift = 0),
  list(time = c(0.2, 0.4, 0.6, 0.8, 1), lower = rep(-2.4132, 5), upper = rep(2.4132, 5), drift = 3.24),
  list(time = c(0.3, 0.5, 1), lower = rep(-Inf, 3), upper = c(3.5, 2.9, 1.98), drift = 1.5),
  list(time = c(0.15, 0.5, 0.6, 1), lower = c(-1.2, 0.2, 0.6, 2), upper = c(4, 2.8, 2.5, 2), drift = 2.5),
  list(time = c(0.4625, 0.8, 1), lower = c(0, 0.5, 1.9), upper = c(3, 2.4, 1.9), drift = -0.7)
)

going_on <- function(case, looks) {
  time <- case$time[seq_len(looks)]
  correlation <- outer(time, time, function(s, t) sqrt(pmin(s, t) / pmax(s, t)))
  shift <- case$drift * sqrt(time)
  if (looks == 1) {
    return(pnorm(case$upper[1] - shift[1]) - pnorm(case$lower[1] - shift[1]))
  }
  as.numeric(pmvnorm(
    lower = case$lower[seq_len(looks)] - shift, upper = case$upper[seq_len(looks)] - shift,
    corr = correlation, algorithm = Miwa(steps = 4096)
  ))
}

answers <- lapply(cases, function(case) {
  case$going_on <- sapply(seq_along(case$time), function(looks) going_on(case, looks))
  case
})
arguments <- commandArgs(trailingOnly = FALSE)
folder <- dirname(sub("--file=", "", grep("--file=", arguments, value = TRUE)))
write(toJSON(
  list(r = R.version.string, mvtnorm = as.character(packageVersion("mvtnorm")), cases = answers),
  digits = 14, auto_unbox = FALSE, pretty = TRUE, na = "string"
), file.path(folder, "trial_sequential.json"))
