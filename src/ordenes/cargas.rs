//! Our own clients' links to the cargas, over ZeroMQ.

use std::collections::VecDeque;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::net::client::{self, Destino, Suceso, conectar};
use crate::net::curve::Dominio;
use crate::net::socket::{Contexto, NetError};
use crate::solicitante::enlace::{Enlace, Llegada, SinEnlace};
use crate::wire::codec::TRAMA_BYTES_MAX;

/// How long a link that is just being made may take: a handshake on any network of a library.
const CONEXION_MAX: Duration = Duration::from_millis(500);

/// Events that may wait: one request is outstanding, so a handful do.
const COLA_SUCESOS: usize = 256;

/// One link to each carga.
pub struct Cargas {
    enlaces: Vec<client::Enlace>,
    vivos: Vec<bool>,
    sucesos: mpsc::Receiver<(usize, Suceso)>,
    llegadas: VecDeque<Llegada>,
}

impl Cargas {
    /// Starts connecting to all of `extremos`.
    ///
    /// # Errors
    /// [`NetError`] when an address is none.
    pub fn conectar(contexto: &Contexto, extremos: &[String]) -> Result<Self, NetError> {
        let (entrada, sucesos) = mpsc::channel(COLA_SUCESOS);
        let mut enlaces = Vec::with_capacity(extremos.len());
        for (carga, extremo) in extremos.iter().enumerate() {
            let entrada = entrada.clone();
            let destino = Destino {
                extremo,
                dominio: Dominio::Clientes,
                trama_bytes_max: TRAMA_BYTES_MAX,
                latido: None,
            };
            enlaces.push(conectar(contexto, destino, move |suceso| {
                let _ = entrada.try_send((carga, suceso));
            })?);
        }
        let vivos = vec![false; enlaces.len()];
        Ok(Self {
            enlaces,
            vivos,
            sucesos,
            llegadas: VecDeque::new(),
        })
    }

    fn anotar(&mut self, carga: usize, suceso: Suceso) {
        match suceso {
            Suceso::Conectado => self.vivos[carga] = true,
            Suceso::Desconectado => {
                self.vivos[carga] = false;
                self.llegadas.push_back(Llegada::Caida { carga });
            }
            Suceso::SinEnviar(_) => self.llegadas.push_back(Llegada::Caida { carga }),
            Suceso::Tramas(tramas) => self.llegadas.extend(
                tramas
                    .into_iter()
                    .map(|bytes| Llegada::Trama { carga, bytes }),
            ),
        }
    }

    async fn esperar_conexion(&mut self, carga: usize) {
        let limite = Instant::now() + CONEXION_MAX;
        while !self.vivos[carga] {
            match tokio::time::timeout_at(limite, self.sucesos.recv()).await {
                Ok(Some((quien, suceso))) => self.anotar(quien, suceso),
                _ => return,
            }
        }
    }
}

impl Enlace for Cargas {
    fn cargas(&self) -> usize {
        self.enlaces.len()
    }

    fn enviar(&mut self, carga: usize, texto: String) -> BoxFuture<'_, Result<(), SinEnlace>> {
        Box::pin(async move {
            while let Ok((quien, suceso)) = self.sucesos.try_recv() {
                self.anotar(quien, suceso);
            }
            self.esperar_conexion(carga).await;
            if !self.vivos[carga] {
                return Err(SinEnlace);
            }
            self.enlaces[carga]
                .enviar(Vec::new(), texto.into_bytes())
                .map_err(|_| SinEnlace)
        })
    }

    fn recibir(&mut self) -> BoxFuture<'_, Llegada> {
        Box::pin(async move {
            loop {
                if let Some(llegada) = self.llegadas.pop_front() {
                    return llegada;
                }
                match self.sucesos.recv().await {
                    Some((carga, suceso)) => self.anotar(carga, suceso),
                    // The links' tasks live as long as this does.
                    None => std::future::pending().await,
                }
            }
        })
    }
}
