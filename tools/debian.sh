#!/bin/sh
# The package on a newer Debian, in a folder by chroot: builds it, runs the R tests and R CMD check
# and builds the vignette on Seurat there. trixie is Debian 13; sid has the R, Bioconductor and
# Seurat of the day.
#   tools/debian.sh trixie|sid [COUNTS]
#   tools/debian.sh --remove trixie|sid      never delete the folder by hand while it is mounted
# Needs root on Debian or Ubuntu. The last line is N passed, N failed; both numbers go to the file
# COUNTS too, if named. Exit status 3: such a Debian cannot be had here.
#   NEURALEE_DEBIAN_DIR  where the Debians are kept (2 GB each)
#   NEURALEE_TARGET_DIR  cargo's build folder; that of a Debian is within it, begun as a copy
#   NEURALEE_LIBTORCH, NEURALEE_PYTHON, NEURALEE_PYTHON_OLD, NEURALEE_GOLDEN  for the tests, as in
#   tools/check.sh; what that has made before is taken by itself
set -u
cd "$(dirname "$0")/.." || exit 1
home=${NEURALEE_DEBIAN_DIR:-${TMPDIR:-/tmp}/neuralee-debian}
target=${NEURALEE_TARGET_DIR:-${TMPDIR:-/tmp}/neuralee-target}

# Nothing stays mounted: whoever deletes the folder must not delete this machine's files with it.
unmount() {
  grep -o " $1/[^ ]*" /proc/mounts | sort -r |
    while read -r place; do umount "$place" || return 1; done
}

if [ "${1:-}" = --remove ]; then
  folder=$(realpath "$home/${2:?trixie or sid}") || exit 1
  unmount "$folder" && exec rm -rf --one-file-system "$folder"
  exit 1
fi
suite=${1:-}
case $suite in trixie | sid) ;; *)
  echo "usage: tools/debian.sh trixie|sid [COUNTS] | --remove trixie|sid" >&2
  exit 2
  ;;
esac
counts=${2:-/dev/null}
folder=$home/$suite
cargo_home=${CARGO_HOME:-$HOME/.cargo}
rustup_home=${RUSTUP_HOME:-$HOME/.rustup}
[ -n "${NEURALEE_LIBTORCH:-}" ] || [ ! -d "$target/libtorch" ] || NEURALEE_LIBTORCH=$target/libtorch
[ -n "${NEURALEE_PYTHON:-}" ] || [ ! -d "$target/python/new" ] ||
  NEURALEE_PYTHON=$target/python/new/bin/python
[ -n "${NEURALEE_PYTHON_OLD:-}" ] || [ ! -d "$target/python/old" ] ||
  NEURALEE_PYTHON_OLD=$target/python/old/bin/python
[ -n "${NEURALEE_GOLDEN:-}" ] || [ ! -d ../shared/golden ] ||
  NEURALEE_GOLDEN=$(cd ../shared/golden && pwd)

cannot() {
  echo "a Debian $suite cannot be had here: $1"
  exit 3
}
[ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
  cannot "root on Debian or Ubuntu is needed"
if ! command -v debootstrap >/dev/null; then
  apt-get update -qq &&
    apt-get install -y -qq --no-install-recommends debootstrap >/dev/null ||
    cannot "no debootstrap"
fi

# Debian's names of what the package and its tests use.
packages="r-base-core r-base-dev pkg-config libhdf5-dev ca-certificates curl git pandoc
  r-cran-matrix
  r-cran-rlang r-cran-cli r-cran-ggplot2 r-bioc-biocgenerics r-bioc-s4vectors
  r-bioc-summarizedexperiment r-bioc-singlecellexperiment r-bioc-delayedarray r-cran-testthat
  r-cran-knitr r-cran-rmarkdown r-bioc-hdf5array r-bioc-biocparallel r-cran-ggrastr
  r-cran-seuratobject r-cran-seurat r-bioc-scater r-cran-uwot r-cran-rtsne r-cran-gridextra
  r-cran-plotly r-cran-jsonlite r-cran-batchtools r-bioc-biocfilecache r-cran-curl
  r-cran-filelock r-bioc-biocneighbors r-cran-future"
[ "$suite" != sid ] || packages="$packages r-bioc-bioccheck"

# The mirror that this machine uses.
mirror=$(sed -n -e 's/^URIs: *\([^ ]*\/debian\)\/\{0,1\}$/\1/p' \
  -e 's/^deb .*\(http[^ ]*\/debian\)\/\{0,1\} .*/\1/p' \
  /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
mirror=${mirror:-http://deb.debian.org/debian}

in_debian() {
  chroot "$folder" env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive TERM=dumb \
    PATH=/root/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    "$@"
}

# bind PLACE [NAME]: a folder of this machine, there too.
bind() {
  [ -d "$1" ] || return 0
  mkdir -p "$folder${2:-$1}" && {
    mountpoint -q "$folder${2:-$1}" || mount --bind "$1" "$folder${2:-$1}"
  }
}

if [ ! -e "$folder/etc/debian_version" ] || [ -e "$folder/debootstrap" ]; then
  echo "making a Debian $suite in $folder (some minutes)"
  mkdir -p "$folder" &&
    debootstrap --variant=minbase "$suite" "$folder" "$mirror" >"$folder.log" 2>&1 || {
    tail -n 5 "$folder.log"
    cannot "debootstrap failed"
  }
  cp /etc/apt/apt.conf.d/* "$folder/etc/apt/apt.conf.d/" 2>/dev/null
fi
cp /etc/resolv.conf "$folder/etc/resolv.conf" 2>/dev/null
# What this machine trusts, such as the certificate of a firewall.
[ ! -f /etc/ssl/certs/ca-certificates.crt ] || {
  mkdir -p "$folder/etc/ssl/certs" &&
    cp -L /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
}
trap 'unmount "$folder"' EXIT
for place in proc dev sys; do
  # What is unmounted there later stays mounted here.
  mountpoint -q "$folder/$place" ||
    { mount --rbind "/$place" "$folder/$place" && mount --make-rslave "$folder/$place"; } ||
    cannot "no mount"
done
if [ "$(cat "$folder/.packages" 2>/dev/null)" != "$packages" ]; then
  # The words of the list are meant to be many.
  in_debian apt-get update -qq &&
    in_debian apt-get install -y -qq --no-install-recommends $packages >"$folder.log" 2>&1 || {
    tail -n 5 "$folder.log"
    cannot "its packages could not be installed"
  }
  echo "$packages" >"$folder/.packages"
fi

# Rust is this machine's (trixie's own is older than the crates ask for), and so are libtorch and
# the Pythons that the tests use.
bind "$cargo_home" /root/.cargo
bind "$rustup_home" /root/.rustup
mkdir -p "$target" && bind "$target"
for python in "${NEURALEE_PYTHON:-}" "${NEURALEE_PYTHON_OLD:-}"; do
  [ -n "$python" ] || continue
  base=$("$python" -c 'import sys; print(sys.base_prefix)')
  [ "$base" = /usr ] || bind "$base"
  bind "$(dirname "$(dirname "$python")")"
done
[ -z "${NEURALEE_LIBTORCH:-}" ] || bind "$NEURALEE_LIBTORCH"
[ -z "${NEURALEE_GOLDEN:-}" ] || bind "$NEURALEE_GOLDEN"

# A build folder of its own: what is compiled there may ask for a newer C library than is here. It
# begins as a copy, less what knows the version of R.
of_suite=$target/debian-$suite
if [ ! -d "$of_suite/release" ] && [ -d "$target/release" ]; then
  mkdir -p "$of_suite"
  for part in release torch; do
    [ ! -d "$target/$part" ] || cp -a --reflink=auto "$target/$part" "$of_suite/"
  done
  rm -rf "$of_suite"/release/.fingerprint/extendr-*
fi

# The tree as it is here, without what git ignores.
rm -rf "$folder/root/neuralee" "$folder/root/library" "$folder/root/check"
mkdir -p "$folder/root/neuralee" "$folder/root/library" "$folder/root/check"
git ls-files -co --exclude-standard -z | tar -c --null -T - 2>/dev/null |
  tar -x -C "$folder/root/neuralee"

passed=0
failed=0
count() {
  if [ "$2" = 0 ]; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "FAILED in Debian $suite: $1"
  fi
}
# A variable that is not set here is not set there.
given() { eval "[ -z \"\${$1:-}\" ] || echo \"$1=\$$1\""; }
there() {
  in_debian $(given NEURALEE_LIBTORCH) $(given NEURALEE_PYTHON) $(given NEURALEE_PYTHON_OLD) \
    $(given NEURALEE_GOLDEN) $(given NEURALEE_TORCH) NEURALEE_TARGET_DIR="$of_suite" \
    NEURALEE_TORCH_TARGET_DIR="$of_suite/torch" \
    OMP_WAIT_POLICY=passive R_LIBS=/root/library sh -c "cd /root/neuralee && $1"
}
for name in NEURALEE_PYTHON NEURALEE_PYTHON_OLD; do
  eval "python=\${$name:-}"
  [ -z "$python" ] || there "$python -c 'import anndata'" >/dev/null 2>&1 || {
    echo "$python does not run in Debian $suite"
    unset $name
  }
done

echo "== Debian $suite: $(in_debian Rscript -e 'v <- function(p) as.character(packageVersion(p));
  cat("R", format(getRversion()), "Seurat", v("Seurat"), "SeuratObject", v("SeuratObject"),
  "SingleCellExperiment", v("SingleCellExperiment"), "ggplot2", v("ggplot2"))')"
echo "== Debian $suite: R CMD INSTALL"
there "R CMD INSTALL --library=/root/library ." >"$folder.log" 2>&1
status=$?
[ $status = 0 ] || tail -n 60 "$folder.log"
grep '^neuralee: ' "$folder.log"
count "R CMD INSTALL" $status
if [ $status = 0 ]; then
  grep -q '^neuralee: .*HDF5: HDF5 ' "$folder.log"
  count "HDF5 is found" $?
  echo "== Debian $suite: R tests"
  rm -f "$folder/root/counts"
  there "Rscript tools/test.R /root/counts"
  if read -r good bad <"$folder/root/counts"; then
    passed=$((passed + good))
    failed=$((failed + bad))
    [ "$bad" = 0 ] || echo "FAILED: $bad of the R tests in Debian $suite"
  else
    count "R tests (no result)" 1
  fi
  echo "== Debian $suite: the vignette on Seurat"
  there "cd /root/check && Rscript -e 'rmarkdown::render(\"/root/neuralee/vignettes/seurat.Rmd\", \
    output_dir = \"/root/check\", quiet = TRUE)'"
  count "the vignette on Seurat" $?
  echo "== Debian $suite: R CMD check, without the tests, which have just been run"
  there "cd /root/check && R CMD build --no-build-vignettes /root/neuralee >/dev/null && \
    _R_CHECK_FORCE_SUGGESTS_=false \
    R CMD check --no-manual --no-tests --ignore-vignettes neuralee_*.tar.gz" | tee "$folder.log"
  grep '^Status: ' "$folder.log" | grep -qv 'ERROR\|WARNING'
  count "R CMD check (0 errors, 0 warnings)" $?
  ! grep -i 'deprecated\|defunct' "$folder.log"
  count "R CMD check names nothing deprecated" $?
  if [ "$suite" = sid ]; then
    echo "== Debian $suite: BiocCheck"
    bioconductor=$(in_debian dpkg-query -W -f '${Provides}' r-bioc-biocgenerics |
      grep -o 'r-api-bioc-[0-9.]*')
    there "cd /root/check && Rscript /root/neuralee/tools/bioc_check.R neuralee_*.tar.gz \
      ${bioconductor##*-}"
    count "BiocCheck (0 errors, 0 warnings)" $?
  fi
fi

echo "$passed $failed" >"$counts"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
