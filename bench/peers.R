# One method on the first n points, or the report on all of them; see peers.sh.
#   peers.R neuralee|uwot POINTS.npy N OUT.csv
#   peers.R report POINTS.npy FOLDER N ...
arguments <- commandArgs(TRUE)
folder <- dirname(sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(folder, "points.R"))
method <- arguments[1L]
points <- arguments[2L]

embed <- function(method, x) {
  switch(method,
    neuralee = neuralee::ee(x, lambda = 10, perplexity = 30, threads = 2, verbose = FALSE)$embedding,
    uwot = uwot::umap(x, n_threads = 2, n_sgd_threads = 2, verbose = FALSE)
  )
}

if (method != "report") {
  x <- read_points(points, as.numeric(arguments[3L]))
  utils::write.table(signif(embed(method, x), 6), arguments[4L], sep = ",", row.names = FALSE, col.names = FALSE)
  quit("no")
}

work <- arguments[3L]
times <- utils::read.table(file.path(work, "times"), col.names = c("method", "n", "seconds"))
cat("| cells | method | median s | neuralee / it | kept of 10 | AUC R_NX | 10-NN accuracy | distance correlation |\n")
cat("| --- | --- | --- | --- | --- | --- | --- | --- |\n")
for (n in as.numeric(arguments[-(1:3)])) {
  x <- read_points(points, n)
  labels <- read_labels(points, n)
  median_of <- function(method) stats::median(times$seconds[times$method == method & times$n == n])
  for (method in c("neuralee", "uwot", "openTSNE")) {
    map <- as.matrix(utils::read.csv(file.path(work, sprintf("%s-%.0f.csv", method, n)), header = FALSE))
    quality <- neuralee::embedding_quality(unname(map), x, labels = labels, k = 10, cells = 1000, threads = 2)
    cat(sprintf(
      "| %.0f | %s | %.2f | %.3f | %.3f | %.3f | %.3f | %.3f |\n", n, method, median_of(method),
      median_of("neuralee") / median_of(method), quality$neighborhood_preservation, quality$auc_rnx,
      quality$label_accuracy, quality$distance_correlation
    ))
  }
}
