"""Makes inst/extdata/cortex.h5ad and inst/extdata/pbmc3k.h5ad.

    pip install numpy==2.4.6 h5py==3.16.0
    python data-raw/make_extdata.py CORTEX.h5ad PBMC3K.h5ad inst/extdata

The arguments are the two source files, which inst/extdata/README.md describes, and the
folder to write to. Both sources hold raw counts as a CSR matrix of cells by genes.

Genes are ranked by the population variance of log(count + 1) over all cells, as
subsample_genes() ranks them, and keep their order in the source.
"""

import sys
from pathlib import Path

import h5py
import numpy as np

MARKERS = """IL7R CCR7 S100A4 CD14 LYZ MS4A1 CD8A CD8B FCGR3A MS4A7 GNLY NKG7 FCER1A CST3
PPBP CD3D CD3E CD79A CD4""".split()


def read(path):
    """Counts as CSR arrays, cell and gene names, and the categorical columns of obs."""
    with h5py.File(path) as file:
        x = file["X"]
        assert x.attrs["encoding-type"] == "csr_matrix"
        counts = {name: x[name][:] for name in ("data", "indices", "indptr")}
        counts["shape"] = tuple(int(n) for n in x.attrs["shape"])
        names = {}
        for table in ("obs", "var"):
            names[table] = file[table][file[table].attrs["_index"]].asstr()[:]
        labels = {}
        for column in file["obs"].attrs["column-order"]:
            group = file["obs"][column]
            if group.attrs["encoding-type"] == "categorical":
                labels[column] = (group["codes"][:], group["categories"].asstr()[:])
    assert np.all(counts["data"] == np.round(counts["data"]))
    return counts, names, labels


def log_variances(counts):
    """Population variance of log(count + 1) per gene, in two passes."""
    cells, genes = counts["shape"]
    logs = np.log1p(counts["data"].astype(np.float64))
    which = counts["indices"]
    mean = np.bincount(which, weights=logs, minlength=genes) / cells
    stored = np.bincount(which, minlength=genes)
    squares = np.bincount(which, weights=(logs - mean[which]) ** 2, minlength=genes)
    return (squares + (cells - stored) * mean**2) / cells


def select(counts, kept):
    """The kept genes as a dense matrix of the smallest unsigned type."""
    cells, genes = counts["shape"]
    place = np.full(genes, -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    row = np.repeat(np.arange(cells), np.diff(counts["indptr"]))
    column = place[counts["indices"]]
    here = column >= 0
    type_ = np.min_scalar_type(int(counts["data"][here].max()))
    dense = np.zeros((cells, len(kept)), dtype=type_)
    dense[row[here], column[here]] = counts["data"][here]
    return dense


def write(path, counts, kept, names, labels):
    def store(group, name, values):
        kind = "array"
        if values.dtype.kind in "OUT":
            # Of fixed length, as HDF5 does not compress text of variable length.
            values = np.array([text.encode() for text in values])
            values = values.astype(h5py.string_dtype("utf-8", values.dtype.itemsize))
            kind = "string-array"
        # One chunk a gene: counts of one gene resemble each other, which makes this a
        # third smaller than the same counts as CSR.
        chunks = (len(values),) + (1,) * (values.ndim - 1)
        made = group.create_dataset(name, data=values, chunks=chunks, compression="gzip", compression_opts=9, shuffle=kind == "array")
        made.attrs.update({"encoding-type": kind, "encoding-version": "0.2.0"})

    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        store(file, "X", select(counts, kept))
        for table, index in (("obs", names["obs"]), ("var", names["var"][kept])):
            group = file.create_group(table)
            columns = list(labels) if table == "obs" else []
            order = np.array(columns, dtype=h5py.string_dtype()) if columns else np.zeros(0)
            group.attrs.update({"_index": "_index", "column-order": order, "encoding-type": "dataframe", "encoding-version": "0.2.0"})
            store(group, "_index", index)
            for column in columns:
                codes, categories = labels[column]
                made = group.create_group(column)
                made.attrs.update({"encoding-type": "categorical", "encoding-version": "0.2.0", "ordered": False})
                store(made, "codes", codes.astype(np.int8))
                store(made, "categories", categories)
        for empty in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
            file.create_group(empty).attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})


def main(cortex, pbmc, out):
    for source, target, n, markers in (
        (cortex, "cortex.h5ad", 1000, []),
        (pbmc, "pbmc3k.h5ad", 2000, MARKERS),
    ):
        counts, names, labels = read(source)
        kept = np.argsort(-log_variances(counts), kind="stable")[:n]
        known = np.isin(names["var"], markers)
        absent = sorted(set(markers) - set(names["var"][known]))
        kept = np.unique(np.concatenate([kept, np.flatnonzero(known)]))
        path = Path(out) / target
        write(path, counts, kept, names, labels)
        print(f"{path}: {counts['shape'][0]} cells x {len(kept)} genes, {path.stat().st_size} bytes; no such gene: {absent}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
