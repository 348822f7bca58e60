//! The administrative verbs: `sembrar` and `catalogo importar`.
//!
//! With the nodes stopped they take the database's lock themselves; with a node up they go
//! through its almacenamiento. Either way one commit a part, and the same file again changes
//! nothing.

use std::path::Path;

use crate::ordenes::ejecutor::Ejecutor;
use crate::ordenes::usuarios::autor;
use crate::ordenes::{Salida, SalidaError, cuantos};
use crate::settings::Ajustes;
use crate::sistema::salida::decir;
use crate::solicitante::catalogo::{leer_ruta, tandas};
use crate::wire::admin::{Cumplido, Encomienda, Informe};

/// Makes the starting data.
///
/// # Errors
/// [`SalidaError`] when the database cannot be had.
pub async fn sembrar(ajustes: &Ajustes) -> Result<Salida, SalidaError> {
    let mut ejecutor = Ejecutor::nuevo(ajustes).await?;
    let encomienda = Encomienda::SembrarDe(autor(ajustes));
    let informe = informe(ejecutor.hacer(encomienda).await?)?;
    decir(format!(
        "Datos iniciales: {}, {} y {}.",
        cuantos(informe.libros, "libro nuevo", "libros nuevos"),
        cuantos(informe.ejemplares, "ejemplar nuevo", "ejemplares nuevos"),
        cuantos(informe.prestamos, "préstamo nuevo", "préstamos nuevos"),
    ))?;
    Ok(Salida::Bien)
}

/// Adds the books of a catalogue file; bad rows are listed, the good ones go in.
///
/// # Errors
/// [`SalidaError`] when the file or the database cannot be had.
pub async fn importar_catalogo(ajustes: &Ajustes, ruta: &Path) -> Result<Salida, SalidaError> {
    let catalogo = leer_ruta(ruta, Some(&ajustes.nodo.sede))
        .map_err(|error| SalidaError::Uso(error.to_string()))?;
    let mut malas = catalogo.malas;
    let leidas = catalogo.filas.len();
    let mut ejecutor = Ejecutor::nuevo(ajustes).await?;
    let mut suma = Informe::default();
    for filas in tandas(catalogo.filas) {
        let autor = autor(ajustes);
        let encomienda = Encomienda::CatalogoDe { autor, filas };
        let informe = informe(ejecutor.hacer(encomienda).await?)?;
        suma.libros += informe.libros;
        suma.ejemplares += informe.ejemplares;
        malas.extend(informe.rechazadas);
    }
    malas.sort();
    for (linea, motivo) in &malas {
        decir(format!("línea {linea}: {motivo}"))?;
    }
    decir(format!(
        "Catálogo: {}, {} y {}, {}.",
        cuantos(leidas as u64, "fila buena", "filas buenas"),
        cuantos(suma.libros, "libro nuevo", "libros nuevos"),
        cuantos(suma.ejemplares, "ejemplar nuevo", "ejemplares nuevos"),
        cuantos(malas.len() as u64, "fila mala", "filas malas"),
    ))?;
    Ok(if malas.is_empty() {
        Salida::Bien
    } else {
        Salida::Rechazos
    })
}

/// The report of catalogue work; there is no other for it.
fn informe(cumplido: Cumplido) -> Result<Informe, SalidaError> {
    match cumplido {
        Cumplido::Catalogo(informe) => Ok(informe),
        otro => Err(SalidaError::Interno(format!(
            "el almacenamiento contestó otra cosa: {otro:?}"
        ))),
    }
}
