//! Users: registered from a file, blocked and let in again; what is decided holds for the next
//! loan.

use biblioteca::domain::ids::UsuarioId;
use biblioteca::domain::rechazo::Rechazo;
use biblioteca::wire::admin::{Cumplido, EfectoBloqueo, Encomienda, FilaUsuario, InformeUsuarios};
use rstest::rstest;

use crate::banco::Motor::{self, Postgres, Sqlite};
use crate::banco::{Banco, confirmado, prestamo, rechazado};

fn fila(id: &str, categoria: &str, vence: &str, bloqueado: bool) -> FilaUsuario {
    let lleno = |texto: &str| Some(texto.to_owned()).filter(|texto| !texto.is_empty());
    FilaUsuario {
        linea: 2,
        id: UsuarioId::parse(id).unwrap(),
        nombre: Some(Some(format!("Persona «{id}»"))),
        categoria: Some(lleno(categoria)),
        vence: Some(lleno(vence)),
        bloqueado: Some(bloqueado),
    }
}

async fn importar(banco: &Banco, filas: Vec<FilaUsuario>) -> InformeUsuarios {
    let autor = "prueba@aqui".to_owned();
    match banco
        .administrar(Encomienda::Usuarios { autor, filas })
        .await
    {
        Cumplido::Usuarios(informe) => informe,
        otro => panic!("{otro:?}"),
    }
}

async fn bloquear(banco: &Banco, id: &str, bloqueado: bool, motivo: &str) -> EfectoBloqueo {
    let encomienda = Encomienda::Bloqueo {
        autor: "prueba@aqui".to_owned(),
        usuario: UsuarioId::parse(id).unwrap(),
        bloqueado,
        motivo: Some(motivo.to_owned()),
    };
    match banco.administrar(encomienda).await {
        Cumplido::Bloqueo(efecto) => efecto,
        otro => panic!("{otro:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn what_a_users_file_says_holds_for_the_next_loan(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    let filas = vec![
        fila("vencida", "", "2126-11-23", false),
        fila("ultimo-dia", "", "2126-11-24", false),
        fila("bloqueada", "", "", true),
        fila("todo", "", "2126-11-23", true),
    ];
    let informe = importar(&banco, filas).await;
    assert_eq!((informe.nuevos, informe.cambiados), (4, 0));
    rechazado(
        &banco.pedir(prestamo("B", "vencida")).await,
        &[Rechazo::UsuarioVencido],
    );
    confirmado(&banco.pedir(prestamo("B", "ultimo-dia")).await);
    rechazado(
        &banco.pedir(prestamo("B", "bloqueada")).await,
        &[Rechazo::UsuarioBloqueado],
    );
    rechazado(
        &banco.pedir(prestamo("B", "todo")).await,
        &[Rechazo::UsuarioVencido, Rechazo::UsuarioBloqueado],
    );
    let renovada = vec![fila("todo", "profesor", "2127-01-01", false)];
    assert_eq!(importar(&banco, renovada).await.cambiados, 1);
    for isbn in ["B", "C", "D", "E", "F", "G"] {
        confirmado(&banco.pedir(prestamo(isbn, "todo")).await);
    }
}

#[rstest]
#[tokio::test]
async fn the_same_users_file_again_changes_nothing(#[values(Sqlite, Postgres)] motor: Motor) {
    let banco = Banco::nuevo(motor).await;
    // Registered by a loan, before anybody told its name.
    confirmado(&banco.pedir(prestamo("B", "ana")).await);
    let filas = vec![
        fila("ana", "estudiante", "2127-01-01", false),
        fila("beto", "", "", true),
    ];
    let informe = importar(&banco, filas.clone()).await;
    assert_eq!((informe.nuevos, informe.cambiados), (1, 1));
    let historia = banco.numero("SELECT count(*) FROM historial").await;
    let otra = importar(&banco, filas).await;
    assert_eq!((otra.nuevos, otra.cambiados, otra.iguales), (0, 0, 2));
    assert_eq!(
        banco.numero("SELECT count(*) FROM historial").await,
        historia
    );
    let guardada = "SELECT count(*) FROM usuarios WHERE id = 'ana' AND nombre = 'Persona «ana»'
        AND categoria = 'estudiante' AND vence = '2027-01-01' AND bloqueado = 0";
    assert_eq!(banco.numero(guardada).await, 1);
}

#[rstest]
#[tokio::test]
async fn a_block_and_its_way_back_hold_at_once_and_are_told_with_who_and_why(
    #[values(Sqlite, Postgres)] motor: Motor,
) {
    let banco = Banco::nuevo(motor).await;
    let nadie = bloquear(&banco, "ana", true, "debe un libro").await;
    assert_eq!(nadie, EfectoBloqueo::NoExiste);
    confirmado(&banco.pedir(prestamo("B", "ana")).await);
    for efecto in [EfectoBloqueo::Hecho, EfectoBloqueo::YaEstaba] {
        assert_eq!(bloquear(&banco, "ana", true, "debe un libro").await, efecto);
    }
    rechazado(
        &banco.pedir(prestamo("C", "ana")).await,
        &[Rechazo::UsuarioBloqueado],
    );
    assert_eq!(
        bloquear(&banco, "ana", false, "lo devolvió").await,
        EfectoBloqueo::Hecho
    );
    confirmado(&banco.pedir(prestamo("C", "ana")).await);
    let contada = "SELECT count(*) FROM historial WHERE objeto = 'usuario' AND clave = 'ana'
        AND accion = 'bloquear' AND detalle LIKE '%prueba@aqui%' AND detalle LIKE '%debe un libro%'";
    assert_eq!(banco.numero(contada).await, 1);
    let suelta = "SELECT count(*) FROM historial WHERE clave = 'ana' AND accion = 'desbloquear'
        AND detalle LIKE '%lo devolvió%'";
    assert_eq!(banco.numero(suelta).await, 1);
}
