# Maps of data that fall into parts, by ee() with its defaults: how wide the map is, the least
# radius of a part in units of that width, its iterations and whether it converged. The radius is
# the root mean square distance from a part's mean, and the width the longer side of the map.
#   Rscript bench/structures.R
suppressPackageStartupMessages(library(neuralee))

# `count` parts of `size` cells in 8 dimensions, whose centres lie `apart` standard deviations from
# each other along the edges of a simplex. More parts than dimensions lie on a sphere.
parts <- function(count, size, apart) {
  set.seed(1)
  centres <- if (count <= 8) {
    diag(8)[seq_len(count), , drop = FALSE] / sqrt(2)
  } else {
    directions <- matrix(rnorm(count * 8), count)
    directions / sqrt(rowSums(directions^2))
  }
  part <- rep(seq_len(count), each = size)
  list(x = apart * centres[part, ] + matrix(rnorm(count * size * 8), count * size), part = part)
}

cases <- list(
  "2 parts, 13 deviations apart" = parts(2, 300, 13),
  "3 parts, 13" = parts(3, 200, 13), "3 parts, 66" = parts(3, 200, 66),
  "3 parts, 1,000" = parts(3, 200, 1000), "8 parts, 13" = parts(8, 150, 13),
  "8 parts, 66" = parts(8, 150, 66), "8 parts, 1,000" = parts(8, 150, 1000),
  "100 parts of 30 cells, 1,000" = parts(100, 30, 1000),
  "the same, perplexity 8" = c(parts(100, 30, 1000), perplexity = 8),
  "4 sets of equal cells" = local({
    part <- rep(1:4, each = 100)
    list(x = diag(8)[part, ], part = part)
  }),
  "one far cell, 1,000" = local({
    whole <- parts(1, 300, 0)
    list(x = rbind(whole$x, rep(1000, 8)), part = c(whole$part, 2))
  })
)

cat("| data | width | least radius of a part | iterations | converged |\n")
cat("| --- | --- | --- | --- | --- |\n")
for (name in names(cases)) {
  data <- cases[[name]]
  perplexity <- if (is.null(data$perplexity)) 20 else data$perplexity
  fit <- ee(data$x, perplexity = perplexity, threads = 2, verbose = FALSE)
  width <- max(apply(fit$embedding, 2, function(axis) diff(range(axis))))
  radius <- tapply(seq_along(data$part), data$part, function(cells) {
    if (length(cells) == 1L) return(NA)
    sqrt(mean(rowSums(scale(fit$embedding[cells, ], scale = FALSE)^2)))
  })
  cat(sprintf(
    "| %s | %.0f | %.3f | %d | %s |\n", name, width, min(radius, na.rm = TRUE) / width,
    fit$params$iterations, if (fit$params$converged) "yes" else "no"
  ))
}
