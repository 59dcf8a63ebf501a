#!/bin/sh
# Whole processes of neuralee, uwot and openTSNE on the same points, one after the other in the same
# run, two threads each, and the quality of their maps.
#   bench/peers.sh POINTS.npy REPEATS N ...
# Installs uwot (apt) and openTSNE (pip, in an environment of its own) where they are missing.
set -eu
points=$1 repeats=$2
shift 2
here=$(dirname "$0")
. "$here/processes.sh"
bring openTSNE

for n in "$@"; do
  for run in $(seq "$repeats"); do
    for method in neuralee uwot openTSNE; do
      echo "$method $n $(map_seconds "$method" "$points" "$n" "$work/$method-$n.csv" 42)"
    done
  done
done | tee "$work/times"
Rscript "$here/peers.R" report "$points" "$work" "$@"
