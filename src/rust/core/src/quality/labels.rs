//! How well the labels of a cell's neighbours in the map foretell its own.

use ndarray::ArrayView2;

use super::check_points;
use crate::monitor::Monitor;
use crate::neighbors::exact;
use crate::{Error, Result};

/// Share of cells whose label is that of the majority of their k nearest other cells in the map. It
/// is the leave-one-out accuracy of a k-nearest-neighbour classifier (Cover and Hart 1967). Where
/// labels tie, the one with the smaller sum of ranks wins, and if that ties too, the one of the
/// nearer cell.
pub fn label_accuracy(
    embedding: ArrayView2<'_, f64>,
    labels: &[u32],
    k: usize,
    monitor: &dyn Monitor,
) -> Result<f64> {
    if labels.len() != embedding.nrows() {
        return Err(Error::input(
            format!(
                "There are {} labels for {} cells.",
                labels.len(),
                embedding.nrows()
            ),
            "Give one label per cell.",
        ));
    }
    check_points(embedding, "embedding")?;
    let graph = exact(embedding, k, monitor)?;
    let right = graph
        .ids
        .chunks_exact(k)
        .zip(labels)
        .filter(|(neighbors, own)| vote(neighbors, labels) == Some(**own))
        .count();
    Ok(right as f64 / labels.len() as f64)
}

fn vote(neighbors: &[u32], labels: &[u32]) -> Option<u32> {
    struct Party {
        label: u32,
        votes: usize,
        ranks: usize,
    }
    let mut parties: Vec<Party> = Vec::new();
    for (rank, &id) in neighbors.iter().enumerate() {
        let label = labels[id as usize];
        match parties.iter_mut().find(|party| party.label == label) {
            Some(party) => {
                party.votes += 1;
                party.ranks += rank;
            }
            None => parties.push(Party {
                label,
                votes: 1,
                ranks: rank,
            }),
        }
    }
    // Parties stand in the order of their nearest cell, and the first minimum is taken.
    parties
        .iter()
        .min_by_key(|party| (std::cmp::Reverse(party.votes), party.ranks))
        .map(|party| party.label)
}
