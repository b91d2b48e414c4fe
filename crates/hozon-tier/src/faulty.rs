//! A tier whose chosen calls fail, for tests.

use std::io::{Read, Write};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use hozon_format::Digest;

use crate::{Kind, Object, ObjectName, Put, Tier, TierError, Version};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It does not reach the tier.
    Unreachable,
    /// The tier does it, and the answer is lost.
    LostAnswer,
    /// The tier gives something wrong.
    Wrong,
    /// The tier wants other credentials.
    Refused,
    /// The tier is full.
    Full,
}

/// Makes chosen calls of a tier fail, counted from 0.
#[derive(Debug)]
pub struct Faulty<T> {
    inner: T,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    calls: u64,
    failing: Option<(Range<u64>, Failure)>,
}

impl<T: Tier> Faulty<T> {
    /// Wraps a tier; nothing fails yet.
    pub fn new(inner: T) -> Self {
        Self { inner, plan: Mutex::default() }
    }

    /// Makes the calls fail whose number, counted from now on, is in `calls`.
    pub fn fail(&self, calls: Range<u64>, failure: Failure) {
        self.with(|plan| *plan = Plan { calls: 0, failing: Some((calls, failure)) });
    }

    /// Makes every call work again.
    pub fn heal(&self) {
        self.with(|plan| plan.failing = None);
    }

    /// How many calls there were since the last plan.
    pub fn calls(&self) -> u64 {
        self.with(|plan| plan.calls)
    }

    fn with<R>(&self, with: impl FnOnce(&mut Plan) -> R) -> R {
        with(&mut self.plan.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn through<R>(&self, call: impl FnOnce(&T) -> Result<R, TierError>) -> Result<R, TierError> {
        let failure = self.with(|plan| {
            plan.calls += 1;
            let planned = plan.failing.as_ref().filter(|(calls, _)| calls.contains(&(plan.calls - 1)));
            planned.map(|(_, failure)| *failure)
        });
        match failure {
            None => call(&self.inner),
            Some(Failure::Unreachable) => Err(TierError::Unreachable("it does not answer")),
            Some(Failure::LostAnswer) => {
                call(&self.inner).and(Err(TierError::Unreachable("its answer broke off")))
            }
            Some(Failure::Wrong) => Err(TierError::Wrong("it answers what was not asked")),
            Some(Failure::Refused) => Err(TierError::Refused("it asks for other credentials")),
            Some(Failure::Full) => Err(TierError::Full),
        }
    }
}

impl<T: Tier> Tier for Faulty<T> {
    fn get(&self, name: &ObjectName, cap: u64) -> Result<Option<Object>, TierError> {
        self.through(|tier| tier.get(name, cap))
    }

    fn get_blob(&self, digest: &Digest, length: u64, sink: &mut dyn Write) -> Result<bool, TierError> {
        self.through(|tier| tier.get_blob(digest, length, sink))
    }

    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, TierError> {
        self.through(|tier| tier.put_if_absent(name, bytes))
    }

    fn put_if_version(&self, name: &ObjectName, bytes: &[u8], version: &Version) -> Result<Put, TierError> {
        self.through(|tier| tier.put_if_version(name, bytes, version))
    }

    fn put_blob(&self, digest: &Digest, length: u64, reader: &mut dyn Read) -> Result<(), TierError> {
        self.through(|tier| tier.put_blob(digest, length, reader))
    }

    fn has_blob(&self, digest: &Digest, length: u64) -> Result<bool, TierError> {
        self.through(|tier| tier.has_blob(digest, length))
    }

    fn list(&self, kind: Kind) -> Result<Vec<ObjectName>, TierError> {
        self.through(|tier| tier.list(kind))
    }

    fn delete(&self, name: &ObjectName) -> Result<(), TierError> {
        self.through(|tier| tier.delete(name))
    }
}
