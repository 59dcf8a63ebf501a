# Writes inst/AUTHORS and the last section of LICENSE.note: the Rust crates that the library
# contains, their licences and authors, from cargo's metadata. `make authors` runs it. The
# sections before are written by hand and kept.
metadata <- jsonlite::fromJSON(
  paste(system2("cargo", c(
    "metadata", "--format-version", "1", "--locked", "--manifest-path", "src/rust/Cargo.toml",
    "--features", "hdf5-static"
  ), stdout = TRUE), collapse = ""),
  simplifyVector = FALSE
)
named <- function(x, field) stats::setNames(x, vapply(x, `[[`, "", field))
packages <- named(metadata$packages, "id")
nodes <- named(metadata$resolve$nodes, "id")
is_part <- function(dependency) {
  any(vapply(dependency$dep_kinds, function(kind) is.null(kind$kind), NA))
}

# What is reached from the package by dependencies that are neither for tests nor builds.
reached <- metadata$resolve$root
queue <- reached
while (length(queue)) {
  dependencies <- Filter(is_part, nodes[[queue[[1]]]]$deps)
  found <- setdiff(vapply(dependencies, `[[`, "", "pkg"), reached)
  reached <- c(reached, found)
  queue <- c(queue[-1], found)
}
crates <- Filter(function(crate) !is.null(crate$source), packages[reached])
crates <- crates[order(vapply(crates, `[[`, "", "name"))]

lines <- vapply(crates, function(crate) {
  licence <- if (is.null(crate$license)) {
    paste("see its file", crate$license_file)
  } else {
    crate$license
  }
  sprintf("%s %s: %s", crate$name, crate$version, licence)
}, "")
note <- readLines("LICENSE.note")
heading <- which(note == "5. Rust crates")
stopifnot("LICENSE.note has no section 5" = length(heading) == 1L)
writeLines(c(
  note[seq_len(heading)], "",
  "The compiled library of this package contains the Rust crates below (on each system",
  "those that it needs), under the licence that follows each name. Where several are",
  "joined by OR or a slash, this package uses them under MIT where it is among them.",
  "Their authors are in inst/AUTHORS; their sources are on https://crates.io.",
  "", lines
), "LICENSE.note")

authors <- vapply(crates, function(crate) {
  people <- sub(" *<.*>$", "", unlist(crate$authors))
  if (!length(people)) people <- sprintf("the contributors of %s", crate$repository)
  sprintf("%s: %s", crate$name, paste(people, collapse = ", "))
}, "")
writeLines(
  c("Authors of the Rust crates in the compiled library:", "", unique(authors)), "inst/AUTHORS"
)
