//! Cells that do nothing but show a literal Markdown text.

use ruff_python_ast::{Expr, ExprCall, InterpolatedStringElement, Stmt};

use super::dedent::without_margin;
use crate::walk_expression::path_of;

/// Returns the text of a cell that is `mo.md("…")` and nothing else, as marimo shows it.
pub(super) fn shown_literal(body: &[Stmt]) -> Option<String> {
    let [Stmt::Expr(statement)] = body else { return None };
    let Expr::Call(call) = &*statement.value else { return None };
    if path_of(&call.func)? != ["mo", "md"] {
        return None;
    }
    let text = only_literal(call)?;
    let lines: Vec<&str> = text.split('\n').map(str::trim_end).collect();
    let (first, rest) = lines.split_first()?;
    let text = format!("{}\n{}", first.trim_start(), without_margin(&rest.join("\n")));
    Some(text.trim().to_owned())
}

fn only_literal(call: &ExprCall) -> Option<String> {
    match &*call.arguments.args {
        [Expr::StringLiteral(text)] => Some(text.value.to_str().to_owned()),
        [Expr::FString(text)] => {
            let elements: Vec<_> = text.value.elements().collect();
            match elements[..] {
                [InterpolatedStringElement::Literal(literal)] => Some(literal.value.to_string()),
                _ => None,
            }
        }
        _ => None,
    }
}
