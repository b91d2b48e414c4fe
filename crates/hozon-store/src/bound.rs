//! How large a store may get.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use hozon_sys::System;

/// How large a store may get.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Bound {
    /// A tenth of the disk that it is on, at most 50 GB.
    #[default]
    Default,
    /// So many bytes.
    Bytes(u64),
    /// This part of the disk that it is on.
    Share(f64),
    /// As large as it likes.
    None,
}

/// What a store keeps to by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// How large it may get.
    pub bound: Bound,
    /// For how long what was just stored is spared.
    pub grace: Duration,
}

/// The most that may be kept under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MostOfName {
    /// How many entries.
    pub entries: Option<u64>,
    /// How many bytes.
    pub bytes: Option<u64>,
}

const DEFAULT_SHARE: f64 = 0.1;
const MOST_BY_DEFAULT: u64 = 50_000_000_000;
/// Whoever waits for a result looks again within moments, and whoever names one does so at once.
const GRACE: Duration = Duration::from_secs(10);

impl Default for Limits {
    fn default() -> Self {
        Self { bound: Bound::Default, grace: GRACE }
    }
}

impl Limits {
    /// No bound.
    pub const fn none() -> Self {
        Self { bound: Bound::None, grace: GRACE }
    }
}

impl Bound {
    /// Returns the bound in bytes for a store in `folder`; `None`: there is none.
    pub fn bytes(&self, system: &dyn System, folder: &Path) -> Option<u64> {
        let share = |share: f64| system.disk_bytes(folder).map(|disk| (disk as f64 * share) as u64);
        match self {
            Self::Default => {
                Some(share(DEFAULT_SHARE).map_or(MOST_BY_DEFAULT, |bytes| bytes.min(MOST_BY_DEFAULT)))
            }
            Self::Bytes(bytes) => Some(*bytes),
            Self::Share(part) => Some(share(*part).unwrap_or(MOST_BY_DEFAULT)),
            Self::None => None,
        }
    }
}

/// Reads a number of bytes: `1500`, `500MiB`, `2 GB`.
///
/// # Errors
///
/// What is wrong with the text, for people.
pub fn size_of_text(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => {
            return Err(
                "it is to be a number of bytes, or of KB, MB, GB, TB, KiB, MiB, GiB or TiB".to_owned()
            );
        }
    };
    let number: f64 = number.parse().map_err(|_| "it is to begin with a number".to_owned())?;
    Ok((number * unit as f64) as u64)
}

impl FromStr for Bound {
    type Err = String;

    /// Reads a size, a part of the disk (`10 %`), or `none`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self::None);
        }
        let Some(percent) = text.strip_suffix('%') else { return size_of_text(text).map(Self::Bytes) };
        match percent.trim().parse::<f64>() {
            Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(Self::Share(percent / 100.0)),
            _ => Err("the part of the disk is to be more than 0 % and at most 100 %".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        assert_eq!(size_of_text("1500"), Ok(1500));
        assert_eq!(size_of_text("2 GB"), Ok(2_000_000_000));
        assert_eq!(size_of_text("1.5MiB"), Ok(1_572_864));
        assert_eq!(size_of_text(" 10k "), Ok(10_240));
        for wrong in ["", "MiB", "1.2.3", "-1", "5 parsecs"] {
            assert!(size_of_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bounds_as_people_write_them() {
        assert_eq!("2 GB".parse(), Ok(Bound::Bytes(2_000_000_000)));
        assert_eq!("12.5 %".parse(), Ok(Bound::Share(0.125)));
        assert_eq!("None".parse(), Ok(Bound::None));
        for wrong in ["0%", "101%", "x%", "", "much"] {
            assert!(wrong.parse::<Bound>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_default_is_a_part_of_the_disk_and_no_more_than_fifty_gigabytes() {
        let (os, memory) = (hozon_sys::Os, hozon_sys::Memory::new());
        let bound = Bound::Default.bytes(&os, Path::new("/")).unwrap();
        assert!(0 < bound && bound <= 50_000_000_000);
        // Where the size of the disk is not known.
        assert_eq!(Bound::Default.bytes(&memory, Path::new("/")), Some(50_000_000_000));
        assert_eq!(Bound::None.bytes(&os, Path::new("/")), None);
        assert_eq!(Bound::Bytes(7).bytes(&os, Path::new("/")), Some(7));
    }
}
