-- Whose an op_id is: the holder of the key that used it first, or its group. Empty for what was
-- used without a key, which is everybody's.
ALTER TABLE operaciones ADD COLUMN principal TEXT COLLATE "C" NOT NULL DEFAULT ''
    CHECK (length(principal) <= 64);

DROP TRIGGER operaciones_no_cambian ON operaciones;

CREATE TRIGGER operaciones_no_cambian
    BEFORE UPDATE OF op_id, tipo, cuerpo_hash, estado, codigo, resultado, isbn, ejemplar,
                     usuario, sede, creada_en, principal ON operaciones
    EXECUTE FUNCTION prohibido('operaciones es de solo agregar');
