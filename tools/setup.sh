#!/bin/sh
# Installs what the package needs and is not there yet: R, the R packages it
# imports (and, for "test", those that its checks use), the HDF5 library and Rust.
#   tools/setup.sh demo | test
# Debian and Ubuntu are served by apt, macOS by brew; elsewhere the list is printed.
set -eu

purpose=${1:-demo}
case $purpose in demo | test) ;; *)
  echo "usage: tools/setup.sh demo|test" >&2
  exit 2
  ;;
esac

# R packages, spelled as on CRAN and Bioconductor.
r_packages="Matrix rlang cli ggplot2 BiocGenerics S4Vectors SummarizedExperiment"
r_packages="$r_packages SingleCellExperiment DelayedArray"
if [ "$purpose" = test ]; then
  r_packages="$r_packages testthat knitr rmarkdown HDF5Array BiocParallel ggrastr SeuratObject"
  r_packages="$r_packages Seurat scater uwot Rtsne gridExtra plotly jsonlite batchtools"
  r_packages="$r_packages BiocFileCache curl filelock future lintr"
fi

have() { command -v "$1" >/dev/null 2>&1; }

missing_r_packages() {
  have Rscript || {
    echo "$r_packages"
    return
  }
  Rscript -e 'p <- commandArgs(TRUE); cat(p[!p %in% rownames(installed.packages())])' $r_packages
}

msrv=$(sed -n 's|^Config/neuralee/MSRV: *||p' DESCRIPTION)
have_rust() {
  have cargo && have rustc || return 1
  version=$(rustc --version | sed -n 's/^rustc \([0-9.]*\).*/\1/p')
  lowest=$(printf '%s\n%s\n' "$msrv" "$version" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)
  [ "$lowest" = "$msrv" ]
}

have_hdf5() {
  have h5cc || pkg-config --exists hdf5 2>/dev/null || pkg-config --exists hdf5-serial 2>/dev/null
}

missing_r=$(missing_r_packages)
system=""
have Rscript || system="$system R"
have_rust || system="$system Rust"
have cc && have make || system="$system compiler"
have_hdf5 || system="$system hdf5"
if [ "$purpose" = test ]; then
  have pandoc || system="$system pandoc"
  # The backend of libtorch and libFuzzer, which the checks compile, are C++.
  have c++ || system="$system c++"
  # The checks read files that Python's packages write.
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || system="$system python"
  # The checks format and lint the Rust code; a minimal Rust has neither.
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
    system="$system rustfmt-clippy"
fi
if [ -z "$missing_r$system" ]; then
  exit 0
fi
echo "neuralee set-up: installing${system:+$system}${missing_r:+ and the R packages $missing_r}"

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif have sudo; then sudo "$@"; else
    echo "neuralee set-up: this needs root; run as root: $*" >&2
    exit 1
  fi
}

# CRAN's and Bioconductor's packages carry lower-case names in Debian; which of
# the two houses a package comes from is asked of apt rather than listed here.
debian_r_names() {
  for package in $missing_r; do
    lower=$(printf '%s' "$package" | tr '[:upper:]' '[:lower:]')
    for name in "r-cran-$lower" "r-bioc-$lower"; do
      if apt-cache show "$name" >/dev/null 2>&1; then
        echo "$name"
        break
      fi
    done
  done
}

if have apt-get; then
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get update -qq
  wanted=$(debian_r_names)
  for tool in $system; do
    case $tool in
      R) wanted="$wanted r-base-core" ;;
      hdf5) wanted="$wanted libhdf5-dev pkg-config" ;;
      compiler) wanted="$wanted gcc libc6-dev make" ;;
      c++) wanted="$wanted g++" ;;
      pandoc) wanted="$wanted pandoc" ;;
      python) wanted="$wanted python3-venv python3-pip" ;;
      Rust) have curl || wanted="$wanted curl ca-certificates" ;;
    esac
  done
  if [ -n "$wanted" ]; then
    as_root apt-get install -y -qq --no-install-recommends $wanted >/dev/null
  fi
elif have brew; then
  for tool in $system; do
    case $tool in
      R) brew install r ;;
      hdf5) brew install hdf5 pkg-config ;;
      compiler | c++) xcode-select --install ;;
      pandoc) brew install pandoc ;;
      python) brew install python ;;
    esac
  done
else
  cat >&2 <<LIST
neuralee set-up: neither apt-get nor brew was found. Please install, then run this again:
  R >= 4.2            https://cran.r-project.org
  Rust >= $msrv        https://rustup.rs
  HDF5 with headers   (libhdf5-dev, hdf5-devel or hdf5; pkg-config must find it)
  R packages          $missing_r
LIST
  exit 1
fi

# Whatever the system's packages did not bring comes from CRAN and Bioconductor.
missing_r=$(missing_r_packages)
if [ -n "$missing_r" ]; then
  Rscript -e '
    options(repos = c(CRAN = "https://cloud.r-project.org"))
    if (!requireNamespace("BiocManager", quietly = TRUE)) install.packages("BiocManager")
    BiocManager::install(commandArgs(TRUE), update = FALSE, ask = FALSE)' $missing_r
fi

# Distributions often carry a Rust that is too old, so rustup serves all systems.
if ! have_rust; then
  if have rustup; then
    rustup update stable
  else
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal
  fi
  PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
fi
case $system in *rustfmt-clippy* | *Rust*)
  if [ "$purpose" = test ] && have rustup; then rustup component add rustfmt clippy; fi ;;
esac
