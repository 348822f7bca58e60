//! Maps results to exit codes and nothing else.

use std::process::ExitCode;

use biblioteca::sistema::salida::{avisar, decir};
use biblioteca::{cli, ordenes, telemetry};

fn main() -> ExitCode {
    match cli::leer(std::env::args_os()) {
        Ok(invocacion) => {
            telemetry::iniciar();
            ExitCode::from(ordenes::ejecutar(&invocacion))
        }
        Err(fin) if fin.codigo == 0 => match decir(fin.texto.trim_end()) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => ExitCode::from(ordenes::sin_salida(error)),
        },
        Err(fin) => {
            avisar(fin.texto.trim_end());
            ExitCode::from(fin.codigo)
        }
    }
}
