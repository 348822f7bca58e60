-- The diario of one carga: what it acknowledged as queued, until it is decided and a while
-- after. The library's own database knows nothing of it.
--
-- Instants are UTC text with fixed milliseconds, as in the library's. STRICT: a wrong type is
-- an error and never a silent conversion.

PRAGMA application_id = 0x42696464;

CREATE TABLE entradas (
    -- The order of acceptance.
    seq         INTEGER PRIMARY KEY,
    op_id       TEXT NOT NULL UNIQUE CHECK (length(op_id) BETWEEN 1 AND 64),
    huella      TEXT NOT NULL CHECK (length(huella) = 64),
    operacion   TEXT NOT NULL,
    -- The whole operation, as JSON.
    pedido      TEXT NOT NULL,
    aceptada_en TEXT NOT NULL CHECK (length(aceptada_en) = 24),
    -- The same instant by the clock since boot: an age that no change of the PC's clock
    -- touches, as long as it has not been started again.
    arranque    TEXT NOT NULL,
    arranque_ms INTEGER NOT NULL,
    -- When it was last set aside for a person; it is still undecided.
    apartada_en TEXT,
    -- The decision; null until there is one.
    estado      TEXT CHECK (estado IN ('CONFIRMADO', 'RECHAZADO')),
    codigo      TEXT,
    mensaje     TEXT,
    fecha       TEXT,
    datos       TEXT,
    cerrada_en  TEXT,
    CHECK ((estado IS NULL) = (cerrada_en IS NULL)),
    CHECK ((estado IS NULL) = (mensaje IS NULL OR fecha IS NULL OR datos IS NULL))
) STRICT;

-- Loading at start, pruning, and what was refused after it had been queued.
CREATE INDEX entradas_por_estado ON entradas (estado, seq);
