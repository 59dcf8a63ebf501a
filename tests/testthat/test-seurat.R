flowers <- function() {
  matrix(iris_x, 150, dimnames = list(sprintf("cell%d", 1:150), c("sl", "sw", "pl", "pw")))
}

# Iris as counts of four genes in named cells, with a reduction.
iris_seurat <- function() {
  x <- flowers()
  object <- seurat_of(10 * t(x))
  object[["pca"]] <- SeuratObject::CreateDimReducObject(
    embeddings = matrix(x, 150, dimnames = list(rownames(x), paste0("PC_", 1:4))), key = "PC_",
    assay = "RNA"
  )
  object
}

iris_map <- function(...) {
  ee(as.matrix(iris[, 1:4]), perplexity = 10, maxit = 20, verbose = FALSE, ...)
}

run <- function(object, ...) RunEE(object, ..., perplexity = 10, maxit = 20, verbose = FALSE)

test_that("the map of dimensions is that of ee(), kept as Seurat keeps reductions", {
  skip_if_not_installed("SeuratObject")
  object <- run(iris_seurat(), dims = 1:4)
  reduction <- object[["ee"]]
  fit <- iris_map()
  expect_equal(SeuratObject::Embeddings(reduction), fit$embedding, ignore_attr = TRUE)
  expect_identical(
    dimnames(SeuratObject::Embeddings(reduction)), list(colnames(object), c("EE_1", "EE_2"))
  )
  expect_identical(SeuratObject::Key(reduction), "EE_", ignore_attr = TRUE)
  expect_identical(SeuratObject::DefaultAssay(reduction), "RNA")
  expect_true(SeuratObject::IsGlobal(reduction))
  expect_equal(SeuratObject::Misc(reduction, "loss"), fit$loss)
  expect_identical(SeuratObject::Misc(reduction, "trace")$loss, fit$trace$loss)
  expect_identical(SeuratObject::Misc(reduction, "params")$perplexity, 10)
  expect_identical(
    SeuratObject::FetchData(object, "EE_1")[[1L]], unname(SeuratObject::Embeddings(reduction)[, 1L])
  )
  expect_identical(SeuratObject::Command(object), "RunEE.RNA.pca")
})

test_that("some dimensions, another seed, name and number of components", {
  skip_if_not_installed("SeuratObject")
  object <- run(
    iris_seurat(), dims = 3:4, n.components = 3, seed.use = 7, reduction.name = "map",
    reduction.key = "MAP_"
  )
  fit <- ee(as.matrix(iris[, 3:4]), d = 3, seed = 7, perplexity = 10, maxit = 20, verbose = FALSE)
  expect_equal(SeuratObject::Embeddings(object, "map"), fit$embedding, ignore_attr = TRUE)
  expect_identical(colnames(SeuratObject::Embeddings(object, "map")), paste0("MAP_", 1:3))
})

test_that("features of an assay are taken as they are in the layer", {
  skip_if_not_installed("SeuratObject")
  object <- iris_seurat()
  genes <- c("pl", "sw", "pw")
  fit <- ee(
    10 * as.matrix(iris[, c("Petal.Length", "Sepal.Width", "Petal.Width")]),
    perplexity = 10, maxit = 20, verbose = FALSE
  )
  of_object <- run(object, features = genes, layer = "counts")
  expect_equal(SeuratObject::Embeddings(of_object, "ee"), fit$embedding, ignore_attr = TRUE)
  expect_false(SeuratObject::IsGlobal(of_object[["ee"]]))
  expect_identical(SeuratObject::Command(of_object), "RunEE.RNA")
  of_slot <- run(object, features = genes, slot = "counts")
  expect_identical(
    SeuratObject::Embeddings(of_slot, "ee"), SeuratObject::Embeddings(of_object, "ee")
  )
  SeuratObject::VariableFeatures(object) <- genes
  of_assay <- run(object[["RNA"]], layer = "counts")
  expect_equal(SeuratObject::Embeddings(of_assay), fit$embedding, ignore_attr = TRUE)
})

test_that("a matrix has its cells in rows", {
  skip_if_not_installed("SeuratObject")
  x <- as.matrix(iris[, 1:4])
  rownames(x) <- sprintf("cell%d", 1:150)
  expect_equal(SeuratObject::Embeddings(run(x)), iris_map()$embedding, ignore_attr = TRUE)
  expect_refused(run(unname(x)), "input", "no names")
  rownames(x)[2:3] <- "cell1"
  expect_refused(run(x), "input", "share a name: .*cell1")
})

test_that("graph, Neighbor object and lists replace the search for neighbours alone", {
  skip_if_not_installed("SeuratObject")
  object <- iris_seurat()
  x <- SeuratObject::Embeddings(object, "pca")
  found <- find_neighbors(x, 24)
  expected <- SeuratObject::Embeddings(run(object, dims = 1:4, neighbors = found), "ee")
  lists <- methods::new(
    methods::getClass("Neighbor", where = asNamespace("SeuratObject")),
    nn.idx = found$index, nn.dist = found$distance, cell.names = colnames(object)
  )
  object[["RNA.nn"]] <- lists
  expect_equal(
    SeuratObject::Embeddings(run(object, dims = 1:4, nn.name = "RNA.nn"), "ee"), expected
  )
  # By name, in whatever order the cells are.
  turned <- 150:1
  lists@nn.idx <- 151L - lists@nn.idx[turned, ]
  lists@nn.dist <- lists@nn.dist[turned, ]
  lists@cell.names <- lists@cell.names[turned]
  expect_equal(
    neighbors_by_name(lists, x, "turned.nn"), found[c("index", "distance")],
    ignore_attr = TRUE
  )
  # As FindNeighbors() makes it: ones, and every cell among its own neighbours.
  graph <- Matrix::sparseMatrix(
    i = c(row(found$index), 1:150), j = c(found$index, 1:150), x = 1,
    dimnames = list(colnames(object), colnames(object))
  )
  graph <- SeuratObject::as.Graph(graph)
  SeuratObject::DefaultAssay(graph) <- "RNA"
  object[["RNA_nn"]] <- graph
  of_graph <- neighbors_of_graph(graph, x, "RNA_nn")
  # Equally distant neighbours stand in any order.
  expect_identical(apply(of_graph$index, 1, sort), unname(apply(found$index, 1, sort)))
  expect_equal(of_graph$distance, found$distance, ignore_attr = TRUE)
  loss_of <- function(object) SeuratObject::Misc(object = object[["ee"]], slot = "loss")
  expect_equal(
    loss_of(run(object, dims = 1:4, graph = "RNA_nn")), loss_of(run(object, dims = 1:4, k = 24)),
    tolerance = 0.02
  )
  expect_refused(
    RunEE(object, dims = 1:4, graph = "RNA_nn", perplexity = 30, verbose = FALSE),
    "perplexity", "30"
  )
  expect_refused(
    run(object, dims = 1:4, graph = "RNA_nn", nn.name = "RNA.nn"), "input", "more than once"
  )
  expect_refused(run(object, dims = 1:4, graph = "RNA_snn"), "input", "RNA_nn")
  expect_refused(run(object, dims = 1:4, nn.name = "no such"), "input", "RNA.nn")
  expect_refused(
    run(object, dims = 1:4, nn.name = lists), "input", "`nn.name`.*name of a Neighbor object"
  )
  expect_refused(run(object, dims = 1:4, graph = graph), "input", "`graph`.*name of a graph")
  unknown <- graph
  unknown@x[[1L]] <- NA
  object[["unknown_nn"]] <- unknown
  expect_refused(run(object, dims = 1:4, graph = "unknown_nn"), "not_finite", "NA")
  graph@x[graph@i == 0L] <- 0
  object[["bad_nn"]] <- graph
  expect_refused(run(object, dims = 1:4, graph = "bad_nn"), "input", "0 neighbours of cell cell1")
})

test_that("a network is kept and maps new cells", {
  skip_if_not_installed("SeuratObject")
  object <- RunNeuralEE(
    iris_seurat(), features = c("pl", "sw", "pw"), layer = "counts", perplexity = 10, maxit = 20,
    verbose = FALSE
  )
  reduction <- object[["neuralee"]]
  expect_identical(colnames(SeuratObject::Embeddings(reduction)), c("NeuralEE_1", "NeuralEE_2"))
  mapped <- predict(embedding_model(reduction), object[, 1:50], verbose = FALSE)
  expect_equal(
    mapped, SeuratObject::Embeddings(reduction)[1:50, ], ignore_attr = TRUE, tolerance = 1e-5
  )
  embedded <- RunNeuralEE(iris_seurat(), dims = 2:4, perplexity = 10, maxit = 20, verbose = FALSE)
  on_dims <- embedded[["neuralee"]]
  expect_equal(
    predict(embedding_model(on_dims), object, verbose = FALSE), SeuratObject::Embeddings(on_dims),
    ignore_attr = TRUE, tolerance = 1e-5
  )
  expect_identical(embedding_model(object), embedding_model(reduction))
  expect_refused(embedding_model(object, "pca"), "input", "holds no model")
  expect_refused(embedding_model(object, "umap"), "input", "no reduction \"umap\"")
  layers <- coef(embedding_model(reduction))$layers
  expect_identical(names(layers), c("hidden1", "hidden2", "output"))
  weights <- weights(embedding_model(reduction))
  expect_identical(weights, lapply(layers, `[[`, "weight"))
  expect_identical(dim(weights$hidden1), c(50L, 3L))
})

test_that("Seurat's own plots take the reductions", {
  skip_if_not_installed("Seurat")
  object <- run(iris_seurat(), dims = 1:4)
  object$species <- iris$Species
  drawn <- function(plot) ggplot2::ggplot_build(plot)$data[[1L]]
  points <- drawn(Seurat::DimPlot(object, reduction = "ee", group.by = "species"))
  expect_equal(sort(points$x), sort(unname(SeuratObject::Embeddings(object, "ee")[, 1L])))
  points <- drawn(Seurat::FeaturePlot(object, "pl", reduction = "ee", slot = "counts"))
  expect_equal(sort(points$y), sort(unname(SeuratObject::Embeddings(object, "ee")[, 2L])))
  expect_identical(
    SeuratObject::Reductions(subset(object, cells = colnames(object)[1:20])), c("pca", "ee")
  )
  neighbours <- Seurat::FindNeighbors(object, reduction = "ee", dims = 1:2, verbose = FALSE)
  expect_true("RNA_snn" %in% SeuratObject::Graphs(neighbours))
})

test_that("the graph of Seurat's FindNeighbors() is taken", {
  skip_if_not_installed("Seurat")
  object <- Seurat::FindNeighbors(
    iris_seurat(), dims = 1:4, k.param = 25, nn.method = "rann", verbose = FALSE
  )
  loss_of <- function(object) SeuratObject::Misc(object = object[["ee"]], slot = "loss")
  expect_equal(
    loss_of(run(object, dims = 1:4, graph = "RNA_nn")), loss_of(run(object, dims = 1:4, k = 23)),
    tolerance = 0.1
  )
})

test_that("new cells give the assay that the network was trained on", {
  skip_if_not_installed("SeuratObject")
  object <- iris_seurat()
  object[["twice"]] <- SeuratObject::CreateAssayObject(counts = sparse(20 * t(flowers())))
  object <- RunNeuralEE(
    object, features = c("pl", "sw", "pw"), assay = "twice", layer = "counts", perplexity = 10,
    maxit = 20, verbose = FALSE
  )
  reduction <- object[["neuralee"]]
  file <- tempfile(fileext = ".nee")
  on.exit(unlink(file))
  save_neuralee(reduction, file)
  for (model in list(reduction, load_neuralee(file))) {
    expect_equal(
      predict(model, object, verbose = FALSE), SeuratObject::Embeddings(reduction),
      ignore_attr = TRUE, tolerance = 1e-5
    )
  }
})

test_that("bad input is refused", {
  skip_if_not_installed("SeuratObject")
  object <- iris_seurat()
  expect_refused(run(object, dims = 1:2, d = 3), "input", "n.components")
  expect_refused(run(object, dims = 1:2, reduction.name = "RNA"), "input", "already")
  expect_refused(run(object, dims = 1:2, reduction.name = "my ee"), "input", "letters")
  expect_refused(run(object, dims = 1:2, assay = "nope"), "input", "no assay")
  expect_refused(run(object), "input", "Neither `dims` nor `features`")
  expect_refused(run(object, dims = 1:2, features = "pl"), "input", "Both")
  expect_refused(run(object, dims = 1:5), "input", "4 dimensions of \"pca\"")
  expect_refused(run(object, dims = 1:2, reduction = "umap"), "input", "pca")
  expect_refused(
    run(object, features = c("pl", "nope"), layer = "counts"), "input",
    "`features` names rows that are not there: .*nope"
  )
  expect_refused(run(object, features = "pl", assay = "ADT"), "input", "RNA")
  expect_refused(run(object, features = "pl", layer = "scaled"), "input", "layer \"scaled\"")
  expect_refused(run(object, features = "pl", layer = 1), "input", "`layer`")
  expect_refused(run(object, features = "pl", layer = "scale.data"), "input", "empty.*ScaleData")
  expect_refused(run(object[["RNA"]], layer = "counts"), "input", "FindVariableFeatures")
  expect_refused(run(object, dims = 1:2, reduction.key = "EE"), "input", "underscore")
  # What the cells are is said of the object, not of a matrix that the user has not seen.
  expect_refused(
    run(object[, 1], dims = 1:2), "input", "`object` has 1 cell; an embedding needs at least 3"
  )
  expect_refused(
    run(object[, 1:2], features = c("pl", "sw"), layer = "counts"), "input", "`object` has 2 cells"
  )
  incomplete <- SeuratObject::Embeddings(object, "pca")
  incomplete[3, 2] <- NA
  expect_refused(
    run(incomplete), "not_finite",
    "`object` has the value NA in row 3 \\(cell \"cell3\"\\), column 2"
  )
  object[["holes"]] <- SeuratObject::CreateDimReducObject(
    embeddings = incomplete, key = "HOLES_", assay = "RNA"
  )
  expect_refused(
    run(object, dims = 1:2, reduction = "holes"), "not_finite", "`object` has the value NA in row 3"
  )
  expect_refused(run(object, dims = 1:2, reduction.name = ""), "input", "`reduction.name`")
  expect_refused(run(object, dims = 1:2, n.components = 0), "dimension", "`n.components`")
  expect_refused(run(object, dims = 1:2, ncomponents = 3), "input", "n.components")
  expect_refused(run(object, dims = 1:2, n.neighbors = 30), "input", "n.neighbors")
  expect_refused(run(object, dims = 1:2, seed.use = -1), "input", "`seed.use`")
  expect_refused(run(counts_sce()), "input", "runEE")
})

test_that("networks train on matrices and assays, and neighbours of other cells are refused", {
  skip_if_not_installed("SeuratObject")
  object <- iris_seurat()
  network <- function(...) RunNeuralEE(..., perplexity = 10, maxit = 3, hidden = 5, verbose = FALSE)
  by_object <- network(object, features = c("pl", "pw"), layer = "counts")[["neuralee"]]
  values <- 10 * flowers()[, c("pl", "pw")]
  expect_identical(SeuratObject::Embeddings(network(values)), SeuratObject::Embeddings(by_object))
  by_assay <- network(object[["RNA"]], features = c("pl", "pw"), layer = "counts")
  expect_identical(SeuratObject::Embeddings(by_assay), SeuratObject::Embeddings(by_object))
  cells <- colnames(object)
  graph <- SeuratObject::as.Graph(sparse(matrix(1, 150, 150, dimnames = list(cells, rev(cells)))))
  rownames(graph) <- sprintf("other%d", 1:150)
  SeuratObject::DefaultAssay(graph) <- "RNA"
  expect_refused(
    neighbors_of_graph(graph, SeuratObject::Embeddings(object, "pca"), "RNA_nn"), "input",
    "150 cells that are embedded"
  )
})
