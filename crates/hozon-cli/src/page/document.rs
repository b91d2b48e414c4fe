//! The page as a whole.

use super::Report;

/// One page that needs nothing else: it loads nothing, and runs no script but its own.
pub fn html(report: &Report) -> String {
    let _ = report;
    String::new()
}
