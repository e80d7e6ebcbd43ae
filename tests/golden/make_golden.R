# Computes the figures of spdep and spatstat on the inputs that make_inputs.py wrote. Run in this folder:
#   Rscript make_golden.R
# Written: global.csv.gz, local.csv.gz, pairs.csv.gz (gzip, fixed time), versions.csv. Figures only; no code of R
# packages is copied.
suppressMessages({library(spdep); library(spatstat)})
options(digits = 17, warn = 1)
set.ZeroPolicyOption(TRUE)

text <- function(v) sprintf("%.17g", v)
save <- function(frame, name) {
  plain <- file.path(tempdir(), paste0(name, ".csv"))
  con <- file(plain, "wb")
  write.table(frame, con, sep = ",", row.names = FALSE, quote = FALSE, eol = "\n", na = "")
  close(con)
  system2("gzip", c("-9", "-n", "-c", plain), stdout = paste0(name, ".csv.gz"))
}

links <- read.csv(gzfile("links.csv.gz"))
areas <- read.csv(gzfile("areas.csv.gz"))
global <- list(); local <- list()

one <- function(graph, part, style, statistic, name, value)
  global[[length(global) + 1]] <<- data.frame(graph, part, style, statistic, name, value = text(as.numeric(value)))
each <- function(graph, style, statistic, value)
  local[[length(local) + 1]] <<- data.frame(graph, style, statistic, area = seq_along(value) - 1L,
                                            value = text(as.numeric(value)))
tested <- function(graph, part, style, statistic, t) {
  estimate <- unname(t$estimate)
  one(graph, part, style, statistic, c("statistic", "expected", "variance", "z"), c(estimate, unname(t$statistic)))
}

neighbours <- function(g, n) {
  rows <- links[links$graph == g, ]
  nb <- lapply(seq_len(n) - 1L, function(i) {
    found <- sort(rows$other[rows$focal == i]) + 1L
    if (length(found)) as.integer(found) else 0L
  })
  class(nb) <- "nb"
  attr(nb, "region.id") <- as.character(seq_len(n) - 1L)
  nb
}

global_figures <- function(g, part, nb, here) {
  for (style in c("W", "B")) {
    lw <- nb2listw(nb, style = style, zero.policy = TRUE)
    for (column in c("x", "skewed")) {
      v <- here[[column]]
      for (adjust in c(TRUE, FALSE)) {
        tag <- paste0(part, if (adjust) " adjusted" else "")
        tested(g, tag, style, paste("moran", column),
               moran.test(v, lw, zero.policy = TRUE, adjust.n = adjust))
        tested(g, tag, style, paste("moran normality", column),
               moran.test(v, lw, randomisation = FALSE, zero.policy = TRUE, adjust.n = adjust))
        tested(g, tag, style, paste("geary", column),
               geary.test(v, lw, zero.policy = TRUE, adjust.n = adjust))
        tested(g, tag, style, paste("geary normality", column),
               geary.test(v, lw, randomisation = FALSE, zero.policy = TRUE, adjust.n = adjust))
      }
    }
    for (adjust in c(TRUE, FALSE)) {
      tag <- paste0(part, if (adjust) " adjusted" else "")
      # an asymmetric graph and row weights are warned about; the figures are those of the formula
      tested(g, tag, style, "getis_ord skewed", suppressWarnings(
        globalG.test(here$skewed, lw, zero.policy = TRUE, adjust.n = adjust, adjust.x = adjust,
                    B1correct = TRUE)))
      counts <- joincount.test(factor(here$black), lw, zero.policy = TRUE, adjust.n = adjust)
      for (k in 1:2) tested(g, tag, style, paste("join_count", k - 1), counts[[k]])
      multi <- joincount.multi(factor(here$class), lw, zero.policy = TRUE, adjust.n = adjust)
      for (k in seq_len(nrow(multi)))
        one(g, tag, style, paste("join_count_multi", rownames(multi)[k]),
            c("statistic", "expected", "variance", "z"), multi[k, ])
    }
    set.seed(1)
    eb <- EBImoran.mc(here$count, here$total, lw, nsim = 9, zero.policy = TRUE,
                      subtract_mean_in_numerator = TRUE)
    one(g, part, style, "empirical_bayes_moran", "statistic", eb$statistic)
    # counts that differ less between areas than chance has it: the estimated variance between areas is negative
    even <- round(here$total * sum(here$count) / sum(here$total))
    eb <- EBImoran.mc(even, here$total, lw, nsim = 9, zero.policy = TRUE, subtract_mean_in_numerator = TRUE)
    one(g, part, style, "empirical_bayes_moran even", "statistic", eb$statistic)
  }
}

local_figures <- function(g, nb, here) {
  for (style in c("W", "B")) {
    lw <- nb2listw(nb, style = style, zero.policy = TRUE)
    own <- nb2listw(include.self(nb), style = style, zero.policy = TRUE)
    each(g, style, "lag x", lag.listw(lw, here$x, zero.policy = TRUE))
    each(g, style, "moran x", localmoran(here$x, lw, zero.policy = TRUE)[, "Ii"])
    each(g, style, "moran skewed", localmoran(here$skewed, lw, zero.policy = TRUE)[, "Ii"])
    each(g, style, "geary x", localC(here$x, lw, zero.policy = TRUE))
    for (column in c("x", "skewed")) {
      if (column == "skewed") {
        plain <- localG(here[[column]], lw, zero.policy = TRUE, return_internals = TRUE)
        star <- localG(here[[column]], own, zero.policy = TRUE, return_internals = TRUE)
        each(g, style, "getis_ord raw skewed", attr(plain, "internals")[, 1])
        each(g, style, "getis_ord star raw skewed", attr(star, "internals")[, 1])
      } else {
        plain <- localG(here[[column]], lw, zero.policy = TRUE)
        star <- localG(here[[column]], own, zero.policy = TRUE)
      }
      each(g, style, paste("getis_ord", column), plain)
      each(g, style, paste("getis_ord star", column), star)
    }
  }
  # spdep's LOSH stops at an isolate ("Variable contains non-finite values"): the areas with links alone
  alone <- card(nb) == 0
  lw <- nb2listw(if (any(alone)) subset(nb, !alone) else nb, style = "W")
  two <- here[!alone, ]
  set.seed(1)  # draws are not recorded
  one(g, "linked", "W", "bivariate_moran", "statistic", moran_bv(two$x, two$y, lw, nsim = 2)$t0)
  filled <- function(found) { value <- rep(NA_real_, length(nb)); value[!alone] <- found; value }
  each(g, "W", "bivariate_moran", filled(localmoran_bv(two$x, two$y, lw, nsim = 9)[, "Ibvi"]))
  binary <- nb2listw(if (any(alone)) subset(nb, !alone) else nb, style = "B")
  joins <- local_joincount_uni(factor(two$black), "1", binary, nsim = 9)
  each(g, "B", "join_count", filled(joins$BB))
  found <- LOSH(here$x[!alone], lw)
  for (name in colnames(found)) each(g, "W", paste("losh", name), filled(found[, name]))
}

for (g in unique(areas$graph)) {
  here <- areas[areas$graph == g, ]
  nb <- neighbours(g, nrow(here))
  alone <- card(nb) == 0
  global_figures(g, "all", nb, here)
  if (any(alone)) global_figures(g, "linked", subset(nb, !alone), here[!alone, ])
  local_figures(g, nb, here)
}
save(do.call(rbind, global), "global")
save(do.call(rbind, local), "local")

# Pairs of points by distance: every bin of 500 m as a raw count, and the uncorrected K and cross-K of spatstat
points <- read.csv(gzfile("points.csv.gz"))
bins <- seq(0, 28500, 500)
pairs <- list()
for (p in unique(points$pattern)) {
  here <- points[points$pattern == p, ]
  pattern <- ppp(here$x, here$y, c(0, 20000), c(0, 20000), marks = factor(here$sector))
  d <- pairdist(pattern)
  firms <- here$sector == 1
  within <- d[firms, firms]; within <- within[upper.tri(within)]
  across <- d[firms, !firms]
  jobs <- outer(here$jobs[firms], here$jobs[firms]); jobs <- jobs[upper.tri(jobs)]
  count <- function(v) as.integer(table(cut(v, bins, right = FALSE)))
  weight <- tapply(c(jobs, rep(0, length(bins) - 1)),
                   c(cut(within, bins, right = FALSE, labels = FALSE), seq_len(length(bins) - 1)), sum)
  inside <- Kest(pattern[firms], r = seq(0, 5000, 500), correction = "none", ratio = FALSE)$un
  cross <- Kcross(pattern, "1", "0", r = seq(0, 5000, 500), correction = "none")$un
  frame <- data.frame(pattern = p, from_m = bins[-length(bins)], within = count(within), across = count(across),
                      jobs = text(as.numeric(weight)))
  frame$k_within <- ""; frame$k_across <- ""
  frame$k_within[1:11] <- text(inside); frame$k_across[1:11] <- text(cross)
  pairs[[length(pairs) + 1]] <- frame
}
save(do.call(rbind, pairs), "pairs")

versions <- data.frame(what = c("R", "spdep", "spatstat", "spatstat.explore", "spatstat.geom"),
  version = c(paste(R.version$major, R.version$minor, sep = "."),
              sapply(c("spdep", "spatstat", "spatstat.explore", "spatstat.geom"),
                     function(p) as.character(packageVersion(p)))))
write.table(versions, "versions.csv", sep = ",", row.names = FALSE, quote = FALSE)
