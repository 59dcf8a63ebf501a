"""Makes the AnnData files in tests/testthat/fixtures.

    pip install anndata==0.12.19 h5py==3.16.0
    python data-raw/make_fixtures.py tests/testthat/fixtures

new.h5ad is written by anndata. old.h5ad has the layout that anndata 0.6 wrote: obs, var and
obsm as datasets of records, categories in uns, and the sparse format in h5sparse_*
attributes; today's anndata reads both. lzf.h5ad is written by anndata, compressed by LZF, h5py's
own filter, behind a shuffle and before a checksum. All values follow from the positions, as
test-read_h5ad.R computes them again.
"""

import sys
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

CELLS, GENES = 5, 4


def counts():
    """Count of cell i and gene j: i * j where i + j is even, else 0 (both from 0)."""
    i, j = np.indices((CELLS, GENES))
    return np.where((i + j) % 2 == 0, i * j, 0)


def new(path):
    obs = pd.DataFrame(
        {
            "type": pd.Categorical(["B", "T", None, "T", "B"], categories=["T", "B"]),
            "stage": pd.Categorical(list("lhlhl"), categories=["l", "h"], ordered=True),
            "depth": np.arange(CELLS) * 0.5,
            "batch": np.arange(CELLS, dtype=np.int64),
            "kept": [True, False, True, True, False],
            "age": pd.array([1, None, 3, 4, 5], dtype="Int64"),
            "doublet": pd.array([True, None, False, False, True], dtype="boolean"),
            "note": ["a", "b", "", "ü", "e"],
        },
        index=[f"cell{i}" for i in range(CELLS)],
    )
    var = pd.DataFrame(
        {"start": np.arange(GENES) * 100, "strand": ["+", "-", "+", "-"]},
        index=[f"gene{j}" for j in range(GENES)],
    )
    data = anndata.AnnData(sparse.csr_matrix(counts().astype(np.float32)), obs, var)
    data.raw = data
    data.layers["columns"] = sparse.csc_matrix(counts().astype(np.float64) / 2)
    data.layers["dense"] = counts().astype(np.int16)
    data.obsm["X_pca"] = np.arange(CELLS * 2, dtype=np.float32).reshape(CELLS, 2)
    data.obsm["frame"] = pd.DataFrame({"a": np.arange(CELLS)}, index=obs.index)
    # As write_h5ad() does it, in HDF5's compact format, which is a sixth of the size.
    with h5py.File(path, "w", libver="v110") as file:
        anndata.io.write_elem(file, "/", data)


def old(path):
    obs = np.zeros(CELLS, [("index", "S5"), ("louvain", "i1"), ("depth", "f4")])
    obs["index"] = [f"cell{i}" for i in range(CELLS)]
    obs["louvain"] = [1, 0, -1, 0, 1]
    obs["depth"] = np.arange(CELLS) * 0.5
    var = np.zeros(GENES, [("index", "S5"), ("n_cells", "i8")])
    var["index"] = [f"gene{j}" for j in range(GENES)]
    var["n_cells"] = np.arange(GENES)
    obsm = np.zeros(CELLS, [("X_pca", "f4", (2,))])
    obsm["X_pca"] = np.arange(CELLS * 2).reshape(CELLS, 2)
    with h5py.File(path, "w") as file:
        matrix = sparse.csr_matrix(counts().astype(np.float32))
        x = file.create_group("X")
        x.attrs["h5sparse_format"] = b"csr"
        x.attrs["h5sparse_shape"] = np.array(matrix.shape)
        for name in ("data", "indices", "indptr"):
            x[name] = getattr(matrix, name)
        file["obs"], file["var"], file["obsm"] = obs, var, obsm
        file["uns/louvain_categories"] = np.array([b"T", b"B"])


def types(path):
    """The counts of new.h5ad, or where they are not 0, in types that few programs read."""
    data = anndata.AnnData(
        obs=pd.DataFrame(index=[f"cell{i}" for i in range(CELLS)]),
        var=pd.DataFrame(index=[f"gene{j}" for j in range(GENES)]),
    )
    with h5py.File(path, "w", libver="v110") as file:
        anndata.io.write_elem(file, "/", data)
        for name in ("uint8", "bool", "float16"):
            values = counts().astype(name)
            layers = file.require_group("layers")
            layers.create_dataset(f"{name}_dense", data=values)
            for kind, make in (("csr", sparse.csr_matrix), ("csc", sparse.csc_matrix)):
                # scipy has no half precision.
                matrix = make(counts())
                group = layers.create_group(f"{name}_{kind}")
                group.attrs["encoding-type"] = f"{kind}_matrix"
                group.attrs["encoding-version"] = "0.1.0"
                group.attrs["shape"] = matrix.shape
                group["data"] = matrix.data.astype(name)
                group["indices"], group["indptr"] = matrix.indices, matrix.indptr


def is_numbers(item):
    return isinstance(item, h5py.Dataset) and item.ndim > 0 and item.dtype.kind in "iuf"


def lzf(path):
    """Large enough that LZF makes all chunks shorter, which are else stored as they are."""
    i, j = np.indices((60, 50))
    values = np.where((i + j) % 3 == 0, i * j % 7, 0)
    names = [[f"{name}{k}" for k in range(n)] for name, n in (("cell", 60), ("gene", 50))]
    obs = pd.DataFrame({"depth": np.arange(60) // 4}, index=names[0])
    data = anndata.AnnData(
        sparse.csr_matrix(values.astype(np.float32)), obs, pd.DataFrame(index=names[1])
    )
    data.layers["columns"] = sparse.csc_matrix(values.astype(np.int64))
    data.layers["dense"] = values.astype(np.int16)
    with h5py.File(path, "w", libver="v110") as file:
        anndata.io.write_elem(file, "/", data)
        numbers = []
        file.visititems(lambda name, item: numbers.append(name) if is_numbers(item) else None)
        # HDF5 2.0 applies no filter to text, to which anndata would apply it too.
        for name in numbers:
            values, attributes = file[name][()], dict(file[name].attrs)
            del file[name]
            options = {"compression": "lzf", "shuffle": True, "fletcher32": True}
            file.create_dataset(name, data=values, **options).attrs.update(attributes)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for make in (new, old, lzf, types):
        path = Path(sys.argv[1]) / f"{make.__name__}.h5ad"
        make(path)
        print(path, path.stat().st_size, anndata.read_h5ad(path), sep="\n")
