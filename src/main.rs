//! Maps results to exit codes and nothing else.

use std::process::ExitCode;

use biblioteca::{cli, ordenes, telemetry};

fn main() -> ExitCode {
    let invocacion = match cli::leer(std::env::args_os()) {
        Ok(invocacion) => invocacion,
        Err(fin) if fin.codigo == 0 => {
            print!("{}", fin.texto);
            return ExitCode::SUCCESS;
        }
        Err(fin) => {
            eprint!("{}", fin.texto);
            return ExitCode::from(fin.codigo);
        }
    };
    telemetry::iniciar();
    ExitCode::from(ordenes::ejecutar(&invocacion))
}
