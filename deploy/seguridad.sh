#!/usr/bin/env bash
# What keys cost, and what strangers cost those who have one (fault case 39), as ratios within
# one run: two libraries side by side, one with keys; the measurements taken in turns, so that a
# noisy machine is noisy for all of them.
#
#   deploy/seguridad.sh [--vueltas N] [--segundos S]
#
# The strangers: 200 half-open handshakes that stay, 2,000 raw TCP connections, 200 clients
# without a key and 200 with a key that is in no list, at the ports 5555, 5557 and 5570. They
# stand for other PCs, so they run with the lowest priority. Exit: 0; 1 somebody was answered who
# should not be, or p99 more than doubled; 2 it could not be tried.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/comun.sh
. deploy/comun.sh

VUELTAS=5
SEGUNDOS=8
# Clients at once, and how much they ask for each second while strangers come.
CLIENTES=8
RITMO=200
MEZCLA=prestamo=25,devolucion=25,consulta=50
# p99 with strangers, at most so many times p99 without.
META=2
while [ $# -gt 0 ]; do
    case $1 in
        --vueltas) VUELTAS=$2 && shift ;;
        --segundos) SEGUNDOS=$2 && shift ;;
        *) morir "no se entiende '$1': deploy/seguridad.sh [--vueltas N] [--segundos S]" ;;
    esac
    shift
done

OBRA=${CARGO_TARGET_DIR:-target}/release
CARPETA=""
declare -A PID=() PUERTOS=()

limpiar() {
    local codigo=$? nombre
    trap - EXIT
    for nombre in "${!PID[@]}"; do kill -KILL "${PID[$nombre]}" 2>/dev/null || true; done
    wait 2>/dev/null || true
    if [ "$codigo" -eq 0 ]; then rm -rf "$CARPETA"; else echo "Registros: $CARPETA" >&2; fi
    exit "$codigo"
}

# A verb of this library, or its node.
en() { # en CUAL PROGRAMA…
    local casa=$CARPETA/$1 p claves=()
    read -ra p <<<"${PUERTOS[$1]}"
    [ "$1" = sin ] || claves=(BIBLIOTECA_SEGURIDAD__CLAVES="$casa/claves")
    shift
    env "${claves[@]}" BIBLIOTECA_NODO__DATOS="$casa" BIBLIOTECA_HTTP__ESCUCHA= RUST_LOG=off \
        BIBLIOTECA_CARGA__CLIENTES="127.0.0.1:${p[0]}" BIBLIOTECA_CARGA__EVENTOS="127.0.0.1:${p[1]}" \
        BIBLIOTECA_CARGA__TRABAJO="127.0.0.1:${p[2]}" \
        BIBLIOTECA_ALMACENAMIENTO__ESCUCHA="127.0.0.1:${p[3]}" \
        BIBLIOTECA_ACTORES__CARGAS="127.0.0.1:${p[2]}" \
        BIBLIOTECA_ACTORES__ALMACENAMIENTOS="127.0.0.1:${p[3]}" \
        BIBLIOTECA_SOLICITANTE__CARGAS="127.0.0.1:${p[0]}" "$@"
}

abrir() { # abrir CUAL
    local todos="${PUERTOS[*]}" p limite=$((SECONDS + ESPERA_S))
    for _ in 1 2 3 4; do
        # shellcheck disable=SC2086 # each port is an argument
        p=$(puerto_libre $todos)
        todos+=" $p"
        PUERTOS[$1]+="$p "
    done
    mkdir "$CARPETA/$1"
    if [ "$1" = con ]; then
        en con "$BIN" claves nueva >/dev/null
        en con "$BIN" claves nueva --archivo "$CARPETA/ajena.clave" >/dev/null
        en con "$BIN" claves autorizar "$CARPETA/con/claves/nodo.publica" --nombre nodo --papeles todo >/dev/null
    fi
    en "$1" "$BIN" sembrar >/dev/null
    en "$1" "$BIN" 2>"$CARPETA/$1.log" &
    PID[$1]=$!
    until en "$1" "$BIN" pedir consulta --isbn Libro1 >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$limite" ] || morir "el nodo ($1) no responde; registro en $CARPETA"
        sleep 0.1 # between two looks
    done
}

# Lines "NOMBRE operacion por_segundo p50_ms p99_ms no_atendidas", one for each operation.
medir() { # medir NOMBRE CUAL OPCIONES…
    local nombre=$1 cual=$2
    shift 2
    en "$cual" "$BIN" medir --clientes "$CLIENTES" --segundos "$SEGUNDOS" "$@" \
        --salida "$CARPETA/medida" >"$CARPETA/medir.log" 2>&1 || morir "$(tail -n 3 "$CARPETA/medir.log")"
    python3 - "$nombre" "$CARPETA/medida.json" >>"$CARPETA/cifras" <<'PY'
import json, sys
medida = json.load(open(sys.argv[2]))[0]
for una in medida["operaciones"]:
    p = dict((parte, ms) for parte, ms in una["percentiles"])
    print(sys.argv[1], una["operacion"], una["respuestas"] / medida["segundos"], p[50.0], p[99.0],
          una["no_atendidas"])
PY
    printf '   %s: %s\n' "$nombre" "$(tail -n 1 "$CARPETA/cifras" | cut -d' ' -f2-5)"
}

tormenta() {
    local p
    read -ra p <<<"${PUERTOS[con]}"
    nice -n 19 "$OBRA/examples/tormenta" "$CARPETA/con/claves/nodo.publica" "$CARPETA/ajena.clave" \
        "$SEGUNDOS" "${p[0]}" "${p[2]}" "${p[3]}" >>"$CARPETA/tormentas"
}

# Medians of the turns, side by side; fails when the right one's p99 is more than $3 times.
comparar() { # comparar IZQUIERDA DERECHA META
    python3 - "$@" "$CARPETA/cifras" <<'PY'
import statistics, sys
izquierda, derecha, meta, ruta = sys.argv[1:]
cifras = {}
for linea in open(ruta):
    nombre, operacion, *numeros = linea.split()
    cifras.setdefault((nombre, operacion), []).append([float(n) for n in numeros])
mediana = lambda nombre, op: [statistics.median(c) for c in zip(*cifras[nombre, op])]
print(f"operación|{izquierda}: por segundo|p50 ms|p99 ms|{derecha}: por segundo|p50 ms|p99 ms|ritmo ×|p50 ×|p99 ×|no atendidas")
mal = False
for nombre, operacion in cifras:
    if nombre != izquierda:
        continue
    a, b = mediana(izquierda, operacion), mediana(derecha, operacion)
    veces = [y / x for x, y in zip(a[:3], b[:3])]
    mal |= bool(meta) and (veces[2] > float(meta) or b[3] > 0)
    print(operacion, *(f"{n:.0f}|{p50:.2f}|{p99:.2f}" for n, p50, p99 in (a[:3], b[:3])),
          *(f"{v:.2f}" for v in veces), f"{a[3]:.0f} y {b[3]:.0f}", sep="|")
sys.exit(mal)
PY
}

command -v python3 >/dev/null || morir "falta python3"
paso "Compilación"
cargo build --release --locked --bin biblioteca --example tormenta
OBRA=$(cd "$OBRA" && pwd)
BIN=$OBRA/biblioteca
for variable in "${!BIBLIOTECA_@}" GESTOR_ALMACENAMIENTO_ENDPOINTS GESTOR_CARGA_ADDR; do
    unset "$variable"
done
CARPETA=$(mktemp -d /tmp/biblioteca-seguridad.XXXXXX)
trap limpiar EXIT
trap 'exit 130' INT TERM
abrir sin
abrir con

paso "Lo que cuestan las claves: $VUELTAS vueltas, por turnos"
for _ in $(seq "$VUELTAS"); do
    for operacion in consulta prestamo=50,devolucion=50; do
        for cual in sin con; do medir "$cual-claves" "$cual" --operacion "$operacion"; done
    done
done
paso "Lo que cuestan los extraños: $VUELTAS vueltas, por turnos"
for _ in $(seq "$VUELTAS"); do
    medir sin-extraños con --operacion "$MEZCLA" --ritmo "$RITMO"
    tormenta &
    PID[tormenta]=$!
    medir con-extraños con --operacion "$MEZCLA" --ritmo "$RITMO"
    wait "${PID[tormenta]}" || morir "la tormenta no pudo entrar en marcha"
    unset "PID[tormenta]"
done

MAL=0
paso "Sin claves y con ellas: $CLIENTES clientes sin pausa, medianas de $VUELTAS vueltas de $SEGUNDOS s"
comparar sin-claves con-claves "" | column -t -s '|'
paso "Con claves, sin extraños y con ellos: $RITMO solicitudes por segundo (meta: p99 ≤ $META veces)"
comparar sin-extraños con-extraños "$META" >"$CARPETA/tabla" || MAL=1
column -t -s '|' "$CARPETA/tabla"
awk '{ m += $1; c += $2; a += $3; x += $4 } END { printf "Extraños: %d saludos a medias, %d conexiones crudas, %d clientes sin clave o con otra; contestados: %d\n", m, c, a, x; exit x > 0 }' \
    "$CARPETA/tormentas" || MAL=1
kill -0 "${PID[con]}" || morir "el nodo con claves no sobrevivió"
[ "$MAL" -eq 0 ] || { printf '\nerror: no se cumplió\n' >&2 && exit 1; }
