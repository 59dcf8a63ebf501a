# A child of a fork has none of its parent's threads: whatever waits for one of them waits for ever.

# What `code` gives in a child of this process, within a minute.
in_child <- function(code) {
  job <- parallel::mcparallel(code())
  found <- parallel::mccollect(job, wait = FALSE, timeout = 60)
  if (is.null(found)) tools::pskill(job$pid, tools::SIGKILL)
  # The end of the child, which gives no further answer.
  suppressWarnings(parallel::mccollect(job))
  if (is.null(found)) "no answer" else found[[1L]]
}

# Every verb that computes, by what must be the same in parent and child.
forked_verbs <- function(folder) {
  x <- iris_x + sin(seq_along(iris_x)) / 50
  dimnames(x) <- list(paste0("flower", 1:150), c("a", "b", "c", "d"))
  affinity <- entropic_affinity(x, perplexity = 10)
  dense <- as.matrix(affinity$weights)
  fit <- ee(x, affinity = affinity, maxit = 5, keep = TRUE, verbose = FALSE)
  network <- train(x, maxit = 3, keep = TRUE)
  sce <- typed_sce()
  table <- file.path(folder, "counts.csv")
  utils::write.csv(counts_of(sce), table)
  h5ad <- file.path(folder, "cells.h5ad")
  hdf5 <- !is.null(rs_build_info()$hdf5)
  if (hdf5) write_h5ad(sce, h5ad)
  free <- function(..., maxit = 5) {
    found <- ee(..., maxit = maxit, verbose = FALSE)
    found[!names(found) %in% c("timing", "trace")]
  }
  new <- x[1:20, ] + 0.01
  verbs <- list(
    entropic_affinity = function() entropic_affinity(x, perplexity = 10),
    gaussian_affinity = function() gaussian_affinity(x, perplexity = 10),
    approximate = function() entropic_affinity(x, perplexity = 10, neighbors = "approximate"),
    find_neighbors = function() find_neighbors(x, 10),
    ee = function() free(x, perplexity = 10),
    ee_of_affinity = function() free(x, affinity = affinity),
    ee_with_heavy_tails = function() free(x, affinity = affinity, kernel = "student"),
    ee_spectral = function() free(x, affinity = affinity, init = "spectral"),
    ee_path = function() {
      as.matrix(ee_path(x, c(1, 10), affinity = affinity, maxit = 5, verbose = FALSE)[[2L]])
    },
    ee_loss = function() ee_loss(fit, x, affinity),
    ee_loss_of_full_weights = function() ee_loss(fit, NULL, list(w_plus = dense, w_minus = dense)),
    ee_gradient = function() ee_gradient(fit, x, affinity),
    neuralee = function() trained(train(x, maxit = 3)),
    neuralee_of_affinity = function() {
      trained(train(x, affinity = affinity, batch_size = 50, maxit = 3))
    },
    predict_ee = function() predict(fit, new),
    predict_ee_together = function() predict(fit, new, together = TRUE),
    predict_neuralee = function() predict(network, new, verbose = FALSE),
    predict_neuralee_together = function() predict(network, new, together = TRUE, verbose = FALSE),
    predict_neuralee_loss = function() predict(network, x, affinity = "entropic", verbose = FALSE),
    fine_tune = function() fine_tune(network, x, maxit = 2, verbose = FALSE)$embedding,
    embedding_quality = function() unclass(embedding_quality(fit, x, labels = iris$Species)),
    cell_reliability = function() cell_reliability(fit, x),
    calculateEE = function() {
      matrix(calculateEE(t(x), perplexity = 10, maxit = 5, verbose = FALSE), 150)
    },
    principal_components = function() {
      scores <- principal_components(log1p(t(counts_of(sce))), n = 5, verbose = FALSE)
      matrix(scores, nrow(scores))
    },
    log_shift = function() counts_in(log_shift(counts_sce())),
    standard_scale = function() {
      SummarizedExperiment::assay(standard_scale(sce, assay.type = "counts"), 2L)
    },
    subsample_genes = function() rownames(subsample_genes(sce, 20, assay.type = "counts")),
    subsample_cells = function() colnames(subsample_cells(sce, 20)),
    read_csv_counts = function() counts_in(read_csv_counts(table, verbose = FALSE))
  )
  if (hdf5) verbs$read_h5ad <- function() counts_in(read_h5ad(h5ad, verbose = FALSE))
  verbs
}

test_that("each verb computes the same in a child after the parent has run", {
  skip_on_os("windows")
  folder <- tempfile("fork")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  verbs <- forked_verbs(folder)
  before <- options(neuralee.threads = 2)
  on.exit(options(before), add = TRUE)
  for (name in names(verbs)) {
    expect_identical(in_child(verbs[[name]]), verbs[[name]](), info = name)
  }
})

test_that("workers that BiocParallel and future fork compute as the parent does", {
  skip_on_os("windows")
  x <- iris_x
  affinity <- entropic_affinity(x, perplexity = 10)
  one <- function(seed) {
    fit <- ee(
      x, affinity = affinity, init = "random", seed = seed, maxit = 5, threads = 1, verbose = FALSE
    )
    fit$embedding
  }
  here <- lapply(1:3, one)
  if (requireNamespace("BiocParallel", quietly = TRUE)) {
    forked <- BiocParallel::MulticoreParam(2, timeout = 60)
    expect_identical(BiocParallel::bplapply(1:3, one, BPPARAM = forked), here)
  }
  if (requireNamespace("future", quietly = TRUE) && future::supportsMulticore()) {
    before <- future::plan("multicore", workers = 2)
    on.exit(future::plan(before))
    of_future <- lapply(1:3, function(seed) future::future(one(seed), seed = NULL))
    expect_identical(lapply(of_future, future::value), here)
  }
  expect_identical(parallel::mclapply(1:3, one, mc.cores = 2), here)
})

test_that("work that forgets to enter a pool is found here, and does no harm to users", {
  said <- function(forbidden) {
    before <- Sys.getenv("NEURALEE_GLOBAL_POOL", NA)
    put_back <- function() {
      Sys.unsetenv("NEURALEE_GLOBAL_POOL")
      if (!is.na(before)) Sys.setenv(NEURALEE_GLOBAL_POOL = before)
    }
    on.exit(put_back())
    Sys.setenv(NEURALEE_GLOBAL_POOL = forbidden)
    in_new_session({
      outside <- function() {
        tryCatch(neuralee:::rust_call(neuralee:::rs_work_outside_a_pool()), error = class)
      }
      here <- outside()
      child <- if (.Platform$OS.type == "windows") {
        here
      } else {
        job <- parallel::mcparallel(outside())
        parallel::mccollect(job, wait = FALSE, timeout = 60)[[1L]]
      }
      cat(here[[1L]], child[[1L]])
    })
  }
  expect_match(said("forbidden"), "neuralee_error_internal neuralee_error_internal$")
  expect_match(said("allowed"), "TRUE TRUE$")
})
