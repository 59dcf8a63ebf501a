library(testthat)
library(neuralee)

test_check("neuralee")
