#!/bin/sh
# Whole processes of neuralee, uwot and openTSNE on the same points, one after the other in the same
# run, two threads each, and the quality of their maps.
#   bench/peers.sh POINTS.npy REPEATS N ...
# Installs uwot (apt) and openTSNE (pip, in an environment of its own) where they are missing.
set -eu
points=$1 repeats=$2
shift 2
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
Rscript -e 'if (!requireNamespace("uwot", quietly = TRUE)) quit(status = 1)' || {
  apt-get install -y --no-install-recommends r-cran-uwot >/dev/null
}
python=${OPENTSNE_PYTHON:-$work/venv/bin/python}
[ -x "$python" ] || {
  python3 -m venv "$work/venv"
  "$python" -m pip install --quiet openTSNE
}

seconds() {
  begin=$(date +%s.%N)
  "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  end=$(date +%s.%N)
  echo "$begin $end" | awk '{ printf "%.2f", $2 - $1 }'
}

for n in "$@"; do
  for run in $(seq "$repeats"); do
    for method in neuralee uwot; do
      echo "$method $n $(seconds Rscript "$here/peers.R" "$method" "$points" "$n" "$work/$method-$n.csv")"
    done
    echo "openTSNE $n $(seconds "$python" "$here/peers.py" "$points" "$n" "$work/openTSNE-$n.csv")"
  done
done | tee "$work/times"
Rscript "$here/peers.R" report "$points" "$work" "$@"
