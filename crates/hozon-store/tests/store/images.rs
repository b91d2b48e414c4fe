//! The power fails under a real file system: its image is copied while a process stores results on it, and each
//! copy is mounted as a machine would that comes up again.
//!
//! `make test-power`, as root on Linux, with a loop device and `mkfs.ext4`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hozon_format::SealKey;
use hozon_store::{Bound, Limits, Store};
use hozon_sys::Os;

use crate::common::*;

const FOLDER: &str = "HOZON_TEST_IMAGE_FOLDER";
const CUTS: usize = 30;
/// The longest pause between two cuts: longer than the file system waits before it writes by itself.
const MOST_PAUSE_MS: u64 = 1500;

fn buffer_of(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(600 + 4000 * (number as usize % 3))
}

fn is_synced(number: u64) -> bool {
    number.is_multiple_of(3)
}

#[test]
#[ignore = "the child of the test in this file, not a test of its own"]
fn child_of_an_image() {
    let store = open(Path::new(&std::env::var_os(FOLDER).expect("started by the test of this file")));
    for number in 0.. {
        let buffer = buffer_of(number);
        let new =
            if is_synced(number) { synced_entry(number, &buffer) } else { entry(number, Some(&buffer)) };
        // A small disk fills up: then what is oldest goes.
        if store.put(new).is_err() {
            return;
        }
        if number % 10 == 9 {
            let _ = store.flush_uses();
        }
        println!("\nput={number}");
    }
}

fn must(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

/// A mounted image; it is unmounted when this is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(image: &Path, at: PathBuf) -> Self {
        std::fs::create_dir_all(&at).unwrap();
        must("mount", &["-o", "loop,commit=5", image.to_str().unwrap(), at.to_str().unwrap()]);
        Self(at)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn start(folder: &Path) -> (Child, Arc<Mutex<u64>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "images::child_of_an_image", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // How many puts have returned.
    let returned = Arc::new(Mutex::new(0));
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    std::thread::spawn({
        let returned = Arc::clone(&returned);
        move || {
            for line in lines.map_while(Result::ok) {
                if let Some(number) = line.strip_prefix("put=") {
                    *returned.lock().unwrap() = number.parse::<u64>().unwrap() + 1;
                }
            }
        }
    });
    (child, returned)
}

#[expect(unsafe_code, reason = "std sends no signals but one")]
fn signal(child: &Child, signal: i32) {
    // SAFETY: a plain call, about a child that is not waited for yet.
    unsafe { libc::kill(child.id().cast_signed(), signal) };
}

/// Copies an image with its holes.
fn copy(image: &Path, to: &Path) {
    must("cp", &["--sparse=always", image.to_str().unwrap(), to.to_str().unwrap()]);
}

/// Copies an image until two copies are the same. A copy takes time, and while the system writes to the image by
/// itself, it would be of a state that never was.
fn copy_as_of_one_moment(image: &Path, to: &Path) {
    let again = to.with_extension("again");
    for _ in 0..50 {
        copy(image, to);
        copy(image, &again);
        let same = Command::new("cmp").arg("-s").arg(to).arg(&again).status().unwrap();
        if same.success() {
            return;
        }
    }
    panic!("the image does not come to rest");
}

/// Checks an image of which so many puts had returned. Returns how many results are there.
fn check(image: &Path, at: PathBuf, returned: u64) -> usize {
    let mounted = Mounted::new(image, at);
    let store = open(&mounted.0.join("store"));
    let mut there = 0;
    for number in 0..returned + 2 {
        let found = value(&store, number);
        there += usize::from(found.is_some());
        let right = expected(number, Some(&buffer_of(number)));
        assert!(found.as_ref().is_none_or(|found| *found == right), "a wrong value of {number}");
        assert!(
            found.is_some() || number >= returned || !is_synced(number),
            "{number} of {returned} is lost"
        );
    }
    store.verify(true).unwrap();
    assert_eq!(store.verify(false).unwrap().problems, []);
    // The index, which nobody syncs, must not lead an eviction to blobs that are still needed.
    let limits = Limits { bound: Bound::None, grace: Duration::ZERO };
    let evicting = Store::open_with(Arc::new(Os), store.folder(), SealKey::from_bytes(SEAL), limits).unwrap();
    evicting.collect(Some(200_000), false).unwrap();
    assert_eq!(evicting.verify(false).unwrap().problems, []);
    there
}

#[test]
#[ignore = "needs root and a loop device: make test-power"]
fn cuts_of_a_real_file_system_lose_nothing_that_was_synced() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (empty, image, cut) = (path("empty"), path("image"), path("cut"));
    must("truncate", &["-s", "96M", empty.to_str().unwrap()]);
    must("mkfs.ext4", &["-q", "-F", empty.to_str().unwrap()]);
    let cuts = std::env::var("CUTS").ok().and_then(|cuts| cuts.parse().ok()).unwrap_or(CUTS);
    let mut rng = fastrand::Rng::with_seed(1);
    let (mut there, mut all) = (0, 0);
    let mut done = 0;
    while done < cuts {
        copy(&empty, &image);
        let mounted = Mounted::new(&image, path("live"));
        let (mut child, returned) = start(&mounted.0.join("store"));
        for _ in 0..6 {
            std::thread::sleep(Duration::from_millis(rng.u64(20..MOST_PAUSE_MS)));
            // What had returned by now has to be there; what returns while the image is copied may be.
            let sure = *returned.lock().unwrap();
            signal(&child, libc::SIGSTOP);
            copy_as_of_one_moment(&image, &cut);
            signal(&child, libc::SIGCONT);
            there += check(&cut, path("after"), sure);
            all += sure;
            done += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(all > 0, "no put was ever done");
    println!(
        "bar 4: {done} cuts of a real ext4, {all} puts had returned, {there} results were there, 0 wrong, 0 lost"
    );
}
