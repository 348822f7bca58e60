#!/usr/bin/env bash
# Compares the API under /v1 with its own description: starts a seeded node, gives a token and
# lets schemathesis (from PyPI) try it with valid and invalid requests. Any finding is a
# failure. An argument is how many requests of each kind are made up (50).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/comun.sh
. deploy/comun.sh

# The version that the findings were looked at with.
SCHEMATHESIS=4.32.5
EJEMPLOS=${1:-50}

preparar api
paso "Compilación"
cargo build --locked
carpeta_propia debug api

if command -v schemathesis >/dev/null; then
    schemathesis=schemathesis
else
    paso "schemathesis $SCHEMATHESIS, en $DATOS/venv"
    command -v python3 >/dev/null || morir "falta python3 para schemathesis"
    python3 -m venv "$DATOS/venv" || morir "no se pudo crear un entorno: falta python3-venv"
    "$DATOS/venv/bin/pip" install -q "schemathesis==$SCHEMATHESIS"
    schemathesis="$DATOS/venv/bin/schemathesis"
fi

paso "Un nodo con datos de partida"
"$BIN" sembrar
token=$("$BIN" tokens nuevo api --rol mostrador 2>/dev/null)
arrancar_nodo todo

# There: what it remembers of earlier runs would make this one another than the next.
cd "$DATOS"
paso "La API contra su descripción"
# A path with a book that is not there is a 404 as it should be, not a warning.
"$schemathesis" run "http://$BIBLIOTECA_HTTP__ESCUCHA/v1/openapi.json" \
    --header "Authorization: Bearer $token" --checks all --max-examples "$EJEMPLOS" \
    --phases examples,coverage,fuzzing --warnings off --no-color

parar
rm -rf "$DATOS"
paso "Ningún hallazgo"
