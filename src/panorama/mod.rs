//! The whole library at one moment: what its doors said, and what it means for the people at
//! the desks. Pure; [`sondeo`] asks the doors.
//!
//! Used by `biblioteca estado`, the drill and the panel, so that they tell the same truth.

pub mod json;
pub mod sondeo;
pub mod vigia;

use crate::domain::operacion::Operacion;
use crate::wire::actividad::ActividadDeCarga;
use crate::wire::base::{Durabilidad, EstadoDeBase, EstadoDeServidor, Papel};
use crate::wire::estado::{Cortacircuitos, EstadoDeActor, EstadoDeAlmacen, EstadoDeCarga};
use crate::wire::mensaje::Disposicion;

/// The operations that have actors of their own, with the word for a person.
const TEMAS: [(Operacion, &str); 3] = [
    (Operacion::Prestamo, "préstamos"),
    (Operacion::Devolucion, "devoluciones"),
    (Operacion::Renovacion, "renovaciones"),
];

/// One door that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sondeada<T> {
    /// `tcp://host:port`.
    pub extremo: String,
    /// What it said; none when it did not answer.
    pub estado: Option<T>,
}

/// Everything that is known of the library at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Panorama {
    /// In the configuration's order.
    pub cargas: Vec<Sondeada<EstadoDeCarga>>,
    /// In the configuration's order.
    pub almacenes: Vec<Sondeada<EstadoDeAlmacen>>,
    /// What each carga has done, in their order.
    pub actividades: Vec<Option<ActividadDeCarga>>,
    /// The database as each of them sees it, in the same order.
    pub bases: Vec<Option<EstadoDeBase>>,
}

/// One server of the database, and who sees it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServidorVisto {
    /// As the first of them sees it.
    pub estado: EstadoDeServidor,
    /// Those almacenamientos: places in [`Panorama::almacenes`].
    pub almacenes: Vec<usize>,
}

/// One actor, once, whoever told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorVisto {
    /// As it tells of itself.
    pub estado: EstadoDeActor,
    /// The cargas that it works for: places in [`Panorama::cargas`].
    pub cargas: Vec<usize>,
}

/// What is wrong and what still works, as Spanish phrases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Juicio {
    /// Empty when all is well.
    pub problemas: Vec<String>,
    /// What people can still do.
    pub sigue: Vec<&'static str>,
    /// What works, and is not as safe as it might be.
    pub avisos: Vec<String>,
}

impl Panorama {
    /// Whether no door answered at all.
    #[must_use]
    pub fn nadie(&self) -> bool {
        self.cargas.iter().all(|carga| carga.estado.is_none())
            && self
                .almacenes
                .iter()
                .all(|almacen| almacen.estado.is_none())
    }

    /// Every actor once, by operation and name.
    #[must_use]
    pub fn actores(&self) -> Vec<ActorVisto> {
        let mut vistos: Vec<ActorVisto> = Vec::new();
        for (lugar, carga) in self.cargas.iter().enumerate() {
            for actor in carga.estado.iter().flat_map(|estado| &estado.actores) {
                match vistos.iter_mut().find(|v| v.estado.vida == actor.vida) {
                    Some(visto) => visto.cargas.push(lugar),
                    None => vistos.push(ActorVisto {
                        estado: actor.clone(),
                        cargas: vec![lugar],
                    }),
                }
            }
        }
        vistos.sort_by(|a, b| {
            let clave = |v: &ActorVisto| (orden(v.estado.tema), v.estado.nombre.clone());
            clave(a)
                .cmp(&clave(b))
                .then(a.estado.vida.cmp(&b.estado.vida))
        });
        vistos
    }

    /// The almacenamientos that own a database now.
    pub fn listos(&self) -> impl Iterator<Item = &EstadoDeAlmacen> {
        self.puertas_listas().map(|(_, estado)| estado)
    }

    /// The same, each with where it listens.
    fn puertas_listas(&self) -> impl Iterator<Item = (&str, &EstadoDeAlmacen)> {
        let contestan = self.almacenes.iter().filter_map(|almacen| {
            let estado = almacen.estado.as_ref()?;
            Some((almacen.extremo.as_str(), estado))
        });
        contestan.filter(|(_, estado)| estado.disposicion == Disposicion::Listo)
    }

    /// See [`Juicio`].
    #[must_use]
    pub fn juicio(&self) -> Juicio {
        if self.nadie() {
            return Juicio {
                problemas: vec!["nadie responde: ninguna carga y ningún almacenamiento".into()],
                ..Juicio::default()
            };
        }
        let actores = self.actores();
        let mut problemas = Vec::new();
        self.juzgar_puertas(&mut problemas);
        self.juzgar_actores(&actores, &mut problemas);
        let mut avisos = Vec::new();
        self.juzgar_bases(&mut problemas, &mut avisos);
        Juicio {
            problemas,
            sigue: self.sigue(&actores),
            avisos,
        }
    }

    /// Every server once for each way in which it is seen.
    #[must_use]
    pub fn servidores(&self) -> Vec<ServidorVisto> {
        let mut vistos: Vec<ServidorVisto> = Vec::new();
        for (lugar, base) in self.bases.iter().enumerate() {
            for estado in base.iter().flat_map(|base| &base.servidores) {
                let igual = |v: &&mut ServidorVisto| {
                    (&v.estado.nombre, v.estado.papel) == (&estado.nombre, estado.papel)
                };
                match vistos.iter_mut().find(igual) {
                    Some(visto) => visto.almacenes.push(lugar),
                    None => vistos.push(ServidorVisto {
                        estado: estado.clone(),
                        almacenes: vec![lugar],
                    }),
                }
            }
        }
        vistos
    }

    /// What a confirmed operation survives, as the worst off of the almacenamientos sees it.
    #[must_use]
    pub fn durabilidad(&self) -> Option<Durabilidad> {
        let vistas = self.bases.iter().flatten();
        vistas
            .map(EstadoDeBase::durabilidad)
            .min_by_key(|durabilidad| *durabilidad as u8)
    }

    fn juzgar_bases(&self, problemas: &mut Vec<String>, avisos: &mut Vec<String>) {
        for visto in self.servidores() {
            let EstadoDeServidor {
                nombre,
                papel,
                detalle,
                ..
            } = visto.estado;
            match papel {
                // An embedded file that is not there yet is made by its owner.
                Papel::Archivo | Papel::Primario | Papel::Replica => {}
                Papel::Inalcanzable => {
                    problemas.push(format!("la base de datos {nombre} no responde"));
                }
                Papel::Rechazado => {
                    problemas.push(format!("la base de datos {nombre} {detalle}"));
                }
                Papel::SinSitio => problemas.push(format!(
                    "casi no queda sitio en el disco de la base de datos {nombre}: lo que no quepa \
                     no se confirma"
                )),
            }
        }
        let Some(durabilidad) = self.durabilidad().filter(|d| d.mengua()) else {
            return;
        };
        let frase = format!("la base de datos está {}", durabilidad.frase());
        if durabilidad.confirma() {
            avisos.push(frase);
        } else {
            problemas.push(frase);
        }
    }

    fn juzgar_puertas(&self, problemas: &mut Vec<String>) {
        for carga in &self.cargas {
            match &carga.estado {
                None => problemas.push(format!("la carga {} no responde", carga.extremo)),
                Some(estado) if !estado.vivo => {
                    problemas.push(format!("la carga {} no da abasto", carga.extremo));
                }
                Some(estado) if estado.apartadas > 0 => problemas.push(format!(
                    "{} operaciones de la carga {} esperan a una persona (auditar --excepciones)",
                    estado.apartadas, carga.extremo
                )),
                Some(_) => {}
            }
        }
        for almacen in &self.almacenes {
            match &almacen.estado {
                None => {
                    problemas.push(format!("el almacenamiento {} no responde", almacen.extremo))
                }
                Some(estado) if estado.disposicion == Disposicion::NoListo => problemas.push(
                    format!("el almacenamiento {} no está listo", almacen.extremo),
                ),
                Some(_) => {}
            }
        }
        let mut bases: Vec<&str> = self.listos().map(|listo| listo.base_id.as_str()).collect();
        bases.dedup();
        match bases.len() {
            0 => problemas.push("ningún almacenamiento tiene la base de datos".into()),
            1 => {}
            _ => problemas.push("los almacenamientos sirven bases de datos distintas".into()),
        }
    }

    fn juzgar_actores(&self, actores: &[ActorVisto], problemas: &mut Vec<String>) {
        for (lugar, carga) in self.cargas.iter().enumerate() {
            if carga.estado.is_none() {
                continue;
            }
            for (tema, nombre) in TEMAS {
                let atiende = |v: &&ActorVisto| v.estado.tema == tema && v.cargas.contains(&lugar);
                if !actores.iter().any(|v| atiende(&v)) {
                    problemas.push(format!(
                        "la carga {} no tiene actores de {nombre}",
                        carga.extremo
                    ));
                }
            }
        }
        let mut cerrados: Vec<(&str, Cortacircuitos, usize)> = Vec::new();
        for enlace in actores.iter().flat_map(|visto| &visto.estado.almacenes) {
            // Nothing is asked of one that stands by, so its probe waits until it has the base.
            let sin_mas = match enlace.cortacircuitos {
                Cortacircuitos::Cerrado => true,
                Cortacircuitos::MedioAbierto => self.espera(&enlace.extremo),
                Cortacircuitos::Abierto => false,
            };
            if sin_mas {
                continue;
            }
            let clave = (enlace.extremo.as_str(), enlace.cortacircuitos);
            match cerrados.iter_mut().find(|(e, c, _)| (*e, *c) == clave) {
                Some((_, _, cuenta)) => *cuenta += 1,
                None => cerrados.push((clave.0, clave.1, 1)),
            }
        }
        self.juzgar_enlaces(actores, problemas);
        for (extremo, cortacircuitos, cuenta) in cerrados {
            let quienes = if cuenta == 1 { "actor" } else { "actores" };
            problemas.push(format!(
                "cortacircuitos {} para {extremo} en {cuenta} {quienes}",
                cortacircuitos.palabra()
            ));
        }
    }

    /// Almacenamientos that are ready, and actors for whom they are not: for a moment after a
    /// start or a failover, or for good.
    fn juzgar_enlaces(&self, actores: &[ActorVisto], problemas: &mut Vec<String>) {
        for (extremo, _) in self.puertas_listas() {
            let sin_el = |visto: &&ActorVisto| {
                visto.estado.almacenes.iter().any(|enlace| {
                    enlace.extremo == extremo
                        && !enlace.listo
                        && enlace.cortacircuitos == Cortacircuitos::Cerrado
                })
            };
            let quienes = match actores.iter().filter(sin_el).count() {
                0 => continue,
                1 => "un actor aún no trabaja".to_owned(),
                cuantos => format!("{cuantos} actores aún no trabajan"),
            };
            problemas.push(format!(
                "{quienes} con el almacenamiento {extremo}, que está listo (si sigue así, sirve \
                 otra base de datos o no se alcanza)"
            ));
        }
    }

    /// Whether the almacenamiento there stands by.
    fn espera(&self, extremo: &str) -> bool {
        let suyo = self.almacenes.iter().find(|uno| uno.extremo == extremo);
        suyo.and_then(|uno| uno.estado.as_ref())
            .is_some_and(|estado| estado.disposicion == Disposicion::EnEspera)
    }

    /// What some living carga can have done now: an actor for it that may ask a ready storage.
    fn sigue(&self, actores: &[ActorVisto]) -> Vec<&'static str> {
        if self.listos().next().is_none() {
            return Vec::new();
        }
        let capaz = |visto: &&ActorVisto| {
            let mut enlaces = visto.estado.almacenes.iter();
            enlaces.any(|a| a.listo && a.cortacircuitos != Cortacircuitos::Abierto)
        };
        let mut sigue: Vec<&'static str> = TEMAS
            .into_iter()
            .filter(|(tema, _)| actores.iter().filter(capaz).any(|v| v.estado.tema == *tema))
            .map(|(_, nombre)| nombre)
            .collect();
        if actores.iter().any(|visto| capaz(&visto)) {
            sigue.push("consultas");
        }
        sigue
    }
}

impl Juicio {
    /// One sentence for a person.
    #[must_use]
    pub fn frase(&self) -> String {
        if self.problemas.is_empty() && self.avisos.is_empty() {
            return "Todo en orden.".to_owned();
        }
        if self.problemas.is_empty() {
            return format!("Todo funciona, pero {}.", self.avisos.join("; "));
        }
        let mut frase = format!("Atención: {}.", self.problemas.join("; "));
        if self.sigue.is_empty() {
            frase.push_str(" Ahora no se puede decidir ninguna operación.");
        } else {
            frase.push_str(&format!(
                " Se siguen atendiendo: {}.",
                self.sigue.join(", ")
            ));
        }
        if !self.avisos.is_empty() {
            frase.push_str(&format!(" Además, {}.", self.avisos.join("; ")));
        }
        frase
    }
}

fn orden(tema: Operacion) -> usize {
    TEMAS
        .iter()
        .position(|(otro, _)| *otro == tema)
        .unwrap_or(TEMAS.len())
}

#[cfg(test)]
mod tests;
