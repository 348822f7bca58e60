-- The loan and the return as a careful program would make them, statement by statement, with
-- the same tables, locks, rules and stored answer as the library's. No colon in a literal:
-- pgbench would take it for a variable.
\if :debe
BEGIN;
SELECT count(*) FROM operaciones WHERE op_id = :op || '-d';
SELECT isbn FROM libros WHERE isbn = 'V' || :libro FOR NO KEY UPDATE;
SELECT id FROM usuarios WHERE id = :usuario FOR NO KEY UPDATE;
UPDATE prestamos SET devuelto_en = ahora_v()
    WHERE usuario = :usuario AND isbn = 'V' || :libro AND devuelto_en IS NULL
    RETURNING ejemplar AS codigo \gset
INSERT INTO operaciones (op_id, tipo, cuerpo_hash, estado, resultado, isbn, usuario, sede, creada_en)
    VALUES (:op || '-d', 'devolucion', repeat('0', 64), 'CONFIRMADO', repeat('x', 300), 'V' || :libro,
            :usuario, 'sede1', ahora_v());
INSERT INTO historial (fecha, accion, objeto, clave, detalle)
    VALUES (ahora_v(), 'devolucion', 'ejemplar', :codigo, detalle_v(:op || '-d', :usuario));
COMMIT;
\set debe 0
\else
\set libro random(1, :libros)
SELECT gen_random_uuid()::text AS op, 'p' || gen_random_uuid()::text AS usuario \gset
BEGIN;
SELECT count(*) FROM operaciones WHERE op_id = :op;
SELECT isbn FROM libros WHERE isbn = 'V' || :libro FOR NO KEY UPDATE;
INSERT INTO usuarios (id, creado_en) VALUES (:usuario, '2026') ON CONFLICT DO NOTHING;
SELECT bloqueado, (SELECT count(*) FROM prestamos p WHERE p.usuario = u.id AND devuelto_en IS NULL)
    FROM usuarios u WHERE id = :usuario FOR NO KEY UPDATE;
SELECT codigo FROM ejemplares e WHERE isbn = 'V' || :libro AND sede = 'sede1' AND estado = 'en_servicio'
    AND NOT EXISTS (SELECT 1 FROM prestamos p WHERE p.ejemplar = e.codigo AND devuelto_en IS NULL)
    ORDER BY codigo LIMIT 1 \gset
INSERT INTO prestamos (ejemplar, isbn, usuario, sede, prestado_en, vence_en)
    VALUES (:codigo, 'V' || :libro, :usuario, 'sede1',
            ahora_v(), vence_v());
INSERT INTO operaciones (op_id, tipo, cuerpo_hash, estado, resultado, isbn, usuario, sede, creada_en)
    VALUES (:op, 'prestamo', repeat('0', 64), 'CONFIRMADO', repeat('x', 300), 'V' || :libro,
            :usuario, 'sede1', ahora_v());
INSERT INTO historial (fecha, accion, objeto, clave, detalle)
    VALUES (ahora_v(), 'prestamo', 'ejemplar', :codigo, detalle_v(:op, :usuario));
COMMIT;
\set debe 1
\endif
