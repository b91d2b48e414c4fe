//! Sizes, times and counts as people say them.

use std::borrow::Cow;

pub(crate) use hozon_key::age;
use hozon_key::visible;
use unicode_width::UnicodeWidthStr;

/// `812 B`, `1.2 KiB`, `12.3 MiB`, `123 MiB`, `4.5 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // Rounding must not show 1024 of a unit.
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", three_digits(value), UNITS[unit])
}

/// One decimal below 100, none above.
fn three_digits(value: f64) -> String {
    if value < 99.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// `350 ns`, `12.0 µs`, `3.4 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn duration(nanoseconds: u128) -> String {
    let seconds = nanoseconds as f64 / 1e9;
    match nanoseconds {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{nanoseconds} ns"),
        1_000..999_950 => format!("{} µs", three_digits(seconds * 1e6)),
        999_950..999_500_000 => format!("{} ms", three_digits(seconds * 1e3)),
        _ if seconds < 59.95 => format!("{seconds:.1} s"),
        _ => two_units(seconds.round() as u64),
    }
}

fn two_units(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let (large, small) = match seconds {
        0..3_600 => ((minutes, "min"), (seconds % 60, "s")),
        3_600..86_400 => ((hours, "h"), (minutes % 60, "min")),
        _ => ((days, "d"), (hours % 24, "h")),
    };
    let whole = format!("{} {}", large.0, large.1);
    if small.0 == 0 { whole } else { format!("{whole} {} {}", small.0, small.1) }
}

/// `2026-11-22 18:48:39 UTC`.
pub(crate) fn moment(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (year, month, day) = civil_date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// `2026-11-22`, in UTC.
pub(crate) fn day(unix_ms: u64) -> String {
    let (year, month, day) = civil_date(unix_ms / 1000 / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The Gregorian date of a number of days since 1970, by eras of 400 years that begin in March.
fn civil_date(days: u64) -> (u64, u64, u64) {
    const DAYS_FROM_YEAR_0: u64 = 719_468;
    const DAYS_OF_AN_ERA: u64 = 146_097;
    let days = days + DAYS_FROM_YEAR_0;
    let (era, day_of_era) = (days / DAYS_OF_AN_ERA, days % DAYS_OF_AN_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// `1 entry`, `3 entries`.
pub(crate) fn count_of(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A name as it is shown: never empty, nothing in it that a terminal would obey.
pub(crate) fn name(name: &str) -> Cow<'_, str> {
    if name.is_empty() { Cow::Borrowed("(no name)") } else { visible(name) }
}

/// Cuts `text` in the middle to at most `columns` columns, an ellipsis standing for what is left out.
pub(crate) fn cut_in_the_middle(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let kept = columns.saturating_sub(1);
    let head = leading(text.chars(), kept.div_ceil(2));
    let tail = leading(text.chars().rev(), kept / 2);
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

/// The first characters that fit into `columns`.
fn leading(characters: impl Iterator<Item = char>, columns: usize) -> Vec<char> {
    let mut text = String::new();
    let fits = |character: &char| {
        text.push(*character);
        text.width() <= columns
    };
    characters.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (102_348, "99.9 KiB"),
            (102_400, "100 KiB"),
            (1_048_063, "1023 KiB"),
            (1_048_064, "1.0 MiB"),
            (200_000_000, "191 MiB"),
            (10_737_418_240, "10.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, words) in table {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn durations() {
        let table = [
            (0, "0 s"),
            (999, "999 ns"),
            (1_000, "1.0 µs"),
            (999_949, "1000 µs"),
            (999_950, "1.0 ms"),
            (123_456_789, "123 ms"),
            (999_499_999, "999 ms"),
            (999_500_000, "1.0 s"),
            (59_900_000_000, "59.9 s"),
            (59_960_000_000, "1 min"),
            (200_000_000_000, "3 min 20 s"),
            (7_500_000_000_000, "2 h 5 min"),
            (273_600_000_000_000, "3 d 4 h"),
        ];
        for (nanoseconds, words) in table {
            assert_eq!(duration(nanoseconds), words);
        }
    }

    #[test]
    fn ages() {
        let table = [
            (0, "just now"),
            (999, "just now"),
            (1_000, "1 second ago"),
            (59_999, "59 seconds ago"),
            (60_000, "1 minute ago"),
            (180_000, "3 minutes ago"),
            (7_200_000, "2 hours ago"),
            (172_800_000, "2 days ago"),
            (59 * 86_400_000, "59 days ago"),
            (60 * 86_400_000, "2 months ago"),
            (729 * 86_400_000, "24 months ago"),
            (730 * 86_400_000, "2 years ago"),
        ];
        let now = 1_800_000_000_000;
        for (past, words) in table {
            assert_eq!(age(now - past, now), words);
        }
        assert_eq!(
            (age(now + 60_000, now).as_str(), age(now + 60_001, now).as_str()),
            ("just now", "in the future")
        );
        assert_eq!(age(u64::MAX, u64::MAX), "just now");
    }

    #[test]
    fn moments() {
        let table = [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399_999, "2000-02-28 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (1_795_373_319_000, "2026-11-22 18:48:39 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
        ];
        for (ms, words) in table {
            assert_eq!(moment(ms), words);
        }
        assert!(moment(u64::MAX).ends_with(" UTC"));
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(cut_in_the_middle("features", 8), "features");
        assert_eq!(cut_in_the_middle("features", 7), "fea…res");
        assert_eq!(cut_in_the_middle("features", 6), "fea…es");
        assert_eq!(cut_in_the_middle("features", 1), "…");
        assert_eq!(cut_in_the_middle("保存保存保存", 8), "保存…存");
        for columns in 1..20 {
            assert!(cut_in_the_middle("保存 x e\u{301}\u{301} 保存保存保存保存", columns).width() <= columns);
        }
    }

    #[test]
    fn a_name_cannot_vanish_or_command_the_terminal() {
        assert_eq!((name(""), name("a\u{1b}[31m")), ("(no name)".into(), r"a\u{1b}[31m".into()));
    }
}
