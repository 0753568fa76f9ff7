// SPDX-License-Identifier: GPL-2.0

//! The devices of a mount: opened when it is made, then found by number and address.
//!
//! Whoever reads gets them by the kind of backing that its table of operations is for ([`On`]).

#![forbid(unsafe_code)]

use crate::{
    backing::{
        block::{
            Block,
            Place, //
        },
        devices::{
            Devices,
            Opened,
            Volume, //
        },
        file::ImageFile,
        Backing,
        Image,
        Medium, //
    },
    ondisk::{
        self,
        device,
        DeviceError,
        DeviceId,
        DeviceInfo,
        DeviceRange,
        ImagePos, //
    },
    super_block::{
        errno,
        image,
        Erofs, //
    },
    vfs::{
        backing_file::BackingFile,
        context::OwnedString,
        found_path::open_file,
        metadata::{
            Ahead,
            PageBytes, //
        },
        new_super_block::NewSuperBlock,
        super_block::SuperBlock, //
    }, //
};
use kernel::prelude::*;

/// A kind of backing, by which tables of operations differ.
pub(crate) trait On: 'static {
    /// The backing itself.
    type Backing<'a>: Backing;

    /// The devices of the image, if it is on such ones.
    fn volume(sb: &SuperBlock<Erofs>) -> Option<Volume<'_, Self::Backing<'_>>>;
}

/// Block devices.
pub(crate) struct OnBlock;

impl On for OnBlock {
    type Backing<'a> = Block<'a>;

    #[inline]
    fn volume(sb: &SuperBlock<Erofs>) -> Option<Volume<'_, Block<'_>>> {
        let Ok(Image::Block(primary)) = image(sb) else {
            return None;
        };
        let devices = &sb.data().devices;
        let others = match devices.opened() {
            Opened::Block(places) => (sb.further_devices(), places.as_slice()),
            _ => (&[][..], &[][..]),
        };
        Some(Volume::new(primary, others, devices))
    }
}

/// Regular files.
pub(crate) struct InFile;

impl On for InFile {
    type Backing<'a> = &'a ImageFile;

    #[inline]
    fn volume(sb: &SuperBlock<Erofs>) -> Option<Volume<'_, &ImageFile>> {
        let Ok(Image::File(primary)) = image(sb) else {
            return None;
        };
        let devices = &sb.data().devices;
        let others = match devices.opened() {
            Opened::File(files) => files.as_slice(),
            _ => &[],
        };
        Some(Volume::new(primary, others, devices))
    }
}

/// Bytes in place: those at `pos` of device `id`, to the end of the page at least unless the device
/// ends before; `ahead` says what to read with them. The outer error is of the address.
#[inline]
pub(crate) fn bytes(
    sb: &SuperBlock<Erofs>,
    id: DeviceId,
    pos: ImagePos,
    ahead: Ahead,
) -> core::result::Result<Result<PageBytes>, DeviceError> {
    #[inline(never)]
    fn bytes_on<K: On>(
        sb: &SuperBlock<Erofs>,
        id: DeviceId,
        pos: ImagePos,
        ahead: Ahead,
    ) -> core::result::Result<Result<PageBytes>, DeviceError> {
        let Some(volume) = K::volume(sb) else {
            return Ok(Err(EIO));
        };
        let run = volume.run(id, pos)?;
        Ok(run.device.bytes_ahead(run.pos, ahead))
    }

    if sb.data().devices.is_plain(id) {
        return Ok(image(sb).and_then(|image| image.bytes_ahead(pos, ahead)));
    }
    match sb.data().medium {
        Medium::Block(_) => bytes_on::<OnBlock>(sb, id, pos, ahead),
        Medium::File(_) => bytes_on::<InFile>(sb, id, pos, ahead),
    }
}

/// Opens the devices of the image beside the primary one, if the options name them. Not inlined,
/// for the sake of the stack.
#[inline(never)]
pub(crate) fn open(
    sb: &mut NewSuperBlock<'_, Erofs>,
    disk: &ondisk::Superblock,
    medium: &Medium,
) -> Result<Devices> {
    let paths = core::mem::take(&mut sb.options().devices);
    let count = usize::from(disk.extra_devices);

    if !paths.is_empty() && paths.len() != count {
        sb.error(format_args!(
            "extra devices don't match (ondisk {count}, given {})",
            paths.len()
        ));
        return Err(EINVAL);
    }
    let opened = if paths.is_empty() {
        Opened::None
    } else if matches!(medium, Medium::Block(_)) {
        open_block_devices(sb, &paths)?
    } else {
        open_files(sb, &paths)?
    };
    Ok(Devices::new(
        disk.block_bits,
        read_ranges(sb, disk, medium)?,
        opened,
    ))
}

/// Reads the device table.
fn read_ranges(
    sb: &NewSuperBlock<'_, Erofs>,
    disk: &ondisk::Superblock,
    medium: &Medium,
) -> Result<KVVec<DeviceRange>> {
    let mut ranges = KVVec::with_capacity(disk.extra_devices.into(), GFP_KERNEL)?;
    let image = medium.image(sb.block_device())?;

    for (id, pos) in device::slots(disk) {
        let slot = image.bytes(pos).inspect_err(|e| {
            sb.error(format_args!(
                "cannot read the slot of device {id}: {}",
                e.to_errno()
            ));
        })?;
        let info = DeviceInfo::parse(&slot, disk).map_err(|e| {
            sb.error(format_args!("device {id}: {e}"));
            errno(e.kind())
        })?;
        ranges
            .push_within_capacity(info.range)
            .map_err(|_| ENOMEM)?;
    }
    Ok(ranges)
}

/// What to say of a device that cannot be used.
fn refused(sb: &NewSuperBlock<'_, Erofs>, path: &OwnedString, why: &str, e: Error) -> Error {
    sb.error(fmt!("device={}: {why}", path.as_c_str()));
    e
}

fn open_block_devices(sb: &mut NewSuperBlock<'_, Erofs>, paths: &[OwnedString]) -> Result<Opened> {
    let mut places = KVVec::with_capacity(paths.len(), GFP_KERNEL)?;

    sb.reserve_devices(paths.len())?;
    for path in paths {
        let place = match sb.open_device(path.as_c_str()) {
            Ok(device) => Place::new(device, 0),
            Err(e) if e == ENOTBLK => return Err(refused(sb, path, "no block device", EINVAL)),
            Err(e) => return Err(refused(sb, path, "cannot be opened", e)),
        };
        places.push_within_capacity(place).map_err(|_| ENOMEM)?;
    }
    Ok(Opened::Block(places))
}

fn open_files(sb: &NewSuperBlock<'_, Erofs>, paths: &[OwnedString]) -> Result<Opened> {
    let mut files = KVVec::with_capacity(paths.len(), GFP_KERNEL)?;

    for path in paths {
        let file =
            open_file(path.as_c_str()).map_err(|e| refused(sb, path, "cannot be opened", e))?;
        let file = BackingFile::new(file)
            .ok_or_else(|| refused(sb, path, "no regular file with a page cache", EINVAL))?;
        if !Erofs::check_stacking(&file) {
            return Err(refused(sb, path, "on a stacked filesystem", ENOTBLK));
        }
        files
            .push_within_capacity(ImageFile::new(file, 0)?)
            .map_err(|_| ENOMEM)?;
    }
    Ok(Opened::File(files))
}
