//! Counter-based random numbers. The i-th number of a stream depends on seed, stream and i alone,
//! so that any thread may draw any part of a stream.

/// A stream of random numbers addressed by position.
///
/// Each number is the SplitMix64 finaliser applied to a Weyl sequence. Its start mixes seed and
/// stream (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    key: u64,
}

const WEYL: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Stream {
    /// Stream number `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        Stream {
            key: mix(mix(seed.wrapping_add(WEYL)) ^ stream.wrapping_mul(WEYL)),
        }
    }

    /// The i-th of the streams that begin here.
    pub fn substream(&self, i: u64) -> Self {
        Stream {
            key: mix(self.key ^ mix(i.wrapping_add(WEYL))),
        }
    }

    /// The number from which all others of the stream follow.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// The 64 random bits at position `i`.
    pub fn bits(&self, i: u64) -> u64 {
        mix(self.key.wrapping_add(i.wrapping_add(1).wrapping_mul(WEYL)))
    }

    /// Uniform on [0, 1).
    pub fn uniform(&self, i: u64) -> f64 {
        (self.bits(i) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Standard normal (Box and Muller 1958); position `i` uses uniforms 2i and 2i + 1.
    pub fn normal(&self, i: u64) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform(2 * i)).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform(2 * i + 1)).cos()
    }

    /// `count` distinct numbers below `n`, ascending (Floyd's sampling).
    pub fn sample(&self, n: usize, count: usize) -> Vec<usize> {
        assert!(count <= n, "a sample cannot be larger than the population");
        let mut chosen = std::collections::BTreeSet::new();
        for (i, top) in (n - count..n).enumerate() {
            let candidate = (self.uniform(i as u64) * (top + 1) as f64) as usize;
            if !chosen.insert(candidate) {
                chosen.insert(top);
            }
        }
        chosen.into_iter().collect()
    }
}
