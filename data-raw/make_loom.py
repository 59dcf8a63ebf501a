"""Makes the loom file in tests/testthat/fixtures.

    pip install loompy==3.0.8 "numpy<2"
    python data-raw/make_loom.py tests/testthat/fixtures/loompy.loom

All values follow from the positions, as test-read_loom.R computes them again.
"""

import sys

import loompy
import numpy as np
from scipy import sparse

genes, cells = 6, 5
rows, columns = np.indices((genes, cells))
counts = np.where((rows + columns) % 3 == 0, rows * columns + 1, 0)

path = sys.argv[1]
loompy.create(
    path,
    {"": counts, "halves": counts / 2},
    {
        "Gene": np.array([f"gene{i}" for i in range(genes - 1)] + ["β-actin"]),
        "Start": np.arange(genes) * 100,
    },
    {
        "CellID": np.array([f"cell{i}" for i in range(cells)]),
        "ClusterID": np.array([1, 2, 3, 2, 1]),
        "Kept": np.array([True, False, True, True, False]),
        "Depth": np.arange(cells) * 0.5,
        "X_pca": np.arange(2.0 * cells).reshape(cells, 2),
    },
    file_attrs={"title": "5 µm", "CellTypes": "B cells,T cells,NK cells"},
)
with loompy.connect(path) as file:
    file.col_graphs["KNN"] = sparse.coo_matrix(np.eye(cells))
