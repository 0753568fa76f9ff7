// SPDX-License-Identifier: GPL-2.0

//! The steps of a mount: from the options to what is kept of the image.
//!
//! Called by `fill_super` and `root` of [`Erofs`](crate::super_block::Erofs), in about the order of
//! this file. [`volume`](crate::volume) opens what else belongs to an image.

#![forbid(unsafe_code)]

use crate::{
    backing::{
        block::Place,
        file::ImageFile,
        Image,
        Medium, //
    },
    inode,
    metadata::Failure,
    ondisk::{
        self,
        BlockBits,
        ImagePos,
        MetaPos,
        ZipConfigError,
        ZipConfigs, //
    },
    super_block::{
        errno,
        Erofs, //
    },
    vfs::{
        self,
        backing_file::BackingFile,
        context::MountLog,
        metadata::{
            Ahead,
            PageBytes, //
        },
        new_super_block::NewSuperBlock,
        super_block::SuperBlock, //
    },
    zip, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Logarithm of the page size.
pub(crate) const PAGE_BITS: u8 = vfs::PAGE_SHIFT as u8;

impl Erofs {
    /// Whether an image can be read from `file`: it must not be on a filesystem that is stacked on
    /// others, so that the depth of the kernel's stack is bounded.
    pub(crate) fn check_stacking(file: &BackingFile) -> bool {
        file.stack_depth() == 0 && !file.is_on_file_backed::<Self>()
    }

    /// Refuses options that do not go together.
    #[inline(never)]
    pub(crate) fn check_options(sb: &mut NewSuperBlock<'_, Self>) -> Result {
        let options = sb.options();
        let why = if !options.inode_share() {
            return Ok(());
        } else if options.domain_id.is_none() {
            "domain_id is needed when inode_share is on"
        } else if options.dax_always() {
            "FSDAX is not allowed when inode_share is on"
        } else {
            return Ok(());
        };
        sb.error(format_args!("{why}"));
        Err(EINVAL)
    }

    /// Where the image is, by the options. Not inlined, for the sake of the stack.
    #[inline(never)]
    pub(crate) fn open_image(sb: &mut NewSuperBlock<'_, Self>) -> Result<Medium> {
        let offset = sb.options().fsoffset;
        let Some(file) = sb.options().source.take() else {
            if sb.set_block_size(PAGE_BITS).is_err() {
                sb.error(format_args!("failed to set initial blksize"));
                return Err(EINVAL);
            }
            let device = sb.block_device().ok_or(ENOTBLK)?;
            return Ok(Medium::Block(Place::new(device, offset)));
        };

        let file = BackingFile::new(file).ok_or(ENOTBLK)?;
        if !Self::check_stacking(&file) {
            sb.error(format_args!(
                "file-backed mounts cannot be applied to stacked fses; use a loop device"
            ));
            return Err(ENOTBLK);
        }
        if !file.is_readable() {
            sb.error(format_args!("the source is not open for reading"));
            return Err(EIO);
        }
        Ok(Medium::File(ImageFile::new(file, offset)?))
    }

    /// Reads the superblock on disk. Not inlined, for the sake of the stack.
    #[inline(never)]
    pub(crate) fn read_superblock(
        sb: &NewSuperBlock<'_, Self>,
        medium: &Medium,
    ) -> Result<ondisk::Superblock> {
        let unreadable = |e: Error| {
            sb.error(format_args!(
                "cannot read erofs superblock: {}",
                e.to_errno()
            ));
            e
        };
        let refused = |e: ondisk::SuperblockError| {
            sb.error(format_args!("{e}"));
            errno(e.kind())
        };
        let image = medium.image(sb.block_device())?;
        // A mount that nobody looks into needs little more than this page.
        let bytes = image
            .bytes_ahead(ImagePos::ZERO, Ahead::Nothing)
            .map_err(unreadable)?;
        if bytes.len() >= vfs::PAGE_SIZE {
            return parse(&bytes).map_err(refused);
        }

        // The image does not begin with a page, or is shorter than one.
        let mut page = KBox::new([0u8; vfs::PAGE_SIZE], GFP_KERNEL)?;
        let len = image
            .copy_to(ImagePos::ZERO, page.as_mut_slice())
            .map_err(unreadable)?;
        let copy = page.as_slice().get(..len).unwrap_or(&[]);
        parse(copy).map_err(refused)
    }

    /// Goes over to the block size of the image.
    #[inline(never)]
    pub(crate) fn use_blocks(sb: &mut NewSuperBlock<'_, Self>, bits: BlockBits) -> Result {
        let block_size = bits.size();

        if sb.set_block_size(bits.bits()).is_err() {
            sb.error(format_args!(
                "the device cannot be read in blocks of {block_size} bytes"
            ));
            return Err(EINVAL);
        }
        let fsoffset = sb.options().fsoffset;
        if bits.offset_in(ImagePos::new(fsoffset)) != 0 {
            sb.error(format_args!(
                "fsoffset {fsoffset} is not aligned to block size {block_size}"
            ));
            return Err(EINVAL);
        }
        Ok(())
    }

    /// Refuses images that need what this driver cannot do yet.
    #[inline(never)]
    pub(crate) fn check_supported(
        sb: &NewSuperBlock<'_, Self>,
        disk: &ondisk::Superblock,
    ) -> Result {
        if !disk.is_compressed() || cfg!(EROFS_ZIP) {
            return Ok(());
        }
        sb.error(format_args!("compression isn't enabled on this kernel"));
        Err(EOPNOTSUPP)
    }

    /// What a mount needs for compressed files, if there may be some.
    #[inline(never)]
    pub(crate) fn open_compression(
        sb: &NewSuperBlock<'_, Self>,
        disk: &ondisk::Superblock,
        medium: &Medium,
    ) -> Result<Option<Arc<zip::Mount>>> {
        if !disk.is_compressed() {
            return Ok(None);
        }
        let meta = ImageMetadata(medium.image(sb.block_device())?);
        ZipConfigs::read(disk, zip::available(), &meta).map_err(|failure| match failure {
            Failure::Read(e) => e,
            Failure::Corrupt(e) => {
                sb.error(format_args!("{e}"));
                errno(e.kind())
            }
        })?;
        zip::Mount::new(disk.compression.algorithms()).map(Some)
    }
}

/// Reads the superblock out of the first bytes of an image. Not inlined, for the sake of the stack.
#[inline(never)]
fn parse(
    view: &(impl ondisk::View + ?Sized),
) -> core::result::Result<ondisk::Superblock, ondisk::SuperblockError> {
    ondisk::Superblock::parse(view, PAGE_BITS, vfs::crc32c)
}

/// The metadata in an image that is being mounted.
struct ImageMetadata<'a>(Image<'a>);

impl ondisk::Metadata for ImageMetadata<'_> {
    type Pos = MetaPos;
    type View = PageBytes;
    type Error = Failure<ZipConfigError>;

    fn view(&self, pos: MetaPos) -> core::result::Result<PageBytes, Self::Error> {
        match pos {
            MetaPos::Image(pos) => self.0.bytes(pos).map_err(Failure::Read),
            MetaPos::Metabox(_) => Err(Failure::Read(EFSCORRUPTED)),
        }
    }
}

impl Erofs {
    /// Finds the internal inodes. The packed inode comes first, and so is not in the metabox.
    /// Their contents are read when they are needed.
    #[inline(never)]
    pub(crate) fn load_internal(sb: &SuperBlock<Self>, log: &MountLog<'_>) -> Result {
        let info = sb.data();
        for (what, nid, place) in [
            ("packed", info.disk.packed_nid, info.packed()),
            ("metabox", info.disk.metabox_nid, info.metabox()),
        ] {
            let Some(nid) = nid else {
                continue;
            };
            let refused = |e: Error| {
                log.error::<Self>(format_args!(
                    "cannot read the {what} inode (nid {nid}): {}",
                    e.to_errno()
                ));
                e
            };
            let inode = inode::iget(sb, nid).map_err(refused)?;
            place.set(sb, inode).map_err(|_| refused(EFSCORRUPTED))?;
        }
        Ok(())
    }
}
