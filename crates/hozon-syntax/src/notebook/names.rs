//! The names that a cell gives a value, deletes, or changes in place.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};

use crate::bindings::Bindings;
use crate::mutation::Mutations;

/// What a cell does to names. All sorted.
#[derive(Debug, Default)]
pub(super) struct BoundNames {
    pub(super) binds: Vec<String>,
    pub(super) deletes: Vec<String>,
    pub(super) surely_deletes: Vec<String>,
    pub(super) definitions: Vec<String>,
}

impl BoundNames {
    pub(super) fn of(bindings: &Bindings<'_>, body: &[Stmt]) -> Self {
        // The name of `except … as` has no value before the clause, nor after it.
        let only_caught = |name: &&&str| {
            bindings.caught.contains(**name)
                && !bindings.assigned.contains(**name)
                && !bindings.defined.contains(**name)
        };
        let defined = bindings.defined.difference(&bindings.assigned);
        let definitions = defined.filter(|name| !bindings.caught.contains(*name));
        Self {
            binds: owned(bindings.given_values.iter().filter(|name| !only_caught(name))),
            deletes: owned(bindings.deleted.iter().filter(|name| !only_caught(name))),
            surely_deletes: if bindings.deleted.is_empty() { Vec::new() } else { surely_deleted(body) },
            definitions: owned(definitions),
        }
    }
}

impl BoundNames {
    /// Adds the names that are only annotated.
    pub(super) fn add_declared(&mut self, bindings: &Bindings<'_>) {
        let declared = bindings.bound.difference(&bindings.given_values);
        self.binds.extend(owned(declared.filter(|name| !bindings.deleted.contains(*name))));
        self.binds.sort_unstable();
    }
}

fn owned<'s>(names: impl Iterator<Item = &'s &'s str>) -> Vec<String> {
    names.map(|name| (*name).to_owned()).collect()
}

/// Returns the names that a statement of the cell itself deletes and no later one gives a value.
fn surely_deleted(body: &[Stmt]) -> Vec<String> {
    let mut gone = BTreeSet::new();
    for statement in body {
        match statement {
            Stmt::Delete(deletion) => {
                gone.extend(deletion.targets.iter().filter_map(Expr::as_name_expr).map(|it| it.id.as_str()));
            }
            _ => {
                let bindings = Bindings::of_body(std::slice::from_ref(statement));
                bindings.given_values.iter().for_each(|name| _ = gone.remove(name));
            }
        }
    }
    gone.into_iter().map(str::to_owned).collect()
}

/// Adds what functions and classes of the cell bind by `global`.
pub(super) fn add_global_bindings<'a>(body: &'a [Stmt], bindings: &mut Bindings<'a>) {
    GlobalBindings { bindings }.visit_body(body);
}

struct GlobalBindings<'a, 'b> {
    bindings: &'b mut Bindings<'a>,
}

impl<'a> GlobalBindings<'a, '_> {
    fn add(&mut self, body: &'a [Stmt]) {
        let inner = Bindings::of_body(body);
        for name in &inner.globals {
            if inner.given_values.contains(name) {
                self.bindings.bind(name);
            }
            if inner.deleted.contains(name) {
                self.bindings.deleted.insert(name);
            }
        }
    }
}

impl<'a> Visitor<'a> for GlobalBindings<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => self.add(&function.body),
            Stmt::ClassDef(class) => self.add(&class.body),
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    /// No statement stands in an expression.
    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// Returns the names whose value the cell may change in place, sorted.
pub(super) fn mutated(body: &[Stmt]) -> Vec<String> {
    let names: BTreeSet<&str> = body.iter().flat_map(|statement| Mutations::of(statement).names).collect();
    names.into_iter().map(str::to_owned).collect()
}
