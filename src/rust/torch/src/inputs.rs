//! The inputs of the cells, as factors of W-.

use neuralee_torch_abi::Rows;
use tch::{Device, Tensor};

use crate::call::matrix;

/// The rows q_m = (y_m, |y_m|^2, 1) of some cells.
pub(crate) struct Inputs<'a> {
    /// Number of the cells.
    pub(crate) n: usize,
    /// S of these cells.
    pub(crate) total: f64,
    /// D.
    pub(crate) columns: usize,
    pub(crate) source: Source<'a>,
}

pub(crate) enum Source<'a> {
    /// On the device.
    Resident(&'a Tensor),
    /// With the caller.
    OnRequest(Rows<f64>, Device),
}

impl Inputs<'_> {
    /// Length of a row, D + 2.
    pub(crate) fn width(&self) -> usize {
        self.columns + 2
    }

    /// Some rows.
    pub(crate) fn rows(&self, first: usize, count: usize) -> Tensor {
        match &self.source {
            Source::Resident(rows) => rows.narrow(0, first as i64, count as i64),
            Source::OnRequest(rows, device) => read(rows, first, count, self.width(), *device),
        }
    }

    /// S c_n = (-2 y_n, 1, |y_n|^2) for rows q_n, so that w-_nm = c_n . q_m.
    pub(crate) fn coefficients(&self, rows: &Tensor) -> Tensor {
        let columns = self.columns as i64;
        Tensor::cat(
            &[
                rows.narrow(1, 0, columns) * -2.0,
                rows.narrow(1, columns + 1, 1),
                rows.narrow(1, columns, 1),
            ],
            1,
        )
    }
}

pub(crate) fn read(
    rows: &Rows<f64>,
    first: usize,
    count: usize,
    width: usize,
    device: Device,
) -> Tensor {
    let mut values = vec![0.0; count * width];
    // SAFETY: there is room for `count` rows.
    unsafe { (rows.copy)(rows.context, first, count, values.as_mut_ptr()) };
    matrix(&values, width, device)
}
