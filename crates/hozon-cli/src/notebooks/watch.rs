//! `hozon watch`.
//!
//! Every run has a process of its own: what an earlier run left in one, in modules above all, is in no key.

use std::path::Path;
use std::time::Duration;

use hozon_engine::RunOptions;
use hozon_key::visible;

use super::changes::Changes;
use super::interest::Interest;
use super::pages;
use super::plan::notes_of;
use super::run::{self, Round};
use super::session::{Purpose, Session};
use super::teller::{Manner, Texts};
use crate::Context;
use crate::arguments::{Common, WatchArguments};
use crate::context::HostSettings;
use crate::failure::Failure;
use crate::report::Report;

/// How long nobody looks whether the person wants to stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// So often a change that came while cells ran makes them run again at once: it may be their own doing.
const MOST_HURRIED: usize = 3;

/// So many changed files are named.
const MOST_NAMED: usize = 3;

/// Runs a notebook now and whenever it, or a file that it reads, has changed.
pub(crate) fn watch(
    arguments: &WatchArguments,
    common: &Common,
    context: &mut Context<'_>,
) -> Result<Report, Failure> {
    pages::check(&arguments.outputs, &*context.system)?;
    let (session, _, settings) = Session::open(&arguments.notebook, common, context, Purpose::Run)?;
    session.notes.iter().for_each(|note| say(context, note));
    let mut watch = Watch {
        arguments,
        json: common.json,
        session,
        settings,
        changes: Changes::new()?,
        rounds: 0,
        hurried: 0,
    };
    loop {
        let interest = watch.round(context);
        match watch.next_change(interest) {
            Some(what) => watch.announce(&what, context),
            None => return Ok(Report::text("")),
        }
    }
}

struct Watch<'a> {
    arguments: &'a WatchArguments,
    json: bool,
    session: Session<'a>,
    /// As they were when the notebook could last be read.
    settings: HostSettings,
    changes: Changes,
    rounds: usize,
    /// How many rounds in a row began at once after the one before.
    hurried: usize,
}

impl Watch<'_> {
    fn notebook(&self) -> &Path {
        &self.arguments.notebook.file
    }

    /// Runs the notebook once, and says so. Returns what the next change is measured by.
    fn round(&mut self, context: &mut Context<'_>) -> Interest {
        let before = self.sources();
        let outcomes = match self.run(context) {
            Ok(outcomes) => outcomes,
            Err(failure) => {
                say(context, failure.text().trim_end());
                vec![]
            }
        };
        self.rounds += 1;
        let mut interest = self.sources();
        interest.or_as_in(&before);
        interest.add_traced(&self.session, &self.settings, &outcomes);
        if let Some(why) = self.changes.follow(&interest.folders) {
            say(context, &format!("note: not everything can be watched: {}", visible(&why)));
        }
        interest
    }

    fn sources(&self) -> Interest {
        Interest::in_sources(&self.session, self.notebook(), &self.settings)
    }

    fn run(&mut self, context: &mut Context<'_>) -> Result<Vec<hozon_engine::CellOutcome>, Failure> {
        let (file, settings) = self.session.again()?;
        self.settings = settings.clone();
        let options = RunOptions { jobs: usize::from(self.arguments.jobs), ..RunOptions::default() };
        let round = Round::new(file, settings, &self.arguments.notebook.cells, options)?;
        let outputs = &self.arguments.outputs;
        notes_of(&round.file).for_each(|note| say(context, &note));
        let texts = match (self.json, self.rounds) {
            (true, _) => Texts::None,
            (false, 0) => Texts::All,
            (false, _) => Texts::OfRan,
        };
        let manner = Manner { texts, quiet: outputs.quiet, columns: context.stderr_width };
        let ended = round.run(&self.session, manner, context);
        pages::write(outputs, &self.session, &round, &ended, context)?;
        if self.json {
            // One line for each run.
            let line = serde_json::to_string(&run::fields(&self.session, &round, &ended)).unwrap_or_default();
            let written = writeln!(context.stdout, "{line}").and_then(|()| context.stdout.flush());
            written.map_err(|error| Failure::unusable(format!("the results cannot be written: {error}")))?;
        }
        if !outputs.quiet {
            say(context, &ended.totals.line());
        }
        Ok(ended.outcomes)
    }

    /// Waits for a change of what the last run depended on. None: the person wants to stop.
    fn next_change(&mut self, mut interest: Interest) -> Option<String> {
        // What changed while nobody watched yet is found before anyone waits.
        let mut changed = interest.changed(&self.session, self.notebook(), &self.settings);
        self.hurried = if changed.is_empty() { 0 } else { self.hurried + 1 };
        if self.hurried > MOST_HURRIED {
            self.hurried = 0;
            interest.settle(&self.session, &self.settings);
            changed.clear();
        }
        while changed.is_empty() {
            while !self.changes.wait(PATIENCE) {
                if self.session.host.interrupted() {
                    return None;
                }
            }
            changed = interest.changed(&self.session, self.notebook(), &self.settings);
        }
        Some(named(&changed))
    }

    fn announce(&self, what: &str, context: &mut Context<'_>) {
        if !self.arguments.outputs.quiet {
            say(context, &format!("{what} changed"));
        }
    }
}

/// `utils.py, train.csv and 2 more`.
fn named(names: &[String]) -> String {
    let shown = names[..names.len().min(MOST_NAMED)].join(", ");
    match names.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Where standard error cannot be written, nobody listens.
fn say(context: &mut Context<'_>, line: &str) {
    let _ = writeln!(context.stderr, "{line}").and_then(|()| context.stderr.flush());
}
