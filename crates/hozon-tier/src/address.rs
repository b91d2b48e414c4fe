//! Where a tier is.

use std::fmt;
use std::path::PathBuf;

use reqwest::Url;

/// Where a tier is. It holds no secret: one with a user, a password or a query is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `s3://bucket/prefix`
    S3(Bucket),
    /// `gs://bucket/prefix`
    Google(Bucket),
    /// `az://container/prefix`
    Azure(Bucket),
    /// `http://…` or `https://…`, what `hozon serve` speaks; ends in a slash.
    Http(Url),
    /// `/a/folder` or `file:///a/folder`
    Folder(PathBuf),
}

/// A bucket and what all names in it begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub(crate) name: String,
    pub(crate) prefix: String,
}

/// Why a text is no address. It does not repeat the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It cannot be read at all.
    #[error(
        "an address of a tier is s3://, gs://, az://, http://, https://, file:// or the path of a folder"
    )]
    Unknown,
    /// It holds what does not belong there.
    #[error(
        "an address of a tier has no user, password, query or fragment: credentials come from the environment or from hozon's configuration of the user"
    )]
    Secret,
    /// There is no host or bucket.
    #[error("the address of a tier names no host or bucket")]
    NoHost,
    /// HTTP without TLS to another machine.
    #[error(
        "HTTP without TLS sends tokens and results in clear: use https://, or say that it may with plain_http"
    )]
    Plain,
}

impl Address {
    /// Reads an address as people write it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.starts_with('/') {
            return Ok(Self::Folder(text.into()));
        }
        let url = Url::parse(text).map_err(|_| AddressError::Unknown)?;
        let secret = !url.username().is_empty() || url.password().is_some();
        if secret || url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Secret);
        }
        match url.scheme() {
            "s3" => bucket(&url).map(Self::S3),
            "gs" => bucket(&url).map(Self::Google),
            "az" => bucket(&url).map(Self::Azure),
            "http" | "https" => Ok(Self::Http(with_slash(url))),
            "file" => url.to_file_path().map(Self::Folder).map_err(|()| AddressError::Unknown),
            _ => Err(AddressError::Unknown),
        }
    }

    /// Tells whether what is sent there can be read on the way to another machine.
    pub fn is_in_clear(&self) -> bool {
        let Self::Http(url) = self else { return false };
        url.scheme() == "http" && !is_loopback(url)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(bucket) => write!(f, "s3://{bucket}"),
            Self::Google(bucket) => write!(f, "gs://{bucket}"),
            Self::Azure(bucket) => write!(f, "az://{bucket}"),
            Self::Http(url) => f.write_str(url.as_str().trim_end_matches('/')),
            Self::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "{}{between}{}", self.name, self.prefix)
    }
}

fn bucket(url: &Url) -> Result<Bucket, AddressError> {
    let name = url.host_str().filter(|name| !name.is_empty()).ok_or(AddressError::NoHost)?;
    Ok(Bucket { name: name.to_owned(), prefix: url.path().trim_matches('/').to_owned() })
}

fn with_slash(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_they_are_written() {
        let good = [
            "s3://bucket/a/prefix",
            "s3://bucket",
            "gs://bucket/x",
            "az://container/x",
            "https://cache.example/team",
            "http://127.0.0.1:8731",
            "/mnt/team",
        ];
        for text in good {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Address::parse("file:///mnt/team").unwrap(), Address::Folder("/mnt/team".into()));
    }

    #[test]
    fn secrets_and_other_schemes_are_refused_without_a_word_of_them() {
        let wrong = [
            ("https://me:hunter2@cache.example", AddressError::Secret),
            ("https://hunter2@cache.example", AddressError::Secret),
            ("https://cache.example/?token=hunter2", AddressError::Secret),
            ("https://cache.example/#hunter2", AddressError::Secret),
            ("s3://hunter2:hunter2@bucket/x", AddressError::Secret),
            ("s3:///hunter2", AddressError::NoHost),
            ("ftp://hunter2", AddressError::Unknown),
            ("hunter2", AddressError::Unknown),
            ("", AddressError::Unknown),
        ];
        for (text, why) in wrong {
            assert_eq!(Address::parse(text), Err(why), "{text}");
            assert!(!why.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_clear() {
        let clear = |text| Address::parse(text).unwrap().is_in_clear();
        assert!(clear("http://cache.example"));
        assert!(clear("http://127.0.0.1.example"));
        for text in ["http://localhost:1", "http://127.0.0.1", "http://[::1]:80", "https://cache.example"] {
            assert!(!clear(text), "{text}");
        }
    }
}
