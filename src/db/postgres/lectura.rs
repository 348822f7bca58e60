//! The two statements that read a batch, for what is in it: the parts that no operation asks
//! for are left out, because the server sets each one up before it finds that it has no rows.
//! Whoever binds their parameters is `cargar`; they are the same whatever the parts.

use std::sync::LazyLock;

use crate::db::Asiento;
use crate::domain::operacion::Operacion;

/// What a batch has in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partes {
    /// Loans of any copy of a book.
    estantes: bool,
    /// Copies named by their code.
    copias: bool,
    /// Returns or renewals.
    pasado: bool,
}

impl Partes {
    /// Of this batch.
    #[must_use]
    pub fn de(lote: &[Asiento]) -> Self {
        let hay = |cual: fn(&Asiento) -> bool| lote.iter().any(cual);
        Self {
            estantes: hay(|a| {
                a.pedido.operacion == Operacion::Prestamo && a.pedido.ejemplar.is_none()
            }),
            copias: hay(|a| a.pedido.ejemplar.is_some()),
            pasado: hay(|a| a.pedido.operacion != Operacion::Prestamo),
        }
    }

    const fn numero(self) -> usize {
        self.estantes as usize | (self.copias as usize) << 1 | (self.pasado as usize) << 2
    }

    const fn de_numero(numero: usize) -> Self {
        Self {
            estantes: numero & 1 != 0,
            copias: numero & 2 != 0,
            pasado: numero & 4 != 0,
        }
    }
}

static CERROJOS: LazyLock<[String; 8]> =
    LazyLock::new(|| std::array::from_fn(|n| componer_cerrojos(Partes::de_numero(n))));

static LECTURAS: LazyLock<[String; 8]> =
    LazyLock::new(|| std::array::from_fn(|n| componer_lectura(Partes::de_numero(n))));

/// Locks the books ($1), those of the copies ($2) and the users ($3), and tells which.
#[must_use]
pub fn cerrojos(partes: Partes) -> &'static str {
    &CERROJOS[partes.numero()]
}

/// Reads what the batch ($1 to $6: op_id, tipo, isbn, ejemplar, usuario, sede) is about: the
/// columns of SQLite's, and two more, the server's clock and the latest loan among those that
/// may be closed.
#[must_use]
pub fn lectura(partes: Partes) -> &'static str {
    &LECTURAS[partes.numero()]
}

/// `(SELECT count(*) …)` makes the users wait until every book is locked. FOR NO KEY UPDATE
/// keeps other batches out and lets their foreign keys look.
fn componer_cerrojos(partes: Partes) -> String {
    let de_copias = if partes.copias {
        "UNION
    SELECT e.isbn FROM unnest($2::text[]) AS c(codigo) JOIN ejemplares e ON e.codigo = c.codigo"
    } else {
        ""
    };
    format!(
        "
WITH pedido AS (
    SELECT isbn FROM unnest($1::text[]) AS i(isbn) {de_copias}
), libro AS MATERIALIZED (
    SELECT l.isbn FROM libros l WHERE l.isbn IN (SELECT isbn FROM pedido)
    ORDER BY l.isbn FOR NO KEY UPDATE OF l
), usuario AS MATERIALIZED (
    SELECT u.id FROM usuarios u
    WHERE (SELECT count(*) FROM libro) >= 0 AND u.id IN (SELECT unnest($3::text[]))
    ORDER BY u.id FOR NO KEY UPDATE OF u
)
SELECT coalesce((SELECT json_agg(isbn) FROM libro), '[]')::text,
       coalesce((SELECT json_agg(id) FROM usuario), '[]')::text"
    )
}

const LIBRO_DE_COPIA: &str = "coalesce(p.isbn, (SELECT e.isbn FROM ejemplares e
                             WHERE e.codigo = p.ejemplar))";

const ABIERTO_POR_COPIA: &str = "SELECT p.* FROM copia CROSS JOIN LATERAL (
        SELECT * FROM prestamos
        WHERE ejemplar = copia.ejemplar AND devuelto_en IS NULL LIMIT 1) p
    UNION";

const COPIA: &str = "copia AS (
    SELECT DISTINCT ejemplar FROM pedido WHERE ejemplar IS NOT NULL
), ";

/// Of a shelf no more free copies are read than the batch can take from it, those it names by
/// their code included.
const ESTANTE: &str = ", estante AS (
    SELECT isbn, sede, count(*) + (
        SELECT count(*) FROM pedido WHERE tipo = 'prestamo' AND ejemplar IS NOT NULL) AS pedidas
    FROM pedido
    WHERE tipo = 'prestamo' AND ejemplar IS NULL AND isbn IS NOT NULL
    GROUP BY isbn, sede
)";

const ESTANTES: &str = "coalesce((SELECT json_agg(json_build_array(q.isbn, q.sede, (
        SELECT coalesce(json_agg(codigo), '[]') FROM (
            SELECT e.codigo FROM ejemplares e
            WHERE e.isbn = q.isbn AND e.sede = q.sede AND e.estado = 'en_servicio'
              AND (
                 SELECT p.id FROM prestamos p
                 WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL) IS NULL
            ORDER BY e.codigo LIMIT q.pedidas) libre)))
     FROM estante q), '[]')::text";

const MARCA: &str = ", pasado AS (
    SELECT DISTINCT usuario, libro, ejemplar FROM pedido WHERE tipo <> 'prestamo'
), marca AS (
    SELECT usuario, libro, ejemplar, CASE
        WHEN usuario IS NULL THEN
            (SELECT min(p.prestado_en) FROM prestamos p WHERE p.ejemplar = pasado.ejemplar)
        WHEN ejemplar IS NULL THEN
            (SELECT min(p.prestado_en) FROM prestamos p
             WHERE p.usuario = pasado.usuario AND p.isbn = pasado.libro)
        ELSE
            (SELECT min(p.prestado_en) FROM prestamos p
             WHERE p.usuario = pasado.usuario AND p.isbn = pasado.libro
               AND p.ejemplar = pasado.ejemplar)
        END AS desde
    FROM pasado
)";

const MARCAS: &str = "coalesce((SELECT json_agg(json_build_array(usuario, libro, ejemplar, desde))
     FROM marca WHERE desde IS NOT NULL), '[]')::text";

/// LATERAL … LIMIT 1 makes the planner look each open loan up: without statistics it takes
/// open loans for few and reads their whole index instead; the same with `(SELECT …) IS NULL`,
/// which unlike NOT EXISTS is never made a join (64 loans of a batch took 270 ms, now 2).
fn componer_lectura(partes: Partes) -> String {
    let si = |hay: bool, texto: &'static str, si_no: &'static str| if hay { texto } else { si_no };
    let libro = si(partes.copias, LIBRO_DE_COPIA, "p.isbn");
    let copia = si(partes.copias, COPIA, "");
    let abierto_por_copia = si(partes.copias, ABIERTO_POR_COPIA, "");
    let copia_vista = si(
        partes.copias,
        "SELECT ejemplar AS codigo FROM copia UNION ",
        "",
    );
    let estante = si(partes.estantes, ESTANTE, "");
    let estantes = si(partes.estantes, ESTANTES, "'[]'");
    let marca = si(partes.pasado, MARCA, "");
    let marcas = si(partes.pasado, MARCAS, "'[]'");
    format!(
        "
WITH pedido AS MATERIALIZED (
    SELECT p.op_id, p.tipo, p.isbn, p.ejemplar, p.usuario, p.sede,
           {libro} AS libro
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
        AS p(op_id, tipo, isbn, ejemplar, usuario, sede)
), {copia}par AS (
    SELECT DISTINCT usuario, libro FROM pedido WHERE usuario IS NOT NULL AND libro IS NOT NULL
), abierto AS MATERIALIZED (
    {abierto_por_copia}
    SELECT p.* FROM par CROSS JOIN LATERAL (
        SELECT * FROM prestamos
        WHERE usuario = par.usuario AND isbn = par.libro AND devuelto_en IS NULL LIMIT 1) p
){estante}{marca}
SELECT
    coalesce((SELECT json_agg(json_build_array(
            o.op_id, o.cuerpo_hash, o.estado, o.codigo, o.resultado, o.principal))
     FROM (SELECT DISTINCT op_id FROM pedido) q CROSS JOIN LATERAL (
        SELECT * FROM operaciones WHERE op_id = q.op_id LIMIT 1) o),
     '[]')::text AS conocidas,
    coalesce((SELECT json_agg(json_build_array(l.isbn, l.titulo))
     FROM (SELECT DISTINCT libro FROM pedido) q JOIN libros l ON l.isbn = q.libro),
     '[]')::text AS libros,
    coalesce((SELECT json_agg(json_build_array(e.codigo, e.isbn, e.sede, e.estado))
     FROM ({copia_vista}SELECT ejemplar AS codigo FROM abierto) q
     JOIN ejemplares e ON e.codigo = q.codigo), '[]')::text AS copias,
    {estantes} AS estantes,
    coalesce((SELECT json_agg(json_build_array(u.id, u.categoria, u.vence, u.bloqueado,
            (SELECT count(*) FROM prestamos p
             WHERE p.usuario = u.id AND p.devuelto_en IS NULL)))
     FROM (SELECT DISTINCT usuario FROM pedido) q CROSS JOIN LATERAL (
        SELECT * FROM usuarios WHERE id = q.usuario LIMIT 1) u),
     '[]')::text AS usuarios,
    coalesce((SELECT json_agg(json_build_array(id, ejemplar, isbn, usuario, sede,
            prestado_en, vence_en, renovaciones)) FROM abierto), '[]')::text AS prestamos,
    {marcas} AS marcas,
    0::bigint AS ultimo_id,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS reloj_ms,
    (SELECT max(prestado_en) FROM abierto) AS ultimo_prestamo
"
    )
}
