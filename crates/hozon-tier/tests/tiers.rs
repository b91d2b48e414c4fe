//! The suite that every tier passes, on those that need no server, and on what stands around them.
#![expect(clippy::disallowed_methods, reason = "tests look at files, and wait, themselves")]

use std::path::Path;
use std::sync::Arc;

use hozon_format::{Digest, Key};
use hozon_sys::{Fault, Memory, Os, System};
use hozon_tier::{
    Access, Address, Breaker, Failure, Faulty, FolderTier, Kind, MemoryTier, Notify, ObjectName, Put,
    ReadOnly, Settings, Tier, TierError, conformance, open,
};

fn silent() -> Notify {
    Arc::new(|why: &str| panic!("{why}"))
}

fn suite(tier: impl Tier + 'static) {
    conformance::check(&(Arc::new(tier) as Arc<dyn Tier>));
}

#[test]
fn a_tier_in_memory() {
    suite(MemoryTier::new());
}

#[test]
fn a_folder_of_ones_own_and_a_shared_one() {
    for access in [Access::Own, Access::Shared] {
        let folder = tempfile::tempdir().unwrap();
        suite(FolderTier::new(Arc::new(Os), folder.path(), access));
        let left = std::fs::read_dir(folder.path().join("v1/tmp")).unwrap().count();
        assert_eq!(left, 0, "no temporary file stays");
    }
}

#[test]
fn a_folder_by_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::parse(folder.path().to_str().unwrap()).unwrap();
    conformance::check(&open(&address, &Settings::default(), Arc::new(Os), silent()).unwrap());
}

#[test]
fn a_folder_in_a_system_in_memory() {
    let system = Memory::new();
    system.create_folder(Path::new("/team")).unwrap();
    suite(FolderTier::new(Arc::new(system), Path::new("/team"), Access::Shared));
}

#[test]
fn what_stands_around_a_tier_lets_everything_through() {
    suite(Faulty::new(MemoryTier::new()));
    let system = Arc::new(Memory::new());
    suite(Breaker::new(MemoryTier::new(), system, "memory".to_owned(), silent()));
}

#[test]
fn a_tier_that_is_only_read_from() {
    let inner = MemoryTier::new();
    inner.put_blob(&Digest::of(b"hozon"), 5, &mut &b"hozon"[..]).unwrap();
    conformance::check_read_only(&ReadOnly(inner), b"hozon");
    let folder = tempfile::tempdir().unwrap();
    let tier = FolderTier::new(Arc::new(Os), folder.path(), Access::Own);
    tier.put_blob(&Digest::of(b"hozon"), 5, &mut &b"hozon"[..]).unwrap();
    let address = Address::Folder(folder.path().to_owned());
    let settings = Settings { read_only: true, ..Settings::default() };
    conformance::check_read_only(&*open(&address, &settings, Arc::new(Os), silent()).unwrap(), b"hozon");
}

#[test]
fn a_mount_that_is_missing_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("mount");
    let tier = FolderTier::new(Arc::new(Os), &mount, Access::Shared);
    let name = ObjectName::entries(&Key::from_digest(Digest::of(b"x")));
    assert_eq!(tier.get(&name, 10).unwrap(), None);
    assert!(matches!(tier.put_if_absent(&name, b"x"), Err(TierError::Unreachable(_))));
    assert!(tier.put_blob(&Digest::of(b"x"), 1, &mut &b"x"[..]).is_err());
    assert!(!mount.exists());
}

/// Every call that writes fails once: what was there stays, nothing half is seen, and the next try works.
#[test]
fn a_folder_whose_calls_fail_has_whole_objects_or_none() {
    let [name, other] = [b"a", b"b"].map(|text| ObjectName::entries(&Key::from_digest(Digest::of(text))));
    let blob = vec![7; 600_000];
    let digest = Digest::of(&blob);
    for kind in [std::io::ErrorKind::StorageFull, std::io::ErrorKind::Other] {
        for call in 0.. {
            let system = Fault::new(Memory::new());
            system.create_folder(Path::new("/team")).unwrap();
            let tier = FolderTier::new(Arc::new(system.clone()), Path::new("/team"), Access::Shared);
            tier.put_if_absent(&name, b"old").unwrap();
            let old = tier.get(&name, 10).unwrap().unwrap();
            system.fail_writes(call..call + 1, kind);
            let replaced = tier.put_if_version(&name, b"new", &old.version);
            let added = tier.put_if_absent(&other, b"other");
            let put = tier.put_blob(&digest, 600_000, &mut &blob[..]);
            if system.write_calls() <= call {
                assert!(replaced.is_ok() && added.is_ok() && put.is_ok());
                break;
            }
            system.heal();
            let now = tier.get(&name, 10).unwrap().unwrap().bytes;
            assert!(now == b"old" || now == b"new", "call {call}");
            let seen = tier.get_blob(&digest, 600_000, &mut std::io::sink()).unwrap();
            assert!(seen || put.is_err(), "call {call}: what was said to be stored is there");
            tier.put_blob(&digest, 600_000, &mut &blob[..]).unwrap();
            assert!(matches!(tier.put_if_absent(&other, b"other").unwrap(), Put::Stored | Put::Taken));
            assert_eq!(tier.get(&other, 10).unwrap().unwrap().bytes, b"other");
        }
    }
}

#[test]
fn a_sweep_removes_what_the_dead_left_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let tier = FolderTier::new(Arc::new(Os), folder.path(), Access::Own);
    let living = tier.start_blob(3).unwrap();
    let temporary = folder.path().join("v1/tmp");
    let dead = hozon_sys::TemporaryName { realm: Os.process_realm(), process: u32::MAX >> 1, random: 1 };
    let elsewhere = hozon_sys::TemporaryName { realm: 1, process: 1, random: 1 };
    for name in [dead.to_string(), elsewhere.to_string(), "a person's own".to_owned()] {
        std::fs::write(temporary.join(name), "x").unwrap();
    }
    tier.sweep();
    let left = std::fs::read_dir(&temporary).unwrap().count();
    assert_eq!(left, 3);
    assert!(!temporary.join(dead.to_string()).exists());
    drop(living);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 2);
}

#[test]
fn files_that_are_no_objects_are_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let tier = FolderTier::new(Arc::new(Os), folder.path(), Access::Own);
    tier.put_blob(&Digest::of(b"x"), 1, &mut &b"x"[..]).unwrap();
    let blobs = folder.path().join("v1/blobs");
    for name in ["ab", "zz"] {
        std::fs::create_dir_all(blobs.join(name)).unwrap();
        std::fs::write(blobs.join(name).join("README"), "x").unwrap();
        std::fs::write(blobs.join(name).join("0".repeat(63)), "x").unwrap();
    }
    assert_eq!(tier.list(Kind::Blobs).unwrap(), [ObjectName::blob(&Digest::of(b"x"))]);
}

/// An answer that is lost after the tier did what was asked: the next try finds it done.
#[test]
fn lost_answers_lose_nothing() {
    let tier = Faulty::new(MemoryTier::new());
    let name = ObjectName::entries(&Key::from_digest(Digest::of(b"x")));
    tier.fail(0..1, Failure::LostAnswer);
    assert!(tier.put_if_absent(&name, b"one").is_err());
    assert_eq!(tier.put_if_absent(&name, b"one").unwrap(), Put::Taken);
    assert_eq!(tier.get(&name, 10).unwrap().unwrap().bytes, b"one");
}
