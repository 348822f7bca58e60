-- Instants for prestamo.sql, and for funcion.sql its statements on the server's side.
CREATE OR REPLACE FUNCTION ahora_v() RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;
CREATE OR REPLACE FUNCTION vence_v() RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT '2026-12-08T23:59:00-05:00'::text $$;
CREATE OR REPLACE FUNCTION detalle_v(op text, usuario_ text) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT json_build_object('op_id', op, 'usuario', usuario_)::text $$;
CREATE OR REPLACE FUNCTION prestar_v(op text, usuario_ text, libro bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE copia text; abiertos bigint; isbn_ text := 'V' || libro;
BEGIN
    PERFORM 1 FROM operaciones WHERE op_id = op;
    PERFORM 1 FROM libros WHERE isbn = isbn_ FOR NO KEY UPDATE;
    INSERT INTO usuarios (id, creado_en) VALUES (usuario_, '2026') ON CONFLICT DO NOTHING;
    SELECT (SELECT count(*) FROM prestamos p WHERE p.usuario = u.id AND devuelto_en IS NULL)
        INTO abiertos FROM usuarios u WHERE id = usuario_ FOR NO KEY UPDATE;
    SELECT codigo INTO copia FROM ejemplares e
        WHERE isbn = isbn_ AND sede = 'sede1' AND estado = 'en_servicio' AND NOT EXISTS
            (SELECT 1 FROM prestamos p WHERE p.ejemplar = e.codigo AND devuelto_en IS NULL)
        ORDER BY codigo LIMIT 1;
    INSERT INTO prestamos (ejemplar, isbn, usuario, sede, prestado_en, vence_en)
        VALUES (copia, isbn_, usuario_, 'sede1', ahora_v(), '2026-12-08T23:59:00-05:00');
    INSERT INTO operaciones
        (op_id, tipo, cuerpo_hash, estado, resultado, isbn, usuario, sede, creada_en)
        VALUES (op, 'prestamo', repeat('0', 64), 'CONFIRMADO', repeat('x', 300), isbn_, usuario_,
                'sede1', ahora_v());
    INSERT INTO historial (fecha, accion, objeto, clave, detalle)
        VALUES (ahora_v(), 'prestamo', 'ejemplar', copia, detalle_v(op, usuario_));
    RETURN copia;
END $$;
CREATE OR REPLACE FUNCTION devolver_v(op text, usuario_ text, libro bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE copia text; isbn_ text := 'V' || libro;
BEGIN
    PERFORM 1 FROM operaciones WHERE op_id = op || '-d';
    PERFORM 1 FROM libros WHERE isbn = isbn_ FOR NO KEY UPDATE;
    PERFORM 1 FROM usuarios WHERE id = usuario_ FOR NO KEY UPDATE;
    UPDATE prestamos SET devuelto_en = ahora_v()
        WHERE usuario = usuario_ AND isbn = isbn_ AND devuelto_en IS NULL
        RETURNING ejemplar INTO copia;
    INSERT INTO operaciones
        (op_id, tipo, cuerpo_hash, estado, resultado, isbn, usuario, sede, creada_en)
        VALUES (op || '-d', 'devolucion', repeat('0', 64), 'CONFIRMADO', repeat('x', 300), isbn_,
                usuario_, 'sede1', ahora_v());
    INSERT INTO historial (fecha, accion, objeto, clave, detalle)
        VALUES (ahora_v(), 'devolucion', 'ejemplar', copia, detalle_v(op || '-d', usuario_));
    RETURN op;
END $$;
