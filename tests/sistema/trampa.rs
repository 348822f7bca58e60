//! A library preloaded into a node (`trampa.c`, built by the test with `cc`): its disk fails
//! when told to, or its clock is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Trampa {
    biblioteca: PathBuf,
    senal: PathBuf,
}

/// What fails with EIO.
#[derive(Debug, Clone, Copy)]
pub enum Modo {
    Sync,
    Escritura,
}

/// Builds a library to be preloaded in `carpeta`, from its C source beside this file.
pub fn compilar(nombre: &str, carpeta: &Path) -> PathBuf {
    let fuentes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sistema");
    let biblioteca = carpeta.join(nombre).with_extension("so");
    let hecho = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&biblioteca)
        .arg(fuentes.join(nombre).with_extension("c"))
        .arg("-ldl")
        .status()
        .expect("a C compiler, as the build itself needs");
    assert!(hecho.success());
    biblioteca
}

impl Trampa {
    /// Built in `carpeta`; nothing fails yet.
    pub fn nueva(carpeta: &Path) -> Self {
        Self {
            biblioteca: compilar("trampa", carpeta),
            senal: carpeta.join("falla"),
        }
    }

    /// The node whose files of that name will fail once [`Trampa::armar`] says so.
    pub fn disco(&self, mut comando: Command, archivo: &str, modo: Modo) -> Command {
        comando
            .env("LD_PRELOAD", &self.biblioteca)
            .env("BIBLIOTECA_HTTP__ESCUCHA", "")
            .env("TRAMPA_SENAL", &self.senal)
            .env("TRAMPA_ARCHIVO", archivo)
            .env(
                "TRAMPA_MODO",
                match modo {
                    Modo::Sync => "sync",
                    Modo::Escritura => "escritura",
                },
            );
        comando
    }

    /// The node whose calendar is wrong by so many seconds.
    pub fn reloj(&self, mut comando: Command, adelanto_s: i64) -> Command {
        comando
            .env("LD_PRELOAD", &self.biblioteca)
            .env("BIBLIOTECA_HTTP__ESCUCHA", "")
            .env("TRAMPA_RELOJ_S", adelanto_s.to_string());
        comando
    }

    pub fn armar(&self) {
        fs::write(&self.senal, b"").unwrap();
    }

    pub fn desarmar(&self) {
        fs::remove_file(&self.senal).unwrap();
    }
}
