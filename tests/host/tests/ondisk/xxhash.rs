// SPDX-License-Identifier: GPL-2.0

use ondisk_tests::ondisk::xxhash::xxh32;

/// What the reference implementation says of as many bytes of its own test pattern.
#[test]
fn known_hashes() {
    const PRIME: u32 = 2_654_435_761;
    let mut state = PRIME;
    let pattern: Vec<u8> = (0..101)
        .map(|_| {
            let byte = (state >> 24) as u8;
            state = state.wrapping_mul(state);
            byte
        })
        .collect();
    for (len, seed, hash) in [
        (0, 0, 0x02cc_5d05),
        (0, PRIME, 0x36b7_8ae7),
        (1, 0, 0xb85c_bee5),
        (1, PRIME, 0xd584_5d64),
        (14, 0, 0xe5aa_0ab4),
        (14, PRIME, 0x4481_951d),
        (101, 0, 0x1f1a_a412),
        (101, PRIME, 0x498e_c8e2),
    ] {
        assert_eq!(
            xxh32(&pattern[..len], seed),
            hash,
            "{len} bytes, seed {seed}"
        );
    }
    for (text, hash) in [
        ("a", 0x550d_7456),
        ("abc", 0x32d1_53ff),
        ("Nobody inspects the spammish repetition", 0xe229_3b2f),
    ] {
        assert_eq!(xxh32(text.as_bytes(), 0), hash, "{text}");
    }
}
