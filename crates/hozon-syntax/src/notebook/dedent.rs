//! Taking the common indentation off a piece of code, the way marimo does it.

use std::collections::BTreeSet;

use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_text_size::Ranged;

use crate::lines::Lines;

/// The lines of a text that begin inside of a string, from 1.
#[derive(Debug, Default)]
pub(super) struct StringLines(BTreeSet<u32>);

impl StringLines {
    pub(super) fn of(tokens: &Tokens, lines: &Lines) -> Self {
        let mut inside = BTreeSet::new();
        let mut starts = Vec::new();
        for token in tokens {
            match token.kind() {
                TokenKind::String => starts.push(token.start()),
                TokenKind::FStringStart | TokenKind::TStringStart => {
                    starts.push(token.start());
                    continue;
                }
                TokenKind::FStringEnd | TokenKind::TStringEnd => {}
                _ => continue,
            }
            if let Some(start) = starts.pop() {
                inside.extend(lines.line(start) + 1..=lines.line(token.end()));
            }
        }
        Self(inside)
    }

    fn contains(&self, line: u32) -> bool {
        self.0.contains(&line)
    }
}

/// Takes the indentation of the first line of code off all lines. The insides of a string are shifted with
/// the code around it, unless a line of it stands further left: then they stay as they are.
///
/// `first_line` is the number of the first line in the file that `strings` is of.
pub(super) fn dedented(lines: &[&str], first_line: u32, strings: &StringLines) -> String {
    let is_inside: Vec<bool> = (first_line..).take(lines.len()).map(|line| strings.contains(line)).collect();
    let is_code = |index: &usize| !is_inside[*index] && !lines[*index].trim().is_empty();
    let Some(first) = (0..lines.len()).find(is_code) else { return without_margin(&lines.join("\n")) };
    let margin = indentation(lines[first]);
    let kept = strings_to_keep(lines, &is_inside, margin.len());
    let mut result = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        result.push(match line.strip_prefix(margin) {
            Some(rest) if !kept[index] => rest,
            _ if kept[index] || !is_inside[index] => line,
            _ => without_indentation(line, margin.len()),
        });
    }
    result.join("\n")
}

/// Marks the strings of which a line stands further left than the code.
fn strings_to_keep(lines: &[&str], is_inside: &[bool], margin: usize) -> Vec<bool> {
    let mut kept = vec![false; lines.len()];
    let mut start = 0;
    for block in is_inside.chunk_by(|one, other| one == other) {
        let end = start + block.len();
        let stands_out = |line: &&str| !line.trim().is_empty() && indentation(line).len() < margin;
        if block[0] && lines[start..end].iter().any(stands_out) {
            kept[start..end].fill(true);
        }
        start = end;
    }
    kept
}

fn without_indentation(line: &str, margin: usize) -> &str {
    let blank = line.len() - line.trim_start_matches([' ', '\t']).len();
    &line[blank.min(margin)..]
}

pub(super) fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t', '\u{c}']).len()]
}

/// Takes what all lines that are not blank begin with off them.
pub(super) fn without_margin(text: &str) -> String {
    let mut margins = text.split('\n').filter(|line| !line.trim().is_empty()).map(indentation);
    let first = margins.next().unwrap_or_default();
    let margin = margins.fold(first, common_prefix);
    let stripped =
        text.split('\n').map(|line| line.strip_prefix(margin).unwrap_or_else(|| line.trim_start()));
    stripped.collect::<Vec<_>>().join("\n")
}

fn common_prefix<'t>(one: &'t str, other: &str) -> &'t str {
    let length = one.bytes().zip(other.bytes()).take_while(|(left, right)| left == right).count();
    &one[..length]
}
