//! Percent scripts: Python with `# %%` between the cells.

use std::collections::BTreeSet;

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

use super::cell::{Cell, CellKind};
use super::declaration::is_text;
use super::text::{line_number, trimmed};
use super::{Notebook, NotebookFormat};
use crate::parse::{Dialect, with_tokens, with_tree};

/// What a line that starts a cell says of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Marker {
    kind: Option<CellKind>,
    title: Option<String>,
    tags: Vec<String>,
}

/// Reads a percent script; none if no line starts a cell.
pub(super) fn read(text: &str) -> Option<Notebook> {
    let lines: Vec<&str> = text.split('\n').collect();
    let markers = markers(text, &lines);
    let (first, _) = markers.first()?;
    let header = jupytext_header(&lines[..*first]);
    let mut cells = Vec::with_capacity(markers.len() + 1);
    cells.extend(preamble(&lines[header.len()..*first], header.len()));
    let ends = markers.iter().skip(1).map(|(line, _)| *line).chain([lines.len()]).collect::<Vec<_>>();
    for ((line, marker), end) in markers.into_iter().zip(ends) {
        let lines = uncommented_magics(&lines[line + 1..end], !header.is_empty());
        cells.push(cell(&lines, line_number(line + 1), marker));
    }
    let mut notebook = Notebook::new(NotebookFormat::Percent, cells);
    notebook.title = title(header);
    notebook.read_again_with_extensions();
    Some(notebook)
}

/// Returns the lines that start a cell, in order.
fn markers(text: &str, lines: &[&str]) -> Vec<(usize, Marker)> {
    let found = |marker: fn(&str) -> Option<Marker>| -> Vec<(usize, Marker)> {
        let marked = lines.iter().enumerate().filter(|(_, line)| line.starts_with('#'));
        marked.filter_map(|(index, line)| Some((index, marker(line)?))).collect()
    };
    let mut markers = found(percent_marker);
    if markers.is_empty() {
        markers = found(prompt_marker);
    }
    // A marker in a text of several lines is text. Where nothing parses, lines are all there is.
    if !markers.is_empty()
        && let Ok(comments) = comment_lines(text)
    {
        markers.retain(|(index, _)| comments.contains(&line_number(*index)));
    }
    markers
}

fn comment_lines(text: &str) -> Result<BTreeSet<u32>, crate::error::SourceError> {
    with_tokens(text, Dialect::Ipython, |_, tokens, lines| {
        let comments = tokens.iter().filter(|token| token.kind() == TokenKind::Comment);
        comments.map(|comment| lines.line(comment.start())).collect()
    })
}

/// Reads `# %%`, `# %%%% title`, `# %% [markdown] title`, `# %% title [md] tags=["a"]`, `# %% {"tags": ["a"]}`.
fn percent_marker(line: &str) -> Option<Marker> {
    let rest =
        line.strip_prefix('#')?.trim_start_matches([' ', '\t']).strip_prefix("%%")?.trim_start_matches('%');
    if !(rest.is_empty() || rest.starts_with(|next: char| next.is_whitespace() || next == '[')) {
        return None;
    }
    let (said, tags) = (before_options(rest), tags(rest));
    let Some((before, (kind, after))) =
        said.split_once('[').and_then(|(before, rest)| Some((before, kind(rest)?)))
    else {
        return Some(Marker { kind: None, title: filled(said), tags });
    };
    Some(Marker { kind: Some(kind), title: filled(before).or_else(|| filled(after)), tags })
}

/// Reads `# In[3]:`, as nbconvert writes it.
fn prompt_marker(line: &str) -> Option<Marker> {
    let rest = line.strip_prefix('#')?.trim_start().strip_prefix("In[")?;
    let rest =
        rest.trim_start_matches(|next: char| next.is_ascii_digit() || next == ' ').strip_prefix(']')?;
    matches!(rest.trim_end(), "" | ":").then(Marker::default)
}

fn kind(after_bracket: &str) -> Option<(CellKind, &str)> {
    let (word, rest) = after_bracket.split_once(']')?;
    let kind = match word {
        "markdown" | "md" => CellKind::Markdown,
        "raw" => CellKind::Raw,
        "code" => CellKind::Code,
        _ => return None,
    };
    Some((kind, rest))
}

fn filled(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Leaves `key=value` and JSON behind the title out.
fn before_options(rest: &str) -> &str {
    let rest = if rest.trim_end().ends_with('}') { rest.split('{').next().unwrap_or_default() } else { rest };
    let is_key = |word: &str| {
        let key = word.split_once('=').map_or("", |(key, _)| key);
        !key.is_empty() && key.chars().all(|part| part.is_alphanumeric() || "_-.".contains(part))
    };
    let mut start = 0;
    for word in rest.split(' ') {
        if is_key(word) {
            return &rest[..start];
        }
        start += word.len() + 1;
    }
    rest
}

fn tags(rest: &str) -> Vec<String> {
    let listed = rest.split_once("tags=[").or_else(|| rest.split_once("\"tags\": ["));
    let Some((_, listed)) = listed else { return Vec::new() };
    let listed = listed.split(']').next().unwrap_or_default();
    listed.split(',').filter_map(|tag| filled(tag.trim().trim_matches(['"', '\'']))).collect()
}

/// Returns the lines of the YAML that jupytext puts in front: `# ---` to `# ---`, all of it comments.
fn jupytext_header<'t>(lines: &'t [&'t str]) -> &'t [&'t str] {
    const FENCE: &str = "# ---";
    let comments = lines.iter().take_while(|line| line.starts_with('#')).count();
    let mut fences = (0..comments).filter(|index| lines[*index].trim_end() == FENCE);
    match (fences.next(), fences.next()) {
        (Some(0), Some(end)) => &lines[..=end],
        _ => &[],
    }
}

fn title(header: &[&str]) -> Option<String> {
    let values = header.iter().filter_map(|line| line.trim_start_matches('#').trim().strip_prefix("title:"));
    values.filter_map(|value| filled(value.trim().trim_matches(['"', '\'']))).next()
}

/// Takes the comment marks off magics and shell commands. Only jupytext puts them there, for Python to read
/// the file: in one without its header a comment is a comment.
fn uncommented_magics<'t>(lines: &[&'t str], is_of_jupytext: bool) -> Vec<&'t str> {
    const OF_PYTHON: [&str; 5] = ["time", "timeit", "capture", "prun", "debug"];
    if !is_of_jupytext {
        return lines.to_vec();
    }
    let first = lines.iter().find(|line| !line.trim().is_empty());
    let cell_magic = first.and_then(|line| uncommented(line)?.strip_prefix("%%")?.split_whitespace().next());
    if cell_magic.is_some_and(|name| !OF_PYTHON.contains(&name)) {
        return lines.iter().map(|line| uncommented(line).unwrap_or(line)).collect();
    }
    let is_magic = |line: &&str| {
        let next =
            |mark| line.strip_prefix(mark).is_some_and(|rest: &str| rest.starts_with(char::is_alphabetic));
        next("%") || next("%%") || next("!") || next("?")
    };
    lines.iter().map(|line| uncommented(line).filter(is_magic).unwrap_or(line)).collect()
}

fn uncommented(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

/// What stands before the first marker is a cell if it does anything.
fn preamble(lines: &[&str], start: usize) -> Option<Cell> {
    let (kept, first_line) = trimmed(lines, line_number(start));
    let text = kept.join("\n");
    let is_idle = with_tree(&text, Dialect::Python, |tree, _| tree.body.iter().all(is_text));
    (!is_idle.unwrap_or(false)).then(|| Cell::interactive(text, first_line, false))
}

fn cell(lines: &[&str], start: u32, marker: Marker) -> Cell {
    let (kept, first_line) = trimmed(lines, start);
    let mut cell = match marker.kind {
        Some(kind @ (CellKind::Markdown | CellKind::Raw)) => Cell::prose(kind, prose(kept), first_line),
        _ => Cell::interactive(kept.join("\n"), first_line, false),
    };
    cell.name = marker.title;
    cell.tags = marker.tags;
    cell
}

/// Returns the text of a cell that is not code: comments, or one string.
fn prose(lines: &[&str]) -> String {
    if lines.iter().all(|line| line.is_empty() || line.starts_with('#')) {
        let lines = lines.iter().map(|line| uncommented(line).unwrap_or(line));
        return lines.collect::<Vec<_>>().join("\n").trim().to_owned();
    }
    let text = lines.join("\n");
    let quoted = with_tree(&text, Dialect::Python, |tree, _| match &tree.body[..] {
        [Stmt::Expr(expression)] => match &*expression.value {
            Expr::StringLiteral(literal) => Some(literal.value.to_str().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    quoted.ok().flatten().unwrap_or(text)
}
