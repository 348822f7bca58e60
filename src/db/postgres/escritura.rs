//! The one statement that writes a batch: the parts that it needs and no others. Its parameters
//! are those of `columnas`, the same whatever the parts; `guardar` and `sola` hand them over.
//!
//! A part without rows is not free: the executor opens its tables, indexes and checks all the
//! same, and a batch of one loan pays for that alone.

use std::sync::LazyLock;

/// What a batch can write. Their order is that of the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parte {
    /// Users that a first loan creates: $1; $2 is the instant of everything.
    Creado,
    /// Loans that were returned or renewed: $3 to $6.
    Cambiado,
    /// New loans: $7 to $14.
    Nuevo,
    /// Operations that were asked for again: $15 and $16.
    Repetida,
    /// Operations that are decided now: $17 to $28.
    Decidida,
    /// What they changed, for `historial`: $29 to $32.
    Hecho,
}

const PARTES: [(Parte, &str); 6] = [
    (Parte::Creado, CREADO),
    (Parte::Cambiado, CAMBIADO),
    (Parte::Nuevo, NUEVO),
    (Parte::Repetida, REPETIDA),
    (Parte::Decidida, DECIDIDA),
    (Parte::Hecho, HECHO),
];

const CREADO: &str = "
    INSERT INTO usuarios (id, creado_en)
    SELECT id, $2 FROM unnest($1::text[]) AS u(id) ORDER BY id
    RETURNING 1";

/// `coalesce` keeps the planner to the primary key.
const CAMBIADO: &str = "
    UPDATE prestamos p
    SET vence_en = CASE WHEN p.renovaciones = c.renovaciones THEN p.vence_en ELSE c.vence END,
        renovaciones = c.renovaciones, devuelto_en = c.devuelto
    FROM unnest($3::bigint[], $4::text[], $5::bigint[], $6::text[])
        AS c(id, vence, renovaciones, devuelto)
    WHERE p.id = c.id AND coalesce(p.devuelto_en, '') = ''
    RETURNING 1";

/// Numbers are the database's: several almacenamientos draw them. The count of the changed
/// loans makes the new ones wait: a copy that came back and went out again in one batch has
/// never two open loans.
const NUEVO: &str = "
    INSERT INTO prestamos
        (ejemplar, isbn, usuario, sede, prestado_en, vence_en, devuelto_en, renovaciones)
    SELECT n.* FROM unnest($7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
                           $12::text[], $13::text[], $14::bigint[])
        AS n(ejemplar, isbn, usuario, sede, prestado_en, vence, devuelto, renovaciones)
    {tras}
    RETURNING 1";

const REPETIDA: &str = "
    UPDATE operaciones o SET repeticiones = o.repeticiones + r.veces, repetida_en = $2
    FROM unnest($15::text[], $16::bigint[]) AS r(op_id, veces)
    WHERE o.op_id = r.op_id
    RETURNING 1";

/// Op_ids sorted: two batches with the same ones wait in one order.
const DECIDIDA: &str = "
    INSERT INTO operaciones
        (op_id, tipo, cuerpo_hash, estado, codigo, resultado, isbn, ejemplar, usuario, sede,
         creada_en, repeticiones, repetida_en, principal)
    SELECT n.op_id, n.tipo, n.cuerpo_hash, n.estado, n.codigo, n.resultado, n.isbn, n.ejemplar,
           n.usuario, n.sede, $2, n.veces, CASE WHEN n.veces > 0 THEN $2 END, n.principal
    FROM unnest($17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[],
                $23::text[], $24::text[], $25::text[], $26::text[], $27::bigint[], $28::text[])
        AS n(op_id, tipo, cuerpo_hash, estado, codigo, resultado, isbn, ejemplar, usuario,
             sede, veces, principal)
    {tras}
    ORDER BY n.op_id
    RETURNING 1";

/// One for each that changed something, with who asked it.
const HECHO: &str = "
    INSERT INTO historial (fecha, accion, objeto, clave, detalle, autor)
    SELECT $2, h.accion, 'ejemplar', h.clave, h.detalle, h.autor
    FROM unnest($29::text[], $30::text[], $31::text[], $32::text[])
        AS h(autor, accion, clave, detalle)
    RETURNING 1";

/// The types of the parameters, in their order.
pub const TIPOS: &str = "text[], text, bigint[], text[], bigint[], text[], \
    text[], text[], text[], text[], text[], text[], text[], bigint[], \
    text[], bigint[], \
    text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], bigint[], \
    text[], text[], text[], text[], text[]";

/// Every choice of parts, so that the server keeps a plan for each that is used.
static ESCRITURAS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let todas = 0..1_usize << PARTES.len();
    todas.map(|juntas| componer(juntas, cuentas)).collect()
});

/// The statement of these parts. Gives one row with the count of each, in order; none for a
/// part that is not in it.
#[must_use]
pub fn escritura(partes: impl Iterator<Item = Parte>) -> &'static str {
    &ESCRITURAS[numero(partes)]
}

/// The same for one row of each part: it fails with [`FALTA_UNA`] when one of them is not
/// written.
#[must_use]
pub fn escritura_de_una(partes: impl Iterator<Item = Parte>) -> String {
    componer(numero(partes), comprobadas)
}

/// SQLSTATE of a division by zero, which is how plain SQL says that something does not hold.
pub const FALTA_UNA: &str = "22012";

/// The number of a choice of parts.
pub fn numero(partes: impl Iterator<Item = Parte>) -> usize {
    partes.fold(0, |juntas, parte| juntas | 1 << parte as usize)
}

impl Parte {
    /// One of its rows, to a person.
    #[must_use]
    pub const fn que(self) -> &'static str {
        match self {
            Self::Creado => "un usuario",
            Self::Cambiado | Self::Nuevo => "un préstamo",
            Self::Repetida | Self::Decidida => "una operación",
            Self::Hecho => "el historial",
        }
    }

    /// Its name in the statement.
    fn nombre(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// How many rows of it were written.
    fn cuenta(self) -> String {
        format!("(SELECT count(*) FROM {})", self.nombre())
    }

    /// The part whose rows must be there before its own are.
    const fn tras(self) -> Option<Self> {
        match self {
            Self::Nuevo => Some(Self::Cambiado),
            Self::Decidida => Some(Self::Repetida),
            Self::Creado | Self::Cambiado | Self::Repetida | Self::Hecho => None,
        }
    }
}

/// A statement of the parts of that number, which ends with what `fin` selects of them.
fn componer(juntas: usize, fin: fn(&[Parte]) -> String) -> String {
    let esta = |parte: &Parte| juntas & (1 << *parte as usize) != 0;
    let textos = PARTES.into_iter().filter(|(parte, _)| esta(parte));
    let textos = textos.map(|(parte, texto)| {
        let tras = parte.tras().filter(esta);
        let espera = tras.map(|otra| format!("WHERE {} >= 0", otra.cuenta()));
        let texto = texto.replace("{tras}", &espera.unwrap_or_default());
        format!("{} AS ({texto})", parte.nombre())
    });
    let textos: Vec<String> = textos.collect();
    let con = if textos.is_empty() { "" } else { "WITH " };
    let partes = PARTES.map(|(parte, _)| parte);
    let partes: Vec<Parte> = partes.into_iter().filter(esta).collect();
    format!("{con}{} SELECT {}", textos.join(", "), fin(&partes))
}

fn cuentas(estan: &[Parte]) -> String {
    let cuenta = |(parte, _): (Parte, &str)| match estan.contains(&parte) {
        true => parte.cuenta(),
        false => "0::bigint".to_owned(),
    };
    PARTES.map(cuenta).join(", ")
}

fn comprobadas(estan: &[Parte]) -> String {
    let una = |parte: &Parte| format!("{} = 1", parte.cuenta());
    let todas: Vec<String> = estan.iter().map(una).collect();
    format!("1 / ({})::int", todas.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_its_parts_and_waits_only_for_those_it_has() {
        let todas = escritura(PARTES.into_iter().map(|(parte, _)| parte));
        for (parte, _) in PARTES {
            let nombre = parte.nombre();
            assert!(todas.contains(&format!("{nombre} AS (")), "{nombre}");
            let sola = escritura([parte].into_iter());
            assert_eq!(sola.matches(" AS (\n").count(), 1, "{sola}");
            assert_eq!(
                sola.matches("FROM cambiado").count(),
                usize::from(parte == Parte::Cambiado)
            );
            assert_eq!(
                sola.matches("FROM repetida").count(),
                usize::from(parte == Parte::Repetida)
            );
        }
        assert_eq!(todas.matches("FROM cambiado) >= 0").count(), 1);
        assert_eq!(todas.matches("FROM repetida) >= 0").count(), 1);
    }
}
