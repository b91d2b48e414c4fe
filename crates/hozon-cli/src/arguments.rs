//! The words of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use hozon_store::size_of_text;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  what was asked for is not there, a cell failed, verify found damage, or
     doctor something wrong
  2  wrong usage
  3  the store cannot be used
  4  a cell is stale, and --frozen was given; or ci check: something was computed
  130  interrupted";

/// Run notebooks from the results that hozon keeps; look at, explain, check and clear these.
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

/// A notebook, and what it is run with.
#[derive(Debug, Args)]
pub(crate) struct NotebookArguments {
    /// A marimo notebook, a `# %%` or plain script (.py), or a Jupyter notebook (.ipynb)
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Give a name this value in place of the one that its cell gives it
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Only this cell, by its name or its number from 1, and what it needs
    #[arg(long = "cell", value_name = "NAME|NUMBER")]
    pub(crate) cells: Vec<String>,
}

/// What comes of a run beside what its cells print.
#[derive(Debug, Args)]
pub(crate) struct RunOutputs {
    /// Write one page that shows the notebook and its outputs
    #[arg(long, value_name = "OUT")]
    pub(crate) html: Option<PathBuf>,
    /// Write the notebook with its outputs
    #[arg(long, value_name = "OUT")]
    pub(crate) ipynb: Option<PathBuf>,
    /// Print what the cells print, and errors, but no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) notebook: NotebookArguments,
    #[command(flatten)]
    pub(crate) outputs: RunOutputs,
    /// Run cells that do not depend on each other in this many processes at once
    #[arg(short = 'j', long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: u16,
    /// Run nothing: a stale cell is an error (exit code 4)
    #[arg(long, conflicts_with = "force")]
    pub(crate) frozen: bool,
    /// Run cells although their results are stored
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    pub(crate) notebook: NotebookArguments,
    #[command(flatten)]
    pub(crate) outputs: RunOutputs,
    /// Run cells that do not depend on each other in this many processes at once
    #[arg(short = 'j', long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: u16,
}

/// Reads `NAME=VALUE`; what the value means, the host says.
fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is to be NAME=VALUE")?;
    let name = name.trim();
    let is_name = !name.is_empty()
        && !name.starts_with(|first: char| first.is_numeric())
        && name.chars().all(|character| character.is_alphanumeric() || character == '_');
    match is_name {
        true => Ok((name.to_owned(), value.to_owned())),
        false => Err("the part before `=` is no Python name".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a notebook: its stale cells run, everything else comes from the store
    Run(RunArguments),
    /// Tell which cells of a notebook would run, and why. Nothing runs
    Plan(NotebookArguments),
    /// Run a notebook now and whenever it, or a file that it reads, is saved
    Watch(WatchArguments),
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
    /// Have sessions of IPython and Jupyter load hozon by themselves
    #[command(disable_help_flag = true)]
    Ipython {
        /// `enable`, `disable` or `status`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "enable|disable|status")]
        words: Vec<OsString>,
    },
    /// Sum up the store: entries, sizes, time saved
    Stats,
    /// Remove what is worth least for its size until the rest fits, and what nothing needs
    Gc {
        /// Only tell what would go, and how long it would take to compute it again
        #[arg(long)]
        dry_run: bool,
        /// Keep no more than this (`500MiB`, `2GB`), in place of the bound of the store
        #[arg(long, value_name = "SIZE", value_parser = size_of_text)]
        max_size: Option<u64>,
    },
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
    /// Take results along from one run of a CI to the next
    Ci {
        #[command(subcommand)]
        step: CiStep,
    },
    /// Check every entry and blob in full
    Verify {
        /// Move damaged files aside and remove what nothing needs
        #[arg(long)]
        repair: bool,
    },
    /// Look whether hozon can do its work here: disk, permissions, clock, locks, key, index, versions
    Doctor,
}

/// Where `hozon ci` keeps results between runs, if nothing else is said.
const CI_FOLDER: &str = ".hozon-ci";

#[derive(Debug, Subcommand)]
pub(crate) enum CiStep {
    /// Bring results from a folder into the store, each of them checked, and note when that was
    Restore {
        /// What `ci save` wrote
        #[arg(value_name = "FOLDER", default_value = CI_FOLDER)]
        folder: PathBuf,
    },
    /// Write results to a folder that the CI keeps. What it held and is not written goes
    Save {
        /// Where to
        #[arg(value_name = "FOLDER", default_value = CI_FOLDER)]
        folder: PathBuf,
        /// Only what was used or computed since `ci restore`
        #[arg(long)]
        touched_only: bool,
        /// Write no more than this (`500MiB`, `2GB`): what took longest for its size comes first
        #[arg(long, value_name = "SIZE", value_parser = size_of_text)]
        max_size: Option<u64>,
    },
    /// Tell what was restored and what was computed since `ci restore`, and why
    Report {
        /// As text, JSON, or Markdown for a summary page
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Fail if something was computed since `ci restore` (exit code 4), or the store is damaged (1)
    Check,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    Text,
    Md,
    Json,
}
