//! What the command needs from the program that holds it.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;

use hozon_format::SealKey;
use hozon_sys::System;

/// Everything that the command would otherwise take from its surroundings.
pub struct Context<'a> {
    /// Files and clock.
    pub system: Arc<dyn System>,
    /// The store that is used without `--store`.
    pub default_store: PathBuf,
    /// Gives the user's seal key, or says in a sentence why there is none. Called once, if a store is
    /// opened.
    pub load_seal_key: Box<dyn FnOnce() -> Result<SealKey, String> + 'a>,
    /// Who uses the command, for the records of what a person accepts.
    pub user: String,
    /// Where answers to questions come from: standard input if it is a terminal, else nothing.
    pub answers: Option<&'a mut dyn BufRead>,
    /// Where results go.
    pub stdout: &'a mut dyn Write,
    /// Where errors, hints, notes and questions go.
    pub stderr: &'a mut dyn Write,
    /// The number of columns of the terminal that `stdout` is, if it is one.
    pub width: Option<usize>,
}
