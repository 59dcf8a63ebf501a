# Names the lines of more than 100 characters in Rust, shell, R and Markdown files, and fails where
# there are any. Left out are comments of one URL and nothing else and, of Markdown, tables and
# lines that a link makes long.
#   Rscript tools/lines.R [FILE...]
files <- commandArgs(TRUE)
if (!length(files)) {
  files <- system2("git", c("ls-files", "-co", "--exclude-standard"), stdout = TRUE)
}
shell <- c("configure", "configure.win", "cleanup", ".ci/run")
made <- c("R/extendr-wrappers.R", "LICENSE.md")
files <- files[grepl("\\.(rs|sh|R|Rmd|md)$", files) | files %in% shell]
files <- files[file.exists(files) & !files %in% made]

bad <- 0
for (file in files) {
  lines <- readLines(file, encoding = "UTF-8", warn = FALSE)
  long <- nchar(lines, "chars") > 100 & !grepl("^\\s*(#|//)\\S*\\s+<?https?://\\S+$", lines)
  if (grepl("md$", file)) long <- long & !grepl("^\\s*\\||\\]\\(|https?://", lines)
  cat(sprintf("%s:%d: %d characters\n", file, which(long), nchar(lines[long], "chars")), sep = "")
  bad <- bad + sum(long)
}
if (bad) quit(status = 1)
