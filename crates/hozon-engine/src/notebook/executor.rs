//! What a notebook needs of the process that runs its cells.

use std::sync::Arc;

use hozon_format::{CellRecord, Digest, Key};
use hozon_key::Subject;

/// Runs cells and restores values, in one namespace. The engine knows nothing of Python.
pub trait Executor: Send {
    /// Takes steps, in order, so that names have the values that they had. An error tells the first step
    /// that cannot be taken; those before it have been.
    ///
    /// # Errors
    /// [`ExecutorError::Step`], or that the process is gone.
    fn restore(&mut self, steps: &[Step]) -> Result<(), ExecutorError>;

    /// Runs a cell, and stores what it gave under its key where that is asked for.
    ///
    /// # Errors
    /// The process is gone. What the cell itself raises is no error here.
    fn run(&mut self, cell: &CellToRun) -> Result<CellRun, ExecutorError>;

    /// Looks at a variable of a module, importing that; none if it cannot be told.
    ///
    /// # Errors
    /// The process is gone.
    fn observe(&mut self, subject: &Subject) -> Result<Option<Digest>, ExecutorError>;

    /// Writes the values of names to where [`Step::Take`] finds them: those of one list for one step each, in
    /// their order. Returns the names whose values cannot leave the process, and why.
    ///
    /// # Errors
    /// The process is gone, or has no place to write to.
    fn give(&mut self, names: &[Vec<String>]) -> Result<Vec<(String, String)>, ExecutorError>;

    /// Forgets all names.
    ///
    /// # Errors
    /// The process is gone.
    fn reset(&mut self) -> Result<(), ExecutorError>;

    /// Gives what stops it from another thread.
    fn stopper(&self) -> Arc<dyn Stopper>;
}

/// Stops what an executor does on another thread.
pub trait Stopper: Send + Sync {
    /// Interrupts the cell that runs.
    fn interrupt(&self);

    /// Ends the process at once.
    fn kill(&self);
}

/// One thing to be done before a cell can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Bind a name to a module.
    Import {
        /// The name.
        name: String,
        /// The module's whole name.
        module: String,
    },
    /// Run the statements of a cell that define functions and classes. They must come out as they were.
    Define {
        /// The cell's position in the notebook.
        cell: usize,
        /// The cell's source.
        source: String,
        /// The line of the file that it starts on.
        first_line: u32,
        /// What tells its code apart from other cells': a part of its file name.
        tag: String,
        /// The names, each with the digest that it must have.
        names: Vec<(String, Option<Digest>)>,
    },
    /// Bind the names of a group of values that an entry keeps.
    Load {
        /// The entry.
        entry: Key,
        /// The index of the group.
        group: u32,
        /// The names that its cell may have read, in the order that numbers their objects; empty if the
        /// values share nothing with them.
        inputs: Vec<String>,
    },
    /// Do to the process what a cell did.
    Effects {
        /// The entry.
        entry: Key,
    },
    /// Bind a name to the value of an expression.
    Assign {
        /// The name.
        name: String,
        /// The expression.
        source: String,
    },
    /// Bind names to the values that the process of the cells has given for them.
    Take {
        /// The names.
        names: Vec<String>,
    },
    /// Remove names.
    Delete {
        /// The names.
        names: Vec<String>,
    },
}

/// A cell that is to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct CellToRun {
    /// Its position in the notebook.
    pub cell: usize,
    /// What listings call it.
    pub name: String,
    /// Where it stands, for people.
    pub place: String,
    /// What is run.
    pub source: String,
    /// The line of the file that it starts on.
    pub first_line: u32,
    /// What tells its code apart from other cells'.
    pub tag: String,
    /// The key that is known before; none if it is not to be stored.
    pub key: Option<Key>,
    /// The encoded recipe that is known before; none if something that it depends on cannot be told.
    pub recipe: Option<Vec<u8>>,
    /// The names that it may read.
    pub inputs: Vec<String>,
    /// The names that it may read or change in place: those, and what shares objects with them.
    pub present: Vec<String>,
    /// What tells these and how they share objects from others; none if nothing does: then a cell that changes
    /// them is not to be stored.
    pub sharing: Option<Digest>,
    /// Modules that earlier cells have imported and that its modules may be asked for: `import xml.dom` in an
    /// earlier cell lets it read `xml.dom`. `a.b` is a module, `a:b` what was taken from one.
    pub submodules: Vec<String>,
    /// What tells the figures that earlier cells have left open; none if they have left none.
    pub figures: Option<Digest>,
    /// The name that the value which it shows is kept under, if others may read that.
    pub shown_as: Option<String>,
    /// Of the names that it may read, those of values that earlier cells have shown, in their order.
    pub shown: Vec<String>,
    /// The texts of the code cells up to this one, where it may read those.
    pub sources: Vec<String>,
    /// The names that it may give a value.
    pub binds: Vec<String>,
    /// Private names, as they are written and as they run.
    pub renamed: Vec<(String, String)>,
    /// Those that its statements define as functions and classes, and in no other way.
    pub definitions: Vec<String>,
    /// It holds nothing but imports.
    pub only_imports: bool,
    /// It holds magics: IPython runs it, if there is one.
    pub has_magics: bool,
    /// The value of its last expression is not shown.
    pub is_suppressed: bool,
    /// Nothing that it shows is shown.
    pub is_captured: bool,
    /// It runs before its turn: it may do nothing that is seen outside of the process. Where it would write a
    /// file, start a program or use the network, that is not done, and nothing of the run is stored.
    pub is_ahead: bool,
}

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunEnd {
    /// At its last statement.
    Done,
    /// By an exception.
    Failed,
    /// By `mo.stop`.
    Stopped,
    /// By the person.
    Interrupted,
}

/// What came of running a cell.
#[derive(Debug, Clone)]
pub struct CellRun {
    /// How it ended.
    pub end: RunEnd,
    /// How long it took.
    pub seconds: f64,
    /// The entry that was stored, if one was.
    pub entry: Option<Key>,
    /// Why none was.
    pub unstored: Option<String>,
    /// What it did.
    pub record: CellRecord,
    /// What it shows: a JSON list of outputs.
    pub displays: String,
    /// What a person should know of this run: sentences.
    pub notes: Vec<String>,
}

/// Why an executor could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// A step cannot be taken: the cell has to run.
    #[error("step {index}: {why}")]
    Step {
        /// Which one, from 0.
        index: usize,
        /// Why, for people.
        why: String,
    },
    /// The process has ended.
    #[error("{0}")]
    Gone(String),
    /// The person wants to stop.
    #[error("interrupted")]
    Interrupted,
}
