#!/bin/sh
# Which lines the tests run; make coverage calls it. What it needs (covr of R, cargo-llvm-cov) it
# says and does not install.
#   NEURALEE_TARGET_DIR  cargo's build folder; the instrumented build goes into its folder
#                        `coverage`
set -u
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C.UTF-8
export R_INCLUDE_DIR="$(Rscript -e 'cat(R.home("include"))')"
export R_HOME="$(R RHOME)"

if ! Rscript -e 'quit(status = !requireNamespace("covr", quietly = TRUE))'; then
  echo 'coverage: install.packages("covr") in R, then try again' >&2
  exit 1
fi
if ! cargo llvm-cov --version >/dev/null 2>&1; then
  echo 'coverage: run these, then try again:' >&2
  echo '    rustup component add llvm-tools-preview' >&2
  echo '    cargo install cargo-llvm-cov cargo-nextest' >&2
  exit 1
fi

# A copy, so that nothing of covr's is left here.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git archive --prefix=package/ HEAD | tar -x -C "$work"
NOT_CRAN=true Rscript -e '
  found <- covr::package_coverage(commandArgs(TRUE), type = "tests", clean = FALSE)
  print(found)
' "$work/package" || exit 1

CARGO_TARGET_DIR="${NEURALEE_TARGET_DIR:?set by the Makefile}/coverage" cargo llvm-cov nextest \
  --manifest-path src/rust/Cargo.toml --release --locked \
  -p neuralee-core -p neuralee-io --features hdf5
