//! The store as its callers see it.
#![expect(clippy::disallowed_methods, reason = "tests make, damage and look at files themselves")]
#![expect(clippy::disallowed_macros, reason = "long tests tell what they have counted")]

mod basics;
mod common;
mod crowd;
mod damage;
mod eviction;
mod eviction_model;
mod failures;
mod faults;
mod flips;
mod growth;
mod images;
mod kill_points;
mod links;
mod power;
mod processes;
mod profiles;
mod trust;
