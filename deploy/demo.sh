#!/usr/bin/env bash
# A whole library on this PC, from nothing: builds, seeds a fresh database, starts a node,
# runs deploy/demo.txt and shows the books before and after. Own folder and free ports each
# time, so it can be run again and again, also beside a running node.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/comun.sh
. deploy/comun.sh

# Books that deploy/demo.txt touches, for the tables before and after.
LIBROS=(Libro1 Libro2 Libro3 Libro4 Libro6 Libro7)

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
carpeta_propia release demo

paso "Datos de partida, en $DATOS"
"$BIN" sembrar

paso "Un nodo con todos los roles"
arrancar_nodo todo
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
