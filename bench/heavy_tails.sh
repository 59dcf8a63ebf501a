#!/bin/sh
# Heavy-tailed elastic embedding beside the Gaussian one, UMAP and t-SNE: whole processes on the
# same points, one after the other in the same run, two threads each, and the quality of their maps.
#   bench/heavy_tails.sh FOLDER "SEED ..." SET ...
#   bench/heavy_tails.sh points "1 2 3" cortex pbmc3k covid mnist cells100k
# FOLDER holds SET.npy and SET.labels.npy, which heavy_tails_points.R and make_large.py make.
# Installs uwot (apt), openTSNE and umap-learn (pip, in an environment of its own unless
# BENCH_PYTHON names one) where they are missing. All five sets with three seeds take 37 minutes on
# two cores with nothing else to do. umap-learn compiles itself in each process, which its seconds
# contain.
set -eu
folder=$1 seeds=$2
shift 2
here=$(dirname "$0")
. "$here/processes.sh"
bring openTSNE umap-learn

for set in "$@"; do
  for seed in $seeds; do
    for method in neuralee student uwot umap-learn openTSNE; do
      map=$work/$set-$method-$seed.csv
      echo "$set $method $seed $(map_seconds "$method" "$folder/$set.npy" all "$map" "$seed")"
    done
  done
done | tee "$work/times"
Rscript "$here/heavy_tails.R" "$folder" "$work" "$@"
