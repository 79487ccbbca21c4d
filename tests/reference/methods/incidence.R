# Cumulative incidence of death by day 28 in each arm, the others leaving alive: Rscript incidence.R in this folder.
library(survival)
d <- read.csv("../kernels/patients.csv")
cause <- factor(ifelse(d$died == 1, 1, 2), levels = 0:2)
aj <- summary(survfit(Surv(d$time, cause) ~ d$treated), times = 28)
number <- function(x) paste(sprintf("%.15g", x), collapse = ", ")
writeLines(c("{", sprintf('  "survival": "%s",', packageVersion("survival")),
             sprintf('  "incidence": [%s],', number(aj$pstate[, 2])),
             sprintf('  "std_error": [%s]', number(aj$std.err[, 2])), "}"), "incidence.json")
