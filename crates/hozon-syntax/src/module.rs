//! A module as it is kept: definitions, statements, and look-ups by what CPython reports.

use std::sync::{Arc, OnceLock};

use hozon_format::{Digest, Hasher};
use ruff_python_ast::visitor::Visitor;
use ruff_python_ast::{ModModule, Stmt};
use ruff_text_size::Ranged;

use crate::bindings::Bindings;
use crate::block::{self, Block, BlockError};
use crate::definition::{Definition, DefinitionKind};
use crate::error::SourceError;
use crate::fragment::{Fragment, Import};
use crate::lines::{Lines, Position};
use crate::normal::Normalizer;
use crate::notebook::query_variables;
use crate::parse::{Dialect, as_tokenized, with_tree};
use crate::plants::Plant;
use crate::statement::{self, Statement};
use crate::walk::Walker;

/// The name that a module's version stands under.
const VERSION: &str = "__version__";

/// What is known of one source text. Owned, immutable, cheap to clone and to share between threads.
#[derive(Debug, Clone)]
pub struct Module {
    source: Arc<str>,
    dialect: Dialect,
    definitions: Arc<[Definition]>,
    /// Read when they are asked for: most code reaches definitions only.
    statements: OnceLock<Arc<[Statement]>>,
    whole: Arc<Fragment>,
    plants: Arc<[Plant]>,
    version: Option<Arc<str>>,
}

/// What one reading of a tree gives.
struct Parts {
    definitions: Vec<Definition>,
    whole: Fragment,
    plants: Vec<Plant>,
    version: Option<Arc<str>>,
}

/// A variable whose value the text of its module decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainVariable {
    /// The digest of the statements that make it.
    pub digest: Digest,
    /// The imports among them: what they bring is no part of the digest.
    pub imports: Vec<Import>,
}

/// Analyses a source text. The same text always gives the same answer.
///
/// # Errors
/// The text is not Python, is nested too deep, or is too large: see [`SourceError`].
pub fn analyse(source: &str, dialect: Dialect) -> Result<Module, SourceError> {
    let source = as_tokenized(source);
    let Parts { definitions, whole, plants, version } =
        with_tree(&source, dialect, |tree, lines| read_tree(tree, lines, &source))?;
    Ok(Module {
        source: Arc::from(&*source),
        dialect,
        definitions: definitions.into(),
        statements: OnceLock::new(),
        whole: Arc::new(whole),
        plants: plants.into(),
        version,
    })
}

fn read_tree(tree: &ModModule, lines: &Lines, source: &str) -> Parts {
    let normalizer = Normalizer::new(source, &tree.body);
    let queries = query_variables(&tree.body, source);
    let mut walker = Walker::new(Bindings::of_body(&tree.body), Some(&normalizer), lines);
    walker.queries = Some(&queries);
    walker.start_region();
    walker.visit_body(&tree.body);
    let whole = walker.finish_region().finish(normalizer.statements(&tree.body));
    let mut plants = std::mem::take(&mut walker.plants);
    for plant in &mut plants {
        let starts_before = |statement: &Stmt| statement.start().to_u32() <= plant.start;
        plant.statement = tree.body.partition_point(starts_before).saturating_sub(1);
    }
    let definitions = walker.into_definitions();
    let version = if source.contains(VERSION) {
        version_among(&tree.body, &statement::statements(&tree.body, lines, &normalizer))
    } else {
        None
    };
    Parts { definitions, whole, plants, version }
}

impl Module {
    /// Returns every function, class and lambda, at any depth, in source order, outer before inner.
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// Returns the whole module as one fragment: its reads are the names that it may take from outside,
    /// builtins included.
    pub fn whole(&self) -> &Fragment {
        &self.whole
    }

    /// Returns the function whose code object has this `co_name` and `co_firstlineno`.
    ///
    /// `body_position` is where its first instructions come from; it tells lambdas on one line apart.
    /// None if several functions fit and they are not all alike.
    pub fn function_at(
        &self,
        name: &str,
        first_line: u32,
        body_position: Option<Position>,
    ) -> Option<&Definition> {
        let fits = |definition: &&Definition| {
            definition.is_function() && definition.name == name && definition.first_line == first_line
        };
        let candidates: Vec<&Definition> = self.definitions.iter().filter(fits).collect();
        if let Some(only) = only_one_kind(&candidates) {
            return Some(only);
        }
        let position = body_position?;
        // The innermost one: its body's first instruction lies in the bodies around it too.
        candidates
            .into_iter()
            .filter(|candidate| candidate.body_covers(position))
            .max_by_key(|it| it.body_start)
    }

    /// Returns the classes with this `__qualname__`: several if a name is defined more than once.
    pub fn class_candidates(&self, qualname: &str) -> Vec<&Definition> {
        self.classes().filter(|class| class.qualname == qualname).collect()
    }

    /// Returns the class with this `__qualname__` and `__firstlineno__` (CPython 3.13 and later).
    pub fn class_at(&self, qualname: &str, first_line: u32) -> Option<&Definition> {
        let candidates: Vec<&Definition> = self
            .classes()
            .filter(|class| class.qualname == qualname && class.first_line == first_line)
            .collect();
        only_one_kind(&candidates)
    }

    /// Returns the `with` statement one of whose managers covers a position. `column` is in UTF-8 bytes.
    ///
    /// The position is that of the call that makes the manager, or of the instruction that enters it; for
    /// the latter CPython 3.11 gives the start of the statement, which fits all its managers. Parses the
    /// text again.
    ///
    /// # Errors
    /// No manager stands there, or the position fits several.
    pub fn block_at(&self, line: u32, column: Option<u32>) -> Result<Block, BlockError> {
        with_tree(&self.source, self.dialect, |tree, lines| {
            block::block_at(&tree.body, lines, &self.source, line, column)
        })?
    }

    /// Returns what the module puts, at any depth, on things that its global names lead to.
    pub fn plants(&self) -> &[Plant] {
        &self.plants
    }

    /// Returns the text that the module gives `__version__`, if it does so in one place and in so many words.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the statements of the module itself, in order. Parses the text again at the first call.
    pub fn statements(&self) -> &[Statement] {
        self.statements.get_or_init(|| {
            let read = with_tree(&self.source, self.dialect, |tree, lines| {
                let normalizer = Normalizer::new(&self.source, &tree.body);
                statement::statements(&tree.body, lines, &normalizer)
            });
            // It was parsed before: it parses.
            read.unwrap_or_default().into()
        })
    }

    /// Returns the indices, in order, of the statements that may have made the present value of `names`.
    ///
    /// They are the statements that bind or may change a name of the set, the set growing by the names that
    /// those statements read, but for names that only definitions and imports bind, and by names that may
    /// share a value with one of it. Statements that may bind any name at all are always among them.
    pub fn slice(&self, names: &[&str]) -> Vec<usize> {
        statement::slice(self.statements(), names)
    }

    /// Returns the digest of all functions and classes with this `__qualname__`, decorators included; none
    /// if there is none.
    pub fn code_of(&self, qualname: &str) -> Option<Digest> {
        let mut hasher = Hasher::in_domain("hozon 2026 code 1: definitions of a name");
        let mut found = false;
        for definition in self.definitions.iter().filter(|definition| definition.qualname == qualname) {
            found = true;
            hasher.update(definition.body.digest.as_bytes());
            for decorator in &definition.decorators {
                hasher.update(decorator.digest.as_bytes());
            }
        }
        found.then(|| hasher.finish())
    }

    /// Returns the line that the last definition with this `__qualname__` starts on, from 1.
    pub fn line_of(&self, qualname: &str) -> Option<u32> {
        let named = self.definitions.iter().filter(|definition| definition.qualname == qualname);
        named.map(|definition| definition.first_line).next_back()
    }

    /// Tells whether the text alone decides what running the module makes of the definitions that hold
    /// `qualname`: their decorators, defaults and class bodies.
    pub fn is_plainly_defined(&self, qualname: &str) -> bool {
        let outermost = qualname.split('.').next().unwrap_or(qualname);
        let mut defining =
            self.statements().iter().filter(|it| it.binds.iter().any(|name| name == outermost));
        defining.all(|statement| statement.is_plain)
    }

    /// Returns the statements that make the value of a variable of the module, if nothing but their text
    /// decides it.
    pub fn plain_variable(&self, name: &str) -> Option<PlainVariable> {
        let mut hasher = Hasher::in_domain("hozon 2026 code 1: statements of a plain variable");
        let mut imports = Vec::new();
        let mut binds = false;
        for index in self.slice(&[name]) {
            let statement = &self.statements()[index];
            if !statement.is_plain || statement.uses_dynamic_names {
                return None;
            }
            binds |= statement.binds.iter().any(|bound| bound == name);
            hasher.update(statement.digest.as_bytes());
            imports.extend(statement.imports.iter().cloned());
        }
        binds.then(|| PlainVariable { digest: hasher.finish(), imports })
    }

    fn classes(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.iter().filter(|definition| definition.kind == DefinitionKind::Class)
    }
}

/// Returns the text that a module gives `__version__`, where one statement alone makes it.
fn version_among(body: &[Stmt], statements: &[Statement]) -> Option<Arc<str>> {
    let [only] = statement::slice(statements, &[VERSION])[..] else { return None };
    let value = match &body[only] {
        Stmt::Assign(assignment) => Some(&*assignment.value),
        Stmt::AnnAssign(assignment) => assignment.value.as_deref(),
        _ => None,
    };
    let binds = statements[only].binds.iter().any(|name| name == VERSION);
    value?.as_string_literal_expr().filter(|_| binds).map(|text| Arc::from(text.value.to_str()))
}

/// Returns the definition that all candidates are alike to.
fn only_one_kind<'m>(candidates: &[&'m Definition]) -> Option<&'m Definition> {
    let (first, rest) = candidates.split_first()?;
    rest.iter().all(|other| other.body == first.body && other.decorators == first.decorators).then_some(first)
}
