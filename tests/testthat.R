# Work that would need rayon's global pool, whose threads do not survive a fork, is an error here.
Sys.setenv(NEURALEE_GLOBAL_POOL = "forbidden")

library(testthat)
library(neuralee)

test_check("neuralee")
