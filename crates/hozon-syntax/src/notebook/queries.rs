//! Queries in a cell, such as `mo.sql(f"…")`, which find the notebook's variables by their names.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprCall, ExprFString, FStringPart, InterpolatedStringElement, Stmt};
use ruff_text_size::{Ranged, TextSize};

use super::code::Privacy;
use super::sql::{self, SqlTables};
use super::sql_tokens::PUT_IN;
use crate::walk::Variables;

/// The queries of a cell.
#[derive(Debug)]
pub(super) struct Queries {
    privacy: Privacy,
    pub(super) tables: SqlTables,
    /// The variables that each query may find, by where its call starts.
    pub(super) variables: BTreeMap<TextSize, Variables>,
}

/// Returns the variables that the queries in a module may find by their names, by where their calls start.
pub(crate) fn query_variables(body: &[Stmt], text: &str) -> BTreeMap<TextSize, Variables> {
    Queries::of(body, text, Privacy::Shared).variables
}

/// A call that runs a query.
struct Query {
    /// None if it is computed.
    text: Option<String>,
    /// It is one of the calls that marimo takes for SQL.
    is_known: bool,
}

impl Queries {
    pub(super) fn of(body: &[Stmt], text: &str, privacy: Privacy) -> Self {
        let mut queries = Self { privacy, tables: SqlTables::default(), variables: BTreeMap::new() };
        if METHODS.iter().any(|method| text.contains(method)) {
            queries.visit_body(body);
        }
        queries
    }

    fn add(&mut self, query: Query, place: TextSize) {
        let Some(text) = query.text else {
            self.tables.has_effect |= query.is_known;
            self.variables.extend(query.is_known.then_some((place, None)));
            return;
        };
        if !query.is_known && !sql::is_sql(&text) {
            self.variables.insert(place, Some(marked(&text)));
            return;
        }
        let tables = sql::tables(&text);
        self.tables.has_effect |= tables.has_effect;
        // Other databases' tables mostly are not variables: in marimo they would make circles that it has not.
        if query.is_known || self.privacy == Privacy::Shared {
            self.add_tables(tables, place);
        }
    }

    fn add_tables(&mut self, tables: SqlTables, place: TextSize) {
        // DuckDB takes no account of case, and finds a variable as it is written.
        let names = tables.read.iter().filter(|parts| parts.len() == 1).map(|parts| &parts[0]);
        let variables: BTreeSet<String> =
            names.flat_map(|name| [name.to_lowercase(), name.clone()]).collect();
        let variables = (!tables.reads_unseen).then(|| variables.into_iter().collect());
        self.variables.insert(place, variables);
        let lower = |parts: &Vec<String>| parts.iter().map(|part| part.to_lowercase()).collect::<Vec<_>>();
        let read: Vec<_> =
            tables.read.iter().map(lower).filter(|it| !self.tables.made.contains(it)).collect();
        self.tables.read.extend(read);
        self.tables.made.extend(tables.made);
        self.tables.made_schemas.extend(tables.made_schemas);
    }
}

impl<'a> Visitor<'a> for Queries {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression
            && let Some(query) = query_of(call)
        {
            self.add(query, call.start());
        }
        visitor::walk_expr(self, expression);
    }
}

/// Methods that take a query.
const METHODS: [&str; 5] = ["sql", "execute", "query", "eval", "executescript"];

fn query_of(call: &ExprCall) -> Option<Query> {
    let method = call.func.as_attribute_expr()?;
    if !METHODS.contains(&method.attr.as_str()) {
        return None;
    }
    let owner = method.value.as_name_expr().map(|name| name.id.as_str());
    let is_known = matches!(
        (owner, method.attr.as_str()),
        (Some("mo" | "marimo" | "duckdb"), "sql") | (Some("duckdb"), "execute" | "query")
    );
    let text = match call.arguments.args.first()? {
        Expr::StringLiteral(text) => Some(text.value.to_str().to_owned()),
        Expr::FString(text) => Some(filled(text)),
        _ => None,
    };
    // A query that is put in as a whole is a computed one.
    let text = text.filter(|text| !text.trim_start().starts_with(PUT_IN));
    Some(Query { text, is_known })
}

/// Returns the names behind `@` in the language of pandas' `query` and `eval`.
fn marked(text: &str) -> Vec<String> {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let names = text.split('@').skip(1).filter_map(|rest| rest.split(|next| !is_part(next)).next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
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
            _ => PUT_IN.to_string(),
        },
    }
}
