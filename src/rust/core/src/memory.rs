//! What an embedding needs of memory, and what there is.

use crate::neighbors::Search;
use crate::{Error, Result};

/// An embedding that is about to be computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Job {
    /// Number of cells.
    pub n: usize,
    /// Number of features.
    pub inputs: usize,
    /// Neighbours per cell.
    pub k: usize,
    /// Dimensions of the embedding.
    pub d: usize,
    /// How neighbours are searched; `None` where they are given.
    pub search: Option<Search>,
    /// Numbers in single precision that the training of a network keeps for a cell. They are its
    /// inputs and what of the hidden layers is kept; 0 without a network.
    pub network: usize,
}

impl Job {
    /// Peak bytes beside the inputs, an upper estimate. The largest of three moments:
    ///
    /// - the search, with a copy of the points (exact: two in doubles; approximate: two in
    ///   single precision) and the graph, 12 bytes a neighbour;
    /// - the making of W+, with ids and P, 12 bytes a neighbour, and two slots of 8 bytes
    ///   for each (below 100,000 cells, 32 bytes while rows are merged);
    /// - the optimisation, with W+, the reordered points, the rows of the repulsion, 22
    ///   vectors of the size of X, the grid, and what a network keeps.
    pub fn peak(&self) -> u64 {
        let Job {
            n, inputs, k, d, ..
        } = *self;
        let [n, inputs, k, d] = [n, inputs, k, d].map(|v| v as f64);
        let approximate = self.search.is_some_and(|how| how.is_approximate(self.n));
        let copies = match self.search {
            None => 0.0,
            Some(_) if approximate => 8.0 * n * inputs,
            Some(_) => 16.0 * n * inputs,
        };
        let graph = copies + 12.0 * n * k;
        let single = self.n >= crate::affinity::SINGLE_FROM;
        let slots = 16.0 * n * k;
        let weights = 12.0 * n * k + slots + if single { 0.0 } else { 2.0 * slots };
        let entries = 2.0 * n * k * if single { 8.0 } else { 12.0 };
        let reordered = if approximate { 8.0 * n * inputs } else { 0.0 };
        let rows = 8.0 * n * (inputs + 10.0);
        let vectors = 22.0 * 8.0 * n * d;
        let grid = 400.0 * 400.0 * (inputs + 10.0) * 16.0;
        let network = 4.0 * n * self.network as f64;
        let optimisation = entries + reordered + rows + vectors + grid + network;
        let fixed = 64.0 * n;
        (graph.max(weights).max(optimisation) + fixed) as u64
    }

    /// Refuses the job where it would take more than `limit` bytes, and says what would fit.
    pub fn check(&self, limit: u64) -> Result<()> {
        let peak = self.peak();
        if peak <= limit {
            return Ok(());
        }
        let fits = |job: &Job| job.peak() <= limit;
        let most = |low: usize, high: usize, with: &dyn Fn(usize) -> Job| {
            // Bisection: what is needed grows with the number.
            let (mut low, mut high) = (low, high);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if fits(&with(middle)) {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            fits(&with(low)).then_some(low)
        };
        let cells = most(3, self.n, &|n| Job {
            n,
            k: self.k.min(n - 1),
            ..*self
        });
        let neighbours = most(15, self.k.max(16), &|k| Job { k, ..*self });
        let proposals: Vec<String> = [
            neighbours.map(|k| format!("k = {k}")),
            cells.map(|n| format!("a subset of {n} cells (`size`)")),
        ]
        .into_iter()
        .flatten()
        .collect();
        let remedy = if proposals.is_empty() {
            String::from("No number of neighbours or cells fits: free some memory.")
        } else {
            format!("What would fit: {}.", proposals.join(", or "))
        };
        Err(Error::memory(
            format!(
                "Embedding {} cells with {} features and {} neighbours takes about {}; {} may be \
                    used.",
                self.n,
                self.inputs,
                self.k,
                size(peak),
                size(limit)
            ),
            remedy,
        ))
    }
}

/// Refuses a network whose training takes `bytes` beside the cells, where `limit` is less.
pub fn check_network(bytes: u64, limit: Option<u64>) -> Result<()> {
    match limit {
        Some(limit) if bytes > limit => Err(Error::memory(
            format!(
                "Training a network of this width takes about {} beside the cells; {} may be used.",
                size(bytes),
                size(limit)
            ),
            "Give fewer or narrower hidden layers.",
        )),
        _ => Ok(()),
    }
}

/// Bytes in words.
pub fn size(bytes: u64) -> String {
    let gib = bytes as f64 / f64::from(1 << 30);
    if gib >= 1.0 {
        format!("{gib:.1} GiB")
    } else {
        format!("{:.1} MiB", gib * 1024.0)
    }
}

/// Bytes that this process can still take: the machine's, or what its control group leaves.
/// Unknown on systems without /proc.
pub fn available() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo
        .lines()
        .find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let machine = line
        .split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()?
        .saturating_mul(1024);
    let number = |file: &str| -> Option<u64> {
        std::fs::read_to_string(format!("/sys/fs/cgroup/{file}"))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    let group =
        number("memory.max").map(|most| most.saturating_sub(number("memory.current").unwrap_or(0)));
    Some(group.map_or(machine, |g| g.min(machine)))
}
