"""Makes the pickles in src/rust/io/tests/pickles and tests/testthat/fixtures.

    pip install pandas==1.5.3 numpy==1.26.4
    python data-raw/make_pickles.py src/rust/io/tests/pickles tests/testthat/fixtures
    pip install pandas==2.2.3 numpy==1.26.4    # and once more with pandas==3.1.1 numpy==2.4.6
    python data-raw/make_pickles.py src/rust/io/tests/pickles

Each run writes one table by the pandas it finds, in several protocols. pandas 1.5.3 also
imitates pandas 0.23, which runs on no Python of today: the names and the layout of its block
manager and its factors follow what pandas still reads of it (compat/pickle_compat.py,
internals/managers.py). In this layout are also the metadata of the data sets PBMC and
brain small, as test-PbmcDataset.R and test-BrainSmallDataset.R expect them. The
table's values are in table.csv, which io/tests/pickle.rs compares them with.
"""

import collections
import copyreg
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pandas.core.internals as internals

ROWS = ["AAAC-1", "AAAG-1", "ü-1", "AAAT-11"]


def table():
    """A column of each type that can be read, and one of dates."""
    return pd.DataFrame(
        {
            "whole": np.array([1, -2, 3, 2**31 - 1], dtype=np.int64),
            "small": np.array([0, 255, 7, 8], dtype=np.uint8),
            "large": np.array([2**40, 0, -1, 5], dtype=np.int64),
            "real": [0.5, np.nan, -1e300, 3.0],
            "single": np.array([0.25, 1.5, 2, -4], dtype=np.float32),
            "kept": [True, False, True, True],
            "text": ["a", None, "", "b,ü"],
            "type": pd.Categorical(["T", "B", None, "T"], categories=["T", "NK", "B"]),
            "stage": pd.Categorical(["lo", "hi", "hi", None], categories=["lo", "hi"], ordered=True),
        },
        index=pd.Index(ROWS, name="barcode"),
    )


def with_extensions():
    """The same, with columns of pandas' own types and dates."""
    frame = table()
    frame["masked"] = pd.array([1, None, 3, 4], dtype="Int64")
    frame["maybe"] = pd.array([True, None, False, True], dtype="boolean")
    frame["string"] = pd.array(["x", None, "y", "z"], dtype="string")
    frame["day"] = pd.to_datetime(["2020-01-01", None, "2020-01-03", "2020-01-04"])
    return frame


class BlockManager:
    """The manager of pandas 0.23, as far as a pickle shows it."""

    __module__ = "pandas.core.internals"

    def __init__(self, manager):
        self.axes = list(manager.axes)
        self.blocks = [{"values": b.values, "mgr_locs": b.mgr_locs.indexer} for b in manager.blocks]

    def __getstate__(self):
        values = [block["values"] for block in self.blocks]
        items = [self.axes[0][block["mgr_locs"]] for block in self.blocks]
        return self.axes, values, items, {"0.14.1": {"axes": self.axes, "blocks": self.blocks}}


class SingleBlockManager(BlockManager):
    __module__ = "pandas.core.internals"


class Old(pickle._Pickler):
    """Writes as pandas 0.23 did."""

    def reducer_override(self, value):
        if isinstance(value, pd.DataFrame):
            state = {"_data": BlockManager(value._mgr), "_typ": "dataframe", "_metadata": []}
        elif isinstance(value, pd.Series):
            state = {"_data": SingleBlockManager(value._mgr), "_typ": "series", "_metadata": ["name"]}
            state["name"] = value.name
        elif isinstance(value, pd.Categorical):
            state = {"_dtype": value.dtype, "_codes": value.codes.copy()}
        else:
            return NotImplemented
        return copyreg.__newobj__, (type(value),), state


def write_old(value, path, protocol):
    """`value` with the names of pandas 0.23, where today's module is a package."""
    kept = internals.BlockManager, internals.SingleBlockManager
    internals.BlockManager, internals.SingleBlockManager = BlockManager, SingleBlockManager
    with open(path, "wb") as file:
        Old(file, protocol).dump(value)
    internals.BlockManager, internals.SingleBlockManager = kept


def barcode(i):
    """Sixteen letters for a number."""
    return "".join("ACGT"[(i * 7 + 13) // 4**k % 4] for k in range(16)) + "-1"


def pbmc_metadata():
    """Cells of pbmc8k (0 to 7) and of pbmc4k (6 to 11). 6 and 7 are barcodes of both, so that the
    cells of pbmc4k end with 11, but 2 and 10 are missing here, and 99 is in no matrix."""
    first = [barcode(i) for i in (5, 0, 1, 99, 3, 4, 6, 7)]
    second = [barcode(6) + "1", barcode(8), barcode(7) + "1", barcode(11), barcode(9)]
    index = pd.Index(first + second, name="x")
    n = len(index)
    place = np.arange(n)
    names = ["CD4 T cells", "B cells", "Other"]
    raw = pd.DataFrame({"num_umi": place * 10, "mapped_reads": place / 8}, index=index)
    batch = np.repeat([0, 1], [len(first), len(second)])
    numbers = pd.Index(place + 1)
    return {
        "design": pd.DataFrame({"(Intercept)": 1, "batchpbmc4k": batch, "WPC1": place * 1.0}, index=numbers),
        "raw_qc": raw,
        "qc_pc": np.column_stack([place * 1.0, -place]),
        "normalized_qc": pd.DataFrame((raw / 10).to_numpy(), index=numbers, columns=raw.columns),
        "barcodes": pd.DataFrame({"Unnamed: 0": place + 1}, index=index),
        "clusters": place % 3,
        "list_clusters": np.array(names, dtype=object),
    }


def brain_metadata():
    """Clusters, from 1, and quality of six cells in another order than the matrix has."""
    index = [barcode(i) for i in (3, 0, 5, 1, 4, 2)]
    place = np.arange(6)
    raw = pd.DataFrame({"num_umi": place * 10, "mapped_reads": place / 8}, index=pd.Index(index, name="barcode"))
    clusters = pd.DataFrame({"Cluster": place % 3 + 1}, index=pd.Index(index, name="Barcode"))
    return {"raw_qc": raw.iloc[::-1], "clusters": clusters}


def arrays():
    """What numpy and Python write beside tables."""
    record = np.dtype([("id", "<i4"), ("name", "U3"), ("score", ">f4")])
    return {
        "record": np.array([(1, "ab", 0.5), (2, "ü", -2)], dtype=record).view(np.recarray),
        "fortran": np.asfortranarray([[1, 2, 3], [4, 5, 6]]),
        "rows": np.array([[1, 2, 3], [4, 5, 6]]),
        "big": np.array([-2, 300], dtype=">i2"),
        "half": np.array([0.5, -2, 2**-24, np.inf], dtype=np.float16),
        "fixed": np.array([b"ab", b"c"], dtype="S3"),
        "objects": np.array([["a", None], ["b", 3]], dtype=object),
        "scalar": np.float64(2.5),
        "list": [1, None, 3],
        "nested": [[1, 2], ("a", None), None],
        "mixed": [True, 2.5, "x"],
        "nothing": None,
        "ordered": collections.OrderedDict(a=1),
        "unnamed": pd.DataFrame({0: [1, 2], "b": [0.5, 1]}),
        "factors": pd.DataFrame({"x": [1, 2]}, index=pd.CategoricalIndex(["u", None], name="f")),
        "empty": pd.DataFrame(index=["r"]),
        "series": pd.Series([1.5, 2.5], index=["p", "q"], name="s"),
        "range": pd.RangeIndex(2, 8, 3),
        "complex": np.array([1j]),
        "huge": 2**70,
    }


pickles = Path(sys.argv[1])
pickles.mkdir(exist_ok=True)
version = "".join(pd.__version__.split(".")[:2])
for protocol in (0, 2, 4, 5) if version == "15" else (5,):
    with_extensions().to_pickle(pickles / f"pandas{version}_{protocol}.pickle", protocol=protocol)
with open(pickles / f"arrays{version}.pickle", "wb") as file:
    pickle.dump(arrays(), file, 2 if version == "15" else 5)
if version == "15":
    for protocol in (2, 4):
        write_old(table(), pickles / f"pandas023_{protocol}.pickle", protocol)
    text = table()
    text["type"], text["stage"] = text["type"].astype(object), text["stage"].astype(object)
    text.to_csv(pickles / "table.csv", na_rep="NA", float_format="%.17g")
    fixtures = Path(sys.argv[2])
    with_extensions().to_pickle(fixtures / "table.pickle", protocol=4)
    write_old(pbmc_metadata(), fixtures / "pbmc_metadata.pickle", 3)
    write_old(brain_metadata(), fixtures / "brain_small_metadata.pickle", 3)
