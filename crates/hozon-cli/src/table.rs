//! Tables without rules: a header, aligned columns, two spaces between.

use unicode_width::UnicodeWidthStr;

use crate::words::cut_in_the_middle;

const GAP: usize = 2;

/// How few columns a cut name keeps, however narrow the terminal is.
const LEAST_NAME_COLUMNS: usize = 12;

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Returns the lines of a table. The first column gives way where `width` is too narrow for all.
pub(crate) fn table<const N: usize>(
    header: [(&str, Align); N],
    rows: Vec<[String; N]>,
    width: Option<usize>,
) -> String {
    table_giving_way(0, header, rows, width)
}

/// Returns the lines of a table of which one column gives way where `width` is too narrow for all.
pub(crate) fn table_giving_way<const N: usize>(
    column: usize,
    header: [(&str, Align); N],
    mut rows: Vec<[String; N]>,
    width: Option<usize>,
) -> String {
    if let Some(width) = width {
        let columns = columns_left(column, &header, &rows, width);
        rows.iter_mut().for_each(|row| row[column] = cut_in_the_middle(&row[column], columns));
    }
    let widths: [usize; N] = std::array::from_fn(|column| widest(column, &header, &rows));
    let mut text = String::new();
    add_line(&mut text, &header.map(|(title, _)| title), &header, &widths);
    for row in &rows {
        add_line(&mut text, &row.each_ref().map(String::as_str), &header, &widths);
    }
    text
}

/// How many columns of the terminal a column of the table takes.
fn widest<const N: usize>(column: usize, header: &[(&str, Align); N], rows: &[[String; N]]) -> usize {
    let cells = rows.iter().map(|row| row[column].width());
    cells.chain([header[column].0.width()]).max().unwrap_or(0)
}

/// Adds one line, without spaces at its end. A store has as many lines as entries: nothing is made for each.
fn add_line<const N: usize>(
    text: &mut String,
    cells: &[&str; N],
    header: &[(&str, Align); N],
    widths: &[usize; N],
) {
    for (column, cell) in cells.iter().enumerate() {
        let spaces = widths[column].saturating_sub(cell.width());
        let (before, after) = match header[column].1 {
            Align::Left => (0, spaces),
            Align::Right => (spaces, 0),
        };
        text.extend(std::iter::repeat_n(' ', before));
        text.push_str(cell);
        text.extend(std::iter::repeat_n(' ', after + GAP));
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

/// How wide one column may be when all others have what they need.
fn columns_left<const N: usize>(
    giving_way: usize,
    header: &[(&str, Align); N],
    rows: &[[String; N]],
    width: usize,
) -> usize {
    let others = (0..N).filter(|column| *column != giving_way);
    let others: usize = others.map(|column| widest(column, header, rows) + GAP).sum();
    width.saturating_sub(others).max(LEAST_NAME_COLUMNS)
}

/// Returns lines of a label and a text, the texts below one another.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let widest = facts.iter().map(|(label, _)| label.width()).max().unwrap_or(0);
    let line = |(label, text): &(&str, String)| {
        let indent = " ".repeat(widest - label.width() + GAP);
        format!("{label}{indent}{text}").trim_end().to_owned() + "\n"
    };
    facts.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [(&str, Align); 3] = [("NAME", Align::Left), ("SIZE", Align::Right), ("MADE", Align::Left)];

    fn rows() -> Vec<[String; 3]> {
        let row = |name: &str, size: &str, age: &str| [name.into(), size.into(), age.into()];
        vec![row("a.very.long.name.of.a.function", "1.5 KiB", "2 days ago"), row("保存", "10 B", "just now")]
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_spaces() {
        let expected = "\
NAME                               SIZE  MADE
a.very.long.name.of.a.function  1.5 KiB  2 days ago
保存                               10 B  just now
";
        assert_eq!(table(HEADER, rows(), None), expected);
    }

    #[test]
    fn the_name_gives_way_to_the_width() {
        let expected = "\
NAME                SIZE  MADE
a.very.…unction  1.5 KiB  2 days ago
保存                10 B  just now
";
        assert_eq!(table(HEADER, rows(), Some(36)), expected);
        assert!(table(HEADER, rows(), Some(1)).lines().all(|line| line.width() <= 12 + 2 + 7 + 2 + 10));
    }

    #[test]
    fn facts_stand_below_one_another() {
        let lines = facts(&[("name", "f".into()), ("made by", "x".into()), ("empty", String::new())]);
        assert_eq!(lines, "name     f\nmade by  x\nempty\n");
    }
}
