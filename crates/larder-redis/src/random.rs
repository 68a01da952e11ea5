//! Random numbers that are unique among all clients.

pub(crate) fn number() -> u64 {
    u64::from_le_bytes(bytes())
}

/// Returns random bytes, which identify a lease or a generation. Another client must not get the same bytes
/// by chance.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        // If the system's random source fails, the function uses the random hash keys of the standard
        // library.
        for part in bytes.chunks_mut(8) {
            let hasher = std::hash::BuildHasher::build_hasher(&std::hash::RandomState::new());
            let number = std::hash::Hasher::finish(&hasher).to_le_bytes();
            part.iter_mut().zip(number).for_each(|(byte, random)| *byte = random);
        }
    }
    bytes
}
