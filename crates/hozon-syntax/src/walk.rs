//! The one walk through a tree: it resolves every name and hands it to the fragments that it is free in.

use std::collections::{BTreeMap, BTreeSet};

use hozon_format::Digest;
use ruff_python_ast::visitor::Visitor;
use ruff_python_ast::{Decorator, ExprLambda, Parameters, StmtClassDef, StmtFunctionDef, TypeParams};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::bindings::Bindings;
use crate::definition::{Definition, DefinitionKind};
use crate::flow::Flow;
use crate::fragment::{Collector, Fragment, Import};
use crate::lines::Lines;
use crate::normal::Normalizer;
use crate::plants::Plant;
use crate::scope::{Kind, Scope, Scopes};

/// Walks one module, or a part of it.
pub(crate) struct Walker<'a, 'n> {
    pub(crate) scopes: Scopes<'a>,
    open: Vec<Open>,
    pub(crate) region: Option<Region<'a>>,
    /// The definition whose use decides what the names read here mean.
    deferring: Option<&'a str>,
    /// The class whose methods are deferred to its use.
    class_deferring: Option<&'a str>,
    definitions: Vec<(TextRange, Definition)>,
    /// What is put on things that global names lead to, in no order.
    pub(crate) plants: Vec<Plant>,
    /// What only the walk through a notebook's cell notes; annotations are evaluated in it.
    pub(crate) cell: Option<CellNotes<'a>>,
    /// The variables that the text of a query may read, by where the call that runs it starts.
    pub(crate) queries: Option<&'a BTreeMap<TextSize, Variables>>,
    /// The `with` statement whose body is to be the region.
    pub(crate) target: Option<TextRange>,
    pub(crate) found: Option<Found>,
    /// Gives the digests of definitions; none where only a region is wanted.
    normalizer: Option<&'n Normalizer<'a>>,
    lines: &'n Lines,
}

/// A fragment that is being walked.
struct Open {
    /// The scopes from this one on are inside of it.
    base: usize,
    collector: Collector,
}

/// Statements whose reads depend on their order: a whole module, a top-level statement, a block.
pub(crate) struct Region<'a> {
    /// The scope that they run in.
    scope: usize,
    collector: Collector,
    /// What functions defined in the region read when they are called, by the name that leads to them.
    pending: BTreeMap<&'a str, Vec<DeferredRead<'a>>>,
}

/// The variables that a query finds by their names; none if its text does not show them.
pub(crate) type Variables = Option<Vec<String>>;

/// What is noted of a notebook's cell.
#[derive(Debug, Default)]
pub(crate) struct CellNotes<'a> {
    /// First names read from outside by code that stands in no function.
    pub(crate) immediate: BTreeSet<&'a str>,
    /// Where the names of the cell's own scope stand: those with one leading underscore.
    pub(crate) private: Vec<Occurrence<'a>>,
}

/// A place where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occurrence<'a> {
    pub(crate) name: &'a str,
    pub(crate) range: TextRange,
    pub(crate) form: OccurrenceForm,
}

/// How a name stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OccurrenceForm {
    /// As itself.
    Name,
    /// As what is imported, no `as` behind it.
    Import,
    /// As the first part of `import a.b`, which cannot be called anything else.
    Package,
}

/// Tells whether a name belongs to its cell where cells have names of their own.
pub fn is_private(name: &str) -> bool {
    name == "__" || name.starts_with('_') && !name.starts_with("__")
}

struct DeferredRead<'a> {
    path: Vec<&'a str>,
    bare: bool,
}

/// What the walk through the target's body gave.
pub(crate) struct Found {
    pub(crate) collector: Collector,
    pub(crate) scope_kind: Kind,
    /// Names of the scope that are declared to belong elsewhere.
    pub(crate) globals: BTreeSet<String>,
    pub(crate) nonlocals: BTreeSet<String>,
}

/// Decorators that neither call the function nor hand it to code that does.
const HARMLESS_DECORATORS: [&str; 10] = [
    "property",
    "staticmethod",
    "classmethod",
    "setter",
    "getter",
    "deleter",
    "abstractmethod",
    "overload",
    "dataclass",
    "wraps",
];

impl<'a, 'n> Walker<'a, 'n> {
    /// Starts in a module scope that binds what `bindings` says.
    pub(crate) fn new(
        bindings: Bindings<'a>,
        normalizer: Option<&'n Normalizer<'a>>,
        lines: &'n Lines,
    ) -> Self {
        let mut scopes = Scopes::default();
        scopes.push(Scope::new(Kind::Module, None, bindings));
        Self {
            scopes,
            open: Vec::new(),
            region: None,
            deferring: None,
            class_deferring: None,
            definitions: Vec::new(),
            plants: Vec::new(),
            cell: None,
            queries: None,
            target: None,
            found: None,
            normalizer,
            lines,
        }
    }

    /// Returns the definitions met, in source order, outer before inner.
    pub(crate) fn into_definitions(self) -> Vec<Definition> {
        let mut definitions = self.definitions;
        definitions.sort_by_key(|(range, _)| (range.start(), std::cmp::Reverse(range.end())));
        definitions.into_iter().map(|(_, definition)| definition).collect()
    }

    /// Makes what follows a region in the present scope, nothing assigned yet.
    pub(crate) fn start_region(&mut self) {
        let scope = self.scopes.len() - 1;
        self.region = Some(Region { scope, collector: Collector::default(), pending: BTreeMap::new() });
        if let Some(scope) = self.scopes.top() {
            scope.flow = Some(Flow::default());
        }
    }

    /// Ends the region: what was defined and not used in it may still be used with what it holds now.
    pub(crate) fn finish_region(&mut self) -> Collector {
        let names: Vec<&str> = self.region.iter().flat_map(|region| region.pending.keys().copied()).collect();
        names.into_iter().for_each(|name| self.use_pending(name));
        self.region.take().map(|region| region.collector).unwrap_or_default()
    }

    /// Notes that `path` is read here.
    pub(crate) fn read(&mut self, path: &[&'a str], bare: bool) {
        let Some(name) = path.first() else { return };
        let resolved = self.scopes.resolve(name);
        for open in &mut self.open {
            if resolved.is_none_or(|scope| scope < open.base) {
                open.collector.read(path, bare);
            }
        }
        let at_once = self.cell.is_some() && !self.scopes.in_function();
        self.read_of_import(resolved, path);
        let Some(region) = &mut self.region else { return };
        match (resolved, self.deferring) {
            (Some(scope), _) if scope > region.scope => {}
            (Some(scope), Some(definition)) if scope == region.scope => {
                let read = DeferredRead { path: path.to_vec(), bare };
                region.pending.entry(definition).or_default().push(read);
            }
            (Some(scope), None) if scope == region.scope => self.read_in_region(path, bare),
            _ => {
                region.collector.read(path, bare);
                self.note_immediate(name, at_once);
            }
        }
    }

    fn note_immediate(&mut self, name: &'a str, at_once: bool) {
        self.cell.iter_mut().filter(|_| at_once).for_each(|notes| _ = notes.immediate.insert(name));
    }

    /// Notes that `name` stands here and means a name of the cell.
    pub(crate) fn note_read_place(&mut self, name: &'a str, range: TextRange) {
        if self.cell.is_some() && is_private(name) && self.scopes.resolve(name) == Some(0) {
            self.note_place(Occurrence { name, range, form: OccurrenceForm::Name });
        }
    }

    /// Notes that `name`, which gets or loses its value here, stands here, if it is a name of the cell.
    pub(crate) fn note_bound_place(&mut self, name: &'a str, range: TextRange, form: OccurrenceForm) {
        let is_of_cell =
            || self.scopes.binding_scope(name) == Some(0) && !self.scopes.is_comprehension_target(name);
        if self.cell.is_some() && is_private(name) && is_of_cell() {
            self.note_place(Occurrence { name, range, form });
        }
    }

    fn note_place(&mut self, occurrence: Occurrence<'a>) {
        self.cell.iter_mut().for_each(|notes| notes.private.push(occurrence));
    }

    fn read_of_import(&mut self, resolved: Option<usize>, path: &[&'a str]) {
        let Some(scope) = resolved.and_then(|index| self.scopes.get_mut(index)) else { return };
        if scope.kind == Kind::Function && scope.bindings.imported.contains(path[0]) {
            scope.import_reads.insert(path.to_vec());
        }
    }

    fn read_in_region(&mut self, path: &[&'a str], bare: bool) {
        let Some(region) = &mut self.region else { return };
        let flow = self.scopes.get(region.scope).and_then(|scope| scope.flow.as_ref());
        if !flow.is_some_and(|flow| flow.has(path[0])) {
            region.collector.read(path, bare);
            self.note_immediate(path[0], !self.scopes.in_function());
        }
        self.use_pending(path[0]);
    }

    /// Reads, as things stand here, what the definitions reachable through `name` read.
    fn use_pending(&mut self, name: &'a str) {
        let Some(region) = &mut self.region else { return };
        let flow = self.scopes.get(region.scope).and_then(|scope| scope.flow.as_ref());
        let (mut queue, mut seen) = (vec![name], BTreeSet::from([name]));
        while let Some(name) = queue.pop() {
            for DeferredRead { path, bare } in region.pending.get(name).into_iter().flatten() {
                if !flow.is_some_and(|flow| flow.has(path[0])) {
                    region.collector.read(path, *bare);
                }
                if seen.insert(path[0]) {
                    queue.push(path[0]);
                }
            }
        }
    }

    /// Notes that `name` gets a value here.
    pub(crate) fn bind(&mut self, name: &'a str) {
        let scope = self.scopes.binding_scope(name).and_then(|index| self.scopes.get_mut(index));
        if let Some(flow) = scope.and_then(|scope| scope.flow.as_mut()) {
            flow.assign(name);
        }
    }

    /// Notes that `name` is deleted here. A class then looks outside again; elsewhere a later read fails.
    pub(crate) fn unbind(&mut self, name: &'a str) {
        let scope = self.scopes.binding_scope(name).and_then(|index| self.scopes.get_mut(index));
        let Some(scope) = scope else { return };
        let Some(flow) = scope.flow.as_mut() else { return };
        if scope.kind == Kind::Class { flow.unassign(name) } else { flow.assign(name) }
    }

    /// Notes that the code here may read names that its text does not show.
    pub(crate) fn mark_unseen(&mut self, name: &str) {
        self.collectors().for_each(|collector| collector.mark_unseen(name));
    }

    pub(crate) fn mark_dynamic(&mut self) {
        self.collectors().for_each(Collector::mark_dynamic);
    }

    /// Notes that the code here uses an attribute of something.
    pub(crate) fn uses_attribute(&mut self, name: &str) {
        self.collectors().for_each(|collector| collector.uses_attribute(name));
    }

    /// Notes an import of which all may be used.
    pub(crate) fn import(&mut self, import: &Import) {
        self.collectors().for_each(|collector| collector.import(import));
    }

    /// Notes an import of which only what is read through its name is used, where that can be known: in a
    /// function, by a name of its own.
    pub(crate) fn import_by_name(&mut self, import: Import) {
        let inside = self.scopes.len() - 1;
        let is_local = self.scopes.binding_scope(&import.bound_as) == Some(inside);
        match self.scopes.top() {
            Some(scope) if is_local && scope.kind == Kind::Function => {
                if let Some(region) = &mut self.region {
                    region.collector.import(&import);
                }
                scope.imports.push(import);
            }
            _ => self.import(&import),
        }
    }

    /// Hands the imports of a function that ends to the fragments around it.
    fn finish_imports(&mut self) {
        let mut imports = self.scopes.top().map(Scope::take_imports).unwrap_or_default();
        let own = self.open.last().map(|open| &open.collector);
        if own.is_some_and(Collector::is_dynamic) || imports.iter().any(Import::is_of_importlib) {
            imports.iter_mut().for_each(|import| import.uses = None);
        }
        for open in &mut self.open {
            imports.iter().for_each(|import| open.collector.import(import));
        }
    }

    fn collectors(&mut self) -> impl Iterator<Item = &mut Collector> {
        let open = self.open.iter_mut().map(|open| &mut open.collector);
        open.chain(self.region.iter_mut().map(|region| &mut region.collector))
    }

    fn open(&mut self) {
        if self.normalizer.is_none() {
            return;
        }
        self.open.push(Open { base: self.scopes.len(), collector: Collector::default() });
    }

    /// Ends the fragment opened last; none where fragments are not wanted.
    fn close(&mut self, digest: impl FnOnce(&Normalizer<'a>) -> Digest) -> Option<Fragment> {
        let digest = digest(self.normalizer?);
        self.open.pop().map(|open| open.collector.finish(digest))
    }

    fn decorators(&mut self, decorators: &'a [Decorator]) -> Vec<Fragment> {
        let mut fragments = Vec::new();
        for decorator in decorators {
            self.open();
            self.visit_expr(&decorator.expression);
            fragments.extend(self.close(|normalizer| normalizer.expression(&decorator.expression)));
        }
        fragments
    }

    fn defaults(&mut self, parameters: &'a Parameters) {
        let defaults = parameters.iter_non_variadic_params().filter_map(|parameter| parameter.default());
        defaults.for_each(|default| self.visit_expr(default));
    }

    /// Opens the scope of type parameters. Their bounds are annotations: they run when somebody asks.
    pub(crate) fn push_type_parameters(&mut self, parameters: Option<&'a TypeParams>) {
        let names = parameters.into_iter().flat_map(|parameters| &parameters.type_params);
        let names = names.map(|parameter| parameter.name().as_str()).collect();
        self.scopes.push(Scope::of_names(Kind::TypeParameters, None, names));
        if self.cell.is_some() {
            parameters.into_iter().for_each(|parameters| self.visit_type_params(parameters));
        }
    }

    pub(crate) fn function(&mut self, function: &'a StmtFunctionDef) {
        self.registered_by_name(&function.decorator_list, &function.name);
        let decorators = self.decorators(&function.decorator_list);
        self.defaults(&function.parameters);
        let qualname = self.scopes.qualified_name(&function.name);
        let enclosing_function = self.scopes.in_function();
        let deferring = self.deferral(&function.name, &function.decorator_list);
        self.open();
        self.push_type_parameters(function.type_params.as_deref());
        self.signature(function);
        let mut bindings = Bindings::of_body(&function.body);
        bindings.bind_parameters(&function.parameters);
        self.scopes.push(Scope::new(Kind::Function, Some(&function.name), bindings));
        self.deferred(deferring, |walker| walker.visit_body(&function.body));
        self.finish_imports();
        self.scopes.pop();
        self.scopes.pop();
        let body = self.close(|normalizer| normalizer.function(function));
        let kind = if function.is_async { DefinitionKind::AsyncFunction } else { DefinitionKind::Function };
        let range = function.range();
        let body_range = TextRange::new(function.parameters.start(), range.end());
        let place = Place { range, keyword: function.name.start(), body: body_range };
        self.define(Draft {
            kind,
            name: &function.name,
            qualname,
            enclosing_function,
            decorators,
            body,
            place,
        });
        self.bind(&function.name);
        self.note_bound_place(&function.name, function.name.range, OccurrenceForm::Name);
    }

    /// The annotations of a function are evaluated where it is defined.
    fn signature(&mut self, function: &'a StmtFunctionDef) {
        if self.cell.is_some() {
            let annotations = function.parameters.iter().filter_map(|parameter| parameter.annotation());
            annotations.chain(function.returns.as_deref()).for_each(|annotation| self.visit_expr(annotation));
        }
    }

    pub(crate) fn class(&mut self, class: &'a StmtClassDef) {
        self.registered_by_name(&class.decorator_list, &class.name);
        let decorators = self.decorators(&class.decorator_list);
        let qualname = self.scopes.qualified_name(&class.name);
        let enclosing_function = self.scopes.in_function();
        let has_keywords = class.arguments.as_ref().is_some_and(|arguments| !arguments.keywords.is_empty());
        let deferring = if has_keywords { None } else { self.deferral(&class.name, &class.decorator_list) };
        self.open();
        self.push_type_parameters(class.type_params.as_deref());
        class.arguments.iter().for_each(|arguments| self.visit_arguments(arguments));
        self.scopes.push(Scope::new(Kind::Class, Some(&class.name), Bindings::of_body(&class.body)));
        let outer = std::mem::replace(&mut self.class_deferring, deferring);
        self.visit_body(&class.body);
        self.class_deferring = outer;
        self.scopes.pop();
        self.scopes.pop();
        let body = self.close(|normalizer| normalizer.class(class));
        let range = class.range();
        let place = Place { range, keyword: class.name.start(), body: range };
        let kind = DefinitionKind::Class;
        self.define(Draft { kind, name: &class.name, qualname, enclosing_function, decorators, body, place });
        self.bind(&class.name);
        self.note_bound_place(&class.name, class.name.range, OccurrenceForm::Name);
    }

    pub(crate) fn lambda(&mut self, lambda: &'a ExprLambda) {
        const NAME: &str = "<lambda>";
        lambda.parameters.iter().for_each(|parameters| self.defaults(parameters));
        let qualname = self.scopes.qualified_name(NAME);
        let enclosing_function = self.scopes.in_function();
        self.open();
        let mut bindings = Bindings::of_expression(&lambda.body);
        lambda.parameters.iter().for_each(|parameters| bindings.bind_parameters(parameters));
        self.scopes.push(Scope::new(Kind::Function, Some(NAME), bindings));
        self.visit_expr(&lambda.body);
        self.scopes.pop();
        let body = self.close(|normalizer| normalizer.lambda(lambda));
        let place = Place { range: lambda.range(), keyword: lambda.start(), body: lambda.body.range() };
        let (kind, decorators) = (DefinitionKind::Lambda, Vec::new());
        self.define(Draft { kind, name: NAME, qualname, enclosing_function, decorators, body, place });
    }

    /// Returns the name whose use runs a definition called `name` here; none if its code may run at once.
    fn deferral(&self, name: &'a str, decorators: &[Decorator]) -> Option<&'a str> {
        let region = self.region.as_ref()?;
        if self.deferring.is_some() || !decorators.iter().all(is_harmless) {
            return self.deferring;
        }
        match self.scopes.top_kind() {
            _ if self.scopes.len() - 1 == region.scope => Some(name),
            Kind::Class => self.class_deferring,
            _ => None,
        }
    }

    /// Walks a function's body, its reads of the region being those of `definition`.
    fn deferred(&mut self, definition: Option<&'a str>, walk: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.deferring, definition);
        let outer_class = self.class_deferring.take();
        walk(self);
        self.class_deferring = outer_class;
        self.deferring = outer;
    }

    fn define(&mut self, draft: Draft<'_>) {
        let Some(fragment) = draft.body else { return };
        let Place { range, keyword, body } = draft.place;
        let definition = Definition {
            kind: draft.kind,
            name: draft.name.to_owned(),
            qualname: draft.qualname,
            first_line: self.lines.line(range.start()),
            line: self.lines.line(keyword),
            last_line: self.lines.line(range.end()),
            decorators: draft.decorators,
            body: fragment,
            enclosing_function: draft.enclosing_function,
            body_start: self.lines.position(body.start()),
            body_end: self.lines.position(body.end()),
        };
        self.definitions.push((range, definition));
    }
}

/// A definition whose places are still offsets.
struct Draft<'s> {
    kind: DefinitionKind,
    name: &'s str,
    qualname: String,
    enclosing_function: bool,
    decorators: Vec<Fragment>,
    body: Option<Fragment>,
    place: Place,
}

struct Place {
    range: TextRange,
    keyword: TextSize,
    body: TextRange,
}

fn is_harmless(decorator: &Decorator) -> bool {
    use ruff_python_ast::Expr;
    let expression = match &decorator.expression {
        Expr::Call(call) => &*call.func,
        expression => expression,
    };
    match expression {
        Expr::Name(name) => HARMLESS_DECORATORS.contains(&name.id.as_str()),
        Expr::Attribute(attribute) => HARMLESS_DECORATORS.contains(&attribute.attr.as_str()),
        _ => false,
    }
}
