//! Functions, classes and lambdas.

use crate::fragment::Fragment;
use crate::lines::Position;

/// What a definition makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DefinitionKind {
    /// `def`
    Function,
    /// `async def`
    AsyncFunction,
    /// `class`
    Class,
    /// `lambda`
    Lambda,
}

/// A function, class or lambda of a module, at any depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// What it makes.
    pub kind: DefinitionKind,
    /// Its `__name__`; `<lambda>` for lambdas.
    pub name: String,
    /// Its `__qualname__`, as CPython 3.12 and later write it.
    pub qualname: String,
    /// The line of the first decorator, or else `line`: CPython's `co_firstlineno`. From 1.
    pub first_line: u32,
    /// The line of `def`, `class` or `lambda`.
    pub line: u32,
    /// The line of its last character.
    pub last_line: u32,
    /// Its decorators from top to bottom, each a fragment of its own.
    pub decorators: Vec<Fragment>,
    /// Everything but the decorators: name, parameters, defaults, annotations, docstring, body. Its
    /// reads leave out what is evaluated outside a function's body: its own defaults and annotations.
    pub body: Fragment,
    /// It stands in a function or lambda, at any distance.
    pub enclosing_function: bool,
    pub(crate) body_start: Position,
    pub(crate) body_end: Position,
}

impl Definition {
    /// Tells whether calling it runs a code object of its own with a `co_firstlineno`.
    pub(crate) fn is_function(&self) -> bool {
        self.kind != DefinitionKind::Class
    }

    pub(crate) fn body_covers(&self, position: Position) -> bool {
        self.body_start <= position && position < self.body_end
    }
}
