//! Which operations make our own code panic, and how often: pure.
//!
//! Only a caught panic counts (design §2, Poison); death, silence and timeouts never do. A
//! synchronous operation that has done it too often is stored as refused; one that was
//! acknowledged as queued never is: its carga sets it aside for a person.

use std::collections::HashMap;

use crate::domain::ids::OpId;

/// Panics after which an operation is poison (contract §2, fault case 32).
const PANICOS_MAX: u8 = 5;

/// Operations remembered at once. Beyond it the count starts again: a flood of poison must
/// not take our memory.
const RECORDADAS_MAX: usize = 1024;

/// The count for each operation that has panicked.
#[derive(Debug, Default)]
pub struct Venenos(HashMap<OpId, u8>);

impl Venenos {
    /// Counts one more panic of `op_id`; whether that makes it poison.
    pub fn contar(&mut self, op_id: &OpId) -> bool {
        if self.0.len() >= RECORDADAS_MAX && !self.0.contains_key(op_id) {
            self.0.clear();
        }
        let panicos = self.0.entry(op_id.clone()).or_default();
        *panicos = panicos.saturating_add(1);
        *panicos >= PANICOS_MAX
    }

    /// Its story is over.
    pub fn olvidar(&mut self, op_id: &OpId) {
        self.0.remove(op_id);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_panic_makes_it_poison_and_no_other_is_blamed() {
        let (una, otra) = (OpId::parse("a").unwrap(), OpId::parse("b").unwrap());
        let mut venenos = Venenos::default();
        let veredictos: Vec<bool> = (0..5).map(|_| venenos.contar(&una)).collect();
        assert_eq!(veredictos, [false, false, false, false, true]);
        assert!(!venenos.contar(&otra));
        venenos.olvidar(&una);
        assert!(!venenos.contar(&una));
    }

    #[test]
    fn a_flood_of_poison_does_not_grow_without_bound() {
        let mut venenos = Venenos::default();
        for n in 0..3 * RECORDADAS_MAX {
            venenos.contar(&OpId::parse(&n.to_string()).unwrap());
        }
        assert!(venenos.0.len() <= RECORDADAS_MAX);
    }
}
