//! One-dimensional datasets of numbers and of text, read block by block.

use super::decode::{fill_beside, Look, LONG};
use super::raw::{Kind, Native, Plain, Source};
use super::store::{damaged, failed, Array};
use crate::counts::are_counts;
use neuralee_core::monitor::Monitor;
use neuralee_core::Result;

/// Values read between two looks at the monitor, unless a chunk is larger.
pub(crate) const BLOCK: usize = 1 << 21;
/// Values that are looked at to tell counts from other numbers.
pub(crate) const LOOKED_AT: usize = 1 << 16;

/// Reads a one-dimensional dataset of numbers block by block.
pub(crate) fn fill<T: Native>(array: &Array, out: &mut [T], monitor: &dyn Monitor) -> Result<()> {
    fill_and_look(array, out, monitor, &|_, _| {})
}

/// Likewise; `look` is shown all values, part by part, with the index of the first, by several
/// threads and in no order.
pub(crate) fn fill_and_look<T: Native>(
    array: &Array,
    out: &mut [T],
    monitor: &dyn Monitor,
    look: Look<T>,
) -> Result<()> {
    let source = numeric(array)?;
    let plain = source.plain().map_err(failed(array.path))?;
    let plain = plain.filter(|p| !T::WHOLE || !matches!(p, Plain::F32 | Plain::F64));
    if let Some(plain) = plain.filter(|_| out.len() >= LONG && array.shape() == Ok(vec![out.len()]))
    {
        return fill_beside(array, source, plain, out, monitor, look);
    }
    let step = rows_per_block(array, 1);
    for (i, block) in out.chunks_mut(step).enumerate() {
        monitor.check()?;
        let start = i * step;
        let rows = start..start + block.len();
        source.numbers(rows, block).map_err(failed(array.path))?;
        look(start, block);
        monitor.advance(block.len());
    }
    Ok(())
}

/// The dataset, once it is one of numbers, or of true and false.
pub(crate) fn numeric<'a>(array: &'a Array) -> Result<Source<'a>> {
    let source = Source {
        container: array.source,
        field: None,
    };
    match source.kind().map_err(failed(array.path))? {
        Kind::Integer | Kind::Float | Kind::Logical => Ok(source),
        _ => Err(damaged(format!("{} does not hold numbers", array.path))),
    }
}

/// Rows that make up about one block, in whole chunks, so that each is expanded once.
pub(crate) fn rows_per_block(array: &Array, row_length: usize) -> usize {
    let wanted = (BLOCK / row_length.max(1)).max(1);
    let chunk = array.chunk_rows();
    wanted.div_ceil(chunk).saturating_mul(chunk)
}

/// Whether the values of the first rows are whole and none is negative.
pub(crate) fn are_whole(array: &Array, rows: usize, row_length: usize) -> Result<bool> {
    let mut values = vec![0f64; rows * row_length];
    let source = numeric(array)?;
    source
        .numbers(0..rows, &mut values)
        .map_err(failed(array.path))?;
    Ok(are_counts(&values))
}

/// The first `n` texts of a dataset or of one field of it, together no longer than the file.
pub(crate) fn texts(array: &Array, field: Option<&str>, n: usize) -> Result<Vec<String>> {
    let source = Source {
        container: array.source,
        field,
    };
    let most = array.file_length.saturating_add(n as u64);
    source.texts(0..n, most).map_err(failed(array.path))
}
