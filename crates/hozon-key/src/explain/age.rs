//! How long ago something was.

/// `just now`, `5 seconds ago`, `2 days ago`; both times in Unix milliseconds.
pub fn age(then_ms: u64, now_ms: u64) -> String {
    const CLOCKS_DIFFER_BY: u64 = 60_000;
    if then_ms > now_ms.saturating_add(CLOCKS_DIFFER_BY) {
        return "in the future".to_owned();
    }
    let seconds = now_ms.saturating_sub(then_ms) / 1000;
    let (count, unit) = match seconds {
        0 => return "just now".to_owned(),
        1..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400..5_184_000 => (seconds / 86_400, "day"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}
