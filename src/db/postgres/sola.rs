//! A batch of one operation that names a book and no copy: what one client alone waits for.
//! Begun, locked and read in one trip, written and committed in another, where a batch takes
//! five that its size outweighs.
//!
//! What it reads with are the statements of `lectura` with each row looked up by its key: the
//! server takes longer to set up the joins and lists of a batch than to run them for one. All are
//! prepared once for each connection. Only the simple protocol carries several at a time, and it
//! has no parameters: see [`literal`].

use std::fmt::Write;

use futures::TryStreamExt;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Either, Error, FromRow};

use crate::db::Asiento;
use crate::db::postgres::aviso::Oyente;
use crate::db::postgres::cargar::{Cerrojos, Fila, Leida};
use crate::db::postgres::columnas::{Columna, Filas};
use crate::db::postgres::conexion::{CONEXION_MAX, tardo};
use crate::db::postgres::escritura::{FALTA_UNA, Parte, TIPOS, escritura_de_una, numero};
use crate::db::postgres::tropiezo::Tropiezo;
use crate::domain::ids::{Isbn, UsuarioId};
use crate::domain::operacion::Operacion;
use crate::wire::pedido::Pedido;

/// What one operation can write: a loan, the first one of a user, a return or a renewal, a
/// refusal, a repeat.
const ESCRITOS: [&[Parte]; 5] = [
    &[Parte::Nuevo, Parte::Decidida, Parte::Hecho],
    &[Parte::Creado, Parte::Nuevo, Parte::Decidida, Parte::Hecho],
    &[Parte::Cambiado, Parte::Decidida, Parte::Hecho],
    &[Parte::Decidida],
    &[Parte::Repetida],
];

/// Makes the statements known to a connection.
///
/// # Errors
/// What the database says.
pub async fn anunciar(conexion: &mut PgConnection) -> Result<(), Error> {
    let mut sentencias = format!(
        "PREPARE sola_cerrojos (text, text) AS {CERROJOS};
        PREPARE sola_prestamo (text, text, text, text) AS {};
        PREPARE sola_pasado (text, text, text, text) AS {}",
        componer_lectura(ESTANTES, "'[]'"),
        componer_lectura("'[]'", MARCAS),
    );
    for partes in ESCRITOS {
        let cual = numero(partes.iter().copied());
        let sentencia = escritura_de_una(partes.iter().copied());
        // To a String: it cannot fail.
        let _ = write!(
            sentencias,
            "; PREPARE sola_escritura_{cual} ({TIPOS}) AS {sentencia}"
        );
    }
    // Texts of this file.
    let anuncio = sqlx::raw_sql(AssertSqlSafe(sentencias)).execute(conexion);
    tokio::time::timeout(CONEXION_MAX, anuncio)
        .await
        .unwrap_or_else(|_| Err(tardo("no answer to what is prepared")))
        .map(|_| ())
}

/// The operation, if the batch is one.
#[must_use]
pub fn de(lote: &[Asiento]) -> Option<&Pedido> {
    let [Asiento { pedido, .. }] = lote else {
        return None;
    };
    (pedido.isbn.is_some() && pedido.ejemplar.is_none()).then_some(pedido)
}

/// Begins a transaction with `inicio`, locks and reads.
///
/// # Errors
/// What the database says, or a row that is not ours; the caller rolls back.
pub async fn empezar(
    conexion: &mut PgConnection,
    inicio: &str,
    pedido: &Pedido,
) -> Result<(Cerrojos, Leida), Tropiezo> {
    let lectura = match pedido.operacion {
        Operacion::Prestamo => "sola_prestamo",
        _ => "sola_pasado",
    };
    let op_id = literal(Some(pedido.op_id.as_str()));
    let isbn = literal(pedido.isbn.as_ref().map(Isbn::as_str));
    let usuario = literal(pedido.usuario.as_ref().map(UsuarioId::as_str));
    let sede = literal(Some(pedido.sede.as_str()));
    let mensaje = format!(
        "{inicio}; EXECUTE sola_cerrojos({isbn}, {usuario}); \
         EXECUTE {lectura}({op_id}, {isbn}, {usuario}, {sede})"
    );
    // Texts of this file and literals.
    let filas = sqlx::raw_sql(AssertSqlSafe(mensaje))
        .fetch_all(conexion)
        .await?;
    let [cerrojos, leida] = <[PgRow; 2]>::try_from(filas)
        .map_err(|filas| Error::Protocol(format!("{} rows of two statements", filas.len())))?;
    let (libros, usuarios) = <(String, String)>::from_row(&cerrojos)?;
    Ok((
        Cerrojos::leer(&libros, &usuarios)?,
        Fila::from_row(&leida)?.leer()?,
    ))
}

/// The statement that writes these rows; none when they are not those of one operation.
#[must_use]
pub fn sentencia(filas: &Filas<'_>) -> Option<String> {
    let una_de_cada = filas.cuentas.iter().all(|(_, cuantas)| *cuantas <= 1);
    let cual = numero(filas.partes());
    let mut conocidas = ESCRITOS.iter().map(|partes| numero(partes.iter().copied()));
    if !una_de_cada || !conocidas.any(|conocida| conocida == cual) {
        return None;
    }
    let valores: Vec<String> = filas.columnas.iter().map(valor).collect();
    Some(format!(
        "EXECUTE sola_escritura_{cual}({})",
        valores.join(", ")
    ))
}

/// COMMIT, after the statement that [`sentencia`] gave. What the server warned about before the
/// COMMIT is not for `oyente`.
///
/// # Errors
/// Whether that statement was done when it failed, and why. One that failed undoes everything;
/// after it only the COMMIT can fail.
pub async fn confirmar(
    conexion: &mut PgConnection,
    sentencia: String,
    oyente: &Oyente,
) -> Result<(), (bool, Error)> {
    // Texts of this file and literals.
    let mensaje = AssertSqlSafe(format!("{sentencia}; COMMIT"));
    let mut dichos = sqlx::raw_sql(mensaje).fetch_many(conexion);
    let mut escrita = false;
    loop {
        match dichos.try_next().await {
            Ok(Some(Either::Left(_))) if !escrita => {
                escrita = true;
                oyente.olvidar();
            }
            Ok(Some(_)) => {}
            Ok(None) => return Ok(()),
            Err(causa) => return Err((escrita, causa)),
        }
    }
}

/// What the failure of that statement means.
#[must_use]
pub fn tropiezo(causa: Error) -> Tropiezo {
    let codigo = causa.as_database_error().and_then(DatabaseError::code);
    if codigo.as_deref() == Some(FALTA_UNA) {
        return Tropiezo::Cambio("una fila");
    }
    Tropiezo::Base(causa)
}

/// A column of at most one row as an SQL expression.
fn valor(columna: &Columna<'_>) -> String {
    match columna {
        Columna::Instante(texto) => literal(Some(texto)),
        Columna::Textos(textos) => match textos.first() {
            Some(texto) => format!("ARRAY[{}]", literal(texto.as_deref())),
            None => "NULL".to_owned(),
        },
        Columna::Numeros(numeros) => match numeros.first() {
            Some(numero) => format!("'{{{numero}}}'"),
            None => "NULL".to_owned(),
        },
    }
}

/// A text as an SQL expression: as it is when it is of printable ASCII without quotes and
/// backslashes, else as hexadecimal digits. Either way nothing in it can end it.
fn literal(texto: Option<&str>) -> String {
    let Some(texto) = texto else {
        return "NULL".to_owned();
    };
    let llano = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\'' && byte != b'\\';
    if texto.bytes().all(llano) {
        return format!("'{texto}'");
    }
    let mut sql = String::with_capacity(2 * texto.len() + 36);
    sql.push_str("convert_from(decode('");
    for byte in texto.bytes() {
        let _ = write!(sql, "{byte:02x}");
    }
    sql.push_str("', 'hex'), 'UTF8')");
    sql
}

/// The book ($1), then the user ($2). `IS DISTINCT FROM ''` holds for every isbn and for none:
/// the user waits until the book is locked.
const CERROJOS: &str = "
WITH libro AS MATERIALIZED (
    SELECT l.isbn FROM libros l WHERE l.isbn = $1 FOR NO KEY UPDATE OF l
), usuario AS MATERIALIZED (
    SELECT u.id FROM usuarios u
    WHERE (SELECT isbn FROM libro) IS DISTINCT FROM '' AND u.id = $2
    FOR NO KEY UPDATE OF u
)
SELECT coalesce((SELECT json_build_array(isbn) FROM libro)::text, '[]'),
       coalesce((SELECT json_build_array(id) FROM usuario)::text, '[]')";

/// A copy that is free, for a loan; nothing of the shelf when there is none.
const ESTANTES: &str = "json_build_array(json_build_array($2, $4,
        coalesce((SELECT json_build_array(e.codigo) FROM ejemplares e
            WHERE e.isbn = $2 AND e.sede = $4
              AND e.estado = 'en_servicio'
              AND (
                 SELECT p.id FROM prestamos p
                 WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL) IS NULL
            ORDER BY e.codigo LIMIT 1), '[]')))::text";

/// When the user borrowed the book first, for what closes or prolongs a loan.
const MARCAS: &str = "coalesce('[' || (
        SELECT json_build_array(p.usuario, p.isbn, NULL::text, p.prestado_en)
        FROM prestamos p
        WHERE p.usuario = $3 AND p.isbn = $2
        ORDER BY p.usuario, p.isbn, p.prestado_en LIMIT 1)::text || ']', '[]')";

/// The columns of `lectura` for op_id ($1), isbn ($2), usuario ($3) and sede ($4).
fn componer_lectura(estantes: &str, marcas: &str) -> String {
    format!(
        "
WITH abierto AS MATERIALIZED (
    SELECT * FROM prestamos
    WHERE usuario = $3 AND isbn = $2 AND devuelto_en IS NULL LIMIT 1
)
SELECT
    coalesce('[' || (SELECT json_build_array(
            o.op_id, o.cuerpo_hash, o.estado, o.codigo, o.resultado, o.principal)
     FROM operaciones o WHERE o.op_id = $1)::text || ']', '[]') AS conocidas,
    coalesce('[' || (SELECT json_build_array(l.isbn, l.titulo)
     FROM libros l WHERE l.isbn = $2)::text || ']', '[]') AS libros,
    coalesce('[' || (SELECT json_build_array(e.codigo, e.isbn, e.sede, e.estado)
     FROM ejemplares e WHERE e.codigo = (SELECT ejemplar FROM abierto))::text || ']', '[]')
        AS copias,
    {estantes} AS estantes,
    coalesce('[' || (SELECT json_build_array(u.id, u.categoria, u.vence, u.bloqueado,
            (SELECT count(*) FROM prestamos p
             WHERE p.usuario = u.id AND p.devuelto_en IS NULL))
     FROM usuarios u WHERE u.id = $3)::text || ']', '[]') AS usuarios,
    coalesce('[' || (SELECT json_build_array(id, ejemplar, isbn, usuario, sede,
            prestado_en, vence_en, renovaciones) FROM abierto)::text || ']', '[]') AS prestamos,
    {marcas} AS marcas,
    0::bigint AS ultimo_id,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS reloj_ms,
    (SELECT prestado_en FROM abierto) AS ultimo_prestamo
"
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::db::postgres::guardar::{Contestadas, Escrito};
    use crate::domain::reglas::Reglas;

    #[test]
    fn each_column_is_of_the_type_that_its_statement_was_prepared_with() {
        let nada = Escrito {
            foto: None,
            contestadas: Contestadas::default(),
        };
        let filas = Filas::de(&nada, &Reglas::default(), Timestamp::UNIX_EPOCH);
        let tipos = filas.columnas.iter().map(|columna| match columna {
            Columna::Instante(_) => "text",
            Columna::Textos(_) => "text[]",
            Columna::Numeros(_) => "bigint[]",
        });
        assert_eq!(
            TIPOS.split(", ").collect::<Vec<_>>(),
            tipos.collect::<Vec<_>>()
        );
    }

    #[test]
    fn nothing_in_a_text_can_end_it() {
        assert_eq!(literal(Some("Libro 4-5")), "'Libro 4-5'");
        assert_eq!(
            literal(Some("a'); --")),
            "convert_from(decode('6127293b202d2d', 'hex'), 'UTF8')"
        );
        for texto in ["ñ", "\\", "'", "\n", "\u{7f}"] {
            let sql = literal(Some(texto));
            let digitos = sql.strip_prefix("convert_from(decode('");
            let digitos = digitos.and_then(|sql| sql.strip_suffix("', 'hex'), 'UTF8')"));
            let digitos = digitos.unwrap_or_default();
            assert_eq!(digitos.len(), 2 * texto.len(), "{sql}");
            assert!(digitos.bytes().all(|digito| digito.is_ascii_hexdigit()));
        }
        assert_eq!(literal(None), "NULL");
    }
}
