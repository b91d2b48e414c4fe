//! The normal form of a syntax tree: the bytes that a code digest is taken of.
//!
//! The parser's position-free trees are fed through [`std::hash::Hash`] into plain bytes. They leave
//! out one thing that a program can see, and this module adds it: the text of what is not decoded
//! faithfully (lone surrogates in strings) or that a template string keeps as text.

use std::hash::{Hash, Hasher};

use hozon_format::Digest;
use ruff_python_ast::comparable::{
    ComparableExpr, ComparableParameters, ComparableStmt, ComparableTypeParams,
};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Expr, ExprLambda, InterpolatedStringElement, Stmt, StmtClassDef, StmtFunctionDef, StringLiteral, TString,
};
use ruff_text_size::{Ranged, TextRange};

/// Names the form. A change of any digest is a new version.
const DOMAIN: &str = "hozon 2026 syntax tree of Python code, version 1";

/// What the digests of one module have in common.
pub(crate) struct Normalizer<'a> {
    source: &'a str,
    /// The text may hold literals that the tree alone does not tell apart.
    has_hidden_text: bool,
    /// `from __future__ import …` of the module: they change what its code does.
    futures: Vec<&'a str>,
}

impl<'a> Normalizer<'a> {
    pub(crate) fn new(source: &'a str, body: &'a [Stmt]) -> Self {
        Self { source, has_hidden_text: may_hide_text(source), futures: futures(body) }
    }

    pub(crate) fn function(&self, function: &StmtFunctionDef) -> Digest {
        let mut form = self.form(if function.is_async { "async def" } else { "def" });
        function.name.as_str().hash(&mut form);
        function.type_params.as_ref().map(ComparableTypeParams::from).hash(&mut form);
        ComparableParameters::from(&function.parameters).hash(&mut form);
        function.returns.as_ref().map(ComparableExpr::from).hash(&mut form);
        form.statements(&function.body);
        if let Some(mut hidden) = self.hidden(&mut form) {
            function.type_params.iter().for_each(|parameters| hidden.visit_type_params(parameters));
            hidden.visit_parameters(&function.parameters);
            function.returns.iter().for_each(|returns| hidden.visit_annotation(returns));
            hidden.visit_body(&function.body);
        }
        form.digest()
    }

    pub(crate) fn class(&self, class: &StmtClassDef) -> Digest {
        let mut form = self.form("class");
        class.name.as_str().hash(&mut form);
        class.type_params.as_ref().map(ComparableTypeParams::from).hash(&mut form);
        let arguments = class.arguments.as_ref().map(|arguments| (&*arguments.args, &*arguments.keywords));
        if let Some((bases, keywords)) = arguments {
            form.write_usize(bases.len());
            bases.iter().for_each(|base| ComparableExpr::from(base).hash(&mut form));
            form.write_usize(keywords.len());
            for keyword in keywords {
                keyword.arg.as_ref().map(|name| name.as_str()).hash(&mut form);
                ComparableExpr::from(&keyword.value).hash(&mut form);
            }
        } else {
            form.write_usize(0);
            form.write_usize(0);
        }
        form.statements(&class.body);
        if let Some(mut hidden) = self.hidden(&mut form) {
            class.type_params.iter().for_each(|parameters| hidden.visit_type_params(parameters));
            class.arguments.iter().for_each(|arguments| hidden.visit_arguments(arguments));
            hidden.visit_body(&class.body);
        }
        form.digest()
    }

    pub(crate) fn lambda(&self, lambda: &ExprLambda) -> Digest {
        let mut form = self.form("lambda");
        lambda.parameters.as_ref().map(ComparableParameters::from).hash(&mut form);
        ComparableExpr::from(&lambda.body).hash(&mut form);
        if let Some(mut hidden) = self.hidden(&mut form) {
            lambda.parameters.iter().for_each(|parameters| hidden.visit_parameters(parameters));
            hidden.visit_expr(&lambda.body);
        }
        form.digest()
    }

    pub(crate) fn expression(&self, expression: &Expr) -> Digest {
        let mut form = self.form("expression");
        ComparableExpr::from(expression).hash(&mut form);
        if let Some(mut hidden) = self.hidden(&mut form) {
            hidden.visit_expr(expression);
        }
        form.digest()
    }

    pub(crate) fn statements(&self, statements: &[Stmt]) -> Digest {
        let mut form = self.form("statements");
        form.statements(statements);
        if let Some(mut hidden) = self.hidden(&mut form) {
            hidden.visit_body(statements);
        }
        form.digest()
    }

    fn form(&self, kind: &str) -> Form {
        let mut form = Form(Vec::new());
        kind.hash(&mut form);
        self.futures.hash(&mut form);
        form
    }

    fn hidden<'form>(&self, form: &'form mut Form) -> Option<HiddenText<'form>>
    where
        'a: 'form,
    {
        self.has_hidden_text.then_some(HiddenText { source: self.source, form })
    }
}

/// The bytes of one tree. Integers are little-endian and of one width on every machine.
struct Form(Vec<u8>);

impl Form {
    fn statements(&mut self, statements: &[Stmt]) {
        self.write_usize(statements.len());
        statements.iter().for_each(|statement| ComparableStmt::from(statement).hash(self));
    }

    fn digest(self) -> Digest {
        hozon_format::Hasher::in_domain(DOMAIN).update(&self.0).finish()
    }
}

impl Hasher for Form {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn write_u16(&mut self, value: u16) {
        self.write(&value.to_le_bytes());
    }

    fn write_u32(&mut self, value: u32) {
        self.write(&value.to_le_bytes());
    }

    fn write_u64(&mut self, value: u64) {
        self.write(&value.to_le_bytes());
    }

    fn write_u128(&mut self, value: u128) {
        self.write(&value.to_le_bytes());
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    // The other signed writers forward to these.
    fn write_isize(&mut self, value: isize) {
        self.write(&(value as i64).to_le_bytes());
    }

    fn finish(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Appends the text of literals whose tree says less than they do.
struct HiddenText<'form> {
    source: &'form str,
    form: &'form mut Form,
}

impl HiddenText<'_> {
    fn add(&mut self, range: TextRange) {
        self.source.get(range.to_std_range()).hash(self.form);
    }

    /// The parser writes U+FFFD for every lone surrogate.
    fn add_undecoded(&mut self, value: &str, range: TextRange) {
        if value.contains(char::REPLACEMENT_CHARACTER) {
            self.add(range);
        }
    }
}

impl<'a> Visitor<'a> for HiddenText<'_> {
    fn visit_string_literal(&mut self, literal: &'a StringLiteral) {
        self.add_undecoded(&literal.value, literal.range());
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Literal(literal) = element {
            self.add_undecoded(&literal.value, literal.range());
        }
        visitor::walk_interpolated_string_element(self, element);
    }

    fn visit_t_string(&mut self, template: &'a TString) {
        for interpolation in template.elements.interpolations() {
            self.add(interpolation.expression.range());
        }
        visitor::walk_t_string(self, template);
    }
}

/// Tells whether `source` may hold a surrogate escape or a template string. Says yes too often, never too seldom.
fn may_hide_text(source: &str) -> bool {
    let template = |pair: &[u8]| matches!(pair, [before, last, b'"' | b'\''] if before.eq_ignore_ascii_case(&b't') || last.eq_ignore_ascii_case(&b't'));
    let starts_with_template = matches!(source.as_bytes(), [b't' | b'T', b'"' | b'\'', ..]);
    source.contains("\\u")
        || source.contains("\\U")
        || source.contains(char::REPLACEMENT_CHARACTER)
        || starts_with_template
        || source.as_bytes().windows(3).any(template)
}

fn futures(body: &[Stmt]) -> Vec<&str> {
    let imports = body.iter().filter_map(Stmt::as_import_from_stmt);
    let of_future = imports.filter(|import| import.module.as_deref() == Some("__future__"));
    let mut names: Vec<&str> =
        of_future.flat_map(|import| import.names.iter().map(|alias| alias.name.as_str())).collect();
    names.sort_unstable();
    names.dedup();
    names
}
