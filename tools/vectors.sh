#!/bin/sh
# The Rust and R tests as a processor with fewer vector instructions runs them: of a copy of the
# tree in which our loops are compiled for no more than that.
#   tools/vectors.sh baseline|avx2
# (The products of dense matrices are those of libraries, which choose by themselves.)
#   NEURALEE_TARGET_DIR  cargo's build folder; that of the copy is within it, begun as a copy
set -eu
cd "$(dirname "$0")/.."
case ${1:-} in
  baseline) kept='"x86_64+sse2"' ;;
  avx2) kept='"x86_64+avx2+fma"' ;;
  *)
    echo "usage: tools/vectors.sh baseline|avx2" >&2
    exit 2
    ;;
esac
target=${NEURALEE_TARGET_DIR:-${TMPDIR:-/tmp}/neuralee-target}
own=$target/vectors-$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ ! -d "$own/release" ] && [ -d "$target/release" ]; then
  mkdir -p "$own" && cp -a --reflink=auto "$target/release" "$own/"
fi
mkdir "$work/neuralee" "$work/library"
git ls-files -co --exclude-standard -z | tar -c --null -T - | tar -x -C "$work/neuralee"
cd "$work/neuralee"
sources="src/rust/core/src src/rust/io/src"
grep -rl 'multiversion(targets(' $sources |
  xargs sed -i "s/multiversion(targets([^)]*))/multiversion(targets($kept))/"
if grep -rn 'x86_64+' $sources | grep -vF "multiversion(targets($kept))"; then
  echo "these lists of instructions were not understood" >&2
  exit 1
fi

export NEURALEE_TARGET_DIR="$own" NEURALEE_TORCH=no R_LIBS="$work/library"
export R_HOME="$(R RHOME)" R_INCLUDE_DIR="$(Rscript -e 'cat(R.home("include"))')"
echo "== $1: R CMD INSTALL"
R CMD INSTALL --no-docs --no-test-load --library="$work/library" . >"$work/log" 2>&1 || {
  tail -n 50 "$work/log"
  exit 1
}
failed=0
echo "== $1: Rust tests"
HDF5_DIR=$(sh tools/hdf5.sh "$own/hdf5" | head -n 1) CARGO_TARGET_DIR=$own cargo test -q \
  --manifest-path src/rust/Cargo.toml --release -p neuralee-core -p neuralee-io --features hdf5 \
  --lib --tests -- \
  --test-threads=1 || failed=1
echo "== $1: R tests"
Rscript tools/test.R "$work/counts" || failed=1
read -r good bad <"$work/counts"
echo "$1: $good expectations of R passed, $bad failed"
exit $failed
