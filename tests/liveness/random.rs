//! Numbers that depend on a seed alone.

#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Neighbours among the seeds have nothing in common.
        let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(mixed ^ (mixed >> 29) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number from 1 to `most`.
    pub fn up_to(&mut self, most: u32) -> u32 {
        1 + u32::try_from(self.next() % u64::from(most)).unwrap()
    }

    pub fn one_in(&mut self, count: u32) -> bool {
        self.up_to(count) == 1
    }

    pub fn pick<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        let count = u32::try_from(among.len()).unwrap();
        (count > 0).then(|| among[self.up_to(count) as usize - 1])
    }
}
