# The layout of expression_mRNA_17-Aug-2014.txt: annotations with names in the second column, an
# empty line, genes.
cortex_counts <- function() {
  counts <- rbind(
    Tspan12 = c(0, 3, 0, 1, 2), Thy1 = c(9, 2, 30, 8, 11), `r_(CA)n` = c(0, 0, 0, 0, 0),
    Gad2 = c(1, 9, 0, 0, 40), Mog = c(0, 0, 1, 0, 0), mog = c(2, 0, 0, 0, 0)
  )
  colnames(counts) <- sprintf("1772071015_C0%d", 1:5)
  counts
}

cortex_lines <- function(counts = cortex_counts()) {
  line <- function(...) paste(c(...), collapse = "\t")
  above <- list(
    tissue = rep("sscortex", 5), `group #` = c(1, 1, 10, 2, 2),
    `total mRNA mol` = c(21580, 21748, 31642, 32916, 21531), well = 11:15, sex = c(1, -1, 0, 1, 1),
    age = c(21, 20, 20, 21, 25), diameter = c(0, 9.56, 11.1, 11.7, 11), cell_id = colnames(counts),
    level1class = c(
      "microglia", "interneurons", "astrocytes_ependymal", "interneurons", "microglia"
    ),
    level2class = c("Mgl1", "Int10", "(none)", "Int2", "Mgl1")
  )
  genes <- vapply(
    rownames(counts), function(gene) line(gene, match(gene, rownames(counts)) - 2, counts[gene, ]),
    ""
  )
  c(
    vapply(names(above), function(name) line("", name, above[[name]]), "", USE.NAMES = FALSE),
    strrep("\t", ncol(counts) + 1), unname(genes)
  )
}

cortex <- function(..., lines = cortex_lines()) {
  folder <- data_folder(list(`expression_mRNA_17-Aug-2014.txt` = lines))
  CortexDataset(folder, ..., verbose = FALSE)
}

test_that("counts, annotations and groups of genes come as they are in the file", {
  x <- cortex()
  expect_s4_class(x, "SingleCellExperiment")
  expect_s4_class(SummarizedExperiment::assay(x, "counts"), "dgCMatrix")
  expect_identical(counts_in(x), cortex_counts())
  expect_identical(SummarizedExperiment::rowData(x)$group, -1:4)
  expect_identical(
    names(SummarizedExperiment::colData(x)),
    c(setdiff(cortex_annotations, "cell_id"), "cell_type", "precise_label")
  )
  expect_identical(x[["total mRNA mol"]], c(21580L, 21748L, 31642L, 32916L, 21531L))
  expect_identical(x$diameter, c(0, 9.56, 11.1, 11.7, 11))
  expect_identical(x$sex, c(1L, -1L, 0L, 1L, 1L))
  expect_identical(levels(x$level2class), c("(none)", "Int10", "Int2", "Mgl1"))
})

test_that("the group of a cell and its subtype are two things (D12)", {
  x <- cortex()
  expect_identical(x$precise_label, factor(c(1, 1, 10, 2, 2)))
  expect_identical(as.character(x$level2class), c("Mgl1", "Int10", "(none)", "Int2", "Mgl1"))
  expect_identical(x$cell_type, x$level1class)
})

test_that("the empty line may have tabs or none, and the file a name of its own", {
  lines <- cortex_lines()
  lines[[11]] <- ""
  folder <- data_folder(list(expression.bin = lines))
  expect_identical(CortexDataset(folder, verbose = FALSE), cortex())
  expect_identical(CortexDataset(file.path(folder, "expression.bin"), verbose = FALSE), cortex())
})

test_that("named genes are kept beside the most variable ones, in any case", {
  variance <- apply(cortex_counts(), 1, stats::var)
  top <- names(sort(variance, decreasing = TRUE))[1:2]
  expect_identical(
    rownames(cortex(additional_genes = 2)), intersect(rownames(cortex_counts()), top)
  )
  expect_identical(
    rownames(
      cortex(genes_to_keep = c("MOG", "tspan12"), additional_genes = 1, lines = cortex_lines()[-17])
    ),
    c("Tspan12", "Gad2", "Mog")
  )
  expect_identical(rownames(cortex(genes_to_keep = "mog", additional_genes = 0)), "mog")
  expect_identical(rownames(cortex(additional_genes = 100)), rownames(cortex_counts()))
  expect_refused(
    cortex(genes_to_keep = "MOG"), "input",
    "`genes_to_keep` names \"MOG\", which are several genes: \"Mog\", \"mog\""
  )
  expect_refused(
    cortex(genes_fish = c("Thy1", "Sst")), "input",
    "`genes_fish` names genes that are not in the file: \"Sst\""
  )
})

test_that("genes of the spatial data come first and choose the cells", {
  expect_message(
    x <- cortex(genes_fish = c("gad2", "THY1")), "2 of 5 cells removed: they have 10 UMIs or fewer",
    class = "neuralee_message_removed"
  )
  # The first has 10 of them, the second 11.
  expect_identical(colnames(x), colnames(cortex_counts())[c(2, 3, 5)])
  expect_identical(rownames(x), c("Gad2", "Thy1", "Tspan12", "r_(CA)n", "Mog", "mog"))
  expect_identical(x$age, c(20L, 20L, 25L))
  expect_refused(
    suppressMessages(cortex(genes_fish = "Tspan12")), "file_format",
    "Of the 5 cells .* none is left"
  )
})

test_that("an annotation of a part of the cells leaves the others NA, and says so", {
  lines <- cortex_lines()
  lines[[7]] <- "\tdiameter\t0\t9.56"
  lines[[8]] <- sub("\t[^\t]*$", "", lines[[8]])
  lines[[9]] <- sub("microglia$", "", lines[[9]])
  expect_message(
    x <- cortex(lines = lines),
    "\"diameter\" \\(2 of 5\\), \"cell_id\" \\(4 of 5\\), \"level1class\" \\(4 of 5\\)",
    class = "neuralee_message_partial"
  )
  expect_identical(x$diameter, c(0, 9.56, NA, NA, NA))
  expect_identical(
    as.character(x$cell_type),
    c("microglia", "interneurons", "astrocytes_ependymal", "interneurons", NA)
  )
  expect_identical(levels(x$cell_type), c("astrocytes_ependymal", "interneurons", "microglia"))
  expect_identical(colnames(x), c(colnames(cortex_counts())[1:4], "5"))
  expect_identical(unname(counts_in(x)), unname(cortex_counts()))
  expect_no_message(cortex(), class = "neuralee_message_partial")
})

test_that("files of another layout are refused by file, line and what is expected", {
  refused <- function(lines, regexp) expect_refused(cortex(lines = lines), "file_format", regexp)
  lines <- cortex_lines()
  refused(lines[1:7], "Aug-2014.txt: The file ends after 7 lines, before the table")
  refused(lines[1:11], "Aug-2014.txt: The file ends after 11 lines, before the table")
  refused(
    lines[-9],
    "line 9: the second field is \"level2class\", where the annotation \"level1class\" is expected"
  )
  refused(lines[-11], "line 11: there is text, where an empty line is expected")
  refused(
    sub("\t21580", "\t1\t21580", lines),
    "line 3: the annotation \"total mRNA mol\" has 6 values, where at most one for each of the 5"
  )
  refused(sub("Gad2\t2\t1\t9", "Gad2\t2\t1", lines), "Line 15 has 4 values, where 5 are expected")
  refused(
    sub("Gad2\t2\t1\t9", "Gad2\t2\t1\tx", lines),
    "Line 15, column 4 \\(gene 'Gad2'\\): 'x' is no number"
  )
  refused("<html>", "before the table")
  expect_refused(CortexDataset(tempfile(), verbose = FALSE), "file_format", "There is no file")
})

test_that("arguments of the wrong kind are refused", {
  refused <- function(name, value) {
    expect_refused(
      do.call(cortex, stats::setNames(list(value), name)), "input", sprintf("`%s`", name)
    )
  }
  refused("genes_to_keep", 1:3)
  refused("genes_fish", c("Mog", "Mog"))
  refused("additional_genes", -1)
  refused("additional_genes", 0)
  expect_refused(CortexDataset(3, verbose = FALSE), "input", "`path`")
  expect_refused(CortexDataset(verbose = NA), "input", "`verbose`")
})
