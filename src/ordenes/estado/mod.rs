//! `biblioteca estado`: who is alive, what waits, which breakers are open, and one sentence
//! on what that means.
//!
//! [`crate::panorama`] asks every configured door and judges what came back, `tabla` and
//! `json` show it.

mod tabla;

use std::io::IsTerminal;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::nodo;
use crate::nodo::http::puertas;
use crate::ordenes::{Salida, SalidaError};
use crate::panorama::sondeo::sondear;
use crate::panorama::{Panorama, json};
use crate::settings::Ajustes;
use crate::sistema::salida::{Lector, SinSalida, decir};

/// Pause between two looks of `--seguir`.
const VUELTA: Duration = Duration::from_secs(1);

/// Moves to the top left corner and clears the screen of a terminal.
const LIMPIAR: &str = "\x1b[H\x1b[2J";

/// Shows how everything is, once or every second until Ctrl-C.
///
/// # Errors
/// [`SalidaError::Nadie`] when no door answers; following goes on then and says so.
pub async fn estado(ajustes: &Ajustes, json: bool, seguir: bool) -> Result<Salida, SalidaError> {
    let puertas = puertas(ajustes);
    let contexto = nodo::contexto(ajustes)?;
    if !seguir {
        let panorama = sondear(&contexto, &puertas).await;
        if panorama.nadie() && !json {
            return Err(SalidaError::Nadie(panorama.juicio().frase()));
        }
        mostrar(&panorama, json, false)?;
        return Ok(if panorama.nadie() {
            Salida::Codigo(69)
        } else {
            Salida::Bien
        });
    }
    let mut reloj = tokio::time::interval(VUELTA);
    reloj.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let vueltas = async {
        loop {
            reloj.tick().await;
            let panorama = sondear(&contexto, &puertas).await;
            if mostrar(&panorama, json, true)? == Lector::SeFue {
                return Ok(Salida::Bien);
            }
        }
    };
    tokio::select! {
        fin = vueltas => fin,
        _ = tokio::signal::ctrl_c() => Ok(Salida::Bien),
    }
}

fn mostrar(panorama: &Panorama, json: bool, seguido: bool) -> Result<Lector, SinSalida> {
    let texto = match (json, seguido) {
        (true, true) => json::texto(panorama, false),
        (true, false) => json::texto(panorama, true),
        (false, _) => tabla::texto(panorama),
    };
    let limpia = seguido && !json && std::io::stdout().is_terminal();
    decir(if limpia {
        format!("{LIMPIAR}{texto}")
    } else {
        texto
    })
}
