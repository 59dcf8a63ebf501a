#!/bin/sh
# Every check of the project; make test calls it. Prints what it does, and at the end one
# line that counts: N passed, N failed. Fails when anything failed.
#   NEURALEE_TARGET_DIR  cargo's build folder, shared by all steps
#   NEURALEE_DEBIAN      trixie, sid or both: the package is built and tested there too
#                        (tools/debian.sh)
set -u
cd "$(dirname "$0")/.." || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
library=$work/library
mkdir "$library"
passed=0
failed=0

# One build of the dependencies serves all: the same profile, features and R.
export CARGO_TARGET_DIR="${NEURALEE_TARGET_DIR:?set by the Makefile}"
export R_INCLUDE_DIR="$(Rscript -e 'cat(R.home("include"))')"
export R_HOME="$(R RHOME)"
export LC_ALL=C.UTF-8
# The HDF5 that configure finds, so that cargo builds once.
hdf5=$(sh tools/hdf5.sh "$CARGO_TARGET_DIR/hdf5" | head -n 1)
cargo() { env ${hdf5:+"HDF5_DIR=$hdf5"} cargo "$@"; }
# The tests carry a part of the golden values; all of them are used where they are found.
if [ -z "${NEURALEE_GOLDEN:-}" ] && [ -d ../shared/golden ]; then
  NEURALEE_GOLDEN=$(cd ../shared/golden && pwd)
  export NEURALEE_GOLDEN
fi
cargo_in="--manifest-path src/rust/Cargo.toml"
# The crates with tests, always named together: other features would compile them again.
tested="--release -p neuralee-core -p neuralee-io --features hdf5"

# count NAME STATUS: one more check.
count() {
  if [ "$2" = 0 ]; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "FAILED: $1"
  fi
}

# step NAME COMMAND...: a check that passes as a whole.
step() {
  name=$1
  shift
  echo "== $name"
  "$@"
  count "$name" $?
}

# add_counts NAME STATUS FILE: the numbers of passed and failed tests that FILE holds as
# two words; a run that stopped before it could count is a failure.
add_counts() {
  if [ -s "$3" ] && read -r good bad <"$3"; then
    passed=$((passed + good))
    failed=$((failed + bad))
    [ "$bad" = 0 ] && [ "$2" = 0 ] && return
    [ "$bad" = 0 ] || echo "FAILED: $bad of $1"
    [ "$bad" != 0 ] || count "$1 (exit status $2)" 1
  else
    count "$1 (no result)" 1
  fi
}

# Sums the counts of cargo test ("1 passed; 0 failed") and nextest ("1 passed, 0 failed").
rust_counts() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    /^test result:|^ *Summary / {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) good += $(i - 1)
        if ($i ~ /^failed/ || $i ~ /^timed/) bad += $(i - 1)
      }
      seen = 1
    }
    END { if (seen) print good + 0, bad + 0 }'
}

# rust_tests NAME COMMAND...
rust_tests() {
  name=$1
  shift
  echo "== $name"
  { "$@" 2>&1; echo $? >"$work/status"; } | tee "$work/log"
  rust_counts "$work/log" >"$work/counts"
  add_counts "$name" "$(cat "$work/status")" "$work/counts"
}

# Of two functions of one name R would keep the one that it reads last.
no_name_twice() {
  twice=$(grep -hoE '^[A-Za-z_.][A-Za-z0-9_.]* <- function' R/*.R | sort | uniq -d)
  [ -z "$twice" ] || { echo "defined twice: $twice" && false; }
}
step "R functions have one name each" no_name_twice

step "no circles between Rust files" Rscript tools/circles.R

step "lines of at most 100 characters" Rscript tools/lines.R

step "rustfmt" cargo fmt $cargo_in --all --check
clippy="cargo clippy -q --release --all-targets"
step "clippy" $clippy $cargo_in --workspace --features hdf5 -- -D warnings
step "clippy without HDF5" $clippy $cargo_in --workspace -- -D warnings

# They are run by hand (src/rust/fuzz/README.md), but must follow the readers; libFuzzer is C++.
fuzz_in="--manifest-path src/rust/fuzz/Cargo.toml"
step "rustfmt of the fuzz targets" cargo fmt $fuzz_in --all --check
if command -v c++ >/dev/null 2>&1; then
  step "the fuzz targets compile" cargo check -q $fuzz_in --bins --examples
else
  echo "SKIPPED: compiling the fuzz targets, since there is no C++ compiler"
fi

# The libtorch backend is built against a libtorch of the processor alone; where none can be
# fetched, its tests are skipped.
torch_in="--manifest-path src/rust/torch/Cargo.toml"
step "rustfmt of the libtorch backend" cargo fmt $torch_in --all --check
libtorch=${NEURALEE_LIBTORCH:-$CARGO_TARGET_DIR/libtorch}
if sh tools/libtorch.sh "$libtorch"; then
  export NEURALEE_LIBTORCH="$libtorch" NEURALEE_TORCH_TARGET_DIR="$CARGO_TARGET_DIR/torch"
  # Threads that wait for work leave the cores to those that have some.
  export OMP_WAIT_POLICY=passive
  step "clippy of the libtorch backend" env LIBTORCH="$libtorch" $clippy $torch_in --locked \
    --target-dir "$NEURALEE_TORCH_TARGET_DIR" -- -D warnings
else
  echo "SKIPPED: the libtorch backend, since no libtorch can be had (see above)"
  export NEURALEE_TORCH=no
  unset NEURALEE_LIBTORCH
fi

# Files that Python's packages write are read in the R tests; where none can be fetched, those are
# skipped.
pythons=$CARGO_TARGET_DIR/python
if [ -z "${NEURALEE_PYTHON:-}" ]; then
  if sh tools/python.sh "$pythons"; then
    export NEURALEE_PYTHON="$pythons/new/bin/python" NEURALEE_PYTHON_OLD="$pythons/old/bin/python"
  else
    echo "SKIPPED: files of Python's packages, since these cannot be had (see above)"
  fi
fi

if cargo nextest --version >/dev/null 2>&1; then
  rust_tests "Rust tests" cargo nextest run $cargo_in $tested
else
  # One test at a time: HDF5 as Debian builds it is not for several threads.
  rust_tests "Rust tests" cargo test $cargo_in $tested --lib --tests -- --test-threads=1
fi
rust_tests "Rust examples in the documentation" cargo test -q $cargo_in $tested --doc

echo "== R CMD INSTALL"
R CMD INSTALL --library="$library" . >"$work/install.log" 2>&1
status=$?
[ $status = 0 ] || cat "$work/install.log"
count "R CMD INSTALL from the source folder" $status
if [ -n "${NEURALEE_LIBTORCH:-}" ]; then
  step "the libtorch backend is part of the installation" \
    test -f "$library/neuralee/torch/libneuralee_torch.so"
fi

step "lintr" env R_LIBS="$library" Rscript tools/lint.R

# The program that writes the wrappers needs R as a shared library, which not every R is.
wrappers() {
  LD_LIBRARY_PATH="$R_HOME/lib" \
    cargo run -q $cargo_in --release --locked --features hdf5 -- "$work/wrappers.R" &&
    cmp "$work/wrappers.R" R/extendr-wrappers.R
}
if [ -f "$R_HOME/lib/libR.so" ]; then step "R wrappers are those of the Rust functions" wrappers; fi

echo "== R tests"
R_LIBS="$library" Rscript tools/test.R "$work/r-counts"
add_counts "R tests" $? "$work/r-counts"

demonstration() {
  R_LIBS="$library" Rscript tools/demo.R "$work/demo" && [ -s "$work/demo/cortex_ee.csv" ] &&
    [ -s "$work/demo/cortex_ee.png" ]
}
step "demonstration" demonstration

echo "== R CMD build and check"
source=$(pwd)
(cd "$work" && R CMD build "$source") >"$work/build.log" 2>&1
status=$?
[ $status = 0 ] || cat "$work/build.log"
count "R CMD build" $status
if [ $status = 0 ]; then
  # Suggested packages that are not there are skipped; the set-up brings those in use. The
  # vignettes have just been run.
  (cd "$work" && _R_CHECK_FORCE_SUGGESTS_=false \
    R CMD check --no-manual --no-vignettes --no-build-vignettes neuralee_*.tar.gz) |
    tee "$work/check.log"
  grep '^Status: ' "$work/check.log" | grep -qv 'ERROR\|WARNING'
  count "R CMD check (0 errors, 0 warnings)" $?
  for log in "$work"/neuralee.Rcheck/00install.out "$work"/neuralee.Rcheck/tests/*.fail; do
    [ "$failed" = 0 ] || { [ -f "$log" ] && tail -n 50 "$log"; }
  done
fi

# Newer stacks, each in a Debian of its own.
for suite in ${NEURALEE_DEBIAN:-}; do
  sh tools/debian.sh "$suite" "$work/debian-counts"
  add_counts "the checks in Debian $suite" $? "$work/debian-counts"
  rm -f "$work/debian-counts"
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
