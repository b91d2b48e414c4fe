//! Tables that one cell's SQL makes and another's reads: they live in a database, which nobody restores.

use super::cell::Cell;

/// Keeps cells from being restored whose SQL reads what other cells make: what their result depends on is
/// in a database.
pub(super) fn keep_readers_live(cells: &mut [Cell]) {
    let made: Vec<String> = cells.iter().flat_map(|cell| cell.tables_made.clone()).collect();
    if made.is_empty() {
        return;
    }
    for cell in cells.iter_mut().filter(|cell| cell.live.is_none()) {
        if cell.tables_read.iter().any(|read| made.iter().any(|made| is_of(read, made))) {
            cell.live = Some("reads a table that another cell makes in a database".to_owned());
        }
    }
}

/// Returns the cells that make a table that this cell's SQL reads, or the schema of one that it makes.
pub(super) fn makers(cells: &[Cell], reader: usize) -> Vec<usize> {
    let cell = &cells[reader];
    let qualified = cell.tables_made.iter().filter(|made| made.contains('.') && !made.ends_with(".*"));
    let reads: Vec<&String> = cell.tables_read.iter().chain(qualified.clone()).collect();
    let has_schema = |made: &String| made.ends_with(".*");
    let wanted = |read: &String, made: &String| {
        is_of(read, made) && (cell.tables_read.contains(read) || has_schema(made))
    };
    let makes = |index: &usize| {
        cells[*index].tables_made.iter().any(|made| reads.iter().any(|read| wanted(read, made)))
    };
    (0..cells.len()).filter(|index| *index != reader).filter(makes).collect()
}

/// Tells whether a table that is read may be one that is made, or stand in it. Where one of the two names is
/// not qualified, the tables' own names decide.
fn is_of(read: &str, made: &str) -> bool {
    let mut of_read = read.rsplit('.');
    if let Some(schema) = made.strip_suffix(".*") {
        return of_read.skip(1).any(|part| part == schema);
    }
    let mut of_made = made.rsplit('.');
    of_read.next() == of_made.next() && of_read.zip(of_made).all(|(one, other)| one == other)
}
