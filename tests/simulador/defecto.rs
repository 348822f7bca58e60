//! Bugs planted in the harness, never in `src`: each must be caught, or the checker is blind.

/// See the module's doc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defecto {
    /// A carga says ENCOLADO before its disk has it.
    EncolaSinDisco,
    /// It forgets an entry when it reads its file.
    PierdeEntrada,
    /// An almacenamiento answers before its commit.
    ConfirmaAntes,
    /// It acknowledges a commit that a crash can undo (no fsync).
    CommitSinDisco,
    /// It has forgotten the op_ids when it opens the database again.
    OlvidaOpIds,
    /// It says "not applied" when its patience ends in the middle of a commit that goes on.
    CancelaElCommit,
    /// It stores a refusal and lends all the same.
    RechazaYPresta,
    /// The standby takes over from a frozen owner.
    RelevaAlCongelado,
    /// A client repeats with a new op_id.
    OtroOpIdAlRepetir,
    /// A carga hands an operation over the second time under another op_id.
    OtroOpIdAlEntregar,
    /// A carga answers the same request twice.
    RespondeDosVeces,
    /// A carga never looks at its deadlines.
    OlvidaElPlazo,
    /// An actor says "not applied" of what it sent and nobody answered.
    NoAplicadaTrasEnviar,
    /// An actor sends to every endpoint at once, whatever its breaker says.
    IgnoraElCortacircuitos,
    /// The permit of a probe never comes back.
    PermisoPerdido,
    /// An actor never looks at its alarms.
    ActorSinReloj,
    /// It counts a refusal as a failure of the endpoint.
    CuentaRechazos,
    /// An almacenamiento takes an attempt twice that the network has doubled.
    TomaLoDoblado,
}
