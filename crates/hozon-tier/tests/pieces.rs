//! Large blobs in pieces: what is shared, what is compressed, and what a hostile tier may give.

use std::sync::Arc;

use hozon_format::{Digest, MOST_OF_PIECE, Packing, Piece, encode_pieces};
use hozon_tier::{InPieces, Kind, LEAST_IN_PIECES, MemoryTier, ObjectName, Tier, TierError, conformance};

/// Bytes that neither compress nor repeat.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn put(tier: &dyn Tier, blob: &[u8]) -> Digest {
    let digest = Digest::of(blob);
    tier.put_blob(&digest, blob.len() as u64, &mut &*blob).unwrap();
    digest
}

fn got(tier: &dyn Tier, digest: &Digest, length: usize) -> Result<Option<Vec<u8>>, TierError> {
    let mut sink = Vec::new();
    let found = tier.get_blob(digest, length as u64, &mut sink);
    assert!(sink.len() <= length, "never more than was announced");
    found.map(|found| found.then_some(sink))
}

/// How many bytes of blobs a tier holds.
fn held(tier: &MemoryTier) -> u64 {
    let lengths = tier.list(Kind::Blobs).unwrap().into_iter().map(|name| tier.length(&name).unwrap());
    lengths.sum()
}

#[test]
fn the_suite_of_all_tiers() {
    conformance::check(&(Arc::new(InPieces(MemoryTier::new())) as Arc<dyn Tier>));
}

#[test]
fn a_later_version_shares_what_it_has_in_common() {
    let inner = MemoryTier::new();
    let tier = InPieces(inner.clone());
    let before = noise(20_000_000, 1);
    let mut appended = before.clone();
    appended.extend(noise(1000, 2));
    let mut inserted = before.clone();
    inserted.splice(7_000_000..7_000_000, noise(10, 3));
    put(&tier, &before);
    let first = held(&inner);
    assert_eq!(first, 20_000_000, "noise is kept as it is");
    for after in [appended, inserted] {
        let digest = put(&tier, &after);
        assert!(held(&inner) - first < 10_000_000, "{}", held(&inner) - first);
        assert!(got(&tier, &digest, after.len()).unwrap() == Some(after));
    }
}

#[test]
fn what_compresses_is_compressed_and_the_rest_is_not() {
    let inner = MemoryTier::new();
    let tier = InPieces(inner.clone());
    let text: Vec<u8> = (0..400_000_u32).flat_map(|number| format!("row {number}\n").into_bytes()).collect();
    let digest = put(&tier, &text);
    assert!(held(&inner) * 2 < text.len() as u64);
    assert!(got(&tier, &digest, text.len()).unwrap() == Some(text));
    let small = vec![7; LEAST_IN_PIECES as usize - 1];
    let digest = put(&tier, &small);
    assert!(inner.has_blob(&digest, small.len() as u64).unwrap(), "short blobs are whole, and as they are");
}

#[test]
fn a_blob_that_is_there_whole_is_found() {
    let inner = MemoryTier::new();
    let blob = noise(1_000_000, 1);
    let digest = put(&inner, &blob);
    let tier = InPieces(inner);
    assert!(tier.has_blob(&digest, 1_000_000).unwrap());
    assert!(got(&tier, &digest, blob.len()).unwrap() == Some(blob));
}

#[test]
fn a_piece_that_is_gone_is_a_miss_until_it_is_put_again() {
    let inner = MemoryTier::new();
    let tier = InPieces(inner.clone());
    let blob = noise(9_000_000, 1);
    let digest = put(&tier, &blob);
    let pieces = inner.list(Kind::Blobs).unwrap();
    for piece in [pieces[0], pieces[pieces.len() / 2], pieces[pieces.len() - 1]] {
        inner.delete(&piece).unwrap();
        assert!(!tier.has_blob(&digest, 9_000_000).unwrap());
        assert_eq!(got(&tier, &digest, blob.len()).unwrap(), None);
        put(&tier, &blob);
        assert!(tier.has_blob(&digest, 9_000_000).unwrap());
        assert!(got(&tier, &digest, blob.len()).unwrap() == Some(blob.clone()));
    }
    tier.delete(&ObjectName::blob(&digest)).unwrap();
    assert_eq!(got(&tier, &digest, blob.len()).unwrap(), None);
}

fn piece(packing: Packing, stored: &[u8], length: u64) -> Piece {
    Piece { packing, digest: Digest::of(stored), stored: stored.len() as u64, length }
}

/// 800 MiB of zeros come to some 25 kB.
#[test]
fn a_bomb_is_unpacked_no_further_than_it_says() {
    let bomb = zstd::bulk::compress(&vec![0; 100 << 20], 1).unwrap();
    let frames = [&bomb[..], &bomb, &bomb, &bomb, &bomb, &bomb, &bomb, &bomb].concat();
    for stored in [&bomb, &frames] {
        let inner = MemoryTier::new();
        put(&inner, stored);
        let digest = Digest::of(b"anything");
        for length in [1, 1 << 20, MOST_OF_PIECE] {
            let list = encode_pieces(&[piece(Packing::Zstd, stored, length)]);
            inner.plant(ObjectName::pieces(&digest), list);
            let found = got(&InPieces(inner.clone()), &digest, length as usize);
            assert!(matches!(found, Err(TierError::Wrong(_))), "{length}: {found:?}");
        }
    }
}

#[test]
fn what_a_hostile_list_leads_to_is_not_the_blob() {
    let inner = MemoryTier::new();
    let tier = InPieces(inner.clone());
    let blob = noise(3_000_000, 1);
    let digest = put(&tier, &blob);
    let other = noise(1_000_000, 2);
    put(&inner, &other);
    let of_other = piece(Packing::Plain, &other, 1_000_000);
    let empty_frame = zstd::bulk::compress(b"", 1).unwrap();
    put(&inner, &empty_frame);
    let lists = [
        encode_pieces(&[of_other; 3]),
        encode_pieces(&[of_other; 2]),
        encode_pieces(&[of_other; 4]),
        encode_pieces(&[]),
        encode_pieces(&[piece(Packing::Zstd, &other, 3_000_000)]),
        encode_pieces(&[piece(Packing::Zstd, &empty_frame, 3_000_000)]),
        b"hozonPCS".to_vec(),
        Vec::new(),
        vec![0xff; 5 << 20],
    ];
    for (number, list) in lists.into_iter().enumerate() {
        inner.plant(ObjectName::pieces(&digest), list);
        let found = got(&tier, &digest, blob.len());
        assert!(matches!(found, Err(TierError::Wrong(_))), "{number}: {:?}", found.map(|it| it.is_some()));
        // An honest writer puts it right.
        put(&tier, &blob);
        assert!(got(&tier, &digest, blob.len()).unwrap() == Some(blob.clone()), "{number}");
    }
}
