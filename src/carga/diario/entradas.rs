//! What is undecided: by number, by op_id, by the thing it is about, and which of it may be
//! replayed when.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use crate::domain::ids::{Ejemplar, Isbn, OpId, UsuarioId};
use crate::domain::operacion::Operacion;
use crate::net::server::Par;
use crate::wire::pedido::Pedido;
use crate::wire::respuesta::Respuesta;

/// Entries that a client's operation waits for on a guess: what one commit decides with ease.
const A_MEDIAS_MAX: usize = 16;

/// What an operation is about, as far as a carga can tell: of the same thing an entry waits
/// for the earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Cosa {
    Copia(Ejemplar),
    Prestamo(Isbn, UsuarioId),
}

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
    pub pedido: Pedido,
    /// Where it stands.
    pub fase: Fase,
    /// Replays begun in this life of the carga.
    pub intentos: u32,
    /// Deterministic failures reported in this life.
    pub venenos: u8,
    /// Its age when this life took it, in ms.
    pub edad_previa_ms: u64,
    /// Clients to be told when it is on the disk.
    pub esperan: Vec<u64>,
    par: Option<Par>,
    tomada: Instant,
    faltan: usize,
    detras: Vec<Turno>,
    /// Clients whose operation may be about the same thing; they wait for its first try.
    por_si_acaso: Vec<u64>,
}

impl Anotada {
    /// One that arrives, or was loaded, now; `par` is the connection it counts for.
    #[must_use]
    pub const fn nueva(pedido: Pedido, par: Option<Par>, ahora: Instant) -> Self {
        Self {
            pedido,
            fase: Fase::PorAnotar,
            intentos: 0,
            venenos: 0,
            edad_previa_ms: 0,
            esperan: Vec::new(),
            par,
            tomada: ahora,
            faltan: 0,
            detras: Vec::new(),
            por_si_acaso: Vec::new(),
        }
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
    // Boxed, for the free places of the tree's nodes: a long backlog is what this role's memory
    // is used for.
    todas: BTreeMap<u64, Box<Anotada>>,
    por_op_id: HashMap<OpId, u64>,
    por_par: HashMap<Par, usize>,
    /// The last undecided one on each thing.
    ultimas: HashMap<Cosa, u64>,
    /// Those that name half of their thing and are being tried for the first time.
    a_medias: BTreeSet<u64>,
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

fn cosas(pedido: &Pedido) -> impl Iterator<Item = Cosa> {
    let copia = pedido.ejemplar.clone().map(Cosa::Copia);
    let prestamo = match (&pedido.isbn, &pedido.usuario) {
        (Some(isbn), Some(usuario)) => Some(Cosa::Prestamo(isbn.clone(), usuario.clone())),
        _ => None,
    };
    copia.into_iter().chain(prestamo)
}

/// Whether one names the copy alone and the other the book alone, and nothing else tells them
/// apart: only the database knows whether they are about the same thing.
fn quiza_lo_mismo(uno: &Pedido, otro: &Pedido) -> bool {
    let nombran = (nombra_a_medias(uno), nombra_a_medias(otro));
    let distinto = matches!(nombran, (Some(una), Some(otra)) if una != otra);
    let usuarios = (&uno.usuario, &otro.usuario);
    distinto && !matches!(usuarios, (Some(uno), Some(otro)) if uno != otro)
}

/// Which half of its thing it names, if only one: the copy, or the book.
const fn nombra_a_medias(pedido: &Pedido) -> Option<Mitad> {
    match (&pedido.ejemplar, &pedido.isbn) {
        (Some(_), None) => Some(Mitad::Ejemplar),
        (None, Some(_)) => Some(Mitad::Libro),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mitad {
    Ejemplar,
    Libro,
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
        anotada.faltan = self.detras_de(&anotada.pedido, Turno::Entrada(seq));
        for cosa in cosas(&anotada.pedido) {
            self.ultimas.insert(cosa, seq);
        }
        if let Some(par) = &anotada.par {
            *self.por_par.entry(Par::clone(par)).or_default() += 1;
        }
        self.por_op_id.insert(anotada.pedido.op_id.clone(), seq);
        self.todas.insert(seq, Box::new(anotada));
    }

    /// Puts `turno` behind the last one on each thing of `pedido`; how many those are.
    pub fn detras_de(&mut self, pedido: &Pedido, turno: Turno) -> usize {
        let mut faltan = 0;
        for cosa in cosas(pedido) {
            if let Some(anterior) = self.ultimas.get(&cosa).copied()
                && let Some(anterior) = self.todas.get_mut(&anterior)
            {
                anterior.detras.push(turno);
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
        if anotada.intentos == 1 && nombra_a_medias(&anotada.pedido).is_some() {
            self.a_medias.insert(seq);
        }
        Some(&*anotada)
    }

    /// Puts a client's operation behind those that may be about the same thing while they are
    /// tried for the first time, which takes a moment with everybody alive. What waits to be
    /// tried is not waited for, nor more than [`A_MEDIAS_MAX`] at once: a guess must not hold
    /// up the others while somebody is dead, or floods.
    pub fn detras_por_si_acaso(&mut self, pedido: &Pedido, id: u64) -> usize {
        let quiza = |seq: &&u64| {
            let anterior = self.todas.get(*seq);
            anterior.is_some_and(|anterior| quiza_lo_mismo(&anterior.pedido, pedido))
        };
        let anteriores = self.a_medias.iter().filter(quiza);
        let anteriores: Vec<u64> = anteriores.take(A_MEDIAS_MAX + 1).copied().collect();
        if anteriores.len() > A_MEDIAS_MAX {
            return 0;
        }
        for seq in &anteriores {
            if let Some(anterior) = self.todas.get_mut(seq) {
                anterior.por_si_acaso.push(id);
            }
        }
        anteriores.len()
    }

    /// It was tried, without a decision; answers the clients that waited no longer than that.
    pub fn probada(&mut self, seq: u64) -> Vec<u64> {
        self.a_medias.remove(&seq);
        let anotada = self.todas.get_mut(&seq);
        anotada.map_or_else(Vec::new, |anotada| {
            std::mem::take(&mut anotada.por_si_acaso)
        })
    }

    /// It is on the disk now: to be replayed, unless it is behind others. Answers those who
    /// wait to be told.
    pub fn en_disco(&mut self, seq: u64, ahora: Instant) -> Vec<u64> {
        let Some(anotada) = self.todas.get_mut(&seq) else {
            return Vec::new();
        };
        anotada.fase = Fase::Detras;
        let esperan = std::mem::take(&mut anotada.esperan);
        if anotada.faltan == 0 {
            self.lista(seq, ahora);
        }
        esperan
    }

    /// It may be replayed from `cuando` on.
    pub fn lista(&mut self, seq: u64, cuando: Instant) {
        if let Some(anotada) = self.todas.get_mut(&seq) {
            anotada.fase = Fase::Lista(cuando);
            self.listas[clase(anotada.pedido.operacion)].insert((cuando, seq));
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
        for cosa in cosas(&anotada.pedido) {
            if self.ultimas.get(&cosa) == Some(&seq) {
                self.ultimas.remove(&cosa);
            }
        }
        let mut detras = std::mem::take(&mut anotada.detras);
        detras.extend(self.probada(seq).into_iter().map(Turno::Cliente));
        detras
    }

    /// It is closed, or never was on the disk. [`Entradas::soltar`] comes first.
    pub fn quitar(&mut self, seq: u64) -> Option<Anotada> {
        let anotada = *self.todas.remove(&seq)?;
        self.por_op_id.remove(&anotada.pedido.op_id);
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
            anotada.esperan.push(id);
        }
    }

    /// By number.
    pub fn de_mut(&mut self, seq: u64) -> Option<&mut Anotada> {
        self.todas.get_mut(&seq).map(Box::as_mut)
    }

    /// By op_id, with its number.
    #[must_use]
    pub fn de_op_id(&self, op_id: &OpId) -> Option<(u64, &Anotada)> {
        let seq = *self.por_op_id.get(op_id)?;
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
