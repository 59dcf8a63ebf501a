# Three files in the layout of the true ones; the cells of the second table are in another order.
hemato_files <- function() {
  list(
    bBM.raw_umifm_counts.csv.gz = c(
      "cell_id,barcode,library_id,seq_run_id,pass_filter,Gata1,Elane,0610007C21Rik,Cd19",
      "c1,AC-GT,basal_bm1,seq_run1,1,9,9,9,9",
      "c2,GT-AC,basal_bm2,seq_run1,1,4,0,1,0",
      "c3,TT-AC,basal_bm2,seq_run2,0,1,7,0,5",
      "c4,TA-AC,basal_bm3,seq_run2,1,0,2,0,0",
      "c5,CA-AC,basal_bm3,seq_run2,1,3,2,0,0",
      "c6,CC-AC,basal_bm3,seq_run2,1,0,0,0,8"
    ),
    bBM.spring_and_pba.csv = c(
      "cell_id,x_spring,y_spring,Potential,Pr_Er,Pr_Gr,Pr_Ly,Pr_DC,Pr_Mk,Pr_Mo,Pr_Ba",
      "c5,50,-5,0.5,0,1,0,0,0,0,0", "c4,40,-4,0.4,0.25,0.5,0,0,0,0.25,0",
      "c2,20,-2,0.2,1,0,0,0,0,0,0", "c6,60,-6,0.6,0.5,0.1,0.4,0,0,0,0",
      "c1,10,-1,0.1,0.5,0.5,0,0,0,0,0"
    ),
    bBM.filtered_gene_list.paper.txt = c("Elane", "Gata1", "0610007C21Rik")
  )
}

hemato <- function(files = hemato_files()) {
  HematoDataset(data_folder(files), verbose = FALSE)
}

test_that("cells in both tables and listed genes are kept, without the library of poor quality", {
  expect_message(
    x <- hemato(), "1 of 4 cells removed: they have no counts", class = "neuralee_message_removed"
  )
  expect_s4_class(SummarizedExperiment::assay(x, "counts"), "dgCMatrix")
  expect_identical(
    counts_in(x),
    cbind(c2 = c(Elane = 0, Gata1 = 4, `0610007C21Rik` = 1), c4 = c(2, 0, 0), c5 = c(2, 3, 0))
  )
  expect_identical(x$library_id, c("basal_bm2", "basal_bm3", "basal_bm3"))
  expect_identical(x$pass_filter, c(1L, 1L, 1L))
  expect_identical(x$Potential, c(0.2, 0.4, 0.5))
  expect_true(
    all(
      sprintf("Pr_%s", c("Er", "Gr", "Ly", "DC", "Mk", "Mo", "Ba")) %in%
        names(SummarizedExperiment::colData(x))
    )
  )
})

test_that("both coordinates are kept, and the potential is a number (D4)", {
  x <- suppressMessages(hemato())
  expect_identical(
    SingleCellExperiment::reducedDim(x, "SPRING"),
    matrix(c(20, 40, 50, -2, -4, -5), 3, dimnames = list(colnames(x), c("x_spring", "y_spring")))
  )
  logit <- function(p) log(p / (1 - p))
  # 0 and 1 count as the nearest probabilities between, of the cells in both tables.
  expect_equal(x$potential, logit(c(0.1, 0.5, 0.5)) - logit(c(0.5, 0.25, 0.25)))
})

test_that("the small files may be in the archive, which holds others too", {
  skip_if(!nzchar(Sys.which("zip")), "there is no zip")
  files <- hemato_files()
  folder <- data_folder(files)
  expected <- suppressMessages(HematoDataset(folder, verbose = FALSE))
  archive <- file.path(folder, "data.zip")
  pack <- function(inside) {
    unlink(archive)
    old <- setwd(folder)
    on.exit(setwd(old))
    utils::zip("data.zip", inside, flags = "-q")
  }
  dir.create(file.path(folder, "HEMATO"))
  inside <- file.path("HEMATO", names(files)[2:3])
  file.rename(file.path(folder, names(files)[2:3]), file.path(folder, inside))
  writeLines("other", file.path(folder, "HEMATO", "other.txt"))
  pack(c(inside, "HEMATO/other.txt"))
  before <- list.files(tempdir(), "^hemato")
  expect_identical(suppressMessages(HematoDataset(folder, verbose = FALSE)), expected)
  pack(inside[[1L]])
  expect_refused(
    HematoDataset(folder, verbose = FALSE), "file_format",
    "data.zip.* holds 0 files bBM.filtered_gene_list.paper.txt"
  )
  bytes <- {
    pack(inside)
    readBin(archive, "raw", 1e6)
  }
  writeBin(utils::head(bytes, -30), archive)
  expect_refused(HematoDataset(folder, verbose = FALSE), "file_format", "data.zip")
  expect_identical(list.files(tempdir(), "^hemato"), before)
  unlink(archive)
  expect_refused(
    HematoDataset(folder, verbose = FALSE), "file_format", "There is no file .*data.zip"
  )
})

test_that("columns that the tables have in common must agree", {
  files <- hemato_files()
  files[[2]] <- paste0(
    files[[2]],
    c(",library_id", ",basal_bm3", ",basal_bm2", ",basal_bm2", ",basal_bm3", ",basal_bm1")
  )
  x <- suppressMessages(hemato(files))
  expect_identical(colnames(x), c("c2", "c5"))
})

test_that("files that lack something are refused by name", {
  refused <- function(file, from, to, regexp) {
    files <- hemato_files()
    files[[file]] <- sub(from, to, files[[file]])
    expect_refused(suppressMessages(hemato(files)), "file_format", regexp)
  }
  refused(1, "^cell_id", "id", "umifm_counts.csv.gz\" has no column \"cell_id\" among its first")
  refused(1, "library_id", "library", "umifm_counts.csv.gz\" has no column \"library_id\"")
  refused(1, "^c3,", "c2,", "umifm_counts.csv.gz\" has the cell \"c2\" twice")
  refused(
    1, "Gata1", "Gata2",
    "umifm_counts.csv.gz\" has no column for genes of bBM.filtered_gene_list.paper.txt: \"Gata1\""
  )
  refused(1, "Cd19", "Gata1", "has several columns for genes of .*: \"Gata1\"")
  refused(1, "1,7,0,5$", "1,7,0", "umifm_counts.csv.gz: Line 4 has 3 values")
  refused(2, "cell_id", "cell", "spring_and_pba.csv\" has no column \"cell_id\"")
  refused(2, "Pr_Gr", "Pr_X", "spring_and_pba.csv\" has no column \"Pr_Gr\"")
  refused(2, "Potential", "Pr_Gr", "spring_and_pba.csv\" has the column \"Pr_Gr\" twice")
  refused(2, "0.25,0.5,0", "0.25,1.5,0", "spring_and_pba.csv\", cell 2: Pr_Gr is \"1.5\"")
  refused(2, "50,-5", "50,", "cell 1: y_spring is \"\"")
  refused(2, "^c5", "c4", "spring_and_pba.csv\" has the cell \"c4\" twice")
  refused(3, "Gata1", "Elane", "paper.txt\" names genes twice: \"Elane\"")
  refused(3, ".*", "", "paper.txt\" names no gene")
  files <- hemato_files()
  files[[1]] <- character()
  expect_refused(hemato(files), "file_format", "umifm_counts.csv.gz: The file is empty")
  files[[1]] <- hemato_files()[[1]][1:2]
  expect_refused(
    hemato(files), "file_format", "umifm_counts.csv.gz\" has 1 cells, all of the library basal_bm1"
  )
  files[[1]] <- hemato_files()[[1]][1]
  expect_refused(hemato(files), "file_format", "umifm_counts.csv.gz\" has no cells")
  expect_refused(
    hemato(hemato_files()[2:3]), "file_format", "There is no file .*umifm_counts.csv.gz"
  )
  files <- hemato_files()
  files[[2]][-1] <- sub("^c", "d", files[[2]][-1])
  expect_refused(hemato(files), "file_format", "No cell is in both .*umifm.* and .*spring_and_pba")
})

test_that("text that is not UTF-8 is refused in every file", {
  spoilt <- function(file, line, word) {
    folder <- data_folder(hemato_files())
    lines <- hemato_files()[[file]]
    lines[[line]] <- sub(word, "G\xe9ne", lines[[line]], useBytes = TRUE)
    writeLines(lines, file.path(folder, names(hemato_files())[[file]]), useBytes = TRUE)
    expect_refused(suppressMessages(HematoDataset(folder, verbose = FALSE)), "file_format", "UTF-8")
  }
  spoilt(1, 1, "barcode")
  spoilt(1, 1, "Cd19")
  spoilt(1, 2, "c1")
  spoilt(1, 5, "basal_bm3")
  spoilt(2, 1, "Potential")
  spoilt(2, 4, "c2")
  spoilt(3, 2, "Gata1")
})

test_that("R has nothing to say beside the error of a damaged file", {
  folder <- data_folder(hemato_files())
  counts <- file.path(folder, "bBM.raw_umifm_counts.csv.gz")
  silently_refused <- function(regexp) {
    expect_no_warning(
      expect_refused(
        suppressMessages(HematoDataset(folder, verbose = FALSE)), "file_format", regexp
      )
    )
  }
  writeBin(as.raw(c(0x1f, 0x8b, 8, 0, 1:40)), counts)
  silently_refused("umifm_counts.csv.gz: The compressed file is damaged")
  writeLines(c("cell_id,library_id,G", "c1,\"b,1"), counts)
  silently_refused("umifm_counts.csv.gz")
  for (name in names(hemato_files())) {
    whole <- data_folder(hemato_files())
    unlink(file.path(whole, name))
    dir.create(file.path(whole, name))
    folder <- whole
    silently_refused(paste0(name, "\" is a folder"))
  }
  folder <- data_folder(hemato_files())
  spring <- file.path(folder, "bBM.spring_and_pba.csv")
  writeLines(c(hemato_files()[[2]], "c7,\"70"), spring)
  silently_refused("spring_and_pba.csv\" is no table")
})

test_that("probabilities that are all 0 or 1 have no potential", {
  files <- hemato_files()
  files[[2]] <- c(files[[2]][1], "c5,50,-5,0.5,0,1,0,0,0,0,0", "c2,20,-2,0.2,1,0,0,0,0,0,0")
  expect_refused(hemato(files), "file_format", "all values of Pr_Gr are 0 or 1")
})
