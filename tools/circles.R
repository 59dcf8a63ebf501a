# Finds circles between the source files of each crate: files that need one another.
#   Rscript tools/circles.R [CRATE...]
# Prints each circle with the names that make it, and fails where there is one. A file needs
# another where it names something that the other defines. Modules that a file declares, and names
# that it re-exports, are no need by themselves. Tests within a file need what they like. Methods
# are not followed, as a call does not say whose it is.
crates <- commandArgs(TRUE)
if (!length(crates)) {
  crates <- c("src/rust", file.path("src/rust", c("core", "io", "torch", "torch/abi", "fuzz")))
}

identifier <- "[A-Za-z_][A-Za-z0-9_]*"
visibility <- "(?:\\bpub(?:\\([^)]*\\))?\\s+)?"
module_head <- paste0("((?:#\\[[^\\]]*\\]\\s*)*)", visibility, "\\bmod\\s+(", identifier, ")")
all_of <- function(pattern, text) regmatches(text, gregexpr(pattern, text, perl = TRUE))[[1]]

# The code of a file alone: comments go, strings become empty.
bare_code <- function(file) {
  text <- paste(readLines(file, encoding = "UTF-8"), collapse = "\n")
  noise <- paste(
    "//[^\n]*", "/\\*(?s:.*?)\\*/", "\\br(#*)\"(?s:.*?)\"\\1", "\"(?:[^\"\\\\]|\\\\(?s:.))*\"",
    "'(?:[^'\\\\]|\\\\[^']+|\\\\')'",
    sep = "|"
  )
  gsub(noise, "\"\"", text, perl = TRUE)
}

# The place of the brace that closes the one at `open`.
closing <- function(text, open) {
  rest <- substring(text, open)
  at <- gregexpr("[{}]", rest)[[1]]
  depth <- cumsum(ifelse(substring(rest, at, at) == "{", 1, -1))
  open + at[match(0, depth)] - 1
}

# The modules with a body in `text`: their names, bodies and whether they are tests; and the rest.
inline_modules <- function(text) {
  pattern <- paste0(module_head, "\\s*\\{")
  found <- list()
  repeat {
    at <- regexpr(pattern, text, perl = TRUE)
    if (at < 0) return(list(modules = found, rest = text))
    part <- function(i) {
      start <- attr(at, "capture.start")[i]
      substring(text, start, start + attr(at, "capture.length")[i] - 1)
    }
    open <- at + attr(at, "match.length") - 1
    close <- closing(text, open)
    found <- c(found, list(list(
      name = part(2), body = substring(text, open + 1, close - 1),
      test = grepl("cfg(test)", part(1), fixed = TRUE)
    )))
    text <- paste0(substring(text, 1, at - 1), substring(text, close + 1))
  }
}

# The leaves of a use declaration: paths as vectors, each with the name that it binds.
use_leaves <- function(tree, prefix = character()) {
  tree <- trimws(tree)
  group <- regexpr("{", tree, fixed = TRUE)
  if (group > 0) {
    head <- strsplit(gsub("\\s", "", substring(tree, 1, group - 1)), "::")[[1]]
    inside <- substring(tree, group + 1, closing(tree, group) - 1)
    marks <- strsplit(inside, "")[[1]]
    depth <- cumsum((marks == "{") - (marks == "}"))
    marks[marks == "," & depth == 0] <- "\n"
    parts <- trimws(strsplit(paste(marks, collapse = ""), "\n", fixed = TRUE)[[1]])
    branches <- parts[nzchar(gsub("\\s", "", parts))]
    return(unlist(lapply(branches, use_leaves, c(prefix, head[nzchar(head)])), recursive = FALSE))
  }
  named <- strsplit(tree, "\\s+as\\s+")[[1]]
  path <- c(prefix, strsplit(gsub("\\s", "", named[1]), "::")[[1]])
  if (length(path) > 1 && path[length(path)] == "self") path <- path[-length(path)]
  name <- if (length(named) > 1) named[2] else path[length(path)]
  list(list(path = path[nzchar(path)], name = name))
}

# Reads a module and those below it into `crate`, an environment of modules by path.
read_module <- function(crate, module, text, file) {
  inline <- inline_modules(text)
  text <- inline$rest
  declared <- paste0(module_head, "\\s*;")
  for (line in all_of(declared, text)) {
    name <- sub("(?s).*\\bmod\\s+(\\w+)\\s*;$", "\\1", line, perl = TRUE)
    if (grepl("cfg(test)", line, fixed = TRUE) || grepl("path", line, fixed = TRUE)) next
    is_root <- basename(file) %in% c("lib.rs", "mod.rs")
    base <- if (is_root) dirname(file) else sub("\\.rs$", "", file)
    child <- c(file.path(base, paste0(name, ".rs")), file.path(base, name, "mod.rs"))
    child <- child[file.exists(child)]
    if (!length(child)) next
    read_module(crate, c(module, name), bare_code(child[1]), child[1])
  }
  text <- gsub(declared, "", text, perl = TRUE)
  uses <- paste0(visibility, "\\buse\\s+[^;]+;")
  leaves <- list()
  for (line in all_of(uses, text)) {
    of_line <- use_leaves(sub("(?s)^.*?\\buse\\s+(.*);$", "\\1", line, perl = TRUE))
    public <- grepl("^pub", line)
    leaves <- c(leaves, lapply(of_line, function(leaf) c(leaf, list(public = public))))
  }
  text <- gsub(uses, "", text, perl = TRUE)
  path <- paste0("(?<![\\w:.$])", identifier, "(?:\\s*::\\s*", identifier, ")+")
  crate[[key(module)]] <- list(
    path = module, file = file, leaves = leaves,
    words = unique(all_of(identifier, text)),
    paths = strsplit(unique(gsub("\\s", "", all_of(path, text))), "::"),
    defined = unique(sub(".*\\s|.*!\\s*", "", all_of(
      paste0("\\b(?:fn|struct|enum|trait|type|const|static|union)\\s+", identifier), text
    )))
  )
  for (below in inline$modules) {
    if (!below$test) read_module(crate, c(module, below$name), below$body, file)
  }
}

key <- function(path) paste(c("crate", path), collapse = "::")

# The module and the name that a path leads to, seen from `from`; NULL where it leaves the crate.
resolve <- function(crate, path, from, tries = 8) {
  if (!length(path) || tries == 0) return(NULL)
  here <- crate[[key(from)]]
  at <- if (path[1] == "crate") {
    character()
  } else if (path[1] == "self") {
    from
  } else if (path[1] == "super") {
    utils::head(from, -1)
  } else {
    if (!is.null(crate[[key(c(from, path[1]))]])) {
      path <- c("self", path)
      from
    } else {
      bound <- Filter(function(leaf) leaf$name == path[1] && leaf$path[1] != path[1], here$leaves)
      if (!length(bound)) return(NULL)
      return(resolve(crate, c(bound[[1]]$path, path[-1]), from, tries - 1))
    }
  }
  path <- path[-1]
  while (length(path) && path[1] == "super") {
    at <- utils::head(at, -1)
    path <- path[-1]
  }
  while (length(path) && !is.null(crate[[key(c(at, path[1]))]])) {
    at <- c(at, path[1])
    path <- path[-1]
  }
  there <- crate[[key(at)]]
  if (!length(path) || path[1] == "*") return(list(module = there, name = ""))
  # What a module names but does not define lies where it has it from.
  if (!path[1] %in% there$defined) {
    bound <- Filter(function(leaf) leaf$name == path[1], there$leaves)
    globs <- Filter(function(leaf) leaf$name == "*", there$leaves)
    for (leaf in c(bound, globs)) {
      to <- if (leaf$name == "*") c(utils::head(leaf$path, -1), path[1]) else leaf$path
      found <- resolve(crate, to, at, tries - 1)
      if (!is.null(found) && (leaf$name != "*" || path[1] %in% found$module$defined)) return(found)
      if (is.null(found) && leaf$name != "*") return(NULL)
    }
  }
  list(module = there, name = path[1])
}

# What each file of the crate needs of others: a table of from, to and name.
needs <- function(crate) {
  found <- list()
  for (module in mget(ls(crate), crate)) {
    note <- function(to) {
      if (!is.null(to) && to$module$file != module$file && nzchar(to$name)) {
        found[[length(found) + 1]] <<- c(module$file, to$module$file, to$name)
      }
    }
    for (leaf in module$leaves) {
      if (!leaf$public || leaf$name %in% module$words) note(resolve(crate, leaf$path, module$path))
    }
    for (path in module$paths) note(resolve(crate, path, module$path))
  }
  unique(do.call(rbind, c(list(character(0)), found)))
}

# The groups of files that need one another, directly or through others.
circles <- function(edges) {
  files <- unique(c(edges[, 1:2]))
  reach <- matrix(FALSE, length(files), length(files), dimnames = list(files, files))
  reach[edges[, 1:2, drop = FALSE]] <- TRUE
  for (file in files) reach <- reach | outer(reach[, file], reach[file, ], "&")
  both <- reach & t(reach)
  unique(lapply(files[diag(both)], function(file) sort(files[both[file, ]])))
}

bad <- 0
for (folder in crates) {
  root <- file.path(folder, "src/lib.rs")
  if (!file.exists(root)) next
  crate <- new.env()
  read_module(crate, character(), bare_code(root), root)
  edges <- needs(crate)
  if (is.null(edges) || !nrow(edges)) next
  for (circle in circles(edges)) {
    bad <- bad + 1
    cat("circle of", length(circle), "files:\n")
    inside <- edges[edges[, 1] %in% circle & edges[, 2] %in% circle, , drop = FALSE]
    for (pair in unique(paste(inside[, 1], "->", inside[, 2]))) {
      names <- inside[paste(inside[, 1], "->", inside[, 2]) == pair, 3]
      cat("  ", pair, ": ", paste(sort(names), collapse = ", "), "\n", sep = "")
    }
  }
}
if (bad) quit(status = 1)
