# Makes man/figures/cortex.png, the picture of the README: Rscript data-raw/make_figure.R
library(neuralee)
cortex <- read_h5ad(system.file("extdata", "cortex.h5ad", package = "neuralee"))
cortex <- runEE(log_shift(cortex), scale = TRUE, verbose = FALSE)
picture <- plot_embedding(cortex, colour_by = "label", label = TRUE, legend = FALSE, axes = FALSE)
ggplot2::ggsave("man/figures/cortex.png", picture, width = 6, height = 4.2, dpi = 120, bg = "white")
