// SPDX-License-Identifier: GPL-2.0

//! Single extended attributes (`struct erofs_xattr_entry`).
//!
//! Each is a few bytes of sizes, the rest of its name, and its value. The inode's own ones come
//! first, one after the other, each at a multiple of four bytes; then the shared ones. If there are
//! two of one name the first one counts.
//!
//! All of it goes on from block to block as it comes.

use super::metadata::{
    Cursor,
    Metadata, //
};
use super::prefix::{
    LongPrefix,
    LongPrefixes, //
};
use super::superblock::Superblock;
use super::units::MetaPos;
use super::xattr::{
    shared_area,
    Namespace,
    SharedIds,
    XattrBody,
    XattrError,
    SHARED_ID_SIZE, //
};
use zerocopy::little_endian::{
    U16,
    U32, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// The size of [`RawEntry`] in bytes. Entries begin at multiples of it.
const ENTRY_SIZE: u32 = 4;
/// `e_name_index`: the rest is the number of a long prefix.
const LONG_PREFIX: u8 = 0x80;

/// `struct erofs_xattr_entry`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawEntry {
    e_name_len: u8,
    e_name_index: u8,
    e_value_size: U16,
}

const _: () = assert!(core::mem::size_of::<RawEntry>() == ENTRY_SIZE as usize);

/// An extended attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XattrEntry {
    /// What the name begins with.
    pub prefix: Prefix,
    /// The length of the rest of the name in bytes.
    pub name_len: u8,
    /// The size of the value in bytes. The value follows the name.
    pub value_size: u16,
    /// Where that rest of the name begins, counted as the cursor does that read it.
    name: u64,
    /// Whether other inodes have it too.
    pub is_shared: bool,
}

/// What the name of an attribute begins with (`e_name_index`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// The prefix of the namespace with this index, if there is one.
    Short(u8),
    /// The long prefix with this number, if there is one.
    Long(u8),
}

impl XattrEntry {
    #[inline]
    fn new(raw: &RawEntry, name: u64, is_shared: bool) -> Self {
        Self {
            prefix: if raw.e_name_index & LONG_PREFIX == 0 {
                Prefix::Short(raw.e_name_index)
            } else {
                Prefix::Long(raw.e_name_index & !LONG_PREFIX)
            },
            name_len: raw.e_name_len,
            value_size: raw.e_value_size.get(),
            name,
            is_shared,
        }
    }

    /// Its size in bytes, with what is left free behind it.
    #[inline]
    fn size(&self) -> u32 {
        // At most 4 + 255 + 65535, rounded up.
        let used = ENTRY_SIZE
            .wrapping_add(u32::from(self.name_len))
            .wrapping_add(u32::from(self.value_size));
        used.wrapping_add(ENTRY_SIZE.wrapping_sub(1)) & !ENTRY_SIZE.wrapping_sub(1)
    }

    /// What the name begins with: an index of a namespace, and what follows the prefix of that.
    /// `None` for a long prefix that does not exist.
    pub fn begins<'a, P: LongPrefixes + ?Sized>(&self, prefixes: &'a P) -> Option<LongPrefix<'a>> {
        match self.prefix {
            Prefix::Short(base) => Some(LongPrefix { base, infix: &[] }),
            Prefix::Long(number) => prefixes.get(number),
        }
    }
}

/// The extended attributes of an inode, one after the other.
pub struct XattrEntries<'a, M: Metadata + ?Sized> {
    sb: &'a Superblock,
    /// Where the inode's next attribute of its own is.
    next: u64,
    /// The size in bytes of those that are left.
    own_left: u32,
    /// Where the number of the next shared attribute is.
    next_id: u64,
    /// How many of them are left.
    ids_left: u8,
    /// Whether the cursor of shared attributes is in their area.
    in_area: bool,
    /// The numbers of shared attributes, if they were kept. Else they are read.
    ids: &'a [U32],
    /// Two, as going to and fro between the inode and the shared attributes costs. One counts from
    /// where the numbers of the shared ones begin, behind which the inode's own ones are, the
    /// other from the start of the area of shared ones.
    inode: Cursor<'a, M>,
    shared: Cursor<'a, M>,
}

impl<'a, M: Metadata<Pos = MetaPos> + ?Sized> XattrEntries<'a, M> {
    /// Those of the inode whose header is `body`; its numbers of shared attributes begin at `pos`,
    /// and are `ids` if they were kept.
    #[inline]
    pub(super) fn new(
        body: &XattrBody,
        pos: Option<MetaPos>,
        ids: Option<&'a SharedIds>,
        meta: &'a M,
        sb: &'a Superblock,
    ) -> Self {
        let kept = ids.filter(|ids| ids.count == body.shared);
        Self {
            sb,
            next: u64::from(body.shared).wrapping_mul(u64::from(SHARED_ID_SIZE)),
            own_left: body.own,
            next_id: 0,
            ids_left: body.shared,
            in_area: false,
            ids: kept.map_or(&[], SharedIds::get),
            inode: Cursor::in_blocks(meta, pos, sb.block_bits),
            shared: Cursor::in_blocks(meta, None, sb.block_bits),
        }
    }

    /// Goes to `offset` bytes behind the start of the name of an attribute.
    fn at(&mut self, entry: &XattrEntry, offset: u64) -> &mut Cursor<'a, M> {
        let cursor = if entry.is_shared {
            &mut self.shared
        } else {
            &mut self.inode
        };
        cursor.go_to(entry.name.wrapping_add(offset));
        cursor
    }
}

impl<M> XattrEntries<'_, M>
where
    M: Metadata<Pos = MetaPos> + ?Sized,
    M::Error: From<XattrError>,
{
    /// The next attribute; `None` after the last one.
    ///
    /// # Errors
    ///
    /// Those of reading, and what is wrong with the attribute. No further one can be read then.
    #[inline(always)]
    pub fn next_entry(&mut self) -> Result<Option<XattrEntry>, M::Error> {
        if self.own_left > 0 {
            self.inode.go_to(self.next);
            let raw: RawEntry = self.inode.get()?.ok_or(XattrError::Truncated)?;
            let entry = XattrEntry::new(&raw, self.inode.at(), false);
            let size = entry.size();
            let Some(left) = self.own_left.checked_sub(size) else {
                return Err(XattrError::Entry {
                    size,
                    left: self.own_left,
                }
                .into());
            };
            self.own_left = left;
            self.next = self.next.wrapping_add(u64::from(size));
            return Ok(Some(entry));
        }
        if !self.in_area {
            self.shared.seek(Some(shared_area(self.sb)?));
            self.in_area = true;
        }
        let Some(ids_left) = self.ids_left.checked_sub(1) else {
            return Ok(None);
        };
        let id = if let Some((id, rest)) = self.ids.split_first() {
            self.ids = rest;
            *id
        } else {
            self.inode.go_to(self.next_id);
            let id: U32 = self.inode.get()?.ok_or(XattrError::Truncated)?;
            self.next_id = self.inode.at();
            id
        };
        self.ids_left = ids_left;

        let offset = u64::from(id.get()).wrapping_mul(u64::from(SHARED_ID_SIZE));
        self.shared.go_to(offset);
        let raw: RawEntry = self.shared.get()?.ok_or(XattrError::Truncated)?;
        Ok(Some(XattrEntry::new(&raw, self.shared.at(), true)))
    }

    /// Finds the first attribute, among those that are left, called `name` behind the prefix with
    /// this index. What follows a long prefix's base is part of that name.
    ///
    /// Whether the inode's filter denies the name ([`XattrBody::may_have`]), and whether it is
    /// longer than any can be, is for the caller to tell.
    ///
    /// # Errors
    ///
    /// Those of [`next_entry`](Self::next_entry), for what is before it.
    pub fn find<P: LongPrefixes + ?Sized>(
        &mut self,
        prefixes: &P,
        index: u8,
        name: &[u8],
    ) -> Result<Option<XattrEntry>, M::Error> {
        while let Some(entry) = self.next_entry()? {
            let rest = match entry.prefix {
                Prefix::Short(base) if base == index => name,
                Prefix::Short(_) => continue,
                Prefix::Long(number) => match prefixes.get(number) {
                    Some(LongPrefix { base, infix }) if base == index => {
                        match name.split_at_checked(infix.len()) {
                            Some((start, rest)) if start == infix => rest,
                            _ => continue,
                        }
                    }
                    _ => continue,
                },
            };
            if rest.len() != usize::from(entry.name_len) {
                continue;
            }
            let matches = self.at(&entry, 0).matches(rest)?;
            if matches.ok_or(XattrError::Truncated)? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Copies the value of an attribute to the start of `out`, or as much of its start as fits.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn copy_value(&mut self, entry: &XattrEntry, out: &mut [u8]) -> Result<(), M::Error> {
        let len = out.len().min(usize::from(entry.value_size));
        let value = self.at(entry, u64::from(entry.name_len));
        if let Some(out) = out.get_mut(..len) {
            value.copy_to(out)?.ok_or(XattrError::Truncated)?;
        }
        Ok(())
    }

    /// Copies the rest of the name of an attribute, as [`copy_value`](Self::copy_value) does with
    /// its value.
    pub fn copy_name(&mut self, entry: &XattrEntry, out: &mut [u8]) -> Result<(), M::Error> {
        let len = out.len().min(usize::from(entry.name_len));
        let name = self.at(entry, 0);
        if let Some(out) = out.get_mut(..len) {
            name.copy_to(out)?.ok_or(XattrError::Truncated)?;
        }
        Ok(())
    }

    /// Lists the names of the attributes that are left, whole and each with a zero byte behind it.
    /// Those that are in no [`Namespace`], or in one that is not `visible`, are left out.
    ///
    /// Returns how many bytes of `out` are used; without `out`, how many are needed. `None` if they
    /// do not fit.
    ///
    /// # Errors
    ///
    /// Those of [`next_entry`](Self::next_entry), for what is before the name that does not fit.
    pub fn list<P: LongPrefixes + ?Sized>(
        &mut self,
        prefixes: &P,
        mut visible: impl FnMut(Namespace) -> bool,
        mut out: Option<&mut [u8]>,
    ) -> Result<Option<usize>, M::Error> {
        let mut used = 0usize;
        while let Some(entry) = self.next_entry()? {
            let Some(LongPrefix { base, infix }) = entry.begins(prefixes) else {
                continue;
            };
            let Some(namespace) = Namespace::from_index(base).filter(|it| visible(*it)) else {
                continue;
            };
            let start = namespace.prefix().as_bytes();
            let name_len = usize::from(entry.name_len);
            // At most 2^16 names of less than 1024 bytes each.
            let end = used
                .wrapping_add(start.len())
                .wrapping_add(infix.len())
                .wrapping_add(name_len)
                .wrapping_add(1);
            if let Some(out) = &mut out {
                let Some(room) = out.get_mut(used..end) else {
                    return Ok(None);
                };
                let room = put(room, start);
                let room = put(room, infix);
                let Some((name, after)) = room.split_at_mut_checked(name_len) else {
                    return Ok(None);
                };
                self.copy_name(&entry, name)?;
                put(after, &[0]);
            }
            used = end;
        }
        Ok(Some(used))
    }
}

/// Copies `bytes` to the start of `out`; the rest of that.
fn put<'a>(out: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    match out.split_at_mut_checked(bytes.len()) {
        Some((start, rest)) => {
            for (to, from) in start.iter_mut().zip(bytes) {
                *to = *from;
            }
            rest
        }
        None => &mut [],
    }
}
