//! Uniform B-splines: the weights with which a point meets the nodes around it.

/// Order of the spline of the grids: nodes that a point meets along an axis.
pub const ORDER: usize = 4;

/// Weights and derivatives of the `P` B-splines of order `P` (degree P - 1) that cover
/// a point `t` in [0, 1) past a node. Entry j belongs to node j - (P/2 - 1) from it.
///
/// M_2 is the hat function. With M_k the weights of order k,
/// M_k(j) = ((t + k - 1 - j) M_{k-1}(j - 1) + (j + 1 - t) M_{k-1}(j)) / (k - 1).
/// The derivative of M_P at j is M_{P-1}(j - 1) - M_{P-1}(j).
#[inline(always)]
pub fn weights<const P: usize>(t: f64) -> ([f64; P], [f64; P]) {
    let mut value = [0.0; P];
    let mut slope = [0.0; P];
    value[0] = 1.0 - t;
    value[1] = t;
    for k in 3..=P {
        if k == P {
            slope[0] = -value[0];
            for j in 1..P {
                slope[j] = value[j - 1] - value[j];
            }
        }
        let scale = 1.0 / (k - 1) as f64;
        value[k - 1] = scale * t * value[k - 2];
        for j in (1..k - 1).rev() {
            value[j] =
                scale * ((t + (k - 1 - j) as f64) * value[j - 1] + ((j + 1) as f64 - t) * value[j]);
        }
        value[0] *= scale * (1.0 - t);
    }
    (value, slope)
}

/// Fourier transform of the B-spline of order `p` at `theta` radians a node.
pub fn transfer(theta: f64, p: usize) -> f64 {
    let half = theta / 2.0;
    if half == 0.0 {
        1.0
    } else {
        (half.sin() / half).powi(p as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_reproduce_position() {
        for i in 0..100 {
            let t = i as f64 / 100.0;
            let (value, slope) = weights::<4>(t);
            let position: f64 = (0..4).map(|j| (j as f64 - 1.0) * value[j]).sum();
            assert!((value.iter().sum::<f64>() - 1.0).abs() < 1e-15);
            assert!((position - t).abs() < 1e-15);
            assert!(slope.iter().sum::<f64>().abs() < 1e-15);
            let (ahead, _) = weights::<4>(t + 1e-6);
            for j in 0..4 {
                assert!(((ahead[j] - value[j]) / 1e-6 - slope[j]).abs() < 2e-6);
            }
        }
    }

    #[test]
    fn cubic_weights_match_their_closed_form() {
        let t = 0.3f64;
        let (value, _) = weights::<4>(t);
        assert!((value[0] - (1.0 - t).powi(3) / 6.0).abs() < 1e-16);
        assert!((value[3] - t.powi(3) / 6.0).abs() < 1e-16);
    }
}
