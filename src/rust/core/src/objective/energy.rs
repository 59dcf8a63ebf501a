//! The value of E.

/// The parts of E(X).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    /// sum_nm w+_nm a(r^2_nm)
    pub attraction: f64,
    /// lambda sum_nm w-_nm k(r^2_nm), or rho times the logarithm of the sum.
    pub repulsion: f64,
    /// lambda, or rho divided by the sum.
    pub lambda: f64,
    /// What agreement, densities and tether add.
    pub terms: f64,
}

impl Energy {
    /// That of a map which cannot be evaluated.
    pub(crate) const INFINITE: Energy = Energy {
        attraction: f64::INFINITY,
        repulsion: 0.0,
        lambda: f64::NAN,
        terms: 0.0,
    };

    /// E(X).
    pub fn total(&self) -> f64 {
        self.attraction + self.repulsion + self.terms
    }

    /// Whether E and the lambda of its gradient are numbers.
    pub(crate) fn is_finite(&self) -> bool {
        self.total().is_finite() && self.lambda.is_finite()
    }
}
