//! IPython's cell magics: `%%name arguments` on the first line.

use ruff_python_ast::{Expr, Stmt};

use crate::parse::{Dialect, with_tree};

/// The first line of a cell that begins with `%%`, and where it stands.
pub(super) struct CellMagic<'t> {
    pub(super) name: &'t str,
    pub(super) arguments: &'t str,
    /// The cell with a blank line in its place.
    pub(super) body: String,
}

impl<'t> CellMagic<'t> {
    pub(super) fn of(text: &'t str) -> Option<Self> {
        let start = text.len() - text.trim_start().len();
        let rest = text[start..].strip_prefix("%%")?;
        let line = rest.lines().next().unwrap_or_default();
        let (name, arguments) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        // `%%name?` asks for help.
        let body = format!("{}{}", &text[..start], &rest[line.len()..]);
        (!name.ends_with('?')).then(|| Self { name, arguments: arguments.trim(), body })
    }

    /// Returns the names that it gives a value in the notebook, by what its arguments say.
    pub(super) fn names_given(&self) -> Vec<String> {
        const OPTIONS: [&str; 5] = ["--out", "--err", "--proc", "--output", "-o"];
        const FIRST: [&str; 2] = ["capture", "bigquery"];
        let words: Vec<&str> =
            self.arguments.split([' ', '\t', '=']).filter(|word| !word.is_empty()).collect();
        let mut given = Vec::new();
        if FIRST.contains(&self.name) {
            given.extend(words.first());
        }
        for pair in words.windows(2) {
            if OPTIONS.contains(&pair[0]) {
                given.push(&pair[1]);
            } else if pair[1] == "<<" {
                given.push(&pair[0]);
            }
        }
        let names = given.into_iter().flat_map(|word| word.split(','));
        names.filter(|name| is_identifier(name)).map(str::to_owned).collect()
    }
}

fn is_identifier(word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    word.starts_with(|first: char| is_part(first) && !first.is_ascii_digit()) && word.chars().all(is_part)
}

/// Returns the cell that a converter made `get_ipython().run_cell_magic(…)` of.
pub(super) fn unconverted(text: &str) -> Option<String> {
    if !text.trim_start().starts_with("get_ipython().run_cell_magic(") {
        return None;
    }
    let cell = with_tree(text, Dialect::Python, |tree, _| {
        let [Stmt::Expr(statement)] = &tree.body[..] else { return None };
        let (method, arguments) = ipython_call(&statement.value)?;
        let [name, line, body] = &arguments[..] else { return None };
        (method == "run_cell_magic").then(|| format!("%%{name} {line}\n{body}"))
    });
    cell.ok().flatten()
}

/// Returns the method and the literal arguments of `get_ipython().method("…", …)`.
pub(super) fn ipython_call(expression: &Expr) -> Option<(&str, Vec<&str>)> {
    let call = expression.as_call_expr()?;
    let method = call.func.as_attribute_expr()?;
    let shell = method.value.as_call_expr().filter(|shell| is_get_ipython(&shell.func))?;
    let literals = call.arguments.args.iter().map(Expr::as_string_literal_expr);
    let arguments: Option<Vec<&str>> = literals.map(|text| Some(text?.value.to_str())).collect();
    shell.arguments.is_empty().then_some((method.attr.as_str(), arguments.unwrap_or_default()))
}

pub(super) fn is_get_ipython(function: &Expr) -> bool {
    function.as_name_expr().is_some_and(|name| name.id == "get_ipython")
}
