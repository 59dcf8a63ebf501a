# Pythons whose packages write files for the tests, as tools/python.sh makes them: NEURALEE_PYTHON
# with the newest anndata, NEURALEE_PYTHON_OLD with one of 2021 and loompy.
python_for_tests <- function(variable) {
  python <- Sys.getenv(variable)
  skip_if_not(nzchar(python), paste(variable, "names no Python"))
  python
}

# Python with its own libraries, not those that R prefers.
run_python <- function(python, arguments) {
  suppressWarnings(
    system2(python, shQuote(arguments), stdout = TRUE, stderr = TRUE, env = "LD_LIBRARY_PATH=")
  )
}
