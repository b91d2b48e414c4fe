//! The real system.
#![expect(clippy::disallowed_methods, reason = "this is the seam that the bans point to")]

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use memmap2::MmapOptions;

use crate::{FileKind, LockAttempt, Mapping, NewFile, Stat, System, os_lock};

/// The real system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Os;

impl System for Os {
    fn read(&self, path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
        let (file, stat) = open_regular(path)?;
        if stat.size > most_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(stat.size).unwrap_or(0) + 1);
        file.take(most_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most_bytes { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }

    #[expect(unsafe_code, reason = "mapping a file is unsafe by nature")]
    fn map(&self, path: &Path) -> io::Result<(Mapping, Stat)> {
        let (file, stat) = open_regular(path)?;
        if stat.size == 0 {
            return Ok((Mapping::copy_of(&[]), stat));
        }
        // SAFETY: the map is private, and published files are replaced, never changed or shortened.
        let mapped = unsafe { MmapOptions::new().map_copy(&file)? };
        Ok((Mapping::mapped(mapped), stat))
    }

    fn open(&self, path: &Path) -> io::Result<(Box<dyn Read + Send>, Stat)> {
        open_regular(path).map(|(file, stat)| (Box::new(file) as Box<dyn Read + Send>, stat))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        fs::symlink_metadata(path).map(|metadata| stat_of(&metadata))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, FileKind)>> {
        let mut names = Vec::new();
        for item in fs::read_dir(folder)? {
            let item = item?;
            if let Ok(name) = item.file_name().into_string() {
                names.push((name, kind_of(item.file_type()?)));
            }
        }
        names.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Ok(names)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)
    }

    fn create_shared_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn create_file(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile>> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        #[cfg(not(unix))]
        let _ = mode;
        Ok(Box::new(OsNewFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        open_regular(path)?.0.sync_all()
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
    }

    fn try_lock(&self, path: &Path) -> io::Result<LockAttempt> {
        os_lock::try_lock(path)
    }

    fn can_write(&self, folder: &Path) -> bool {
        can_write(folder)
    }

    fn is_network_mount(&self, path: &Path) -> bool {
        is_network_mount(path)
    }

    fn disk_bytes(&self, path: &Path) -> Option<u64> {
        disk_bytes(path)
    }

    fn free_bytes(&self, path: &Path) -> Option<u64> {
        free_bytes(path)
    }

    fn is_own(&self, path: &Path) -> Option<bool> {
        is_own(path)
    }

    fn is_native(&self) -> bool {
        true
    }

    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn fill_random(&self, bytes: &mut [u8]) -> io::Result<()> {
        getrandom::fill(bytes).map_err(|error| io::Error::other(error.to_string()))
    }

    fn process_id(&self) -> u32 {
        std::process::id()
    }

    fn process_realm(&self) -> u64 {
        static REALM: OnceLock<u64> = OnceLock::new();
        *REALM.get_or_init(read_process_realm)
    }

    fn process_lives(&self, id: u32) -> bool {
        process_lives(id)
    }

    fn boot(&self) -> u64 {
        static BOOT: OnceLock<u64> = OnceLock::new();
        *BOOT.get_or_init(read_boot)
    }
}

struct OsNewFile(File);

impl NewFile for OsNewFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn age_stamp(&mut self) -> io::Result<u64> {
        let second_ago = SystemTime::now() - Duration::from_secs(1);
        self.0.set_times(FileTimes::new().set_modified(second_ago))?;
        Ok(stat_of(&self.0.metadata()?).inode)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }

    #[cfg(unix)]
    #[expect(unsafe_code, reason = "std drops the error of close")]
    fn close(self: Box<Self>) -> io::Result<()> {
        use std::os::fd::IntoRawFd;
        let descriptor = self.0.into_raw_fd();
        // SAFETY: the descriptor is open and owned here, and nothing uses it after this.
        if unsafe { libc::close(descriptor) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    #[cfg(not(unix))]
    fn close(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a regular file for reading without following a link, and without waiting for a pipe's writer.
fn open_regular(path: &Path) -> io::Result<(File, Stat)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path)?;
    let stat = stat_of(&file.metadata()?);
    match stat.kind {
        FileKind::File => Ok((file, stat)),
        FileKind::Folder => Err(io::ErrorKind::IsADirectory.into()),
        FileKind::Other => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
    }
}

pub(crate) fn kind_of(kind: fs::FileType) -> FileKind {
    if kind.is_file() {
        FileKind::File
    } else if kind.is_dir() {
        FileKind::Folder
    } else {
        FileKind::Other
    }
}

#[cfg(unix)]
pub(crate) fn stat_of(metadata: &fs::Metadata) -> Stat {
    use std::os::unix::fs::MetadataExt;
    let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    Stat {
        kind: kind_of(metadata.file_type()),
        size: metadata.len(),
        inode: metadata.ino(),
        modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        mode: metadata.mode() & 0o7777,
    }
}

#[cfg(not(unix))]
pub(crate) fn stat_of(metadata: &fs::Metadata) -> Stat {
    let nanoseconds = |time: io::Result<SystemTime>| {
        let since = time.ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0)
    };
    Stat {
        kind: kind_of(metadata.file_type()),
        size: metadata.len(),
        inode: 0,
        modified_ns: nanoseconds(metadata.modified()),
        changed_ns: nanoseconds(metadata.created()),
        mode: 0,
    }
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "std has no access")]
fn can_write(folder: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else { return false };
    // SAFETY: `path` is NUL-terminated and lives through the call.
    unsafe { libc::access(path.as_ptr(), libc::W_OK) == 0 }
}

#[cfg(not(unix))]
fn can_write(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| !metadata.permissions().readonly())
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std has no statfs")]
fn is_network_mount(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    const NFS: u32 = 0x6969;
    const SMB: [u32; 3] = [0x517b, 0xff53_4d42, 0xfe53_4d42];
    const OTHERS: [u32; 4] = [0x5346_414f, 0x00c3_6400, 0x0bd0_0bd0, 0x0102_1997];
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: an all-zero statfs is a valid value of that plain C struct.
    let mut about: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: `path` is NUL-terminated, and `about` is valid for writes for the length of the call.
    if unsafe { libc::statfs(path.as_ptr(), &raw mut about) } != 0 {
        return false;
    }
    let kind = about.f_type as u32;
    kind == NFS || SMB.contains(&kind) || OTHERS.contains(&kind)
}

#[allow(clippy::useless_conversion, reason = "the fields are of other widths on other systems")]
#[cfg(unix)]
fn disk_bytes(path: &Path) -> Option<u64> {
    let about = statvfs(path)?;
    u64::from(about.f_blocks).checked_mul(u64::from(about.f_frsize)).filter(|bytes| *bytes > 0)
}

#[allow(clippy::useless_conversion, reason = "the fields are of other widths on other systems")]
#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let about = statvfs(path)?;
    u64::from(about.f_bavail).checked_mul(u64::from(about.f_frsize))
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "std does not tell the size of a disk")]
fn statvfs(path: &Path) -> Option<libc::statvfs> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: an all-zero statvfs is a valid value of that plain C struct.
    let mut about: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: `path` is NUL-terminated, and `about` is valid for writes for the length of the call.
    let answer = unsafe { libc::statvfs(path.as_ptr(), &raw mut about) };
    (answer == 0).then_some(about)
}

#[cfg(not(unix))]
fn disk_bytes(_path: &Path) -> Option<u64> {
    None
}

#[cfg(not(unix))]
fn free_bytes(_path: &Path) -> Option<u64> {
    None
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "std does not tell the user's number")]
fn is_own(path: &Path) -> Option<bool> {
    use std::os::unix::fs::MetadataExt;
    let owner = fs::symlink_metadata(path).ok()?.uid();
    // SAFETY: the call has no arguments and cannot fail.
    Some(owner == unsafe { libc::geteuid() })
}

#[cfg(not(unix))]
fn is_own(_path: &Path) -> Option<bool> {
    None
}

#[cfg(not(target_os = "linux"))]
fn is_network_mount(_path: &Path) -> bool {
    false
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// From what names the machine, its boot and the process namespace.
fn read_process_realm() -> u64 {
    let boot = fs::read(BOOT_ID).unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let host = host_name();
    fnv(boot.iter().chain(namespace.as_os_str().as_encoded_bytes()).chain(&host))
}

fn read_boot() -> u64 {
    fs::read(BOOT_ID).map_or(0, |boot| fnv(boot.iter()).max(1))
}

/// FNV-1a: the same in every build.
fn fnv<'b>(bytes: impl Iterator<Item = &'b u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "std has no host name")]
fn host_name() -> Vec<u8> {
    let mut name = vec![0_u8; 256];
    // SAFETY: `name` is valid for writes of its length; one byte less is offered, so it ends in NUL.
    unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    name.retain(|byte| *byte != 0);
    name
}

#[cfg(not(unix))]
fn host_name() -> Vec<u8> {
    Vec::new()
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "std cannot ask whether a process lives")]
fn process_lives(id: u32) -> bool {
    let Ok(id) = libc::pid_t::try_from(id) else { return false };
    // SAFETY: signal 0 sends nothing; the call only asks.
    let answer = unsafe { libc::kill(id, 0) };
    answer == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

#[cfg(not(unix))]
fn process_lives(_id: u32) -> bool {
    true
}
