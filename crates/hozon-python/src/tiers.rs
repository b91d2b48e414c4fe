//! Tiers as the Python front configures them.

use std::sync::Arc;

use hozon_engine::{NamedTier, Remote};
use hozon_sys::{Brief, System};
use hozon_tier::{Address, Notify, Secret, Settings, open};
use once_cell::race::OnceBox;
use pyo3::prelude::*;

/// What the user's own configuration and environment say of tiers.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct TierConfig {
    addresses: Vec<String>,
    variables: Vec<(String, String)>,
    tokens: Vec<(String, String)>,
    token: Option<String>,
    certificates: Option<Vec<u8>>,
    plain_http: bool,
    pub(crate) read_only: bool,
}

/// What was said of tiers and not yet told: by any thread, which may not have the interpreter.
static SAID: OnceBox<Brief<Vec<String>>> = OnceBox::new();

/// Takes what there is to tell of tiers, in sentences.
#[pyfunction]
pub(crate) fn tier_warnings() -> Vec<String> {
    let said = SAID.get_or_init(Box::default);
    said.with(std::process::id(), std::mem::take)
}

impl TierConfig {
    /// Opens the tiers. What is wrong with an address is told like all that is said of tiers.
    pub(crate) fn open(&self, system: &Arc<dyn System>) -> Remote {
        let opened = self.addresses.iter().filter_map(|address| self.open_one(address, system));
        Remote::new(opened.collect())
    }

    fn open_one(&self, text: &str, system: &Arc<dyn System>) -> Option<NamedTier> {
        let address = Address::parse(text).map_err(|why| say(&format!("a tier is not used: {why}"))).ok()?;
        let name = address.to_string();
        let tier = open(&address, &self.settings(&name), Arc::clone(system), notify());
        let tier = tier.map_err(|why| say(&format!("the tier {name} is not used: {why}"))).ok()?;
        Some(NamedTier { name, tier })
    }

    fn settings(&self, name: &str) -> Settings {
        let own = self.tokens.iter().find(|(address, _)| address.trim_end_matches('/') == name);
        let token = own.map(|(_, token)| token).or(self.token.as_ref());
        let variables = self.variables.iter().map(|(name, value)| (name.clone(), Secret::new(value)));
        Settings {
            variables: variables.collect(),
            token: token.map(Secret::new),
            certificates: self.certificates.clone(),
            plain_http: self.plain_http,
            read_only: self.read_only,
            ..Settings::default()
        }
    }
}

fn notify() -> Notify {
    Arc::new(say)
}

fn say(what: &str) {
    SAID.get_or_init(Box::default).with(std::process::id(), |said| said.push(what.to_owned()));
}
