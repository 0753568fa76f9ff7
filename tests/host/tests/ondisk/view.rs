// SPDX-License-Identifier: GPL-2.0

use ondisk_tests::ondisk::View;
use proptest::prelude::*;
use zerocopy::FromBytes;

/// Bytes with nothing but what a view has to have.
struct Plain<'a>(&'a [u8]);

impl View for Plain<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get<T: FromBytes>(&self, at: usize) -> Option<T> {
        View::get(self.0, at)
    }
}

#[test]
fn reads_what_is_there() {
    let bytes = [1u8, 2, 3, 4, 5];
    let view = Plain(&bytes);
    assert_eq!(view.get::<[u8; 2]>(3), Some([4, 5]));
    assert_eq!(view.get::<[u8; 2]>(4), None);
    assert_eq!(view.get::<[u8; 2]>(usize::MAX), None);
    assert_eq!(view.get::<[u8; 0]>(5), Some([]));
    assert_eq!(view.byte(4), Some(5));
    assert_eq!(view.byte(5), None);
    assert!(!view.is_empty());
    assert!(Plain(&[]).is_empty());

    let mut out = [9; 3];
    assert_eq!(view.copy_to(3, &mut out), None);
    assert_eq!(view.copy_to(usize::MAX, &mut out), None);
    assert_eq!(out, [9; 3]);
    assert_eq!(view.copy_to(2, &mut out), Some(()));
    assert_eq!(out, [3, 4, 5]);
    assert_eq!(view.copy_to(5, &mut []), Some(()));
}

#[test]
fn text_ends_at_zero_or_at_the_end() {
    let view = Plain(b"ab\0cd");
    assert_eq!(view.text_len(0, 10), 2);
    assert_eq!(view.text_len(0, 1), 1);
    assert_eq!(view.text_len(2, 10), 0);
    assert_eq!(view.text_len(3, 10), 2);
    assert_eq!(view.text_len(5, 10), 0);
    assert_eq!(view.text_len(usize::MAX, 10), 0);
}

proptest! {
    #[test]
    fn mismatch_is_the_first_difference(
        bytes in prop::collection::vec(0u8..3, 0..40),
        other in prop::collection::vec(0u8..3, 0..40),
        common in 0usize..40,
        at in 0usize..45,
    ) {
        // Long common parts do not come by chance.
        let mut other = other;
        for (index, byte) in other.iter_mut().enumerate().take(common) {
            if let Some(same) = bytes.get(at + index) {
                *byte = *same;
            }
        }
        let expected = other.iter().enumerate().find_map(|(index, byte)| {
            match bytes.get(at + index) {
                Some(there) if there == byte => None,
                Some(there) => Some((index, *there)),
                None => Some((index, 0)),
            }
        });
        prop_assert_eq!(Plain(&bytes).mismatch(at, &other), expected);
    }

    #[test]
    fn nothing_outside_is_read(len in 0usize..64, at: usize, near in 0usize..80, max: usize) {
        let bytes = vec![1u8; len];
        for at in [at, near] {
            let view = Plain(&bytes);
            let rest = len.saturating_sub(at);
            prop_assert_eq!(view.get::<[u8; 16]>(at).is_some(), rest >= 16);
            prop_assert_eq!(view.byte(at).is_some(), rest >= 1);
            prop_assert_eq!(view.text_len(at, max), rest.min(max));
            prop_assert_eq!(view.mismatch(at, &[1; 32]), (rest < 32).then_some((rest, 0)));
            prop_assert_eq!(view.copy_to(at, &mut [0; 16]).is_some(), rest >= 16);
        }
    }
}
