-- Who made the change: the name of a token, of a key or of an account. What users' files and
-- blocks had told in `detalle` is told here too; of what nobody wrote down there is nothing.
ALTER TABLE historial ADD COLUMN autor TEXT NOT NULL DEFAULT '';

DROP TRIGGER historial_no_cambia;

UPDATE historial SET autor = detalle->>'autor'
WHERE accion IN ('usuarios', 'bloquear', 'desbloquear') AND detalle->>'autor' IS NOT NULL;

CREATE TRIGGER historial_no_cambia BEFORE UPDATE ON historial
BEGIN
    SELECT RAISE(ABORT, 'historial es de solo agregar');
END;
