flowers <- function() {
  matrix(iris_x, 150, dimnames = list(sprintf("cell%d", 1:150), c("sl", "sw", "pl", "pw")))
}

features <- c("pl", "sw", "pw")
counts <- 10 * t(flowers())
sample <- rep(c("x", "y", "x"), 50)

run <- function(object, ...) RunEE(object, ..., perplexity = 10, maxit = 20, verbose = FALSE)

run_network <- function(object, ...) {
  RunNeuralEE(object, ..., perplexity = 10, maxit = 20, hidden = 5, verbose = FALSE)
}

places_of <- function(object, name) SeuratObject::Embeddings(object = object, reduction = name)

# The places of whole counts, which every other way of storing them must give.
expected_map <- function() {
  places_of(run(seurat_of(counts), features = features, layer = "counts"), "ee")
}

split_object <- function(values = counts, by = sample) {
  object <- seurat_of(values)
  object[["RNA"]] <- split(object[["RNA"]], f = by)
  object
}

layers_of <- function(object) getExportedValue("SeuratObject", "Layers")(object = object)

test_that("a layer that is split by sample is embedded in the order of the object's cells", {
  skip_without_seurat_5()
  object <- split_object()
  expect_setequal(layers_of(object), c("counts.x", "counts.y"))
  expect_identical(
    places_of(run(object, features = features, layer = "counts"), "ee"), expected_map()
  )
  # Its assay alone, and parts that are dense or on disk.
  expect_identical(
    SeuratObject::Embeddings(object = run(object[["RNA"]], features = features, layer = "counts")),
    expected_map()
  )
  dense <- with_layer(
    with_layer(object, "data.x", counts[, sample == "x"]), "data.y", counts[, sample == "y"]
  )
  expect_identical(places_of(run(dense, features = features), "ee"), expected_map())
  # A part that is named is embedded alone.
  part <- run(object, features = features, layer = "counts.y")
  expect_identical(rownames(places_of(part, "ee")), colnames(counts)[sample == "y"])
})

test_that("a network takes split layers in training and for new cells", {
  skip_without_seurat_5()
  whole <- run_network(seurat_of(counts), features = features, layer = "counts")
  expected <- places_of(whole, "neuralee")
  split <- run_network(split_object(), features = features, layer = "counts")
  expect_identical(places_of(split, "neuralee"), expected)
  for (object in list(whole, split)) {
    found <- predict(embedding_model(object), split_object(), verbose = FALSE)
    expect_identical(rownames(found), colnames(counts))
    expect_equal(found, expected, ignore_attr = TRUE, tolerance = 1e-5)
    expect_identical(
      with_small_blocks(predict(embedding_model(object), split_object(), verbose = FALSE), 4000),
      found
    )
  }
  drawn <- plot_embedding(split, colour_by = "pl", assay.type = "counts")$data
  expect_equal(sort(drawn$colour), sort(unname(counts["pl", ])))
})

test_that("features that a part lacks are refused by name, and others are taken", {
  skip_without_seurat_5()
  object <- merge(seurat_of(counts[, sample == "x"]), seurat_of(counts[-4, sample == "y"]))
  expect_refused(
    run(object, features = features, layer = "counts"), "input",
    paste(
      "\"counts\" is split into \"counts.1\", \"counts.2\". \"counts.2\" lacks features:",
      "\"pw\".*JoinLayers"
    )
  )
  common <- c("pl", "sw")
  # merge() has put the cells of one sample behind those of the other.
  cells <- c(which(sample == "x"), which(sample == "y"))
  together <- run(seurat_of(counts[, cells]), features = common, layer = "counts")
  expect_identical(
    places_of(run(object, features = common, layer = "counts"), "ee"), places_of(together, "ee")
  )
  network <- run_network(seurat_of(counts), features = features, layer = "counts")[["neuralee"]]
  expect_refused(
    predict(network, object, verbose = FALSE), "input", "\"counts.2\" lacks features: \"pw\""
  )
})

test_that("parts that are not those of one layer are refused", {
  skip_without_seurat_5()
  object <- with_layer(with_layer(seurat_of(counts), "data.clr", counts), "data.log", log1p(counts))
  expect_refused(
    run(object, features = features), "input",
    "\"data.clr\", \"data.log\", which share cells.*\"cell1\""
  )
  object <- with_layer(split_object(), "data.x", counts[, sample == "x"])
  expect_refused(run(object, features = features), "input", "lack 50 of the 150 cells: \"cell2\"")
})

test_that("a layer that is not there yet is named with what makes it", {
  skip_without_seurat_5()
  object <- seurat_of(counts)
  expect_refused(
    run(object, features = features), "input", "\"data\".*empty.*NormalizeData\\(\\).*\"counts\""
  )
  expect_refused(
    run(object, features = features, layer = "tpm"), "input", "layer \"tpm\".*\"counts\""
  )
  plain <- train(t(counts))
  expect_refused(predict(plain, object, verbose = FALSE), "input", "NormalizeData")
  expect_refused(predict(plain, object, assay.type = 1, verbose = FALSE), "input", "no layer 1")
  expect_equal(
    predict(plain, object, assay.type = "counts", verbose = FALSE), plain$embedding,
    tolerance = 1e-6
  )
})

test_that("assays of Seurat 4 are taken, alone and in an object", {
  skip_if_not_installed("SeuratObject")
  assay <- SeuratObject::CreateAssayObject(counts = sparse(counts))
  expect_identical(
    SeuratObject::Embeddings(object = run(assay, features = features, layer = "counts")),
    expected_map()
  )
  object <- seurat_of(counts)
  object[["old"]] <- assay
  found <- run_network(object, assay = "old", features = features, layer = "counts")[["neuralee"]]
  expect_identical(SeuratObject::DefaultAssay(object = found), "old")
  for (new in list(object, assay)) {
    expect_equal(
      predict(embedding_model(found), new, verbose = FALSE),
      SeuratObject::Embeddings(object = found), ignore_attr = TRUE, tolerance = 1e-5
    )
  }
  expect_refused(
    predict(embedding_model(found), assay, dimred = "pca", verbose = FALSE), "input",
    "assay has no reduction \"pca\""
  )
})

# 400 cells of three types with 90 genes.
three_types <- function() {
  type <- rep(1:3, length.out = 400)
  gene <- rep(1:3, each = 30)
  mean <- outer(gene, type, function(g, t) ifelse(g == t, 6, 1)) * rep(
    seq(0.5, 1.5, length.out = 400), each = 90
  )
  counts <- withr::with_seed(1, matrix(stats::rpois(length(mean), mean), 90))
  dimnames(counts) <- list(paste0("gene", 1:90), paste0("cell", 1:400))
  counts
}

test_that("what SCTransform() makes is embedded and maps new cells", {
  skip_if_not_installed("Seurat")
  skip_if_not_installed("sctransform")
  skip_if_not_installed("withr")
  object <- suppressMessages(
    suppressWarnings(Seurat::SCTransform(seurat_of(three_types()), verbose = FALSE))
  )
  genes <- SeuratObject::VariableFeatures(object = object)
  object <- run_network(object, features = genes, layer = "scale.data")
  reduction <- object[["neuralee"]]
  expect_identical(SeuratObject::DefaultAssay(object = reduction), "SCT")
  SeuratObject::DefaultAssay(object = object) <- "RNA"
  expect_equal(
    predict(embedding_model(reduction), object, verbose = FALSE), places_of(object, "neuralee"),
    ignore_attr = TRUE, tolerance = 1e-5
  )
})

test_that("a network that was trained on a sketch maps all cells", {
  skip_without_seurat_5()
  skip_if_not_installed("Seurat")
  skip_if_not_installed("withr")
  object <- Seurat::NormalizeData(seurat_of(three_types()), verbose = FALSE)
  object <- Seurat::FindVariableFeatures(object, nfeatures = 80, verbose = FALSE)
  object <- suppressMessages(
    suppressWarnings(Seurat::SketchData(object, ncells = 150, verbose = FALSE))
  )
  sketched <- colnames(object[["sketch"]])
  object <- run_network(object, features = rownames(object))
  reduction <- object[["neuralee"]]
  expect_identical(rownames(SeuratObject::Embeddings(object = reduction)), sketched)
  expect_identical(SeuratObject::DefaultAssay(object = reduction), "sketch")
  object$number <- seq_len(400)
  expect_setequal(
    plot_embedding(object, "number", dimred = "neuralee")$data$colour,
    match(sketched, colnames(object))
  )
  expect_length(
    ggplot2::ggplot_build(Seurat::DimPlot(object, reduction = "neuralee"))$data[[1L]]$x, 150L
  )
  all_cells <- predict(embedding_model(reduction), object[["RNA"]], verbose = FALSE)
  expect_identical(rownames(all_cells), colnames(object))
  expect_equal(
    all_cells[sketched, ], SeuratObject::Embeddings(object = reduction), ignore_attr = TRUE,
    tolerance = 1e-5
  )
  # The default assay of the object decides where the sketch lacks cells.
  expect_identical(rownames(predict(embedding_model(reduction), object, verbose = FALSE)), sketched)
  SeuratObject::DefaultAssay(object = object) <- "RNA"
  expect_identical(predict(embedding_model(reduction), object, verbose = FALSE), all_cells)
  # The same from components: those of all cells have another key.
  SeuratObject::DefaultAssay(object = object) <- "sketch"
  object <- Seurat::RunPCA(Seurat::ScaleData(object, verbose = FALSE), npcs = 5, verbose = FALSE)
  object <- suppressMessages(suppressWarnings(Seurat::ProjectData(
    object, assay = "RNA", sketched.assay = "sketch", sketched.reduction = "pca",
    full.reduction = "pca.full", dims = 1:5, verbose = FALSE
  )))
  object <- run_network(object, dims = c(3, 1))
  found <- predict(embedding_model(object), object, dimred = "pca.full", verbose = FALSE)
  expect_identical(rownames(found), colnames(object))
  renamed <- places_of(object, "pca.full")
  colnames(renamed) <- colnames(places_of(object, "pca"))
  expect_identical(predict(embedding_model(object), renamed, verbose = FALSE), found)
})

test_that("map and model go with the object", {
  skip_if_not_installed("SeuratObject")
  object <- run_network(
    run(seurat_of(counts), features = features, layer = "counts"), features = features,
    layer = "counts"
  )
  expected <- places_of(object, "neuralee")
  expect_maps <- function(changed, cells) {
    reduction <- changed[["neuralee"]]
    expect_identical(
      unname(SeuratObject::Embeddings(object = reduction)), unname(expected[cells, ])
    )
    expect_identical(unname(rownames(places_of(changed, "ee"))), colnames(changed))
    expect_equal(
      unname(predict(embedding_model(reduction), changed, verbose = FALSE)),
      unname(expected[cells, ]), tolerance = 1e-5
    )
  }
  expect_maps(subset(object, cells = colnames(object)[c(3, 50:80)]), c(3, 50:80))
  expect_maps(SeuratObject::RenameCells(object = object, add.cell.id = "new"), 1:150)
  expect_maps(suppressMessages(SeuratObject::UpdateSeuratObject(object = object)), 1:150)
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(object, file)
  expect_maps(readRDS(file), 1:150)
  # merge() keeps the places of both, and of the model nothing: it is that of the object before.
  parts <- lapply(
    list(1:60, 61:150), function(cells) subset(object, cells = colnames(object)[cells])
  )
  merged <- suppressWarnings(
    suppressMessages(merge(parts[[1L]], parts[[2L]], merge.dr = c("ee", "neuralee")))
  )
  expect_identical(places_of(merged, "neuralee"), expected)
  expect_equal(
    predict(embedding_model(object), merged, verbose = FALSE), expected, ignore_attr = TRUE,
    tolerance = 1e-5
  )
  expect_refused(predict(embedding_model(merged, "neuralee"), merged), "input", "holds no model")
})

test_that("an object that Seurat 4 stored is updated and maps cells", {
  skip_if_not_installed("SeuratObject")
  object <- suppressMessages(
    SeuratObject::UpdateSeuratObject(object = readRDS(test_path("fixtures", "seurat_4.rds")))
  )
  expect_equal(
    predict(embedding_model(object), object, verbose = FALSE), places_of(object, "neuralee"),
    ignore_attr = TRUE, tolerance = 1e-5
  )
  again <- run(object, dims = 1:3, reduction.name = "again", reduction.key = "AGAIN_")
  expect_equal(SeuratObject::DefaultAssay(object = again[["again"]]), "RNA")
})

# A matrix with what neuralee asks of those of BPCells, which counts the values of the largest part
# that was read.
read_at_most <- new.env()

stand_in_for_bpcells <- function(values) {
  where <- globalenv()
  methods::setClass("IterableMatrix", slots = c(values = "dgCMatrix"), where = where)
  made <- methods::new(methods::getClass("IterableMatrix", where = where), values = sparse(values))
  methods::setMethod("dim", "IterableMatrix", function(x) dim(x@values), where = where)
  methods::setMethod("dimnames", "IterableMatrix", function(x) dimnames(x@values), where = where)
  methods::setMethod("dimnames<-", "IterableMatrix", function(x, value) {
    dimnames(x@values) <- value
    x
  }, where = where)
  methods::setMethod("[", "IterableMatrix", function(x, i, j, ..., drop) {
    rows <- if (missing(i)) seq_len(nrow(x)) else i
    columns <- if (missing(j)) seq_len(ncol(x)) else j
    x@values <- x@values[rows, columns, drop = FALSE]
    x
  }, where = where)
  methods::setAs("IterableMatrix", "dgCMatrix", function(from) {
    read_at_most$values <- max(read_at_most$values, prod(dim(from)))
    from@values
  }, where = where)
  made
}

test_that("matrices of BPCells are read block by block", {
  skip_without_seurat_5()
  there <- rlang::is_installed("BPCells")
  if (!there) on.exit(suppressWarnings(methods::removeClass("IterableMatrix", where = globalenv())))
  on_disk <- function(counts) {
    object <- seurat_of(counts)
    if (there) {
      return(with_layer(object, "counts", methods::as(sparse(counts), "IterableMatrix")))
    }
    # Seurat would call BPCells for sums of what it takes.
    methods::slot(object@assays[["RNA"]], "layers")[["counts"]] <- stand_in_for_bpcells(counts)
    object
  }
  object <- on_disk(counts)
  read_at_most$values <- 0
  found <- run_network(object, features = features, layer = "counts")[["neuralee"]]
  expect_identical(
    SeuratObject::Embeddings(object = run(object, features = features, layer = "counts")[["ee"]]),
    expected_map()
  )
  expect_lte(read_at_most$values, 3 * 150)
  # Five blocks of 1,024 cells.
  many <- 10 * t(many_flowers())
  rownames(many) <- rownames(counts)
  read_at_most$values <- 0
  places <- with_small_blocks(
    predict(embedding_model(found), on_disk(many), verbose = FALSE), 4 * 8 * 1024
  )
  expect_lte(read_at_most$values, 4 * 1024)
  expect_identical(places, predict(embedding_model(found), seurat_of(many), verbose = FALSE))
})
