//! A connection whose every no has words: what cannot be read as HTTP, or takes too long to
//! arrive, is refused below the paths with an empty answer. Here it gets its body, on its way
//! out; everything else passes as it is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::rt::net::TcpStream;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The end of the head that says that there is no body.
const VACIA: &str = "content-length: 0\r\n";

/// Start of the status line, title and sentence of each.
const NEGATIVAS: [(u16, &str, &str); 3] = [
    (
        400,
        "Solicitud ilegible",
        "lo que llegó no es una solicitud de HTTP",
    ),
    (
        408,
        "Solicitud demasiado lenta",
        "la solicitud no llegó a tiempo",
    ),
    (
        431,
        "Cabecera demasiado grande",
        "la cabecera de la solicitud es demasiado grande",
    ),
];

/// See the module's doc.
pub(super) struct Conexion {
    io: TcpStream,
    /// What was taken and is not sent yet, and how far it is.
    pendiente: Vec<u8>,
    enviado: usize,
}

impl Conexion {
    /// Over that stream.
    pub(super) const fn nueva(io: TcpStream) -> Self {
        Self {
            io,
            pendiente: Vec::new(),
            enviado: 0,
        }
    }

    fn vaciar(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(resto @ [_, ..]) = self.pendiente.get(self.enviado..) {
            match ready!(Pin::new(&mut self.io).poll_write(cx, resto))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                cuanto => self.enviado += cuanto,
            }
        }
        self.pendiente.clear();
        self.enviado = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Conexion {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        leido: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, leido)
    }
}

impl AsyncWrite for Conexion {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.vaciar(cx))?;
        let Some(con_cuerpo) = con_cuerpo(bytes) else {
            return Pin::new(&mut self.io).poll_write(cx, bytes);
        };
        self.pendiente = con_cuerpo;
        // Taken whole; what does not go now goes with the flush.
        if let Poll::Ready(Err(causa)) = self.vaciar(cx) {
            return Poll::Ready(Err(causa));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.vaciar(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.vaciar(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The same with a body, when what ends it is an empty refusal. It is the last answer of its
/// connection, and no body of ours ends as a head does.
fn con_cuerpo(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let inicio = bytes.windows(9).rposition(|trozo| trozo == b"HTTP/1.1 ")?;
    let (antes, cabeza) = bytes.split_at(inicio);
    let cabeza = std::str::from_utf8(cabeza).ok()?;
    let (estado, titulo, detalle) = NEGATIVAS
        .into_iter()
        .find(|(estado, ..)| cabeza[9..].starts_with(&estado.to_string()))?;
    let cuerpo = json!({
        "type": "about:blank",
        "title": titulo,
        "status": estado,
        "detail": detalle,
    })
    .to_string();
    let con_largo = format!(
        "content-length: {}\r\ncontent-type: application/problem+json; charset=utf-8\r\n\
         x-content-type-options: nosniff\r\ncache-control: no-store\r\n",
        cuerpo.len()
    );
    if !cabeza.contains(VACIA) {
        return None;
    }
    let cabeza = cabeza.replacen(VACIA, &con_largo, 1);
    Some([antes, cabeza.as_bytes(), cuerpo.as_bytes()].concat())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_refusal_at_the_end_gets_a_body() {
        let vacia = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let antes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nsi";
        let juntas = [&antes[..], &vacia[..]].concat();
        for (bytes, previo) in [(&vacia[..], 0), (&juntas, antes.len())] {
            let lleno = con_cuerpo(bytes).unwrap();
            assert_eq!(lleno[..previo], juntas[..previo]);
            let texto = String::from_utf8(lleno[previo..].to_vec()).unwrap();
            let (cabeza, cuerpo) = texto.split_once("\r\n\r\n").unwrap();
            assert!(cabeza.contains(&format!("content-length: {}\r\n", cuerpo.len())));
            assert!(cuerpo.contains("\"status\":400"), "{texto}");
        }
        for otra in [
            &antes[..],
            b"HTTP/1.1 303 See Other\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            b"",
        ] {
            assert_eq!(con_cuerpo(otra), None);
        }
    }
}
