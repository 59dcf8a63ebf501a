//! The nodes of the grid, held in tiles so that empty parts of a map cost nothing.

use rayon::prelude::*;

use super::super::kernel::gaussian::CUTOFF_RADIUS;
use super::super::shape::Shape;
use super::super::spline::ORDER;

/// Most tiles that may fit between the outermost points: an index of all is kept.
const MOST_TILES: f64 = (1 << 22) as f64;

/// The same where the tiles are nested: those far apart meet on coarser grids.
const MOST_NESTED: f64 = (1 << 20) as f64;

/// Largest number of a nested tile.
const FARTHEST: f64 = 1e9;

/// Most bins between the outermost points: the sort by bin packs an index of them.
const MOST_BINS: f64 = (1u64 << 40) as f64;

/// Bins along an axis of a nested tile.
pub(super) const SIDE: usize = 16;

/// Nodes that a kernel may reach from a nested tile without passing beyond the next.
pub(super) const REACH: usize = SIDE - ORDER + 1;

/// Multiplications in the time that the index of one tile, with points or not, takes.
pub const TILE_FLOPS: f64 = 300.0;

/// No tile.
const NONE: u32 = u32::MAX;

/// A regular grid, cut into tiles of equal size. A tile holds all nodes that the points in its bins
/// meet, so that tiles overlap by `ORDER - 1` nodes. A bin, the box between neighbouring nodes,
/// lies in one tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tiling {
    /// Distance between nodes.
    pub(super) h: f64,
    /// Dimensions of the grid.
    pub(super) axes: usize,
    /// The first bin along every axis, at `low` h.
    pub(super) low: [i64; 3],
    /// Bins of a tile along every axis, `side[0]` the slowest.
    pub(super) side: [usize; 3],
    /// Nodes of a tile along every axis.
    pub(super) extent: [usize; 3],
    /// Tiles along every axis.
    pub(super) count: [usize; 3],
    /// Nodes that the kernel reaches to each side.
    pub(super) reach: usize,
}

impl Tiling {
    /// Where a tiling begins: along axes that the points do not have it stays as it is.
    fn one_node(h: f64, axes: usize, reach: usize) -> Self {
        Tiling {
            h,
            axes,
            low: [0; 3],
            side: [1; 3],
            extent: [1; 3],
            count: [1; 3],
            reach,
        }
    }

    /// The smallest grid of spacing `h` that covers the points. `None` where an index of its bins
    /// would be too large or a coordinate is not finite.
    ///
    /// A tile that is no smaller than the reach of the kernel is met by the kernel of its
    /// direct neighbours alone.
    pub fn new(shape: &Shape, h: f64) -> Option<Self> {
        let reach = (CUTOFF_RADIUS / h).ceil() as usize;
        let axes = shape.low.len();
        let mut tiling = Tiling::one_node(h, axes, reach);
        let (mut bins, mut tiles) = (1.0, 1.0);
        for a in 0..axes {
            let (first, last) = ((shape.low[a] / h).floor(), (shape.high[a] / h).floor());
            let length = last - first + 1.0;
            let count = (length / (reach + ORDER - 1) as f64).floor().max(1.0);
            bins *= length;
            tiles *= count;
            // The comparison is false for NaN too.
            if !(bins < MOST_BINS && tiles < MOST_TILES) {
                return None;
            }
            tiling.low[a] = first as i64;
            tiling.count[a] = count as usize;
            tiling.side[a] = (length as usize).div_ceil(count as usize);
            tiling.extent[a] = tiling.side[a] + ORDER - 1;
        }
        shape.deviation.is_finite().then_some(tiling)
    }

    /// A grid of spacing `h` in tiles of `SIDE` bins that begin at multiples of `SIDE`. Tiles of
    /// spacing 2 h hold 2 by 2 of these. `None` where an index of them would be too large or a
    /// coordinate is not finite.
    pub fn nested(shape: &Shape, h: f64) -> Option<Self> {
        let axes = shape.low.len();
        let mut tiling = Tiling::one_node(h, axes, REACH);
        let mut tiles = 1.0;
        let width = SIDE as f64 * h;
        for a in 0..axes {
            let (first, last) = (
                (shape.low[a] / width).floor(),
                (shape.high[a] / width).floor(),
            );
            tiles *= last - first + 1.0;
            // The comparison is false for NaN too.
            if !(tiles < MOST_NESTED && first.abs() < FARTHEST && last.abs() < FARTHEST) {
                return None;
            }
            tiling.side[a] = SIDE;
            tiling.extent[a] = SIDE + ORDER - 1;
            tiling.low[a] = first as i64 * SIDE as i64;
            tiling.count[a] = (last - first) as usize + 1;
        }
        shape.deviation.is_finite().then_some(tiling)
    }

    /// The nested tiling of twice the spacing.
    pub(super) fn halved(&self) -> Self {
        let mut coarse = *self;
        coarse.h *= 2.0;
        for a in 0..self.axes {
            let side = self.side[a] as i64;
            let first = self.low[a] / side;
            let last = first + self.count[a] as i64 - 1;
            coarse.low[a] = first.div_euclid(2) * side;
            coarse.count[a] = (last.div_euclid(2) - first.div_euclid(2)) as usize + 1;
        }
        coarse
    }

    /// The tile of [`Tiling::halved`] that holds a tile, and on which side of its middle
    /// the tile lies along every axis.
    pub(super) fn parent(&self, coarse: &Tiling, tile: u32) -> (u32, [usize; 3]) {
        let (mut rest, mut parent, mut stride) = (tile as usize, 0, 1);
        let mut half = [0; 3];
        for a in (0..self.axes).rev() {
            let side = self.side[a] as i64;
            let along = (rest % self.count[a]) as i64 + self.low[a] / side;
            rest /= self.count[a];
            half[a] = along.rem_euclid(2) as usize;
            parent += (along.div_euclid(2) - coarse.low[a] / side) as usize * stride;
            stride *= coarse.count[a];
        }
        (parent as u32, half)
    }

    /// Nodes of a tile.
    pub(super) fn nodes(&self) -> usize {
        self.extent.iter().product()
    }

    /// Bins of a tile.
    pub(super) fn bins(&self) -> usize {
        self.side.iter().product()
    }

    /// The tile that lies `shift` further along an axis than a given one.
    pub(super) fn beside(&self, tile: usize, axis: usize, shift: isize) -> Option<usize> {
        let stride: usize = self.count[axis + 1..].iter().product();
        let along = tile / stride % self.count[axis];
        let shifted = along.checked_add_signed(shift)?;
        (shifted < self.count[axis]).then(|| tile - along * stride + shifted * stride)
    }

    /// Tiles between the outermost points.
    pub fn tiles(&self) -> usize {
        self.count.iter().product()
    }

    /// The tile of a point, and its bin within the tile.
    #[inline(always)]
    pub(super) fn locate<const D: usize>(&self, point: &[f64; D]) -> (usize, usize) {
        let (mut tile, mut within) = (0, 0);
        for a in 0..D {
            let bin = bin_of(point[a], self.h, self.low[a]).0;
            tile = tile * self.count[a] + bin / self.side[a];
            within = within * self.side[a] + bin % self.side[a];
        }
        (tile, within)
    }

    /// The first node that the points of a bin meet, in its tile.
    pub(super) fn corner(&self, bin: usize) -> usize {
        let (mut corner, mut stride, mut rest) = (0, 1, bin);
        for a in (0..self.axes).rev() {
            corner += rest % self.side[a] * stride;
            rest /= self.side[a];
            stride *= self.extent[a];
        }
        corner
    }

    /// Every tile.
    pub fn everywhere(&self) -> TileSet {
        TileSet::from_flags(vec![true; self.tiles()])
    }

    /// The tiles that hold points of X, given by rows.
    pub fn occupied_by(&self, x: &[f64]) -> TileSet {
        match self.axes {
            1 => self.occupied::<1>(x.as_chunks().0),
            2 => self.occupied::<2>(x.as_chunks().0),
            _ => self.occupied::<3>(x.as_chunks().0),
        }
    }

    /// The tiles that hold points.
    pub fn occupied<const D: usize>(&self, points: &[[f64; D]]) -> TileSet {
        let parts: Vec<Vec<bool>> = points
            .par_chunks(points.len().div_ceil(16).max(1 << 14))
            .map(|points| {
                let mut flags = vec![false; self.tiles()];
                for point in points {
                    flags[self.locate(point).0] = true;
                }
                flags
            })
            .collect();
        let flags = (0..self.tiles()).map(|tile| parts.iter().any(|flags| flags[tile]));
        TileSet::from_flags(flags.collect())
    }
}

/// Bin of a coordinate relative to the grid, and the position within the bin in [0, 1).
#[inline(always)]
pub(super) fn bin_of(value: f64, h: f64, low: i64) -> (usize, f64) {
    let u = value / h;
    let floor = u.floor();
    ((floor as i64 - low) as usize, u - floor)
}

/// Some tiles of a tiling, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileSet {
    /// Index of every tile among all.
    pub(super) tiles: Vec<u32>,
    /// Index of each tile in `tiles`, or `NONE`.
    slots: Vec<u32>,
}

impl TileSet {
    fn from_flags(flags: Vec<bool>) -> Self {
        let mut slots = vec![NONE; flags.len()];
        let mut tiles = Vec::new();
        for (tile, _) in flags.iter().enumerate().filter(|(_, &flag)| flag) {
            slots[tile] = tiles.len() as u32;
            tiles.push(tile as u32);
        }
        TileSet { tiles, slots }
    }

    /// The given tiles, ascending.
    pub(super) fn new(tiling: &Tiling, tiles: Vec<u32>) -> Self {
        let mut slots = vec![NONE; tiling.tiles()];
        for (slot, &tile) in tiles.iter().enumerate() {
            slots[tile as usize] = slot as u32;
        }
        TileSet { tiles, slots }
    }

    /// Number of tiles.
    pub(super) fn len(&self) -> usize {
        self.tiles.len()
    }

    /// Index of a tile in the set.
    pub(super) fn slot(&self, tile: usize) -> Option<usize> {
        Some(self.slots[tile])
            .filter(|&slot| slot != NONE)
            .map(|slot| slot as usize)
    }

    /// Index of the tile that lies `shift` further along an axis than a given one.
    pub(super) fn neighbor(
        &self,
        tiling: &Tiling,
        tile: usize,
        axis: usize,
        shift: isize,
    ) -> Option<usize> {
        self.slot(tiling.beside(tile, axis, shift)?)
    }

    /// The tiles and their neighbours along an axis. Most of a wide map is empty, so that only the
    /// tiles of the set are looked at.
    fn widened(&self, tiling: &Tiling, axis: usize) -> TileSet {
        let near = |&tile: &u32| {
            let beside = [-1, 0, 1].map(|shift| tiling.beside(tile as usize, axis, shift));
            beside.into_iter().flatten().map(|tile| tile as u32)
        };
        let mut tiles: Vec<u32> = self.tiles.iter().flat_map(near).collect();
        tiles.sort_unstable();
        tiles.dedup();
        TileSet::new(tiling, tiles)
    }

    /// The tiles and all that touch them.
    pub(super) fn surrounded(&self, tiling: &Tiling) -> TileSet {
        (0..tiling.axes).fold(self.clone(), |set, axis| set.widened(tiling, axis))
    }

    fn intersection(&self, tiling: &Tiling, other: &TileSet) -> TileSet {
        let both = |&tile: &u32| other.slot(tile as usize).is_some();
        TileSet::new(tiling, self.tiles.iter().copied().filter(both).collect())
    }
}

/// Which tiles are filled by each pass of the convolution.
#[derive(Debug, Clone)]
pub struct Passes {
    tiling: Tiling,
    /// The tiles with points, then those that the convolution along each axis fills. These are the
    /// tiles that points reach along this axis and those before, and that the passes to come read.
    pub(super) sets: Vec<TileSet>,
}

impl Passes {
    /// From the tiles with points to those where the fields are wanted.
    pub fn new(tiling: &Tiling, sources: TileSet, targets: TileSet) -> Self {
        let axes = tiling.axes;
        let mut wanted = vec![targets];
        for axis in (1..axes).rev() {
            wanted.push(wanted[wanted.len() - 1].widened(tiling, axis));
        }
        wanted.reverse();
        let mut reached = sources.clone();
        let mut sets = vec![sources];
        for (axis, wanted) in wanted.iter().enumerate() {
            reached = reached.widened(tiling, axis);
            sets.push(reached.intersection(tiling, wanted));
        }
        Passes {
            tiling: *tiling,
            sets,
        }
    }

    /// Multiplications and additions of the convolution.
    pub fn flops(&self, width: usize) -> f64 {
        let taps = |axis: usize| {
            let length = self.tiling.side[axis] * self.tiling.count[axis] + ORDER - 1;
            length.min(2 * self.tiling.reach + 1)
        };
        let products: usize = (0..self.tiling.axes)
            .map(|axis| taps(axis) * self.sets[axis + 1].len())
            .sum();
        2.0 * products as f64 * self.tiling.nodes() as f64 * width as f64
    }

    /// Bytes of the grid and its image under the convolution.
    pub fn bytes(&self, width: usize) -> f64 {
        let pairs = self
            .sets
            .windows(2)
            .map(|pair| pair[0].len() + pair[1].len());
        let most = pairs.max().unwrap_or(0);
        8.0 * most as f64 * self.tiling.nodes() as f64 * width as f64
    }
}
