//! Traces: what a computation looked at while it ran.
//!
//! The recipe of a computation with a trace is a [`NodeKind::Computation`] node with two children: the
//! recipe that is known before it runs, and a group `observed` with a leaf for each subject. So its key
//! is that of a computation that had been given all this as inputs. A [`TraceSet`] remembers which
//! subjects there were: at look-up their present digests give the key to look for.

use hozon_format::{Digest, FileStamp, Hasher, Key, Reader, WireError, Writer};

use crate::node::{Node, NodeKind, key_from_parts};
use crate::observed::OBSERVED;

/// Something that a computation looked at while it ran.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Subject {
    /// The bytes of a file, or that there is none.
    File(Place),
    /// The names in a directory.
    Directory(Place),
    /// What the system tells of a file without reading it.
    Status(Place, StatusPart),
    /// A file that the computation left behind: a hit must find it as it was left.
    Written(Place),
    /// A file that the computation made longer, or changed in part, and how many bytes it had then: a hit must
    /// find those as they were left. What others append is no matter of this computation.
    Appended(Place, u64),
    /// An environment variable, or that there is none.
    Environment(String),
    /// All environment variables but those that change with every terminal.
    WholeEnvironment,
    /// The state of a global random generator before the run.
    RandomState(String),
    /// The directory that relative names start from.
    WorkingDirectory,
    /// The code of a function or class, by its qualified name in a file of the person's own.
    Definition(Place, String),
    /// A variable of a file of the person's own: the statements that make its value, where nothing but
    /// they decides it.
    Variable(Place, String),
    /// All code of a file of the person's own.
    Source(Place),
    /// The version of an installed distribution, at the pin of the computation.
    Distribution(String),
    /// The value of a variable of a module, which only a process that imports the module can tell.
    Loaded {
        /// The module's whole name.
        module: String,
        /// The name in it.
        name: String,
    },
    /// Which variables of a notebook share objects with what a cell reads.
    Sharing,
    /// State of the process that code reads without naming it, as it was before the run: the time zone that
    /// local times are told in, the locale.
    ProcessState(String),
    /// The text that a file of the person's own gives `__version__`, at the pin of the computation; or that its
    /// text gives it none.
    Version(Place),
}

/// Where a file is, as the program names it. The same place has the same name after the project moved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// What `path` starts from.
    pub base: Base,
    /// The bytes of the path, with `/` between its parts.
    pub path: Vec<u8>,
}

/// What a path starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Base {
    /// The root of the file system.
    Root = 0,
    /// The folder of the project that the computation belongs to.
    Project = 1,
    /// The working directory of the process.
    WorkingDirectory = 2,
}

/// How much of what the system tells of a file was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StatusPart {
    /// Whether it is there, and whether it is a file, a directory or something else.
    Kind = 0,
    /// Its size, too.
    Size = 1,
    /// Its times and permissions, too; of a directory its permissions alone.
    All = 2,
    /// Its kind, and who may do what with it.
    Permissions = 3,
    /// Where it leads to, if it is a link.
    Link = 4,
    /// Which one it is, by whatever name.
    Identity = 5,
    /// As `All`, and the times of a directory.
    Times = 6,
}

/// A subject as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What was looked at.
    pub subject: Subject,
    /// What it was like: see the observer for what is digested.
    pub digest: Digest,
    /// The stamp of the file that had this digest, if an equal stamp proves an equal digest.
    pub stamp: Option<FileStamp>,
}

/// The subjects that one run of a computation looked at, sorted, each once, as they were last seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceSet {
    /// The subjects as they were last seen.
    pub seen: Vec<Seen>,
}

/// Returns the node that a trace is in a recipe.
fn observed_node(seen: &[Seen]) -> Node {
    let mut group = Node::new(NodeKind::Group, OBSERVED);
    group.children = seen.iter().map(Seen::node).collect();
    group
}

/// Returns the recipe of a computation that looked at `seen` while it ran.
pub fn traced_recipe(recipe: Node, seen: &[Seen]) -> Node {
    Node::new(NodeKind::Computation, "").with_child(recipe).with_child(observed_node(seen))
}

/// Returns the key of [`traced_recipe`] without the tree.
pub fn traced_key(key: &Key, seen: &[Seen]) -> Key {
    key_from_parts(NodeKind::Computation, "", None, &[*key.digest(), observed_node(seen).digest()])
}

impl Seen {
    fn node(&self) -> Node {
        let node = Node::leaf(self.subject.kind(), self.subject.label(), self.leaf_digest());
        match &self.subject {
            Subject::Definition(place, _) | Subject::Variable(place, _) => node.with_place(place.label()),
            _ => node,
        }
    }

    /// The label does not tell bases apart: the digest does.
    fn leaf_digest(&self) -> Digest {
        let mut fields = Writer::new();
        self.subject.write(&mut fields);
        fields.raw(self.digest.as_bytes());
        Hasher::in_domain("hozon 2026 observed subject v1").update(&fields.finish()).finish()
    }
}

impl Subject {
    /// Returns the kind of its node in a recipe.
    pub const fn kind(&self) -> NodeKind {
        match self {
            Self::File(_) | Self::Written(_) | Self::Appended(..) => NodeKind::File,
            Self::Directory(_) => NodeKind::Directory,
            Self::Status(..) => NodeKind::Status,
            Self::Environment(_) | Self::WholeEnvironment => NodeKind::Environment,
            Self::RandomState(_) => NodeKind::RandomState,
            Self::WorkingDirectory => NodeKind::WorkingDirectory,
            Self::Definition(..) => NodeKind::Helper,
            Self::Variable(..) | Self::Loaded { .. } | Self::Sharing => NodeKind::Value,
            Self::Source(_) => NodeKind::Module,
            Self::Distribution(_) | Self::Version(_) => NodeKind::Distribution,
            Self::ProcessState(_) => NodeKind::ProcessState,
        }
    }

    /// Returns what people call it.
    pub fn label(&self) -> String {
        match self {
            Self::File(place) | Self::Directory(place) | Self::Status(place, _) | Self::Source(place) => {
                place.label()
            }
            Self::Definition(_, name) | Self::Variable(_, name) | Self::Distribution(name) => name.clone(),
            Self::Loaded { module, name } => format!("{module}.{name}"),
            Self::Sharing => "which variables share objects".to_owned(),
            Self::Version(place) => format!("the version in {}", place.label()),
            Self::Written(place) => format!("{}, which it writes,", place.label()),
            Self::Appended(place, _) => format!("{}, which it appends to,", place.label()),
            Self::Environment(name) | Self::RandomState(name) | Self::ProcessState(name) => name.clone(),
            Self::WholeEnvironment => "(all)".to_owned(),
            Self::WorkingDirectory => String::new(),
        }
    }

    /// Returns the place of a subject that has one.
    pub const fn place(&self) -> Option<&Place> {
        match self {
            Self::File(place)
            | Self::Directory(place)
            | Self::Status(place, _)
            | Self::Written(place)
            | Self::Appended(place, _)
            | Self::Definition(place, _)
            | Self::Variable(place, _)
            | Self::Source(place)
            | Self::Version(place) => Some(place),
            _ => None,
        }
    }

    /// Gives access to the place of a subject that has one.
    pub const fn place_mut(&mut self) -> Option<&mut Place> {
        match self {
            Self::File(place)
            | Self::Directory(place)
            | Self::Status(place, _)
            | Self::Written(place)
            | Self::Appended(place, _)
            | Self::Definition(place, _)
            | Self::Variable(place, _)
            | Self::Source(place)
            | Self::Version(place) => Some(place),
            _ => None,
        }
    }

    const fn number(&self) -> u8 {
        match self {
            Self::File(_) => 0,
            Self::Directory(_) => 1,
            Self::Status(..) => 2,
            Self::Written(_) => 3,
            Self::Environment(_) => 4,
            Self::WholeEnvironment => 5,
            Self::RandomState(_) => 6,
            Self::WorkingDirectory => 7,
            Self::Definition(..) => 8,
            Self::Variable(..) => 9,
            Self::Source(_) => 10,
            Self::Distribution(_) => 11,
            Self::Loaded { .. } => 12,
            Self::Sharing => 13,
            Self::Appended(..) => 14,
            Self::ProcessState(_) => 15,
            Self::Version(_) => 16,
        }
    }

    fn write(&self, to: &mut Writer) {
        to.u8(self.number());
        match self {
            Self::File(place)
            | Self::Directory(place)
            | Self::Written(place)
            | Self::Source(place)
            | Self::Version(place) => place.write(to),
            Self::Definition(place, name) | Self::Variable(place, name) => {
                place.write(to);
                to.text(name);
            }
            Self::Loaded { module, name } => {
                to.text(module).text(name);
            }
            Self::Appended(place, length) => {
                place.write(to);
                to.u64(*length);
            }
            Self::Status(place, part) => {
                to.u8(*part as u8);
                place.write(to);
            }
            Self::Environment(name)
            | Self::RandomState(name)
            | Self::Distribution(name)
            | Self::ProcessState(name) => {
                to.text(name);
            }
            Self::WholeEnvironment | Self::WorkingDirectory | Self::Sharing => {}
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match from.u8()? {
            0 => Self::File(Place::read(from)?),
            1 => Self::Directory(Place::read(from)?),
            2 => {
                let part = StatusPart::from_number(from.u8()?)?;
                Self::Status(Place::read(from)?, part)
            }
            3 => Self::Written(Place::read(from)?),
            4 => Self::Environment(from.text()?.to_owned()),
            5 => Self::WholeEnvironment,
            6 => Self::RandomState(from.text()?.to_owned()),
            7 => Self::WorkingDirectory,
            8 => Self::Definition(Place::read(from)?, from.text()?.to_owned()),
            9 => Self::Variable(Place::read(from)?, from.text()?.to_owned()),
            10 => Self::Source(Place::read(from)?),
            11 => Self::Distribution(from.text()?.to_owned()),
            12 => Self::Loaded { module: from.text()?.to_owned(), name: from.text()?.to_owned() },
            13 => Self::Sharing,
            14 => Self::Appended(Place::read(from)?, from.u64()?),
            15 => Self::ProcessState(from.text()?.to_owned()),
            16 => Self::Version(Place::read(from)?),
            _ => return Err(WireError::BadValue),
        })
    }
}

impl Place {
    /// Returns the path as people know it; bytes that are no text are replaced.
    pub fn label(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }

    fn write(&self, to: &mut Writer) {
        to.u8(self.base as u8).bytes(&self.path);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, WireError> {
        let base = match from.u8()? {
            0 => Base::Root,
            1 => Base::Project,
            2 => Base::WorkingDirectory,
            _ => return Err(WireError::BadValue),
        };
        Ok(Self { base, path: from.bytes()?.to_vec() })
    }
}

/// The parts by their numbers, with what they are called.
const STATUS_PARTS: [(StatusPart, &str); 7] = [
    (StatusPart::Kind, "kind"),
    (StatusPart::Size, "size"),
    (StatusPart::All, "all"),
    (StatusPart::Permissions, "permissions"),
    (StatusPart::Link, "link"),
    (StatusPart::Identity, "identity"),
    (StatusPart::Times, "times"),
];

impl StatusPart {
    /// Returns what it is called.
    pub const fn name(self) -> &'static str {
        STATUS_PARTS[self as usize].1
    }

    /// Returns the part that is called so.
    pub fn named(name: &str) -> Option<Self> {
        STATUS_PARTS.iter().find(|(_, known)| *known == name).map(|(part, _)| *part)
    }

    fn from_number(number: u8) -> Result<Self, WireError> {
        STATUS_PARTS.get(usize::from(number)).map(|(part, _)| *part).ok_or(WireError::BadValue)
    }
}

/// A subject's number, an empty text, its digest, no stamp.
const LEAST_SEEN_BYTES: usize = 1 + 32 + 1;
/// The number of subjects.
const LEAST_SET_BYTES: usize = 8;

impl TraceSet {
    /// Makes a set of what one run looked at. Of a subject that was seen twice the first look counts.
    pub fn of(mut seen: Vec<Seen>) -> Self {
        seen.sort_by(|one, other| one.subject.cmp(&other.subject));
        seen.dedup_by(|later, earlier| later.subject == earlier.subject);
        Self { seen }
    }

    /// Tells whether two runs looked at the same subjects.
    pub fn has_subjects_of(&self, other: &Self) -> bool {
        self.seen.iter().map(|seen| &seen.subject).eq(other.seen.iter().map(|seen| &seen.subject))
    }
}

/// Returns trace sets as bytes: count u64; of each set the count of subjects u64; of each subject its
/// number u8, what names it, its digest, 0 or 1 and the stamp (inode, size, modified and changed in
/// nanoseconds, u64 each).
pub fn encode_trace_sets(sets: &[TraceSet]) -> Vec<u8> {
    let mut to = Writer::new();
    to.u64(sets.len() as u64);
    for set in sets {
        to.u64(set.seen.len() as u64);
        set.seen.iter().for_each(|seen| write_seen(&mut to, seen));
    }
    to.finish()
}

/// Reads trace sets. Total: any bytes give sets or an error, with memory in proportion to their length.
pub fn decode_trace_sets(bytes: &[u8]) -> Result<Vec<TraceSet>, WireError> {
    let mut from = Reader::new(bytes);
    let mut sets = Vec::new();
    for _ in 0..from.count(LEAST_SET_BYTES)? {
        let count = from.count(LEAST_SEEN_BYTES)?;
        let seen = (0..count).map(|_| read_seen(&mut from)).collect::<Result<_, _>>()?;
        sets.push(TraceSet { seen });
    }
    from.end()?;
    Ok(sets)
}

fn write_seen(to: &mut Writer, seen: &Seen) {
    seen.subject.write(to);
    to.raw(seen.digest.as_bytes()).u8(seen.stamp.is_some().into());
    if let Some(stamp) = seen.stamp {
        to.u64(stamp.inode).u64(stamp.size);
        to.u64(stamp.modified_ns.cast_unsigned()).u64(stamp.changed_ns.cast_unsigned());
    }
}

fn read_seen(from: &mut Reader<'_>) -> Result<Seen, WireError> {
    let subject = Subject::read(from)?;
    let digest = Digest::from_bytes(from.array()?);
    let stamp = match from.u8()? {
        0 => None,
        1 => Some(FileStamp {
            inode: from.u64()?,
            size: from.u64()?,
            modified_ns: from.u64()?.cast_signed(),
            changed_ns: from.u64()?.cast_signed(),
        }),
        _ => return Err(WireError::BadValue),
    };
    Ok(Seen { subject, digest, stamp })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::{known, observed};

    fn place(base: Base, path: &str) -> Place {
        Place { base, path: path.into() }
    }

    fn seen(subject: Subject, content: &str) -> Seen {
        Seen { subject, digest: Digest::of(content.as_bytes()), stamp: None }
    }

    fn one_of_each() -> Vec<Subject> {
        let data = place(Base::Project, "data.csv");
        vec![
            Subject::File(data.clone()),
            Subject::File(place(Base::Root, "data.csv")),
            Subject::File(place(Base::WorkingDirectory, "data.csv")),
            Subject::Directory(data.clone()),
            Subject::Status(data.clone(), StatusPart::Kind),
            Subject::Status(data.clone(), StatusPart::Size),
            Subject::Status(data.clone(), StatusPart::All),
            Subject::Status(data.clone(), StatusPart::Permissions),
            Subject::Status(data.clone(), StatusPart::Link),
            Subject::Status(data.clone(), StatusPart::Identity),
            Subject::Status(data.clone(), StatusPart::Times),
            Subject::Written(data.clone()),
            Subject::Definition(data.clone(), "clean".into()),
            Subject::Variable(data.clone(), "clean".into()),
            Subject::Version(data.clone()),
            Subject::Source(data),
            Subject::Distribution("numpy".into()),
            Subject::Loaded { module: "config".into(), name: "RATE".into() },
            Subject::Environment("HOME".to_owned()),
            Subject::WholeEnvironment,
            Subject::Sharing,
            Subject::ProcessState("the time zone".to_owned()),
            Subject::ProcessState("the locale".to_owned()),
            Subject::RandomState("numpy".to_owned()),
            Subject::WorkingDirectory,
        ]
    }

    #[test]
    fn every_subject_comes_back_from_bytes() {
        let mut set: Vec<Seen> = one_of_each().into_iter().map(|subject| seen(subject, "content")).collect();
        set[0].stamp = Some(FileStamp { inode: 1, size: 2, modified_ns: -3, changed_ns: i64::MAX });
        let sets = vec![TraceSet::of(set), TraceSet::default()];
        assert_eq!(decode_trace_sets(&encode_trace_sets(&sets)).unwrap(), sets);
    }

    #[test]
    fn cut_or_longer_bytes_are_refused() {
        let set = TraceSet::of(one_of_each().into_iter().map(|subject| seen(subject, "")).collect());
        let bytes = encode_trace_sets(&[set]);
        for length in 0..bytes.len() {
            assert!(decode_trace_sets(&bytes[..length]).is_err(), "{length}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(decode_trace_sets(&longer).is_err());
    }

    #[test]
    fn keys_tell_subjects_and_contents_apart_and_no_stamp_counts() {
        let key = Key::from_digest(Digest::of(b"recipe"));
        let mut keys = std::collections::HashSet::new();
        for subject in one_of_each() {
            for content in ["one", "two"] {
                assert!(keys.insert(traced_key(&key, &[seen(subject.clone(), content)])), "{subject:?}");
            }
        }
        let mut stamped = seen(Subject::WorkingDirectory, "one");
        stamped.stamp = Some(FileStamp { inode: 1, size: 2, modified_ns: 3, changed_ns: 4 });
        assert!(keys.contains(&traced_key(&key, &[stamped])));
    }

    #[test]
    fn the_key_is_that_of_the_recipe_which_can_be_split_again() {
        let recipe = Node::new(NodeKind::Computation, "f");
        let trace = [seen(Subject::WorkingDirectory, "here")];
        let whole = traced_recipe(recipe.clone(), &trace);
        assert_eq!(crate::key(&whole), traced_key(&crate::key(&recipe), &trace));
        assert_eq!((known(&whole), observed(&whole)), (&recipe, Some(&observed_node(&trace))));
        assert_eq!((known(&recipe), observed(&recipe)), (&recipe, None));
    }

    #[test]
    fn of_two_looks_at_one_subject_the_first_counts() {
        let looks = vec![seen(Subject::WorkingDirectory, "first"), seen(Subject::WorkingDirectory, "second")];
        assert_eq!(TraceSet::of(looks.clone()).seen, looks[..1]);
    }
}
