//! One cell of a notebook.

use hozon_format::Digest;

use super::code::{self, CellCode, Privacy, ReadCode};
use super::magics;
use super::sql::SqlTables;
use crate::error::SourceError;
use crate::parse::Dialect;

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// Python.
    Code,
    /// Text to be shown.
    Markdown,
    /// Text for another program.
    Raw,
    /// marimo's `with app.setup`: it runs before all others.
    Setup,
    /// Python that marimo could not parse when it wrote the file.
    Unparsable,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What it holds.
    pub kind: CellKind,
    /// The name of marimo's function but for `_`, the title of a percent cell, the id of a Jupyter cell.
    pub name: Option<String>,
    /// What its author wrote, dedented.
    pub text: String,
    /// The Python that runs: `text` with private names renamed, magics translated away, and without the
    /// decorator that makes a definition a cell.
    pub source: String,
    /// Private names and the names that stand for them in `source`.
    pub renamed: Vec<(String, String)>,
    /// The line of the file that `text` starts on, from 1; 1 in a Jupyter notebook.
    pub first_line: u32,
    /// The text of a Markdown cell, or of a code cell that does nothing but show a literal Markdown text.
    pub markdown: Option<String>,
    /// What its author set for it.
    pub settings: CellSettings,
    /// What it takes and gives; of nothing for what is not code.
    pub code: Result<CellCode, SourceError>,
    /// Why it may never be restored, said for people: a magic or a shell command that has an effect.
    pub live: Option<String>,
    /// Its tags, in formats that have them.
    pub tags: Vec<String>,
    /// The tables that its SQL reads, qualified as written, in lower case; sorted.
    pub tables_read: Vec<String>,
    /// The tables and views that its SQL makes, and `name.*` for schemas and databases; in lower case, sorted.
    pub tables_made: Vec<String>,
    /// The name that the value which it shows is kept under (`_3`), where a cell may read that.
    pub shown_as: Option<String>,
    /// Of the texts of the code cells up to this one, where it may read those.
    pub sources: Option<Digest>,
}

/// What the author of a cell set for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellSettings {
    /// `# hozon: off`
    pub off: bool,
    /// The value of `# hozon: ttl=…`, as written.
    pub ttl: Option<String>,
    /// marimo's `disabled=True`.
    pub disabled: bool,
    /// marimo's `hide_code=True`.
    pub hide_code: bool,
    /// Words after `# hozon:` that say nothing that is known.
    pub faults: Vec<String>,
    /// `%%capture`
    pub capture: bool,
}

impl Cell {
    /// A cell that is not code.
    pub(super) fn prose(kind: CellKind, text: String, first_line: u32) -> Self {
        let markdown = (kind == CellKind::Markdown).then(|| text.clone());
        Self {
            kind,
            name: None,
            source: text.clone(),
            text,
            renamed: Vec::new(),
            first_line,
            markdown,
            settings: CellSettings::default(),
            code: Ok(CellCode::nothing()),
            live: None,
            tags: Vec::new(),
            tables_read: Vec::new(),
            tables_made: Vec::new(),
            shown_as: None,
            sources: None,
        }
    }

    /// A cell of Python.
    pub(super) fn python(text: String, first_line: u32, privacy: Privacy) -> Self {
        let read = code::read(&text, Dialect::Python, privacy);
        let mut cell = Self::unread(text, first_line);
        cell.take(read);
        cell
    }

    /// A cell of IPython's Python. `needs_extensions`: cells of the notebook use magics of extensions.
    pub(super) fn interactive(text: String, first_line: u32, needs_extensions: bool) -> Self {
        let translation = magics::translate(&text, needs_extensions);
        let mut cell = Self::unread(text, first_line);
        cell.settings.capture = translation.captures;
        cell.live = translation.live;
        let Some(python) = translation.python else {
            cell.code = Ok(CellCode::opaque(&cell.text).with_magics(translation.gives, false));
            return cell;
        };
        // What does not parse is told as IPython would.
        let dialect = if translation.has_magics { Dialect::Ipython } else { Dialect::Python };
        cell.take(code::read(&python, dialect, Privacy::Shared));
        if cell.live.is_none() {
            cell.source = python;
        }
        if let Ok(code) = cell.code {
            let code = if translation.keeps_nothing { code.keeping_nothing() } else { code };
            cell.code = Ok(code.with_magics(translation.gives, translation.gives_unseen));
        }
        cell
    }

    /// A cell that a session of IPython is about to run. Extensions are loaded there by those who ask for them.
    pub fn of_session(name: Option<String>, text: String) -> Self {
        Self { name, ..Self::interactive(text, 1, true) }
    }

    /// A cell that marimo is about to run.
    pub fn of_marimo(name: Option<String>, text: String) -> Self {
        Self { name, ..Self::python(text, 1, Privacy::Private) }
    }

    /// Tells whether it has magics that do something, beside timing or capturing it as a whole.
    pub fn runs_magics(&self) -> bool {
        const WITHOUT_EFFECT: [&str; 2] = ["%%time", "%%capture"];
        if !self.renamed.is_empty() {
            return false;
        }
        let mut rest = self.text.as_str();
        let mut blank = String::new();
        while let Some((first, others)) = rest.split_once('\n') {
            if !WITHOUT_EFFECT.contains(&first.trim_end()) {
                break;
            }
            (rest, blank) = (others, blank + "\n");
        }
        let (without, whole) = (self.source.lines(), blank + rest);
        self.live.is_some() || !without.map(str::trim_start).eq(whole.lines().map(str::trim_start))
    }

    fn unread(text: String, first_line: u32) -> Self {
        let settings = CellSettings::of(&text);
        Self { settings, ..Self::prose(CellKind::Code, text, first_line) }
    }

    fn take(&mut self, read: Result<ReadCode, SourceError>) {
        self.code = read.map(|read| {
            self.source = read.renaming.applied(&self.text);
            self.renamed = read.renaming.names;
            self.markdown = read.markdown;
            self.take_tables(&read.tables);
            read.code
        });
    }

    fn take_tables(&mut self, tables: &SqlTables) {
        self.tables_read = tables.read.iter().map(|parts| parts.join(".")).collect();
        let schemas = tables.made_schemas.iter().map(|name| format!("{name}.*"));
        self.tables_made = tables.made.iter().map(|parts| parts.join(".")).chain(schemas).collect();
        self.tables_made.sort_unstable();
        if tables.has_effect && self.live.is_none() {
            self.live = Some("may change a database".to_owned());
        }
    }

    /// Tells whether it is something to run.
    pub(super) fn is_code(&self) -> bool {
        matches!(self.kind, CellKind::Code | CellKind::Setup | CellKind::Unparsable)
    }
}
