//! The man page and the shells' completions, written from the definitions that the command
//! line itself is read by: they cannot disagree with it.
//!
//! Called by the verb `manual`, which the package's script uses.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};

use super::argumentos::Raiz;

/// Shells of the people who run nodes.
const CONCHAS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// Writes `biblioteca.1`, one page for each verb (`biblioteca-pedir.1`, …) and the completions
/// into `carpeta`, which is made if it is missing.
///
/// # Errors
/// When the folder or a file cannot be written.
pub fn escribir(carpeta: &Path) -> io::Result<()> {
    fs::create_dir_all(carpeta)?;
    clap_mangen::generate_to(Raiz::command(), carpeta)?;
    for concha in CONCHAS {
        generate_to(concha, &mut Raiz::command(), "biblioteca", carpeta)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_in_the_manual_and_in_the_completions() {
        let carpeta = tempfile::tempdir().unwrap();
        escribir(&carpeta.path().join("nueva")).unwrap();
        let leer = |nombre: &str| fs::read_to_string(carpeta.path().join("nueva").join(nombre));
        let (pagina, bash) = (
            leer("biblioteca.1").unwrap(),
            leer("biblioteca.bash").unwrap(),
        );
        for verbo in Raiz::command().get_subcommands() {
            let nombre = verbo.get_name();
            assert!(pagina.contains(nombre), "{nombre} not in the page");
            assert!(bash.contains(nombre), "{nombre} not completed");
            assert!(leer(&format!("biblioteca-{nombre}.1")).is_ok(), "{nombre}");
        }
    }
}
