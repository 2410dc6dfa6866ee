//! Deterministic chance: every "random" choice of the world is a pure function of the seed and of what it is about.

/// Letters of generated names: the alphabet of Kubernetes, without vowels and look-alikes.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A 64-bit number: FNV-1a over the seed and the words, mixed by the finaliser of `SplitMix64`.
pub(super) fn draw(seed: u64, about: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in seed.to_le_bytes().iter().chain(about.as_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// A number in `0.0..1.0`.
pub(super) fn unit(seed: u64, about: &str) -> f64 {
    (draw(seed, about) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number in `low..high`.
pub(super) fn between(seed: u64, about: &str, low: f64, high: f64) -> f64 {
    low + (high - low) * unit(seed, about)
}

/// A generated name ending such as `x7k2q`.
pub(super) fn suffix(seed: u64, about: &str, length: usize) -> String {
    spell(draw(seed, about), length)
}

/// A number written in the alphabet of generated names.
pub(super) fn spell(mut number: u64, length: usize) -> String {
    let base = ALPHABET.len() as u64;
    (0..length)
        .map(|_| {
            let letter = ALPHABET[usize::try_from(number % base).unwrap_or(0)];
            number /= base;
            char::from(letter)
        })
        .collect()
}

/// A UUID of version 4 in form, not in entropy.
pub(super) fn uid(seed: u64, about: &str) -> String {
    let high = draw(seed, about);
    let low = draw(high, about);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0x0fff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_words_same_chance() {
        assert_eq!(draw(7, "pod"), draw(7, "pod"));
        assert_ne!(draw(7, "pod"), draw(8, "pod"));
        assert_eq!(uid(7, "pod").len(), 36);
        assert!((0..1000).all(|n| (0.0..1.0).contains(&unit(n, "x"))));
    }
}
