//! Clients who wait within the diario: for the disk, for a look into it, or for their turn
//! behind an earlier entry. Each leaves answered, handed on, or out of time.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::net::server::Par;
use crate::wire::pedido::Pedido;

/// What a client waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Motivo {
    /// For its request to be looked at.
    Paso,
    /// For its operation to be on the disk.
    Disco,
    /// For a look among the closed; its `estado` goes on to the database when it is not there.
    Pregunta(Pedido),
    /// For this many earlier entries on the same thing.
    Turno {
        /// What it asks.
        pedido: Pedido,
        /// How many.
        faltan: usize,
    },
}

#[derive(Debug)]
struct Cliente {
    par: Par,
    /// When it is told that its time is over.
    vence: Instant,
    motivo: Motivo,
}

/// See the module's doc.
#[derive(Debug, Default)]
pub struct Clientes {
    todos: HashMap<u64, Cliente>,
    vencen: BTreeSet<(Instant, u64)>,
}

impl Clientes {
    /// A client comes, over that connection, to have its request looked at.
    pub fn entra(&mut self, id: u64, par: Par, ahora: Instant, plazo: Duration) {
        let vence = ahora + plazo;
        self.vencen.insert((vence, id));
        let cliente = Cliente {
            par,
            vence,
            motivo: Motivo::Paso,
        };
        self.todos.insert(id, cliente);
    }

    /// It waits for something else now.
    pub fn cambia(&mut self, id: u64, motivo: Motivo) {
        if let Some(cliente) = self.todos.get_mut(&id) {
            cliente.motivo = motivo;
        }
    }

    /// Whether it still waits.
    #[must_use]
    pub fn espera(&self, id: u64) -> bool {
        self.todos.contains_key(&id)
    }

    /// It leaves; whether it was there.
    pub fn quita(&mut self, id: u64) -> bool {
        self.salir(id).is_some()
    }

    /// It is handed on: over which connection it came, and what is left of its time.
    pub fn sale(&mut self, id: u64, ahora: Instant) -> Option<(Par, Duration)> {
        let cliente = self.salir(id)?;
        let resta = cliente.vence.saturating_duration_since(ahora);
        Some((cliente.par, resta))
    }

    /// One of the entries that it waits for is decided; what it asks, when that was the last.
    pub fn uno_menos(&mut self, id: u64) -> Option<Pedido> {
        match &mut self.todos.get_mut(&id)?.motivo {
            Motivo::Turno { pedido, faltan } => {
                *faltan -= 1;
                (*faltan == 0).then(|| pedido.clone())
            }
            _ => None,
        }
    }

    /// What it asked, if it waits for a look among the closed.
    #[must_use]
    pub fn pregunta(&self, id: u64) -> Option<Pedido> {
        match &self.todos.get(&id)?.motivo {
            Motivo::Pregunta(pedido) => Some(pedido.clone()),
            _ => None,
        }
    }

    /// Those whose time is over leave.
    pub fn vencidos(&mut self, ahora: Instant) -> Vec<(u64, Motivo)> {
        let mut vencidos = Vec::new();
        while let Some(&(vence, id)) = self.vencen.first() {
            if vence > ahora {
                break;
            }
            let Some(cliente) = self.salir(id) else {
                break;
            };
            vencidos.push((id, cliente.motivo));
        }
        vencidos
    }

    fn salir(&mut self, id: u64) -> Option<Cliente> {
        let cliente = self.todos.remove(&id)?;
        self.vencen.remove(&(cliente.vence, id));
        Some(cliente)
    }
}
