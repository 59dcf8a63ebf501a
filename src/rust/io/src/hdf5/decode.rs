//! Long datasets of numbers. HDF5 serves one thread at a time, so one thread has it read what is
//! stored. Others expand it, convert it and look at it while it is in their caches.

use super::lzf::{self, LZF};
use super::raw::{Native, Plain, Source};
use super::store::{failed, Array};
use flate2::{Decompress, FlushDecompress, Status};
use neuralee_core::monitor::Monitor;
use neuralee_core::threads::pool;
use neuralee_core::Result;
use std::ops::Range;
use std::sync::mpsc::{channel, Sender};
use std::sync::{Mutex, PoisonError};

/// Below this many values one thread is as fast.
pub(super) const LONG: usize = 1 << 17;
/// Values that are handed over at once, unless a chunk is larger: what they become fills a
/// large page of memory.
const TASK: usize = 1 << 18;
/// Values that are converted and then looked at: few enough for the nearest cache.
const PIECE: usize = 1 << 11;
const MOST_THREADS: usize = 4;
/// Tasks that may be under way, for each thread: enough that nobody has to be woken.
const DESKS: usize = 8;

const DEFLATE: i32 = 1;
const SHUFFLE: i32 = 2;

/// What looks at converted values, given the index of the first.
pub(crate) type Look<'a, T> = &'a (dyn Fn(usize, &[T]) + Sync);

/// How the values are stored.
struct Layout<'a> {
    plain: Plain,
    /// Values of a chunk; 0 where HDF5 is to read runs of values.
    chunk: usize,
    filters: &'a [i32],
}

/// What a chunk is, where in the bytes that were read, and the filters that it did not go through.
type Chunk = (Range<usize>, u32);

/// Where stored bytes become values. There are a few, and who reads waits for a free one.
struct Desk<'a> {
    bytes: Vec<u8>,
    chunks: Vec<Chunk>,
    filters: Filters<'a>,
    /// Where it goes once it is free; after a panic it goes nowhere.
    free: Sender<Desk<'a>>,
}

/// Fills `out`, which is as long as the dataset, from numbers of the type `plain`.
pub(super) fn fill_beside<T: Native>(
    array: &Array,
    source: Source,
    plain: Plain,
    out: &mut [T],
    monitor: &dyn Monitor,
    look: Look<T>,
) -> Result<()> {
    let filters = array.filters();
    let known = matches!(
        filters,
        [] | [SHUFFLE] | [DEFLATE | LZF] | [SHUFFLE, DEFLATE | LZF]
    );
    let by_chunks = known && !array.chunk().is_empty();
    let layout = Layout {
        plain,
        chunk: if by_chunks { array.chunk_rows() } else { 0 },
        filters,
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let threads = threads.min(MOST_THREADS);
    let pool = pool(threads)?;

    let left = Mutex::new(Vec::new());
    let (free, desks) = channel();
    for _ in 0..DESKS * threads {
        let desk = Desk {
            bytes: Vec::new(),
            chunks: Vec::new(),
            filters: Filters::new(&layout),
            free: free.clone(),
        };
        // The other end is in this function.
        let _ = free.send(desk);
    }
    drop(free);
    let unit = array.chunk_rows();
    let step = TASK.div_ceil(unit).saturating_mul(unit);
    let all = out.len();
    pool.in_place_scope(|scope| {
        for (i, out) in out.chunks_mut(step).enumerate() {
            monitor.check()?;
            let (start, n) = (i * step, out.len());
            // Without desks, as after panics, there is nothing more to do.
            let Ok(mut desk) = desks.recv() else {
                return Ok(());
            };
            desk.fetch(source, start..start + n, all)
                .map_err(failed(array.path))?;
            let left = &left;
            scope.spawn(move |_| {
                let unusual = desk.work(start, out, look);
                let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
                left.extend(unusual);
                drop(left);
                let free = desk.free.clone();
                // Who reads may be done.
                let _ = free.send(desk);
            });
            monitor.advance(n);
        }
        Ok(())
    })?;
    // HDF5 itself reads what is unusual, and says what is wrong with it.
    for rows in left.into_inner().unwrap_or_else(PoisonError::into_inner) {
        monitor.check()?;
        let out = &mut out[rows.clone()];
        source
            .numbers(rows.clone(), out)
            .map_err(failed(array.path))?;
        look(rows.start, out);
    }
    Ok(())
}

impl Desk<'_> {
    /// Reads what of `all` values is stored for those of `rows`.
    fn fetch(&mut self, source: Source, rows: Range<usize>, all: usize) -> hdf5_metno::Result<()> {
        let layout = self.filters.layout;
        self.bytes.clear();
        self.chunks.clear();
        if layout.chunk == 0 {
            return source.bytes(rows, &mut self.bytes);
        }
        // Deflate and LZF make data that they cannot compress a little longer.
        let most = (layout.chunk * layout.plain.size()).saturating_mul(2) + 1024;
        for first in rows.step_by(layout.chunk) {
            let from = self.bytes.len();
            // The last chunk may have gone through no filter, whatever its mask says.
            let found = match first + layout.chunk <= all {
                true => source.chunk(first, most, &mut self.bytes),
                false => Ok(None),
            };
            // Nothing, where it could not be read: it is left to HDF5.
            let skipped = found.ok().flatten().unwrap_or(0);
            self.chunks.push((from..self.bytes.len(), skipped));
        }
        Ok(())
    }

    /// Makes the values from `start` on of what was read; returns those that HDF5 has to read.
    fn work<T: Native>(&mut self, start: usize, out: &mut [T], look: Look<T>) -> Vec<Range<usize>> {
        let layout = self.filters.layout;
        let mut unusual = Vec::new();
        if layout.chunk == 0 {
            convert(layout.plain, &self.bytes, start, out, look);
            return unusual;
        }
        for (i, out) in out.chunks_mut(layout.chunk).enumerate() {
            let start = start + i * layout.chunk;
            let (within, skipped) = self.chunks[i].clone();
            match self.filters.undo(&self.bytes[within], skipped) {
                Some(plain) => convert(layout.plain, plain, start, out, look),
                None => unusual.push(start..start + out.len()),
            }
        }
        unusual
    }
}

fn convert<T: Native>(plain: Plain, bytes: &[u8], start: usize, out: &mut [T], look: Look<T>) {
    let pieces = out
        .chunks_mut(PIECE)
        .zip(bytes.chunks(PIECE * plain.size()));
    for (i, (out, bytes)) in pieces.enumerate() {
        plain.convert(bytes, out);
        look(start + i * PIECE, out);
    }
}

/// What turns a stored chunk into its values.
struct Filters<'a> {
    layout: &'a Layout<'a>,
    inflate: Decompress,
    expanded: Vec<u8>,
    sorted: Vec<u8>,
}

impl<'a> Filters<'a> {
    fn new(layout: &'a Layout) -> Self {
        Filters {
            layout,
            inflate: Decompress::new(true),
            expanded: Vec::new(),
            sorted: Vec::new(),
        }
    }

    /// `None` where the chunk is not what it should be.
    fn undo<'b>(&'b mut self, stored: &'b [u8], skipped: u32) -> Option<&'b [u8]> {
        let Filters {
            layout,
            inflate,
            expanded,
            sorted,
        } = self;
        let size = layout.plain.size();
        let whole = layout.chunk * size;
        let passed = |filter: i32| {
            let at = layout.filters.iter().position(|&f| f == filter);
            at.is_some_and(|i| skipped >> i & 1 == 0)
        };
        let mut bytes = stored;
        if passed(DEFLATE) {
            expanded.resize(whole, 0);
            inflate.reset(true);
            let end = inflate.decompress(bytes, expanded, FlushDecompress::Finish);
            let ended = matches!(end, Ok(Status::StreamEnd));
            if !ended || inflate.total_out() != whole as u64 {
                return None;
            }
            bytes = expanded;
        } else if passed(LZF) {
            expanded.resize(whole, 0);
            if lzf::expand(bytes, expanded) != Some(whole) {
                return None;
            }
            bytes = expanded;
        }
        if bytes.len() != whole {
            return None;
        }
        if passed(SHUFFLE) {
            sorted.resize(whole, 0);
            unshuffle(bytes, size, sorted);
            bytes = sorted;
        }
        Some(bytes)
    }
}

/// The first bytes of all values came first, then the second of all, and so on.
fn unshuffle(bytes: &[u8], size: usize, out: &mut [u8]) {
    let n = bytes.len() / size;
    for (j, from) in bytes.chunks_exact(n.max(1)).enumerate() {
        for (to, &byte) in out[j..].iter_mut().step_by(size).zip(from) {
            *to = byte;
        }
    }
}
