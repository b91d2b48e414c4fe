//! Reads the import tables of one loaded library, as the loader has mapped it.
#![expect(unsafe_code, reason = "what the loader has mapped is read by address")]

use std::ffi::{CStr, c_char};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

const PF_W: u32 = 2;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_GNU_RELRO: u32 = 0x6474_e552;

const DT_PLTRELSZ: u64 = 2;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
const DT_PLTREL: u64 = 20;
const DT_JMPREL: u64 = 23;
const DT_RELACOUNT: u64 = 0x6fff_fff9;

#[cfg(target_arch = "x86_64")]
mod kind {
    pub(super) const ABSOLUTE: u32 = 1;
    pub(super) const GLOBAL_DATA: u32 = 6;
    pub(super) const JUMP_SLOT: u32 = 7;
    pub(super) const CALLED: u32 = 37;
}
#[cfg(target_arch = "aarch64")]
mod kind {
    pub(super) const ABSOLUTE: u32 = 257;
    pub(super) const GLOBAL_DATA: u32 = 1025;
    pub(super) const JUMP_SLOT: u32 = 1026;
    pub(super) const CALLED: u32 = 1032;
}

#[repr(C)]
struct Dynamic {
    tag: u64,
    value: u64,
}

#[repr(C)]
struct Symbol {
    name: u32,
    about: [u8; 2],
    section: u16,
    value: u64,
    size: u64,
}

#[repr(C)]
struct Relocation {
    offset: u64,
    about: u64,
    addend: i64,
}

/// A library as it is mapped.
pub(super) struct Library<'loaded> {
    pub(super) base: usize,
    segments: &'loaded [libc::Elf64_Phdr],
}

/// A slot of an import table.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Where the address of the imported function stands.
    pub(super) address: usize,
    /// Whether the loader may still have to fill it in when it is first used.
    pub(super) may_be_lazy: bool,
}

impl Slot {
    /// The slot as a place in memory.
    pub(super) fn place(&self) -> &AtomicUsize {
        // SAFETY: slots are made of aligned addresses in a mapped table, and hold an address each.
        unsafe { &*(self.address as *const AtomicUsize) }
    }
}

#[derive(Default)]
struct Tables {
    strings: usize,
    symbols: usize,
    all: Range<usize>,
    relative: usize,
    calls: Range<usize>,
}

impl<'loaded> Library<'loaded> {
    /// # Safety
    ///
    /// `info` must come from `dl_iterate_phdr`, within whose callback the library is used.
    pub(super) unsafe fn of(info: &'loaded libc::dl_phdr_info) -> Self {
        let count = usize::from(info.dlpi_phnum);
        // SAFETY: the loader's headers are valid for the length of the callback.
        let segments =
            if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(info.dlpi_phdr, count) } };
        Self { base: usize::try_from(info.dlpi_addr).unwrap_or(0), segments }
    }

    /// Tells whether an address is in what was mapped of the library.
    pub(super) fn holds(&self, address: usize) -> bool {
        let mut mapped = self.segments.iter().filter(|segment| segment.p_type == PT_LOAD);
        mapped.any(|segment| self.range(segment).contains(&address))
    }

    /// The pages that the loader makes read-only when it is done with them.
    pub(super) fn sealed_pages(&self, page: usize) -> Range<usize> {
        let sealed = self.segments.iter().find(|segment| segment.p_type == PT_GNU_RELRO);
        let range = sealed.map_or(0..0, |segment| self.range(segment));
        range.start & !(page - 1)..range.end & !(page - 1)
    }

    /// Tells whether an address is in a part of the library that can be written to, if it is not sealed.
    pub(super) fn may_write(&self, address: usize) -> bool {
        let writable = |segment: &&libc::Elf64_Phdr| segment.p_type == PT_LOAD && segment.p_flags & PF_W != 0;
        self.segments.iter().filter(writable).any(|segment| self.range(segment).contains(&address))
    }

    /// Tells whether the loader has filled in the tables: it goes through them in order, so the last
    /// slot tells. What stands there before is an offset in the library.
    pub(super) fn is_filled_in(&self) -> bool {
        const LARGEST_OFFSET: usize = 1 << 32;
        // A program that is linked to fixed addresses: the loader was done with it before it ran.
        if self.base == 0 {
            return true;
        }
        let Some(tables) = self.tables() else { return true };
        let last = |range: &Range<usize>| {
            relocations(range, 0).rev().find(|relocation| type_of(relocation) != kind::CALLED)
        };
        let Some(last) = last(&tables.calls).or_else(|| last(&tables.all)) else { return true };
        let Some(slot) = self.slot(last) else { return true };
        slot.place().load(Ordering::Relaxed) >= LARGEST_OFFSET
    }

    /// Calls `with` on the slots for functions that are imported by name, of those that `wanted` says yes to.
    pub(super) fn for_each_import(&self, wanted: impl Fn(&Slot) -> bool, mut with: impl FnMut(&CStr, Slot)) {
        let Some(tables) = self.tables() else { return };
        for relocation in relocations(&tables.calls, 0).chain(relocations(&tables.all, tables.relative)) {
            let is_import =
                [kind::JUMP_SLOT, kind::GLOBAL_DATA, kind::ABSOLUTE].contains(&type_of(relocation));
            if !is_import || relocation.addend != 0 {
                continue;
            }
            if let Some(slot) = self.slot(relocation).filter(|slot| wanted(slot))
                && let Some(name) = imported_name(&tables, relocation)
            {
                with(name, slot);
            }
        }
    }

    fn slot(&self, relocation: &Relocation) -> Option<Slot> {
        let address = self.base + usize::try_from(relocation.offset).ok()?;
        let may_be_lazy = type_of(relocation) == kind::JUMP_SLOT;
        address.is_multiple_of(align_of::<usize>()).then_some(Slot { address, may_be_lazy })
    }

    fn tables(&self) -> Option<Tables> {
        let segment = self.segments.iter().find(|segment| segment.p_type == PT_DYNAMIC)?;
        let range = self.range(segment);
        let mut tables = Tables::default();
        let (mut calls, mut calls_size, mut all, mut all_size) = (0, 0, 0, 0);
        for at in range.step_by(size_of::<Dynamic>()) {
            // SAFETY: the dynamic section is mapped in full.
            let entry = unsafe { &*(at as *const Dynamic) };
            let value = usize::try_from(entry.value).ok()?;
            match entry.tag {
                0 => break,
                DT_STRTAB => tables.strings = self.address(value),
                DT_SYMTAB => tables.symbols = self.address(value),
                DT_RELA => all = self.address(value),
                DT_RELASZ => all_size = value,
                DT_RELACOUNT => tables.relative = value,
                DT_JMPREL => calls = self.address(value),
                DT_PLTRELSZ => calls_size = value,
                DT_PLTREL if entry.value != DT_RELA => return None,
                _ => {}
            }
        }
        tables.calls = calls..calls + calls_size;
        tables.all = all..all + all_size;
        (tables.strings != 0 && tables.symbols != 0).then_some(tables)
    }

    /// The loader has made addresses of most offsets in the dynamic section, in place.
    fn address(&self, value: usize) -> usize {
        if value < self.base { self.base + value } else { value }
    }

    fn range(&self, segment: &libc::Elf64_Phdr) -> Range<usize> {
        let start = self.base + usize::try_from(segment.p_vaddr).unwrap_or(0);
        start..start + usize::try_from(segment.p_memsz).unwrap_or(0)
    }
}

fn type_of(relocation: &Relocation) -> u32 {
    (relocation.about & 0xffff_ffff) as u32
}

fn relocations<'loaded>(
    range: &Range<usize>,
    skipped: usize,
) -> impl DoubleEndedIterator<Item = &'loaded Relocation> + use<'loaded> {
    let (start, count) = (range.start, range.len() / size_of::<Relocation>());
    (skipped..count.max(skipped)).map(move |place| {
        // SAFETY: the dynamic section says that this many relocations are mapped here, for as long as
        // the library is.
        unsafe { &*((start + place * size_of::<Relocation>()) as *const Relocation) }
    })
}

/// The name of the symbol of a relocation, if it is another library's.
fn imported_name<'loaded>(tables: &Tables, relocation: &Relocation) -> Option<&'loaded CStr> {
    let symbol = usize::try_from(relocation.about >> 32).ok()?;
    // SAFETY: a relocation's symbol is one of the mapped table of symbols.
    let symbol = unsafe { &*((tables.symbols + symbol * size_of::<Symbol>()) as *const Symbol) };
    if symbol.section != 0 || symbol.name == 0 {
        return None;
    }
    // SAFETY: a symbol's name is a NUL-terminated text of the mapped table of strings.
    Some(unsafe { CStr::from_ptr((tables.strings + symbol.name as usize) as *const c_char) })
}
