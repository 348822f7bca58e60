//! Administrative work: starting data and catalogues (`usuarios` has the users), in the
//! transaction of the caller. What is there already is left as it is, and every change is told
//! in `historial` with who made it.

use std::collections::HashSet;

use sqlx::Error;
use sqlx::postgres::PgConnection;

use crate::db::catalogo::{self, Existentes, Firma, Novedades, Pedidas};
use crate::db::filas::leer;
use crate::db::postgres::lote::Norma;
use crate::db::postgres::tropiezo::Tropiezo;
use crate::db::postgres::usuarios;
use crate::db::reloj::texto_utc;
use crate::db::sembrar;
use crate::db::usuarios::Bloqueo;
use crate::domain::ids::{Ejemplar, IdInvalido, Isbn, Sede};
use crate::domain::plazo;
use crate::domain::reglas::Reglas;
use crate::wire::admin::{Cumplido, Encomienda, FilaCatalogo, Informe};

/// One administrator at a time: what each finds missing, each adds. Held until the commit.
const TURNO: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    FROM (SELECT pg_advisory_xact_lock(hashtext('biblioteca administrar ' || current_schema()))) turno";

const EXISTENTES: &str = "SELECT
    coalesce((SELECT json_agg(sede) FROM sedes), '[]')::text,
    coalesce((SELECT json_agg(isbn) FROM libros
     WHERE isbn IN (SELECT unnest($1::text[]))), '[]')::text,
    coalesce((SELECT json_agg(json_build_array(codigo, isbn, sede)) FROM ejemplares
     WHERE codigo IN (SELECT unnest($2::text[]))), '[]')::text";

const SEDES: &str = "INSERT INTO sedes (sede) SELECT unnest($1::text[])";

const LIBROS: &str = "INSERT INTO libros (isbn, titulo, autor, titulo_plegado)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])";

const EJEMPLARES: &str = "INSERT INTO ejemplares (codigo, isbn, sede)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[])";

const HISTORIAL: &str = "INSERT INTO historial (fecha, accion, objeto, clave, autor)
    SELECT $1, $2, objeto, clave, $5 FROM unnest($3::text[], $4::text[]) AS h(objeto, clave)";

const SEMBRADA: &str = "SELECT count(*) FROM historial WHERE accion = 'sembrar'";

const USUARIOS: &str = "INSERT INTO usuarios (id, categoria, creado_en)
    SELECT id, categoria, $3 FROM unnest($1::text[], $2::text[]) AS u(id, categoria)
    ON CONFLICT DO NOTHING RETURNING id";

const PRESTAMOS: &str = "INSERT INTO prestamos
    (ejemplar, isbn, usuario, sede, prestado_en, vence_en)
    SELECT p.*, $5, $6 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS p
    ON CONFLICT DO NOTHING RETURNING ejemplar";

/// Does one job.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn administrar(
    conexion: &mut PgConnection,
    norma: &Norma,
    encomienda: &Encomienda,
) -> Result<Cumplido, Tropiezo> {
    let (reloj_ms,): (i64,) = sqlx::query_as(TURNO).fetch_one(&mut *conexion).await?;
    let ahora = norma.ahora(reloj_ms);
    let cumplido = match encomienda {
        // The forms of before tell of nobody.
        Encomienda::Sembrar => {
            sembrar(conexion, &norma.reglas, Firma::de("sembrar", "", ahora)).await
        }
        Encomienda::SembrarDe(autor) => {
            sembrar(conexion, &norma.reglas, Firma::de("sembrar", autor, ahora)).await
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
    };
    Ok(cumplido?)
}

async fn importar(
    conexion: &mut PgConnection,
    filas: &[FilaCatalogo],
    firma: Firma<'_>,
) -> Result<Cumplido, Error> {
    catalogo(conexion, filas, firma)
        .await
        .map(Cumplido::Catalogo)
}

async fn sembrar(
    conexion: &mut PgConnection,
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
    let usuarios = sembrar::usuarios().map_err(imposible)?;
    let creados: Vec<(String,)> = sqlx::query_as(USUARIOS)
        .bind(usuarios.iter().map(|u| u.id.as_str()).collect::<Vec<_>>())
        .bind(usuarios.iter().map(|u| u.categoria).collect::<Vec<_>>())
        .bind(texto_utc(ahora))
        .fetch_all(&mut *conexion)
        .await?;
    let prestamos = sembrar::prestamos().map_err(imposible)?;
    let vence = plazo::vencimiento(ahora, reglas.dias_prestamo, &reglas.zona_horaria);
    let prestados: Vec<(String,)> = sqlx::query_as(PRESTAMOS)
        .bind(
            prestamos
                .iter()
                .map(|p| p.ejemplar.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            prestamos
                .iter()
                .map(|p| p.isbn.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            prestamos
                .iter()
                .map(|p| p.usuario.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            prestamos
                .iter()
                .map(|p| p.sede.as_str())
                .collect::<Vec<_>>(),
        )
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
    conexion: &mut PgConnection,
    filas: &[FilaCatalogo],
    firma: Firma<'_>,
) -> Result<Informe, Error> {
    let pedidas = catalogo::pedidas(filas);
    let existentes = existentes(conexion, filas, &pedidas).await?;
    let novedades = catalogo::comparar(filas, pedidas, existentes);
    insertar(conexion, &novedades).await?;
    anotar(conexion, firma, &novedades.cambios()).await?;
    Ok(novedades.informe())
}

async fn existentes(
    conexion: &mut PgConnection,
    filas: &[FilaCatalogo],
    pedidas: &Pedidas,
) -> Result<Existentes, Error> {
    let isbns: HashSet<&str> = filas.iter().map(|fila| fila.isbn.as_str()).collect();
    let codigos = pedidas.iter().flatten().flatten().map(Ejemplar::as_str);
    let (sedes, libros, ejemplares): (String, String, String) = sqlx::query_as(EXISTENTES)
        .bind(isbns.into_iter().collect::<Vec<_>>())
        .bind(codigos.collect::<Vec<_>>())
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

async fn insertar(conexion: &mut PgConnection, novedades: &Novedades<'_>) -> Result<(), Error> {
    let Novedades {
        sedes,
        libros,
        ejemplares,
        ..
    } = novedades;
    sqlx::query(SEDES)
        .bind(sedes.iter().map(|sede| sede.as_str()).collect::<Vec<_>>())
        .execute(&mut *conexion)
        .await?;
    sqlx::query(LIBROS)
        .bind(libros.iter().map(|l| l.0.as_str()).collect::<Vec<_>>())
        .bind(libros.iter().map(|l| l.1).collect::<Vec<_>>())
        .bind(libros.iter().map(|l| l.2).collect::<Vec<_>>())
        .bind(libros.iter().map(|l| l.3.as_str()).collect::<Vec<_>>())
        .execute(&mut *conexion)
        .await?;
    sqlx::query(EJEMPLARES)
        .bind(ejemplares.iter().map(|e| e.0.as_str()).collect::<Vec<_>>())
        .bind(ejemplares.iter().map(|e| e.1.as_str()).collect::<Vec<_>>())
        .bind(ejemplares.iter().map(|e| e.2.as_str()).collect::<Vec<_>>())
        .execute(&mut *conexion)
        .await?;
    Ok(())
}

async fn anotar(
    conexion: &mut PgConnection,
    firma: Firma<'_>,
    cambios: &[(&'static str, &str)],
) -> Result<(), Error> {
    if cambios.is_empty() {
        return Ok(());
    }
    sqlx::query(HISTORIAL)
        .bind(texto_utc(firma.ahora))
        .bind(firma.accion)
        .bind(cambios.iter().map(|cambio| cambio.0).collect::<Vec<_>>())
        .bind(cambios.iter().map(|cambio| cambio.1).collect::<Vec<_>>())
        .bind(firma.autor)
        .execute(conexion)
        .await
        .map(|_| ())
}

fn imposible(causa: IdInvalido) -> Error {
    Error::Encode(causa.into())
}
