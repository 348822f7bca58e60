//! The verbs `usuarios importar`, `usuarios bloquear` and `usuarios desbloquear`.
//!
//! What they decide is in the database when they end, and so holds for the next loan. Each
//! change is told in `historial` with who asked it.

use std::path::Path;

use crate::domain::ids::UsuarioId;
use crate::ordenes::ejecutor::Ejecutor;
use crate::ordenes::{Salida, SalidaError, cuantos};
use crate::settings::Ajustes;
use crate::sistema::salida::decir;
use crate::solicitante::usuarios::{leer_ruta, tandas};
use crate::wire::admin::{Cumplido, EfectoBloqueo, Encomienda, InformeUsuarios};

/// Longest name of whoever asks, in characters: a user and a host, each at their longest.
const AUTOR_CARACTERES_MAX: usize = 128;

/// Registers the users of a file, or brings them up to date; bad rows are listed.
///
/// # Errors
/// [`SalidaError`] when the file or the database cannot be had.
pub async fn importar(ajustes: &Ajustes, ruta: &Path) -> Result<Salida, SalidaError> {
    let padron = leer_ruta(ruta).map_err(|error| SalidaError::Uso(error.to_string()))?;
    let mut malas = padron.malas;
    let autor = autor(ajustes);
    let mut ejecutor = Ejecutor::nuevo(ajustes).await?;
    let mut suma = InformeUsuarios::default();
    for filas in tandas(padron.filas) {
        let autor = autor.clone();
        let cumplido = ejecutor
            .hacer(Encomienda::Usuarios { autor, filas })
            .await?;
        let Cumplido::Usuarios(informe) = cumplido else {
            return Err(otra_cosa(&cumplido));
        };
        suma.nuevos += informe.nuevos;
        suma.cambiados += informe.cambiados;
        suma.iguales += informe.iguales;
    }
    malas.sort();
    for (linea, motivo) in &malas {
        decir(format!("línea {linea}: {motivo}"))?;
    }
    if !padron.sin_uso.is_empty() {
        decir(format!(
            "Columnas que no se usan: {}.",
            padron.sin_uso.join(", ")
        ))?;
    }
    decir(format!(
        "Usuarios: {}, {}, {}, {}.",
        cuantos(suma.nuevos, "nuevo", "nuevos"),
        cuantos(suma.cambiados, "cambiado", "cambiados"),
        cuantos(suma.iguales, "igual", "iguales"),
        cuantos(malas.len() as u64, "fila mala", "filas malas"),
    ))?;
    Ok(if malas.is_empty() {
        Salida::Bien
    } else {
        Salida::Rechazos
    })
}

/// Blocks a user, or lets it borrow again.
///
/// # Errors
/// [`SalidaError`] when the database cannot be had.
pub async fn bloquear(
    ajustes: &Ajustes,
    usuario: &UsuarioId,
    bloqueado: bool,
    motivo: Option<&str>,
) -> Result<Salida, SalidaError> {
    let encomienda = Encomienda::Bloqueo {
        autor: autor(ajustes),
        usuario: usuario.clone(),
        bloqueado,
        motivo: motivo.map(str::to_owned),
    };
    let cumplido = Ejecutor::nuevo(ajustes).await?.hacer(encomienda).await?;
    let Cumplido::Bloqueo(efecto) = cumplido else {
        return Err(otra_cosa(&cumplido));
    };
    let dicho = match (efecto, bloqueado) {
        (EfectoBloqueo::NoExiste, _) => {
            decir(format!(
                "UsuarioNoEncontrado: no hay ningún usuario '{usuario}'; nada cambió."
            ))?;
            return Ok(Salida::Rechazos);
        }
        (EfectoBloqueo::Hecho, true) => "está bloqueado: no recibe préstamos",
        (EfectoBloqueo::Hecho, false) => "ya no está bloqueado",
        (EfectoBloqueo::YaEstaba, true) => "ya estaba bloqueado por ese motivo; nada cambió",
        (EfectoBloqueo::YaEstaba, false) => "no estaba bloqueado; nada cambió",
    };
    decir(format!("El usuario '{usuario}' {dicho}."))?;
    Ok(Salida::Bien)
}

fn otra_cosa(cumplido: &Cumplido) -> SalidaError {
    SalidaError::Interno(format!(
        "el almacenamiento contestó otra cosa: {cumplido:?}"
    ))
}

/// Who runs this: the account, with the one behind `sudo`, and the node.
pub(super) fn autor(ajustes: &Ajustes) -> String {
    let uid = rustix::process::getuid().as_raw();
    let cuentas = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let detras = std::env::var("SUDO_USER").ok().filter(|_| uid == 0);
    let nombre = detras
        .or_else(|| cuenta(&cuentas, uid))
        .unwrap_or_else(|| format!("uid {uid}"));
    let autor = format!("{nombre}@{}", ajustes.nodo.id);
    autor.chars().take(AUTOR_CARACTERES_MAX).collect()
}

/// The name of an account in a file like /etc/passwd.
fn cuenta(cuentas: &str, uid: u32) -> Option<String> {
    cuentas.lines().find_map(|linea| {
        let mut campos = linea.split(':');
        let (nombre, de) = (campos.next()?, campos.nth(1)?);
        (de.parse() == Ok(uid)).then(|| nombre.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_number() {
        let cuentas = "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\n";
        assert_eq!(cuenta(cuentas, 1000).as_deref(), Some("ana"));
        assert_eq!(cuenta(cuentas, 5), None);
    }
}
