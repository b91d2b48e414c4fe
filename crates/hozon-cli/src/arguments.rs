//! The words of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  what was asked for is not there, or verify found damage
  2  wrong usage
  3  the store cannot be used";

/// Look at, explain, check and clear the results that hozon keeps.
#[derive(Debug, Parser)]
#[command(name = "hozon", version, after_help = EXIT_CODES, propagate_version = true)]
#[command(arg_required_else_help = true, max_term_width = 80)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Print JSON, with the fields that docs/command.md lists
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The folder of the store, instead of the project's
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) store: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the entries, newest first
    Ls,
    /// Show one entry: its facts, outputs and recipe
    Show {
        /// A name, or at least 4 hex digits of a key
        #[arg(value_name = "KEY|NAME")]
        what: String,
    },
    /// Explain why computations ran: what differs from the nearest earlier entry. Without a word: all
    /// that ran in the last session
    Why {
        /// A name, a key's first hex digits, a function or class that computations reach, or a file
        #[arg(value_name = "NAME|KEY|FUNCTION|FILE[:LINE]")]
        what: Option<String>,
    },
    /// Say that the present edits cannot matter: earlier results are used with the present code
    Accept {
        /// The name of the computations
        #[arg(required_unless_present = "list")]
        name: Option<String>,
        /// Accept only this function or class, by its qualified name
        #[arg(long = "definition", value_name = "QUALIFIED")]
        definitions: Vec<String>,
        /// The file to look into, if several have the same name
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
        /// List what is accepted
        #[arg(long, conflicts_with_all = ["revoke", "definitions", "file"])]
        list: bool,
        /// Take back what was accepted for the name, and remove the entries that it gave results to
        #[arg(long, conflicts_with_all = ["definitions", "file"])]
        revoke: bool,
    },
    /// Run a program, compute a sample of its hits again, and compare
    #[command(disable_help_flag = true)]
    Audit {
        /// `--sample N`, `--tolerance REL`, then a FILE or `-m MODULE`, and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS PROGRAM")]
        program: Vec<OsString>,
    },
    /// Sum up the store: entries, sizes, time saved
    Stats,
    /// Remove entries
    Clear {
        /// Names, or at least 4 hex digits of keys
        #[arg(value_name = "NAME|KEY", required_unless_present = "all")]
        what: Vec<String>,
        /// Remove every entry
        #[arg(long, conflicts_with = "what")]
        all: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Check every entry and blob in full
    Verify {
        /// Move damaged files aside and remove what nothing needs
        #[arg(long)]
        repair: bool,
    },
}
