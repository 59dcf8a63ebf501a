//! The bandwidth of one row: the beta at which its affinities reach the perplexity.

use serde::{Deserialize, Serialize};

use crate::exponential::exp_negative_in_place;

/// How beta is found. Both solve the same equation to the same root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// Newton's method on log beta within a shrinking bracket.
    Newton,
    /// Doubling, halving and bisecting beta, as t-SNE does (van der Maaten and Hinton
    /// 2008, function x2p).
    Bisection,
}

/// Change of log beta at which Newton's method has converged: the step after it would
/// be of the order of its square.
const NEWTON_TOLERANCE: f64 = 1e-9;

/// Error of the entropy, in nats, at which bisection stops.
const BISECTION_TOLERANCE: f64 = 1e-10;

/// A bracket of log beta halves this often before it is narrower than rounding.
const MOST_STEPS: usize = 200;

/// Entropy and slope of a row at one beta.
struct Entropy {
    /// H(beta) in nats.
    value: f64,
    /// dH / d log beta = -beta^2 Var(d^2).
    slope: f64,
}

/// Fills `p` with the affinities of the row; returns log beta and the perplexity reached.
///
/// `distances`: squared, ascending. H(beta) = beta E[d^2] + log Z falls from log k to
/// log m, where m is the number of neighbours tied with the nearest. It depends on the
/// differences d^2 - d^2_1 alone: subtracting the nearest keeps exp() from underflowing.
pub fn solve_row(distances: &[f64], perplexity: f64, solver: Solver, p: &mut [f64]) -> (f64, f64) {
    let k = distances.len();
    let nearest = distances[0];
    let ties = distances.iter().take_while(|&&d| d == nearest).count();
    if ties == k {
        p.fill(1.0 / k as f64);
        return (f64::NEG_INFINITY, k as f64);
    }
    if ties as f64 >= perplexity {
        p.fill(0.0);
        p[..ties].fill(1.0 / ties as f64);
        return (f64::INFINITY, ties as f64);
    }
    // In units of the widest difference beta has no scale, so tiny and huge inputs
    // follow the same path.
    let widest = distances[k - 1] - nearest;
    let differences: Vec<f64> = distances.iter().map(|d| (d - nearest) / widest).collect();
    let target = perplexity.ln();
    let log_beta = match solver {
        Solver::Newton => newton(&differences, target, p),
        Solver::Bisection => bisection(&differences, target, p),
    };
    let entropy = evaluate(&differences, log_beta, p);
    (log_beta - widest.ln(), entropy.value.exp())
}

/// Entropy at beta; `p` receives the affinities.
fn evaluate(differences: &[f64], log_beta: f64, p: &mut [f64]) -> Entropy {
    let beta = log_beta.exp();
    for (p, d) in p.iter_mut().zip(differences) {
        *p = beta * d;
    }
    exp_negative_in_place(p);
    let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
    for (&p, &d) in p.iter().zip(differences) {
        let scaled = beta * d;
        sum += p;
        first += p * scaled;
        second += p * scaled * scaled;
    }
    p.iter_mut().for_each(|p| *p /= sum);
    let mean = first / sum;
    Entropy {
        value: mean + sum.ln(),
        slope: mean * mean - second / sum,
    }
}

/// Root of H(b) = target in b = log beta.
fn newton(differences: &[f64], target: f64, p: &mut [f64]) -> f64 {
    let k = differences.len();
    // Since -dH/dbeta = beta Var(d^2) and Var <= widest^2 / 4, log k - H <= (beta widest)^2 / 8.
    let mut low = 0.5 * (8.0 * ((k as f64).ln() - target)).ln();
    let mut high = f64::INFINITY;
    // A neighbour as far as the perplexity's rank weighs about 1/e of the nearest.
    let rank = (target.exp().ceil() as usize).clamp(1, k) - 1;
    let mut b = (-differences[rank].max(f64::MIN_POSITIVE).ln()).max(low);
    for _ in 0..MOST_STEPS {
        let entropy = evaluate(differences, b, p);
        let excess = entropy.value - target;
        if excess > 0.0 {
            low = b;
        } else {
            high = b;
        }
        // H falls in b. Steps are held to a factor of e^3 in beta, where the entropy
        // is flat, and inside the bracket.
        let step = (-excess / entropy.slope).clamp(-3.0, 3.0);
        let mut next = if step.is_finite() {
            b + step
        } else {
            b + 3f64.copysign(excess)
        };
        if !(next > low && next < high) {
            next = if high.is_finite() {
                0.5 * (low + high)
            } else {
                low + 3.0
            };
        }
        if (next - b).abs() <= NEWTON_TOLERANCE {
            return next;
        }
        b = next;
    }
    b
}

/// Root of H(beta) = target by doubling or halving beta until it is bracketed, then bisecting.
fn bisection(differences: &[f64], target: f64, p: &mut [f64]) -> f64 {
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut beta = 1.0f64;
    for _ in 0..10 * MOST_STEPS {
        let excess = evaluate(differences, beta.ln(), p).value - target;
        if excess.abs() < BISECTION_TOLERANCE {
            break;
        }
        if excess > 0.0 {
            low = beta;
            beta = if high.is_finite() {
                0.5 * (low + high)
            } else {
                2.0 * beta
            };
        } else {
            high = beta;
            beta = 0.5 * (low + high);
        }
        if beta == low || beta == high {
            break;
        }
    }
    beta.ln()
}
