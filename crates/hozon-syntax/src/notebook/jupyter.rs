//! Jupyter notebooks: JSON of nbformat 4.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::cell::{Cell, CellKind};
use super::error::NotebookError;
use super::header::inline_metadata;
use super::{Notebook, NotebookFormat};
use crate::parse::as_tokenized;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    metadata: Option<FileMetadata>,
    #[serde(default)]
    nbformat: Option<serde_json::Value>,
    cells: Option<Vec<RawCell>>,
}

#[derive(Default, Deserialize)]
struct FileMetadata {
    #[serde(default)]
    kernelspec: Option<Language>,
    #[serde(default)]
    language_info: Option<Language>,
    #[serde(default)]
    title: Word,
}

#[derive(Default, Deserialize)]
struct Language {
    #[serde(default)]
    language: Word,
    #[serde(default)]
    name: Word,
}

#[derive(Deserialize)]
struct RawCell {
    #[serde(default)]
    cell_type: Word,
    #[serde(default)]
    id: Word,
    #[serde(default)]
    source: Text,
    #[serde(default)]
    metadata: Option<CellMetadata>,
}

#[derive(Default, Deserialize)]
struct CellMetadata {
    #[serde(default)]
    tags: Option<Vec<Word>>,
    #[serde(default)]
    jupyter: Option<JupyterMetadata>,
    #[serde(default)]
    vscode: Option<EditorMetadata>,
}

#[derive(Default, Deserialize)]
struct JupyterMetadata {
    #[serde(default)]
    source_hidden: Option<bool>,
}

#[derive(Default, Deserialize)]
struct EditorMetadata {
    #[serde(default, rename = "languageId")]
    language: Word,
}

/// A text, or none where something else stands.
#[derive(Debug, Default)]
struct Word(Option<String>);

/// A text, written as one or as its lines.
#[derive(Debug, Default)]
struct Text(Option<String>);

/// Reads a Jupyter notebook.
pub(super) fn read(json: &str) -> Result<Notebook, NotebookError> {
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    let file: File = serde_json::from_str(json).map_err(fault)?;
    let metadata = file.metadata.unwrap_or_default();
    let version = file.nbformat.as_ref().and_then(serde_json::Value::as_u64);
    if let Some(version) = version.filter(|version| *version < 4) {
        return Err(NotebookError::TooOld { version });
    }
    let Some(raw) = file.cells else {
        let (place, message) = ("the file".to_owned(), "it has no cells".to_owned());
        return Err(NotebookError::NotNotebook { place, message });
    };
    let language = language(&metadata);
    let languages = language.iter().chain(raw.iter().filter_map(RawCell::language));
    if let Some(other) = languages.into_iter().find(|language| !is_python(language)) {
        return Err(NotebookError::NotPython { language: other.clone() });
    }
    let cells: Vec<Cell> = raw.into_iter().map(RawCell::read).collect();
    let mut notebook = Notebook::new(NotebookFormat::Jupyter, cells);
    let is_code = |cell: &&Cell| cell.kind == CellKind::Code;
    notebook.header = notebook.cells.iter().filter(is_code).find_map(|cell| inline_metadata(&cell.text));
    notebook.kernel_language = language;
    notebook.title = metadata.title.0;
    notebook.read_again_with_extensions();
    Ok(notebook)
}

fn language(metadata: &FileMetadata) -> Option<String> {
    let kernel = metadata.kernelspec.as_ref().and_then(|kernel| kernel.language.0.clone());
    kernel.or_else(|| metadata.language_info.as_ref().and_then(|info| info.name.0.clone()))
}

fn is_python(language: &str) -> bool {
    let language = language.to_ascii_lowercase();
    language.is_empty() || language.starts_with("python") || language.starts_with("ipython")
}

fn fault(error: serde_json::Error) -> NotebookError {
    let (line, column) = (error.line(), error.column());
    let whole = error.to_string();
    let message = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
    if error.is_data() {
        let place = format!("line {line}, column {column}");
        return NotebookError::NotNotebook { place, message };
    }
    NotebookError::NotJson { line, column, message }
}

impl RawCell {
    /// Returns the language that a code cell names for itself.
    fn language(&self) -> Option<&String> {
        let of_editor = self.metadata.as_ref().and_then(|metadata| metadata.vscode.as_ref());
        let named = of_editor.and_then(|editor| editor.language.0.as_ref());
        named.filter(|_| self.cell_type.0.as_deref() == Some("code"))
    }

    fn read(self) -> Cell {
        let text = self.source.0.unwrap_or_default();
        let text = as_tokenized(&text).into_owned();
        let mut cell = match self.cell_type.0.as_deref() {
            Some("code") => Cell::interactive(text, 1, false),
            Some("raw") => Cell::prose(CellKind::Raw, text, 1),
            _ => Cell::prose(CellKind::Markdown, text, 1),
        };
        let metadata = self.metadata.unwrap_or_default();
        let is_hidden = metadata.jupyter.is_some_and(|jupyter| jupyter.source_hidden == Some(true));
        cell.name = self.id.0;
        cell.tags = metadata.tags.into_iter().flatten().filter_map(|tag| tag.0).collect();
        let has_tag = |wanted: [&str; 3]| cell.tags.iter().any(|tag| wanted.contains(&tag.as_str()));
        cell.settings.hide_code = is_hidden || has_tag(["hide-input", "hide_input", "remove-input"]);
        cell.settings.disabled = has_tag(["skip-execution", "skip_execution", "skip"]);
        cell
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lenient).map(Self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Joined).map(Self)
    }
}

/// Takes a text, and none for everything else.
struct Lenient;

impl<'de> Visitor<'de> for Lenient {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// Takes a text or a list of texts, one after the other.
struct Joined;

impl<'de> Visitor<'de> for Joined {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or a list of texts")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut text = String::new();
        while let Some(line) = items.next_element::<String>()? {
            text.push_str(&line);
        }
        Ok(Some(text))
    }
}
