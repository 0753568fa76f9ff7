// SPDX-License-Identifier: GPL-2.0

//! The on-disk format of EROFS, compiled for the host so that it can be tested.

#![no_std]

#[cfg(feature = "instances")]
pub mod instances;

#[path = "../../../src/ondisk/mod.rs"]
#[forbid(unsafe_code)]
pub mod ondisk;
