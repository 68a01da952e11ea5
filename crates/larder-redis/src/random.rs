//! Random numbers that differ from the numbers of all other clients.

/// Returns a random number.
pub(crate) fn number() -> u64 {
    u64::from_le_bytes(bytes())
}

/// Returns random bytes. They name a lease or a generation. No other client may use the same name by chance.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        // If the system's source of random numbers fails, the source of the standard library is used. It is
        // seeded by the system at the start.
        for part in bytes.chunks_mut(8) {
            let hasher = std::hash::BuildHasher::build_hasher(&std::hash::RandomState::new());
            let number = std::hash::Hasher::finish(&hasher).to_le_bytes();
            part.iter_mut().zip(number).for_each(|(byte, random)| *byte = random);
        }
    }
    bytes
}
