//! Keeps what functions and classes reach from one digest to the next, as long as the guards hold.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hozon_key::pins::Pin;
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

use crate::reach::{self, Reached};
use crate::walk::{Walked, Walker};

struct Kept {
    /// Tells whether the address still belongs to the object that was analysed.
    object: Py<PyWeakrefReference>,
    reached: Arc<Reached>,
}

/// The lock is only held with the interpreter attached and never while Python code runs.
static KEPT: Mutex<Option<HashMap<Place, Kept>>> = Mutex::new(None);

/// The most analyses kept; beyond it all are made anew.
const MOST_KEPT: usize = 4096;

/// Returns what `root` reaches, analysed anew if something that was reached has changed.
pub(crate) fn reached<'py>(walker: &mut Walker<'py>, root: &Bound<'py, PyAny>) -> Walked<Arc<Reached>> {
    // Analyses under other pins are other analyses.
    let keeps = walker.local_pin == Pin::Code;
    let key = (root.as_ptr() as usize, walker.notebook.is_some());
    if let Some(reached) = if keeps { kept(root, key)? } else { None } {
        walker.touched.extend(reached.packages.iter().cloned());
        walker.aspects.add(reached.aspects);
        walker.unseen.extend(reached.unseen.iter().cloned());
        walker.deferred.extend(reached.deferred.iter().cloned());
        walker.origins.extend(reached.origins.iter().cloned());
        return Ok(reached);
    }
    let outer_unfinished = std::mem::replace(&mut walker.met_unfinished, false);
    let reached = Arc::new(reach::analyse(walker, root)?);
    // Digests of values that lead back to unfinished code hold only inside this walk.
    if keeps && !walker.met_unfinished {
        keep(root, key, &reached);
    }
    walker.met_unfinished |= outer_unfinished;
    Ok(reached)
}

/// An analysis for a notebook ends at the notebook's names; any other goes on.
type Place = (usize, bool);

fn kept(root: &Bound<'_, PyAny>, key: Place) -> PyResult<Option<Arc<Reached>>> {
    let py = root.py();
    let found = lock()
        .as_ref()
        .and_then(|kept| kept.get(&key))
        .map(|kept| (kept.object.clone_ref(py), kept.reached.clone()));
    let Some((object, reached)) = found else { return Ok(None) };
    let alive = object.bind(py).call0()?.is(root);
    Ok((alive && reached.guards_hold(root)?).then_some(reached))
}

fn keep(root: &Bound<'_, PyAny>, key: Place, reached: &Arc<Reached>) {
    let Ok(object) = PyWeakrefReference::new(root) else { return };
    let kept = Kept { object: object.unbind(), reached: reached.clone() };
    let dropped = {
        let mut all = lock();
        let all = all.get_or_insert_default();
        let overflow = if all.len() >= MOST_KEPT { std::mem::take(all) } else { HashMap::new() };
        (overflow, all.insert(key, kept))
    };
    // Dropping references may run Python code, so it happens with the lock released.
    drop(dropped);
}

fn lock() -> std::sync::MutexGuard<'static, Option<HashMap<Place, Kept>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets every analysis.
pub(crate) fn forget() {
    let forgotten = lock().take();
    drop(forgotten);
}
