//! What a hidden unit makes of its input.

use serde::{Deserialize, Serialize};

use super::real::Real;

/// The nonlinearity of the hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(y, 0)
    Relu,
    /// y, or 0.01 y where y < 0
    LeakyRelu,
    /// y Phi(y) with the normal distribution function Phi in the form of Hendrycks and
    /// Gimpel (2016): y (1 + tanh(sqrt(2 / pi) (y + 0.044715 y^3))) / 2
    Gelu,
    /// tanh(y)
    Tanh,
}

/// An activation as loops see it: known when they are compiled.
pub trait Nonlinearity {
    /// f(y)
    fn value<T: Real>(y: T) -> T;
    /// f'(y)
    fn slope<T: Real>(y: T) -> T;
}

/// [`Activation::Relu`]
pub struct Relu;
/// [`Activation::LeakyRelu`]
pub struct LeakyRelu;
/// [`Activation::Gelu`]
pub struct Gelu;
/// [`Activation::Tanh`]
pub struct Tanh;

const LEAK: f64 = 0.01;

impl Nonlinearity for Relu {
    #[inline(always)]
    fn value<T: Real>(y: T) -> T {
        if y > T::ZERO {
            y
        } else {
            T::ZERO
        }
    }

    #[inline(always)]
    fn slope<T: Real>(y: T) -> T {
        if y > T::ZERO {
            T::ONE
        } else {
            T::ZERO
        }
    }
}

impl Nonlinearity for LeakyRelu {
    #[inline(always)]
    fn value<T: Real>(y: T) -> T {
        y * Self::slope(y)
    }

    #[inline(always)]
    fn slope<T: Real>(y: T) -> T {
        if y > T::ZERO {
            T::ONE
        } else {
            T::from_f64(LEAK)
        }
    }
}

/// tanh(y) = (1 - e) / (1 + e) with e = exp(-2 |y|), and the sign of y.
#[inline(always)]
fn tanh<T: Real>(y: T) -> T {
    let size = if y < T::ZERO { -y } else { y };
    let e = (size + size).exp_of_minus();
    let value = (T::ONE - e) / (T::ONE + e);
    if y < T::ZERO {
        -value
    } else {
        value
    }
}

impl Nonlinearity for Tanh {
    #[inline(always)]
    fn value<T: Real>(y: T) -> T {
        tanh(y)
    }

    #[inline(always)]
    fn slope<T: Real>(y: T) -> T {
        let value = tanh(y);
        T::ONE - value * value
    }
}

const GELU_CUBE: f64 = 0.044715;
/// sqrt(2 / pi)
const GELU_SCALE: f64 = 0.797_884_560_802_865_4;

impl Nonlinearity for Gelu {
    #[inline(always)]
    fn value<T: Real>(y: T) -> T {
        let inner = T::from_f64(GELU_SCALE) * y * (T::ONE + T::from_f64(GELU_CUBE) * y * y);
        T::from_f64(0.5) * y * (T::ONE + tanh(inner))
    }

    #[inline(always)]
    fn slope<T: Real>(y: T) -> T {
        let inner = T::from_f64(GELU_SCALE) * y * (T::ONE + T::from_f64(GELU_CUBE) * y * y);
        let bent = tanh(inner);
        let inner_slope = T::from_f64(GELU_SCALE) * (T::ONE + T::from_f64(3.0 * GELU_CUBE) * y * y);
        T::from_f64(0.5) * (T::ONE + bent + y * (T::ONE - bent * bent) * inner_slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<F: Nonlinearity>(values: [(f64, f64); 2]) {
        for (y, expected) in values {
            assert!((F::value(y) - expected).abs() < 1e-6, "f({y})");
        }
        for i in -40..40 {
            // Off the kinks at 0.
            let y = 0.25 * f64::from(i) + 0.1;
            let step = 1e-6;
            let slope = (F::value(y + step) - F::value(y - step)) / (2.0 * step);
            assert!((F::slope(y) - slope).abs() < 1e-8, "f'({y})");
            assert!((F::value(y as f32).wide() - F::value(y)).abs() < 1e-5);
            assert!((F::slope(y as f32).wide() - F::slope(y)).abs() < 1e-5);
        }
    }

    #[test]
    fn values_and_slopes_are_those_of_the_definitions() {
        check::<Relu>([(1.5, 1.5), (-2.0, 0.0)]);
        check::<LeakyRelu>([(1.5, 1.5), (-2.0, -0.02)]);
        check::<Tanh>([(1.0, 0.761_594_2), (-0.5, -0.462_117_2)]);
        check::<Gelu>([(1.0, 0.841_192_0), (-1.0, -0.158_808_0)]);
    }
}
