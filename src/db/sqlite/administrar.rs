//! Administrative work: starting data and catalogues (`usuarios` has the users), in the
//! transaction of the caller. What is there already is left as it is, and every change is told
//! in `historial` with who made it.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use crate::db::catalogo::{self, Existentes, Firma, Pedidas};
use crate::db::filas::{escribir, leer};
use crate::db::reloj::texto_utc;
use crate::db::sembrar;
use crate::db::sqlite::usuarios;
use crate::db::usuarios::Bloqueo;
use crate::domain::ids::{Ejemplar, Isbn, Sede};
use crate::domain::plazo;
use crate::domain::reglas::Reglas;
use crate::wire::admin::{Cumplido, Encomienda, FilaCatalogo, Informe};

const EXISTENTES: &str = "SELECT
    (SELECT json_group_array(sede) FROM sedes),
    (SELECT json_group_array(isbn) FROM libros
     WHERE isbn IN (SELECT value FROM json_each($1))),
    (SELECT json_group_array(json_array(codigo, isbn, sede)) FROM ejemplares
     WHERE codigo IN (SELECT value FROM json_each($2)))";

const SEDES: &str = "INSERT INTO sedes (sede) SELECT value FROM json_each($1)";

const LIBROS: &str = "INSERT INTO libros (isbn, titulo, autor, titulo_plegado)
    SELECT value->>0, value->>1, value->>2, value->>3 FROM jsonb_each($1)";

const EJEMPLARES: &str = "INSERT INTO ejemplares (codigo, isbn, sede)
    SELECT value->>0, value->>1, value->>2 FROM jsonb_each($1)";

const HISTORIAL: &str = "INSERT INTO historial (fecha, accion, objeto, clave, autor)
    SELECT $1, $2, value->>0, value->>1, $4 FROM jsonb_each($3)";

const SEMBRADA: &str = "SELECT count(*) FROM historial WHERE accion = 'sembrar'";

const USUARIOS: &str = "INSERT INTO usuarios (id, categoria, creado_en)
    SELECT value->>0, value->>1, $2 FROM jsonb_each($1)
    WHERE true ON CONFLICT DO NOTHING RETURNING id";

const PRESTAMOS: &str = "INSERT INTO prestamos
    (ejemplar, isbn, usuario, sede, prestado_en, vence_en)
    SELECT value->>0, value->>1, value->>2, value->>3, $2, $3 FROM jsonb_each($1)
    WHERE true ON CONFLICT DO NOTHING RETURNING ejemplar";

/// Does one job.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn administrar(
    conexion: &mut SqliteConnection,
    reglas: &Reglas,
    encomienda: &Encomienda,
    ahora: Timestamp,
) -> Result<Cumplido, Error> {
    match encomienda {
        // The forms of before tell of nobody.
        Encomienda::Sembrar => sembrar(conexion, reglas, Firma::de("sembrar", "", ahora)).await,
        Encomienda::SembrarDe(autor) => {
            sembrar(conexion, reglas, Firma::de("sembrar", autor, ahora)).await
        }
        Encomienda::Catalogo(filas) => {
            importar(conexion, filas, Firma::de("catalogo", "", ahora)).await
        }
        Encomienda::CatalogoDe { autor, filas } => {
            importar(conexion, filas, Firma::de("catalogo", autor, ahora)).await
        }
        Encomienda::Usuarios { autor, filas } => {
            usuarios::importar(conexion, autor, filas, ahora).await
        }
        Encomienda::Bloqueo {
            autor,
            usuario,
            bloqueado,
            motivo,
        } => {
            let bloqueo = Bloqueo {
                autor,
                usuario,
                bloqueado: *bloqueado,
                motivo: motivo.as_deref(),
            };
            usuarios::bloquear(conexion, bloqueo, ahora).await
        }
    }
}

async fn importar(
    conexion: &mut SqliteConnection,
    filas: &[FilaCatalogo],
    firma: Firma<'_>,
) -> Result<Cumplido, Error> {
    catalogo(conexion, filas, firma)
        .await
        .map(Cumplido::Catalogo)
}

async fn sembrar(
    conexion: &mut SqliteConnection,
    reglas: &Reglas,
    firma: Firma<'_>,
) -> Result<Cumplido, Error> {
    let ahora = firma.ahora;
    // A loan of the starting data that came back since must not be made again.
    let (veces,): (i64,) = sqlx::query_as(SEMBRADA).fetch_one(&mut *conexion).await?;
    if veces > 0 {
        return Ok(Cumplido::Catalogo(Informe::default()));
    }
    let filas = sembrar::catalogo().map_err(imposible)?;
    let mut informe = catalogo(conexion, &filas, firma).await?;
    let usuarios: Vec<_> = sembrar::usuarios()
        .map_err(imposible)?
        .into_iter()
        .map(|usuario| (usuario.id, usuario.categoria))
        .collect();
    let creados: Vec<(String,)> = sqlx::query_as(USUARIOS)
        .bind(escribir(&usuarios)?)
        .bind(texto_utc(ahora))
        .fetch_all(&mut *conexion)
        .await?;
    let prestamos: Vec<_> = sembrar::prestamos()
        .map_err(imposible)?
        .into_iter()
        .map(|p| (p.ejemplar, p.isbn, p.usuario, p.sede))
        .collect();
    let vence = plazo::vencimiento(ahora, reglas.dias_prestamo, &reglas.zona_horaria);
    let prestados: Vec<(String,)> = sqlx::query_as(PRESTAMOS)
        .bind(escribir(&prestamos)?)
        .bind(texto_utc(ahora))
        .bind(plazo::texto(&vence))
        .fetch_all(&mut *conexion)
        .await?;
    informe.prestamos = prestados.len() as u64;
    let usuarios = creados.iter().map(|(id,)| ("usuario", id.as_str()));
    let prestamos = prestados
        .iter()
        .map(|(codigo,)| ("prestamo", codigo.as_str()));
    let datos = std::iter::once(("datos", "iniciales"));
    let cambios: Vec<_> = usuarios.chain(prestamos).chain(datos).collect();
    anotar(conexion, firma, &cambios).await?;
    Ok(Cumplido::Catalogo(informe))
}

async fn catalogo(
    conexion: &mut SqliteConnection,
    filas: &[FilaCatalogo],
    firma: Firma<'_>,
) -> Result<Informe, Error> {
    let pedidas = catalogo::pedidas(filas);
    let existentes = existentes(conexion, filas, &pedidas).await?;
    let novedades = catalogo::comparar(filas, pedidas, existentes);
    insertar(conexion, SEDES, &novedades.sedes).await?;
    insertar(conexion, LIBROS, &novedades.libros).await?;
    insertar(conexion, EJEMPLARES, &novedades.ejemplares).await?;
    anotar(conexion, firma, &novedades.cambios()).await?;
    Ok(novedades.informe())
}

async fn existentes(
    conexion: &mut SqliteConnection,
    filas: &[FilaCatalogo],
    pedidas: &Pedidas,
) -> Result<Existentes, Error> {
    let isbns: HashSet<&Isbn> = filas.iter().map(|fila| &fila.isbn).collect();
    let codigos: Vec<&Ejemplar> = pedidas.iter().flatten().flatten().collect();
    let (sedes, libros, ejemplares): (String, String, String) = sqlx::query_as(EXISTENTES)
        .bind(escribir(&isbns)?)
        .bind(escribir(&codigos)?)
        .fetch_one(conexion)
        .await?;
    Ok(Existentes {
        sedes: leer(&sedes)?.into_iter().collect(),
        libros: leer(&libros)?.into_iter().collect(),
        ejemplares: leer::<(Ejemplar, Isbn, Sede)>(&ejemplares)?
            .into_iter()
            .map(|(codigo, isbn, sede)| (codigo, (isbn, sede)))
            .collect(),
    })
}

async fn insertar<F: Serialize>(
    conexion: &mut SqliteConnection,
    sentencia: &'static str,
    filas: &Vec<F>,
) -> Result<(), Error> {
    if filas.is_empty() {
        return Ok(());
    }
    sqlx::query(sentencia)
        .bind(escribir(filas)?)
        .execute(conexion)
        .await
        .map(|_| ())
}

async fn anotar(
    conexion: &mut SqliteConnection,
    firma: Firma<'_>,
    cambios: &[(&'static str, &str)],
) -> Result<(), Error> {
    if cambios.is_empty() {
        return Ok(());
    }
    sqlx::query(HISTORIAL)
        .bind(texto_utc(firma.ahora))
        .bind(firma.accion)
        .bind(escribir(&cambios)?)
        .bind(firma.autor)
        .execute(conexion)
        .await
        .map(|_| ())
}

fn imposible(causa: crate::domain::ids::IdInvalido) -> Error {
    Error::Encode(causa.into())
}
