//! What a person has accepted: edits of code that cannot matter to the results of a computation.

use crate::envelope::{EnvelopeError, RecordKind, SealKey, open_record, seal_record};
use crate::{Digest, Hasher, Reader, WireError, Writer};

/// The accepted edits of one name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acceptance {
    /// The name of the computations.
    pub name: String,
    /// The definitions, as their code was when each was accepted; the latest last.
    pub definitions: Vec<AcceptedDefinition>,
    /// Signs of what these definitions reached newly when the acceptance was first used; `None`: it
    /// has not been used yet.
    pub reached: Option<Vec<Digest>>,
}

/// One definition whose present code is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedDefinition {
    /// The number of the kind of its part in recipes.
    pub kind: u16,
    /// Its qualified name.
    pub label: String,
    /// The digest of its part in recipes.
    pub digest: Digest,
    /// Where it stood: `utils.py:12`.
    pub place: String,
    /// Who accepted it.
    pub by: String,
    /// When, in Unix milliseconds.
    pub when_ms: u64,
    /// What changed: a unified difference of the source text.
    pub difference: String,
}

/// Three lengths and one more, a kind, a digest and a time.
const LEAST_DEFINITION_BYTES: usize = 2 + 8 + 32 + 8 + 8 + 8 + 8;
const DIGEST_BYTES: usize = 32;

impl Acceptance {
    /// Returns the file name of the acceptance for a name: names of any letters never become paths.
    pub fn file_name(name: &str) -> String {
        let hasher = Hasher::in_domain("hozon 2026 file name of an acceptance v1");
        { hasher }.update(name.as_bytes()).finish().to_string()
    }

    /// Returns the sealed bytes.
    pub fn seal(&self, key: &SealKey) -> Vec<u8> {
        let mut to = Writer::new();
        to.text(&self.name).u64(self.definitions.len() as u64);
        for definition in &self.definitions {
            to.u16(definition.kind).text(&definition.label).raw(definition.digest.as_bytes());
            to.text(&definition.place)
                .text(&definition.by)
                .u64(definition.when_ms)
                .text(&definition.difference);
        }
        to.u8(self.reached.is_some().into());
        let reached = self.reached.as_deref().unwrap_or_default();
        to.u64(reached.len() as u64);
        reached.iter().for_each(|digest| {
            to.raw(digest.as_bytes());
        });
        seal_record(RecordKind::Acceptance, &to.finish(), key)
    }

    /// Reads an acceptance whose file is called `file_name`.
    pub fn open(bytes: &[u8], file_name: &str, key: &SealKey) -> Result<Self, EnvelopeError> {
        let mut from = Reader::new(open_record(RecordKind::Acceptance, bytes, key)?);
        let name = from.text()?.to_owned();
        let mut definitions = Vec::new();
        for _ in 0..from.count(LEAST_DEFINITION_BYTES)? {
            definitions.push(read_definition(&mut from)?);
        }
        let was_used = from.flag()?;
        let mut reached = Vec::new();
        for _ in 0..from.count(DIGEST_BYTES)? {
            reached.push(Digest::from_bytes(from.array()?));
        }
        from.end()?;
        if !was_used && !reached.is_empty() {
            return Err(WireError::BadValue.into());
        }
        if Self::file_name(&name) != file_name {
            return Err(EnvelopeError::WrongKey);
        }
        Ok(Self { name, definitions, reached: was_used.then_some(reached) })
    }
}

fn read_definition(from: &mut Reader<'_>) -> Result<AcceptedDefinition, EnvelopeError> {
    Ok(AcceptedDefinition {
        kind: from.u16()?,
        label: from.text()?.to_owned(),
        digest: Digest::from_bytes(from.array()?),
        place: from.text()?.to_owned(),
        by: from.text()?.to_owned(),
        when_ms: from.u64()?,
        difference: from.text()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fuzzing found that any byte but 0 stood for "used", and that signs beside a 0 were read and dropped: two
    /// spellings of one record.
    #[test]
    fn a_record_has_one_spelling() {
        let key = SealKey::from_bytes([3; 32]);
        let open = |flag: u8, signs: u64| {
            let mut body = Writer::new();
            body.text("work").u64(0).u8(flag).u64(signs);
            for _ in 0..signs {
                body.raw(&[7; 32]);
            }
            let sealed = seal_record(RecordKind::Acceptance, &body.finish(), &key);
            Acceptance::open(&sealed, &Acceptance::file_name("work"), &key)
        };
        assert!(open(0, 0).is_ok() && open(1, 0).is_ok() && open(1, 2).is_ok());
        assert!(open(2, 0).is_err() && open(255, 1).is_err() && open(0, 1).is_err());
    }

    #[test]
    fn an_acceptance_round_trips_and_opens_only_under_its_own_name_and_key() {
        let key = SealKey::from_bytes([3; 32]);
        let definition = AcceptedDefinition {
            kind: 5,
            label: "clean".into(),
            digest: Digest::of(b"new"),
            place: "utils.py:3".into(),
            by: "ada".into(),
            when_ms: 7,
            difference: "+ print".into(),
        };
        for reached in [None, Some(vec![]), Some(vec![Digest::of(b"print")])] {
            let acceptance = Acceptance {
                name: "total".into(),
                definitions: vec![definition.clone(), definition.clone()],
                reached,
            };
            let sealed = acceptance.seal(&key);
            let opened = Acceptance::open(&sealed, &Acceptance::file_name("total"), &key);
            assert_eq!(opened, Ok(acceptance));
            let other = Acceptance::open(&sealed, &Acceptance::file_name("other"), &key);
            assert_eq!(other, Err(EnvelopeError::WrongKey));
            let stranger = SealKey::from_bytes([4; 32]);
            let foreign = Acceptance::open(&sealed, &Acceptance::file_name("total"), &stranger);
            assert_eq!(foreign, Err(EnvelopeError::Foreign));
        }
    }
}
