-- The library's circulation (contract §6).
--
-- Instants are UTC text with fixed milliseconds (2026-11-24T09:21:27.123Z), so that the order
-- of the text is the order of time; only vence_en, a promise to a person, carries the
-- library's offset. STRICT: a wrong type is an error and never a silent conversion.

PRAGMA application_id = 0x4269626C;

-- One row: which database this is, so that nobody takes another one for it.
CREATE TABLE base (
    unica     INTEGER PRIMARY KEY CHECK (unica = 1),
    base_id   TEXT NOT NULL CHECK (length(base_id) = 32),
    creada_en TEXT NOT NULL
) STRICT;

INSERT INTO base (unica, base_id, creada_en)
VALUES (1, lower(hex(randomblob(16))), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));

CREATE TABLE sedes (
    sede TEXT PRIMARY KEY CHECK (length(sede) BETWEEN 1 AND 64)
) STRICT;

CREATE TABLE libros (
    isbn            TEXT PRIMARY KEY CHECK (length(isbn) BETWEEN 1 AND 64),
    titulo          TEXT NOT NULL CHECK (length(titulo) BETWEEN 1 AND 200),
    autor           TEXT,
    -- The title without accents and in small letters, for searches.
    titulo_plegado  TEXT NOT NULL
) STRICT;

CREATE TABLE ejemplares (
    codigo TEXT PRIMARY KEY CHECK (length(codigo) BETWEEN 1 AND 64),
    isbn   TEXT NOT NULL REFERENCES libros (isbn),
    sede   TEXT NOT NULL REFERENCES sedes (sede),
    -- Lent or available is not a state of the copy: it is an open loan or none.
    estado TEXT NOT NULL DEFAULT 'en_servicio'
           CHECK (estado IN ('en_servicio', 'perdido', 'retirado'))
) STRICT;

-- A loan by isbn looks for the free copies of a book in a branch.
CREATE INDEX ejemplares_por_libro ON ejemplares (isbn, sede, codigo);

CREATE TABLE usuarios (
    id        TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    nombre    TEXT,
    categoria TEXT,
    -- Last day of the membership, YYYY-MM-DD; null does not run out.
    vence     TEXT CHECK (vence IS NULL OR date(vence) IS vence),
    bloqueado INTEGER NOT NULL DEFAULT 0 CHECK (bloqueado IN (0, 1)),
    motivo    TEXT,
    creado_en TEXT NOT NULL
) STRICT;

CREATE TABLE prestamos (
    id           INTEGER PRIMARY KEY,
    ejemplar     TEXT NOT NULL REFERENCES ejemplares (codigo),
    isbn         TEXT NOT NULL REFERENCES libros (isbn),
    usuario      TEXT NOT NULL REFERENCES usuarios (id),
    sede         TEXT NOT NULL REFERENCES sedes (sede),
    prestado_en  TEXT NOT NULL CHECK (length(prestado_en) = 24),
    vence_en     TEXT NOT NULL CHECK (length(vence_en) >= 25),
    devuelto_en  TEXT CHECK (devuelto_en IS NULL OR devuelto_en >= prestado_en),
    renovaciones INTEGER NOT NULL DEFAULT 0 CHECK (renovaciones >= 0)
) STRICT;

-- One open loan for each copy, and one of each book for each user: whatever our code does.
CREATE UNIQUE INDEX prestamos_abiertos_por_ejemplar
    ON prestamos (ejemplar) WHERE devuelto_en IS NULL;
CREATE UNIQUE INDEX prestamos_abiertos_por_usuario
    ON prestamos (usuario, isbn) WHERE devuelto_en IS NULL;

-- Was there ever a loan, and when did the first one begin.
CREATE INDEX prestamos_por_ejemplar ON prestamos (ejemplar, prestado_en);
CREATE INDEX prestamos_por_usuario ON prestamos (usuario, isbn, prestado_en, ejemplar);

-- The idempotency keys, each with its answer. Commits with the effect (contract §7).
CREATE TABLE operaciones (
    op_id        TEXT PRIMARY KEY CHECK (length(op_id) BETWEEN 1 AND 64),
    tipo         TEXT NOT NULL CHECK (tipo IN ('prestamo', 'devolucion', 'renovacion')),
    cuerpo_hash  TEXT NOT NULL CHECK (length(cuerpo_hash) = 64),
    estado       TEXT NOT NULL CHECK (estado IN ('CONFIRMADO', 'RECHAZADO')),
    codigo       TEXT CHECK ((codigo IS NULL) = (estado = 'CONFIRMADO')),
    resultado    TEXT NOT NULL,
    isbn         TEXT,
    ejemplar     TEXT,
    usuario      TEXT,
    sede         TEXT NOT NULL,
    creada_en    TEXT NOT NULL CHECK (length(creada_en) = 24),
    repeticiones INTEGER NOT NULL DEFAULT 0 CHECK (repeticiones >= 0),
    repetida_en  TEXT
) STRICT;

CREATE TRIGGER operaciones_no_se_borran BEFORE DELETE ON operaciones
BEGIN
    SELECT RAISE(ABORT, 'operaciones es de solo agregar');
END;

CREATE TRIGGER operaciones_no_cambian
    BEFORE UPDATE OF op_id, tipo, cuerpo_hash, estado, codigo, resultado, isbn, ejemplar,
                     usuario, sede, creada_en ON operaciones
BEGIN
    SELECT RAISE(ABORT, 'operaciones es de solo agregar');
END;

-- A loan carries its copy's book and branch: neither may change under it.
CREATE TRIGGER ejemplares_conservan_libro_y_sede BEFORE UPDATE OF codigo, isbn, sede ON ejemplares
BEGIN
    SELECT RAISE(ABORT, 'un ejemplar conserva su libro y su sede');
END;

CREATE TRIGGER prestamos_no_se_borran BEFORE DELETE ON prestamos
BEGIN
    SELECT RAISE(ABORT, 'los préstamos no se borran, se cierran');
END;

-- What administrators changed.
CREATE TABLE historial (
    id      INTEGER PRIMARY KEY,
    fecha   TEXT NOT NULL CHECK (length(fecha) = 24),
    accion  TEXT NOT NULL,
    objeto  TEXT NOT NULL,
    clave   TEXT NOT NULL,
    detalle TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE TRIGGER historial_no_se_borra BEFORE DELETE ON historial
BEGIN
    SELECT RAISE(ABORT, 'historial es de solo agregar');
END;

CREATE TRIGGER historial_no_cambia BEFORE UPDATE ON historial
BEGIN
    SELECT RAISE(ABORT, 'historial es de solo agregar');
END;

-- total counts every copy: available + lent + out of service.
CREATE VIEW disponibilidad (isbn, sede, total, disponibles) AS
SELECT e.isbn, e.sede, count(*),
       sum(e.estado = 'en_servicio' AND NOT EXISTS (
           SELECT 1 FROM prestamos p WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL))
FROM ejemplares e
GROUP BY e.isbn, e.sede;
