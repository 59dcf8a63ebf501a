//! P, row by row.

/// Affinities of n points with k neighbours each, before they are made symmetric.
#[derive(Debug, Clone, PartialEq)]
pub struct RowAffinities {
    /// n x k by rows, in the order of the neighbour graph; each row sums to 1.
    pub p: Vec<f64>,
    /// Logarithm of each row's precision beta in p ~ exp(-beta d^2). It is `+inf` where more
    /// nearest neighbours are tied than the perplexity asks for, `-inf` where all are equally far.
    pub log_beta: Vec<f64>,
    /// Perplexity reached by each row.
    pub perplexity: Vec<f64>,
}
