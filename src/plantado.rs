//! Planted bugs: the suite has to fail on each of them (`deploy/sabotajes.sh`).
//!
//! Without the test-only feature `sabotaje` [`plantado`] is a constant `false`, and whatever
//! asks it is gone from the program. With it, `BIBLIOTECA_SABOTAJE` names the one bug that is
//! in; an optimised build with the feature does not compile, so that none is ever delivered.

#[cfg(all(feature = "sabotaje", not(debug_assertions)))]
compile_error!("the feature `sabotaje` plants bugs: it is for tests alone");

/// One bug of fault case 46.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defecto {
    /// The database answers before its commit.
    ConfirmaAntes,
    /// It answers a repeat without writing anything.
    RepiteSinEscribir,
    /// It does not wait for the disk.
    SinFsync,
    /// A client repeats under a new op_id.
    OtroOpId,
    /// A refusal counts as a failure of the endpoint.
    CuentaRechazos,
    /// The permit of a probe never comes back.
    PermisoPerdido,
    /// A carga forgets an undecided entry when it reads its diario.
    PierdeEntrada,
    /// A carga hands an operation to two actors.
    DobleReparto,
    /// PostgreSQL's warning that a commit no longer waits for its standby counts for nothing.
    CommitCancelado,
    /// A primary that a promotion left behind is written to.
    LineaVieja,
}

/// Whether that bug is in.
#[cfg(not(feature = "sabotaje"))]
#[must_use]
pub const fn plantado(_: Defecto) -> bool {
    false
}

/// Whether that bug is in.
#[cfg(feature = "sabotaje")]
#[must_use]
pub fn plantado(defecto: Defecto) -> bool {
    std::env::var("BIBLIOTECA_SABOTAJE").is_ok_and(|dicho| dicho == format!("{defecto:?}"))
}
