//! Breaks one process at a time by the script, or two of different roles, heals them and waits
//! until the whole cluster is whole again before the next: never both of a role at once.

use std::time::Duration;

use tokio::time::Instant;

use crate::net::socket::Contexto;
use crate::ordenes::SalidaError;
use crate::ordenes::simulacro::base::Activos;
use crate::ordenes::simulacro::flota::{Flota, ROLES};
use crate::ordenes::simulacro::guion::{Averia, Blanco, Golpe, Guion};
use crate::ordenes::simulacro::pantalla::Pantalla;
use crate::panorama::Panorama;
use crate::panorama::sondeo::sondear;
use crate::role::Role;
use crate::wire::estado::{Cortacircuitos, EstadoDeEnlace};
use crate::wire::mensaje::Disposicion;

/// How long the cluster may take to be whole again: the 10 s of an open breaker and a start
/// on a busy machine, several times over.
const RECUPERACION_MAX: Duration = Duration::from_secs(30);

/// Between two looks at whether it is.
const MIRADA: Duration = Duration::from_millis(150);

/// A fault that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hecha {
    /// What.
    pub(super) golpe: Golpe,
    /// To whom.
    pub(super) blanco: Blanco,
    /// Whether another process was broken at the same time.
    pub(super) acompanada: bool,
    /// When, since the desks opened.
    pub(super) desde: Duration,
    /// When all was whole again; none when it did not come back.
    pub(super) hasta: Option<Duration>,
}

/// What happened to the processes.
#[derive(Debug, Default)]
pub(super) struct Cronica {
    /// In order.
    pub(super) hechas: Vec<Hecha>,
    /// Processes that ended without being told to: name and how.
    pub(super) caidas: Vec<String>,
}

/// Who breaks and heals.
pub(super) struct Averias<'a> {
    pub(super) flota: &'a mut Flota,
    pub(super) activos: Activos,
    pub(super) contexto: &'a Contexto,
    pub(super) pantalla: &'a Pantalla,
    pub(super) cronica: Cronica,
}

impl Averias<'_> {
    /// Waits until every process does its work.
    ///
    /// # Errors
    /// [`SalidaError::Interno`] when they don't in time.
    pub(super) async fn esperar_entera(&mut self) -> Result<Panorama, SalidaError> {
        let limite = Instant::now() + RECUPERACION_MAX;
        loop {
            self.levantar_caidos()?;
            let panorama = sondear(self.contexto, self.flota.puertas()).await;
            if entera(&panorama, self.activos) {
                return Ok(panorama);
            }
            if Instant::now() >= limite {
                let frase = panorama.juicio().frase();
                return Err(SalidaError::Interno(format!(
                    "los procesos no se recuperaron en {} s: {frase}",
                    RECUPERACION_MAX.as_secs()
                )));
            }
            tokio::time::sleep(MIRADA).await;
        }
    }

    /// Breaks and heals from `origen` until `fin`; the last one is healed after it.
    ///
    /// # Errors
    /// [`SalidaError::Interno`] when a process cannot be started again.
    pub(super) async fn correr(
        &mut self,
        mut guion: Guion,
        origen: Instant,
        fin: Instant,
    ) -> Result<(), SalidaError> {
        let mut panorama = self.esperar_entera().await?;
        loop {
            let averias = guion.siguientes();
            let pausa = averias
                .first()
                .map_or(Duration::ZERO, |averia| averia.pausa);
            tokio::time::sleep(pausa).await;
            let dura = averias.iter().map(|averia| averia.dura).max();
            if Instant::now() + dura.unwrap_or_default() >= fin {
                tokio::time::sleep_until(fin).await;
                return Ok(());
            }
            let desde = origen.elapsed();
            self.golpear(&averias, &panorama, desde).await?;
            let sana = self.esperar_entera().await;
            let hasta = sana.is_ok().then(|| origen.elapsed());
            self.cronica
                .hechas
                .extend(averias.iter().map(|averia| Hecha {
                    golpe: averia.golpe,
                    blanco: averia.blanco,
                    acompanada: averias.len() > 1,
                    desde,
                    hasta,
                }));
            panorama = sana?;
        }
    }

    /// Breaks all of them at once, and heals each when its time is over.
    async fn golpear(
        &mut self,
        averias: &[Averia],
        panorama: &Panorama,
        desde: Duration,
    ) -> Result<(), SalidaError> {
        let inicio = Instant::now();
        let mut rotas: Vec<(&Averia, usize)> = averias
            .iter()
            .map(|averia| (averia, self.victima(averia, panorama)))
            .collect();
        for &(averia, lugar) in &rotas {
            let nombre = self.flota.nombre(lugar).to_owned();
            let durante = averia.dura.as_secs_f64();
            let hecho = averia.golpe.palabra();
            self.pantalla.decir(&format!(
                "{:6.1} s  {nombre} {hecho} durante {durante:.1} s",
                desde.as_secs_f64()
            ));
            match averia.golpe {
                Golpe::Muerte => self.flota.matar(lugar),
                Golpe::Congelacion => self.flota.congelar(lugar),
            }
        }
        rotas.sort_by_key(|(averia, _)| averia.dura);
        for (averia, lugar) in rotas {
            tokio::time::sleep_until(inicio + averia.dura).await;
            match averia.golpe {
                Golpe::Muerte => self.arrancar(lugar)?,
                Golpe::Congelacion => self.flota.descongelar(lugar),
            }
        }
        Ok(())
    }

    fn victima(&self, averia: &Averia, panorama: &Panorama) -> usize {
        let dueno = panorama
            .almacenes
            .iter()
            .position(|almacen| {
                let estado = almacen.estado.as_ref();
                estado.is_some_and(|estado| estado.disposicion == Disposicion::Listo)
            })
            .unwrap_or(0);
        match averia.blanco {
            Blanco::Rol(rol) => self.flota.lugar(rol, averia.cual),
            Blanco::Dueno => self.flota.lugar(Role::Almacenamiento, dueno),
            Blanco::Reserva => self.flota.lugar(Role::Almacenamiento, 1 - dueno.min(1)),
        }
    }

    fn levantar_caidos(&mut self) -> Result<(), SalidaError> {
        for (lugar, fin) in self.flota.caidos() {
            let caida = format!("{}: {fin}", self.flota.nombre(lugar));
            self.pantalla.decir(&format!("terminó solo {caida}"));
            self.cronica.caidas.push(caida);
            self.arrancar(lugar)?;
        }
        Ok(())
    }

    fn arrancar(&mut self, lugar: usize) -> Result<(), SalidaError> {
        self.flota.arrancar(lugar).map_err(|error| {
            SalidaError::Interno(format!("no se pudo arrancar un proceso: {error}"))
        })
    }
}

/// Whether operations go there: an open breaker serves its time before anything else breaks.
fn sirve(enlace: &EstadoDeEnlace) -> bool {
    enlace.listo && enlace.cortacircuitos != Cortacircuitos::Abierto
}

/// Every carga answers and has every actor; the almacenamientos that can work on the database
/// at once do, each actor reaches all of those, and the others stand by.
fn entera(panorama: &Panorama, activos: Activos) -> bool {
    let todos = panorama.almacenes.len();
    let listos = match activos {
        Activos::Uno => 1,
        Activos::Todos => todos,
    };
    let actores_de_cada = 2 * ROLES.iter().filter(|rol| rol.es_actor()).count();
    let cargas = panorama.cargas.iter().all(|carga| {
        carga.estado.as_ref().is_some_and(|estado| {
            estado.vivo
                && estado.actores.len() == actores_de_cada
                && estado
                    .actores
                    .iter()
                    .all(|actor| actor.almacenes.iter().filter(|a| sirve(a)).count() >= listos)
        })
    });
    let cuantos = |disposicion| {
        panorama
            .almacenes
            .iter()
            .filter_map(|almacen| almacen.estado.as_ref())
            .filter(|estado| estado.disposicion == disposicion)
            .count()
    };
    cargas
        && cuantos(Disposicion::Listo) == listos
        && cuantos(Disposicion::EnEspera) == todos - listos
}
