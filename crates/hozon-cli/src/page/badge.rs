//! What became of a cell, in words, colour and shape.

use super::report::Status;
use crate::words;

/// How a status is said and drawn.
pub(super) struct Badge {
    /// Names the colour and the icon.
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    /// The figure behind the word, or nothing.
    pub(super) figure: String,
}

/// Every status but text: its class, and its word where cells are counted. The order is that of the counts.
pub(super) const KINDS: [(&str, &str); 7] = [
    ("failed", "failed"),
    ("restored", "restored"),
    ("ran", "ran"),
    ("live", "not stored"),
    ("stale", "to run"),
    ("skipped", "skipped"),
    ("disabled", "disabled"),
];

/// Icons by class, each of its own shape, as paths in a box of 16 by 16.
pub(super) const ICONS: [(&str, &str); 7] = [
    ("failed", "M4.5 4.5l7 7m0-7l-7 7"),
    ("restored", "M3.2 8a4.8 4.8 0 1 0 1.6-3.6M4.6 1.8v2.8h2.8"),
    ("ran", "M5.5 3.8l6.5 4.2-6.5 4.2z"),
    ("live", "M8 3a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM8 8h.01"),
    ("stale", "M8 4.2V8l2.6 1.6M8 2.4a5.6 5.6 0 1 0 0 11.2A5.6 5.6 0 0 0 8 2.4z"),
    ("skipped", "M4 4l4 4-4 4m5-8v8"),
    ("disabled", "M8 2.6a5.4 5.4 0 1 0 0 10.8A5.4 5.4 0 0 0 8 2.6zM4.2 11.8l7.6-7.6"),
];

/// The badge of a status; none for text.
pub(super) fn badge(status: &Status) -> Option<Badge> {
    let (class, word, figure) = match status {
        Status::Restored { saved_seconds, .. } => {
            ("restored", "Restored", format!("saved {}", duration(*saved_seconds)))
        }
        Status::Ran { seconds } => ("ran", "Ran", duration(*seconds)),
        Status::Failed { seconds } => ("failed", "Failed", format!("after {}", duration(*seconds))),
        Status::Live { seconds, .. } => ("live", "Ran, not stored", duration(*seconds)),
        Status::Skipped { .. } => ("skipped", "Skipped", String::new()),
        Status::Disabled => ("disabled", "Disabled", String::new()),
        Status::Stale { .. } => ("stale", "To run", String::new()),
        Status::Text => return None,
    };
    Some(Badge { class, word, figure })
}

/// What a status says beside its badge.
pub(super) fn reason(status: &Status) -> Option<String> {
    match status {
        Status::Restored { made, .. } if !made.is_empty() => Some(format!("computed {made}")),
        Status::Live { why, .. } if !why.is_empty() => Some(format!("not stored: {why}")),
        Status::Skipped { why } | Status::Stale { why } if !why.is_empty() => Some(why.clone()),
        _ => None,
    }
}

/// An icon, which says nothing to those who listen: the word stands beside it.
pub(super) fn icon(class: &str) -> String {
    format!("<svg class=\"icon\" aria-hidden=\"true\"><use href=\"#icon-{class}\"/></svg>")
}

/// Seconds as people say them.
pub(super) fn duration(seconds: f64) -> String {
    // Figures that are no times count as none.
    words::duration((seconds.clamp(0.0, 1e12) * 1e9) as u128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_that_is_counted_has_an_icon() {
        assert!(KINDS.iter().all(|(class, _)| ICONS.iter().any(|(name, _)| name == class)));
    }

    #[test]
    fn durations_that_are_none() {
        assert_eq!(
            [duration(f64::NAN), duration(-1.0), duration(f64::INFINITY)].map(|text| text.len() > 1),
            [true; 3]
        );
        assert_eq!(duration(1.25), "1.2 s");
    }
}
