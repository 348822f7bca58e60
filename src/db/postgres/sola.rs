//! The two statements of `lectura` for a batch of one operation that names a book and no copy:
//! what one client alone waits for. The same parameters and columns, but each row is looked up
//! by its key: the server takes longer to set up the joins and lists of a batch than to run them
//! for one.

use crate::domain::operacion::Operacion;

/// As `cerrojos`: the book ($1), then the user ($3). `IS DISTINCT FROM ''` holds for every isbn
/// and for none: the user waits until the book is locked.
pub const CERROJOS: &str = "
WITH libro AS MATERIALIZED (
    SELECT l.isbn FROM libros l WHERE l.isbn = ($1::text[])[1] FOR NO KEY UPDATE OF l
), usuario AS MATERIALIZED (
    SELECT u.id FROM usuarios u
    WHERE (SELECT isbn FROM libro) IS DISTINCT FROM '' AND u.id = ($3::text[])[1]
    FOR NO KEY UPDATE OF u
)
SELECT coalesce((SELECT json_build_array(isbn) FROM libro)::text, '[]'),
       coalesce((SELECT json_build_array(id) FROM usuario)::text, '[]')";

/// A copy that is free, for a loan; nothing of the shelf when there is none.
const ESTANTES: &str = "json_build_array(json_build_array(($3::text[])[1], ($6::text[])[1],
        coalesce((SELECT json_build_array(e.codigo) FROM ejemplares e
            WHERE e.isbn = ($3::text[])[1] AND e.sede = ($6::text[])[1]
              AND e.estado = 'en_servicio'
              AND (
                 SELECT p.id FROM prestamos p
                 WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL) IS NULL
            ORDER BY e.codigo LIMIT 1), '[]')))::text";

/// When the user borrowed the book first, for what closes or prolongs a loan.
const MARCAS: &str = "coalesce('[' || (
        SELECT json_build_array(p.usuario, p.isbn, NULL::text, p.prestado_en)
        FROM prestamos p
        WHERE p.usuario = ($5::text[])[1] AND p.isbn = ($3::text[])[1]
        ORDER BY p.usuario, p.isbn, p.prestado_en LIMIT 1)::text || ']', '[]')";

/// As `lectura`, for that kind of operation.
#[must_use]
pub fn componer_lectura(operacion: Operacion) -> String {
    let (estantes, marcas) = match operacion {
        Operacion::Prestamo => (ESTANTES, "'[]'"),
        _ => ("'[]'", MARCAS),
    };
    format!(
        "
WITH abierto AS MATERIALIZED (
    SELECT * FROM prestamos
    WHERE usuario = ($5::text[])[1] AND isbn = ($3::text[])[1] AND devuelto_en IS NULL LIMIT 1
)
SELECT
    coalesce('[' || (SELECT json_build_array(
            o.op_id, o.cuerpo_hash, o.estado, o.codigo, o.resultado, o.principal)
     FROM operaciones o WHERE o.op_id = ($1::text[])[1])::text || ']', '[]') AS conocidas,
    coalesce('[' || (SELECT json_build_array(l.isbn, l.titulo)
     FROM libros l WHERE l.isbn = ($3::text[])[1])::text || ']', '[]') AS libros,
    coalesce('[' || (SELECT json_build_array(e.codigo, e.isbn, e.sede, e.estado)
     FROM ejemplares e WHERE e.codigo = (SELECT ejemplar FROM abierto))::text || ']', '[]')
        AS copias,
    {estantes} AS estantes,
    coalesce('[' || (SELECT json_build_array(u.id, u.categoria, u.vence, u.bloqueado,
            (SELECT count(*) FROM prestamos p
             WHERE p.usuario = u.id AND p.devuelto_en IS NULL))
     FROM usuarios u WHERE u.id = ($5::text[])[1])::text || ']', '[]') AS usuarios,
    coalesce('[' || (SELECT json_build_array(id, ejemplar, isbn, usuario, sede,
            prestado_en, vence_en, renovaciones) FROM abierto)::text || ']', '[]') AS prestamos,
    {marcas} AS marcas,
    0::bigint AS ultimo_id,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS reloj_ms,
    (SELECT prestado_en FROM abierto) AS ultimo_prestamo
"
    )
}
