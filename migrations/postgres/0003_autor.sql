-- Who made the change: the name of a token, of a key or of an account. What users' files and
-- blocks had told in `detalle` is told here too; of what nobody wrote down there is nothing.
ALTER TABLE historial ADD COLUMN autor TEXT NOT NULL DEFAULT '';

DROP TRIGGER historial_no_cambia ON historial;

UPDATE historial SET autor = detalle::json->>'autor'
WHERE accion IN ('usuarios', 'bloquear', 'desbloquear') AND detalle::json->>'autor' IS NOT NULL;

CREATE TRIGGER historial_no_cambia BEFORE UPDATE ON historial
    EXECUTE FUNCTION prohibido('historial es de solo agregar');
