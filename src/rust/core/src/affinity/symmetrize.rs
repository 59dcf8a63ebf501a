//! From row-stochastic P on a neighbour graph to the symmetric W+.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;

use super::rows::RowAffinities;
use super::weights::{pack, Entries, Weights};
use crate::neighbors::NeighborGraph;

/// Cells from which on weights are kept in single precision: rounding them moves E by
/// less than 1e-8, and an evaluation reads them all.
pub(crate) const SINGLE_FROM: usize = 100_000;

/// Rows merged by one task.
const ROWS_PER_TASK: usize = 256;

/// Marks the lower half of a slot whose weight comes from the row's own list.
const OWN: u32 = 1 << 31;

/// Lengths of some rows, and their entries one after the other.
type MergedRows = (Vec<usize>, Vec<(u32, f64)>);

/// W+ = (P + P') / (2N) on a neighbour graph.
///
/// Row n of the sum holds the entries of row n of P and, from each row m that lists n, that row's
/// entry. Every row gets slots for both, which all rows fill at the same time. Which slot an entry
/// falls into depends on the threads. Sorting the row by column undoes that, since a column occurs
/// twice at most. In single precision the slots then become the entries where they stand, without a
/// second copy.
pub fn symmetrize(graph: &NeighborGraph, rows: &RowAffinities) -> Weights {
    let Slots { starts, mut slots } = Slots::new(graph);
    let (n, k) = (graph.n, graph.k);
    let scale = 1.0 / (2.0 * n as f64);
    let weight = |row: usize, slot: u64| {
        let (column, index) = ((slot >> 32) as usize, slot as u32);
        let list = if index & OWN != 0 { row } else { column };
        scale * rows.p[list * k + (index & !OWN) as usize]
    };
    let parts = parts_of(&mut slots, &starts);
    if n < SINGLE_FROM {
        let merged: Vec<MergedRows> = parts
            .into_par_iter()
            .map(|(first, rows)| {
                let mut entries = Vec::new();
                let merge = |(i, slots)| {
                    let before = entries.len();
                    merge_row(slots, |slot| weight(first + i, slot), &mut entries);
                    entries.len() - before
                };
                let lengths = rows.into_iter().enumerate().map(merge).collect();
                (lengths, entries)
            })
            .collect();
        let starts = starts_of(merged.iter().flat_map(|(lengths, _)| lengths));
        let (columns, values) = merged.into_iter().flat_map(|(_, entries)| entries).unzip();
        return Weights {
            starts,
            entries: Entries::Double { columns, values },
        };
    }
    let lengths: Vec<Vec<usize>> = parts
        .into_par_iter()
        .map(|(first, rows)| {
            let mut entries = Vec::new();
            let merge = |(i, slots): (usize, &mut [u64])| {
                entries.clear();
                merge_row(slots, |slot| weight(first + i, slot), &mut entries);
                for (slot, &(column, value)) in slots.iter_mut().zip(&entries) {
                    *slot = pack(column, value as f32);
                }
                entries.len()
            };
            rows.into_iter().enumerate().map(merge).collect()
        })
        .collect();
    let merged = starts_of(lengths.iter().flatten());
    for row in 0..n {
        let length = merged[row + 1] - merged[row];
        slots.copy_within(starts[row]..starts[row] + length, merged[row]);
    }
    slots.truncate(merged[n]);
    slots.shrink_to_fit();
    Weights {
        starts: merged,
        entries: Entries::Single(slots),
    }
}

/// The entries of every row. The upper half of a slot is the column. The lower half is the index of
/// the weight in the list of the row or of the column.
struct Slots {
    starts: Vec<usize>,
    slots: Vec<u64>,
}

impl Slots {
    fn new(graph: &NeighborGraph) -> Self {
        let (n, k) = (graph.n, graph.k);
        let taken: Vec<AtomicU32> = (0..n).map(|_| AtomicU32::new(k as u32)).collect();
        graph.ids.par_iter().for_each(|&id| {
            taken[id as usize].fetch_add(1, Relaxed);
        });
        let lengths: Vec<usize> = taken
            .iter()
            .map(|taken| taken.swap(k as u32, Relaxed) as usize)
            .collect();
        let starts = starts_of(&lengths);
        let slot = |column: usize, index: u32| (column as u64) << 32 | u64::from(index);
        let slots: Vec<AtomicU64> = (0..starts[n]).map(|_| AtomicU64::new(0)).collect();
        graph.ids.par_chunks(k).enumerate().for_each(|(row, ids)| {
            for (index, id) in ids.iter().map(|&id| id as usize).enumerate() {
                let own = slot(id, index as u32 | OWN);
                slots[starts[row] + index].store(own, Relaxed);
                let free = taken[id].fetch_add(1, Relaxed) as usize;
                slots[starts[id] + free].store(slot(row, index as u32), Relaxed);
            }
        });
        let slots = slots.into_iter().map(AtomicU64::into_inner).collect();
        Slots { starts, slots }
    }
}

fn starts_of<'a>(lengths: impl IntoIterator<Item = &'a usize>) -> Vec<usize> {
    let mut starts = vec![0];
    let mut end = 0;
    for length in lengths {
        end += length;
        starts.push(end);
    }
    starts
}

/// The rows of each task: the number of the first, and the slots of each.
fn parts_of<'a>(mut slots: &'a mut [u64], starts: &[usize]) -> Vec<(usize, Vec<&'a mut [u64]>)> {
    let n = starts.len() - 1;
    let mut parts = Vec::with_capacity(n.div_ceil(ROWS_PER_TASK));
    for first in (0..n).step_by(ROWS_PER_TASK) {
        let mut rows = Vec::with_capacity(ROWS_PER_TASK);
        for row in first..(first + ROWS_PER_TASK).min(n) {
            let (own, later) = slots.split_at_mut(starts[row + 1] - starts[row]);
            slots = later;
            rows.push(own);
        }
        parts.push((first, rows));
    }
    parts
}

/// Appends the columns of a row, ascending, each with the sum of its weights.
fn merge_row(slots: &mut [u64], weight: impl Fn(u64) -> f64, entries: &mut Vec<(u32, f64)>) {
    slots.sort_unstable();
    for twins in slots.chunk_by(|a, b| a >> 32 == b >> 32) {
        let sum = twins.iter().map(|&slot| weight(slot)).sum();
        entries.push(((twins[0] >> 32) as u32, sum));
    }
}
