//! Numbers from a seed. The same seed gives the same numbers, so that a step can be repeated.

/// A stream of 64-bit numbers: `SplitMix64` (Steele, Lea and Flood, 2014). Not for secrets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream(u64);

impl Stream {
    pub(crate) fn new(seed: u64) -> Stream {
        Stream(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// `java.util.Random`, as its documentation defines it: what AWS draws from where a definition gives a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JavaRandom(u64);

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    pub(crate) fn new(seed: i64) -> JavaRandom {
        JavaRandom((seed.cast_unsigned() ^ Self::MULTIPLIER) & Self::MASK)
    }

    /// The top `bits` (at most 32) of the next state, with Java's sign.
    #[expect(clippy::cast_possible_truncation, reason = "at most 32 bits are left")]
    fn next(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        ((self.0 >> (48 - bits)) as u32).cast_signed()
    }

    fn next_long(&mut self) -> i64 {
        let high = i64::from(self.next(32)) << 32;
        high.wrapping_add(i64::from(self.next(32)))
    }

    /// From 0 to below 1.
    pub(crate) fn next_double(&mut self) -> f64 {
        let high = i64::from(self.next(26)) << 27;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
        let numerator = (high + i64::from(self.next(27))) as f64;
        numerator / 9_007_199_254_740_992.0
    }

    /// From `first` to below `end`, which is more (`RandomSupport.boundedNextLong`).
    pub(crate) fn next_between(&mut self, first: i64, end: i64) -> i64 {
        let drawn = self.next_long();
        let width = end.wrapping_sub(first);
        if width & width.wrapping_sub(1) == 0 {
            return (drawn & width.wrapping_sub(1)).wrapping_add(first);
        }
        if width > 0 {
            let mut bits = (drawn.cast_unsigned() >> 1).cast_signed();
            loop {
                let offset = bits % width;
                if bits.wrapping_add(width - 1).wrapping_sub(offset) >= 0 {
                    return offset + first;
                }
                bits = (self.next_long().cast_unsigned() >> 1).cast_signed();
            }
        }
        let mut drawn = drawn;
        while drawn < first || drawn >= end {
            drawn = self.next_long();
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::JavaRandom;

    #[test]
    #[expect(clippy::float_cmp, reason = "the same bits are wanted")]
    fn a_seed_gives_what_java_gives() {
        // `new Random(42).nextDouble()`, and its first two `nextInt()`.
        assert_eq!(JavaRandom::new(42).next_double(), 0.727_563_680_032_868_1);
        let mut random = JavaRandom::new(42);
        assert_eq!([random.next(32), random.next(32)], [-1_170_105_035, 234_785_527]);
        for seed in 0..200 {
            let drawn = JavaRandom::new(seed).next_between(-3, 4);
            assert!((-3..4).contains(&drawn));
            let far = JavaRandom::new(seed).next_between(i64::MIN, i64::MAX);
            assert!(far < i64::MAX);
        }
    }
}
