//! Names whose value a statement may change in place, and names that may share a value.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Comprehension, Expr, ExprContext, Parameters, Stmt, StmtAssign};

use crate::bindings::Bindings;

/// What one top-level statement may do to values that it does not make itself.
#[derive(Debug, Default)]
pub(crate) struct Mutations<'a> {
    pub(crate) names: BTreeSet<&'a str>,
    /// `(b, a)` for `b = a`: what is done to one is done to the other.
    pub(crate) aliases: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Mutations<'a> {
    pub(crate) fn of(statement: &'a Stmt) -> Self {
        let mut mutations = Self::default();
        mutations.visit_stmt(statement);
        mutations
    }

    /// The object that a chain of attributes and items starts from.
    fn root(&mut self, expression: &'a Expr) {
        if let Some(name) = root_name(expression) {
            self.names.insert(name);
        }
    }

    fn every_name(&mut self, expression: &'a Expr) {
        let mut names = EveryName::default();
        names.visit_expr(expression);
        self.names.extend(names.0);
    }

    fn assignment(&mut self, assignment: &'a StmtAssign) {
        if assignment.targets.iter().any(|target| target.is_tuple_expr() || target.is_list_expr()) {
            // Unpacking uses an iterator up.
            self.root(&assignment.value);
        }
        assignment.targets.iter().for_each(|target| self.alias(target, &assignment.value));
    }

    /// Notes that the names of `target` may now be parts of `value`, or the same.
    fn alias(&mut self, target: &'a Expr, value: &'a Expr) {
        let (mut targets, mut sources) = (Bindings::default(), BTreeSet::new());
        targets.visit_expr(target);
        shared_names(value, &mut sources);
        targets.bound.extend(root_name(target));
        for target in targets.bound {
            self.aliases.extend(sources.iter().map(|source| (target, *source)));
        }
    }

    /// Adds what a function does when it is called, but for what is its own.
    fn body(&mut self, body: &'a [Stmt], parameters: &'a Parameters) {
        let mut own = Bindings::of_body(body);
        own.bind_parameters(parameters);
        let mut inside = Self::default();
        inside.visit_body(body);
        let is_own = |name: &str| {
            own.bound.contains(name) && !own.globals.contains(name) && !own.nonlocals.contains(name)
        };
        self.names.extend(inside.names.into_iter().filter(|name| !is_own(name)));
        self.names.extend(own.globals);
    }
}

fn root_name(expression: &Expr) -> Option<&str> {
    let mut expression = expression;
    loop {
        expression = match expression {
            Expr::Name(name) => return Some(&name.id),
            Expr::Attribute(attribute) => &attribute.value,
            Expr::Subscript(subscript) => &subscript.value,
            Expr::Starred(starred) => &starred.value,
            Expr::Await(awaited) => &awaited.value,
            Expr::Call(call) => &call.func,
            _ => return None,
        }
    }
}

/// Collects the names whose objects a value is, holds, or is a part of. What a call returns is not followed.
fn shared_names<'a>(value: &'a Expr, names: &mut BTreeSet<&'a str>) {
    match value {
        Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_) | Expr::Starred(_) => {
            names.extend(root_name(value))
        }
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|part| shared_names(part, names)),
        Expr::List(list) => list.elts.iter().for_each(|part| shared_names(part, names)),
        Expr::Set(set) => set.elts.iter().for_each(|part| shared_names(part, names)),
        Expr::Dict(dict) => dict.iter().for_each(|item| {
            item.key.iter().for_each(|key| shared_names(key, names));
            shared_names(&item.value, names);
        }),
        Expr::If(choice) => {
            [&choice.body, &choice.orelse].into_iter().for_each(|part| shared_names(part, names))
        }
        Expr::BoolOp(operation) => operation.values.iter().for_each(|part| shared_names(part, names)),
        Expr::Named(named) => {
            shared_names(&named.target, names);
            shared_names(&named.value, names);
        }
        _ => {}
    }
}

#[derive(Default)]
struct EveryName<'a>(BTreeSet<&'a str>);

impl<'a> Visitor<'a> for EveryName<'a> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression {
            self.0.insert(&name.id);
        }
        visitor::walk_expr(self, expression);
    }
}

impl<'a> Visitor<'a> for Mutations<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                function.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                self.visit_parameters(&function.parameters);
                return self.body(&function.body, &function.parameters);
            }
            Stmt::Assign(assignment) => self.assignment(assignment),
            Stmt::AnnAssign(assignment) => {
                assignment.value.iter().for_each(|value| self.alias(&assignment.target, value));
            }
            Stmt::AugAssign(assignment) => {
                self.root(&assignment.target);
                self.alias(&assignment.target, &assignment.value);
            }
            Stmt::For(repetition) => {
                self.root(&repetition.iter);
                self.alias(&repetition.target, &repetition.iter);
            }
            Stmt::With(with) => {
                for item in &with.items {
                    self.root(&item.context_expr);
                    item.optional_vars.iter().for_each(|target| self.alias(target, &item.context_expr));
                }
            }
            // A value that nobody keeps is made for its effect: `task >> other`.
            Stmt::Expr(expression) => self.every_name(&expression.value),
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_annotation(&mut self, _: &'a Expr) {}

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Call(call) => {
                self.root(&call.func);
                call.arguments.args.iter().for_each(|argument| self.every_name(argument));
                call.arguments.keywords.iter().for_each(|keyword| self.every_name(&keyword.value));
            }
            Expr::Attribute(attribute) if attribute.ctx != ExprContext::Load => self.root(&attribute.value),
            Expr::Subscript(subscript) if subscript.ctx != ExprContext::Load => self.root(&subscript.value),
            Expr::Await(awaited) => self.root(&awaited.value),
            Expr::Starred(starred) if starred.ctx == ExprContext::Load => self.root(&starred.value),
            Expr::Named(named) => self.alias(&named.target, &named.value),
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        self.root(&comprehension.iter);
        visitor::walk_comprehension(self, comprehension);
    }
}
