//! Kinds of damage to a file. A seed decides which bytes are changed.

use crate::support::Random;

const PAGE: usize = 4096;

/// The bytes of a cache file, of the same file some commits earlier, and of its lock file.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) now: Vec<u8>,
    pub(super) earlier: Vec<u8>,
    pub(super) lock: Vec<u8>,
}

/// The ways to damage a file. Each imitates a real failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DamageKind {
    /// Up to 16 flipped bits, as on a decaying medium.
    FlippedBits,
    /// Up to 32 changed bytes in one page, as after stray writes.
    FlippedBytesInOnePage,
    /// A page of zeros, as after a lost write to a new block.
    ZeroedPage,
    /// Zeros in a random range, as after the loss of an extent.
    ZeroedRange,
    /// Two swapped pages, as after misdirected writes.
    SwappedPages,
    /// A page with older content, as after a lost write to a used block.
    OlderPage,
    CutOff,
    /// A page of random bytes, as after a write of another program.
    GarbagePage,
    Empty,
    /// At most the first page, which contains the header, and a part of the second page.
    HeaderOnly,
    /// A file of the same length with only zeros.
    AllZeros,
    /// No cache file, but the unfinished new file of a crash during creation.
    HalfCreated,
}

pub(super) const KINDS: [DamageKind; 12] = [
    DamageKind::FlippedBits,
    DamageKind::FlippedBytesInOnePage,
    DamageKind::ZeroedPage,
    DamageKind::ZeroedRange,
    DamageKind::SwappedPages,
    DamageKind::OlderPage,
    DamageKind::CutOff,
    DamageKind::GarbagePage,
    DamageKind::Empty,
    DamageKind::HeaderOnly,
    DamageKind::AllZeros,
    DamageKind::HalfCreated,
];

impl DamageKind {
    /// Damages the file of an image, and returns the damaged bytes.
    pub(super) fn harm(self, image: &Image, random: &mut Random) -> Vec<u8> {
        let mut bytes = image.now.clone();
        let len = bytes.len();
        let mut below = |end: usize| usize::try_from(random.below(end as u64)).unwrap();
        // Mostly chooses pages in use, because much of a file is free. The first page contains the header,
        // which is read whenever the file is opened.
        let in_use: Vec<usize> = (0..len / PAGE)
            .map(|number| number * PAGE)
            .filter(|at| bytes[*at..at + PAGE].iter().any(|byte| *byte != 0))
            .collect();
        let page = |below: &mut dyn FnMut(usize) -> usize| {
            let at = match below(16) {
                0 => 0,
                1 => below(len / PAGE) * PAGE,
                _ => in_use[below(in_use.len())],
            };
            at..at + PAGE
        };
        match self {
            Self::FlippedBits => (0..16).for_each(|_| bytes[below(len)] ^= 1 << below(8)),
            Self::FlippedBytesInOnePage => {
                let page = page(&mut below);
                for _ in 0..=below(32) {
                    bytes[page.start + below(PAGE)] ^= u8::try_from(1 + below(255)).unwrap();
                }
            }
            Self::ZeroedPage => bytes[page(&mut below)].fill(0),
            Self::ZeroedRange => {
                let start = below(len);
                bytes[start..(start + 1 + below(len / 4)).min(len)].fill(0);
            }
            Self::SwappedPages => {
                let (one, other) = (page(&mut below), page(&mut below));
                for at in 0..PAGE {
                    bytes.swap(one.start + at, other.start + at);
                }
            }
            Self::OlderPage => {
                // Chooses a page whose content differs from the earlier image, if there is one.
                let earlier = &image.earlier;
                let differ: Vec<usize> = (0..len.min(earlier.len()) / PAGE)
                    .map(|number| number * PAGE)
                    .filter(|at| bytes[*at..at + PAGE] != earlier[*at..at + PAGE])
                    .collect();
                if !differ.is_empty() {
                    let at = differ[below(differ.len())];
                    bytes[at..at + PAGE].copy_from_slice(&earlier[at..at + PAGE]);
                }
            }
            Self::CutOff => bytes.truncate(below(len)),
            Self::GarbagePage => bytes[page(&mut below)].fill_with(|| u8::try_from(below(256)).unwrap()),
            Self::Empty => bytes.clear(),
            Self::HeaderOnly => bytes.truncate([9, 64, 320, PAGE, PAGE + 100][below(5)]),
            Self::AllZeros => bytes.fill(0),
            Self::HalfCreated => bytes.truncate([0, 9, 320, PAGE, below(len), len][below(6)]),
        }
        bytes
    }

    /// Returns whether this damage only removes the end of the file.
    pub(super) fn cuts(self) -> bool {
        matches!(self, Self::CutOff | Self::HeaderOnly)
    }

    /// Returns whether earlier values may become visible again. An older page is still valid, so larder can't
    /// detect it (contract 5).
    pub(super) fn may_bring_back(self) -> bool {
        self == Self::OlderPage
    }
}

#[test]
fn every_kind_of_damage_does_what_it_says() {
    let byte = |at: usize, salt: usize| u8::try_from((at * 7 + at / PAGE + salt) % 251).unwrap();
    let filled = |salt| (0..PAGE * 20).map(|at| byte(at, salt)).collect::<Vec<_>>();
    let image = Image { now: filled(0), earlier: filled(1), lock: vec![] };
    let mut random = Random::of_round(1);
    for kind in KINDS.into_iter().filter(|kind| *kind != DamageKind::HalfCreated) {
        // One call may change nothing, for example if it swaps a page with itself. At least one of twelve
        // calls must change the bytes.
        let left: Vec<_> = (0..12).map(|_| kind.harm(&image, &mut random)).collect();
        assert!(left.iter().any(|bytes| *bytes != image.now), "{kind:?} changed nothing");
        let changed_pages = |bytes: &Vec<u8>| {
            bytes.chunks(PAGE).zip(image.now.chunks(PAGE)).filter(|(left, right)| left != right).count()
        };
        let most = left.iter().map(changed_pages).max().unwrap();
        match kind {
            DamageKind::FlippedBits => assert!((2..=16).contains(&most)),
            DamageKind::SwappedPages => assert_eq!(most, 2),
            DamageKind::FlippedBytesInOnePage
            | DamageKind::ZeroedPage
            | DamageKind::OlderPage
            | DamageKind::GarbagePage => {
                assert_eq!(most, 1, "{kind:?}");
            }
            _ => {}
        }
    }
}
