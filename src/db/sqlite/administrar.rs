//! Administrative work: starting data and catalogues, in the transaction of the caller. What
//! is there already is left as it is, and every change is told in `historial`.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use crate::db::reloj::texto_utc;
use crate::db::sembrar;
use crate::db::sqlite::cargar::{escribir, leer};
use crate::db::titulo::plegar;
use crate::domain::ids::{Ejemplar, Isbn, Sede};
use crate::domain::plazo;
use crate::domain::reglas::Reglas;
use crate::wire::admin::{Encomienda, FilaCatalogo, Informe};

/// Most copies that one row may ask for: a typing error must not fill the disk.
const EJEMPLARES_MAX: u32 = 10_000;

const EXISTENTES: &str = "SELECT
    (SELECT json_group_array(sede) FROM sedes),
    (SELECT json_group_array(isbn) FROM libros
     WHERE isbn IN (SELECT value FROM json_each($1))),
    (SELECT json_group_array(json_array(codigo, isbn, sede)) FROM ejemplares
     WHERE codigo IN (SELECT value FROM json_each($2)))";

const SEDES: &str = "INSERT INTO sedes (sede) SELECT value FROM json_each($1)";

const LIBROS: &str = "INSERT INTO libros (isbn, titulo, autor, titulo_plegado)
    SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each($1)";

const EJEMPLARES: &str = "INSERT INTO ejemplares (codigo, isbn, sede)
    SELECT value->>0, value->>1, value->>2 FROM json_each($1)";

const HISTORIAL: &str = "INSERT INTO historial (fecha, accion, objeto, clave)
    SELECT $1, $2, value->>0, value->>1 FROM json_each($3)";

const SEMBRADA: &str = "SELECT count(*) FROM historial WHERE accion = 'sembrar'";

const USUARIOS: &str = "INSERT INTO usuarios (id, categoria, creado_en)
    SELECT value->>0, value->>1, $2 FROM json_each($1)
    WHERE true ON CONFLICT DO NOTHING RETURNING id";

const PRESTAMOS: &str = "INSERT INTO prestamos
    (ejemplar, isbn, usuario, sede, prestado_en, vence_en)
    SELECT value->>0, value->>1, value->>2, value->>3, $2, $3 FROM json_each($1)
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
) -> Result<Informe, Error> {
    match encomienda {
        Encomienda::Sembrar => sembrar(conexion, reglas, ahora).await,
        Encomienda::Catalogo(filas) => catalogo(conexion, filas, "catalogo", ahora).await,
    }
}

async fn sembrar(
    conexion: &mut SqliteConnection,
    reglas: &Reglas,
    ahora: Timestamp,
) -> Result<Informe, Error> {
    // A loan of the starting data that came back since must not be made again.
    let (veces,): (i64,) = sqlx::query_as(SEMBRADA).fetch_one(&mut *conexion).await?;
    if veces > 0 {
        return Ok(Informe::default());
    }
    let filas = sembrar::catalogo().map_err(imposible)?;
    let mut informe = catalogo(conexion, &filas, "sembrar", ahora).await?;
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
    anotar(conexion, "sembrar", &cambios, ahora).await?;
    Ok(informe)
}

/// What a catalogue adds to what is there.
#[derive(Default)]
struct Novedades<'a> {
    sedes: Vec<&'a Sede>,
    libros: Vec<(&'a Isbn, &'a str, Option<&'a str>, String)>,
    ejemplares: Vec<(Ejemplar, &'a Isbn, &'a Sede)>,
    rechazadas: Vec<(u32, String)>,
}

/// What is there.
struct Existentes {
    sedes: HashSet<Sede>,
    libros: HashSet<Isbn>,
    ejemplares: HashMap<Ejemplar, (Isbn, Sede)>,
}

async fn catalogo(
    conexion: &mut SqliteConnection,
    filas: &[FilaCatalogo],
    accion: &'static str,
    ahora: Timestamp,
) -> Result<Informe, Error> {
    let pedidos: Vec<_> = filas.iter().map(codigos).collect();
    let existentes = existentes(conexion, filas, &pedidos).await?;
    let novedades = comparar(filas, pedidos, existentes);
    insertar(conexion, SEDES, &novedades.sedes).await?;
    insertar(conexion, LIBROS, &novedades.libros).await?;
    insertar(conexion, EJEMPLARES, &novedades.ejemplares).await?;
    let sedes = novedades.sedes.iter().map(|sede| ("sede", sede.as_str()));
    let libros = novedades
        .libros
        .iter()
        .map(|libro| ("libro", libro.0.as_str()));
    let ejemplares = novedades.ejemplares.iter();
    let ejemplares = ejemplares.map(|ejemplar| ("ejemplar", ejemplar.0.as_str()));
    let cambios: Vec<_> = sedes.chain(libros).chain(ejemplares).collect();
    anotar(conexion, accion, &cambios, ahora).await?;
    Ok(Informe {
        libros: novedades.libros.len() as u64,
        ejemplares: novedades.ejemplares.len() as u64,
        prestamos: 0,
        rechazadas: novedades.rechazadas,
    })
}

/// The copies that a row wants to exist, or why it cannot be.
fn codigos(fila: &FilaCatalogo) -> Result<Vec<Ejemplar>, String> {
    if let Some(codigo) = &fila.codigo {
        return Ok(vec![codigo.clone()]);
    }
    if fila.ejemplares > EJEMPLARES_MAX {
        return Err(format!(
            "pide {} ejemplares; el máximo de una fila es {EJEMPLARES_MAX}",
            fila.ejemplares
        ));
    }
    (1..=fila.ejemplares)
        .map(|k| sembrar::codigo(&fila.isbn, &fila.sede, k))
        .collect::<Result<_, _>>()
        .map_err(|_| {
            "isbn y sede son tan largos que no dejan lugar para el código de cada ejemplar; \
             indique la columna 'codigo'"
                .to_owned()
        })
}

async fn existentes(
    conexion: &mut SqliteConnection,
    filas: &[FilaCatalogo],
    pedidos: &[Result<Vec<Ejemplar>, String>],
) -> Result<Existentes, Error> {
    let isbns: HashSet<&Isbn> = filas.iter().map(|fila| &fila.isbn).collect();
    let codigos: Vec<&Ejemplar> = pedidos.iter().flatten().flatten().collect();
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

fn comparar(
    filas: &[FilaCatalogo],
    pedidos: Vec<Result<Vec<Ejemplar>, String>>,
    mut hay: Existentes,
) -> Novedades<'_> {
    let mut nuevas = Novedades::default();
    for (fila, pedido) in filas.iter().zip(pedidos) {
        let ajeno = |codigo: &Ejemplar| {
            let (isbn, sede) = hay.ejemplares.get(codigo)?;
            (*isbn != fila.isbn || *sede != fila.sede).then(|| {
                format!("el código '{codigo}' ya es de un ejemplar de '{isbn}' en '{sede}'")
            })
        };
        let codigos = match pedido {
            Err(motivo) => Err(motivo),
            Ok(codigos) => match codigos.iter().find_map(ajeno) {
                Some(motivo) => Err(motivo),
                None => Ok(codigos),
            },
        };
        let codigos = match codigos {
            Ok(codigos) => codigos,
            Err(motivo) => {
                nuevas.rechazadas.push((fila.linea, motivo));
                continue;
            }
        };
        if hay.sedes.insert(fila.sede.clone()) {
            nuevas.sedes.push(&fila.sede);
        }
        if hay.libros.insert(fila.isbn.clone()) {
            let titulo = fila.titulo.as_str();
            let libro = (&fila.isbn, titulo, fila.autor.as_deref(), plegar(titulo));
            nuevas.libros.push(libro);
        }
        for codigo in codigos {
            let de = (fila.isbn.clone(), fila.sede.clone());
            if hay.ejemplares.insert(codigo.clone(), de).is_none() {
                nuevas.ejemplares.push((codigo, &fila.isbn, &fila.sede));
            }
        }
    }
    nuevas
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
    accion: &'static str,
    cambios: &[(&'static str, &str)],
    ahora: Timestamp,
) -> Result<(), Error> {
    if cambios.is_empty() {
        return Ok(());
    }
    sqlx::query(HISTORIAL)
        .bind(texto_utc(ahora))
        .bind(accion)
        .bind(escribir(&cambios)?)
        .execute(conexion)
        .await
        .map(|_| ())
}

fn imposible(causa: crate::domain::ids::IdInvalido) -> Error {
    Error::Encode(causa.into())
}
