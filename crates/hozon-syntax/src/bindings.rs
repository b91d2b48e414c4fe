//! The names that a piece of code binds in its own scope, whatever path it takes.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Alias, Comprehension, ExceptHandler, Expr, ExprContext, Identifier, Parameters, Pattern, Stmt,
};

/// Names by what the code does to them in its own scope.
#[derive(Debug, Default)]
pub(crate) struct Bindings<'a> {
    /// Bound or deleted somewhere, which makes a name local to a function.
    pub(crate) bound: BTreeSet<&'a str>,
    /// Bound to a value: those that are only annotated or deleted are not here.
    pub(crate) given_values: BTreeSet<&'a str>,
    pub(crate) deleted: BTreeSet<&'a str>,
    /// Bound by `def` or `class`.
    pub(crate) defined: BTreeSet<&'a str>,
    /// Bound by `except … as`, which deletes the name again.
    pub(crate) caught: BTreeSet<&'a str>,
    /// Bound in any other way.
    pub(crate) assigned: BTreeSet<&'a str>,
    pub(crate) globals: BTreeSet<&'a str>,
    pub(crate) nonlocals: BTreeSet<&'a str>,
    /// Bound by an import statement.
    pub(crate) imported: BTreeSet<&'a str>,
}

impl<'a> Bindings<'a> {
    pub(crate) fn of_body(body: &'a [Stmt]) -> Self {
        let mut bindings = Self::default();
        bindings.visit_body(body);
        bindings
    }

    pub(crate) fn of_expression(expression: &'a Expr) -> Self {
        let mut bindings = Self::default();
        bindings.visit_expr(expression);
        bindings
    }

    pub(crate) fn bind(&mut self, name: &'a str) {
        self.give_value(name);
        self.assigned.insert(name);
    }

    fn define(&mut self, name: &'a str) {
        self.give_value(name);
        self.defined.insert(name);
    }

    fn give_value(&mut self, name: &'a str) {
        self.bound.insert(name);
        self.given_values.insert(name);
    }

    fn bind_imported(&mut self, name: &'a str) {
        self.bind(name);
        self.imported.insert(name);
    }

    pub(crate) fn bind_parameters(&mut self, parameters: &'a Parameters) {
        parameters.iter().for_each(|parameter| self.bind(parameter.name().as_str()));
    }

    fn defaults(&mut self, parameters: &'a Parameters) {
        let defaults = parameters.iter_non_variadic_params().filter_map(|parameter| parameter.default());
        defaults.for_each(|default| self.visit_expr(default));
    }
}

/// Returns the name that an import binds; none for `*`.
pub(crate) fn imported_name(alias: &Alias, from: bool) -> Option<&str> {
    match (&alias.asname, from) {
        (Some(name), _) => Some(name.as_str()),
        (None, true) => Some(alias.name.as_str()).filter(|name| *name != "*"),
        (None, false) => alias.name.as_str().split('.').next(),
    }
}

/// Returns the name that a pattern itself captures into.
pub(crate) fn captured_name(pattern: &Pattern) -> Option<&Identifier> {
    match pattern {
        Pattern::MatchAs(pattern) => pattern.name.as_ref(),
        Pattern::MatchStar(pattern) => pattern.name.as_ref(),
        Pattern::MatchMapping(pattern) => pattern.rest.as_ref(),
        _ => None,
    }
}

impl<'a> Visitor<'a> for Bindings<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.define(&function.name);
                function.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                self.defaults(&function.parameters);
            }
            Stmt::ClassDef(class) => {
                self.define(&class.name);
                class.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                if class.type_params.is_none() {
                    class.arguments.iter().for_each(|arguments| self.visit_arguments(arguments));
                }
            }
            Stmt::TypeAlias(alias) => self.visit_expr(&alias.name),
            Stmt::AnnAssign(assignment) if assignment.value.is_none() => {
                if let Expr::Name(name) = &*assignment.target {
                    self.bound.insert(&name.id);
                }
            }
            Stmt::Import(import) => {
                import
                    .names
                    .iter()
                    .filter_map(|alias| imported_name(alias, false))
                    .for_each(|name| self.bind_imported(name));
            }
            Stmt::ImportFrom(import) => {
                import
                    .names
                    .iter()
                    .filter_map(|alias| imported_name(alias, true))
                    .for_each(|name| self.bind_imported(name));
            }
            Stmt::Global(global) => self.globals.extend(global.names.iter().map(|name| name.as_str())),
            Stmt::Nonlocal(nonlocal) => {
                self.nonlocals.extend(nonlocal.names.iter().map(|name| name.as_str()))
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    /// Annotations of variables bind nothing.
    fn visit_annotation(&mut self, _: &'a Expr) {}

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => match name.ctx {
                ExprContext::Store => self.bind(&name.id),
                ExprContext::Del => {
                    self.bound.insert(&name.id);
                    self.deleted.insert(&name.id);
                }
                ExprContext::Load | ExprContext::Invalid => {}
            },
            Expr::Lambda(lambda) => lambda.parameters.iter().for_each(|parameters| self.defaults(parameters)),
            _ => visitor::walk_expr(self, expression),
        }
    }

    /// The targets of a comprehension are its own; a walrus in it binds here.
    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        self.visit_expr(&comprehension.iter);
        comprehension.ifs.iter().for_each(|condition| self.visit_expr(condition));
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(clause) = handler;
        if let Some(name) = &clause.name {
            self.give_value(name);
            self.caught.insert(name);
            self.deleted.insert(name);
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        captured_name(pattern).into_iter().for_each(|name| self.bind(name));
        visitor::walk_pattern(self, pattern);
    }
}
