//! Receipts: what each request was told, one JSON line each (contract §5), on disk before
//! the line counts as done.
//!
//! Called by `corrida`; read by `auditar`. It never rewrites a receipt, and its writes block
//! for the time of an fsync.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sistema::motivo;

/// How much of the end of the file is looked at on opening, in bytes: twice the largest
/// answer.
const COLA_BYTES: u64 = 128 * 1024;

/// One receipt; the fields are contract §5's, in its order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recibo {
    /// The idempotency key.
    pub op_id: String,
    /// The operation's word.
    pub operacion: String,
    /// The book, as sent.
    pub isbn: Option<String>,
    /// The copy, as sent.
    pub ejemplar: Option<String>,
    /// Who, as sent.
    pub usuario: Option<String>,
    /// The word of what may be claimed: the last answer's, or `DESCONOCIDO` when some attempt
    /// may have been applied.
    pub estado: String,
    /// The reason, if there is one.
    pub codigo: Option<String>,
    /// The last answer's; an empty object without one.
    pub datos: serde_json::Value,
    /// When the first attempt began, RFC 3339 in UTC.
    pub inicio: String,
    /// When the outcome was known, RFC 3339 in UTC.
    pub fin: String,
    /// Attempts made.
    pub intentos: u32,
}

/// The disk refused; `Display` is the Spanish sentence for the user.
#[derive(Debug, thiserror::Error)]
#[error("no se pueden escribir los recibos en {ruta}: {}", motivo(causa))]
pub struct RecibosError {
    ruta: PathBuf,
    #[source]
    causa: io::Error,
}

/// The receipts file, open for appending.
#[derive(Debug)]
pub struct Recibos {
    ruta: PathBuf,
    archivo: File,
}

impl Recibos {
    /// Opens or makes the file and repairs the last line if a kill tore it. Also gives the
    /// last receipt, which may be of a line that was not yet marked as done.
    ///
    /// # Errors
    /// [`RecibosError`].
    pub fn abrir(ruta: &Path) -> Result<(Self, Option<Recibo>), RecibosError> {
        let preparar = || -> io::Result<(File, Option<Recibo>)> {
            let mut archivo = OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .open(ruta)?;
            let ultimo = reparar(&mut archivo)?;
            // The name must outlive a crash as surely as what is written under it.
            File::open(ruta.parent().unwrap_or(Path::new(".")))?.sync_all()?;
            Ok((archivo, ultimo))
        };
        let (archivo, ultimo) = preparar().map_err(|causa| RecibosError {
            ruta: ruta.to_owned(),
            causa,
        })?;
        let ruta = ruta.to_owned();
        Ok((Self { ruta, archivo }, ultimo))
    }

    /// Writes a receipt and waits until it is on disk.
    ///
    /// # Errors
    /// [`RecibosError`]: the line must not be marked as done.
    pub fn escribir(&mut self, recibo: &Recibo) -> Result<(), RecibosError> {
        linea(recibo)
            .and_then(|linea| self.archivo.write_all(&linea))
            .and_then(|()| self.archivo.sync_data())
            .map_err(|causa| RecibosError {
                ruta: self.ruta.clone(),
                causa,
            })
    }
}

/// Reads a file of receipts: the readable ones, and the numbers, from 1, of the lines that are
/// none.
///
/// # Errors
/// When the file is not there or cannot be read.
pub fn leer(ruta: &Path) -> io::Result<(Vec<Recibo>, Vec<usize>)> {
    let (mut recibos, mut ilegibles) = (Vec::new(), Vec::new());
    for (indice, linea) in BufReader::new(File::open(ruta)?).split(b'\n').enumerate() {
        let linea = linea?;
        if linea.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice(&linea) {
            Ok(recibo) => recibos.push(recibo),
            Err(_) => ilegibles.push(indice + 1),
        }
    }
    Ok((recibos, ilegibles))
}

fn linea(recibo: &Recibo) -> io::Result<Vec<u8>> {
    let mut linea = serde_json::to_vec(recibo)?;
    linea.push(b'\n');
    Ok(linea)
}

/// Completes a last line that lacks only its end, cuts away one that lacks more.
fn reparar(archivo: &mut File) -> io::Result<Option<Recibo>> {
    let bytes = archivo.metadata()?.len();
    let desde = bytes.saturating_sub(COLA_BYTES);
    archivo.seek(SeekFrom::Start(desde))?;
    let mut cola = Vec::new();
    archivo.take(COLA_BYTES).read_to_end(&mut cola)?;
    let corte = match cola.iter().rposition(|byte| *byte == b'\n') {
        Some(fin) => fin + 1,
        None if desde == 0 => 0,
        None => return Err(io::Error::other("el archivo no es de recibos")),
    };
    let (enteras, rota) = cola.split_at(corte);
    if let Ok(recibo) = serde_json::from_slice(rota) {
        archivo.write_all(b"\n")?;
        archivo.sync_data()?;
        return Ok(Some(recibo));
    }
    archivo.set_len(desde + corte as u64)?;
    let ultima = enteras
        .strip_suffix(b"\n")
        .and_then(|enteras| enteras.split(|byte| *byte == b'\n').next_back());
    Ok(ultima.and_then(|linea| serde_json::from_slice(linea).ok()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn recibo(op_id: &str) -> Recibo {
        Recibo {
            op_id: op_id.to_owned(),
            operacion: "prestamo".to_owned(),
            isbn: Some("L1".to_owned()),
            ejemplar: None,
            usuario: Some("U1".to_owned()),
            estado: "CONFIRMADO".to_owned(),
            codigo: None,
            datos: serde_json::json!({"ejemplar": "L1-1"}),
            inicio: "2026-01-01T00:00:00Z".to_owned(),
            fin: "2026-01-01T00:00:01Z".to_owned(),
            intentos: 1,
        }
    }

    #[test]
    fn a_receipt_has_exactly_the_contracts_fields_in_order() {
        let texto = String::from_utf8(linea(&recibo("a")).unwrap()).unwrap();
        assert_eq!(
            texto,
            "{\"op_id\":\"a\",\"operacion\":\"prestamo\",\"isbn\":\"L1\",\"ejemplar\":null,\
             \"usuario\":\"U1\",\"estado\":\"CONFIRMADO\",\"codigo\":null,\
             \"datos\":{\"ejemplar\":\"L1-1\"},\"inicio\":\"2026-01-01T00:00:00Z\",\
             \"fin\":\"2026-01-01T00:00:01Z\",\"intentos\":1}\n"
        );
    }

    #[test]
    fn a_torn_last_line_is_repaired_at_every_byte() {
        let carpeta = tempfile::tempdir().unwrap();
        let ruta = carpeta.path().join("r.jsonl");
        let (primera, segunda) = (linea(&recibo("a")).unwrap(), linea(&recibo("b")).unwrap());
        for corte in 0..=segunda.len() {
            std::fs::write(&ruta, [&primera, &segunda[..corte]].concat()).unwrap();
            let (mut recibos, ultimo) = Recibos::abrir(&ruta).unwrap();
            let queda = if corte + 1 >= segunda.len() { "b" } else { "a" };
            assert_eq!(ultimo.unwrap().op_id, queda, "{corte}");
            recibos.escribir(&recibo("c")).unwrap();
            let leidos: Vec<Recibo> = std::fs::read_to_string(&ruta)
                .unwrap()
                .lines()
                .map(|linea| serde_json::from_str(linea).unwrap())
                .collect();
            assert_eq!(leidos.last().unwrap().op_id, "c");
        }
    }

    #[test]
    fn what_was_written_is_read_and_lines_that_are_none_are_numbered() {
        let carpeta = tempfile::tempdir().unwrap();
        let ruta = carpeta.path().join("r.jsonl");
        let (primera, segunda) = (linea(&recibo("a")).unwrap(), linea(&recibo("b")).unwrap());
        std::fs::write(
            &ruta,
            [&primera[..], b"nada\n\n", &segunda, b"{\"op_id\":"].concat(),
        )
        .unwrap();
        let (recibos, ilegibles) = leer(&ruta).unwrap();
        assert_eq!(recibos, [recibo("a"), recibo("b")]);
        assert_eq!(ilegibles, [2, 5]);
        assert!(leer(carpeta.path()).is_err());
    }

    #[test]
    fn a_new_file_has_no_last_receipt_and_a_folder_is_an_error() {
        let carpeta = tempfile::tempdir().unwrap();
        let (_, ultimo) = Recibos::abrir(&carpeta.path().join("r.jsonl")).unwrap();
        assert!(ultimo.is_none());
        let error = Recibos::abrir(carpeta.path()).unwrap_err();
        assert!(error.to_string().contains("recibos"));
    }
}
