//! Who may use the side door: tokens for operators and desks, each with a name and a role. The
//! file has only their hashes, and is its owner's alone.
//!
//! Used by the door, which reads the file again when it changes, and by `biblioteca tokens`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::permiso::Rol;
use crate::sistema::motivo;

/// The file's name, in `nodo.datos`.
pub const ARCHIVO: &str = "tokens.json";

/// Tokens at most: every desk of a big library.
const TOKENS_MAX: usize = 1_000;

/// What a token begins with: recognizable in a leaked log.
const PREFIJO: &str = "bib-";

/// One token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Unique; stands in logs.
    pub nombre: String,
    /// What its holder may do.
    pub rol: Rol,
    /// SHA-256 of the secret, hexadecimal. The secret has 244 random bits: nobody can try
    /// them all, so a slow hash would protect nothing.
    pub hash: String,
    /// When it was made, RFC 3339.
    pub creado: String,
}

/// All of a node's tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    tokens: Vec<Token>,
}

/// Why the tokens cannot be used or changed; `Display` is the Spanish sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file.
    #[error("no se puede usar {ruta}: {causa}", ruta = .0.display(), causa = motivo(.1))]
    Archivo(PathBuf, #[source] io::Error),
    /// Its content.
    #[error("{ruta} no es un archivo de tokens: {1}", ruta = .0.display())]
    Contenido(PathBuf, #[source] serde_json::Error),
    /// The name is taken.
    #[error("ya hay un token con el nombre '{0}'; retírelo antes o elija otro nombre")]
    Repetido(String),
    /// Not a name.
    #[error("el nombre de un token tiene de 1 a 64 letras, cifras, '-', '_' o '.'")]
    Nombre,
    /// No such token.
    #[error("no hay ningún token con el nombre '{0}'")]
    NoHay(String),
    /// Too many.
    #[error("ya hay {TOKENS_MAX} tokens; retire los que no se usan")]
    Demasiados,
}

impl Tokens {
    /// Those of the file in `carpeta`; none when there is no file.
    ///
    /// # Errors
    /// [`TokensError`] when it cannot be read.
    pub fn leer(carpeta: &Path) -> Result<Self, TokensError> {
        let ruta = carpeta.join(ARCHIVO);
        let texto = match fs::read(&ruta) {
            Ok(texto) => texto,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(TokensError::Archivo(ruta, error)),
        };
        serde_json::from_slice(&texto).map_err(|error| TokensError::Contenido(ruta, error))
    }

    /// Writes them to the file in `carpeta`, whole or not at all, readable by its owner only.
    ///
    /// # Errors
    /// [`TokensError::Archivo`].
    pub fn guardar(&self, carpeta: &Path) -> Result<(), TokensError> {
        let ruta = carpeta.join(ARCHIVO);
        let fallo = |error| TokensError::Archivo(ruta.clone(), error);
        fs::create_dir_all(carpeta).map_err(fallo)?;
        let provisional = carpeta.join(format!("{ARCHIVO}.{}", std::process::id()));
        let texto = serde_json::to_vec_pretty(self).unwrap_or_default();
        let escrito = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&provisional)
            .and_then(|mut archivo| {
                archivo.write_all(&texto)?;
                archivo.sync_all()
            })
            .and_then(|()| fs::rename(&provisional, &ruta));
        if escrito.is_err() {
            let _ = fs::remove_file(&provisional);
        }
        escrito.map_err(fallo)
    }

    /// In the order in which they were made.
    #[must_use]
    pub fn lista(&self) -> &[Token] {
        &self.tokens
    }

    /// Makes one; answers its secret, which is told once and kept nowhere.
    ///
    /// # Errors
    /// [`TokensError`] when the name is taken or none.
    pub fn nuevo(&mut self, nombre: &str, rol: Rol, creado: String) -> Result<String, TokensError> {
        let vale = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        if !(1..=64).contains(&nombre.chars().count()) || !nombre.chars().all(vale) {
            return Err(TokensError::Nombre);
        }
        if self.tokens.iter().any(|token| token.nombre == nombre) {
            return Err(TokensError::Repetido(nombre.to_owned()));
        }
        if self.tokens.len() >= TOKENS_MAX {
            return Err(TokensError::Demasiados);
        }
        let secreto = secreto(PREFIJO);
        self.tokens.push(Token {
            nombre: nombre.to_owned(),
            rol,
            hash: hash(&secreto),
            creado,
        });
        Ok(secreto)
    }

    /// Takes one away.
    ///
    /// # Errors
    /// [`TokensError::NoHay`].
    pub fn retirar(&mut self, nombre: &str) -> Result<Token, TokensError> {
        let lugar = self.tokens.iter().position(|token| token.nombre == nombre);
        let lugar = lugar.ok_or_else(|| TokensError::NoHay(nombre.to_owned()))?;
        Ok(self.tokens.remove(lugar))
    }

    /// Whose secret this is. Hashes are compared: how long that takes tells nothing about the
    /// secret.
    #[must_use]
    pub fn de(&self, secreto: &str) -> Option<&Token> {
        let hash = hash(secreto);
        self.tokens.iter().find(|token| token.hash == hash)
    }
}

/// 244 random bits as text.
#[must_use]
pub(super) fn secreto(prefijo: &str) -> String {
    let (uno, otro) = (Uuid::new_v4(), Uuid::new_v4());
    format!("{prefijo}{}{}", uno.simple(), otro.simple())
}

/// What stands in the file for a secret.
#[must_use]
pub(super) fn hash(secreto: &str) -> String {
    let hash = Sha256::digest(secreto.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_has_no_secret_is_its_owners_alone_and_reads_back() {
        let carpeta = tempfile::tempdir().unwrap();
        let mut tokens = Tokens::leer(carpeta.path()).unwrap();
        let secreto = tokens
            .nuevo("mostrador-1", Rol::Mostrador, "hoy".into())
            .unwrap();
        tokens.guardar(carpeta.path()).unwrap();
        let ruta = carpeta.path().join(ARCHIVO);
        let modo = fs::metadata(&ruta).unwrap().permissions().mode();
        assert_eq!(modo & 0o777, 0o600);
        let texto = fs::read_to_string(&ruta).unwrap();
        assert!(!texto.contains(&secreto[PREFIJO.len()..]), "{texto}");
        let mut leidos = Tokens::leer(carpeta.path()).unwrap();
        assert_eq!(leidos.de(&secreto).unwrap().rol, Rol::Mostrador);
        assert_eq!(leidos.de("bib-otro"), None);
        assert!(matches!(
            leidos.nuevo("mostrador-1", Rol::Lector, String::new()),
            Err(TokensError::Repetido(_))
        ));
        leidos.retirar("mostrador-1").unwrap();
        assert_eq!(leidos.de(&secreto), None);
        assert!(leidos.retirar("mostrador-1").is_err());
        assert!(
            leidos
                .nuevo("dos palabras", Rol::Lector, String::new())
                .is_err()
        );
    }
}
