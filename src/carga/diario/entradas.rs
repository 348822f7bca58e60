//! What is undecided: by number, by op_id, by the thing it is about, and which of it may be
//! replayed when.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crate::carga::diario::compacta::{Compacta, Nombrado};
use crate::carga::diario::indice::{Indice, Todas};
use crate::domain::ids::OpId;
use crate::domain::operacion::Operacion;
use crate::net::server::Par;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Respuesta;

/// Entries that a client's operation waits for on a guess: what one commit decides with ease.
const A_MEDIAS_MAX: usize = 16;

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fase {
    /// Not on the disk yet, and nobody was told of it.
    PorAnotar,
    /// On the disk, behind earlier ones on the same thing.
    Detras,
    /// To be replayed from that instant on.
    Lista(Instant),
    /// Being replayed.
    EnVuelo,
    /// Waits for a person.
    Apartada,
    /// Decided; its closing is on its way to the disk.
    Decidida(Box<Respuesta>),
}

/// Who waits for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turno {
    /// A later entry.
    Entrada(u64),
    /// A client's synchronous operation.
    Cliente(u64),
}

/// One entry.
#[derive(Debug)]
pub struct Anotada {
    /// The operation.
    pub compacta: Compacta,
    /// Where it stands.
    pub fase: Fase,
    /// Replays begun in this life of the carga.
    pub intentos: u32,
    /// Deterministic failures reported in this life.
    pub venenos: u8,
    /// Its age when this life took it, in ms.
    pub edad_previa_ms: u64,
    par: Option<Par>,
    tomada: Instant,
    faltan: u32,
    /// Nothing while nobody waits, as for most of a backlog.
    esperas: Option<Box<Esperas>>,
}

/// Those who wait for an entry.
#[derive(Debug, Default)]
struct Esperas {
    /// Clients to be told when it is on the disk.
    disco: Vec<u64>,
    detras: Vec<Turno>,
    /// Clients whose operation may be about the same thing; they wait for its first try.
    por_si_acaso: Vec<u64>,
}

impl Anotada {
    /// One that arrives, or was loaded, now; `par` is the connection it counts for.
    #[must_use]
    pub fn nueva(pedido: &Pedido, par: Option<Par>, ahora: Instant) -> Self {
        Self {
            compacta: Compacta::de(pedido),
            fase: Fase::PorAnotar,
            intentos: 0,
            venenos: 0,
            edad_previa_ms: 0,
            par,
            tomada: ahora,
            faltan: 0,
            esperas: None,
        }
    }

    /// One more client is to be told when it is on the disk.
    pub fn suma_espera(&mut self, id: u64) {
        self.esperas().disco.push(id);
    }

    /// The clients to be told that it is on the disk, or that it will not be.
    pub fn esperan(&mut self) -> Vec<u64> {
        self.tomar(|esperas| &mut esperas.disco)
    }

    fn esperas(&mut self) -> &mut Esperas {
        self.esperas.get_or_insert_default()
    }

    fn tomar<T>(&mut self, cuales: impl FnOnce(&mut Esperas) -> &mut Vec<T>) -> Vec<T> {
        let Some(esperas) = &mut self.esperas else {
            return Vec::new();
        };
        let tomadas = std::mem::take(cuales(esperas));
        if esperas.disco.is_empty() && esperas.detras.is_empty() && esperas.por_si_acaso.is_empty()
        {
            self.esperas = None;
        }
        tomadas
    }

    /// Since it was accepted, in ms.
    #[must_use]
    pub fn edad_ms(&self, ahora: Instant) -> u64 {
        let aqui = ahora.saturating_duration_since(self.tomada).as_millis();
        self.edad_previa_ms
            .saturating_add(u64::try_from(aqui).unwrap_or(u64::MAX))
    }
}

/// See the module's doc.
#[derive(Debug, Default)]
pub struct Entradas {
    todas: Todas,
    indice: Indice,
    por_par: HashMap<Par, usize>,
    /// Those that name that half of their thing and are being tried for the first time.
    por_mitad: [BTreeSet<u64>; 2],
    listas: [BTreeSet<(Instant, u64)>; 3],
    siguiente: u64,
}

/// The place of a writing operation in lists by kind.
#[must_use]
pub const fn clase(operacion: Operacion) -> usize {
    match operacion {
        Operacion::Devolucion => 1,
        Operacion::Renovacion => 2,
        _ => 0,
    }
}

impl Entradas {
    /// The next new one gets this number.
    pub const fn numerar_desde(&mut self, siguiente: u64) {
        self.siguiente = siguiente;
    }

    /// A new one, under the next number.
    pub fn agregar(&mut self, anotada: Anotada) -> u64 {
        let seq = self.siguiente;
        self.siguiente += 1;
        self.insertar(seq, anotada);
        seq
    }

    /// One under its own number; behind earlier ones on the same things.
    pub fn insertar(&mut self, seq: u64, mut anotada: Anotada) {
        let faltan = self.detras_de(anotada.compacta.nombrado(), Turno::Entrada(seq));
        anotada.faltan = u32::try_from(faltan).unwrap_or(u32::MAX);
        if let Some(par) = &anotada.par {
            *self.por_par.entry(Par::clone(par)).or_default() += 1;
        }
        self.todas.insert(seq, Box::new(anotada));
        self.indice.poner(&self.todas, seq);
    }

    /// Puts `turno` behind the last one on each thing that is named; how many those are.
    pub fn detras_de(&mut self, nombrado: Nombrado<'_>, turno: Turno) -> usize {
        let mut faltan = 0;
        for cosa in nombrado.cosas() {
            if let Some(anterior) = self.indice.ultima(&self.todas, cosa)
                && let Some(anterior) = self.todas.get_mut(&anterior)
            {
                anterior.esperas().detras.push(turno);
                faltan += 1;
            }
        }
        faltan
    }

    /// Its replay begins.
    pub fn sale(&mut self, seq: u64) -> Option<&Anotada> {
        let anotada = self.todas.get_mut(&seq)?;
        anotada.fase = Fase::EnVuelo;
        anotada.intentos = anotada.intentos.saturating_add(1);
        if anotada.intentos == 1
            && let Some(mitad) = anotada.compacta.nombrado().mitad()
        {
            self.por_mitad[mitad as usize].insert(seq);
        }
        Some(&*anotada)
    }

    /// Puts a client's operation behind those that may be about the same thing, because one names
    /// the copy alone and the other the book alone, while they are tried for the first time, which
    /// takes a moment with everybody alive. Only the database knows whether they are. What waits
    /// to be tried is not waited for, nor more than [`A_MEDIAS_MAX`] at once: a guess must not
    /// hold up the others while somebody is dead, or floods.
    pub fn detras_por_si_acaso(&mut self, nombrado: Nombrado<'_>, id: u64) -> usize {
        let Some(mitad) = nombrado.mitad() else {
            return 0;
        };
        let quiza = |seq: &&u64| {
            let anterior = self.todas.get(*seq);
            anterior.is_some_and(|una| !una.compacta.nombrado().de_otro_usuario(nombrado))
        };
        let anteriores = self.por_mitad[mitad.otra() as usize].iter().filter(quiza);
        let anteriores: Vec<u64> = anteriores.take(A_MEDIAS_MAX + 1).copied().collect();
        if anteriores.len() > A_MEDIAS_MAX {
            return 0;
        }
        for seq in &anteriores {
            if let Some(anterior) = self.todas.get_mut(seq) {
                anterior.esperas().por_si_acaso.push(id);
            }
        }
        anteriores.len()
    }

    /// It was tried, without a decision; answers the clients that waited no longer than that.
    pub fn probada(&mut self, seq: u64) -> Vec<u64> {
        for probandose in &mut self.por_mitad {
            probandose.remove(&seq);
        }
        let anotada = self.todas.get_mut(&seq);
        anotada.map_or_else(Vec::new, |anotada| {
            anotada.tomar(|esperas| &mut esperas.por_si_acaso)
        })
    }

    /// It is on the disk now: to be replayed, unless it is behind others. Answers those who
    /// wait to be told.
    pub fn en_disco(&mut self, seq: u64, ahora: Instant) -> Vec<u64> {
        let Some(anotada) = self.todas.get_mut(&seq) else {
            return Vec::new();
        };
        anotada.fase = Fase::Detras;
        let esperan = anotada.esperan();
        if anotada.faltan == 0 {
            self.lista(seq, ahora);
        }
        esperan
    }

    /// It may be replayed from `cuando` on.
    pub fn lista(&mut self, seq: u64, cuando: Instant) {
        if let Some(anotada) = self.todas.get_mut(&seq) {
            anotada.fase = Fase::Lista(cuando);
            self.listas[clase(anotada.compacta.operacion)].insert((cuando, seq));
        }
    }

    /// The first of a kind that may be replayed now.
    pub fn sacar_lista(&mut self, clase: usize, ahora: Instant) -> Option<u64> {
        let &(cuando, seq) = self.listas[clase].first()?;
        if cuando > ahora {
            return None;
        }
        self.listas[clase].remove(&(cuando, seq));
        Some(seq)
    }

    /// One that it was behind is decided.
    pub fn una_menos(&mut self, seq: u64, ahora: Instant) {
        let Some(anotada) = self.todas.get_mut(&seq) else {
            return;
        };
        anotada.faltan = anotada.faltan.saturating_sub(1);
        if anotada.faltan == 0 && anotada.fase == Fase::Detras {
            self.lista(seq, ahora);
        }
    }

    /// Nobody is to wait for it any more; answers those who did.
    pub fn soltar(&mut self, seq: u64) -> Vec<Turno> {
        let Some(anotada) = self.todas.get_mut(&seq) else {
            return Vec::new();
        };
        let mut detras = anotada.tomar(|esperas| &mut esperas.detras);
        self.indice.soltar(&self.todas, seq);
        detras.extend(self.probada(seq).into_iter().map(Turno::Cliente));
        detras
    }

    /// It is closed, or never was on the disk. [`Entradas::soltar`] comes first.
    pub fn quitar(&mut self, seq: u64) -> Option<Anotada> {
        self.indice.quitar(&self.todas, seq);
        let anotada = *self.todas.remove(&seq)?;
        if let Some(par) = &anotada.par
            && let Some(cuenta) = self.por_par.get_mut(par)
        {
            *cuenta -= 1;
            if *cuenta == 0 {
                self.por_par.remove(par);
            }
        }
        Some(anotada)
    }

    /// One more client is to be told when it is on the disk.
    pub fn suma_espera(&mut self, seq: u64, id: u64) {
        if let Some(anotada) = self.todas.get_mut(&seq) {
            anotada.suma_espera(id);
        }
    }

    /// By number.
    pub fn de_mut(&mut self, seq: u64) -> Option<&mut Anotada> {
        self.todas.get_mut(&seq).map(Box::as_mut)
    }

    /// By op_id, with its number.
    #[must_use]
    pub fn de_op_id(&self, op_id: &OpId) -> Option<(u64, &Anotada)> {
        let seq = self.indice.de_op_id(&self.todas, op_id.as_str())?;
        Some((seq, &**self.todas.get(&seq)?))
    }

    /// How many there are of one connection.
    #[must_use]
    pub fn de_par(&self, par: &Par) -> usize {
        self.por_par.get(par).copied().unwrap_or(0)
    }

    /// How many there are, those on their way to the disk and from it included.
    #[must_use]
    pub fn total(&self) -> usize {
        self.todas.len()
    }

    /// On the disk and undecided; of those, set aside; and the oldest one's age in ms.
    #[must_use]
    pub fn cuenta(&self, ahora: Instant) -> (usize, usize, u64) {
        let (mut sin_decidir, mut apartadas, mut edad_max_ms) = (0, 0, 0);
        for anotada in self.todas.values() {
            match anotada.fase {
                Fase::PorAnotar | Fase::Decidida(_) => continue,
                Fase::Apartada => apartadas += 1,
                _ => {}
            }
            sin_decidir += 1;
            edad_max_ms = edad_max_ms.max(anotada.edad_ms(ahora));
        }
        (sin_decidir, apartadas, edad_max_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With its texts and its places in four tables it takes some 440 bytes, 44 MB for a full
    /// diario of the usual bound.
    #[test]
    fn an_entry_that_nobody_waits_for_is_small() {
        assert!(size_of::<Anotada>() <= 160, "{}", size_of::<Anotada>());
    }
}
