//! Statements that take no time and have no effect but to give names.

use ruff_python_ast::{Expr, Stmt, StmtIf};

/// Tells whether there is a statement and all are of one kind.
pub(super) fn consists_of(body: &[Stmt], is_of_kind: impl Fn(&Stmt) -> bool) -> bool {
    !body.is_empty() && body.iter().all(is_of_kind)
}

pub(super) fn is_import(statement: &Stmt) -> bool {
    statement.is_import_stmt() || statement.is_import_from_stmt()
}

pub(super) fn is_definition(statement: &Stmt) -> bool {
    statement.is_function_def_stmt() || statement.is_class_def_stmt()
}

/// Tells whether a statement is a text that nobody reads: a docstring, or a comment in its guise.
pub(super) fn is_text(statement: &Stmt) -> bool {
    statement.as_expr_stmt().is_some_and(|expression| expression.value.is_string_literal_expr())
}

/// Tells whether a statement gives names to code or to literals, or does nothing.
pub(super) fn is_declaration(statement: &Stmt) -> bool {
    match statement {
        Stmt::Pass(_) | Stmt::TypeAlias(_) => true,
        Stmt::Assign(assignment) => {
            assignment.targets.iter().all(Expr::is_name_expr) && is_literal(&assignment.value)
        }
        Stmt::AnnAssign(assignment) => {
            assignment.target.is_name_expr() && assignment.value.as_deref().is_none_or(is_literal)
        }
        Stmt::If(choice) => is_for_type_checkers(choice),
        _ => is_import(statement) || is_definition(statement) || is_text(statement),
    }
}

fn is_literal(value: &Expr) -> bool {
    match value {
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_literal),
        Expr::List(list) => list.elts.iter().all(is_literal),
        Expr::Set(set) => set.elts.iter().all(is_literal),
        Expr::Dict(dict) => {
            dict.iter().all(|item| item.key.as_ref().is_some_and(is_literal) && is_literal(&item.value))
        }
        Expr::UnaryOp(operation) => is_literal(&operation.operand),
        _ => value.is_literal_expr(),
    }
}

/// `if TYPE_CHECKING:` with nothing behind it.
fn is_for_type_checkers(choice: &StmtIf) -> bool {
    const NAME: &str = "TYPE_CHECKING";
    let named = match &*choice.test {
        Expr::Name(name) => name.id == NAME,
        Expr::Attribute(attribute) => attribute.attr.as_str() == NAME,
        _ => false,
    };
    named && choice.elif_else_clauses.is_empty()
}
