//! What a notebook needs to know of a cell that ran, without unpickling anything: the record of a cell.

use crate::{Digest, Reader, WireError, Writer};

/// What the names begin with, in [`CellRecord::process`], of what only running a cell sets. Code that it put
/// on a library may read the names that the cell reads, whenever a later cell runs.
pub const SET_BY_RUNNING: &str = "what only running sets: ";

/// What a cell did to the names of its notebook, and how that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CellRecord {
    /// The names that it bound or whose value it changed in place, sorted.
    pub names: Vec<NameRecord>,
    /// The names that it removed, sorted.
    pub deleted: Vec<String>,
    /// The values that are stored together, in the order of their outputs.
    pub groups: Vec<GroupRecord>,
    /// Random generators that it left in a state that can be told: name and digest of the state.
    pub random: Vec<(String, Digest)>,
    /// Environment variables that it set or removed: name and digest of the value.
    pub variables: Vec<(String, Digest)>,
    /// What it has set for the whole process, options of libraries, say: what it is called and its digest.
    pub process: Vec<(String, Digest)>,
    /// It did something to the process that later cells may notice, and that is had again from the store.
    pub has_effects: bool,
    /// It did something to the process that only running it does again: whatever runs later in a process
    /// needs it to have run there.
    pub only_by_running: bool,
    /// Where the cell ended early: it and the cells that depend on it show nothing more.
    pub stopped: bool,
}

/// One name that a cell gave a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRecord {
    /// The name.
    pub name: String,
    /// The digest of its value at the end of the cell; none if it has none.
    pub digest: Option<Digest>,
    /// How the value is had again.
    pub kind: NameKind,
    /// Names of the notebook that code in the value reads when it is called, sorted.
    pub deferred: Vec<String>,
    /// What the value is, for people: `DataFrame (3, 4)`.
    pub shown: String,
}

/// How a value is had again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameKind {
    /// It is in a group.
    Value {
        /// The index of the group.
        group: u32,
    },
    /// It is a module: imported by its name.
    Module {
        /// The whole name.
        module: String,
    },
    /// It is a function or class that the cell defines: its statement is run again.
    Definition,
    /// It can only be had by running the cell.
    Live {
        /// Why, for people.
        why: String,
    },
}

/// Values that share objects: stored and restored together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupRecord {
    /// The names, sorted.
    pub names: Vec<String>,
    /// Functions and classes of the notebook that must be there before the values are restored.
    pub needs: Vec<String>,
    /// They share objects with what the cell read, or change it: that must be there, as it was.
    pub uses_inputs: bool,
    /// The names of what the cell found, but did not give, that they share objects with, sorted.
    pub shares: Vec<String>,
    /// Which objects are shared, and where they stand in the values; none if nothing is.
    pub pattern: Option<Digest>,
}

impl CellRecord {
    /// Returns the record of a name.
    pub fn name(&self, name: &str) -> Option<&NameRecord> {
        self.names.binary_search_by(|record| record.name.as_str().cmp(name)).ok().map(|at| &self.names[at])
    }

    /// Returns the record as bytes; see `docs/format.md`.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::new();
        to.u64(self.names.len() as u64);
        self.names.iter().for_each(|name| name.write(&mut to));
        write_texts(&mut to, &self.deleted);
        to.u64(self.groups.len() as u64);
        for group in &self.groups {
            write_texts(&mut to, &group.names);
            write_texts(&mut to, &group.needs);
            to.u8(group.uses_inputs.into());
            write_texts(&mut to, &group.shares);
            write_digest(&mut to, group.pattern.as_ref());
        }
        write_digests(&mut to, &self.random);
        write_digests(&mut to, &self.variables);
        write_digests(&mut to, &self.process);
        to.u8(self.has_effects.into()).u8(self.only_by_running.into()).u8(self.stopped.into());
        to.finish()
    }

    /// Reads a record. Total: any bytes give a record or an error.
    ///
    /// # Errors
    /// The bytes are not those of a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut from = Reader::new(bytes);
        let record = Self {
            names: from.list(LEAST_NAME_BYTES, NameRecord::read)?,
            deleted: read_texts(&mut from)?,
            groups: from.list(LEAST_GROUP_BYTES, GroupRecord::read)?,
            random: read_digests(&mut from)?,
            variables: read_digests(&mut from)?,
            process: read_digests(&mut from)?,
            has_effects: from.flag()?,
            only_by_running: from.flag()?,
            stopped: from.flag()?,
        };
        from.end()?;
        let groups = record.groups.len();
        let is_bad =
            |name: &NameRecord| matches!(name.kind, NameKind::Value { group } if group as usize >= groups);
        if record.names.iter().any(is_bad) { Err(WireError::BadValue) } else { Ok(record) }
    }
}

/// The name's length, no digest, the kind, the counts of deferred names and of the text.
const LEAST_NAME_BYTES: usize = 8 + 1 + 1 + 8 + 8;

/// Three counts of names, a flag, no pattern.
const LEAST_GROUP_BYTES: usize = 3 * 8 + 1 + 1;

impl GroupRecord {
    fn read(from: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            names: read_texts(from)?,
            needs: read_texts(from)?,
            uses_inputs: from.flag()?,
            shares: read_texts(from)?,
            pattern: read_digest(from)?,
        })
    }
}

impl NameRecord {
    fn write(&self, to: &mut Writer) {
        to.text(&self.name);
        write_digest(to, self.digest.as_ref());
        match &self.kind {
            NameKind::Value { group } => to.u8(0).u32(*group),
            NameKind::Module { module } => to.u8(1).text(module),
            NameKind::Definition => to.u8(2),
            NameKind::Live { why } => to.u8(3).text(why),
        };
        write_texts(to, &self.deferred);
        to.text(&self.shown);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, WireError> {
        let name = from.text()?.to_owned();
        let digest = read_digest(from)?;
        let kind = match from.u8()? {
            0 => NameKind::Value { group: from.u32()? },
            1 => NameKind::Module { module: from.text()?.to_owned() },
            2 => NameKind::Definition,
            3 => NameKind::Live { why: from.text()?.to_owned() },
            _ => return Err(WireError::BadValue),
        };
        Ok(Self { name, digest, kind, deferred: read_texts(from)?, shown: from.text()?.to_owned() })
    }
}

fn write_digest(to: &mut Writer, digest: Option<&Digest>) {
    to.u8(digest.is_some().into());
    if let Some(digest) = digest {
        to.raw(digest.as_bytes());
    }
}

fn read_digest(from: &mut Reader<'_>) -> Result<Option<Digest>, WireError> {
    Ok(if from.flag()? { Some(Digest::from_bytes(from.array()?)) } else { None })
}

fn write_texts(to: &mut Writer, texts: &[String]) {
    to.u64(texts.len() as u64);
    texts.iter().for_each(|text| {
        to.text(text);
    });
}

fn write_digests(to: &mut Writer, pairs: &[(String, Digest)]) {
    to.u64(pairs.len() as u64);
    for (name, digest) in pairs {
        to.text(name).raw(digest.as_bytes());
    }
}

fn read_texts(from: &mut Reader<'_>) -> Result<Vec<String>, WireError> {
    from.list(8, |from| Ok(from.text()?.to_owned()))
}

fn read_digests(from: &mut Reader<'_>) -> Result<Vec<(String, Digest)>, WireError> {
    from.list(8 + 32, |from| Ok((from.text()?.to_owned(), Digest::from_bytes(from.array()?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, kind: NameKind) -> NameRecord {
        let digest = Some(Digest::of(name.as_bytes()));
        NameRecord { name: name.into(), digest, kind, deferred: vec!["rate".into()], shown: "int".into() }
    }

    fn record() -> CellRecord {
        CellRecord {
            names: vec![
                name("a", NameKind::Value { group: 0 }),
                name("f", NameKind::Definition),
                NameRecord { digest: None, ..name("live", NameKind::Live { why: "a socket".into() }) },
                name("np", NameKind::Module { module: "numpy".into() }),
            ],
            deleted: vec!["x".into()],
            groups: vec![GroupRecord {
                names: vec!["a".into()],
                needs: vec!["f".into()],
                uses_inputs: true,
                shares: vec!["b".into()],
                pattern: Some(Digest::of(b"pattern")),
            }],
            random: vec![("numpy".into(), Digest::of(b"state"))],
            variables: vec![("HOME".into(), Digest::of(b"value"))],
            process: vec![("options of pandas".into(), Digest::of(b"options"))],
            has_effects: true,
            only_by_running: true,
            stopped: false,
        }
    }

    #[test]
    fn records_round_trip_and_every_shorter_text_is_refused() {
        let bytes = record().encode();
        assert_eq!(CellRecord::decode(&bytes), Ok(record()));
        for length in 0..bytes.len() {
            assert!(CellRecord::decode(&bytes[..length]).is_err(), "{length}");
        }
        assert!(CellRecord::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn a_name_in_no_group_is_refused() {
        let bad = CellRecord { groups: vec![], ..record() };
        assert_eq!(CellRecord::decode(&bad.encode()), Err(WireError::BadValue));
    }

    #[test]
    fn names_are_found() {
        assert_eq!(record().name("np").map(|name| name.name.as_str()), Some("np"));
        assert!(record().name("x").is_none());
    }
}
