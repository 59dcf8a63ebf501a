"""Makes the files of bench/h5ad.R, or reads one with anndata.

    python h5ad.py make FILE CELLS GENES PER_CELL COMPRESSION
    python h5ad.py read FILE
    python h5ad.py touch

Every cell has counts for PER_CELL genes, float32 with int32 indices, as scipy and scanpy have them.
COMPRESSION is gzip or none. `read` prints the version, the seconds of read_h5ad(), the seconds of its
processor and the peak memory of the process in MB. `touch` fills 2.4 GB and ends: a virtual machine
that has given free memory back to its host takes seconds to get it again, which is no part of reading.
"""

import importlib.metadata
import resource
import subprocess
import sys
import time

import anndata
import numpy as np
import pandas as pd
from scipy import sparse


def make(file, cells, genes, per_cell, compression):
    random = np.random.default_rng(1)
    # One gene from each of as many equal stretches: ascending, and none twice.
    width = genes // per_cell
    first = np.arange(per_cell, dtype=np.int32) * width
    indices = np.empty((cells, per_cell), np.int32)
    values = np.empty((cells, per_cell), np.float32)
    for start in range(0, cells, 10000):
        rows = slice(start, min(start + 10000, cells))
        shape = indices[rows].shape
        indices[rows] = first + random.integers(0, width, shape, dtype=np.int32)
        values[rows] = random.geometric(0.4, shape)
    starts = np.arange(cells + 1, dtype=np.int64) * per_cell
    if starts[-1] < 2**31:
        starts = starts.astype(np.int32)
    x = sparse.csr_matrix((values.ravel(), indices.ravel(), starts), shape=(cells, genes))
    obs = pd.DataFrame(index=[f"cell{i}" for i in range(cells)])
    var = pd.DataFrame(index=[f"gene{i}" for i in range(genes)])
    how = None if compression == "none" else compression
    anndata.AnnData(x, obs=obs, var=var).write_h5ad(file, compression=how)


def touch():
    np.ones(300_000_000)


def read(file):
    subprocess.run([sys.executable, __file__, "touch"], check=True)
    begin, worked = time.perf_counter(), time.process_time()
    adata = anndata.read_h5ad(file)
    seconds, work = time.perf_counter() - begin, time.process_time() - worked
    assert adata.X.nnz > 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(importlib.metadata.version("anndata"), f"{seconds:.3f}", f"{work:.3f}", f"{peak:.0f}")


if sys.argv[1] == "make":
    make(sys.argv[2], *map(int, sys.argv[3:6]), sys.argv[6])
elif sys.argv[1] == "touch":
    touch()
else:
    read(sys.argv[2])
