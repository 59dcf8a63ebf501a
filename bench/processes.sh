# What peers.sh and heavy_tails.sh share: a folder for their maps, uwot (apt) and packages of Python
# (pip, in an environment of its own unless BENCH_PYTHON names one) where they are missing, and the
# clock.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${BENCH_PYTHON:-${OPENTSNE_PYTHON:-$work/venv/bin/python}}
export OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 NUMBA_NUM_THREADS=2

bring() {
  Rscript -e 'if (!requireNamespace("uwot", quietly = TRUE)) quit(status = 1)' || {
    apt-get install -y --no-install-recommends r-cran-uwot >/dev/null
  }
  [ -x "$python" ] || {
    python3 -m venv "$work/venv"
    "$python" -m pip install --quiet "$@"
  }
}

# Of the whole process, from its start to its end.
seconds() {
  begin=$(date +%s.%N)
  "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  end=$(date +%s.%N)
  echo "$begin $end" | awk '{ printf "%.2f", $2 - $1 }'
}

# METHOD POINTS.npy N|all OUT.csv SEED
map_seconds() {
  case $1 in
    openTSNE | umap-learn) seconds "$python" "$here/peers.py" "$@" ;;
    *) seconds Rscript "$here/peers.R" "$@" ;;
  esac
}
