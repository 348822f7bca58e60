#!/usr/bin/env bash
# A whole library on this PC, from nothing: builds, seeds a fresh database, starts a node,
# runs deploy/demo.txt and shows the books before and after. Own folder and free ports each
# time, so it can be run again and again, also beside a running node.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/comun.sh
. deploy/comun.sh

# How long the node may take to answer its first request, and to stop, in s.
ESPERA_S=30
# Books that deploy/demo.txt touches, for the tables before and after.
LIBROS=(Libro1 Libro2 Libro3 Libro4 Libro6 Libro7)

nodo=""

# Asks the node to drain, which takes 5 s at most; what is still there long after is ended.
parar() {
    [ -n "$nodo" ] || return 0
    local pid=$nodo limite=$((SECONDS + ESPERA_S))
    nodo=""
    kill -TERM "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do
        [ "$SECONDS" -lt "$limite" ] || kill -KILL "$pid" 2>/dev/null || true
        sleep 0.1 # between two looks, not instead of one
    done
    wait "$pid"
}

al_salir() {
    local codigo=$?
    parar || true
    if [ "$codigo" -ne 0 ] && [ -f "${DATOS:-}/nodo.log" ]; then
        echo "Últimas líneas de $DATOS/nodo.log:" >&2
        tail -n 20 "$DATOS/nodo.log" >&2
    fi
    exit "$codigo"
}

# A port that nobody listens on now, unlike the ones given.
puerto_libre() {
    local puerto
    for _ in {1..200}; do
        puerto=$((20000 + RANDOM % 12000))
        case " $* " in *" $puerto "*) continue ;; esac
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$puerto") 2>/dev/null; then
            echo "$puerto"
            return
        fi
    done
    morir "no se encontró un puerto libre"
}

ajustar() {
    local variable puertos=()
    # The demo shows itself, not this PC's own configuration.
    for variable in "${!BIBLIOTECA_@}" GESTOR_ALMACENAMIENTO_ENDPOINTS GESTOR_CARGA_ADDR; do
        unset "$variable"
    done
    for _ in {1..5}; do
        puertos+=("$(puerto_libre "${puertos[@]+"${puertos[@]}"}")")
    done
    export BIBLIOTECA_NODO__ID=demo
    export BIBLIOTECA_NODO__DATOS="$DATOS"
    export BIBLIOTECA_CARGA__CLIENTES="127.0.0.1:${puertos[0]}"
    export BIBLIOTECA_CARGA__EVENTOS="127.0.0.1:${puertos[1]}"
    export BIBLIOTECA_CARGA__TRABAJO="127.0.0.1:${puertos[2]}"
    export BIBLIOTECA_ALMACENAMIENTO__ESCUCHA="127.0.0.1:${puertos[3]}"
    export BIBLIOTECA_HTTP__ESCUCHA="127.0.0.1:${puertos[4]}"
    export BIBLIOTECA_ACTORES__CARGAS="$BIBLIOTECA_CARGA__TRABAJO"
    export BIBLIOTECA_ACTORES__ALMACENAMIENTOS="$BIBLIOTECA_ALMACENAMIENTO__ESCUCHA"
    export BIBLIOTECA_SOLICITANTE__CARGAS="$BIBLIOTECA_CARGA__CLIENTES"
}

# Waits until a read comes back from the database, or the node is dead.
esperar_nodo() {
    local limite=$((SECONDS + ESPERA_S))
    until "$BIN" pedir consulta --isbn Libro1 --plazo-ms 1000 >/dev/null 2>&1; do
        kill -0 "$nodo" 2>/dev/null || morir "el nodo terminó sin llegar a responder"
        [ "$SECONDS" -lt "$limite" ] || morir "el nodo no respondió en $ESPERA_S s"
        sleep 0.1 # between two looks, not instead of one
    done
}

mostrar_libros() {
    local libro
    for libro in "${LIBROS[@]}"; do
        # shellcheck disable=SC2069 # the sentence (standard error), not the JSON
        "$BIN" pedir consulta --isbn "$libro" 2>&1 >/dev/null
    done
}

preparar demostracion
paso "Compilación"
cargo build --release --locked
carpeta=${CARGO_TARGET_DIR:-target}
mkdir -p "$carpeta"
carpeta=$(cd "$carpeta" && pwd)
BIN="$carpeta/release/biblioteca"
DATOS=$(mktemp -d "$carpeta/demo.XXXXXX")
trap al_salir EXIT
trap 'exit 130' INT TERM
ajustar

paso "Datos de partida, en $DATOS"
"$BIN" sembrar

paso "Un nodo con todos los roles"
"$BIN" --role todo >"$DATOS/nodo.log" 2>&1 &
nodo=$!
esperar_nodo
echo "Responde en $BIBLIOTECA_CARGA__CLIENTES (proceso $nodo)"

paso "La base de datos, antes"
mostrar_libros

paso "El archivo de solicitudes deploy/demo.txt"
codigo=0
"$BIN" --role solicitante --archivo deploy/demo.txt || codigo=$?
case $codigo in
    0) ;;
    1) echo "Salida 1: alguna solicitud fue rechazada por una regla, como debe en esta demostración." ;;
    *) morir "el solicitante terminó con $codigo" ;;
esac

paso "La base de datos, después"
mostrar_libros

paso "Fin"
parar || morir "el nodo no terminó en orden al pedírselo"
echo "El nodo terminó en orden. La base y el registro quedan en $DATOS"
