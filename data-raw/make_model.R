# The model that every later version must read: Rscript data-raw/make_model.R, with the first
# version of the format (1), from the folder of the package.
library(neuralee)
x <- as.matrix(iris[, 1:4])
fit <- neuralee(
  x, perplexity = 20, lambda = 10, maxit = 30, hidden = c(6, 6), residual = TRUE, verbose = FALSE,
  preprocess = preprocessing(log = TRUE, ntop = 3, components = 2, scale = TRUE)
)
save_neuralee(fit, "tests/testthat/fixtures/iris.nee")
write.csv(
  predict(fit, x[c(1, 51, 101), ]), "tests/testthat/fixtures/iris_places.csv", row.names = FALSE
)
