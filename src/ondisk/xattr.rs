// SPDX-License-Identifier: GPL-2.0

//! Extended attributes of an inode (`struct erofs_xattr_ibody_header`).
//!
//! They follow the inode: a header, the numbers of the attributes that it shares with other inodes,
//! and its own attributes. Shared ones are all in one area of the image; the number of one counts
//! units of four bytes from where that begins. What an attribute looks like is in
//! [`xattr_entries`](super::xattr_entries).
//!
//! The prefix of a name is not stored: there is an index of a [`Namespace`], or the number of a
//! long prefix ([`prefix`](super::prefix)). The header has a filter that tells of most names that
//! they are not there, without looking.
use super::inode::Inode;
use super::metadata::{
    Cursor,
    Metadata, //
};
pub use super::prefix::{
    LongPrefix,
    LongPrefixes,
    PrefixPlace,
    PrefixTable,
    LONG_PREFIX_MAX, //
};
use super::superblock::{
    CompatFeatures,
    Superblock, //
};
use super::units::{
    FilePos,
    MetaPos,
    Nid, //
};
use super::view::View;
pub use super::xattr_entries::{
    Prefix,
    XattrEntries,
    XattrEntry, //
};
use super::xxhash::xxh32;
use super::ErrorKind;
use core::{
    fmt,
    num::NonZeroU32, //
};
use zerocopy::{
    little_endian::U32,
    IntoBytes as _, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// The longest name of an attribute without its prefix, in bytes.
pub const NAME_MAX: usize = 255;

/// The size of [`RawHeader`] in bytes.
const HEADER_SIZE: u32 = 12;
/// The size of the number of a shared attribute in bytes.
pub(super) const SHARED_ID_SIZE: u32 = 4;
/// What the hashes of names in filters start with, but for the index of the namespace.
const FILTER_SEED: u32 = 0x25bb_e08f;

/// `struct erofs_xattr_ibody_header`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawHeader {
    h_name_filter: U32,
    h_shared_count: u8,
    h_reserved2: [u8; 7],
}

const _: () = assert!(core::mem::size_of::<RawHeader>() == HEADER_SIZE as usize);

/// What attributes there are, by the first part of their names.
///
/// Attributes of Lustre have an index too, but no program ever sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// Of programs.
    User,
    /// The access control list; nothing follows the prefix.
    AclAccess,
    /// The access control list of what is made in a directory; nothing follows the prefix.
    AclDefault,
    /// Of privileged programs.
    Trusted,
    /// Of security modules.
    Security,
}

impl Namespace {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::User,
        Self::AclAccess,
        Self::AclDefault,
        Self::Trusted,
        Self::Security,
    ];

    /// The one with this index (`EROFS_XATTR_INDEX_*`).
    pub const fn from_index(index: u8) -> Option<Self> {
        match index {
            1 => Some(Self::User),
            2 => Some(Self::AclAccess),
            3 => Some(Self::AclDefault),
            4 => Some(Self::Trusted),
            6 => Some(Self::Security),
            _ => None,
        }
    }

    /// Its index.
    pub const fn index(self) -> u8 {
        match self {
            Self::User => 1,
            Self::AclAccess => 2,
            Self::AclDefault => 3,
            Self::Trusted => 4,
            Self::Security => 6,
        }
    }

    /// What names begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::User => "user.",
            Self::AclAccess => "system.posix_acl_access",
            Self::AclDefault => "system.posix_acl_default",
            Self::Trusted => "trusted.",
            Self::Security => "security.",
        }
    }
}

/// Where the extended attributes of an inode are. Small, to be kept with every inode that has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XattrPlace {
    /// Their size in bytes, with the header's.
    size: NonZeroU32,
    /// The size of the inode, behind which they are.
    inode_size: u8,
}

impl XattrPlace {
    /// Where they are; `None` if there are none.
    pub const fn new(inode: &Inode) -> Option<Self> {
        match NonZeroU32::new(inode.xattr_size) {
            Some(size) => Some(Self {
                size,
                inode_size: inode.inode_size,
            }),
            None => None,
        }
    }

    /// Where they begin; `None` if no image could be that large.
    pub const fn position(self, sb: &Superblock, nid: Nid) -> Option<MetaPos> {
        match Inode::position(sb, nid) {
            Some(pos) => pos.checked_add(self.inode_size as u64),
            None => None,
        }
    }

    /// Whether the header tells that there are no access control lists. `view` begins with the
    /// inode, which the header follows.
    ///
    /// If the view is too short for the header nothing is known of it: false.
    pub fn has_no_acl(self, sb: &Superblock, view: &(impl View + ?Sized)) -> bool {
        if !has_filters(sb) {
            return false;
        }
        let Some(raw) = view.get::<RawHeader>(self.inode_size.into()) else {
            return false;
        };
        raw.h_name_filter.get() & ACL_BITS == ACL_BITS
    }

    /// Reads and checks the header.
    ///
    /// # Errors
    ///
    /// Those of reading, and what is wrong with it.
    pub fn read<M>(self, meta: &M, sb: &Superblock, nid: Nid) -> Result<XattrBody, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<XattrError>,
    {
        self.read_at(&mut Cursor::new(meta, self.position(sb, nid)))
    }

    /// Reads and checks the header, and reads the numbers of shared attributes if they are few
    /// enough to be kept. That these cannot be read is no error as long as nobody needs them.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_ids<M>(
        self,
        meta: &M,
        sb: &Superblock,
        nid: Nid,
    ) -> Result<(XattrBody, Option<SharedIds>), M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<XattrError>,
    {
        let mut cursor = Cursor::new(meta, self.position(sb, nid));
        let body = self.read_at(&mut cursor)?;
        let mut ids = SharedIds {
            ids: [U32::ZERO; SharedIds::MAX],
            count: body.shared,
        };
        let read = match ids.ids.get_mut(..usize::from(body.shared)) {
            Some(ids) if !ids.is_empty() => cursor.copy_to(ids.as_mut_bytes()),
            _ => Ok(None),
        };
        Ok((body, matches!(read, Ok(Some(()))).then_some(ids)))
    }

    /// Reads and checks the header, at which `cursor` is; leaves that behind it.
    fn read_at<M>(self, cursor: &mut Cursor<'_, M>) -> Result<XattrBody, M::Error>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
        M::Error: From<XattrError>,
    {
        // A header alone may come to mean something one day.
        if self.size.get() <= HEADER_SIZE {
            return Err(XattrError::HeaderAlone(self.size.get()).into());
        }
        let raw: RawHeader = cursor.get()?.ok_or(XattrError::Truncated)?;
        let shared = raw.h_shared_count;
        let body = self.body(raw.h_name_filter.get(), shared);
        Ok(body.ok_or(XattrError::SharedCount(shared))?)
    }

    /// The header of which these are the fields; `None` if it promises more than there is room for.
    const fn body(self, filter: u32, shared: u8) -> Option<XattrBody> {
        let used = (shared as u32)
            .wrapping_mul(SHARED_ID_SIZE)
            .wrapping_add(HEADER_SIZE);
        match self.size.get().checked_sub(used) {
            Some(own) => Some(XattrBody {
                place: self,
                filter,
                own,
                shared,
            }),
            None => None,
        }
    }

    /// The header that [`XattrBody::bits`] stand for; `None` if they are those of none.
    pub const fn body_from_bits(self, bits: u64) -> Option<XattrBody> {
        if bits & KNOWN == 0 {
            return None;
        }
        // The halves, of which the upper one holds a byte and a bit.
        self.body(
            (bits & 0xffff_ffff) as u32,
            (bits.wrapping_shr(32) & 0xff) as u8,
        )
    }
}

/// Set in the bits of a header.
const KNOWN: u64 = 1 << 63;

/// The bits of a filter that tell of the access control lists.
const ACL_BITS: u32 = (1 << 30) | (1 << 21);

/// Whether the filters of this image are made in the way that is known.
const fn has_filters(sb: &Superblock) -> bool {
    sb.compat.contains(CompatFeatures::XATTR_FILTER) && sb.xattr_filter_reserved == 0
}

/// The header of an inode's extended attributes, checked. Of an inode whose attributes were asked
/// for, its [`bits`](Self::bits) are worth keeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XattrBody {
    place: XattrPlace,
    /// Each bit that is set stands for names that are not there.
    filter: u32,
    /// The size of the inode's own attributes in bytes.
    pub(super) own: u32,
    /// The number of shared attributes.
    pub(super) shared: u8,
}

impl XattrBody {
    /// What its place does not tell, to be kept with an inode at little cost; never 0.
    pub const fn bits(&self) -> u64 {
        (self.shared as u64).wrapping_shl(32) | self.filter as u64 | KNOWN
    }

    /// Whether there may be an attribute called `name` behind the prefix with this index. If not,
    /// there is none.
    pub fn may_have(&self, sb: &Superblock, index: u8, name: &[u8]) -> bool {
        if !has_filters(sb) {
            return true;
        }
        let hash = xxh32(name, FILTER_SEED.wrapping_add(u32::from(index)));
        // The lowest five bits of the hash count.
        self.filter & 1u32.wrapping_shl(hash) == 0
    }

    /// The attributes of the inode `nid`, whose header this is: its own, then those that it shares.
    ///
    /// Nothing is read before it is asked for. `ids` are the numbers of the shared ones, if they were
    /// kept ([`XattrPlace::read_ids`]).
    #[inline]
    pub fn entries<'a, M>(
        &self,
        meta: &'a M,
        sb: &'a Superblock,
        nid: Nid,
        ids: Option<&'a SharedIds>,
    ) -> XattrEntries<'a, M>
    where
        M: Metadata<Pos = MetaPos> + ?Sized,
    {
        let pos = self
            .place
            .position(sb, nid)
            .and_then(|pos| pos.checked_add(u64::from(HEADER_SIZE)));
        XattrEntries::new(self, pos, ids, meta, sb)
    }
}

/// The numbers of an inode's shared attributes, to be kept with the inode if they are asked for
/// often: they are elsewhere than these attributes.
#[derive(Clone, Copy, Debug)]
pub struct SharedIds {
    ids: [U32; Self::MAX],
    pub(super) count: u8,
}

impl SharedIds {
    /// How many are worth the memory: few inodes share more.
    pub const MAX: usize = 7;

    /// The numbers, in their order.
    pub(super) fn get(&self) -> &[U32] {
        self.ids.get(..usize::from(self.count)).unwrap_or(&[])
    }
}

/// Where shared attributes are counted from.
pub(super) fn shared_area(sb: &Superblock) -> Result<MetaPos, XattrError> {
    let pos = sb
        .block_bits
        .pos_of(sb.xattr_blkaddr)
        .ok_or(XattrError::Truncated)?;
    if !sb.compat.contains(CompatFeatures::SHARED_EA_IN_METABOX) {
        return Ok(MetaPos::Image(pos));
    }
    if sb.metabox_nid.is_none() {
        return Err(XattrError::NoMetabox);
    }
    Ok(MetaPos::Metabox(FilePos::new(pos.get())))
}

/// What is wrong with extended attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XattrError {
    /// The image ends inside them.
    Truncated,
    /// There is room for a header at most: their size in bytes.
    HeaderAlone(u32),
    /// There are more numbers of shared attributes than there is room for.
    SharedCount(u8),
    /// An attribute is larger than what is left for it.
    Entry {
        /// Its size in bytes.
        size: u32,
        /// What is left, in bytes.
        left: u32,
    },
    /// Shared attributes are in the metabox, but there is none.
    NoMetabox,
    /// A long prefix is of a size that none can have.
    PrefixSize(usize),
}

impl XattrError {
    /// What sort of refusal this is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Truncated => ErrorKind::Io,
            Self::HeaderAlone(_) => ErrorKind::Unsupported,
            Self::SharedCount(_) | Self::Entry { .. } | Self::NoMetabox | Self::PrefixSize(_) => {
                ErrorKind::Corrupted
            }
        }
    }
}

/// The cause alone; whoever logs it adds the inode.
impl fmt::Display for XattrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated => f.write_str("the image ends inside extended attributes"),
            Self::HeaderAlone(size) => write!(f, "xattr_isize {size} is not supported yet"),
            Self::SharedCount(count) => write!(f, "invalid h_shared_count {count}"),
            Self::Entry { size, left } => {
                write!(f, "xattr entry of {size} bytes where {left} are left")
            }
            Self::NoMetabox => f.write_str("shared xattrs in a metabox that is missing"),
            Self::PrefixSize(size) => write!(f, "invalid xattr prefix of {size} bytes"),
        }
    }
}
