//! Expressions: reads, and bindings by walrus.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Comprehension, Decorator, ExceptHandler, Expr, ExprCall, ExprContext, ExprName, Pattern, Stmt,
};

use ruff_text_size::Ranged;

use crate::bindings::{Bindings, captured_name};
use crate::fragment::{Import, unseen_name};
use crate::scope::{Kind, Scope};
use crate::walk::{OccurrenceForm, Walker};

impl<'a> Visitor<'a> for Walker<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        self.statement(statement);
    }

    fn visit_decorator(&mut self, decorator: &'a Decorator) {
        self.visit_expr(&decorator.expression);
    }

    fn visit_annotation(&mut self, annotation: &'a Expr) {
        // A class keeps its annotations, and dataclasses and their like act on them.
        let of_class = self.scopes.top_kind() == Kind::Class;
        if of_class || (self.cell.is_some() && self.scopes.top_kind() == Kind::Module) {
            self.visit_expr(annotation);
        }
        if of_class {
            self.quoted_names(annotation);
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => match name.ctx {
                ExprContext::Store => {
                    self.bind(&name.id);
                    self.note_bound_place(&name.id, name.range, OccurrenceForm::Name);
                }
                ExprContext::Del => {
                    if self.cell.is_some() {
                        self.read(&[&name.id], true);
                    }
                    self.unbind(&name.id);
                    self.note_bound_place(&name.id, name.range, OccurrenceForm::Name);
                }
                ExprContext::Load | ExprContext::Invalid => self.value(expression, true),
            },
            Expr::Attribute(attribute) if attribute.ctx == ExprContext::Load => self.value(expression, true),
            Expr::Attribute(attribute) => {
                self.attribute_is_bound(attribute);
                visitor::walk_expr(self, expression);
            }
            Expr::Call(call) => self.call(call),
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::Named(named) => {
                self.visit_expr(&named.value);
                self.visit_expr(&named.target);
            }
            Expr::BoolOp(operation) => self.first_then_maybe(&operation.values),
            Expr::Compare(comparison) => {
                self.visit_expr(&comparison.left);
                self.first_then_maybe(&comparison.comparators);
            }
            Expr::If(conditional) => {
                self.visit_expr(&conditional.test);
                let arms = [&*conditional.body, &*conditional.orelse];
                self.branches(arms.map(|arm| move |walker: &mut Self| walker.visit_expr(arm)), false);
            }
            Expr::ListComp(list) => self.comprehension(&list.generators, [Some(&*list.elt), None], None),
            Expr::SetComp(set) => self.comprehension(&set.generators, [Some(&*set.elt), None], None),
            Expr::DictComp(dict) => {
                self.comprehension(&dict.generators, [dict.key.as_deref(), Some(&*dict.value)], None);
            }
            Expr::Generator(generator) => {
                self.comprehension(&generator.generators, [Some(&*generator.elt), None], Some("<genexpr>"));
            }
            Expr::IpyEscapeCommand(_) => self.mark_dynamic(),
            _ => visitor::walk_expr(self, expression),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(clause) = handler;
        clause.type_.iter().for_each(|kind| self.visit_expr(kind));
        if let Some(name) = &clause.name {
            self.bind(name);
            self.note_bound_place(name, name.range, OccurrenceForm::Name);
        }
        self.visit_body(&clause.body);
        clause.name.iter().for_each(|name| self.unbind(name));
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        if let Pattern::MatchClass(class) = pattern {
            class.arguments.keywords.iter().for_each(|keyword| self.uses_attribute(&keyword.attr));
        }
        visitor::walk_pattern(self, pattern);
        if let Some(name) = captured_name(pattern) {
            self.bind(name);
            self.note_bound_place(name, name.range, OccurrenceForm::Name);
        }
    }
}

/// Returns `a`, `b`, `c` of `a.b.c`; none if the chain does not start at a name.
pub(crate) fn path_of(expression: &Expr) -> Option<Vec<&str>> {
    let mut path = Vec::new();
    let mut expression = expression;
    loop {
        match expression {
            Expr::Attribute(attribute) => {
                path.push(attribute.attr.as_str());
                expression = &attribute.value;
            }
            Expr::Name(name) => {
                path.push(&name.id);
                path.reverse();
                return Some(path);
            }
            _ => return None,
        }
    }
}

/// Returns the name that a chain of attributes starts from.
fn root_of(expression: &Expr) -> Option<&ExprName> {
    let mut expression = expression;
    loop {
        match expression {
            Expr::Attribute(attribute) => expression = &attribute.value,
            Expr::Name(name) => return Some(name),
            _ => return None,
        }
    }
}

/// Returns the module of `importlib.import_module("a.b")` or `__import__("a.b")`.
fn named_import(call: &ExprCall) -> Option<&str> {
    let path = path_of(&call.func)?;
    let [Expr::StringLiteral(module)] = &*call.arguments.args else { return None };
    let module = module.value.to_str();
    let imports = matches!(path[..], ["__import__"] | [.., "import_module"]);
    (imports && call.arguments.keywords.is_empty() && !module.starts_with('.')).then_some(module)
}

impl<'a> Walker<'a, '_> {
    /// Walks a call that imports a module by its name in the text: it is seen like the statement.
    fn import_by_call(&mut self, call: &'a ExprCall, module: &str) {
        if let Some(path) = path_of(&call.func) {
            self.read(&path, false);
            root_of(&call.func).into_iter().for_each(|root| self.note_read_place(&root.id, root.range));
        }
        // `__import__("a.b")` gives `a`; all of both counts.
        let (module, bound_as) = (module.to_owned(), module.to_owned());
        self.import(&Import { module, level: 0, name: None, bound_as, uses: None });
    }

    /// The names in an annotation that is a text, or has texts in it.
    fn quoted_names(&mut self, annotation: &'a Expr) {
        match annotation {
            Expr::StringLiteral(text) => {
                let is_no_path = |character: char| !(character.is_alphanumeric() || "_.".contains(character));
                for path in text.value.to_str().split(is_no_path) {
                    let path: Vec<&str> = path.split('.').collect();
                    if path
                        .iter()
                        .all(|name| name.starts_with(|first: char| first.is_alphabetic() || first == '_'))
                    {
                        self.read(&path, true);
                    }
                }
            }
            Expr::Subscript(subscript) => self.quoted_names(&subscript.slice),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|item| self.quoted_names(item)),
            Expr::BinOp(operation) => {
                self.quoted_names(&operation.left);
                self.quoted_names(&operation.right);
            }
            _ => {}
        }
    }

    /// Walks an expression that is used as a value, or only called.
    fn value(&mut self, expression: &'a Expr, bare: bool) {
        match (path_of(expression), expression) {
            (Some(path), _) => {
                path[1..].iter().for_each(|name| self.uses_attribute(name));
                if let Some(name) = unseen_name(&path, self.scopes.resolve(path[0]).is_none()) {
                    self.mark_unseen(name);
                }
                self.read(&path, bare);
                root_of(expression).into_iter().for_each(|root| self.note_read_place(&root.id, root.range));
            }
            (None, Expr::Attribute(attribute)) => {
                self.uses_attribute(&attribute.attr);
                if let Some(name) = unseen_name(&[&attribute.attr], false) {
                    self.mark_unseen(name);
                }
                self.visit_expr(&attribute.value);
            }
            (None, _) => self.visit_expr(expression),
        }
    }

    fn call(&mut self, call: &'a ExprCall) {
        self.attributes_of_call(call);
        match named_import(call) {
            Some(module) => self.import_by_call(call, module),
            None => self.value(&call.func, false),
        }
        let computes_a_name = match (&*call.func, &*call.arguments.args) {
            (Expr::Name(name), [_, attribute, ..]) => {
                name.id == "getattr" && !attribute.is_string_literal_expr()
            }
            (Expr::Name(name), _) => name.id == "getattr",
            _ => false,
        };
        if computes_a_name && self.scopes.resolve("getattr").is_none() {
            self.mark_dynamic();
        }
        self.visit_arguments(&call.arguments);
        match self.queries.and_then(|queries| queries.get(&call.start())) {
            Some(Some(variables)) => variables.iter().for_each(|name| self.read(&[name], true)),
            Some(None) => self.mark_dynamic(),
            None => {}
        }
    }

    /// Walks operands of which only the first is sure to be evaluated.
    fn first_then_maybe(&mut self, operands: &'a [Expr]) {
        let Some((first, rest)) = operands.split_first() else { return };
        self.visit_expr(first);
        if !rest.is_empty() {
            self.maybe(|walker| rest.iter().for_each(|operand| walker.visit_expr(operand)));
        }
    }

    /// Walks a comprehension: its first iterable is evaluated outside, all the rest in a scope of its own.
    fn comprehension(
        &mut self,
        generators: &'a [Comprehension],
        elements: [Option<&'a Expr>; 2],
        label: Option<&'a str>,
    ) {
        let Some((first, rest)) = generators.split_first() else { return };
        self.visit_expr(&first.iter);
        let mut bindings = Bindings::default();
        generators.iter().for_each(|generator| bindings.visit_expr(&generator.target));
        self.scopes.push(Scope::new(Kind::Comprehension, label, bindings));
        self.maybe(|walker| {
            walker.visit_expr(&first.target);
            first.ifs.iter().for_each(|condition| walker.visit_expr(condition));
            for generator in rest {
                walker.visit_comprehension(generator);
            }
            elements.into_iter().flatten().for_each(|element| walker.visit_expr(element));
        });
        self.scopes.pop();
    }
}
