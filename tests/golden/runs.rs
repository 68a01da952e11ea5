//! Packs a file by shortening its runs of equal bytes. Most of a small cache file consists of such runs,
//! mainly of zeros.
//!
//! The packed form is a list of pieces. A piece has four parts: a length (4 bytes), that number of unchanged
//! bytes, a count (4 bytes), and one byte that is repeated that many times. Integers are big endian.

/// Minimum length of a run that is shortened. A piece costs nine bytes, so a much shorter run would save
/// nothing.
const MIN_RUN: usize = 16;

pub(crate) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut plain = Vec::new();
    let mut piece = |plain: &mut Vec<u8>, run: &[u8]| {
        out.extend_from_slice(&u32::try_from(plain.len()).unwrap().to_be_bytes());
        out.append(plain);
        out.extend_from_slice(&u32::try_from(run.len()).unwrap().to_be_bytes());
        out.push(run.first().copied().unwrap_or_default());
    };
    for run in bytes.chunk_by(|one, next| one == next) {
        if run.len() < MIN_RUN {
            plain.extend_from_slice(run);
        } else {
            piece(&mut plain, run);
        }
    }
    piece(&mut plain, &[]);
    out
}

pub(crate) fn unpacked(mut packed: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while !packed.is_empty() {
        let len = number(&mut packed);
        out.extend_from_slice(packed.split_off(..len).unwrap());
        let run = number(&mut packed);
        out.resize(out.len() + run, *packed.split_off_first().unwrap());
    }
    out
}

fn number(packed: &mut &[u8]) -> usize {
    let (number, rest) = packed.split_first_chunk().unwrap();
    *packed = rest;
    usize::try_from(u32::from_be_bytes(*number)).unwrap()
}
