//! Single flight between runs of one notebook: of those that miss a cell, one runs it and the others wait.

use std::time::Duration;

use hozon_store::{Lease, LeaseAttempt};

use super::lookup::{Found, Stale};
use super::outcome::NotebookEvent;
use super::run::Runner;
use crate::flight::{FIRST_PAUSE, LONGEST_PAUSE};

/// Whoever has waited so long runs the cell too.
const MOST_WAIT: Duration = Duration::from_mins(15);

/// What comes of asking for the turn to run a cell.
pub(super) enum Turn {
    /// The cell is this run's: others wait while the lease lives.
    Own(Option<Lease>),
    /// Another run has stored it.
    Stored,
    /// The person wants to stop.
    Interrupted,
}

impl Runner<'_, '_> {
    /// Waits while another run has the turn to run a cell that would be stored under the same key. No lease is
    /// held meanwhile, so two runs never wait for each other.
    pub(super) fn turn(&mut self, cell: usize, stale: &Stale) -> Turn {
        if stale.unstorable.is_some() || self.is_forced(cell) {
            return Turn::Own(None);
        }
        let store = self.walk.store;
        let started = store.system().monotonic();
        let mut pause = FIRST_PAUSE;
        loop {
            match store.try_lease(&stale.key.key) {
                // Its holder may have stored it between our look and our lease.
                LeaseAttempt::Won(lease) => {
                    let found = self.walk.look(cell, None);
                    return if matches!(found, Found::Fresh(_)) {
                        Turn::Stored
                    } else {
                        Turn::Own(Some(lease))
                    };
                }
                LeaseAttempt::Unsupported => return Turn::Own(None),
                LeaseAttempt::Held => {}
            }
            if store.system().monotonic().saturating_sub(started) > MOST_WAIT {
                return Turn::Own(None);
            }
            self.tell(if pause == FIRST_PAUSE {
                NotebookEvent::Waits { cell }
            } else {
                NotebookEvent::Waiting
            });
            if self.interrupted {
                return Turn::Interrupted;
            }
            store.system().sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
