//! The other side of the drill: a node that it started dies with it, however it ends.

use std::num::NonZeroI32;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::ordenes::SalidaError;

/// Names the drill's process; set only by it. No setting: those have a double underscore.
pub(in crate::ordenes) const PADRE: &str = "BIBLIOTECA_SIMULACRO_PADRE";

/// In a node of a drill or of a measurement, asks the kernel for a SIGKILL when the drill ends; elsewhere nothing.
///
/// # Errors
/// When the drill has ended already, or the kernel gives no such signal.
pub fn atarse() -> Result<(), SalidaError> {
    let Ok(padre) = std::env::var(PADRE) else {
        return Ok(());
    };
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| {
        SalidaError::Interno(format!("sin señal de fin del simulacro: {error}"))
    })?;
    // It may have ended before the kernel knew of the wish.
    let vivo = getppid().map(|pid| NonZeroI32::get(pid.as_raw_nonzero()).to_string());
    if vivo.as_deref() == Some(padre.as_str()) {
        Ok(())
    } else {
        Err(SalidaError::Interno(
            "el simulacro que lo arrancó ya terminó".into(),
        ))
    }
}
