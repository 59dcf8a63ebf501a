//! R values as borrowed Rust views, and errors as R lists.

use extendr_api::prelude::*;
use ndarray::{ArrayView2, ShapeBuilder};
use neuralee_core::masses::Masses;
use neuralee_core::Error as CoreError;

/// Why a call failed; becomes `list(message, class, remedy)` in R, where `class` is the last part
/// of the condition class.
#[derive(Debug, Clone)]
pub struct Failure(CoreError);

/// A number that R gives as a count; what is negative counts nothing, and is refused as such.
pub(crate) fn count(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

/// What every exported function returns.
pub type Outcome<T> = std::result::Result<T, Failure>;

impl From<CoreError> for Failure {
    fn from(error: CoreError) -> Self {
        Failure(error)
    }
}

/// What R's API refuses is a bug of ours: types are checked before a value comes here.
impl From<extendr_api::Error> for Failure {
    fn from(error: extendr_api::Error) -> Self {
        CoreError::internal(error.to_string(), "").into()
    }
}

impl From<Failure> for Robj {
    fn from(Failure(error): Failure) -> Self {
        let report = error.report();
        list!(
            message = report.message.as_str(),
            class = snake_case(error.kind()),
            remedy = report.remedy.as_str()
        )
        .into()
    }
}

/// The value, or `NULL`; extendr itself turns `None` into `NA`.
pub fn or_null<T: Into<Robj>>(value: Option<T>) -> Robj {
    value.map_or_else(|| ().into(), Into::into)
}

/// `FileFormat` as `file_format`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (i, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && i > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// An R matrix, column by column in R's memory, without a copy.
pub fn matrix_view(matrix: &RMatrix<f64>) -> Outcome<ArrayView2<'_, f64>> {
    ArrayView2::from_shape((matrix.nrows(), matrix.ncols()).f(), matrix.data()).map_err(|e| {
        CoreError::internal(format!("R matrix of an unexpected shape: {e}."), "").into()
    })
}

/// How many cells each cell stands for, relative to each other; `None` for `NULL`.
pub fn masses_of(weights: &Nullable<Doubles>) -> Outcome<Option<Masses>> {
    match weights {
        Nullable::Null => Ok(None),
        Nullable::NotNull(weights) => {
            let weights: Vec<f64> = weights.iter().map(|weight| weight.0).collect();
            Ok(Some(Masses::relative(&weights)?))
        }
    }
}

/// A new R matrix with the values of `values`.
pub fn to_r_matrix(values: ArrayView2<f64>) -> RMatrix<f64> {
    let (nrow, ncol) = values.dim();
    let mut matrix = RMatrix::new(nrow, ncol);
    // The transposed view runs in R's order, column by column.
    for (to, from) in matrix.data_mut().iter_mut().zip(values.t()) {
        *to = *from;
    }
    matrix
}

/// The slots of a `dgCMatrix`, held so that R keeps them while they are borrowed.
pub struct SparseSlots {
    /// Number of rows.
    pub nrow: usize,
    /// Number of columns.
    pub ncol: usize,
    indptr: Robj,
    indices: Robj,
    values: Robj,
}

impl SparseSlots {
    /// The slots of `x`, a `dgCMatrix`.
    pub fn new(x: &Robj) -> Outcome<Self> {
        let slot = |name: &str| x.get_attrib(name).ok_or_else(|| not_sparse(name));
        let dim = slot("Dim")?;
        let dim = dim.as_integer_slice().ok_or_else(|| not_sparse("Dim"))?;
        let &[nrow, ncol] = dim else {
            return Err(not_sparse("Dim"));
        };
        Ok(SparseSlots {
            nrow: nrow as usize,
            ncol: ncol as usize,
            indptr: slot("p")?,
            indices: slot("i")?,
            values: slot("x")?,
        })
    }

    /// Where each column starts among the stored entries; `ncol + 1` numbers.
    pub fn indptr(&self) -> Outcome<&[i32]> {
        self.indptr
            .as_integer_slice()
            .ok_or_else(|| not_sparse("p"))
    }

    /// The row of each stored entry, counted from 0.
    pub fn indices(&self) -> Outcome<&[i32]> {
        self.indices
            .as_integer_slice()
            .ok_or_else(|| not_sparse("i"))
    }

    /// The value of each stored entry.
    pub fn values(&self) -> Outcome<&[f64]> {
        self.values.as_real_slice().ok_or_else(|| not_sparse("x"))
    }
}

fn not_sparse(slot: &str) -> Failure {
    CoreError::internal(
        format!("A dgCMatrix with a usable slot \"{slot}\" was expected."),
        "",
    )
    .into()
}
