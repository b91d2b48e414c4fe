//! What IPython takes off a cell before it reads it: the indentation of all of it, and pasted prompts.

use std::borrow::Cow;

use super::dedent::indentation;

/// Returns a cell without the indentation of its first line and without prompts; its lines keep their numbers.
pub(super) fn without_prompts(text: &str) -> Cow<'_, str> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let margin = indentation(first);
    let text =
        if margin.is_empty() { Cow::Borrowed(text) } else { each_line(text, |line| dedented(line, margin)) };
    let first = &first[margin.len()..];
    if first.starts_with(">>>") {
        return each_line(&text, without_python_prompt).into_owned().into();
    }
    if after_ipython_prompt(first).is_some() {
        return each_line(&text, without_ipython_prompt).into_owned().into();
    }
    text
}

fn each_line<'t>(text: &'t str, change: impl Fn(&'t str) -> &'t str) -> Cow<'t, str> {
    Cow::Owned(text.split('\n').map(change).collect::<Vec<_>>().join("\n"))
}

fn dedented<'l>(line: &'l str, margin: &str) -> &'l str {
    line.strip_prefix(margin).unwrap_or(line)
}

/// `>>> ` and `... `
fn without_python_prompt(line: &str) -> &str {
    let unindented = line.trim_start_matches([' ', '\t']);
    let rest = unindented.strip_prefix(">>>").or_else(|| unindented.strip_prefix("..."));
    rest.map_or(line, |rest| rest.strip_prefix([' ', '\t']).unwrap_or(rest))
}

/// `In [1]: ` and `   ...: `
fn without_ipython_prompt(line: &str) -> &str {
    let continued = || {
        let dots = line.trim_start().strip_prefix("...")?.trim_start_matches('.').strip_prefix(':')?;
        Some(dots.strip_prefix(' ').unwrap_or(dots))
    };
    after_ipython_prompt(line).or_else(continued).unwrap_or(line)
}

fn after_ipython_prompt(line: &str) -> Option<&str> {
    let number = line.strip_prefix("In [")?;
    let rest = number.trim_start_matches(|character: char| character.is_ascii_digit());
    rest.strip_prefix("]: ").filter(|_| rest.len() < number.len())
}
