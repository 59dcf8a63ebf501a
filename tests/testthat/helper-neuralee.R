# A short training on iris, with small layers and without landmarks.
train <- function(x = iris_x, ..., perplexity = 20, lambda = 10, maxit = 20, hidden = c(10, 10),
                  landmarks = 0, verbose = FALSE) {
  neuralee(
    x, perplexity = perplexity, lambda = lambda, maxit = maxit, hidden = hidden,
    landmarks = landmarks, verbose = verbose, ...
  )
}

# Everything that must not depend on when and with how many threads a network was trained.
trained <- function(fit) {
  list(
    fit$embedding, fit$loss, fit$trace[names(fit$trace) != "seconds"], fit$model$bytes,
    fit$params$iterations
  )
}
