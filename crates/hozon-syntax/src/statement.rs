//! Top-level statements, and which of them made the present value of a name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hozon_format::Digest;
use ruff_python_ast::Stmt;
use ruff_python_ast::visitor::Visitor;
use ruff_text_size::Ranged;

use crate::bindings::Bindings;
use crate::fragment::{Import, Read};
use crate::lines::Lines;
use crate::mutation::Mutations;
use crate::normal::Normalizer;
use crate::plain::is_plain;
use crate::walk::Walker;

/// A statement of the module itself, everything inside it included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The digest of its syntax tree, decorators included.
    pub digest: Digest,
    /// Its first line, that of its first decorator if it has one. From 1.
    pub line: u32,
    /// Its last line.
    pub last_line: u32,
    /// The names that it may read before it gives them a value itself, sorted.
    pub reads: Vec<Read>,
    /// The names of the module that it may give a value, sorted.
    pub binds: Vec<String>,
    /// The names whose value it may change in place, sorted. For a definition: when it is called.
    pub mutates: Vec<String>,
    /// The imports that run in it, or in the functions that it defines.
    pub imports: Vec<Import>,
    /// It is a `def`, `async def` or `class`.
    pub is_definition: bool,
    /// It is an `import` or `from … import`.
    pub is_import: bool,
    /// It may read or bind names that its text does not show.
    pub uses_dynamic_names: bool,
    /// The attributes that it uses of whatever it has at hand, sorted, each once.
    pub attributes: Arc<[String]>,
    /// What it does is said by its text and the names that it reads: no file or clock can change it.
    pub is_plain: bool,
    /// Pairs of names that may share a value after it.
    aliases: Vec<(String, String)>,
}

/// Reads the top-level statements of a module, in order.
pub(crate) fn statements(body: &[Stmt], lines: &Lines, normalizer: &Normalizer<'_>) -> Vec<Statement> {
    let mut walker = Walker::new(Bindings::of_body(body), None, lines);
    let mut statements = Vec::with_capacity(body.len());
    for statement in body {
        walker.start_region();
        walker.visit_stmt(statement);
        let digest = normalizer.statements(std::slice::from_ref(statement));
        let fragment = walker.finish_region().finish(digest);
        let mutations = Mutations::of(statement);
        let bindings = Bindings::of_body(std::slice::from_ref(statement));
        statements.push(Statement {
            digest,
            line: lines.line(statement.start()),
            last_line: lines.line(statement.end()),
            reads: fragment.reads,
            binds: bindings.given_values.into_iter().map(str::to_owned).collect(),
            mutates: mutations.names.into_iter().map(str::to_owned).collect(),
            imports: fragment.imports,
            is_definition: statement.is_function_def_stmt() || statement.is_class_def_stmt(),
            is_import: statement.is_import_stmt() || statement.is_import_from_stmt(),
            uses_dynamic_names: fragment.uses_dynamic_names,
            attributes: fragment.attributes,
            is_plain: is_plain(statement),
            aliases: mutations
                .aliases
                .into_iter()
                .map(|(one, other)| (one.to_owned(), other.to_owned()))
                .collect(),
        });
    }
    statements
}

/// Returns the indices of the statements that may have made the present value of `names`.
pub(crate) fn slice(statements: &[Statement], names: &[&str]) -> Vec<usize> {
    let changes = changes(statements);
    let code = bound_by_code_only(statements);
    let mut wanted: BTreeSet<&str> = names.iter().copied().collect();
    // Names that may share a value with a wanted one: what changes it matters, what binds them does not.
    let mut sharing = BTreeSet::new();
    let mut taken = BTreeSet::new();
    loop {
        let before = (wanted.len(), sharing.len(), taken.len());
        for (index, statement) in statements.iter().enumerate() {
            for (one, other) in &statement.aliases {
                if wanted.contains(other.as_str()) || sharing.contains(other.as_str()) {
                    sharing.insert(one.as_str());
                }
            }
            let touches = statement.is_opaque()
                || statement.binds.iter().any(|name| wanted.contains(name.as_str()))
                || changes[index].iter().any(|name| wanted.contains(name) || sharing.contains(name));
            if touches && taken.insert(index) && !statement.is_definition {
                let reads = statement.reads.iter().map(|read| read.path[0].as_str());
                wanted.extend(reads.filter(|name| !code.contains(name)));
            }
        }
        if before == (wanted.len(), sharing.len(), taken.len()) {
            return taken.into_iter().collect();
        }
    }
}

impl Statement {
    /// Tells whether it may bind any name at all.
    fn is_opaque(&self) -> bool {
        !self.is_definition
            && (self.uses_dynamic_names || self.imports.iter().any(|import| import.bound_as == "*"))
    }
}

/// Returns, for each statement, the names that it may change in place, through the definitions that it uses too.
fn changes(statements: &[Statement]) -> Vec<BTreeSet<&str>> {
    let mut definitions: BTreeMap<&str, Vec<&Statement>> = BTreeMap::new();
    for statement in statements.iter().filter(|statement| statement.is_definition) {
        for name in &statement.binds {
            definitions.entry(name).or_default().push(statement);
        }
    }
    let mut all = Vec::with_capacity(statements.len());
    for statement in statements {
        let mut changes = BTreeSet::new();
        if !statement.is_definition {
            let mut used = BTreeSet::new();
            let mut queue = vec![statement];
            while let Some(user) = queue.pop() {
                changes.extend(user.mutates.iter().map(String::as_str));
                for name in
                    user.reads.iter().map(|read| read.path[0].as_str()).filter(|name| used.insert(*name))
                {
                    queue.extend(definitions.get(name).into_iter().flatten());
                }
            }
        }
        all.push(changes);
    }
    all
}

/// Returns the names that only definitions and imports bind: what they are is known by their code.
fn bound_by_code_only(statements: &[Statement]) -> BTreeSet<&str> {
    let of = |is_code: bool| {
        let chosen = statements.iter().filter(move |it| (it.is_definition || it.is_import) == is_code);
        chosen.flat_map(|statement| statement.binds.iter().map(String::as_str))
    };
    let values: BTreeSet<&str> = of(false).collect();
    of(true).filter(|name| !values.contains(name)).collect()
}
