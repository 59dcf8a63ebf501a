"""Writes files with the Python packages that people write them with, and what Python says is
in them.

    python write_files.py FOLDER

What this Python has decides which files there are: h5ad with anndata, loom with loompy, tables
with pandas, matrices of Cell Ranger with h5py. truth.json lists the files; what each holds is
what the writing package reads from it again, not what it was given.
"""

import importlib.util
import json
import math
import os
import sys
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd
from scipy import sparse

warnings.simplefilter("ignore")
folder = sys.argv[1]
truth = []


def has(package):
    return importlib.util.find_spec(package) is not None


def place(name):
    return os.path.join(folder, name)


def number(value):
    """For JSON, which knows neither NaN nor numpy."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    value = float(value)
    return value if math.isfinite(value) else None


def level(value):
    """A category as R writes it."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).upper()
    return f"{value:.15g}" if isinstance(value, (float, np.floating)) else str(value)


def column(values):
    """The kind of an R vector, and its values with None for those that miss."""
    values = pd.Series(values)
    missing = values.isna()
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        shown = [None if m else level(v) for v, m in zip(values, missing)]
        kind = "ordered" if dtype.ordered else "factor"
        return {"kind": kind, "levels": [level(v) for v in dtype.categories], "values": shown}
    if pd.api.types.is_bool_dtype(dtype):
        kind = "logical"
    elif pd.api.types.is_integer_dtype(dtype):
        known = values[~missing]
        fits = len(known) == 0 or (known.min() > -(2**31) and known.max() < 2**31)
        kind = "integer" if fits else "double"
    elif pd.api.types.is_float_dtype(dtype):
        kind = "double"
    else:
        return {"kind": "character", "values": [None if m else str(v) for v, m in zip(values, missing)]}
    return {"kind": kind, "values": [None if m else number(v) for v, m in zip(values, missing)]}


def rows(matrix):
    matrix = matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)
    return [[number(v) for v in row] for row in matrix]


def frame(table):
    return {str(name): column(table[name]) for name in table.columns}


def holds(name, reader, matrix, names_of_genes, names_of_cells, **more):
    """`matrix` is genes by cells."""
    shape = [matrix.shape[0], matrix.shape[1]]
    about = {"file": name, "reader": reader, "shape": shape, "matrix": rows(matrix)}
    about.update(gene_names=list(map(str, names_of_genes)), cell_names=list(map(str, names_of_cells)), **more)
    truth.append(about)


# anndata -----------------------------------------------------------------------------------------

cell, gene = np.indices((7, 5))
COUNTS = np.where((cell + gene) % 3 == 0, cell * gene + 1, 0)


def annotated(x, anndata, plain=False):
    n, p = x.shape
    obs = pd.DataFrame(index=[f"cell {i} µ" if i % 2 else f"細胞{i}" for i in range(n)])
    var = pd.DataFrame(index=[f"gene{i}" for i in range(p)])
    # Older versions turn every matrix into single precision unless they are told not to.
    as_it_is = {"dtype": x.dtype} if OLD else {}
    if plain or n == 0:
        return anndata.AnnData(x, obs=obs, var=var, **as_it_is)
    few = np.arange(n) % 3
    obs["cluster"] = pd.Categorical.from_codes([c - 1 for c in few], ["β cells", "NK"])
    obs["stage"] = pd.Categorical.from_codes(few, ["late", "early", "unused", "mid"], ordered=True)
    obs["batch number"] = pd.Categorical(few * 10)
    obs["dose"] = pd.Categorical(few / 4 + 1)
    obs["treated"] = pd.Categorical(few > 0)
    obs["note"] = [f"note {i}, \"quoted\"" if i else "" for i in range(n)]
    obs["depth"] = np.where(few == 1, np.nan, np.arange(n) / 3)
    obs["single"] = (np.arange(n) / 3).astype(np.float32)
    obs["small"] = np.arange(n, dtype=np.int8) - 2
    obs["unsigned"] = np.arange(n, dtype=np.uint32)
    obs["large"] = np.arange(n, dtype=np.int64) * 2**40
    obs["kept"] = few == 2
    if not OLD:
        obs["maybe"] = pd.array([None, 1, -7, 0, 5, None, 2**20][:n], dtype="Int64")
        obs["sure"] = pd.array([True, None, False, True, None, True, False][:n], dtype="boolean")
        obs["name"] = pd.array(["x", None, "", "ü", None, "y", "z"][:n], dtype="string")
    var["highly_variable"] = np.arange(p) % 2 == 0
    var["feature"] = pd.Categorical(["Gene Expression"] * p)
    adata = anndata.AnnData(x, obs=obs, var=var, **as_it_is)
    adata.raw = adata
    adata = adata[:, [2, 0, 1]].copy()
    adata.obsm["X_pca"] = np.arange(2.0 * n).reshape(n, 2)
    adata.obsm["spatial"] = np.arange(3 * n, dtype=np.int32).reshape(n, 3)
    adata.obsm["scores"] = pd.DataFrame({"a": np.arange(n)}, index=obs.index)
    adata.obsm["sparse"] = sparse.csr_matrix(np.eye(n))
    adata.varm["PCs"] = np.ones((3, 2))
    adata.obsp["distances"] = sparse.csr_matrix(np.eye(n))
    adata.uns["colours"] = np.array(["#ff0000", "#00ff00"])
    adata.layers["dense"] = np.arange(3.0 * n).reshape(n, 3) / 4
    adata.layers["rows"] = sparse.csr_matrix(np.arange(3 * n).reshape(n, 3) % 2)
    adata.layers["columns"] = sparse.csc_matrix(np.arange(3 * n).reshape(n, 3) % 5)
    adata.layers["seen"] = np.arange(3 * n).reshape(n, 3) % 4 == 1
    adata.layers["seen sparse"] = sparse.csr_matrix(np.arange(3 * n).reshape(n, 3) % 4 == 1)
    return adata


def say_h5ad(name, anndata):
    adata = anndata.read_h5ad(place(name))
    dense = {k: v for k, v in adata.obsm.items() if isinstance(v, np.ndarray)}
    about = {
        "cells": frame(adata.obs),
        "reductions": {k: rows(v) for k, v in dense.items()},
        "left_out": [f"obsm/{k}" for k in adata.obsm if k not in dense],
    }
    genes = frame(adata.var)
    holds(name, "h5ad", adata.X.T, adata.var_names, adata.obs_names, layer="X", genes=genes, **about)
    if name not in ("dense.h5ad", "csr.h5ad"):
        return
    for layer in adata.layers:
        x = adata.layers[layer].T
        holds(name, "h5ad", x, adata.var_names, adata.obs_names, layer=layer, genes=genes, **about)
    if adata.raw is not None:
        raw = adata.raw
        holds(name, "h5ad", raw.X.T, raw.var_names, adata.obs_names, layer="raw", genes=frame(raw.var), **about)


def write_h5ad():
    import anndata

    if not OLD:
        anndata.settings.allow_write_nullable_strings = True

    def write(name, adata, **how):
        adata.write_h5ad(place(name), **how)
        say_h5ad(name, anndata)

    write("dense.h5ad", annotated(COUNTS.astype(np.float32), anndata))
    write("csr.h5ad", annotated(sparse.csr_matrix(COUNTS.astype(np.int64)), anndata), compression="gzip")
    write("csc.h5ad", annotated(sparse.csc_matrix(COUNTS / 8), anndata), compression="gzip", compression_opts=9)
    write("full.h5ad", annotated(COUNTS + 0.5, anndata), compression="gzip")
    write("half.h5ad", annotated(COUNTS.astype(np.float16) / 2, anndata, plain=True))
    write("short.h5ad", annotated(sparse.csr_matrix(COUNTS.astype(np.uint16)), anndata, plain=True))
    write("flags.h5ad", annotated(COUNTS > 3, anndata, plain=True))
    write("no_cells.h5ad", annotated(np.zeros((0, 4), np.float32), anndata))
    write("no_cells_csr.h5ad", annotated(sparse.csr_matrix((0, 4), dtype=np.float32), anndata))
    write("no_genes.h5ad", annotated(np.zeros((3, 0), np.float32), anndata, plain=True))
    repeated = annotated(COUNTS.astype(np.float32), anndata, plain=True)
    repeated.var_names = ["a", "b", "a", "", "ß"]
    repeated.obs_names = [str(i // 2) for i in range(7)]
    write("repeated.h5ad", repeated)
    unsorted = sparse.csr_matrix((np.arange(1.0, 6), [3, 0, 0, 2, 1], [0, 2, 2, 5]), shape=(3, 4))
    write("unsorted.h5ad", annotated(unsorted, anndata, plain=True))

    annotated(COUNTS.astype(np.float32), anndata, plain=True).write_h5ad(place("backed.h5ad"))
    backed = anndata.read_h5ad(place("backed.h5ad"), backed="r+")
    backed.X[2, :] = np.arange(5)
    backed.obs["added"] = np.arange(7)
    backed.write()
    backed.file.close()
    say_h5ad("backed.h5ad", anndata)
    copied = anndata.read_h5ad(place("csr.h5ad"), backed="r").copy(filename=place("copied.h5ad"))
    copied.file.close()
    say_h5ad("copied.h5ad", anndata)

    annotated(COUNTS.astype(np.float32), anndata, plain=True).write_h5ad(place("lzf.h5ad"), compression="lzf")
    say_h5ad("lzf.h5ad", anndata)
    if not OLD:
        named = annotated(COUNTS.astype(np.float32), anndata, plain=True)
        named.obs.index = pd.Index(pd.array([f"c{i}" for i in range(7)], dtype="string"), name="barcode")
        named.var.index = pd.CategoricalIndex([f"g{i}" for i in range(5)])
        write("named.h5ad", named)


# loompy ------------------------------------------------------------------------------------------


def write_loom():
    import loompy

    genes, cells = 5, 7
    counts = COUNTS.T
    loompy.create(
        place("full.loom"),
        {"": counts, "halves": sparse.csc_matrix(counts / 2), "seen": (counts > 3).astype(np.int8)},
        {
            "Gene": np.array([f"gene{i}" for i in range(genes - 1)] + ["β-actin"]),
            "Length": np.arange(genes) * 100,
            "Score": np.arange(genes) / 3,
        },
        {
            "CellID": np.array([f"cell{i}" for i in range(cells)]),
            "Age": np.arange(cells, dtype=np.float32) / 4,
            "Large": np.arange(cells) * 2**40,
            "Kept": np.arange(cells) % 2 == 0,
            "Tissue": np.array(["§1", "", "a, b", "d", "e", "f", "g"]),
            "X_umap": np.arange(2.0 * cells).reshape(cells, 2),
        },
        file_attrs={"title": "5 µm"},
    )
    with loompy.connect(place("full.loom")) as file:
        file.col_graphs["KNN"] = sparse.coo_matrix(np.eye(cells))
    say_loom("full.loom", loompy, ["col_graphs/KNN"])

    loompy.create(
        place("one.loom"), np.array([[3.5]]), {"Gene": np.array(["a"])}, {"CellID": np.array(["b"])}
    )
    say_loom("one.loom", loompy)
    if has("anndata"):
        import anndata

        adata = annotated(sparse.csr_matrix(COUNTS), anndata)
        for flags in ["seen", "seen sparse"]:
            del adata.layers[flags]
        for matrices in ["scores", "sparse"]:
            del adata.obsm[matrices]
        adata.write_loom(place("anndata.loom"), write_obsm_varm=True)
        say_loom("anndata.loom", loompy, gene_names="var_names", cell_names="obs_names")


def say_loom(name, loompy, left_out=(), gene_names="Gene", cell_names="CellID"):
    import h5py

    def text_of(file, group):
        """Text of attributes, of which loompy loses what is not ASCII."""
        found = {k: v for k, v in file[group].items() if h5py.check_string_dtype(v.dtype)}
        return {k: v.asstr()[()] for k, v in found.items()}

    with h5py.File(place(name), "r") as file:
        of_genes, of_cells, of_file = (text_of(file, g) for g in ("row_attrs", "col_attrs", "attrs"))
    with loompy.connect(place(name), "r") as file:
        of_genes = {**dict(file.ra.items()), **of_genes}
        of_cells = {**dict(file.ca.items()), **of_cells}
        names = of_genes.pop(gene_names), of_cells.pop(cell_names)
        about = {
            "genes": {k: column(v) for k, v in of_genes.items() if v.ndim == 1},
            "cells": {k: column(v) for k, v in of_cells.items() if v.ndim == 1},
            "reductions": {k: rows(v) for k, v in of_cells.items() if v.ndim == 2},
            "attributes": of_file,
            "left_out": list(left_out),
            "name_attributes": [gene_names, cell_names],
        }
        for layer in file.layers:
            holds(name, "loom", file.layers[layer][:, :], *names, layer=layer, **about)


# pandas ------------------------------------------------------------------------------------------


def write_tables():
    genes = ["CD4", "a \"quoted\" gene", "with,comma", "line\nbreak", "β"]
    table = pd.DataFrame(COUNTS.T, index=genes, columns=[f"cell{i}" for i in range(7)])
    for end in ["csv", "csv.gz", "csv.bz2", "csv.xz", "csv.zip", "tsv"]:
        sep = "\t" if end == "tsv" else ","
        table.to_csv(place(f"table.{end}"), sep=sep)
        back = pd.read_csv(place(f"table.{end}"), sep=sep, index_col=0)
        holds(f"table.{end}", "csv", back.to_numpy(), back.index, back.columns)
    fractions = pd.DataFrame(COUNTS.T / 7 * 1e-5, index=genes, columns=table.columns)
    fractions.to_csv(place("turned.csv"))
    back = pd.read_csv(place("turned.csv"), index_col=0, float_precision="round_trip")
    holds("turned.csv", "csv", back.to_numpy().T, back.columns, back.index, genes_in_rows=False)


# h5py --------------------------------------------------------------------------------------------


def write_tenx():
    import h5py

    matrix = sparse.csc_matrix(COUNTS.T.astype(np.int32))
    barcodes, ids = [f"AAAC{i}-1" for i in range(7)], [f"ENSG{i}" for i in range(5)]
    fixed = {"compression": "gzip", "shuffle": True}
    with h5py.File(place("filtered_feature_bc_matrix.h5"), "w") as file:
        file.attrs["chemistry_description"] = "Single Cell 3' v3"
        group = file.create_group("matrix")
        group.create_dataset("barcodes", data=np.array(barcodes, dtype="S"), maxshape=(None,), **fixed)
        group.create_dataset("data", data=matrix.data, maxshape=(None,), **fixed)
        group.create_dataset("indices", data=matrix.indices.astype(np.int64), maxshape=(None,), **fixed)
        group.create_dataset("indptr", data=matrix.indptr.astype(np.int64), maxshape=(None,), **fixed)
        group.create_dataset("shape", data=np.array([5, 7], np.int32))
        features = group.create_group("features")
        features.create_dataset("id", data=np.array(ids, dtype="S"))
        features.create_dataset("name", data=np.array([f"G{i}" for i in range(5)], dtype="S"))
        features.create_dataset("feature_type", data=np.array(["Gene Expression"] * 5, dtype="S"))
        features.create_dataset("genome", data=np.array(["GRCh38"] * 5, dtype="S"))
        features.create_dataset("_all_tag_keys", data=np.array(["genome"], dtype="S"))
    with h5py.File(place("filtered_feature_bc_matrix.h5"), "r") as file:
        group = file["matrix"]
        parts = [group[part][:] for part in ("data", "indices", "indptr")]
        back = sparse.csc_matrix(tuple(parts), shape=tuple(group["shape"][:]))
        names = [[t.decode() for t in group[part][:]] for part in ("features/name", "barcodes")]
        holds("filtered_feature_bc_matrix.h5", "tenx", back, *names)


OLD = False
if has("anndata"):
    # Before 0.8 there is no encoding for categories, and none for values that may miss.
    OLD = tuple(int(part) for part in version("anndata").split(".")[:2]) < (0, 8)
    write_h5ad()
if has("loompy"):
    write_loom()
write_tables()
if has("h5py"):
    write_tenx()
with open(place("truth.json"), "w", encoding="utf-8") as out:
    json.dump(truth, out)
