//! A recipe as bytes, as it is kept in its entry.
//!
//! Version u16 (1), then the root. A node: kind u16, flags u8, label, then in this order what the flags
//! announce (1: own digest, 32 bytes; 2: shown; 4: place; 8: text; each text with its length), the number
//! of children u64, the children. Integers and lengths as in `hozon_format::Writer`.

use hozon_format::{Digest, Reader, WireError, Writer};

use crate::node::{Node, NodeKind, Shown};

/// How deep a recipe may be. What lies deeper is written as its Merkle digest only.
pub const MAX_DEPTH: usize = 500;

/// How many nodes a recipe may have to be decoded.
pub const MAX_NODES: usize = 1 << 20;

const VERSION: u16 = 1;

const HAS_DIGEST: u8 = 1;
const HAS_SHOWN: u8 = 2;
const HAS_PLACE: u8 = 4;
const HAS_TEXT: u8 = 8;

/// Kind, flags, the length of the label, the number of children.
const LEAST_NODE_BYTES: usize = 2 + 1 + 8 + 8;

/// Why bytes are not a recipe that this release reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// Another release wrote it.
    #[error("the recipe has format {0}, this release reads format {VERSION}")]
    UnknownVersion(u16),
    /// A node has a kind that this release does not know.
    #[error("the recipe has a part of the unknown kind {0}")]
    UnknownKind(u16),
    /// The tree is deeper than [`MAX_DEPTH`].
    #[error("the recipe is deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The tree has more nodes than [`MAX_NODES`].
    #[error("the recipe has more than {MAX_NODES} parts")]
    TooMany,
    /// The bytes do not hold the fields that they announce.
    #[error("the recipe is damaged: {0}")]
    Wire(#[from] WireError),
}

/// Returns the recipe as bytes. [`decode`] gives it back, up to what lies deeper than [`MAX_DEPTH`].
pub fn encode(root: &Node) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.u16(VERSION);
    write_node(&mut writer, root, 1);
    writer.finish()
}

/// Reads a recipe. Total: any bytes give a recipe or an error, with memory in proportion to their length.
pub fn decode(bytes: &[u8]) -> Result<Node, RecipeError> {
    let mut reader = Reader::new(bytes);
    match reader.u16()? {
        VERSION => {}
        other => return Err(RecipeError::UnknownVersion(other)),
    }
    let mut budget = MAX_NODES;
    let root = read_node(&mut reader, 1, &mut budget)?;
    reader.end()?;
    Ok(root)
}

fn write_node(writer: &mut Writer, node: &Node, depth: usize) {
    let too_deep = depth == MAX_DEPTH && !node.children.is_empty();
    let digest = if too_deep { Some(node.digest()) } else { node.digest };
    let children = if too_deep { &[] } else { node.children.as_slice() };
    write_fields(writer, node, digest.as_ref());
    writer.u64(children.len() as u64);
    children.iter().for_each(|child| write_node(writer, child, depth + 1));
}

fn write_fields(writer: &mut Writer, node: &Node, digest: Option<&Digest>) {
    let texts = [node.shown.as_ref().map(Shown::as_str), node.place.as_deref(), node.text.as_deref()];
    let present = [digest.is_some(), texts[0].is_some(), texts[1].is_some(), texts[2].is_some()];
    let flags = present.iter().enumerate().map(|(bit, is_there)| u8::from(*is_there) << bit).sum();
    writer.u16(node.kind.number()).u8(flags).text(&node.label);
    if let Some(digest) = digest {
        writer.raw(digest.as_bytes());
    }
    texts.into_iter().flatten().for_each(|text| {
        writer.text(text);
    });
}

fn read_node(reader: &mut Reader<'_>, depth: usize, budget: &mut usize) -> Result<Node, RecipeError> {
    if depth > MAX_DEPTH {
        return Err(RecipeError::TooDeep);
    }
    *budget = budget.checked_sub(1).ok_or(RecipeError::TooMany)?;
    let mut node = read_fields(reader)?;
    // Not reserved ahead: nested counts could each claim all that is left.
    for _ in 0..reader.count(LEAST_NODE_BYTES)? {
        node.children.push(read_node(reader, depth + 1, budget)?);
    }
    Ok(node)
}

fn read_fields(reader: &mut Reader<'_>) -> Result<Node, RecipeError> {
    let number = reader.u16()?;
    let kind = NodeKind::from_number(number).ok_or(RecipeError::UnknownKind(number))?;
    let flags = reader.u8()?;
    if flags > HAS_DIGEST | HAS_SHOWN | HAS_PLACE | HAS_TEXT {
        return Err(WireError::BadValue.into());
    }
    let mut node = Node::new(kind, reader.text()?);
    if flags & HAS_DIGEST != 0 {
        node.digest = Some(Digest::from_bytes(reader.array()?));
    }
    node.shown = optional_text(reader, flags & HAS_SHOWN)?.map(Shown::from);
    node.place = optional_text(reader, flags & HAS_PLACE)?;
    node.text = optional_text(reader, flags & HAS_TEXT)?;
    Ok(node)
}

fn optional_text(reader: &mut Reader<'_>, flag: u8) -> Result<Option<String>, WireError> {
    if flag == 0 { Ok(None) } else { reader.text().map(|text| Some(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: usize) -> Node {
        let mut node = Node::new(NodeKind::Helper, "last");
        for level in 1..length {
            node = Node::new(NodeKind::Helper, format!("level {level}")).with_child(node);
        }
        node
    }

    #[test]
    fn the_deepest_allowed_recipe_round_trips_and_a_deeper_one_is_cut_with_its_digest() {
        let deepest = chain(MAX_DEPTH);
        assert_eq!(decode(&encode(&deepest)).unwrap(), deepest);

        let deeper = decode(&encode(&chain(MAX_DEPTH + 1))).unwrap();
        let mut last = &deeper;
        while let Some(child) = last.children.first() {
            last = child;
        }
        assert_eq!(last.label, "level 1");
        assert_eq!(last.digest, Some(chain(2).digest()));
    }

    #[test]
    fn bytes_that_nest_too_deep_are_refused() {
        let mut writer = Writer::new();
        writer.u16(VERSION);
        for _ in 0..100_000 {
            writer.u16(5).u8(0).text("").u64(1);
        }
        assert_eq!(decode(&writer.finish()), Err(RecipeError::TooDeep));
    }

    #[test]
    fn too_many_parts_are_refused() {
        let leaf = Writer::new().u16(8).u8(0).text("").u64(0).finish();
        let count = MAX_NODES as u64;
        let mut writer = Writer::new();
        writer.u16(VERSION).u16(1).u8(0).text("").u64(count);
        (0..count).for_each(|_| {
            writer.raw(&leaf);
        });
        assert_eq!(decode(&writer.finish()), Err(RecipeError::TooMany));
    }

    #[test]
    fn what_another_release_wrote_is_told_from_damage() {
        let mut bytes = encode(&Node::new(NodeKind::Computation, "f"));
        bytes[2] = 200;
        assert_eq!(decode(&bytes), Err(RecipeError::UnknownKind(200)));
        bytes[0] = 9;
        assert_eq!(decode(&bytes), Err(RecipeError::UnknownVersion(9)));
        assert_eq!(decode(&[]), Err(RecipeError::Wire(WireError::Truncated)));
        bytes[0..5].copy_from_slice(&[1, 0, 1, 0, 16]);
        assert_eq!(decode(&bytes), Err(RecipeError::Wire(WireError::BadValue)));
    }
}
