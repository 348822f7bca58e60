-- The same loan and return, each one call of a function.
\if :debe
SELECT devolver_v(:op, :usuario, :libro);
\set debe 0
\else
\set libro random(1, :libros)
SELECT gen_random_uuid()::text AS op, 'f' || gen_random_uuid()::text AS usuario \gset
SELECT prestar_v(:op, :usuario, :libro);
\set debe 1
\endif
