//! From the bytes of a file to its numbered lines: encoding, comments, limits.
//!
//! Called by the readers of request files and catalogues. It never splits a line.

use std::borrow::Cow;

use super::ArchivoError;

/// Largest file, in bytes: about a million requests, and a few times that in memory.
pub const ARCHIVO_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Longest line, in bytes: every field at its longest, several times over.
pub const LINEA_BYTES_MAX: usize = 4096;

/// The text of a file: UTF-8, with or without its mark, else Latin-1.
///
/// # Errors
/// [`ArchivoError::Grande`] beyond [`ARCHIVO_BYTES_MAX`], [`ArchivoError::NoEsTexto`] for
/// binary files and UTF-16.
pub fn decodificar(bytes: &[u8]) -> Result<Cow<'_, str>, ArchivoError> {
    if bytes.len() as u64 > ARCHIVO_BYTES_MAX {
        return Err(ArchivoError::Grande);
    }
    if bytes.contains(&0) || bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(ArchivoError::NoEsTexto);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Ok(match std::str::from_utf8(bytes) {
        Ok(texto) => Cow::Borrowed(texto),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    })
}

/// The lines that say something, with their numbers from 1: no blanks, no `#` comments,
/// whether they take the whole line or its end.
pub fn lineas(texto: &str) -> impl Iterator<Item = (u32, &str)> {
    (1u32..)
        .zip(texto.split('\n'))
        .map(|(numero, linea)| (numero, sin_comentario(linea).trim()))
        .filter(|(_, linea)| !linea.is_empty())
}

/// A `#` opens a comment at the start or after a blank; within a JSON text it is content.
fn sin_comentario(linea: &str) -> &str {
    if linea.trim_start().starts_with('{') {
        return linea;
    }
    let mut antes_blanco = true;
    for (posicion, letra) in linea.char_indices() {
        if letra == '#' && antes_blanco {
            return &linea[..posicion];
        }
        antes_blanco = letra.is_whitespace();
    }
    linea
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_and_a_mark_give_the_same_text() {
        let utf8 = decodificar("\u{feff}préstamo".as_bytes()).unwrap();
        let latin1 = decodificar(b"pr\xe9stamo").unwrap();
        assert_eq!(utf8, "préstamo");
        assert_eq!(latin1, "préstamo");
    }

    #[test]
    fn what_is_not_text_is_refused() {
        assert!(matches!(
            decodificar(b"\xff\xfeP\0"),
            Err(ArchivoError::NoEsTexto)
        ));
        let grande = vec![b' '; ARCHIVO_BYTES_MAX as usize + 1];
        assert!(matches!(decodificar(&grande), Err(ArchivoError::Grande)));
    }

    #[test]
    fn comments_blanks_and_crlf_do_not_shift_the_numbers() {
        let texto = "# hola\r\n\r\nPRES a b # nota\r\n{\"a\":\" # \"}\n  #x\nDEVO c";
        let vistas: Vec<_> = lineas(texto).collect();
        assert_eq!(
            vistas,
            [(3, "PRES a b"), (4, "{\"a\":\" # \"}"), (6, "DEVO c")]
        );
    }
}
