//! The checker can fail: every planted bug is found, by the promise it breaks.

use crate::correr;
use crate::defecto::Defecto;
use crate::juez::Regla;

/// Within so many seeds.
const SEMILLAS: u64 = 600;

fn descubre(defecto: Defecto, reglas: &[Regla]) {
    let Some(fallida) = correr::primera_que_falla(SEMILLAS, defecto) else {
        panic!("{defecto:?} passed {SEMILLAS} seeds unseen");
    };
    println!(
        "{defecto:?}: seed {}, {}",
        fallida.semilla, fallida.violacion
    );
    assert!(
        reglas.contains(&fallida.violacion.regla),
        "{defecto:?} was taken for something else: {}",
        fallida.violacion
    );
}

#[test]
fn an_encolado_that_is_not_on_the_disk_is_found() {
    descubre(Defecto::EncolaSinDisco, &[Regla::EncoladaPerdida]);
}

#[test]
fn a_carga_that_forgets_an_entry_is_found() {
    descubre(
        Defecto::PierdeEntrada,
        &[Regla::EncoladaPerdida, Regla::OtraRespuesta],
    );
}

#[test]
fn a_store_that_answers_before_its_commit_is_found() {
    descubre(
        Defecto::ConfirmaAntes,
        &[Regla::OtraRespuesta, Regla::EncoladaPerdida],
    );
}

#[test]
fn a_commit_that_a_crash_undoes_is_found() {
    descubre(Defecto::CommitSinDisco, &[Regla::OtraRespuesta]);
}

#[test]
fn a_store_that_forgets_op_ids_is_found() {
    descubre(
        Defecto::OlvidaOpIds,
        &[
            Regla::RechazadaConEfecto,
            Regla::DosEfectos,
            Regla::OtraRespuesta,
        ],
    );
}

#[test]
fn not_applied_said_of_a_commit_that_goes_on_is_found() {
    descubre(Defecto::CancelaElCommit, &[Regla::AplicadaSinDecirlo]);
}

#[test]
fn a_refusal_that_lends_is_found() {
    descubre(Defecto::RechazaYPresta, &[Regla::RechazadaConEfecto]);
}

#[test]
fn a_standby_that_takes_over_from_a_frozen_owner_is_found() {
    descubre(
        Defecto::RelevaAlCongelado,
        &[Regla::DosEfectos, Regla::OtraRespuesta, Regla::Invariante],
    );
}

#[test]
fn a_client_that_repeats_with_a_new_op_id_is_found() {
    descubre(
        Defecto::OtroOpIdAlRepetir,
        &[Regla::DosEfectos, Regla::RechazadaConEfecto],
    );
}

#[test]
fn a_second_hand_over_under_another_op_id_is_found() {
    descubre(
        Defecto::OtroOpIdAlEntregar,
        &[
            Regla::DosEfectos,
            Regla::OtraRespuesta,
            Regla::RechazadaConEfecto,
        ],
    );
}

#[test]
fn two_answers_to_one_request_is_found() {
    descubre(Defecto::RespondeDosVeces, &[Regla::NoUnaRespuesta]);
}

#[test]
fn a_carga_without_deadlines_is_found() {
    descubre(
        Defecto::OlvidaElPlazo,
        &[Regla::FueraDePlazo, Regla::NoUnaRespuesta],
    );
}

#[test]
fn not_applied_said_of_what_was_sent_is_found() {
    descubre(Defecto::NoAplicadaTrasEnviar, &[Regla::AplicadaSinDecirlo]);
}

#[test]
fn sends_that_ignore_the_breaker_is_found() {
    descubre(
        Defecto::IgnoraElCortacircuitos,
        &[Regla::Cortacircuitos, Regla::DemasiadosEnvios],
    );
}

#[test]
fn a_probe_whose_permit_is_lost_is_found() {
    descubre(Defecto::PermisoPerdido, &[Regla::SinFin]);
}

#[test]
fn an_actor_without_a_clock_is_found() {
    descubre(Defecto::ActorSinReloj, &[Regla::Fuga]);
}

#[test]
fn refusals_that_open_the_breaker_are_found() {
    descubre(Defecto::CuentaRechazos, &[Regla::SinFin]);
}

#[test]
fn an_attempt_that_was_doubled_and_taken_twice_is_found() {
    descubre(Defecto::TomaLoDoblado, &[Regla::AplicadaSinDecirlo]);
}
