//! Users registered from a file, blocked and let in again, in the transaction of the caller.
//! Every change is told in `historial`: who did it, what was there before, or why.

use jiff::Timestamp;
use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use crate::db::catalogo::Firma;
use crate::db::filas::{escribir, leer};
use crate::db::reloj::texto_utc;
use crate::db::usuarios::{self, Bloqueo, Ficha, Fichas};
use crate::domain::ids::UsuarioId;
use crate::wire::admin::{Cumplido, FilaUsuario};

const FICHAS: &str = "SELECT json_group_array(json_array(
        u.id, u.nombre, u.categoria, u.vence, u.bloqueado, u.motivo))
    FROM json_each($1) j CROSS JOIN usuarios u ON u.id = j.value";

const GUARDAR: &str =
    "INSERT INTO usuarios (id, nombre, categoria, vence, bloqueado, motivo, creado_en)
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, $2
    FROM jsonb_each($1) WHERE true
    ON CONFLICT (id) DO UPDATE SET nombre = excluded.nombre, categoria = excluded.categoria,
        vence = excluded.vence, bloqueado = excluded.bloqueado, motivo = excluded.motivo";

const HISTORIAL: &str = "INSERT INTO historial (fecha, accion, objeto, clave, detalle, autor)
    SELECT $1, $2, 'usuario', value->>0, value->>1, $4 FROM jsonb_each($3)";

/// Registers the users of a file, or brings them up to date.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn importar(
    conexion: &mut SqliteConnection,
    autor: &str,
    filas: &[FilaUsuario],
    ahora: Timestamp,
) -> Result<Cumplido, Error> {
    let ids: Vec<_> = filas.iter().map(|fila| &fila.id).collect();
    let hay = fichas(conexion, &ids).await?;
    let cambios = usuarios::comparar(autor, filas, &hay);
    guardar(conexion, &cambios.fichas, ahora).await?;
    anotar(
        conexion,
        Firma::de("usuarios", autor, ahora),
        &cambios.historial,
    )
    .await?;
    Ok(Cumplido::Usuarios(cambios.informe))
}

/// Blocks a user, or lets it borrow again.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn bloquear(
    conexion: &mut SqliteConnection,
    bloqueo: Bloqueo<'_>,
    ahora: Timestamp,
) -> Result<Cumplido, Error> {
    let usuario = bloqueo.usuario;
    let hay = fichas(conexion, &[usuario]).await?;
    let (efecto, nueva) = usuarios::bloquear(hay.get(usuario), bloqueo);
    if let Some(ficha) = nueva {
        guardar(conexion, &[(usuario.clone(), ficha)], ahora).await?;
        let historial = [(usuario.clone(), bloqueo.detalle())];
        let firma = Firma::de(bloqueo.accion(), bloqueo.autor, ahora);
        anotar(conexion, firma, &historial).await?;
    }
    Ok(Cumplido::Bloqueo(efecto))
}

async fn fichas(conexion: &mut SqliteConnection, ids: &[&UsuarioId]) -> Result<Fichas, Error> {
    let (filas,): (String,) = sqlx::query_as(FICHAS)
        .bind(escribir(&ids)?)
        .fetch_one(conexion)
        .await?;
    Ok(usuarios::fichas(leer(&filas)?))
}

async fn guardar(
    conexion: &mut SqliteConnection,
    fichas: &[(UsuarioId, Ficha)],
    ahora: Timestamp,
) -> Result<(), Error> {
    if fichas.is_empty() {
        return Ok(());
    }
    let filas: Vec<_> = fichas
        .iter()
        .map(|(id, f)| {
            let bloqueado = u8::from(f.bloqueado);
            (id, &f.nombre, &f.categoria, &f.vence, bloqueado, &f.motivo)
        })
        .collect();
    sqlx::query(GUARDAR)
        .bind(escribir(&filas)?)
        .bind(texto_utc(ahora))
        .execute(conexion)
        .await
        .map(|_| ())
}

async fn anotar(
    conexion: &mut SqliteConnection,
    firma: Firma<'_>,
    historial: &[(UsuarioId, String)],
) -> Result<(), Error> {
    if historial.is_empty() {
        return Ok(());
    }
    sqlx::query(HISTORIAL)
        .bind(texto_utc(firma.ahora))
        .bind(firma.accion)
        .bind(escribir(&historial)?)
        .bind(firma.autor)
        .execute(conexion)
        .await
        .map(|_| ())
}
