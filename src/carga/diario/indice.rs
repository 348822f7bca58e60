//! Which entry has an op_id, and which is the last on a thing. The keys are not kept here: they
//! are read in the entries that the numbers lead to.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::carga::diario::compacta::Cosa;
use crate::carga::diario::entradas::Anotada;

/// What is undecided, by number. Boxed, for the free places of the tree's nodes.
pub type Todas = BTreeMap<u64, Box<Anotada>>;

/// The last undecided entry on one of its things.
#[derive(Debug, Clone, Copy)]
struct Ultima {
    seq: u64,
    /// Its place among the things of that entry.
    cual: u8,
}

/// See the module's doc. Whoever calls has the entries in `todas`, also those taken out here.
#[derive(Debug, Default)]
pub struct Indice {
    azar: RandomState,
    por_op_id: HashTable<u64>,
    ultimas: HashTable<Ultima>,
}

fn op_id(todas: &Todas, seq: u64) -> &str {
    todas
        .get(&seq)
        .map_or("", |anotada| anotada.compacta.op_id())
}

fn cosa(todas: &Todas, ultima: Ultima) -> Option<Cosa<'_>> {
    let anotada = todas.get(&ultima.seq)?;
    anotada
        .compacta
        .nombrado()
        .cosas()
        .nth(usize::from(ultima.cual))
}

impl Indice {
    /// It has its op_id, and is the last one on its things.
    pub fn poner(&mut self, todas: &Todas, seq: u64) {
        let Some(anotada) = todas.get(&seq) else {
            return;
        };
        let azar = &self.azar;
        let propio = anotada.compacta.op_id();
        let hallado = self.por_op_id.entry(
            azar.hash_one(propio),
            |otra| op_id(todas, *otra) == propio,
            |otra| azar.hash_one(op_id(todas, *otra)),
        );
        hallado.insert(seq);
        for (cual, propia) in (0..).zip(anotada.compacta.nombrado().cosas()) {
            let hallada = self.ultimas.entry(
                azar.hash_one(Some(propia)),
                |otra| cosa(todas, *otra) == Some(propia),
                |otra| azar.hash_one(cosa(todas, *otra)),
            );
            hallada.insert(Ultima { seq, cual });
        }
    }

    /// The entry of that op_id.
    #[must_use]
    pub fn de_op_id(&self, todas: &Todas, buscado: &str) -> Option<u64> {
        let hash = self.azar.hash_one(buscado);
        let hallado = self
            .por_op_id
            .find(hash, |seq| op_id(todas, *seq) == buscado);
        hallado.copied()
    }

    /// The last entry on that thing.
    #[must_use]
    pub fn ultima(&self, todas: &Todas, buscada: Cosa<'_>) -> Option<u64> {
        let hash = self.azar.hash_one(Some(buscada));
        let hallada = self
            .ultimas
            .find(hash, |una| cosa(todas, *una) == Some(buscada));
        hallada.map(|ultima| ultima.seq)
    }

    /// It is the last one on nothing.
    pub fn soltar(&mut self, todas: &Todas, seq: u64) {
        let Some(anotada) = todas.get(&seq) else {
            return;
        };
        for propia in anotada.compacta.nombrado().cosas() {
            let hash = self.azar.hash_one(Some(propia));
            let suya = |una: &Ultima| una.seq == seq && cosa(todas, *una) == Some(propia);
            if let Ok(hallada) = self.ultimas.find_entry(hash, suya) {
                hallada.remove();
            }
        }
    }

    /// Its op_id is nobody's.
    pub fn quitar(&mut self, todas: &Todas, seq: u64) {
        let hash = self.azar.hash_one(op_id(todas, seq));
        if let Ok(hallado) = self.por_op_id.find_entry(hash, |una| *una == seq) {
            hallado.remove();
        }
    }
}
