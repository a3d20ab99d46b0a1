//! Medians and percentiles.

/// Percentiles of durations, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    /// Computes nearest-rank percentiles of durations in microseconds; all are 0 if there are none.
    pub(crate) fn of_micros(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let at = |percent: usize| {
            let rank = (micros.len() * percent).div_ceil(100).max(1);
            f64::from(micros.get(rank - 1).copied().unwrap_or(0)) / 1e3
        };
        Self {
            p50: at(50),
            p99: at(99),
            max: at(100),
        }
    }
}

/// Returns the median, the upper one of an even number of values; NaN if there are none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "the values are exact")]
    fn percentiles_are_nearest_rank() {
        let percentiles = Percentiles::of_micros((1..=1000).map(|n| n * 1000).collect());
        let Percentiles { p50, p99, max } = percentiles;
        assert_eq!([p50, p99, max], [500.0, 990.0, 1000.0]);
        assert_eq!(Percentiles::of_micros(Vec::new()).max, 0.0);
    }
}
