//! The scopes that enclose a place in the code, and which of them a name belongs to.

use std::collections::BTreeSet;

use crate::bindings::Bindings;
use crate::flow::Flow;
use crate::fragment::Import;

/// What makes a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Module,
    Function,
    Class,
    /// `[… for …]` and its like: a walrus in it binds outside of it.
    Comprehension,
    /// The type parameters of a function, class or alias.
    TypeParameters,
}

/// One scope.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) kind: Kind,
    /// What it adds to the qualified names inside it.
    pub(crate) label: Option<&'a str>,
    pub(crate) bindings: Bindings<'a>,
    /// The names that have a value by now, in scopes where order decides what a name means.
    pub(crate) flow: Option<Flow<'a>>,
    /// The imports of a function, until all that is read of them is known.
    pub(crate) imports: Vec<Import>,
    /// What is read of names that it imports.
    pub(crate) import_reads: BTreeSet<Vec<&'a str>>,
}

/// The scopes from the module inwards.
#[derive(Debug, Default)]
pub(crate) struct Scopes<'a>(Vec<Scope<'a>>);

impl<'a> Scopes<'a> {
    pub(crate) fn push(&mut self, scope: Scope<'a>) {
        self.0.push(scope);
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn top(&mut self) -> Option<&mut Scope<'a>> {
        self.0.last_mut()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Scope<'a>> {
        self.0.get(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Scope<'a>> {
        self.0.get_mut(index)
    }

    /// Returns the flow of the scope that assignments here bind in.
    pub(crate) fn binding_flow(&mut self) -> Option<&mut Flow<'a>> {
        let scope = self.0.iter_mut().rev().find(|scope| scope.kind != Kind::Comprehension)?;
        scope.flow.as_mut()
    }

    /// Returns the kind of the scope that statements here run in.
    pub(crate) fn top_kind(&self) -> Kind {
        self.0.last().map_or(Kind::Module, |scope| scope.kind)
    }

    pub(crate) fn in_function(&self) -> bool {
        self.0.iter().any(|scope| scope.kind == Kind::Function)
    }

    /// Returns the scope that `name`, read here, belongs to; none for builtins and names that the module never binds.
    pub(crate) fn resolve(&self, name: &str) -> Option<usize> {
        // A class scope is seen from its own body only.
        let mut class_is_seen = true;
        for (index, scope) in self.0.iter().enumerate().rev() {
            if scope.kind == Kind::Class && !class_is_seen {
                if name == "__class__" {
                    return Some(index);
                }
                continue;
            }
            class_is_seen &= scope.kind == Kind::TypeParameters;
            if scope.bindings.globals.contains(name) {
                return self.global(name);
            }
            if scope.bindings.nonlocals.contains(name) || !scope.bindings.bound.contains(name) {
                continue;
            }
            let unset = scope.kind == Kind::Class && scope.flow.as_ref().is_some_and(|flow| !flow.has(name));
            if !unset {
                return Some(index);
            }
        }
        None
    }

    /// Returns the scope that an assignment to `name` here binds in, if it is one of these.
    pub(crate) fn binding_scope(&self, name: &str) -> Option<usize> {
        let index = self.0.iter().rposition(|scope| scope.kind != Kind::Comprehension)?;
        let bindings = &self.0[index].bindings;
        if bindings.globals.contains(name) {
            return self.global(name).or(Some(0));
        }
        if bindings.nonlocals.contains(name) {
            let outer = self.0[..index]
                .iter()
                .rposition(|scope| scope.kind == Kind::Function && scope.bindings.bound.contains(name));
            return outer;
        }
        Some(index)
    }

    /// Tells whether `name`, given a value here, is a target of a comprehension around this place.
    pub(crate) fn is_comprehension_target(&self, name: &str) -> bool {
        let around = self.0.iter().rev().take_while(|scope| scope.kind == Kind::Comprehension);
        around.into_iter().any(|scope| scope.bindings.bound.contains(name))
    }

    /// Returns the qualified name of what is called `name` and defined here.
    pub(crate) fn qualified_name(&self, name: &str) -> String {
        let declared_global = self.0.last().is_some_and(|scope| scope.bindings.globals.contains(name));
        if declared_global {
            return name.to_owned();
        }
        let mut parts = Vec::new();
        for scope in &self.0 {
            parts.extend(scope.label);
            if scope.kind != Kind::Class && scope.label.is_some() {
                parts.push("<locals>");
            }
        }
        parts.push(name);
        parts.join(".")
    }

    fn global(&self, name: &str) -> Option<usize> {
        self.0.first().filter(|module| module.bindings.bound.contains(name)).map(|_| 0)
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn new(kind: Kind, label: Option<&'a str>, bindings: Bindings<'a>) -> Self {
        let flow = match kind {
            Kind::Class => Some(Flow::with(["__module__", "__qualname__"])),
            _ => None,
        };
        let (imports, import_reads) = (Vec::new(), BTreeSet::new());
        let mut scope = Self { kind, label, bindings, flow, imports, import_reads };
        if kind == Kind::Class {
            scope.bindings.bound.extend(["__module__", "__qualname__"]);
        }
        scope
    }

    /// Gives each import what is read of it, and returns them.
    pub(crate) fn take_imports(&mut self) -> Vec<Import> {
        let mut imports = std::mem::take(&mut self.imports);
        for import in &mut imports {
            let reads = self.import_reads.iter().filter(|path| path[0] == import.bound_as);
            let uses: Vec<Vec<String>> =
                reads.map(|path| path.iter().map(|&part| part.to_owned()).collect()).collect();
            import.uses = Some(uses).filter(|uses| !uses.is_empty());
        }
        imports
    }

    pub(crate) fn of_names(kind: Kind, label: Option<&'a str>, names: BTreeSet<&'a str>) -> Self {
        Self::new(kind, label, Bindings { bound: names, ..Bindings::default() })
    }
}
