//! The command line as clap reads it: names, help and the reading of each value.
//!
//! Called by [`super::leer`], which turns it into an [`super::Orden`]. All that a user reads
//! here is Spanish, with an example for each verb; nothing here is executed.

pub(super) mod medir;
pub(super) mod tokens;
pub(super) mod usuarios;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::cli::Simulacro;
use crate::cli::argumentos_claves::{ArgsClaves, EJEMPLO_CLAVES};
use crate::cli::valores::{
    Cargas, Roles, archivo_sqlite, cargas, entero, modo, op_id, operacion, roles, semilla, texto,
};
use crate::domain::ids::{Ejemplar, Isbn, OpId, Sede, Titulo, UsuarioId};
use crate::domain::modo::Modo;
use crate::domain::operacion::Operacion;
use crate::settings::validate::{PLAZO_MS_MAX, PLAZO_MS_MIN};

/// clap's own has English headings.
pub(super) const PLANTILLA: &str = "{about}\n\nUso: {usage}\n\n{all-args}{after-help}\n";
pub(super) const OPCIONES: &str = "Opciones";
const GLOBALES: &str = "Opciones globales (antes o después de la orden)";
pub(super) const ARGUMENTOS: &str = "Argumentos";
const ORDENES: &str = "Órdenes";

/// Longest measurement, in s: a day.
const SEGUNDOS_MAX: u32 = 86_400;
/// Shortest drill, in s: room for at least one fault and its healing.
const SIMULACRO_MIN: u32 = 5;
const EJEMPLO_NODO: &str = "Ejemplos:
  biblioteca                                          todo en un proceso, solo en este equipo
  biblioteca --config config/pc1.toml                 el nodo que describe ese archivo
  biblioteca --role actor-prestamo,actor-devolucion   solo esos roles
  biblioteca --role solicitante --archivo pedidos.txt ejecuta un archivo de solicitudes

Salida: 0 bien; 1 alguna solicitud rechazada o línea ilegible; 2 uso o configuración;
3 algún resultado sin conocer; 69 nadie responde; 70 fallo interno.";

#[derive(Debug, Parser)]
#[command(
    name = "biblioteca",
    version,
    about = "Circulación de una biblioteca con varias sedes: préstamos, devoluciones y renovaciones. Sin orden, arranca un nodo.",
    override_usage = "biblioteca [--role ROL[,ROL…]] [OPCIONES]\n     biblioteca [OPCIONES] ORDEN",
    help_template = PLANTILLA,
    after_help = EJEMPLO_NODO,
    subcommand_help_heading = ORDENES,
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true
)]
pub(super) struct Raiz {
    #[command(subcommand)]
    pub(super) verbo: Option<Verbo>,
    #[command(flatten)]
    pub(super) nodo: ArgsNodo,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
    /// Muestra la versión
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = OPCIONES)]
    version: Option<bool>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(super) struct ArgsNodo {
    /// Roles de este nodo, separados por comas: carga, actor-prestamo, actor-devolucion,
    /// actor-renovacion, almacenamiento, solicitante, todo (si falta: nodo.roles)
    #[arg(long, value_name = "ROLES", value_parser = roles)]
    pub(super) role: Option<Roles>,
    /// Solicitante: archivo de solicitudes
    #[arg(long, value_name = "RUTA")]
    pub(super) archivo: Option<PathBuf>,
    /// Solicitante: nombre que lo distingue de otros con el mismo archivo
    #[arg(long, value_name = "NOMBRE", requires = "archivo")]
    pub(super) nombre: Option<String>,
    /// Solicitante: orden de las columnas, p. ej. operacion,usuario,libro,sede (la sede es opcional)
    #[arg(long, value_name = "COLUMNAS", requires = "archivo")]
    pub(super) columnas: Option<String>,
    /// Solicitante: abandona la pasada sin terminar y empieza otra
    #[arg(long, requires = "archivo")]
    pub(super) de_nuevo: bool,
}

/// Flattened into the root and every verb rather than `global`: clap drops a repeatable
/// global given before the verb when it is given after it too.
#[derive(Debug, Args)]
#[command(next_help_heading = GLOBALES)]
pub(super) struct ArgsGlobales {
    /// Archivo de configuración; se puede repetir, el último manda
    #[arg(long = "config", value_name = "RUTA")]
    pub(super) configs: Vec<PathBuf>,
    /// Sede de las solicitudes que no traen la suya
    #[arg(long, value_name = "SEDE", value_parser = texto::<Sede>)]
    pub(super) sede: Option<Sede>,
    /// Cargas a las que pedir, separadas por comas: host:puerto[,host:puerto…]
    #[arg(long, value_name = "CARGAS", value_parser = cargas)]
    pub(super) carga: Option<Cargas>,
    /// Muestra esta ayuda
    #[arg(short = 'h', long = "help", action = ArgAction::Help)]
    ayuda: Option<bool>,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_flag = true)]
pub(super) enum Verbo {
    /// Pide una operación a una carga y muestra la respuesta
    #[command(
        override_usage = "biblioteca pedir OPERACION (--isbn X | --ejemplar X | --titulo X) --usuario U [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplos:\n  biblioteca pedir prestamo --isbn Libro1 --usuario usuario1\n  biblioteca pedir consulta --titulo quijote\n  biblioteca pedir estado --op-id 0f8fad5b-d9cb-469f-a165-70867728950e"
    )]
    Pedir(ArgsPedir),
    /// Crea los datos de partida: 2 sedes, 1000 libros, 200 préstamos; repetirla no cambia nada
    #[command(
        override_usage = "biblioteca sembrar [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca sembrar"
    )]
    Sembrar(ArgsSembrar),
    /// Trabaja con el catálogo de libros
    #[command(
        override_usage = "biblioteca catalogo importar RUTA [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        disable_help_subcommand = true,
        subcommand_help_heading = ORDENES,
        after_help = "Ejemplo:\n  biblioteca catalogo importar libros.csv"
    )]
    Catalogo(ArgsCatalogo),
    /// Trabaja con los usuarios: importarlos, bloquearlos y desbloquearlos
    #[command(
        override_usage = "biblioteca usuarios importar RUTA | bloquear U --motivo M | desbloquear U [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        disable_help_subcommand = true,
        subcommand_help_heading = ORDENES,
        after_help = "Ejemplos:\n  biblioteca usuarios importar usuarios.csv\n  biblioteca usuarios bloquear usuario7 --motivo 'debe un libro'\n  biblioteca usuarios desbloquear usuario7"
    )]
    Usuarios(usuarios::ArgsUsuarios),
    /// Crea y retira los tokens con los que se entra por HTTP
    #[command(
        override_usage = "biblioteca tokens nuevo NOMBRE --rol ROL | listar | retirar NOMBRE [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        disable_help_subcommand = true,
        subcommand_help_heading = ORDENES,
        after_help = "Ejemplos:\n  biblioteca tokens nuevo mostrador-1 --rol mostrador\n  biblioteca tokens listar\n  biblioteca tokens retirar mostrador-1\n\nSin ningún token, por HTTP solo se atiende desde este mismo PC."
    )]
    Tokens(tokens::ArgsTokens),
    /// Copia la biblioteca a un archivo nuevo, con los nodos en marcha o detenidos
    #[command(
        override_usage = "biblioteca respaldar RUTA [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca respaldar /mnt/copias/biblioteca-2026-11-24.db\n\nPara restaurarlo: detenga los nodos, aparte la base de datos con sus archivos -wal y -shm, y ponga la copia en su lugar.\nCon PostgreSQL no lo hace: dice con qué orden.\n\nSalida: 0 copia completa y en el disco; 2 no se puede; 70 falló el disco."
    )]
    Respaldar(ArgsRespaldar),
    /// Pone al día las tablas de PostgreSQL, con la dirección de la dueña de la base de datos
    #[command(
        override_usage = "biblioteca migrar [--desde sqlite:RUTA] [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS=postgres://biblioteca_duena:CLAVE@pc4/biblioteca biblioteca migrar\n  biblioteca migrar --config duena.toml --desde sqlite:datos/biblioteca.db\n\nLos roles se crean una vez con deploy/postgres/roles.sql."
    )]
    Migrar(ArgsMigrar),
    /// Muestra la configuración en vigor, de dónde sale cada valor y todo lo que tiene mal
    #[command(
        override_usage = "biblioteca comprobar [--role ROLES] [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplos:\n  biblioteca comprobar\n  biblioteca comprobar --config config/pc1.toml\n\nNo abre ningún puerto y no muestra contraseñas; a las direcciones de otros nodos intenta conectarse, unos segundos, y avisa de las que no responden.\n\nSalida: 0 sirve, aunque tenga avisos; 2 algo está mal."
    )]
    Comprobar(ArgsComprobar),
    /// Mide cuántas operaciones por segundo se atienden y cuánto tardan
    #[command(
        override_usage = "biblioteca medir [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = medir::EJEMPLOS
    )]
    Medir(medir::ArgsMedir),
    /// Muestra cómo están la carga, los actores y el almacenamiento
    #[command(
        override_usage = "biblioteca estado [--json] [--seguir] [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplos:\n  biblioteca estado\n  biblioteca estado --seguir\n  biblioteca estado --json\n\nPregunta a cada carga de actores.cargas y a cada almacenamiento de actores.almacenamientos.\n\nSalida: 0 alguien responde; 69 nadie responde."
    )]
    Estado(ArgsEstado),
    /// Compara recibos con la base de datos y revisa que la base cuadre
    #[command(
        override_usage = "biblioteca auditar [--recibos RUTA] [--excepciones] [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplos:\n  biblioteca auditar\n  biblioteca auditar --recibos datos/pedidos.recibos.jsonl\n  biblioteca auditar --excepciones\n\nLee la base de datos sin cambiarla, con los nodos en marcha o detenidos.\n\nSalida: 0 todo cuadra; 1 se rompió una promesa."
    )]
    Auditar(ArgsAuditar),
    /// Pone a prueba el sistema aquí mismo: presta mientras mata y congela procesos, y comprueba
    #[command(
        override_usage = "biblioteca simulacro [--segundos N] [--semilla S] [--base-datos URL[,URL…]] [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplos:\n  biblioteca simulacro\n  biblioteca simulacro --segundos 120 --semilla 7\n  PGPASSWORD=CLAVE biblioteca simulacro --base-datos postgres://biblioteca_duena@pc4/biblioteca\n\nArranca procesos propios en puertos libres y una carpeta temporal; no toca sus datos. Sin --base-datos usa un SQLite en esa carpeta.\nEn un PostgreSQL trabaja en un esquema nuevo, simulacro_FECHA_…, y lo borra al terminar bien; lo demás de esa base de datos ni lo lee ni lo cambia. La cuenta debe poder crear esquemas, como la dueña. No avería el servidor. Lo que va en la línea de órdenes lo ven otros usuarios del equipo: la contraseña, mejor en PGPASSWORD.\n\nSalida: 0 se cumplió todo; 1 se rompió una promesa; 2 la base de datos no sirve para esto; 3 interrumpido; 69 no hay un PostgreSQL que admita escrituras."
    )]
    Simulacro(ArgsSimulacro),
    /// Hace las claves de los nodos y dice quién entra y qué puede hacer
    #[command(
        override_usage = "biblioteca claves nueva|autorizar|listar|retirar [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        disable_help_subcommand = true,
        subcommand_help_heading = ORDENES,
        after_help = EJEMPLO_CLAVES
    )]
    Claves(ArgsClaves),
    /// Escribe en una carpeta la página de manual y los completados de bash, zsh y fish
    #[command(
        override_usage = "biblioteca manual CARPETA",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca manual /tmp/manual && man /tmp/manual/biblioteca.1"
    )]
    Manual(ArgsManual),
}

#[derive(Debug, Args)]
pub(super) struct ArgsManual {
    /// Carpeta; se crea si no existe
    #[arg(value_name = "CARPETA", help_heading = ARGUMENTOS)]
    pub(super) carpeta: PathBuf,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(super) struct ArgsPedir {
    /// prestamo, devolucion, renovacion, consulta o estado
    #[arg(value_name = "OPERACION", value_parser = operacion, help_heading = ARGUMENTOS)]
    pub(super) operacion: Operacion,
    /// Libro, por su isbn
    #[arg(long, value_name = "ISBN", value_parser = texto::<Isbn>)]
    pub(super) isbn: Option<Isbn>,
    /// Un ejemplar, por su código
    #[arg(long, value_name = "CODIGO", value_parser = texto::<Ejemplar>, conflicts_with = "isbn")]
    pub(super) ejemplar: Option<Ejemplar>,
    /// Palabras del título (solo consulta)
    #[arg(long, value_name = "TITULO", value_parser = texto::<Titulo>, conflicts_with_all = ["isbn", "ejemplar"])]
    pub(super) titulo: Option<Titulo>,
    /// Quién presta, renueva o devuelve
    #[arg(long, value_name = "USUARIO", value_parser = texto::<UsuarioId>)]
    pub(super) usuario: Option<UsuarioId>,
    /// Identificador de la operación: repetirla con el mismo no la aplica dos veces
    #[arg(long, value_name = "OP_ID", value_parser = op_id)]
    pub(super) op_id: Option<OpId>,
    /// sincrono o asincrono (si falta: modos.*)
    #[arg(long, value_name = "MODO", value_parser = modo)]
    pub(super) modo: Option<Modo>,
    /// Milisegundos para tener respuesta, de 100 a 30000 (si falta: el de la carga)
    #[arg(long, value_name = "MS", value_parser = entero::<PLAZO_MS_MIN, PLAZO_MS_MAX>)]
    pub(super) plazo_ms: Option<u32>,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

#[derive(Debug, Args)]
pub(super) struct ArgsSembrar {
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(super) struct ArgsMigrar {
    /// Archivo SQLite cuya biblioteca se muda, entera, a la base de datos nueva y vacía
    #[arg(long, value_name = "sqlite:RUTA", value_parser = archivo_sqlite)]
    pub(super) desde: Option<PathBuf>,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(super) struct ArgsCatalogo {
    #[command(subcommand)]
    pub(super) accion: VerboCatalogo,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

#[derive(Debug, Subcommand)]
pub(super) enum VerboCatalogo {
    /// Añade los libros y ejemplares de un CSV; repetirla no cambia nada
    #[command(
        override_usage = "biblioteca catalogo importar RUTA [OPCIONES]",
        help_template = PLANTILLA,
        disable_help_flag = true,
        after_help = "Ejemplo:\n  biblioteca catalogo importar libros.csv\n\nColumnas, con encabezado y separadas por , o ;: isbn, titulo, autor, sede, ejemplares, codigo"
    )]
    Importar(ArgsImportar),
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(super) struct ArgsComprobar {
    /// Los roles que tendría el nodo, separados por comas (si falta: nodo.roles)
    #[arg(long, value_name = "ROLES", value_parser = roles)]
    pub(super) role: Option<Roles>,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

#[derive(Debug, Args)]
pub(super) struct ArgsRespaldar {
    /// El archivo nuevo, en este equipo
    #[arg(value_name = "RUTA", help_heading = ARGUMENTOS)]
    pub(super) ruta: PathBuf,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

#[derive(Debug, Args)]
pub(super) struct ArgsImportar {
    /// Archivo CSV
    #[arg(value_name = "RUTA", help_heading = ARGUMENTOS)]
    pub(super) ruta: PathBuf,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(super) struct ArgsEstado {
    /// En JSON, para otro programa
    #[arg(long)]
    pub(super) json: bool,
    /// Se repite cada segundo hasta Ctrl-C
    #[arg(long)]
    pub(super) seguir: bool,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(super) struct ArgsAuditar {
    /// Recibos de un solicitante, uno por línea; se puede repetir
    #[arg(long, value_name = "RUTA")]
    pub(super) recibos: Vec<PathBuf>,
    /// Lista lo que la carga de este nodo aceptó en su diario y después no se pudo cumplir
    #[arg(long)]
    pub(super) excepciones: bool,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

#[derive(Debug, Args)]
#[command(next_help_heading = OPCIONES)]
pub(super) struct ArgsSimulacro {
    /// Segundos que dura, de 5 a 86400 (si falta: 30)
    #[arg(long, value_name = "N", default_value = "30", hide_default_value = true, value_parser = entero::<SIMULACRO_MIN, SEGUNDOS_MAX>)]
    segundos: u32,
    /// Semilla del azar: la misma da las mismas averías (si falta: una nueva, que se muestra)
    #[arg(long, value_name = "S", value_parser = semilla)]
    semilla: Option<u64>,
    /// PostgreSQL en el que se hace, una o varias direcciones postgres: como en
    /// almacenamiento.base_datos (si falta: un SQLite propio)
    #[arg(long, value_name = "URL[,URL…]")]
    base_datos: Option<String>,
    #[command(flatten)]
    pub(super) globales: ArgsGlobales,
}

impl ArgsSimulacro {
    pub(super) fn simulacro(&self) -> Simulacro {
        Simulacro {
            duracion: Duration::from_secs(u64::from(self.segundos)),
            semilla: self.semilla,
            base_datos: self.base_datos.clone(),
        }
    }
}
