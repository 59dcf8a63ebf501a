//! Measures from the ranks of neighbours in data and map: the co-ranking matrix (Lee and
//! Verleysen 2009, "Quality assessment of dimensionality reduction: Rank-based criteria").

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::check_pair;
use crate::monitor::Monitor;
use crate::neighbors::squared_distance;
use crate::random::Stream;
use crate::{Error, Result};

/// What the ranks of all cells around each of some anchor cells have in common.
///
/// Cells are ranked from 1 by distance, equal distances by their position. Counts are
/// whole numbers, so that no order of summation changes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoRanking {
    cells: usize,
    anchors: usize,
    k: usize,
    /// Entry K - 1: cells that are among the K nearest in data and map, over all anchors.
    shared: Vec<u64>,
    /// sum (r - k) over the k nearest in the map whose rank r in the data exceeds k.
    intrusion: u64,
}

impl CoRanking {
    /// Ranks around `anchors` cells drawn with `seed` (all, where there are no more).
    ///
    /// `k` below half of the number of cells is the neighbourhood of
    /// [`CoRanking::neighborhood_preservation`] and [`CoRanking::trustworthiness`].
    /// Cost: anchors x cells x (D + log cells).
    pub fn new(
        data: ArrayView2<'_, f64>,
        embedding: ArrayView2<'_, f64>,
        k: usize,
        anchors: usize,
        seed: u64,
        monitor: &dyn Monitor,
    ) -> Result<Self> {
        check_pair(data, embedding)?;
        let cells = data.nrows();
        if k == 0 || 2 * k >= cells {
            return Err(Error::input(
                format!("`k` is {k}, but must lie below half of the {cells} cells."),
                match cells {
                    0..=2 => "Give at least 3 cells.".into(),
                    _ => format!("Give `k` between 1 and {}.", (cells - 1) / 2),
                },
            ));
        }
        if anchors == 0 {
            return Err(Error::input(
                "No cell was asked to be compared.",
                "Compare at least 1 cell.",
            ));
        }
        let chosen = Stream::new(seed, 0).sample(cells, anchors.min(cells));
        let (data, embedding) = (data.as_standard_layout(), embedding.as_standard_layout());
        monitor.stage("ranks", chosen.len());
        let start = || (vec![0u64; cells - 1], 0u64);
        let (mut shared, intrusion) = chosen
            .par_iter()
            .try_fold(start, |(mut entering, mut intrusion), &anchor| {
                monitor.check()?;
                let in_data = ranks(data.view(), anchor);
                let in_map = ranks(embedding.view(), anchor);
                for (other, (&a, &b)) in in_data.iter().zip(&in_map).enumerate() {
                    if other == anchor {
                        continue;
                    }
                    // The K nearest of both share a cell from K = max(a, b) on.
                    entering[a.max(b) as usize - 1] += 1;
                    if b as usize <= k && a as usize > k {
                        intrusion += u64::from(a) - k as u64;
                    }
                }
                monitor.advance(1);
                Ok::<_, Error>((entering, intrusion))
            })
            .try_reduce(start, |(mut a, x), (b, y)| {
                for (a, b) in a.iter_mut().zip(b) {
                    *a += b;
                }
                Ok((a, x + y))
            })?;
        let mut total = 0;
        for count in &mut shared {
            total += *count;
            *count = total;
        }
        Ok(CoRanking {
            cells,
            anchors: chosen.len(),
            k,
            shared,
            intrusion,
        })
    }

    /// Number of cells whose neighbours were compared.
    pub fn anchors(&self) -> usize {
        self.anchors
    }

    /// Q_NX(K): mean share of the K nearest cells in the data that are among the K nearest
    /// in the map. K from 1 to the number of cells less 1.
    pub fn q_nx(&self, k: usize) -> f64 {
        self.shared[k - 1] as f64 / (k * self.anchors) as f64
    }

    /// Q_NX(k): 1 where all neighbours are kept, k / (N - 1) for a random map.
    pub fn neighborhood_preservation(&self) -> f64 {
        self.q_nx(self.k)
    }

    /// R_NX(K) = ((N - 1) Q_NX(K) - K) / (N - 1 - K): 1 is perfect, 0 is random. K from 1
    /// to the number of cells less 2.
    pub fn r_nx(&self, k: usize) -> f64 {
        let others = (self.cells - 1) as f64;
        (others * self.q_nx(k) - k as f64) / (others - k as f64)
    }

    /// R_NX(K) of all K = 1 .. N - 2, entry K - 1 that of K.
    pub fn curve(&self) -> Vec<f64> {
        (1..self.cells - 1).map(|k| self.r_nx(k)).collect()
    }

    /// Area under R_NX(K) over a logarithmic scale of K,
    ///
    /// ```text
    /// sum_K R_NX(K) / K  /  sum_K 1 / K,    K = 1 .. N - 2
    /// ```
    ///
    /// (Lee, Peluffo-Ordonez and Verleysen 2015, "Multi-scale similarities in stochastic
    /// neighbour embedding"): 1 is perfect, 0 is random.
    pub fn auc_rnx(&self) -> f64 {
        let (mut area, mut weights) = (0.0, 0.0);
        for (below, r_nx) in self.curve().into_iter().enumerate() {
            let k = (below + 1) as f64;
            area += r_nx / k;
            weights += 1.0 / k;
        }
        area / weights
    }

    /// Trustworthiness (Venna and Kaski 2001, "Neighborhood preservation in nonlinear
    /// projection methods"), U being the k nearest in the map, r the rank in the data:
    ///
    /// ```text
    /// 1 - 2 / (n k (2N - 3k - 1)) sum_i sum_{j in U_i, r_ij > k} (r_ij - k)
    /// ```
    ///
    /// over n anchors; 1 where no cell is a neighbour in the map alone.
    pub fn trustworthiness(&self) -> f64 {
        let (n, k) = (self.cells as f64, self.k as f64);
        let worst = self.anchors as f64 * k * (2.0 * n - 3.0 * k - 1.0);
        1.0 - 2.0 * self.intrusion as f64 / worst
    }
}

/// Rank of every point by distance from the anchor, from 1; 0 for the anchor.
fn ranks(points: ArrayView2<'_, f64>, anchor: usize) -> Vec<u32> {
    let point = |i| points.row(i).to_slice().unwrap_or_default();
    let own = point(anchor);
    let mut order: Vec<(f64, u32)> = (0..points.nrows())
        .filter(|&other| other != anchor)
        .map(|other| (squared_distance(own, point(other)), other as u32))
        .collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut ranks = vec![0; points.nrows()];
    for (rank, (_, other)) in order.into_iter().enumerate() {
        ranks[other as usize] = rank as u32 + 1;
    }
    ranks
}
