//! The one way in which a file appears: whole, under its final name, or not at all.

use std::io;
use std::path::Path;
use std::str::FromStr;

use crate::{NewFile, Stat, System};

/// What a publication waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The bytes and the name are on the disk before it returns.
    Synced,
    /// The system writes them when it likes: a power cut may lose or tear the file.
    Batched,
}

/// A file to be published.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// The folder for the temporary file, on the same file system as `path`.
    pub temporary_folder: &'a Path,
    /// The final name; a file that has it is replaced.
    pub path: &'a Path,
    /// The Unix permissions.
    pub mode: u32,
    /// What to wait for.
    pub durability: Durability,
}

/// The name of a temporary file: it tells whether its writer still lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemporaryName {
    /// The realm of the writer's process number.
    pub realm: u64,
    /// The writer's process number.
    pub process: u32,
    /// What tells two files of one process apart.
    pub random: u64,
}

impl TemporaryName {
    /// A name that is new, for a file of this process.
    ///
    /// # Errors
    /// Where there is no randomness.
    pub fn new(system: &dyn System) -> io::Result<Self> {
        let mut random = [0; 8];
        system.fill_random(&mut random)?;
        let (realm, process) = (system.process_realm(), system.process_id());
        Ok(Self { realm, process, random: u64::from_le_bytes(random) })
    }
}

impl std::fmt::Display for TemporaryName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}-{}-{:016x}.tmp", self.realm, self.process, self.random)
    }
}

impl FromStr for TemporaryName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut fields = text.strip_suffix(".tmp").ok_or(())?.split('-');
        let mut next = || fields.next().ok_or(());
        let name = Self {
            realm: u64::from_str_radix(next()?, 16).map_err(drop)?,
            process: next()?.parse().map_err(drop)?,
            random: u64::from_str_radix(next()?, 16).map_err(drop)?,
        };
        // One spelling each: whatever else is there is not ours.
        if name.to_string() == text { Ok(name) } else { Err(()) }
    }
}

/// Writes `pieces` to a temporary file and renames it to its final name, making the final folder if
/// it is not there.
///
/// On an error the temporary file is removed as well as can be, and whatever had the final name still
/// has it. Returns what the published file is like, or `None` if another writer has replaced it since.
pub fn publish(
    system: &dyn System,
    publication: &Publication<'_>,
    pieces: &[&[u8]],
) -> io::Result<Option<Stat>> {
    publish_with(system, publication, &mut |file| pieces.iter().try_for_each(|piece| file.write_all(piece)))
}

/// As [`publish`], of what `write` puts into the file: for more than is to be held in memory. Where `write`
/// fails, nothing is published.
pub fn publish_with(
    system: &dyn System,
    publication: &Publication<'_>,
    write: &mut dyn FnMut(&mut dyn NewFile) -> io::Result<()>,
) -> io::Result<Option<Stat>> {
    let temporary = publication.temporary_folder.join(TemporaryName::new(system)?.to_string());
    let published = write_temporary(system, &temporary, publication, write)
        .and_then(|inode| rename_into_place(system, &temporary, publication).map(|()| inode));
    let inode = published.inspect_err(|_| {
        // The sweep finds what cannot be removed now.
        let _ = system.remove_file(&temporary);
    })?;
    // The file is there: what cannot be seen now is treated as replaced.
    Ok(system.stat(publication.path).ok().filter(|stat| stat.inode == inode))
}

fn write_temporary(
    system: &dyn System,
    temporary: &Path,
    publication: &Publication<'_>,
    write: &mut dyn FnMut(&mut dyn NewFile) -> io::Result<()>,
) -> io::Result<u64> {
    let mut file = system.create_file(temporary, publication.mode)?;
    write(&mut *file)?;
    let inode = file.age_stamp()?;
    if publication.durability == Durability::Synced {
        file.sync()?;
    }
    file.close()?;
    Ok(inode)
}

fn rename_into_place(system: &dyn System, temporary: &Path, publication: &Publication<'_>) -> io::Result<()> {
    let folder = folder_of(publication.path);
    match system.rename(temporary, publication.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            system.create_folder(folder)?;
            system.rename(temporary, publication.path)?;
        }
        other => other?,
    }
    if publication.durability == Durability::Synced {
        system.sync_folder(folder)?;
        // The folder itself may be new.
        system.sync_folder(folder_of(folder))?;
    }
    Ok(())
}

/// The folder that something lies in: of a bare name, the working directory.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    }
}
