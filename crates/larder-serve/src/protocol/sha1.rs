//! SHA-1 (FIPS 180-4), with which the protocol identifies scripts. It is not used for security.

/// Returns the hash in lower-case hexadecimal digits.
pub(crate) fn sha1_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    sha1(bytes).iter().fold(String::with_capacity(40), |mut hex, word| {
        let _ = write!(hex, "{word:08x}");
        hex
    })
}

fn sha1(bytes: &[u8]) -> [u32; 5] {
    let mut state = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    let mut blocks = bytes.chunks_exact(64);
    blocks.by_ref().for_each(|block| add_block(&mut state, block));
    let mut last = blocks.remainder().to_vec();
    last.push(0x80);
    while last.len() % 64 != 56 {
        last.push(0);
    }
    last.extend((bytes.len() as u64 * 8).to_be_bytes());
    last.chunks_exact(64).for_each(|block| add_block(&mut state, block));
    state
}

#[expect(clippy::many_single_char_names, reason = "the names of the standard")]
fn add_block(state: &mut [u32; 5], block: &[u8]) {
    // The last 16 words of the message schedule. Each round replaces the oldest word.
    let mut window = [0_u32; 16];
    for (word, bytes) in window.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| (word << 8) | u32::from(*byte));
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for round in 0..80 {
        let (mixed, constant) = match round {
            0..20 => ((b & c) | (!b & d), 0x5A82_7999),
            20..40 => (b ^ c ^ d, 0x6ED9_EBA1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC),
            _ => (b ^ c ^ d, 0xCA62_C1D6_u32),
        };
        let [first, _, third, _, _, _, _, _, ninth, _, _, _, _, fourteenth, _, _] = window;
        let sum =
            a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant).wrapping_add(first);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum);
        window.rotate_left(1);
        window[15] = (first ^ third ^ ninth ^ fourteenth).rotate_left(1);
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e]) {
        *word = word.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use super::sha1_hex;

    #[test]
    fn the_hashes_of_the_standard_come_out() {
        assert_eq!(sha1_hex(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(sha1_hex(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let long = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(sha1_hex(long), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
        assert_eq!(sha1_hex(&vec![b'a'; 1_000_000]), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    }
}
