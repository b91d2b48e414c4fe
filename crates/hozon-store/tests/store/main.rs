//! The store as its callers see it.
#![expect(clippy::disallowed_methods, reason = "tests make, damage and look at files themselves")]

mod basics;
mod common;
mod damage;
mod eviction;
mod eviction_model;
mod faults;
mod growth;
mod power;
mod processes;
