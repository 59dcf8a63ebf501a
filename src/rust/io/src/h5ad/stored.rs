//! Where a matrix is, for those who read it block by block.

use super::matrix::require_countable;
use super::sparse::sparse_group;
use super::table::wrong_shape;
use crate::hdf5::arrays::{are_whole, numeric, LOOKED_AT};
use crate::hdf5::compressed::{column_starts, stored_values};
use crate::hdf5::store::{damaged, Node};
use crate::Stored;
use neuralee_core::monitor::Monitor;
use neuralee_core::Result;

/// Finds out how a matrix of cells by genes is stored, and refuses one that contradicts
/// itself or lies in other files. All but its first values stay unread.
pub(super) fn locate(
    matrix: &Node,
    cells: usize,
    genes: usize,
    monitor: &dyn Monitor,
) -> Result<Stored> {
    require_countable(cells, genes)?;
    if matrix.is_dataset() {
        let values = matrix.array_on_disk()?;
        let shape: [usize; 2] = values.shape()?[..]
            .try_into()
            .map_err(|_| damaged(format!("{} is not two-dimensional", values.path)))?;
        if shape != [cells, genes] {
            return Err(wrong_shape(values.path, shape, cells, genes));
        }
        let rows = (LOOKED_AT / genes.max(1)).clamp(1, cells.max(1)).min(cells);
        return Ok(Stored {
            path: matrix.path.clone(),
            sparse: false,
            by_cells: true,
            whole: are_whole(&values, rows, genes)?,
        });
    }
    let group = sparse_group(matrix, cells, genes)?;
    let starts = group.indptr.array()?;
    let (indices, values) = (group.indices.array_on_disk()?, group.data.array_on_disk()?);
    let stored = stored_values(&matrix.path, group.major, &starts, &indices, &values)?;
    column_starts(&starts, group.major, stored, monitor)?;
    numeric(&indices)?;
    Ok(Stored {
        path: matrix.path.clone(),
        sparse: true,
        by_cells: group.by_cells,
        whole: are_whole(&values, LOOKED_AT.min(stored), 1)?,
    })
}
