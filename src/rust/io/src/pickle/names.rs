//! The names of classes and functions that a pickle may use. They stand for themselves:
//! nothing is imported, and nothing is called.

use neuralee_core::{Error, Result};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    // pandas
    DataFrame,
    Series,
    /// `BlockManager` and `SingleBlockManager`.
    Manager,
    UnpickleBlock,
    NewIndex,
    /// The classes of indexes that hold one array.
    Index,
    RangeIndex,
    Categorical,
    CategoricalDtype,
    /// What makes the arrays that are one array of numpy with a type of pandas.
    UnpickleBacked,
    StringArray,
    /// Numbers or true and false, beside a mask of those that are missing.
    MaskedArray,
    /// A type of pandas that its array repeats.
    ArrayDtype,
    /// `pandas.NA`.
    NotAvailable,
    /// Makes `NaT`.
    NotATime,
    /// Dates, periods, intervals and such, which have no counterpart here.
    Unsupported,
    // numpy
    Reconstruct,
    FromBuffer,
    NdArray,
    Dtype,
    Scalar,
    /// The class of the records in a record array.
    Record,
    // Python
    Slice,
    Bytes,
    Object,
    Encode,
    Reconstructor,
    OrderedDict,
}

/// What `module` and `name` stand for; others than those of tables are refused. Modules of
/// pandas and numpy were renamed many times, so that only the package counts: whatever the
/// module, the name is only compared.
pub(super) fn find(module: &str, name: &str) -> Result<Name> {
    let package = module.split('.').next().unwrap_or_default();
    let found = match package {
        "pandas" => pandas_name(name),
        "numpy" => numpy_name(name),
        _ => python_name(module, name),
    };
    found.ok_or_else(|| refused(module, name))
}

fn pandas_name(name: &str) -> Option<Name> {
    Some(match name {
        "DataFrame" => Name::DataFrame,
        "Series" => Name::Series,
        "BlockManager" | "SingleBlockManager" => Name::Manager,
        "_unpickle_block" => Name::UnpickleBlock,
        "_new_Index" => Name::NewIndex,
        "Index" | "Int64Index" | "UInt64Index" | "Float64Index" | "NumericIndex"
        | "CategoricalIndex" => Name::Index,
        "RangeIndex" => Name::RangeIndex,
        "Categorical" => Name::Categorical,
        "CategoricalDtype" => Name::CategoricalDtype,
        "__pyx_unpickle_NDArrayBacked" => Name::UnpickleBacked,
        "StringArray" | "StringArrayNumpySemantics" => Name::StringArray,
        "IntegerArray" | "FloatingArray" | "BooleanArray" => Name::MaskedArray,
        "StringDtype" | "BooleanDtype" | "Int8Dtype" | "Int16Dtype" | "Int32Dtype"
        | "Int64Dtype" | "UInt8Dtype" | "UInt16Dtype" | "UInt32Dtype" | "UInt64Dtype"
        | "Float32Dtype" | "Float64Dtype" => Name::ArrayDtype,
        "NA" => Name::NotAvailable,
        "_nat_unpickle" => Name::NotATime,
        "DatetimeArray"
        | "TimedeltaArray"
        | "PeriodArray"
        | "IntervalArray"
        | "SparseArray"
        | "DatetimeIndex"
        | "TimedeltaIndex"
        | "PeriodIndex"
        | "IntervalIndex"
        | "MultiIndex"
        | "DatetimeTZDtype"
        | "PeriodDtype"
        | "IntervalDtype"
        | "SparseDtype"
        | "_new_DatetimeIndex"
        | "_new_PeriodIndex"
        | "_unpickle_timestamp"
        | "_timedelta_unpickle"
        | "Timestamp"
        | "Timedelta"
        | "Period"
        | "Interval"
        | "FrozenList" => Name::Unsupported,
        _ => return None,
    })
}

fn numpy_name(name: &str) -> Option<Name> {
    Some(match name {
        "_reconstruct" => Name::Reconstruct,
        "_frombuffer" => Name::FromBuffer,
        "ndarray" | "recarray" => Name::NdArray,
        "dtype" => Name::Dtype,
        "scalar" => Name::Scalar,
        "record" => Name::Record,
        _ => return None,
    })
}

fn python_name(module: &str, name: &str) -> Option<Name> {
    Some(match (module, name) {
        ("builtins" | "__builtin__", "slice") => Name::Slice,
        ("builtins" | "__builtin__", "bytes" | "bytearray") => Name::Bytes,
        ("builtins" | "__builtin__", "object") => Name::Object,
        ("_codecs", "encode") => Name::Encode,
        ("copyreg" | "copy_reg", "_reconstructor") => Name::Reconstructor,
        ("collections", "OrderedDict") => Name::OrderedDict,
        _ => return None,
    })
}

fn refused(module: &str, name: &str) -> Error {
    let shown = |text: &str| text.chars().take(100).collect::<String>();
    let (module, name) = (shown(module), shown(name));
    let arrow = module.starts_with("pyarrow") || name.starts_with("Arrow");
    Error::file_format(
        format!("The pickle uses {module}.{name}, which is no part of a table that can be read."),
        if arrow {
            "Write it with columns that do not need pyarrow: in Python df.astype(object)."
        } else {
            "Pickles are programs, and only the names that tables need are known. Write the table \
             as csv where the file is trusted."
        },
    )
}
