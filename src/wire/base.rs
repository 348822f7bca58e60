//! How the database itself is, as an almacenamiento sees it: for `biblioteca estado`, the
//! metrics and the panel. Plain data; every reader shows the same snapshot.

use serde::{Deserialize, Serialize};

/// Every server of the database, as one almacenamiento saw them at one moment. On the wire:
/// append only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstadoDeBase {
    /// How long ago they were looked at, in ms.
    pub edad_ms: u64,
    /// The primary confirms nothing until a synchronous standby has it.
    pub exige_sincrona: bool,
    /// The configured ones in their order, then standbys that only the primary knows.
    pub servidores: Vec<EstadoDeServidor>,
}

/// One server, or the file of an embedded database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstadoDeServidor {
    /// Host, port and database, or the file's path: never a user or a password.
    pub nombre: String,
    /// What it is.
    pub papel: Papel,
    /// Its timeline, which rises by one with each promotion.
    pub linea: Option<u32>,
    /// How it follows the primary; only for a standby that the primary knows.
    pub replicacion: Option<Replicacion>,
    /// Size of the database, in bytes.
    pub bytes: Option<u64>,
    /// Size of an embedded database's WAL, in bytes.
    pub wal_bytes: Option<u64>,
    /// In Spanish, what a person should know of it; empty when there is nothing.
    pub detalle: String,
}

/// What a server is, on the wire: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Papel {
    /// The file of an embedded database.
    Archivo,
    /// It takes writes.
    Primario,
    /// It follows a primary.
    Replica,
    /// It does not answer.
    Inalcanzable,
    /// It would take writes and must not: left behind by a promotion, or of another library.
    Rechazado,
    /// The file of an embedded database whose disk has hardly any room left.
    SinSitio,
}

/// How a standby follows the primary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicacion {
    /// PostgreSQL's word: `streaming`, `catchup`…; empty when the role may not see it.
    pub estado: String,
    /// A commit may wait for its disk.
    pub sincrona: bool,
    /// What it has not on its disk yet, in bytes of WAL.
    pub retraso_bytes: Option<u64>,
    /// How late it applies, in ms; none while nothing is written.
    pub retraso_ms: Option<u64>,
}

/// What a confirmed operation survives, from the worst to the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durabilidad {
    /// Nothing is confirmed now: no server takes writes.
    SinPrimario,
    /// Nothing is confirmed now: the primary waits for a synchronous standby.
    EsperaReplica,
    /// The loss of the primary's disk loses what was confirmed.
    SinReplica,
    /// The loss of the primary's disk loses the last moments.
    Asincrona,
    /// The almacenamientos' role may not see the standbys.
    Desconocida,
    /// One disk: that of the embedded database.
    UnDisco,
    /// A second disk has everything that is confirmed.
    Sincrona,
}

impl Papel {
    /// Each of them.
    pub const TODOS: [Self; 6] = [
        Self::Archivo,
        Self::Primario,
        Self::Replica,
        Self::Inalcanzable,
        Self::Rechazado,
        Self::SinSitio,
    ];

    /// The word in tables and JSON.
    #[must_use]
    pub const fn palabra(self) -> &'static str {
        match self {
            Self::Archivo => "archivo",
            Self::Primario => "primario",
            Self::Replica => "réplica",
            Self::Inalcanzable => "inalcanzable",
            Self::Rechazado => "rechazado",
            Self::SinSitio => "sin_sitio",
        }
    }
}

impl Durabilidad {
    /// Each of them, from the worst to the best.
    pub const TODAS: [Self; 7] = [
        Self::SinPrimario,
        Self::EsperaReplica,
        Self::SinReplica,
        Self::Asincrona,
        Self::Desconocida,
        Self::UnDisco,
        Self::Sincrona,
    ];

    /// The word for programs.
    #[must_use]
    pub const fn palabra(self) -> &'static str {
        match self {
            Self::SinPrimario => "sin_primario",
            Self::EsperaReplica => "espera_replica",
            Self::SinReplica => "sin_replica",
            Self::Asincrona => "asincrona",
            Self::Desconocida => "desconocida",
            Self::UnDisco => "un_disco",
            Self::Sincrona => "sincrona",
        }
    }

    /// What a person should know, after "la base de datos está" .
    #[must_use]
    pub const fn frase(self) -> &'static str {
        match self {
            Self::SinPrimario => "sin primario: ahora no se confirma nada",
            Self::EsperaReplica => {
                "a la espera de una réplica síncrona: no se confirma nada hasta que vuelva una"
            }
            Self::SinReplica => {
                "presta, pero sin réplica: si se pierde el disco del primario, se pierde lo \
                 confirmado"
            }
            Self::Asincrona => {
                "presta, pero su réplica no es síncrona: si se pierde el disco del primario, se \
                 pierden los últimos instantes"
            }
            Self::Desconocida => {
                "presta, pero su rol no puede ver las réplicas: \
                 GRANT pg_read_all_stats TO biblioteca"
            }
            Self::UnDisco => "en un solo disco: haga respaldos",
            Self::Sincrona => "presta, y lo confirmado está en dos discos",
        }
    }

    /// Whether operations are confirmed with it at all.
    #[must_use]
    pub const fn confirma(self) -> bool {
        !matches!(self, Self::SinPrimario | Self::EsperaReplica)
    }

    /// Whether a person must be told without having asked.
    #[must_use]
    pub const fn mengua(self) -> bool {
        !matches!(self, Self::UnDisco | Self::Sincrona)
    }
}

impl EstadoDeBase {
    /// What a confirmed operation survives now.
    #[must_use]
    pub fn durabilidad(&self) -> Durabilidad {
        let hay = |papel| self.servidores.iter().any(|s| s.papel == papel);
        if hay(Papel::Archivo) || hay(Papel::SinSitio) {
            return Durabilidad::UnDisco;
        }
        if !hay(Papel::Primario) {
            return Durabilidad::SinPrimario;
        }
        let seguidas = || {
            self.servidores
                .iter()
                .filter_map(|s| s.replicacion.as_ref())
        };
        if seguidas().any(|replica| replica.sincrona) && self.exige_sincrona {
            return Durabilidad::Sincrona;
        }
        if seguidas().any(|replica| replica.estado.is_empty()) {
            return Durabilidad::Desconocida;
        }
        if self.exige_sincrona {
            return Durabilidad::EsperaReplica;
        }
        if seguidas().any(|replica| replica.estado == "streaming") {
            return Durabilidad::Asincrona;
        }
        Durabilidad::SinReplica
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servidor(papel: Papel, replicacion: Option<(&str, bool)>) -> EstadoDeServidor {
        EstadoDeServidor {
            nombre: "pc1:5432/biblioteca".into(),
            papel,
            linea: Some(1),
            replicacion: replicacion.map(|(estado, sincrona)| Replicacion {
                estado: estado.into(),
                sincrona,
                retraso_bytes: None,
                retraso_ms: None,
            }),
            bytes: None,
            wal_bytes: None,
            detalle: String::new(),
        }
    }

    fn base(exige_sincrona: bool, servidores: Vec<EstadoDeServidor>) -> Durabilidad {
        let base = EstadoDeBase {
            edad_ms: 0,
            exige_sincrona,
            servidores,
        };
        base.durabilidad()
    }

    #[test]
    fn a_second_disk_counts_only_when_a_commit_waits_for_it() {
        let primario = || servidor(Papel::Primario, None);
        let replica = |sincrona| servidor(Papel::Replica, Some(("streaming", sincrona)));
        assert_eq!(
            base(true, vec![primario(), replica(true)]),
            Durabilidad::Sincrona
        );
        assert_eq!(
            base(false, vec![primario(), replica(false)]),
            Durabilidad::Asincrona
        );
        assert_eq!(
            base(true, vec![primario(), replica(false)]),
            Durabilidad::EsperaReplica
        );
        assert_eq!(base(true, vec![primario()]), Durabilidad::EsperaReplica);
        assert_eq!(base(false, vec![primario()]), Durabilidad::SinReplica);
        // A standby that answers and follows nobody is no second disk.
        let suelta = servidor(Papel::Replica, None);
        assert_eq!(
            base(false, vec![primario(), suelta]),
            Durabilidad::SinReplica
        );
        let oculta = servidor(Papel::Replica, Some(("", false)));
        assert_eq!(
            base(false, vec![primario(), oculta]),
            Durabilidad::Desconocida
        );
        assert_eq!(base(true, vec![replica(true)]), Durabilidad::SinPrimario);
        assert_eq!(
            base(false, vec![servidor(Papel::Archivo, None)]),
            Durabilidad::UnDisco
        );
    }
}
