-- An index of the open loans serves the questions about its own key and no others. Both had the
-- same predicate, so that a question about one key could be answered by reading all of the other
-- index; a planner whose statistics say that nothing is lent (they are of before) finds that no
-- dearer, and each copy that was looked at took as long as all open loans. The second condition
-- holds for every row; whoever asks by that key says it too.
DROP INDEX prestamos_abiertos_por_ejemplar;
CREATE UNIQUE INDEX prestamos_abiertos_por_ejemplar
    ON prestamos (ejemplar) WHERE devuelto_en IS NULL AND ejemplar <> '';

DROP INDEX prestamos_abiertos_por_usuario;
CREATE UNIQUE INDEX prestamos_abiertos_por_usuario
    ON prestamos (usuario, isbn) WHERE devuelto_en IS NULL AND usuario <> '';

CREATE OR REPLACE VIEW disponibilidad (isbn, sede, total, disponibles) AS
SELECT e.isbn, e.sede, count(*),
       count(*) FILTER (WHERE e.estado = 'en_servicio' AND (
                 SELECT p.id FROM prestamos p
                 WHERE p.ejemplar = e.codigo AND p.devuelto_en IS NULL
                   AND p.ejemplar <> '') IS NULL)
FROM ejemplares e
GROUP BY e.isbn, e.sede;
