-- Roles y base de datos de biblioteca en PostgreSQL. Una vez, como superusuario:
--
--   psql -v clave_duena="'…'" -v clave="'…'" -f deploy/postgres/roles.sql
--
-- biblioteca_duena posee las tablas y solo la usa `biblioteca migrar`. biblioteca es la de los
-- almacenamientos: no crea, no cambia y no borra tablas ni filas; los permisos sobre las tablas
-- (permisos.sql) los da `biblioteca migrar` cada vez que termina.

CREATE ROLE biblioteca_duena LOGIN PASSWORD :clave_duena;
CREATE ROLE biblioteca LOGIN PASSWORD :clave;
-- Una operación sola va en el texto de sus sentencias, con el usuario y el libro: el registro del
-- servidor anota el error de la que falla, no la sentencia.
ALTER ROLE biblioteca SET log_min_error_statement = 'panic';
CREATE DATABASE biblioteca OWNER biblioteca_duena TEMPLATE template0 ENCODING 'UTF8';

\connect biblioteca
REVOKE ALL ON DATABASE biblioteca FROM PUBLIC;
GRANT CONNECT ON DATABASE biblioteca TO biblioteca;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO biblioteca_duena;
GRANT USAGE ON SCHEMA public TO biblioteca;
-- Para que `biblioteca estado` diga cómo sigue cada réplica al primario. Es solo de lectura.
GRANT pg_read_all_stats TO biblioteca;
