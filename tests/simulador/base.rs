//! The one database: committed state only, decided by the real rules of `domain`. Effects and
//! stored answers change together or not at all: a transaction is a copy that replaces the
//! original.

use std::collections::{BTreeMap, BTreeSet};

use biblioteca::domain::foto::{Copia, Foto, Marca, Prestamo, Usuario};
use biblioteca::domain::ids::{Ejemplar, Isbn, OpId, Sede, UsuarioId};
use biblioteca::domain::operacion::Operacion;
use biblioteca::domain::reglas::Reglas;
use biblioteca::domain::solicitud::{Negativa, Solicitud};
use biblioteca::domain::{devolucion, prestamo, renovacion};
use biblioteca::wire::huella::Huella;
use biblioteca::wire::mensaje::Encargo;
use biblioteca::wire::pedido::Pedido;
use biblioteca::wire::respuesta::{Estado, Respuesta};
use jiff::Timestamp;

use crate::defecto::Defecto;

/// The calendar at virtual time zero; any will do.
const EPOCA_MS: i64 = 1_780_000_000_000;

/// A stored answer.
#[derive(Debug, Clone)]
pub struct Guardada {
    huella: Huella,
    pub respuesta: Respuesta,
}

/// See the module's doc.
#[derive(Debug, Clone)]
pub struct Base {
    copias: BTreeMap<Ejemplar, Copia>,
    pub prestamos: Vec<Prestamo>,
    pub operaciones: BTreeMap<OpId, Guardada>,
    /// Every change of a loan, by the operation that made it.
    pub efectos: Vec<OpId>,
    /// Operations that a planted bug does not know any more.
    olvidadas: BTreeSet<OpId>,
    pub reglas: Reglas,
}

impl Base {
    /// `libros` books, the first with one copy, the next with two, and so on, round.
    pub fn nueva(libros: usize, copias_max: usize) -> Self {
        let sede = Sede::parse("sede1").unwrap();
        let mut copias = BTreeMap::new();
        for libro in 0..libros {
            for numero in 0..=(libro % copias_max) {
                let copia = Copia {
                    isbn: isbn(libro),
                    sede: sede.clone(),
                    en_servicio: true,
                };
                copias.insert(
                    Ejemplar::parse(&format!("e{libro}-{numero}")).unwrap(),
                    copia,
                );
            }
        }
        Self {
            copias,
            prestamos: Vec::new(),
            operaciones: BTreeMap::new(),
            efectos: Vec::new(),
            olvidadas: BTreeSet::new(),
            reglas: Reglas {
                prestamos_max: 3,
                ..Reglas::default()
            },
        }
    }

    /// What one transaction makes of the database, and its answers in the batch's order.
    pub fn transaccion(
        &self,
        lote: &[Encargo],
        ahora_us: u64,
        defecto: Option<Defecto>,
    ) -> (Self, Vec<Respuesta>) {
        let mut nueva = self.clone();
        let respuestas = lote
            .iter()
            .map(|encargo| nueva.decidir(encargo, ahora_us, defecto))
            .collect();
        (nueva, respuestas)
    }

    /// A consulta's answer.
    pub fn leer(&self, pedido: &Pedido) -> Respuesta {
        let de = |copia: &Copia| pedido.isbn.as_ref() == Some(&copia.isbn);
        let total = self.copias.values().filter(|copia| de(copia)).count();
        respuesta(Estado::Confirmado, 0, format!(r#"{{"total":{total}}}"#))
    }

    fn decidir(&mut self, encargo: &Encargo, us: u64, defecto: Option<Defecto>) -> Respuesta {
        let pedido = &encargo.pedido;
        if let Some(guardada) = self.operaciones.get(&pedido.op_id)
            && !self.olvidadas.remove(&pedido.op_id)
        {
            assert_eq!(
                guardada.huella, pedido.huella,
                "no client uses an op_id twice"
            );
            return Respuesta {
                repetida: true,
                ..guardada.respuesta.clone()
            };
        }
        let respuesta = match self.juzgar(pedido, encargo.edad_ms, us) {
            Ok(hecho) => {
                self.efectos.push(pedido.op_id.clone());
                let datos = format!(
                    r#"{{"prestamo":{},"ejemplar":"{}","renovaciones":{}}}"#,
                    hecho.id, hecho.ejemplar, hecho.renovaciones
                );
                let mut dada = respuesta(Estado::Confirmado, us, datos);
                if defecto == Some(Defecto::RechazaYPresta) && hecho.id % 7 == 0 {
                    dada.estado = Estado::Rechazado;
                }
                dada
            }
            Err(negativa) => Respuesta {
                rechazo: Some(negativa.codigo()),
                ..respuesta(Estado::Rechazado, us, "{}".to_owned())
            },
        };
        let guardada = Guardada {
            huella: pedido.huella,
            respuesta: respuesta.clone(),
        };
        self.operaciones.insert(pedido.op_id.clone(), guardada);
        respuesta
    }

    /// The planted bug.
    pub fn olvidar(&mut self) {
        self.olvidadas = self.operaciones.keys().cloned().collect();
    }

    fn juzgar(
        &mut self,
        pedido: &Pedido,
        edad: Option<u64>,
        us: u64,
    ) -> Result<Prestamo, Negativa> {
        let ahora = Timestamp::from_millisecond(EPOCA_MS + (us / 1000) as i64).unwrap();
        let mut foto = self.foto();
        let solicitud = Solicitud {
            isbn: pedido.isbn.as_ref(),
            ejemplar: pedido.ejemplar.as_ref(),
            usuario: pedido.usuario.as_ref(),
            sede: &pedido.sede,
        };
        let hecho = match pedido.operacion {
            Operacion::Prestamo => prestamo::prestar(&mut foto, &self.reglas, solicitud, ahora),
            Operacion::Devolucion => devolucion::devolver(&mut foto, solicitud, edad, ahora),
            Operacion::Renovacion => renovacion::renovar(&mut foto, &self.reglas, solicitud, ahora),
            Operacion::Consulta | Operacion::Estado => unreachable!("reads are not written"),
        }?;
        let cambios = foto.cambios();
        for cambiado in cambios.cambiados {
            let guardado = self.prestamos.iter_mut().find(|p| p.id == cambiado.id);
            *guardado.unwrap() = cambiado.clone();
        }
        self.prestamos.extend(cambios.nuevos.into_iter().cloned());
        Ok(hecho)
    }

    fn foto(&self) -> Foto {
        let mut foto = Foto::nueva(self.prestamos.len() as i64);
        let mut usuarios: BTreeMap<UsuarioId, u32> = BTreeMap::new();
        for prestamo in &self.prestamos {
            let abierto = u32::from(prestamo.devuelto_en.is_none());
            *usuarios.entry(prestamo.usuario.clone()).or_default() += abierto;
        }
        for (usuario, abiertos) in usuarios {
            let datos = Usuario {
                abiertos,
                ..Usuario::default()
            };
            foto.con_usuario(usuario, datos);
        }
        for (ejemplar, copia) in &self.copias {
            foto.con_libro(copia.isbn.clone(), String::new());
            let fuera = |p: &&Prestamo| p.ejemplar == *ejemplar && p.devuelto_en.is_none();
            match self.prestamos.iter().find(fuera) {
                None => foto.con_libre(ejemplar.clone(), copia.isbn.clone(), copia.sede.clone()),
                Some(_) => foto.con_copia(ejemplar.clone(), copia.clone()),
            }
        }
        for prestamo in self.prestamos.iter().rev() {
            let (usuario, isbn) = (prestamo.usuario.clone(), prestamo.isbn.clone());
            foto.con_marca(Marca::Libro(usuario, isbn), prestamo.prestado_en);
            if prestamo.devuelto_en.is_none() {
                foto.con_prestamo(prestamo.clone());
            }
        }
        foto
    }

    /// Copies are conserved, and nobody has two of a kind or too many.
    pub fn revisar(&self) -> Result<(), String> {
        let abiertos = || self.prestamos.iter().filter(|p| p.devuelto_en.is_none());
        let mut copias: Vec<&Ejemplar> = abiertos().map(|p| &p.ejemplar).collect();
        let mut libros: Vec<_> = abiertos().map(|p| (&p.usuario, &p.isbn)).collect();
        copias.sort_unstable();
        libros.sort_unstable();
        if copias.windows(2).any(|par| par[0] == par[1]) {
            return Err("a copy has two open loans".to_owned());
        }
        if libros.windows(2).any(|par| par[0] == par[1]) {
            return Err("a user has two open loans of one book".to_owned());
        }
        for (usuario, _) in &libros {
            let suyos = libros.iter().filter(|(otro, _)| otro == usuario).count();
            if suyos > self.reglas.prestamos_max as usize {
                return Err(format!("{usuario} has {suyos} open loans"));
            }
        }
        for prestamo in &self.prestamos {
            if self.copias.get(&prestamo.ejemplar).map(|c| &c.isbn) != Some(&prestamo.isbn) {
                return Err(format!("a loan of {} that is no copy", prestamo.ejemplar));
            }
            if prestamo.renovaciones > self.reglas.renovaciones_max {
                return Err(format!("loan {} renewed too often", prestamo.id));
            }
        }
        Ok(())
    }
}

/// The isbn of a book's number.
pub fn isbn(libro: usize) -> Isbn {
    Isbn::parse(&format!("L{libro}")).unwrap()
}

fn respuesta(estado: Estado, us: u64, datos: String) -> Respuesta {
    Respuesta {
        estado,
        rechazo: None,
        mensaje: estado.palabra().to_owned(),
        fecha: us.to_string(),
        datos,
        repetida: false,
    }
}
