//! Starts the storage supervisor: its socket, its actor and its guardian; and opens the
//! database for it and for the administrative verbs.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::almacenamiento::actor::{
    Abrir, Ajuste, Almacenamiento, Anuncio, Drenar, EstadoColas, VerEstado,
};
use crate::almacenamiento::puerta::{PuertaAlmacen, Rotulo};
use crate::almacenamiento::tarea::Contestador;
use crate::almacenamiento::vista::{self, Vista};
use crate::db::Almacen;
use crate::db::mirada::Mirador;
use crate::db::postgres::Buscador;
use crate::db::sqlite::{Opciones, SqliteAlmacen, esperar_candado};
use crate::domain::reglas::{Registro, Reglas};
use crate::net::curve::Dominio;
use crate::net::server::{Escucha, servir};
use crate::nodo::{ArranqueError, Entorno};
use crate::runtime::guardian::{Puesto, vigilar};
use crate::settings::{self, Ajustes};
use crate::wire::base::EstadoDeBase;
use crate::wire::codec::TRAMA_BYTES_MAX;
use crate::wire::mensaje::{Disposicion, EstadoAlmacen};

/// How long the supervisor may take to say how it is: whoever asks waits about a second.
const ESTADO_MAX: Duration = Duration::from_millis(400);

/// A started storage supervisor; cheap to clone.
#[derive(Clone)]
pub struct EnMarcha {
    puesto: Puesto<Almacenamiento>,
    anuncio: Anuncio,
    vista: Vista,
}

impl EnMarcha {
    /// Whether its mailbox answers, or nobody holds the place now.
    pub async fn responde(&self) -> bool {
        self.puesto.contesta(VerEstado).await
    }

    /// What waits in it; none when it does not answer.
    pub async fn colas(&self) -> Option<EstadoColas> {
        let actor = self.puesto.actor()?;
        let colas = tokio::time::timeout(ESTADO_MAX, actor.send(VerEstado)).await;
        colas.ok()?.ok()
    }

    /// The database as it saw it last; none before the first look.
    #[must_use]
    pub fn base(&self) -> Option<EstadoDeBase> {
        self.vista.ultima()
    }

    /// What it may be for the database, and which of these it is.
    #[must_use]
    pub fn disposiciones(&self) -> [(&'static str, bool); 3] {
        let esta = self.anuncio.borrow().disposicion;
        [
            ("listo", Disposicion::Listo),
            ("en_espera", Disposicion::EnEspera),
            ("no_listo", Disposicion::NoListo),
        ]
        .map(|(palabra, disposicion)| (palabra, disposicion == esta))
    }

    /// Whether it can do its job now: it has the database, or it stands by for its owner's
    /// death, and says so.
    ///
    /// # Errors
    /// Why not.
    pub fn salud(&self) -> Result<Option<&'static str>, String> {
        if !self.puesto.estado().vivo {
            return Err("el almacenamiento se está reiniciando".to_owned());
        }
        match self.anuncio.borrow().disposicion {
            Disposicion::Listo => Ok(None),
            Disposicion::EnEspera => Ok(Some("en espera: otro proceso tiene la base de datos")),
            Disposicion::NoListo => Err("el almacenamiento no tiene la base de datos".to_owned()),
        }
    }

    /// Commits what is queued; takes nothing more.
    pub async fn drenar(&self) {
        if let Some(actor) = self.puesto.actor() {
            let _ = actor.send(Drenar).await;
        }
    }
}

/// Starts it.
///
/// # Errors
/// [`ArranqueError`] when its socket cannot be had.
pub fn arrancar(entorno: &Entorno<'_>) -> Result<EnMarcha, ArranqueError> {
    let ajustes = entorno.ajustes;
    let almacenamiento = &ajustes.almacenamiento;
    let buscador = buscador(ajustes)?.map(Rc::new);
    let abrir = abridor(ajustes, buscador.clone())?;
    let (archivo, mirador) = match &buscador {
        Some(buscador) => (
            buscador.nombre(),
            Mirador::Servidores(buscador.vigilancia()),
        ),
        None => {
            let ruta = ruta(ajustes)?;
            (ruta.display().to_string(), Mirador::Archivo(ruta))
        }
    };
    let puesto = Puesto::vacante();
    let anuncio = Rc::new(RefCell::new(EstadoAlmacen {
        disposicion: Disposicion::NoListo,
        base_id: String::new(),
    }));
    let cola_max = almacenamiento.cola_max as usize;
    // Every queued operation may be answered at once, and as many reads again.
    let (salidas, de_salidas) = mpsc::channel(2 * cola_max);
    let vista = vista::vigilar(mirador);
    let puerta = PuertaAlmacen::nueva(
        puesto.clone(),
        Rotulo {
            nodo: ajustes.nodo.id.clone(),
            archivo,
        },
        Rc::clone(&anuncio),
        salidas.clone(),
        ajustes.nodo.sede.clone(),
        vista.clone(),
    );
    let extremo = almacenamiento.escucha.to_string();
    let escucha = Escucha {
        extremo: &extremo,
        dominio: Dominio::Almacen,
        trama_bytes_max: TRAMA_BYTES_MAX,
        latido: entorno.latido(),
    };
    let (real, tarea) = servir(&entorno.contexto, escucha, puerta, de_salidas)?;
    entorno.vigilar_socket("la puerta del almacenamiento", tarea);
    tracing::info!(extremo = real, "el almacenamiento espera actores");
    let ajuste = Ajuste {
        abrir,
        cola_max,
        lote_max: almacenamiento.lote_max as usize,
        lectores: almacenamiento.lectores as usize,
        anuncio: Rc::clone(&anuncio),
        contestador: Contestador::nuevo(salidas),
        rendiciones: entorno.rendiciones.clone(),
    };
    vigilar(
        "almacenamiento".to_owned(),
        puesto.clone(),
        entorno.limites(),
        entorno.rendiciones.clone(),
        move |centinela| Ok(Almacenamiento::nuevo(centinela, ajuste.clone())),
    );
    Ok(EnMarcha {
        puesto,
        anuncio,
        vista,
    })
}

fn abridor(ajustes: &Ajustes, buscador: Option<Rc<Buscador>>) -> Result<Abrir, ArranqueError> {
    if let Some(buscador) = buscador {
        return Ok(Rc::new(move |_| {
            let buscador = Rc::clone(&buscador);
            Box::pin(async move {
                let almacen = buscador.abrir().await?;
                Ok(Arc::new(almacen) as Arc<dyn Almacen>)
            })
        }));
    }
    let (ruta, reglas) = (ruta(ajustes)?, reglas(ajustes)?);
    let lectores = ajustes.almacenamiento.lectores;
    Ok(Rc::new(move |esperar| {
        let (ruta, reglas) = (ruta.clone(), reglas.clone());
        Box::pin(async move {
            let opciones = Opciones {
                reglas,
                lectores,
                ..Opciones::nuevas(&ruta)
            };
            let almacen = if esperar {
                let candado = esperar_candado(&ruta).await?;
                SqliteAlmacen::abrir_con(opciones, candado).await?
            } else {
                SqliteAlmacen::abrir(opciones).await?
            };
            Ok(Arc::new(almacen) as Arc<dyn Almacen>)
        })
    }))
}

/// Whether the configured database can be looked for at all; asked before any socket opens.
///
/// # Errors
/// [`ArranqueError::Regla`] when a rule or an address is not usable.
pub fn comprobar(ajustes: &Ajustes) -> Result<(), ArranqueError> {
    buscador(ajustes).map(drop)
}

/// Who finds the primary, when the configured database is PostgreSQL.
///
/// # Errors
/// [`ArranqueError::Regla`] when a rule or an address is not usable.
pub fn buscador(ajustes: &Ajustes) -> Result<Option<Buscador>, ArranqueError> {
    let almacenamiento = &ajustes.almacenamiento;
    if ajustes.ruta_sqlite().is_some() {
        return Ok(None);
    }
    let (urls, reglas) = (&almacenamiento.base_datos, reglas(ajustes)?);
    let buscador = Buscador::nuevo(urls, reglas, almacenamiento.lectores)
        .map_err(ArranqueError::Regla)?
        .con_memoria(&ajustes.nodo.datos);
    buscador
        .map(Some)
        .map_err(|fallo| ArranqueError::Regla(fallo.to_string()))
}

fn ruta(ajustes: &Ajustes) -> Result<PathBuf, ArranqueError> {
    ajustes
        .ruta_sqlite()
        .ok_or_else(|| ArranqueError::Regla("falta almacenamiento.base_datos".to_owned()))
}

/// How the configured database is opened.
///
/// # Errors
/// [`ArranqueError::Regla`] when a rule or the address is not usable.
pub fn opciones(ajustes: &Ajustes) -> Result<Opciones, ArranqueError> {
    let reglas = reglas(ajustes)?;
    let lectores = ajustes.almacenamiento.lectores;
    Ok(Opciones {
        reglas,
        lectores,
        ..Opciones::nuevas(ruta(ajustes)?)
    })
}

/// The rules as configured.
///
/// # Errors
/// [`ArranqueError::Regla`] for an unknown time zone.
pub fn reglas(ajustes: &Ajustes) -> Result<Reglas, ArranqueError> {
    let reglas = &ajustes.reglas;
    Ok(Reglas {
        dias_prestamo: reglas.dias_prestamo,
        dias_renovacion: reglas.dias_renovacion,
        renovaciones_max: reglas.renovaciones_max,
        prestamos_max: reglas.prestamos_max,
        limites: reglas.limites.clone(),
        zona_horaria: Reglas::zona(&reglas.zona_horaria)
            .map_err(|error| ArranqueError::Regla(error.to_string()))?,
        registro: match ajustes.usuarios.registro {
            settings::Registro::Abierto => Registro::Abierto,
            settings::Registro::Cerrado => Registro::Cerrado,
        },
    })
}
