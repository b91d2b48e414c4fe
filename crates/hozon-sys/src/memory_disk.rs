//! What a disk in memory holds: as the running system sees it, and as it would be after a power cut.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::Stat;

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    Folder,
    /// A file, by its inode.
    File(u64),
}

/// The bytes of a file.
#[derive(Debug, Clone)]
pub(crate) struct FileData {
    pub(crate) bytes: Arc<Vec<u8>>,
    /// How many of them are on the disk for certain.
    pub(crate) synced: usize,
    pub(crate) stat: Stat,
}

/// By whole paths: as texts, which compare much faster.
type Names = BTreeMap<OsString, Node>;
type Change = (OsString, Option<Node>);

/// Chooses a number below the given one: what a power cut takes and what it leaves.
pub type Fate<'f> = &'f mut dyn FnMut(u64) -> u64;

/// Names and files. A name is on the disk for certain once its folder was synced, bytes once their file was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    names: Names,
    durable: Names,
    /// Changes of names since, in order: `None` takes a name away.
    pending: Vec<Change>,
    pub(crate) files: BTreeMap<u64, FileData>,
}

/// A disk writes so many bytes at once.
const SECTOR: usize = 512;

impl Disk {
    pub(crate) fn node(&self, path: &Path) -> Option<Node> {
        self.names.get(path.as_os_str()).copied()
    }

    /// Lists what is in a folder.
    pub(crate) fn list(&self, folder: &Path) -> Vec<(String, Node)> {
        let mut prefix = folder.as_os_str().to_owned();
        if folder.parent().is_some() {
            prefix.push("/");
        }
        let inside = self.names.range(prefix.clone()..).map_while(|(path, node)| {
            let rest = path.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes())?;
            Some((rest, *node))
        });
        let own = inside.filter(|(rest, _)| !rest.is_empty() && !rest.contains(&b'/'));
        own.filter_map(|(rest, node)| Some((str::from_utf8(rest).ok()?.to_owned(), node))).collect()
    }

    pub(crate) fn set(&mut self, path: &Path, node: Node) {
        let name = path.as_os_str().to_owned();
        self.names.insert(name.clone(), node);
        match path.parent() {
            Some(_) => self.pending.push((name, Some(node))),
            // The root has no name that could be lost.
            None => _ = self.durable.insert(name, node),
        }
    }

    pub(crate) fn remove(&mut self, path: &Path) {
        self.names.remove(path.as_os_str());
        self.pending.push((path.as_os_str().to_owned(), None));
    }

    pub(crate) fn file(&self, path: &Path) -> io::Result<&FileData> {
        match self.node(path) {
            Some(Node::File(inode)) => self.files.get(&inode).ok_or_else(|| io::ErrorKind::NotFound.into()),
            Some(Node::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn sync_file(&mut self, inode: u64) {
        if let Some(file) = self.files.get_mut(&inode) {
            file.synced = file.bytes.len();
        }
    }

    pub(crate) fn sync_folder(&mut self, folder: &Path) {
        let pending = std::mem::take(&mut self.pending);
        let (now, later) =
            pending.into_iter().partition(|(path, _)| Path::new(path).parent() == Some(folder));
        self.pending = later;
        apply(&mut self.durable, now);
    }

    /// What is left when the power fails now.
    pub(crate) fn after_power_cut(&self, fate: Fate<'_>) -> Self {
        let mut names = self.durable.clone();
        apply(&mut names, kept(&self.pending, fate));
        drop_unreachable(&mut names);
        let mut files = BTreeMap::new();
        for node in names.values() {
            if let Node::File(inode) = node
                && let Some(file) = self.files.get(inode)
                && !files.contains_key(inode)
            {
                files.insert(*inode, file.after_power_cut(fate));
            }
        }
        Self { durable: names.clone(), names, pending: Vec::new(), files }
    }
}

impl FileData {
    /// The rest that was not synced is gone, there, cut off, or there by sectors with zeros between.
    fn after_power_cut(&self, fate: Fate<'_>) -> Self {
        let rest = self.bytes.len() - self.synced;
        let bytes = match if rest == 0 { 1 } else { fate(4) } {
            0 => self.bytes[..self.synced].to_vec(),
            1 => self.bytes.to_vec(),
            2 => self.bytes[..self.synced + fate(rest as u64) as usize].to_vec(),
            _ => self.with_zeros(fate),
        };
        let stat = Stat { size: bytes.len() as u64, ..self.stat };
        Self { synced: bytes.len(), bytes: Arc::new(bytes), stat }
    }

    fn with_zeros(&self, fate: Fate<'_>) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        for sector in bytes[self.synced..].chunks_mut(SECTOR) {
            if fate(2) == 0 {
                sector.fill(0);
            }
        }
        bytes
    }
}

/// Which changes of names have reached the disk: none, all, the first of them, or any.
fn kept(pending: &[Change], fate: Fate<'_>) -> Vec<Change> {
    let all = pending.len() as u64;
    match fate(4) {
        0 => Vec::new(),
        1 => pending.to_vec(),
        2 => pending[..fate(all + 1) as usize].to_vec(),
        _ => pending.iter().filter(|_| fate(2) == 0).cloned().collect(),
    }
}

fn apply(names: &mut Names, changes: Vec<Change>) {
    for (path, node) in changes {
        match node {
            Some(node) => names.insert(path, node),
            None => names.remove(&path),
        };
    }
}

/// A name in a folder that is not there leads to nothing.
fn drop_unreachable(names: &mut Names) {
    // A folder comes before what is in it.
    let mut reachable = Names::new();
    for (path, node) in std::mem::take(names) {
        let parent = Path::new(&path).parent();
        if parent.is_none_or(|parent| reachable.get(parent.as_os_str()) == Some(&Node::Folder)) {
            reachable.insert(path, node);
        }
    }
    *names = reachable;
}
