//! The seed's random numbers (splitmix64): everything that a run draws comes from here.

/// See the module's doc.
#[derive(Debug, Clone)]
pub struct Azar(u64);

impl Azar {
    pub const fn nuevo(semilla: u64) -> Self {
        Self(semilla)
    }

    pub const fn crudo(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mezcla = self.0;
        mezcla = (mezcla ^ (mezcla >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mezcla = (mezcla ^ (mezcla >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mezcla ^ (mezcla >> 31)
    }

    /// Uniform from `min` to `max`, both included.
    pub const fn entre(&mut self, min: u64, max: u64) -> u64 {
        min + self.crudo() % (max - min + 1)
    }

    /// An index below `n`.
    pub const fn indice(&mut self, n: usize) -> usize {
        (self.crudo() % n as u64) as usize
    }

    /// True this many times in a thousand.
    pub const fn mil(&mut self, veces: u64) -> bool {
        self.crudo() % 1000 < veces
    }

    pub const fn uno<T: Copy>(&mut self, de: &[T]) -> T {
        de[self.indice(de.len())]
    }
}
