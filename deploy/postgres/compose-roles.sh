#!/bin/sh
# El rol de los almacenamientos, en la PostgreSQL de deploy/compose.yml: la imagen ejecuta esto
# una vez, con la base vacía. Hace lo que roles.sql, donde la dueña ya existe.
set -eu
psql -v ON_ERROR_STOP=1 -v clave="$BIBLIOTECA_CLAVE" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE biblioteca LOGIN PASSWORD :'clave';
REVOKE ALL ON DATABASE biblioteca FROM PUBLIC;
GRANT CONNECT ON DATABASE biblioteca TO biblioteca;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO biblioteca;
SQL
