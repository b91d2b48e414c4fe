//! The keys of one user, outside every store: the seal key, the signing key, and whom the user trusts.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hozon_format::{FileStamp, Origin, PublicKey, SealKey, SigningKey};
use hozon_sys::{Brief, System};

use crate::secret_file::{load_or_create_secret, load_secret, lock_beside, write_beside};
use crate::store::stamp_of;
use crate::{Trust, TrustError, Verdict, load_or_create_seal_key, ssh};

/// What a store is opened with: the key that seals its entries, and the user's other keys. Without these,
/// nothing that others signed is used.
#[derive(Debug, Clone)]
pub struct Keys {
    pub(crate) seal: SealKey,
    pub(crate) ring: Option<Keyring>,
}

/// The folder of a user's keys. Cheap to clone; nothing is read before it is asked for.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    system: Arc<dyn System>,
    folder: PathBuf,
    /// What was read last, and what the files were like then.
    read: Brief<Option<(Stamps, Arc<Trust>)>>,
}

type Stamps = Vec<Option<FileStamp>>;

/// Why keys cannot be had, or what was to be changed cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of trusted keys cannot be read. Until it can, nothing that others signed is used.
    #[error("{path}: {source}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TrustError,
    },
    /// What was asked for cannot be done.
    #[error(transparent)]
    Refused(#[from] TrustError),
}

const SIGNING_KEY: &str = "signing.key";
/// Holds the path of the SSH key that the user signs with instead.
const SSH_CHOICE: &str = "signing.ssh";
const TRUST: &str = "trust";
/// Names and patterns of thousands of keys: this is ample.
const MOST_BYTES: u64 = 4 << 20;

impl Keys {
    /// Reads the seal key of the file `seal_key`, or makes one; the other keys are in its folder.
    ///
    /// # Errors
    ///
    /// As [`load_or_create_seal_key`].
    pub fn load_or_create(system: Arc<dyn System>, seal_key: &Path) -> io::Result<Self> {
        let seal = load_or_create_seal_key(&*system, seal_key)?;
        Ok(Self { seal, ring: Some(Keyring::beside(system, seal_key)) })
    }

    /// Adds the user's other keys to the one that seals.
    pub fn with_ring(seal: SealKey, ring: Keyring) -> Self {
        Self { seal, ring: Some(ring) }
    }
}

/// Nothing that others signed is used.
impl From<SealKey> for Keys {
    fn from(seal: SealKey) -> Self {
        Self { seal, ring: None }
    }
}

impl Keyring {
    /// The keys in a folder.
    pub fn new(system: Arc<dyn System>, folder: &Path) -> Self {
        Self(Arc::new(Inner { system, folder: folder.to_owned(), read: Brief::default() }))
    }

    /// The keys in the folder of a seal key.
    pub fn beside(system: Arc<dyn System>, seal_key: &Path) -> Self {
        Self::new(system, seal_key.parent().unwrap_or(Path::new(".")))
    }

    /// Returns whom the user trusts now. The files are read again if they have changed. Where they cannot be
    /// read, nobody is trusted: they may revoke any key.
    pub fn trust(&self) -> Arc<Trust> {
        let (inner, stamps) = (&*self.0, self.stamps());
        let process = inner.system.process_id();
        let known = inner.read.with(process, |read| read.clone());
        match known {
            Some((then, trust)) if then == stamps => trust,
            _ => {
                let trust = Arc::new(self.read_trust().unwrap_or_default());
                inner.read.with(process, |read| *read = Some((stamps, trust.clone())));
                trust
            }
        }
    }

    /// Reads whom the user trusts.
    ///
    /// # Errors
    ///
    /// Which file cannot be read, and why.
    pub fn read_trust(&self) -> Result<Trust, KeyringError> {
        let path = self.trust_file();
        let text = match self.0.system.read(&path, MOST_BYTES) {
            Ok(bytes) => String::from_utf8(bytes)
                .map_err(|_| at(&path)(io::Error::new(io::ErrorKind::InvalidData, "it is no text")))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(at(&path)(error)),
        };
        let mut trust =
            Trust::parse(&text).map_err(|source| KeyringError::Damaged { path: path.clone(), source })?;
        // Without a key of one's own, others are trusted as they were.
        trust.own = self.own_key().unwrap_or_default();
        Ok(trust)
    }

    /// Changes whom the user trusts; of several processes, one at a time.
    ///
    /// # Errors
    ///
    /// What `change` refuses, or which file cannot be read or written: nothing is changed then.
    pub fn change_trust<T>(
        &self,
        change: impl FnOnce(&mut Trust) -> Result<T, TrustError>,
    ) -> Result<T, KeyringError> {
        let path = self.trust_file();
        let _lock = lock_beside(&*self.0.system, &path).map_err(at(&path))?;
        let mut trust = self.read_trust()?;
        let changed = change(&mut trust)?;
        write_beside(&*self.0.system, &path, trust.text().as_bytes()).map_err(at(&path))?;
        Ok(changed)
    }

    /// Returns the key that the user signs with; it is made if there is none.
    ///
    /// # Errors
    ///
    /// Which file cannot be used, and why.
    pub fn signing_key(&self) -> Result<SigningKey, KeyringError> {
        if let Some(path) = self.ssh_choice()? {
            return ssh::signing_key(&*self.0.system, &path).map_err(at(&path));
        }
        let path = self.0.folder.join(SIGNING_KEY);
        let seed = load_or_create_secret(&*self.0.system, &path).map_err(at(&path))?;
        ssh::check_is_private(&*self.0.system, &path).map_err(at(&path))?;
        Ok(SigningKey::from_seed(seed))
    }

    /// Returns the key that others know this user by, if there is one. None is made.
    ///
    /// # Errors
    ///
    /// Which file cannot be read, and why.
    pub fn own_key(&self) -> Result<Option<PublicKey>, KeyringError> {
        if let Some(path) = self.ssh_choice()? {
            return ssh::public_key(&*self.0.system, &path).map(Some).map_err(at(&path));
        }
        let path = self.0.folder.join(SIGNING_KEY);
        let seed = load_secret(&*self.0.system, &path).map_err(at(&path))?;
        Ok(seed.map(|seed| SigningKey::from_seed(seed).public()))
    }

    /// Signs with the SSH key of a file from now on, or with hozon's own key again. Returns its public key.
    ///
    /// # Errors
    ///
    /// Which file cannot be used, and why: nothing is changed then.
    pub fn choose_ssh_key(&self, key: Option<&Path>) -> Result<PublicKey, KeyringError> {
        let choice = self.0.folder.join(SSH_CHOICE);
        let lock = lock_beside(&*self.0.system, &choice).map_err(at(&choice))?;
        match key {
            Some(key) => {
                ssh::signing_key(&*self.0.system, key).map_err(at(key))?;
                let text = key.to_str().ok_or_else(|| {
                    at(key)(io::Error::new(io::ErrorKind::InvalidInput, "its path is not UTF-8"))
                })?;
                write_beside(&*self.0.system, &choice, text.as_bytes()).map_err(at(&choice))?;
            }
            None => match self.0.system.remove_file(&choice) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&choice)(error)),
                _ => {}
            },
        }
        // The own key may have to be made, under the same lock.
        drop(lock);
        self.signing_key().map(|key| key.public())
    }

    /// Returns the SSH key that the user has chosen to sign with.
    ///
    /// # Errors
    ///
    /// That the choice cannot be read.
    pub fn ssh_choice(&self) -> Result<Option<PathBuf>, KeyringError> {
        let path = self.0.folder.join(SSH_CHOICE);
        match self.0.system.read(&path, MOST_BYTES) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Ok(Some(PathBuf::from(text.trim_end_matches(['\r', '\n'])))),
                Err(_) => Err(at(&path)(io::Error::new(io::ErrorKind::InvalidData, "it is no text"))),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Returns the file of trusted keys.
    pub fn trust_file(&self) -> PathBuf {
        self.0.folder.join(TRUST)
    }

    /// What changes when any of the files does.
    fn stamps(&self) -> Stamps {
        let mut files =
            vec![self.trust_file(), self.0.folder.join(SIGNING_KEY), self.0.folder.join(SSH_CHOICE)];
        let stamp = |path: &PathBuf| self.0.system.stat(path).ok().map(|stat| stamp_of(&stat));
        if stamp(&files[2]).is_some() {
            files.extend(self.ssh_choice().ok().flatten());
        }
        files.iter().map(stamp).collect()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyring").field(&self.0.folder).finish()
    }
}

impl Keys {
    /// Says whether an entry from there is used for computations of these names.
    pub(crate) fn verdict(&self, origin: Origin, names: &[&str]) -> Verdict {
        match (origin, &self.ring) {
            (Origin::Own, _) => Verdict::Trusted,
            (Origin::Signed(signer), Some(ring)) => ring.trust().verdict(&signer, names),
            (Origin::Signed(_) | Origin::Unreadable, _) => Verdict::Unknown,
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> KeyringError {
    let path = path.to_owned();
    move |source| KeyringError::Io { path, source }
}
