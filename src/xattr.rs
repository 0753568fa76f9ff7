// SPDX-License-Identifier: GPL-2.0

//! Extended attributes: by name, as a list, and as ACLs; and the long prefixes of their names.
//!
//! The header of an inode's attributes is read when they are first asked for, and a word of it
//! kept; so are the numbers of the attributes that it shares. Of two tasks that ask first, both
//! read it.

#![forbid(unsafe_code)]

use crate::{
    fs_err,
    metadata::{
        Failure,
        Metadata, //
    },
    ondisk::{
        self,
        xattr::{
            LongPrefix,
            LongPrefixes,
            PrefixPlace,
            PrefixTable,
            SharedIds,
            XattrBody,
            XattrPlace,
            LONG_PREFIX_MAX,
            NAME_MAX, //
        },
        FilePos,
        Inode,
        Nid,
        XattrEntries,
        XattrError, //
    },
    refusals,
    super_block::{
        errno,
        Erofs, //
    },
    vfs::{
        inode::INode,
        metadata::PageBytes,
        once::OnceBox,
        super_block::SuperBlock,
        xattr::{
            is_admin,
            zeroed,
            Acl,
            Namespace,
            XattrOperations, //
        }, //
    }, //
};
use core::sync::atomic::{
    AtomicU64,
    Ordering, //
};
use kernel::prelude::*;

/// Where the attributes of an inode are, and what is known of them.
pub(crate) struct InodeXattrs {
    /// `None` if there are none.
    place: Option<XattrPlace>,
    /// The bits of the header, or 0 as long as nobody has asked. No other data hangs on them.
    header: AtomicU64,
    /// The numbers of the shared attributes, if there are some, but few. Without them they are read
    /// from the image each time.
    ids: OnceBox<SharedIds>,
}

impl InodeXattrs {
    /// Those of an inode that was just read.
    pub(crate) fn new(inode: &Inode) -> Self {
        Self {
            place: XattrPlace::new(inode),
            header: AtomicU64::new(0),
            ids: OnceBox::new(),
        }
    }

    /// The header of the inode `nid`; `None` if there are no attributes.
    fn body(&self, sb: &SuperBlock<Erofs>, nid: Nid, meta: &Meta<'_>) -> Result<Option<XattrBody>> {
        let Some(place) = self.place else {
            return Ok(None);
        };
        if let Some(body) = place.body_from_bits(self.header.load(Ordering::Relaxed)) {
            return Ok(Some(body));
        }
        self.read(place, sb, nid, meta).map(Some)
    }

    /// Reads what is kept. Not inlined: it happens once.
    #[inline(never)]
    fn read(
        &self,
        place: XattrPlace,
        sb: &SuperBlock<Erofs>,
        nid: Nid,
        meta: &Meta<'_>,
    ) -> Result<XattrBody> {
        let (body, ids) = place
            .read_ids(meta, &sb.data().disk, nid)
            .map_err(|e| report(e, sb, nid))?;
        // Without memory for it nothing is kept.
        if let Some(Ok(ids)) = ids.map(|ids| KBox::new(ids, GFP_KERNEL)) {
            self.ids.set(ids);
        }
        self.header.store(body.bits(), Ordering::Relaxed);
        Ok(body)
    }

    /// The numbers of the shared attributes, if they are kept.
    fn ids(&self) -> Option<&SharedIds> {
        self.ids.get()
    }
}

/// What attributes are read from.
type Meta<'a> = Metadata<'a, XattrError>;

/// The errno, after logging what the image is to blame for.
#[cold]
fn report(e: Failure<XattrError>, sb: &SuperBlock<Erofs>, nid: Nid) -> Error {
    match e {
        Failure::Read(e) => e,
        Failure::Corrupt(e) => {
            refusals::complain(sb, nid, format_args!("{e} @ nid {nid}"));
            errno(e.kind())
        }
    }
}

/// The long prefixes of an image, by their numbers.
pub(crate) struct Prefixes(KVec<Prefix>);

struct Prefix {
    base: u8,
    infix: KVec<u8>,
}

impl LongPrefixes for Prefixes {
    fn get(&self, index: u8) -> Option<LongPrefix<'_>> {
        let prefix = self.0.get(usize::from(index))?;
        Some(LongPrefix {
            base: prefix.base,
            infix: &prefix.infix,
        })
    }
}

/// The content of the packed inode, as far as prefixes are read from it.
struct Packed<'a>(&'a INode<Erofs>);

impl ondisk::Metadata for Packed<'_> {
    type Pos = FilePos;
    type View = PageBytes;
    type Error = Failure<XattrError>;

    fn view(&self, pos: FilePos) -> core::result::Result<PageBytes, Failure<XattrError>> {
        let bytes = self.0.bytes(pos.get()).map_err(Failure::Read)?;
        bytes.ok_or(Failure::Read(EFSCORRUPTED))
    }
}

impl Prefixes {
    /// None.
    pub(crate) const fn none() -> Self {
        Self(KVec::new())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads those of `sb`, whose internal inodes are in place. Not inlined, for the sake of the
    /// stack.
    #[inline(never)]
    pub(crate) fn read(sb: &SuperBlock<Erofs>) -> Result<Self> {
        let info = sb.data();
        let read = match PrefixPlace::new(&info.disk) {
            None => return Ok(Self::none()),
            Some(PrefixPlace::Metadata(pos)) => {
                Self::from_table(sb, PrefixTable::new(&Meta::new(sb), pos, &info.disk))
            }
            Some(PrefixPlace::Packed(pos)) => {
                let packed = Packed(info.packed().get(sb).ok_or(EFSCORRUPTED)?);
                Self::from_table(sb, PrefixTable::new(&packed, pos, &info.disk))
            }
        };
        read.map_err(|e| match e {
            Failure::Read(e) => e,
            Failure::Corrupt(e) => {
                fs_err!(sb, "{e}");
                errno(e.kind())
            }
        })
    }

    #[inline(never)]
    fn from_table<M>(
        sb: &SuperBlock<Erofs>,
        mut table: PrefixTable<'_, M>,
    ) -> core::result::Result<Self, Failure<XattrError>>
    where
        M: ondisk::Metadata<Error = Failure<XattrError>>,
    {
        let no_memory = |_| Failure::Read(ENOMEM);
        let count = usize::from(sb.data().disk.xattr_prefix_count);
        let mut prefixes = KVec::with_capacity(count, GFP_KERNEL).map_err(no_memory)?;
        let mut buffer = [0u8; LONG_PREFIX_MAX];

        while let Some(LongPrefix { base, infix }) = table.next_prefix(&mut buffer)? {
            let mut copy = zeroed(infix.len()).map_err(Failure::Read)?;
            for (to, from) in copy.iter_mut().zip(infix) {
                *to = *from;
            }
            // The table has as many as it says.
            let prefix = Prefix { base, infix: copy };
            if prefixes.push_within_capacity(prefix).is_err() {
                break;
            }
        }
        Ok(Self(prefixes))
    }
}

/// How the format calls a namespace.
fn on_disk(namespace: Namespace) -> ondisk::Namespace {
    match namespace {
        Namespace::User => ondisk::Namespace::User,
        Namespace::Trusted => ondisk::Namespace::Trusted,
        Namespace::Security => ondisk::Namespace::Security,
    }
}

/// Calls `found` with the attribute called `name` behind the prefix with this index, and with the
/// reader that found it. `None` if there is none.
fn find<R>(
    sb: &SuperBlock<Erofs>,
    nid: Nid,
    xattrs: &InodeXattrs,
    index: u8,
    name: &[u8],
    found: impl FnOnce(&mut XattrEntries<'_, Meta<'_>>, &ondisk::XattrEntry) -> Found<R>,
) -> Result<Option<R>> {
    let info = sb.data();
    let meta = Meta::new(sb);
    let Some(body) = xattrs.body(sb, nid, &meta)? else {
        return Ok(None);
    };
    if !body.may_have(&info.disk, index, name) {
        return Ok(None);
    }
    if name.len() > NAME_MAX {
        return Err(ERANGE);
    }
    let mut entries = body.entries(&meta, &info.disk, nid, xattrs.ids());
    let result = match entries.find(info.prefixes(), index, name) {
        Ok(Some(entry)) => found(&mut entries, &entry).map(Some),
        Ok(None) => Ok(None),
        Err(e) => Err(e),
    };
    result.map_err(|e| report(e, sb, nid))
}

type Found<R> = core::result::Result<R, Failure<XattrError>>;

/// The value of the attribute called `name` behind the prefix with this index, if there is one.
pub(crate) fn value(
    sb: &SuperBlock<Erofs>,
    nid: Nid,
    xattrs: &InodeXattrs,
    index: u8,
    name: &[u8],
) -> Result<Option<KVec<u8>>> {
    find(sb, nid, xattrs, index, name, |entries, entry| {
        let mut value = zeroed(entry.value_size.into()).map_err(Failure::Read)?;
        entries.copy_value(entry, &mut value)?;
        Ok(value)
    })
}

/// The extended attributes of inodes.
pub(crate) struct Xattrs;

impl XattrOperations for Xattrs {
    type Fs = Erofs;

    fn get(
        inode: &INode<Erofs>,
        namespace: Namespace,
        name: &[u8],
        out: Option<&mut [u8]>,
    ) -> Result<usize> {
        let (sb, info) = (inode.super_block(), inode.data());
        if matches!(namespace, Namespace::User) && !sb.options().user_xattr() {
            return Err(EOPNOTSUPP);
        }
        let index = on_disk(namespace).index();
        find(
            sb,
            info.nid(),
            info.xattrs(),
            index,
            name,
            |entries, entry| {
                let len = usize::from(entry.value_size);
                if let Some(out) = out {
                    let out = out.get_mut(..len).ok_or(Failure::Read(ERANGE))?;
                    entries.copy_value(entry, out)?;
                }
                Ok(len)
            },
        )?
        .ok_or(ENODATA)
    }

    fn list(inode: &INode<Erofs>, out: Option<&mut [u8]>) -> Result<usize> {
        let sb = inode.super_block();
        let info = sb.data();
        let nid = inode.data().nid();
        let meta = Meta::new(sb);
        let xattrs = inode.data().xattrs();
        let Some(body) = xattrs.body(sb, nid, &meta)? else {
            return Ok(0);
        };
        let visible = |namespace| match namespace {
            ondisk::Namespace::User => sb.options().user_xattr(),
            ondisk::Namespace::Trusted => is_admin(),
            ondisk::Namespace::Security => true,
            ondisk::Namespace::AclAccess | ondisk::Namespace::AclDefault => sb.has_posix_acl(),
        };
        body.entries(&meta, &info.disk, nid, xattrs.ids())
            .list(info.prefixes(), visible, out)
            .map_err(|e| report(e, sb, nid))?
            .ok_or(ERANGE)
    }

    fn acl(inode: &INode<Erofs>, acl: Acl) -> Result<Option<KVec<u8>>> {
        let namespace = match acl {
            Acl::Access => ondisk::Namespace::AclAccess,
            Acl::Default => ondisk::Namespace::AclDefault,
        };
        let (sb, info) = (inode.super_block(), inode.data());
        value(sb, info.nid(), info.xattrs(), namespace.index(), &[])
    }
}
