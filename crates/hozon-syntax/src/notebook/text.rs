//! Lines of a file.

/// Returns the text of some lines without the blank ones around it, and the number of its first line, the
/// number of the first of `lines` being `first_line`.
pub(super) fn trimmed<'t>(lines: &'t [&'t str], first_line: u32) -> (&'t [&'t str], u32) {
    let is_filled = |line: &&str| !line.trim().is_empty();
    let Some(start) = lines.iter().position(is_filled) else { return (&[], first_line) };
    let end = lines.iter().rposition(is_filled).map_or(start, |last| last + 1);
    (&lines[start..end], first_line + line_number(start) - 1)
}

/// Returns the number of the line with this index. Texts of bounded length have fewer lines than 32 bits count.
pub(super) fn line_number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX - 1) + 1
}
