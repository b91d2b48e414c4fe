//! Statements: bindings, and where control may go.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Alias, Expr, MatchCase, Stmt, StmtAugAssign, StmtFor, StmtIf, StmtImport, StmtImportFrom, StmtMatch,
    StmtTry, StmtWhile, StmtWith, WithItem,
};

use crate::bindings::imported_name;
use crate::flow::Flow;
use crate::fragment::Import;
use crate::scope::Kind;
use crate::walk::{Found, OccurrenceForm, Walker};
use crate::walk_expression::path_of;

impl<'a> Walker<'a, '_> {
    pub(crate) fn statement(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => self.function(function),
            Stmt::ClassDef(class) => self.class(class),
            Stmt::If(choice) => self.choice(choice),
            Stmt::For(repetition) => self.for_each(repetition),
            Stmt::While(repetition) => self.while_true(repetition),
            Stmt::Try(attempt) => self.attempt(attempt),
            Stmt::With(with) => self.with(with),
            Stmt::Match(choice) => self.match_cases(choice),
            Stmt::AugAssign(assignment) => self.augmented(assignment),
            Stmt::AnnAssign(assignment) if assignment.value.is_none() && assignment.target.is_name_expr() => {
                self.visit_annotation(&assignment.annotation);
            }
            Stmt::TypeAlias(alias) => {
                self.visit_expr(&alias.name);
                self.push_type_parameters(alias.type_params.as_deref());
                self.visit_expr(&alias.value);
                self.scopes.pop();
            }
            Stmt::Import(import) => self.imports(import),
            Stmt::ImportFrom(import) => self.imports_from(import),
            Stmt::Global(global) => {
                for name in &global.names {
                    self.note_bound_place(name, name.range, OccurrenceForm::Name);
                }
            }
            Stmt::IpyEscapeCommand(_) => self.mark_dynamic(),
            Stmt::Assert(_) => {
                // It runs only where `__debug__` is true; notebooks run with it.
                if self.cell.is_none() {
                    self.read(&["__debug__"], true);
                }
                visitor::walk_stmt(self, statement);
            }
            Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_) => {
                visitor::walk_stmt(self, statement);
                self.flow_mut().into_iter().for_each(Flow::leave);
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn flow_mut(&mut self) -> Option<&mut Flow<'a>> {
        self.scopes.binding_flow()
    }

    /// Walks what may or may not run: names that it binds are not sure to have a value after it.
    pub(crate) fn maybe(&mut self, walk: impl FnOnce(&mut Self)) {
        let before = self.flow_mut().map(|flow| flow.clone());
        walk(self);
        self.set_flow(before);
    }

    /// Walks ways of which one is taken, or possibly none where `may_skip`.
    pub(crate) fn branches(
        &mut self,
        ways: impl IntoIterator<Item = impl FnOnce(&mut Self)>,
        may_skip: bool,
    ) {
        let before = self.flow_mut().map(|flow| flow.clone());
        let mut after = if may_skip { before.clone() } else { None };
        for way in ways {
            self.set_flow(before.clone());
            way(self);
            after = join(after, self.flow_mut().map(|flow| flow.clone()));
        }
        self.set_flow(after);
    }

    fn set_flow(&mut self, flow: Option<Flow<'a>>) {
        if let (Some(flow), Some(place)) = (flow, self.flow_mut()) {
            *place = flow;
        }
    }

    fn choice(&mut self, choice: &'a StmtIf) {
        self.visit_expr(&choice.test);
        let has_else = choice.elif_else_clauses.last().is_some_and(|clause| clause.test.is_none());
        let before = self.flow_mut().map(|flow| flow.clone());
        self.visit_body(&choice.body);
        let mut after = self.flow_mut().map(|flow| flow.clone());
        self.set_flow(before);
        for clause in &choice.elif_else_clauses {
            // A test runs only if those before it failed, and the next one only if it failed as well.
            clause.test.iter().for_each(|test| self.visit_expr(test));
            let tested = self.flow_mut().map(|flow| flow.clone());
            self.visit_body(&clause.body);
            after = join(after, self.flow_mut().map(|flow| flow.clone()));
            self.set_flow(tested);
        }
        if !has_else {
            after = join(after, self.flow_mut().map(|flow| flow.clone()));
        }
        self.set_flow(after);
    }

    fn for_each(&mut self, repetition: &'a StmtFor) {
        self.visit_expr(&repetition.iter);
        self.maybe(|walker| {
            walker.visit_expr(&repetition.target);
            walker.visit_body(&repetition.body);
        });
        self.maybe(|walker| walker.visit_body(&repetition.orelse));
    }

    fn while_true(&mut self, repetition: &'a StmtWhile) {
        self.visit_expr(&repetition.test);
        self.maybe(|walker| walker.visit_body(&repetition.body));
        self.maybe(|walker| walker.visit_body(&repetition.orelse));
    }

    fn attempt(&mut self, attempt: &'a StmtTry) {
        let before = self.flow_mut().map(|flow| flow.clone());
        self.visit_body(&attempt.body);
        self.visit_body(&attempt.orelse);
        let mut after = self.flow_mut().map(|flow| flow.clone());
        for handler in &attempt.handlers {
            self.set_flow(before.clone());
            self.visit_except_handler(handler);
            after = join(after, self.flow_mut().map(|flow| flow.clone()));
        }
        // The last clause also runs after an exception at any place.
        self.set_flow(before);
        self.visit_body(&attempt.finalbody);
        let last = self.flow_mut().map(|flow| flow.clone());
        self.set_flow(after.zip(last).map(|(after, last)| after.then(&last)));
    }

    fn with(&mut self, with: &'a StmtWith) {
        with.items.iter().for_each(|item| self.visit_with_item(item));
        if self.target == Some(with.range) {
            return self.target_body(with);
        }
        if with.items.iter().any(swallows_exceptions) {
            self.maybe(|walker| walker.visit_body(&with.body));
        } else {
            self.visit_body(&with.body);
        }
    }

    fn target_body(&mut self, with: &'a StmtWith) {
        self.target = None;
        let outer = self.flow_mut().map(|flow| flow.clone());
        self.start_region();
        self.visit_body(&with.body);
        let collector = self.finish_region();
        let owned =
            |names: &std::collections::BTreeSet<&str>| names.iter().map(|&name| name.to_owned()).collect();
        if let Some(scope) = self.scopes.top() {
            scope.flow = outer;
            let (globals, nonlocals) = (owned(&scope.bindings.globals), owned(&scope.bindings.nonlocals));
            self.found = Some(Found { collector, scope_kind: scope.kind, globals, nonlocals });
        }
    }

    fn match_cases(&mut self, choice: &'a StmtMatch) {
        self.visit_expr(&choice.subject);
        let takes_all = |case: &MatchCase| case.guard.is_none() && case.pattern.is_irrefutable();
        let may_skip = !choice.cases.last().is_some_and(takes_all);
        let ways = choice.cases.iter().map(|case| move |walker: &mut Self| walker.visit_match_case(case));
        self.branches(ways, may_skip);
    }

    fn augmented(&mut self, assignment: &'a StmtAugAssign) {
        if let Expr::Name(name) = &*assignment.target {
            self.read(&[&name.id], true);
        }
        self.visit_expr(&assignment.value);
        self.visit_expr(&assignment.target);
    }

    fn imports(&mut self, import: &'a StmtImport) {
        for alias in &import.names {
            let bound_as = imported_name(alias, false).unwrap_or_default();
            let module = alias.name.as_str().to_owned();
            let import = Import { module, level: 0, name: None, bound_as: bound_as.to_owned(), uses: None };
            // `import a.b as a` looks like `import a.b` from here on.
            if alias.asname.is_some() && !import.names_its_module() {
                self.import(&import);
            } else {
                self.import_by_name(import);
            }
            self.bind(bound_as);
            self.note_import(alias, bound_as);
        }
    }

    fn imports_from(&mut self, import: &'a StmtImportFrom) {
        for alias in &import.names {
            let bound_as = imported_name(alias, true);
            self.import_by_name(Import {
                module: import.module.as_deref().unwrap_or_default().to_owned(),
                level: import.level,
                name: Some(alias.name.as_str().to_owned()),
                bound_as: bound_as.unwrap_or("*").to_owned(),
                uses: None,
            });
            if let Some(name) = bound_as {
                self.bind(name);
                self.note_import(alias, name);
            }
        }
    }

    fn note_import(&mut self, alias: &'a Alias, name: &'a str) {
        let (range, form) = match &alias.asname {
            Some(given) => (given.range, OccurrenceForm::Name),
            None if alias.name.contains('.') => (alias.name.range, OccurrenceForm::Package),
            None => (alias.name.range, OccurrenceForm::Import),
        };
        self.note_bound_place(name, range, form);
    }
}

fn join<'a>(one: Option<Flow<'a>>, other: Option<Flow<'a>>) -> Option<Flow<'a>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.join(other)),
        (one, other) => one.or(other),
    }
}

/// Managers that are known to end a body early: names in it may then be without a value. Any manager
/// could; to assume it of all would make every name that a `with open(…)` body binds an input.
fn swallows_exceptions(item: &WithItem) -> bool {
    const NAMES: [&str; 3] = ["suppress", "raises", "assertRaises"];
    let function = match &item.context_expr {
        Expr::Call(call) => &*call.func,
        expression => expression,
    };
    path_of(function).and_then(|path| path.last().copied()).is_some_and(|name| NAMES.contains(&name))
}

/// The kinds of scope that a statement can run in, as callers know them.
impl From<Kind> for crate::block::ScopeKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Module => Self::Module,
            Kind::Class => Self::Class,
            Kind::Function | Kind::Comprehension | Kind::TypeParameters => Self::Function,
        }
    }
}
