//! How the learning rate changes over a run.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The course of the learning rate after the warm-up, with p from 0 to 1 over the epochs
/// that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// 1
    Constant,
    /// 1 - (1 - last) p
    Linear,
    /// last + (1 - last) (1 + cos(pi p)) / 2 (Loshchilov and Hutter 2017)
    Cosine,
    /// last^p
    Exponential,
    /// factor^floor(epoch / every), epochs counted from the end of the warm-up
    Step {
        /// Epochs between two reductions.
        every: u64,
        /// What the rate is multiplied by.
        factor: f64,
    },
}

/// Factor of the learning rate, as a function of the epochs done and of all of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// After the warm-up.
    pub decay: Decay,
    /// Epochs over which the rate grows from 0 to its full value.
    pub warmup: u64,
    /// Factor at the end of the run.
    pub last: f64,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule {
            decay: Decay::Constant,
            warmup: 0,
            last: 0.0,
        }
    }
}

impl Schedule {
    /// Refuses what makes no course.
    pub fn check(self) -> Result<Self> {
        if !(0.0..=1.0).contains(&self.last) {
            return Err(Error::input(
                format!("The learning rate would end at {} of its start.", self.last),
                "Give `last` from 0 to 1.",
            ));
        }
        if self.decay == Decay::Exponential && self.last == 0.0 {
            return Err(Error::input(
                "An exponential decay never comes to 0.",
                "Give `last` greater than 0, such as 0.01.",
            ));
        }
        if let Decay::Step { every, factor } = self.decay {
            if every == 0 || !(factor > 0.0 && factor <= 1.0) {
                return Err(Error::input(
                    format!(
                        "The learning rate would be multiplied by {factor} every {every} epochs."
                    ),
                    "Give `every` of at least 1 and a `factor` greater than 0 and at most 1.",
                ));
            }
        }
        Ok(self)
    }

    /// The factor `done` epochs (a fraction within an epoch) into a run of `maxit`.
    pub fn factor(&self, done: f64, maxit: u64) -> f64 {
        let warmup = self.warmup as f64;
        if done < warmup {
            // The first step is not to be lost.
            return ((done + 1.0) / warmup).min(1.0);
        }
        let since = done - warmup;
        let p = (since / (maxit as f64 - warmup)).min(1.0);
        let Schedule { last, .. } = *self;
        match self.decay {
            Decay::Constant => 1.0,
            Decay::Linear => 1.0 - (1.0 - last) * p,
            Decay::Cosine => last + (1.0 - last) * (1.0 + (PI * p).cos()) / 2.0,
            Decay::Exponential => last.powf(p),
            Decay::Step { every, factor } => factor.powi((since / every as f64) as i32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(decay: Decay, warmup: u64, last: f64) -> Vec<f64> {
        let schedule = Schedule {
            decay,
            warmup,
            last,
        };
        let schedule = schedule.check().unwrap();
        (0..=10)
            .map(|done| schedule.factor(f64::from(done), 10))
            .collect()
    }

    #[test]
    fn courses_start_at_one_and_end_at_last() {
        for decay in [Decay::Linear, Decay::Cosine, Decay::Exponential] {
            let course = factors(decay, 0, 0.01);
            assert!((course[0] - 1.0).abs() < 1e-15 && (course[10] - 0.01).abs() < 1e-15);
            assert!(course.windows(2).all(|pair| pair[1] < pair[0]), "{decay:?}");
        }
        assert_eq!(factors(Decay::Constant, 0, 0.0), [1.0; 11]);
        assert_eq!(factors(Decay::Linear, 0, 0.0)[5], 0.5);
        assert_eq!(factors(Decay::Cosine, 0, 0.0)[5], 0.5);
        let step = Decay::Step {
            every: 4,
            factor: 0.5,
        };
        assert_eq!(factors(step, 0, 0.0)[3..6], [1.0, 0.5, 0.5]);
        assert_eq!(factors(step, 0, 0.0)[8], 0.25);
    }

    #[test]
    fn a_warm_up_rises_to_the_full_rate_and_shortens_the_decay() {
        let course = factors(Decay::Linear, 4, 0.0);
        assert_eq!(course[..5], [0.25, 0.5, 0.75, 1.0, 1.0]);
        assert_eq!(course[7], 0.5);
        assert_eq!(course[10], 0.0);
    }

    #[test]
    fn what_makes_no_course_is_refused() {
        let refused = |decay, last| {
            let schedule = Schedule {
                decay,
                warmup: 0,
                last,
            };
            assert_eq!(schedule.check().unwrap_err().kind(), "input");
        };
        refused(Decay::Linear, 1.5);
        refused(Decay::Linear, f64::NAN);
        refused(Decay::Exponential, 0.0);
        for (every, factor) in [(0, 0.5), (1, 0.0), (1, 2.0), (1, f64::NAN)] {
            refused(Decay::Step { every, factor }, 0.0);
        }
    }
}
