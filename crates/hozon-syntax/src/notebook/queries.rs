//! SQL in a cell: `mo.sql(f"…")` and `duckdb.sql("…")`, which find the notebook's variables by their names.

use std::collections::BTreeMap;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprCall, ExprFString, FStringPart, InterpolatedStringElement, Stmt};
use ruff_text_size::{Ranged, TextSize};

use super::sql::{self, SqlTables};
use crate::walk_expression::path_of;

/// The queries of a cell.
#[derive(Debug, Default)]
pub(super) struct Queries {
    pub(super) tables: SqlTables,
    /// The variables that each query may find, by where its call starts.
    pub(super) variables: BTreeMap<TextSize, Vec<String>>,
}

impl Queries {
    pub(super) fn of(body: &[Stmt], text: &str) -> Self {
        let mut queries = Self::default();
        if text.contains(".sql(") || text.contains("duckdb.execute(") {
            queries.visit_body(body);
        }
        queries
    }

    fn add(&mut self, sql: &str, place: TextSize) {
        let SqlTables { read, made, made_schemas, has_effect } = sql::tables(sql);
        // DuckDB takes no account of case, and finds a variable as it is written.
        let names = read.iter().filter(|parts| parts.len() == 1).map(|parts| parts[0].clone());
        let mut variables: Vec<String> = names.flat_map(|name| [name.to_lowercase(), name]).collect();
        variables.sort_unstable();
        variables.dedup();
        self.variables.insert(place, variables);
        let made_before = &self.tables.made;
        let lower = read.into_iter().map(|parts| parts.iter().map(|part| part.to_lowercase()).collect());
        let read: Vec<Vec<String>> = lower.filter(|parts| !made_before.contains(parts)).collect();
        self.tables.read.extend(read);
        self.tables.made.extend(made);
        self.tables.made_schemas.extend(made_schemas);
        self.tables.has_effect |= has_effect;
    }
}

impl<'a> Visitor<'a> for Queries {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression
            && let Some(sql) = query_of(call)
        {
            self.add(&sql, call.start());
        }
        visitor::walk_expr(self, expression);
    }
}

/// Returns the text of a query, with a number where something is put in.
fn query_of(call: &ExprCall) -> Option<String> {
    let is_query =
        matches!(path_of(&call.func)?[..], ["mo" | "marimo" | "duckdb", "sql"] | ["duckdb", "execute"]);
    match &*call.arguments.args {
        [Expr::StringLiteral(text)] if is_query => Some(text.value.to_str().to_owned()),
        [Expr::FString(text)] if is_query => Some(filled(text)),
        _ => None,
    }
}

fn filled(text: &ExprFString) -> String {
    let parts = text.value.iter().map(|part| match part {
        FStringPart::Literal(literal) => literal.value.to_string(),
        FStringPart::FString(text) => text.elements.iter().map(filled_element).collect(),
    });
    parts.collect()
}

fn filled_element(element: &InterpolatedStringElement) -> String {
    match element {
        InterpolatedStringElement::Literal(literal) => literal.value.to_string(),
        InterpolatedStringElement::Interpolation(put_in) => match &*put_in.expression {
            Expr::StringLiteral(text) => text.value.to_str().to_owned(),
            Expr::FString(text) => filled(text),
            // A number stands in more places of SQL than a name or `NULL` does.
            _ => "1".to_owned(),
        },
    }
}
