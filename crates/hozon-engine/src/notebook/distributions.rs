//! The versions of installed distributions, by the names of their metadata folders.

use std::collections::HashMap;
use std::path::PathBuf;

use hozon_format::Digest;
use hozon_key::pins::{Pin, pinned};
use hozon_sys::UserFiles;

use crate::observe::of_absence;

/// The installed distributions, listed when the first one is asked for.
#[derive(Debug)]
pub struct Distributions<'a> {
    files: &'a dyn UserFiles,
    folders: &'a [PathBuf],
    pin: Pin,
    versions: Option<HashMap<String, String>>,
}

impl<'a> Distributions<'a> {
    /// Starts knowing none. Of two folders that hold a distribution, the first counts, as for imports.
    pub fn new(files: &'a dyn UserFiles, folders: &'a [PathBuf], pin: Pin) -> Self {
        Self { files, folders, pin, versions: None }
    }

    /// Returns the digest of a distribution's version at the pin, or of its absence.
    pub fn digest(&mut self, name: &str) -> Digest {
        let pin = self.pin;
        let version = self.versions().get(&normal(name));
        version.map_or_else(of_absence, |version| Digest::of(pinned(version, pin).as_bytes()))
    }

    fn versions(&mut self) -> &HashMap<String, String> {
        let (files, folders) = (self.files, self.folders);
        self.versions.get_or_insert_with(|| {
            let mut versions = HashMap::new();
            for folder in folders {
                for (name, _) in files.names(folder).unwrap_or_default() {
                    if let Some((name, version)) = name_and_version(&String::from_utf8_lossy(&name)) {
                        versions.entry(name).or_insert(version);
                    }
                }
            }
            versions
        })
    }
}

/// Reads the name of a metadata folder, `name-version.dist-info`.
fn name_and_version(folder: &str) -> Option<(String, String)> {
    let stem = folder.strip_suffix(".dist-info").or_else(|| folder.strip_suffix(".egg-info"))?;
    let mut parts = stem.split('-');
    Some((normal(parts.next()?), parts.next()?.to_owned()))
}

/// Returns a distribution's name as all its spellings are compared (PEP 503).
fn normal(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            other => normal.extend(other.to_lowercase()),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_metadata_folders_are_read() {
        let expected = Some(("scikit-learn".to_owned(), "1.9.1".to_owned()));
        assert_eq!(name_and_version("scikit_learn-1.9.1.dist-info"), expected);
        assert_eq!(name_and_version("scikit_learn-1.9.1-py3.egg-info"), expected);
        assert_eq!(name_and_version("numpy"), None);
        assert_eq!(normal("A..b__C"), "a-b-c");
    }
}
