//! Where the points of an embedding lie, as far as a grid must know.

use rayon::prelude::*;

/// Points that one task looks at; fixed, so that sums do not depend on the thread count.
const POINTS: usize = 1 << 13;

/// Bounds and width of an embedding.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Smallest coordinate along every axis.
    pub low: Vec<f64>,
    /// Largest coordinate along every axis.
    pub high: Vec<f64>,
    /// Standard deviation about the mean: the root of the mean variance of the axes. Not
    /// finite where a coordinate is not.
    pub deviation: f64,
}

/// What one task finds along one axis, relative to the first point.
#[derive(Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
    sum: f64,
    squares: f64,
}

impl Axis {
    const EMPTY: Axis = Axis {
        low: f64::INFINITY,
        high: f64::NEG_INFINITY,
        sum: 0.0,
        squares: 0.0,
    };

    fn join(&mut self, other: &Axis) {
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        self.sum += other.sum;
        self.squares += other.squares;
    }
}

impl Shape {
    /// The shape of X, N x d by rows.
    pub fn new(x: &[f64], d: usize) -> Self {
        let parts: Vec<Vec<Axis>> = x
            .par_chunks(POINTS * d)
            .map(|part| {
                let mut axes = vec![Axis::EMPTY; d];
                for point in part.chunks_exact(d) {
                    for (axis, (value, origin)) in axes.iter_mut().zip(point.iter().zip(x)) {
                        let shifted = value - origin;
                        axis.low = axis.low.min(*value);
                        axis.high = axis.high.max(*value);
                        axis.sum += shifted;
                        axis.squares += shifted * shifted;
                    }
                }
                axes
            })
            .collect();
        let mut axes = vec![Axis::EMPTY; d];
        for part in &parts {
            for (axis, part) in axes.iter_mut().zip(part) {
                axis.join(part);
            }
        }
        let n = (x.len() / d) as f64;
        let variances = axes
            .iter()
            .map(|axis| (axis.squares / n - (axis.sum / n).powi(2)).max(0.0));
        // `max` would hide what is not a number.
        let finite = axes.iter().all(|axis| axis.squares.is_finite());
        Shape {
            low: axes.iter().map(|axis| axis.low).collect(),
            high: axes.iter().map(|axis| axis.high).collect(),
            deviation: if finite {
                (variances.sum::<f64>() / d as f64).sqrt()
            } else {
                f64::NAN
            },
        }
    }
}
