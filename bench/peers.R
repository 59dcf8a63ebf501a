# One method on the first n points (or all), or the report on several; see peers.sh.
#   peers.R neuralee|student|uwot POINTS.npy N|all OUT.csv SEED
#   peers.R report POINTS.npy FOLDER N ...
arguments <- commandArgs(TRUE)
folder <- dirname(sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(folder, "points.R"))
method <- arguments[1L]
points <- arguments[2L]

embed <- function(method, x, seed) {
  set.seed(seed)
  switch(method,
    neuralee = neuralee::ee(
      x, lambda = 10, perplexity = 30, seed = seed, threads = 2, verbose = FALSE
    )$embedding,
    student = neuralee::ee(
      x, kernel = "student", seed = seed, threads = 2, verbose = FALSE
    )$embedding,
    uwot = uwot::umap(x, n_threads = 2, n_sgd_threads = 2, verbose = FALSE)
  )
}

if (method != "report") {
  x <- read_points(points, if (arguments[3L] != "all") as.numeric(arguments[3L]))
  map <- embed(method, x, as.numeric(arguments[5L]))
  utils::write.table(signif(map, 6), arguments[4L], sep = ",", row.names = FALSE, col.names = FALSE)
  quit("no")
}

work <- arguments[3L]
times <- utils::read.table(file.path(work, "times"), col.names = c("method", "n", "seconds"))
cat(
  "| cells | method | median s | neuralee / it | kept of 10 | AUC R_NX | 10-NN accuracy |",
  "distance correlation |\n"
)
cat("| --- | --- | --- | --- | --- | --- | --- | --- |\n")
for (n in as.numeric(arguments[-(1:3)])) {
  x <- read_points(points, n)
  labels <- read_labels(points, n)
  median_of <- function(method) stats::median(times$seconds[times$method == method & times$n == n])
  for (method in c("neuralee", "uwot", "openTSNE")) {
    map <- read_map(file.path(work, sprintf("%s-%.0f.csv", method, n)))
    quality <- neuralee::embedding_quality(
      map, x, labels = labels, k = 10, cells = 1000, threads = 2
    )
    cat(sprintf(
      "| %.0f | %s | %.2f | %.3f | %.3f | %.3f | %.3f | %.3f |\n", n, method, median_of(method),
      median_of("neuralee") / median_of(method), quality$neighborhood_preservation, quality$auc_rnx,
      quality$label_accuracy, quality$distance_correlation
    ))
  }
}
