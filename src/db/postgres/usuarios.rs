//! Users registered from a file, blocked and let in again, in the transaction of the caller.
//! Every change is told in `historial`: who did it, what was there before, or why.

use jiff::Timestamp;
use sqlx::Error;
use sqlx::postgres::PgConnection;

use crate::db::catalogo::Firma;
use crate::db::filas::leer;
use crate::db::reloj::texto_utc;
use crate::db::usuarios::{self, Bloqueo, Ficha, Fichas};
use crate::domain::ids::UsuarioId;
use crate::wire::admin::{Cumplido, FilaUsuario};

/// Locked, so that a block and an import at once are one after the other.
const FICHAS: &str = "SELECT coalesce(json_agg(json_build_array(
        id, nombre, categoria, vence, bloqueado, motivo)), '[]')::text
    FROM (SELECT id, nombre, categoria, vence::text, bloqueado, motivo FROM usuarios
          WHERE id IN (SELECT unnest($1::text[])) ORDER BY id FOR UPDATE) u";

const GUARDAR: &str =
    "INSERT INTO usuarios (id, nombre, categoria, vence, bloqueado, motivo, creado_en)
    SELECT id, nombre, categoria, vence::date, bloqueado, motivo, $7
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[])
        AS u(id, nombre, categoria, vence, bloqueado, motivo)
    ON CONFLICT (id) DO UPDATE SET nombre = excluded.nombre, categoria = excluded.categoria,
        vence = excluded.vence, bloqueado = excluded.bloqueado, motivo = excluded.motivo";

const HISTORIAL: &str = "INSERT INTO historial (fecha, accion, objeto, clave, detalle, autor)
    SELECT $1, $2, 'usuario', clave, detalle, $5
    FROM unnest($3::text[], $4::text[]) AS h(clave, detalle)";

/// Registers the users of a file, or brings them up to date.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn importar(
    conexion: &mut PgConnection,
    autor: &str,
    filas: &[FilaUsuario],
    ahora: Timestamp,
) -> Result<Cumplido, Error> {
    let ids: Vec<_> = filas.iter().map(|fila| fila.id.as_str()).collect();
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
    conexion: &mut PgConnection,
    bloqueo: Bloqueo<'_>,
    ahora: Timestamp,
) -> Result<Cumplido, Error> {
    let usuario = bloqueo.usuario;
    let hay = fichas(conexion, &[usuario.as_str()]).await?;
    let (efecto, nueva) = usuarios::bloquear(hay.get(usuario), bloqueo);
    if let Some(ficha) = nueva {
        guardar(conexion, &[(usuario.clone(), ficha)], ahora).await?;
        let historial = [(usuario.clone(), bloqueo.detalle())];
        let firma = Firma::de(bloqueo.accion(), bloqueo.autor, ahora);
        anotar(conexion, firma, &historial).await?;
    }
    Ok(Cumplido::Bloqueo(efecto))
}

async fn fichas(conexion: &mut PgConnection, ids: &[&str]) -> Result<Fichas, Error> {
    let (filas,): (String,) = sqlx::query_as(FICHAS).bind(ids).fetch_one(conexion).await?;
    Ok(usuarios::fichas(leer(&filas)?))
}

async fn guardar(
    conexion: &mut PgConnection,
    fichas: &[(UsuarioId, Ficha)],
    ahora: Timestamp,
) -> Result<(), Error> {
    if fichas.is_empty() {
        return Ok(());
    }
    let columna = |de: fn(&Ficha) -> Option<&str>| -> Vec<Option<&str>> {
        fichas.iter().map(|(_, ficha)| de(ficha)).collect()
    };
    let bloqueados = fichas.iter().map(|(_, ficha)| i64::from(ficha.bloqueado));
    sqlx::query(GUARDAR)
        .bind(fichas.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>())
        .bind(columna(|ficha| ficha.nombre.as_deref()))
        .bind(columna(|ficha| ficha.categoria.as_deref()))
        .bind(columna(|ficha| ficha.vence.as_deref()))
        .bind(bloqueados.collect::<Vec<_>>())
        .bind(columna(|ficha| ficha.motivo.as_deref()))
        .bind(texto_utc(ahora))
        .execute(conexion)
        .await
        .map(|_| ())
}

async fn anotar(
    conexion: &mut PgConnection,
    firma: Firma<'_>,
    historial: &[(UsuarioId, String)],
) -> Result<(), Error> {
    if historial.is_empty() {
        return Ok(());
    }
    let claves = historial.iter().map(|(id, _)| id.as_str());
    let detalles = historial.iter().map(|(_, detalle)| detalle.as_str());
    sqlx::query(HISTORIAL)
        .bind(texto_utc(firma.ahora))
        .bind(firma.accion)
        .bind(claves.collect::<Vec<_>>())
        .bind(detalles.collect::<Vec<_>>())
        .bind(firma.autor)
        .execute(conexion)
        .await
        .map(|_| ())
}
