//! Guesses of tokens, slowed down.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// So many wrong tokens may come from one address in one period.
const MOST: u32 = 20;
const PERIOD: Duration = Duration::from_secs(60);
/// So many addresses are remembered.
const ADDRESSES: usize = 10_000;

/// Counts wrong tokens by the address that they come from.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    since: Duration,
    wrong: HashMap<IpAddr, u32>,
}

impl Throttle {
    /// Counts a wrong token, and tells whether there were too many. `now` never goes back.
    pub(crate) fn wrong(&self, from: IpAddr, now: Duration) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(counted.since) > PERIOD || counted.wrong.len() > ADDRESSES {
            *counted = Counted { since: now, wrong: HashMap::new() };
        }
        let count = counted.wrong.entry(from).or_default();
        *count = count.saturating_add(1);
        *count > MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_guesses_are_throttled_and_another_address_is_not() {
        let throttle = Throttle::default();
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        let free = (0..10_000).filter(|_| !throttle.wrong(one, Duration::ZERO)).count();
        assert_eq!(free, MOST as usize);
        assert!(!throttle.wrong(other, Duration::ZERO));
        assert!(!throttle.wrong(one, PERIOD * 2), "later it is free again");
    }
}
