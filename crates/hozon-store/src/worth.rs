//! What goes first: the worth of an entry, and which of two candidates goes. Pure.
//!
//! An entry is worth the seconds that it saves for each byte that it takes. Worth fades as in GreedyDual: an
//! entry's *rank* is its worth on top of a clock, and the clock moves on to the rank of whatever goes. So
//! what is not used for long is overtaken by what comes later, and no time of day is needed.
//!
//! What was never used stands in a queue of its own, with a clock of its own, as in S3-FIFO: most results
//! that are never asked for again go past there, and push out nothing that was of use.

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Stored, and not used since.
    Probation,
    /// Used at least once, or wanted again after it had gone.
    Used,
}

/// The part of the store that what was never used may fill before it has to give way.
const PROBATION_SHARE: f64 = 0.1;
/// By how much more an entry must be worth to stand its ground against the other queue's turn.
const MARGIN: f64 = 8.0;
/// More uses than this make an entry worth no more: what was used a hundred times and then edited is as dead
/// as what was used once.
const MOST_USES: u64 = 3;
/// Below this no clock tells times apart. So nothing is worth nothing.
const LEAST_SECONDS: f64 = 1e-6;

/// Returns how many seconds a byte of an entry saves: the time to compute it, once more for each use.
pub(crate) fn worth(seconds: f64, uses: u64, bytes: u64) -> f64 {
    seconds.max(LEAST_SECONDS) * (uses.min(MOST_USES) + 1) as f64 / bytes.max(1) as f64
}

/// Tells which queue the next entry goes from. The credits are what is left of the worth of the first entry of
/// each: its rank less the clock of its queue. `probation_part` is the part of what may be kept that was
/// never used.
pub(crate) fn next_from(probation_credit: f64, used_credit: f64, probation_part: f64) -> Queue {
    let on_probation = match probation_part > PROBATION_SHARE {
        true => probation_credit <= used_credit * MARGIN,
        false => probation_credit * MARGIN <= used_credit,
    };
    if on_probation { Queue::Probation } else { Queue::Used }
}

impl Queue {
    pub(crate) const ALL: [Self; 2] = [Self::Probation, Self::Used];

    pub(crate) const fn of(uses: u64) -> Self {
        if uses == 0 { Self::Probation } else { Self::Used }
    }

    /// Its number in the index, and in arrays of both.
    pub(crate) const fn number(self) -> usize {
        match self {
            Self::Probation => 0,
            Self::Used => 1,
        }
    }

    pub(crate) const fn from_number(number: i64) -> Self {
        if number == 0 { Self::Probation } else { Self::Used }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worth_is_seconds_saved_for_each_byte() {
        assert_eq!(worth(2.0, 0, 1000), 0.002);
        assert_eq!(worth(2.0, 1, 1000), 0.004);
        assert_eq!(worth(2.0, MOST_USES, 1000), worth(2.0, u64::MAX, 1000));
        assert!(worth(0.0, 0, 0) > 0.0);
    }

    #[test]
    fn of_equals_what_was_never_used_goes_first_once_it_has_its_share() {
        assert_eq!(next_from(1.0, 1.0, 0.2), Queue::Probation);
        assert_eq!(next_from(1.0, 1.0, 0.05), Queue::Used);
    }

    #[test]
    fn what_is_worth_much_more_stays_whichever_queue_it_stands_in() {
        assert_eq!(next_from(9.0, 1.0, 0.9), Queue::Used);
        assert_eq!(next_from(1.0, 9.0, 0.0), Queue::Probation);
    }
}
