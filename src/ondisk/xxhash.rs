// SPDX-License-Identifier: GPL-2.0

//! The hash function XXH32, for the short names of extended attributes.

const PRIME_1: u32 = 0x9e37_79b1;
const PRIME_2: u32 = 0x85eb_ca77;
const PRIME_3: u32 = 0xc2b2_ae3d;
const PRIME_4: u32 = 0x27d4_eb2f;
const PRIME_5: u32 = 0x1656_67b1;

/// Stirs the next four bytes into one of the lanes.
const fn round(lane: u32, bytes: [u8; 4]) -> u32 {
    lane.wrapping_add(u32::from_le_bytes(bytes).wrapping_mul(PRIME_2))
        .rotate_left(13)
        .wrapping_mul(PRIME_1)
}

/// The hash of `bytes` with `seed`.
pub fn xxh32(bytes: &[u8], seed: u32) -> u32 {
    let mut rest = bytes;
    let mut hash = if bytes.len() < 16 {
        seed.wrapping_add(PRIME_5)
    } else {
        let mut lanes = [
            seed.wrapping_add(PRIME_1).wrapping_add(PRIME_2),
            seed.wrapping_add(PRIME_2),
            seed,
            seed.wrapping_sub(PRIME_1),
        ];
        while let Some((stripe, after)) = rest.split_first_chunk::<16>() {
            for (lane, word) in lanes.iter_mut().zip(stripe.chunks_exact(4)) {
                if let Some(word) = word.first_chunk() {
                    *lane = round(*lane, *word);
                }
            }
            rest = after;
        }
        let [a, b, c, d] = lanes;
        a.rotate_left(1)
            .wrapping_add(b.rotate_left(7))
            .wrapping_add(c.rotate_left(12))
            .wrapping_add(d.rotate_left(18))
    };

    hash = hash.wrapping_add(bytes.len() as u32);
    while let Some((word, after)) = rest.split_first_chunk::<4>() {
        hash = hash
            .wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIME_3))
            .rotate_left(17)
            .wrapping_mul(PRIME_4);
        rest = after;
    }
    for byte in rest {
        hash = hash
            .wrapping_add(u32::from(*byte).wrapping_mul(PRIME_5))
            .rotate_left(11)
            .wrapping_mul(PRIME_1);
    }

    hash = (hash ^ hash.wrapping_shr(15)).wrapping_mul(PRIME_2);
    hash = (hash ^ hash.wrapping_shr(13)).wrapping_mul(PRIME_3);
    hash ^ hash.wrapping_shr(16)
}
