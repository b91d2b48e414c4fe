//! What the text of a module puts on classes that it has not made itself: attributes set from outside, and
//! names registered with a library.

use ruff_python_ast::{Decorator, Expr, ExprAttribute, ExprCall};

use ruff_text_size::Ranged;

use crate::walk::Walker;
use crate::walk_expression::path_of;

/// A name that a module puts on something that one of its global names leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plant {
    /// What it is put on, or what it is registered with: `["pd", "api", "register_accessor"]`. Never empty.
    pub onto: Vec<String>,
    /// The attribute's name; none where it is computed.
    pub name: Option<String>,
    /// It is registered by a call or a decorator, whose path `onto` is.
    pub is_registered: bool,
    /// The offset in the text where it stands.
    pub(crate) start: u32,
    /// The index of the module's statement that it stands in.
    pub statement: usize,
}

/// What the names of functions that register begin with.
pub(crate) const REGISTER: &str = "register";

impl<'a> Walker<'a, '_> {
    /// An attribute that gets a value here, or loses it.
    pub(crate) fn attribute_is_bound(&mut self, attribute: &'a ExprAttribute) {
        self.uses_attribute(&attribute.attr);
        if let Some(onto) = path_of(&attribute.value) {
            self.plant(&onto, Some(&attribute.attr), false, attribute.start().to_u32());
        }
    }

    /// What a call says of attributes in texts: `getattr(x, "name")`, `setattr(A, "name", value)`,
    /// `register("name")`.
    pub(crate) fn attributes_of_call(&mut self, call: &'a ExprCall) {
        let Some(path) = path_of(&call.func) else { return };
        let start = call.start().to_u32();
        let arguments = &call.arguments.args;
        match *path.last().unwrap_or(&"") {
            "getattr" | "hasattr" => arguments.get(1).and_then(text_of).into_iter().for_each(|name| {
                self.uses_attribute(name);
            }),
            "attrgetter" | "methodcaller" => {
                let names = arguments.iter().filter_map(text_of).flat_map(|path| path.split('.'));
                names.for_each(|name| self.uses_attribute(name));
            }
            "setattr" | "delattr" | "__setattr__" | "__delattr__" => {
                let Some(onto) = arguments.first().and_then(path_of) else { return };
                let name = arguments.get(1).and_then(text_of);
                name.into_iter().for_each(|name| self.uses_attribute(name));
                self.plant(&onto, name, false, start);
            }
            name if name.starts_with(REGISTER) => {
                let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
                let texts = arguments.iter().chain(keywords).filter_map(text_of);
                texts.filter(|text| is_identifier(text)).for_each(|text| {
                    self.plant(&path, Some(text), true, start);
                });
            }
            _ => {}
        }
    }

    /// A decorator that registers may do so by the name of the definition.
    pub(crate) fn registered_by_name(&mut self, decorators: &'a [Decorator], name: &'a str) {
        for decorator in decorators {
            let function = match &decorator.expression {
                Expr::Call(call) => &*call.func,
                expression => expression,
            };
            let Some(path) = path_of(function) else { continue };
            if path.last().is_some_and(|last| last.starts_with(REGISTER)) {
                self.plant(&path, Some(name), true, decorator.start().to_u32());
            }
        }
    }

    /// Only what a global name leads to is known: what a local name means is not in the text.
    fn plant(&mut self, onto: &[&str], name: Option<&str>, is_registered: bool, start: u32) {
        if onto.first().is_none_or(|root| self.scopes.resolve(root).is_some_and(|scope| scope > 0)) {
            return;
        }
        let onto = onto.iter().map(|&part| part.to_owned()).collect();
        let name = name.map(str::to_owned);
        self.plants.push(Plant { onto, name, is_registered, start, statement: 0 });
    }
}

fn text_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::StringLiteral(text) => Some(text.value.to_str()),
        _ => None,
    }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && text.chars().all(|it| it.is_alphanumeric() || it == '_')
}
