//! The words of the command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

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

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Where the results are kept; it is made if it is not there
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8731")]
    pub(crate) listen: SocketAddr,
    /// A file with `read TOKEN` or `write TOKEN` on each line. Without it: `tokens` in the folder, which is made
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// A name, with its port, by which clients ask for this server; several may be given
    #[arg(long = "host", value_name = "NAME:PORT")]
    pub(crate) hosts: Vec<String>,
    /// Keep no more than this (`500MiB`, `200GB`)
    #[arg(long, value_name = "SIZE", value_parser = size_of_text)]
    pub(crate) quota: Option<u64>,
    /// At the quota: remove what was used longest ago, or refuse what comes
    #[arg(long, value_enum, default_value_t = Full::Remove, requires = "quota")]
    pub(crate) when_full: Full,
    /// Speak TLS, with this certificate (PEM, with its chain)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}

/// What `hozon serve` does at its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Full {
    Remove,
    Refuse,
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
        #[arg(value_name = "NAME|KEY", required_unless_present_any = ["all", "unused_for"])]
        what: Vec<String>,
        /// Remove every entry
        #[arg(long, conflicts_with = "what")]
        all: bool,
        /// Remove what was neither stored nor used for so long (`12h`, `30d`, `8w`) and has no name
        #[arg(long, value_name = "TIME", conflicts_with_all = ["what", "all"], value_parser = time_of_text)]
        unused_for: Option<Duration>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Send results to the tiers, signed. Without a name: what is noted to be sent
    Push {
        /// Names, or at least 4 hex digits of keys
        #[arg(value_name = "NAME|KEY")]
        what: Vec<String>,
    },
    /// Fetch the results of these names from the tiers, if their signers are trusted
    Pull {
        /// Names of computations
        #[arg(value_name = "NAME", required_unless_present = "all")]
        names: Vec<String>,
        /// Fetch everything
        #[arg(long, conflicts_with = "names")]
        all: bool,
    },
    /// Serve a folder of results to others, over HTTP: a tier, until it is asked to end
    Serve(ServeArguments),
    /// Show the key that others know you by; it is made at the first use
    Keys {
        /// Print the line for others, and nothing else
        #[arg(long)]
        public: bool,
        /// Sign with this SSH key from now on (Ed25519, without a passphrase)
        #[arg(long, value_name = "FILE", conflicts_with = "own")]
        ssh: Option<PathBuf>,
        /// Sign with hozon's own key again
        #[arg(long)]
        own: bool,
    },
    /// Say whose results are used
    Trust {
        #[command(subcommand)]
        step: TrustStep,
    },
    /// Write results to one file, signed, for others or another machine
    Export {
        /// Names, or at least 4 hex digits of keys
        #[arg(value_name = "NAME|KEY", required = true)]
        what: Vec<String>,
        /// The file to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Take the results of a file that `hozon export` wrote, if their signers are trusted
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Only tell what would be taken
        #[arg(long)]
        dry_run: bool,
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

#[derive(Debug, Subcommand)]
pub(crate) enum TrustStep {
    /// Use what the owner of a key has signed
    Add {
        /// The line that `hozon keys --public` prints, an `ssh-ed25519` line, or a file that holds one
        #[arg(value_name = "KEY|FILE", required = true)]
        key: Vec<String>,
        /// What to call the key; else the first word of its comment
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Only for computations whose names are like this (`*`, `?`); may be given several times
        #[arg(long = "scope", value_name = "PATTERN")]
        scopes: Vec<String>,
    },
    /// Stop using what a key has signed
    Remove {
        /// What the key is called
        name: String,
    },
    /// Never use what a key has signed again, and remove what is stored of it
    Revoke {
        /// What the key is called, or its line
        #[arg(value_name = "NAME|KEY", required = true)]
        name: Vec<String>,
    },
    /// Allow a tier that a project names, or use one everywhere; without an address: list them
    Tier {
        /// Its address
        #[arg(value_name = "ADDRESS")]
        address: Option<String>,
        /// Use it for every project
        #[arg(long)]
        everywhere: bool,
        /// Allow it no longer
        #[arg(long, conflicts_with = "everywhere")]
        remove: bool,
    },
    /// List the keys
    List,
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

/// Reads a time: a number with s, m, h, d or w, as a `ttl` is written.
fn time_of_text(text: &str) -> Result<Duration, String> {
    let wrong = || "it is to be a number with s, m, h, d or w, as in 12h or 30d".to_owned();
    let (number, unit) =
        text.trim().split_at_checked(text.trim().len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit: u32 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * f64::from(unit)).map_err(|_| wrong())
}
