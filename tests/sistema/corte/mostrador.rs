//! The work of a busy desk: loans, returns and renewals in bursts, awaited and queued, and what
//! it was told.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cliente::{Cliente, devolucion, prestamo};
use crate::diario::{asincrono, devuelve};
use crate::nodo::{Biblioteca, Nodo, texto};

use super::grabacion::Acuse;
use crate::azar::Azar;

/// Loans of one burst, in a few large commits; a connection may have 512 unanswered.
const RAFAGA: usize = 400;

/// Books of the starting data that have a free copy in each sede.
const LIBROS: usize = 798;

pub struct Mostrador<'a> {
    biblioteca: &'a Biblioteca,
    cliente: Cliente,
    azar: Azar,
    /// The next book.
    libro: usize,
    pub memoria: Memoria,
}

/// What was asked and told.
#[derive(Default)]
pub struct Memoria {
    /// Every op_id.
    pub pedidas: BTreeSet<String>,
    /// Op_id and state of every promise that arrived here.
    pub dichas: BTreeSet<(String, String)>,
}

impl<'a> Mostrador<'a> {
    pub fn nuevo(biblioteca: &'a Biblioteca) -> Self {
        Self {
            biblioteca,
            cliente: biblioteca.cliente(),
            azar: Azar::nuevo(1),
            libro: 0,
            memoria: Memoria::default(),
        }
    }

    /// Loans; of those granted some come back or are renewed, and new ones are queued; a few
    /// more one by one.
    pub fn ronda(&mut self) {
        let pedidos = self.prestamos(RAFAGA);
        let prestadas = self.todas(&pedidos);
        let mut resto: Vec<Value> = prestadas
            .iter()
            .filter(|prestada| texto(prestada, "estado") == "CONFIRMADO")
            .enumerate()
            .filter_map(|(n, prestada)| self.despues(n, &prestada["datos"]))
            .collect();
        resto.extend(self.prestamos(RAFAGA / 8).into_iter().map(asincrono));
        self.todas(&resto);
        for sola in self.prestamos(2) {
            self.todas(&[sola]);
        }
    }

    /// What becomes of the loan number `n`.
    fn despues(&mut self, n: usize, datos: &Value) -> Option<Value> {
        let (isbn, usuario) = (texto(datos, "isbn"), texto(datos, "usuario"));
        let op_id = self.clave();
        match n % 6 {
            0..3 => Some(devuelve(isbn, usuario, &op_id)),
            3 => Some(devolucion(isbn, usuario, &op_id)),
            4 => Some(
                json!({"operacion": "renovacion", "isbn": isbn, "usuario": usuario,
                "op_id": op_id}),
            ),
            _ => None,
        }
    }

    /// Kills the node while it answers a burst; what it should have decided.
    pub fn interrumpir(&mut self, nodo: &mut Nodo) -> Vec<Value> {
        let mut pedidos = self.prestamos(RAFAGA);
        pedidos.iter_mut().step_by(4).for_each(|pedido| {
            *pedido = asincrono(pedido.take());
        });
        pedidos.iter().for_each(|pedido| self.enviar(pedido));
        (0..RAFAGA / 4).for_each(|_| {
            self.recibir();
        });
        nodo.matar();
        pedidos
    }

    /// Comes back to a node that was started again, and repeats.
    pub fn volver(&mut self, pedidos: &[Value]) {
        self.biblioteca.espera_servicio();
        self.cliente = self.biblioteca.cliente();
        self.todas(pedidos);
    }

    /// Asks for all of it at once.
    fn todas(&mut self, pedidos: &[Value]) -> Vec<Value> {
        pedidos.iter().for_each(|pedido| self.enviar(pedido));
        pedidos.iter().map(|_| self.recibir()).collect()
    }

    fn enviar(&mut self, pedido: &Value) {
        let op_id = texto(pedido, "op_id").to_owned();
        self.memoria.pedidas.insert(op_id);
        self.cliente.enviar(pedido);
    }

    fn recibir(&mut self) -> Value {
        let respuesta = self.cliente.recibir();
        if let Some(acuse) = Acuse::de(0, &respuesta) {
            self.memoria.dichas.insert((acuse.op_id, acuse.estado));
        }
        respuesta
    }

    fn prestamos(&mut self, cuantos: usize) -> Vec<Value> {
        let uno = |_| {
            self.libro = (self.libro + 1) % LIBROS;
            let (isbn, usuario) = (format!("Libro{}", 201 + self.libro), self.clave());
            prestamo(&isbn, &usuario, &self.clave())
        };
        (0..cuantos).map(uno).collect()
    }

    /// Of a user or an operation; as those of real ones, they fall all over the indexes.
    fn clave(&mut self) -> String {
        format!("{:016x}", self.azar.crudo())
    }
}
