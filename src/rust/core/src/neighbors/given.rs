//! Neighbour lists that the caller computed.

use super::graph::{check_size, NeighborGraph};
use crate::{Error, Result};

/// A graph from the caller's own lists: `ids` (from 0) and Euclidean `distances`, both
/// n x k and row-major, in any order within a row. Messages count from 1.
///
/// Refuses ids out of range, a point among its own neighbours, a neighbour listed twice,
/// and distances that are negative or not finite. The lists come back nearest first.
pub fn from_lists(n: usize, k: usize, ids: &[u32], distances: &[f64]) -> Result<NeighborGraph> {
    check_size(n, k)?;
    if ids.len() != n * k || distances.len() != n * k {
        return Err(Error::input(
            format!(
                "{n} points with {k} neighbours need {} ids and distances; there are {} ids and \
                    {} distances.",
                n * k,
                ids.len(),
                distances.len()
            ),
            "Give ids and distances as two matrices with one row per point and one column per \
                neighbour.",
        ));
    }
    let mut graph = NeighborGraph {
        n,
        k,
        ids: Vec::with_capacity(n * k),
        squared_distances: Vec::with_capacity(n * k),
    };
    let mut listed_by = vec![usize::MAX; n];
    let mut row = Vec::with_capacity(k);
    for point in 0..n {
        row.clear();
        for at in point * k..(point + 1) * k {
            let entry = || format!("Neighbour {} of point {}", at % k + 1, point + 1);
            let (id, distance) = (ids[at], distances[at]);
            if id as usize >= n {
                return Err(Error::input(
                    format!(
                        "{} is {}, but there are {n} points.",
                        entry(),
                        id as u64 + 1
                    ),
                    "Ids count the rows of `x`.",
                ));
            }
            if id as usize == point {
                return Err(Error::input(
                    format!("{} is the point itself.", entry()),
                    "Leave the point itself out of its list.",
                ));
            }
            if listed_by[id as usize] == point {
                return Err(Error::input(
                    format!("{} is listed twice.", entry()),
                    "List each neighbour once.",
                ));
            }
            if !distance.is_finite() || distance < 0.0 {
                return Err(Error::input(
                    format!("{} has the distance {distance}.", entry()),
                    "Distances are finite and not negative.",
                ));
            }
            listed_by[id as usize] = point;
            row.push((distance * distance, id));
        }
        row.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        graph.ids.extend(row.iter().map(|&(_, id)| id));
        graph
            .squared_distances
            .extend(row.iter().map(|&(distance, _)| distance));
    }
    Ok(graph)
}
