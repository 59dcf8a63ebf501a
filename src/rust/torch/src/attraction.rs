//! The attraction along the neighbours.

use neuralee_torch_abi::{Caller, Entries};
use tch::{Device, Kind, Tensor};

use crate::call::{check, chunk, index, Outcome};
use crate::kernel::Kernel;

/// Bytes that an entry takes while it is summed, for each dimension and beside.
const ENTRY: usize = 96;

/// W+ by rows: on the device, or asked for row by row.
pub(crate) struct Attraction {
    entries: Entries,
    kernel: Kernel,
    resident: Option<Resident>,
    device: Device,
    scratch: usize,
}

/// All entries: columns and values.
struct Resident {
    columns: Tensor,
    values: Tensor,
}

impl Attraction {
    pub(crate) fn open(
        entries: Entries,
        kernel: Kernel,
        device: Device,
        resident: bool,
        scratch: usize,
    ) -> Self {
        let mut attraction = Attraction {
            entries,
            kernel,
            resident: None,
            device,
            scratch,
        };
        if resident {
            // SAFETY: the caller keeps them alive.
            let total = unsafe { entries.starts.slice() }
                .last()
                .copied()
                .unwrap_or(0);
            let columns = Tensor::zeros([total as i64], (Kind::Int, device));
            let values = Tensor::zeros([total as i64], (Kind::Double, device));
            for (first, count) in chunk(total, 16, scratch) {
                let (c, v) = attraction.read(first, count);
                columns.narrow(0, first as i64, count as i64).copy_(&c);
                values.narrow(0, first as i64, count as i64).copy_(&v);
            }
            attraction.resident = Some(Resident { columns, values });
        }
        attraction
    }

    fn read(&self, first: usize, count: usize) -> (Tensor, Tensor) {
        let (mut columns, mut values) = (vec![0i64; count], vec![0.0f64; count]);
        // SAFETY: there is room for `count` entries.
        unsafe {
            (self.entries.copy)(
                self.entries.context,
                first,
                count,
                columns.as_mut_ptr(),
                values.as_mut_ptr(),
            );
        }
        (
            Tensor::from_slice(&columns).to_device(self.device),
            Tensor::from_slice(&values).to_device(self.device),
        )
    }

    /// Columns and values of some entries.
    fn entries(&self, first: usize, count: usize) -> (Tensor, Tensor) {
        match &self.resident {
            Some(resident) => (
                resident
                    .columns
                    .narrow(0, first as i64, count as i64)
                    .to_kind(Kind::Int64),
                resident.values.narrow(0, first as i64, count as i64),
            ),
            None => self.read(first, count),
        }
    }

    /// sum_nm w+_nm a(r^2_nm) with r_nm = |x_n - x_m|, and its gradient, 4 sum_m w+_nm a'(r^2_nm)
    /// (x_n - x_m), added to `gradient`.
    pub(crate) fn evaluate(
        &self,
        caller: &Caller,
        x: &Tensor,
        gradient: &mut Tensor,
    ) -> Outcome<f64> {
        // SAFETY: the caller keeps them alive.
        let starts = unsafe { self.entries.starts.slice() };
        let n = starts.len() - 1;
        let d = x.size()[1] as usize;
        let mut energy = Tensor::zeros([], (Kind::Double, self.device));
        let mut first = 0;
        let most = (self.scratch / (ENTRY + 32 * d)).max(1);
        while first < n {
            check(caller)?;
            // As many rows as fit, one at least.
            let end = starts.partition_point(|&start| start <= starts[first] + most) - 1;
            let end = end.clamp(first + 1, n);
            let (from, to) = (starts[first], starts[end]);
            let lengths: Vec<i64> = (first..end)
                .map(|row| (starts[row + 1] - starts[row]) as i64)
                .collect();
            let lengths = Tensor::from_slice(&lengths).to_device(self.device);
            let rows = Tensor::arange_start(first as i64, end as i64, (Kind::Int64, self.device))
                .repeat_interleave_self_tensor(&lengths, 0, (to - from) as i64);
            let (columns, values) = self.entries(from, to - from);
            let between = x.index_select(0, &rows) - x.index_select(0, &columns);
            let squares = squared_lengths(&between);
            energy += (self.kernel.attraction(&squares) * &values).sum(Kind::Double);
            let pulls = between * (self.kernel.pull(&squares) * values * 4.0).unsqueeze(1);
            let _ = gradient.index_add_(0, &rows, &pulls);
            first = end;
        }
        Ok(energy.double_value(&[]))
    }

    /// The part of the gradient that comes from the entries among some cells. This is its change
    /// from one map of these cells to the other, times `scale`.
    pub(crate) fn change_among(
        &self,
        caller: &Caller,
        ids: &[u32],
        [before, now]: [&Tensor; 2],
        scale: f64,
    ) -> Outcome<Tensor> {
        // SAFETY: the caller keeps them alive.
        let starts = unsafe { self.entries.starts.slice() };
        // Of every cell its index among these, or -1.
        let mut row = Tensor::full(
            [(starts.len() - 1) as i64],
            -1i64,
            (Kind::Int64, self.device),
        );
        let own = Tensor::arange(ids.len() as i64, (Kind::Int64, self.device));
        let _ = row.index_copy_(0, &index(ids, self.device), &own);
        let mut change = now.zeros_like();
        let most = (self.scratch / (ENTRY + 32 * now.size()[1] as usize)).max(1);
        let length = |id: u32| starts[id as usize + 1] - starts[id as usize];
        let mut done = 0;
        while done < ids.len() {
            check(caller)?;
            // As many rows as fit, one at least.
            let mut end = done + 1;
            let mut count = length(ids[done]);
            while end < ids.len() && count + length(ids[end]) <= most {
                count += length(ids[end]);
                end += 1;
            }
            let lengths: Vec<i64> = ids[done..end].iter().map(|&id| length(id) as i64).collect();
            let lengths = Tensor::from_slice(&lengths).to_device(self.device);
            let rows = own
                .narrow(0, done as i64, (end - done) as i64)
                .repeat_interleave_self_tensor(&lengths, 0, count as i64);
            let (columns, values) = self.entries_of(&ids[done..end], &lengths, count);
            let others = row.index_select(0, &columns);
            let inside = others.ge(0);
            let rows = rows.masked_select(&inside);
            let others = others.masked_select(&inside);
            let values = values.masked_select(&inside);
            for (x, factor) in [(now, 4.0 * scale), (before, -4.0 * scale)] {
                let between = x.index_select(0, &rows) - x.index_select(0, &others);
                let pulls = self.kernel.pull(&squared_lengths(&between)) * &values * factor;
                let _ = change.index_add_(0, &rows, &(between * pulls.unsqueeze(1)));
            }
            done = end;
        }
        Ok(change)
    }

    /// Columns and values of the rows of some cells, `count` entries, one row after the other.
    fn entries_of(&self, ids: &[u32], lengths: &Tensor, count: usize) -> (Tensor, Tensor) {
        // SAFETY: the caller keeps them alive.
        let starts = unsafe { self.entries.starts.slice() };
        if let Some(resident) = &self.resident {
            let first: Vec<i64> = ids.iter().map(|&id| starts[id as usize] as i64).collect();
            let first = Tensor::from_slice(&first).to_device(self.device);
            // Entry i of the chunk lies behind the start of its row by i less those before the row.
            let before = lengths.cumsum(0, Kind::Int64) - lengths;
            let at = (first - before).repeat_interleave_self_tensor(lengths, 0, count as i64)
                + Tensor::arange(count as i64, (Kind::Int64, self.device));
            return (
                resident.columns.index_select(0, &at).to_kind(Kind::Int64),
                resident.values.index_select(0, &at),
            );
        }
        let (mut columns, mut values) = (vec![0i64; count], vec![0.0f64; count]);
        let mut filled = 0;
        for &id in ids {
            let first = starts[id as usize];
            let length = starts[id as usize + 1] - first;
            // SAFETY: there is room for the entries of the row.
            unsafe {
                (self.entries.copy)(
                    self.entries.context,
                    first,
                    length,
                    columns[filled..].as_mut_ptr(),
                    values[filled..].as_mut_ptr(),
                );
            }
            filled += length;
        }
        (
            Tensor::from_slice(&columns).to_device(self.device),
            Tensor::from_slice(&values).to_device(self.device),
        )
    }
}

/// |b|^2 of every row.
fn squared_lengths(between: &Tensor) -> Tensor {
    (between * between).sum_dim_intlist([1i64].as_slice(), false, Kind::Double)
}
