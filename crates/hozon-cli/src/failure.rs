//! What the command says when it cannot do what was asked.

use hozon_key::visible;
use hozon_store::{KeyringError, StoreError};

use crate::{EXIT_MISSING, EXIT_UNUSABLE, EXIT_USAGE};

/// An error as the user sees it, with the exit code that it leads to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// What and where, perhaps why.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hints: Vec<String>,
}

impl Failure {
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self { code: EXIT_MISSING, message: message.into(), hints: vec![] }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: EXIT_USAGE, message: message.into(), hints: vec![] }
    }

    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        Self { code: EXIT_UNUSABLE, message: message.into(), hints: vec![] }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same for an exception of a program.
    pub(crate) fn sentences(&self) -> String {
        let hints: String = self.hints.iter().map(|hint| format!("; {hint}")).collect();
        format!("{}{hints}", self.message)
    }

    /// The lines for standard error.
    pub(crate) fn text(&self) -> String {
        let hints: String = self.hints.iter().map(|hint| format!("hint: {hint}\n")).collect();
        format!("error: {}\n{hints}", self.message)
    }
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        let message = visible(&error.to_string()).into_owned();
        match error {
            KeyringError::Refused(_) => Self::missing(message),
            KeyringError::Damaged { .. } => Self::unusable(message)
                .hint("mend or remove the line: until then nothing that others signed is used"),
            _ => Self::unusable(message),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self::unusable(visible(&error.to_string()));
        match error {
            StoreError::NotAFolder { .. } => failure.hint("give the folder of a store with --store PATH"),
            StoreError::Index(_) => {
                failure.hint("remove index.db from the store: it is made again from the entries")
            }
            _ => failure.hint("check that the folder is there and that you may write to it"),
        }
    }
}
