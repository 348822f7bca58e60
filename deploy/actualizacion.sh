#!/usr/bin/env bash
# An upgrade without stopping, drilled (fault case 44): a library of an earlier version, every
# role in two processes on SQLite, is replaced process by process by this version while desks of
# both versions lend, renew and take back; then every receipt is audited. Three times, each on a
# library of its own: almacenamientos first, cargas first, and one process of each role before
# the other, so that each role of one version meets every other of the other version.
#
#   deploy/actualizacion.sh [--de REVISION | --anterior RUTA] [--actual RUTA]
#
# --de builds that revision in a worktree of its own (by default the last tag, or without tags
# the commit before this one); --anterior and --actual take programs that are built already.
# Exit: 0 every promise kept; 1 one was broken; 2 it could not be tried.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/comun.sh
. deploy/comun.sh

# Two of the earlier version and two of this one.
MOSTRADORES=4
# Loans of one file of requests, each renewed and returned; the file is run over and over.
PRESTAMOS=40
# Receipts that each desk gets between two replacements.
RECIBOS=30
# How long the library may take to be whole again after one replacement, in s: an open breaker
# is 10.
ENTERA_S=60
# A node drains for 5 s and leaves within 7 (fault case 35).
SALIDA_S=7

ROLES=(almacenamiento actor-prestamo actor-devolucion actor-renovacion carga)
de=""
anterior=""
actual=""
while [ $# -gt 0 ]; do
    case $1 in
        --de) de=${2:?falta la revisión} && shift ;;
        --anterior) anterior=${2:?falta la ruta} && shift ;;
        --actual) actual=${2:?falta la ruta} && shift ;;
        *) morir "no se entiende '$1': deploy/actualizacion.sh [--de REVISION | --anterior RUTA] [--actual RUTA]" ;;
    esac
    shift
done

CARPETA=""
arbol=""
declare -A PID=()
FILAS=()
MAL=0

limpiar() {
    local codigo=$? nombre
    trap - EXIT
    # A desk ends the run that it has under way; killed, it would leave it behind.
    for nombre in "${!PID[@]}"; do
        case $nombre in mostrador-*) kill -TERM "${PID[$nombre]}" && wait "${PID[$nombre]}" ;; esac
    done 2>/dev/null || true
    for nombre in "${!PID[@]}"; do kill -KILL "${PID[$nombre]}" 2>/dev/null || true; done
    wait 2>/dev/null || true
    [ -z "$arbol" ] || git worktree remove --force "$arbol" 2>/dev/null || true
    if [ "$codigo" -eq 0 ]; then rm -rf "$CARPETA"; else echo "Registros y recibos: $CARPETA" >&2; fi
    exit "$codigo"
}

# The earlier version, from a worktree in a folder of its own. A commit never changes, so what
# was built of it once is kept.
construir_anterior() {
    local revision
    de=${de:-$(git describe --tags --abbrev=0 2>/dev/null || echo HEAD^)}
    revision=$(git rev-parse --verify --quiet "$de^{commit}") || morir "no existe la revisión $de"
    paso "La versión anterior: $(git log -1 --format='%h %s' "$revision")"
    anterior=$OBRA/actualizacion/$revision/biblioteca
    [ ! -x "$anterior" ] || return 0
    arbol=$CARPETA/arbol
    git worktree add -q --detach "$arbol" "$revision"
    (cd "$arbol" && cargo build --release --locked --target-dir "$OBRA/actualizacion") ||
        morir "la revisión $de no se pudo construir"
    install -D "$OBRA/actualizacion/release/biblioteca" "$anterior"
}

# The settings that every process and verb of this library shares.
ajustar_biblioteca() {
    local variable n puertos=()
    # This script shows the library's settings, not this PC's own.
    for variable in "${!BIBLIOTECA_@}" GESTOR_ALMACENAMIENTO_ENDPOINTS GESTOR_CARGA_ADDR; do
        unset "$variable"
    done
    for n in {0..7}; do puertos+=("$(puerto_libre "${puertos[@]+"${puertos[@]}"}")"); done
    for n in 0 1; do
        CLIENTES[n]=127.0.0.1:${puertos[n]}
        EVENTOS[n]=127.0.0.1:${puertos[2 + n]}
        TRABAJO[n]=127.0.0.1:${puertos[4 + n]}
        ALMACEN[n]=127.0.0.1:${puertos[6 + n]}
    done
    export BIBLIOTECA_HTTP__ESCUCHA=""
    export BIBLIOTECA_ACTORES__CARGAS="${TRABAJO[0]},${TRABAJO[1]}"
    export BIBLIOTECA_ACTORES__ALMACENAMIENTOS="${ALMACEN[0]},${ALMACEN[1]}"
    export BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS="sqlite:$CASA/biblioteca.db"
    export BIBLIOTECA_NODO__DATOS="$CASA/orden"
}

arrancar() { # arrancar NOMBRE PROGRAMA: the name is a role and which of the two
    local n=$((${1##*-} - 1))
    BIBLIOTECA_NODO__ID="$1" BIBLIOTECA_NODO__DATOS="$CASA/$1" \
        BIBLIOTECA_CARGA__CLIENTES="${CLIENTES[n]}" BIBLIOTECA_CARGA__EVENTOS="${EVENTOS[n]}" \
        BIBLIOTECA_CARGA__TRABAJO="${TRABAJO[n]}" \
        BIBLIOTECA_ALMACENAMIENTO__ESCUCHA="${ALMACEN[n]}" \
        "$2" --role "${1%-*}" >>"$CASA/$1.log" 2>&1 &
    PID[$1]=$!
}

# Every carga answers and has the six actors, each of them reaches the database, one
# almacenamiento has it and the other stands by: as this version sees it.
esta_entera() {
    "$actual" estado --json | python3 -c '
import json, sys
visto = json.load(sys.stdin)
sirve = lambda enlace: enlace["listo"] and enlace["cortacircuitos"] != "ABIERTO"
sys.exit(not (
    visto["en_orden"]
    and len(visto["actores"]) == 6
    and all(len(actor["cargas"]) == 2 for actor in visto["actores"])
    and all(any(map(sirve, actor["almacenamientos"])) for actor in visto["actores"])
    and sorted(a["estado"] or "" for a in visto["almacenamientos"]) == ["en_espera", "listo"]))'
}

esperar_entera() {
    local limite=$((SECONDS + ENTERA_S))
    until esta_entera 2>/dev/null; do
        [ "$SECONDS" -lt "$limite" ] || { "$actual" estado && fallar "no vuelve a estar entera"; }
        sleep 0.2 # between two looks
    done
}

# Every mixture of versions works for a while: each desk gets so many receipts more.
trabajar() {
    local n hasta=() limite=$((SECONDS + ENTERA_S))
    for n in $(seq "$MOSTRADORES"); do hasta[n]=$(($(recibos "$n") + RECIBOS)); done
    for n in $(seq "$MOSTRADORES"); do
        until [ "$(recibos "$n")" -ge "${hasta[n]}" ]; do
            [ "$SECONDS" -lt "$limite" ] || fallar "el mostrador $n no adelanta"
            sleep 0.2 # between two looks
        done
    done
}

recibos() { { cat "$CASA/mostrador-$1"/solicitante/*.recibos.jsonl 2>/dev/null || true; } | wc -l; }

fallar() {
    printf '\nerror: %s\n' "$*" >&2
    exit 1
}

# Works until it is told to close; what a run ends with is kept. Desks take turns in which carga
# they ask first.
atender() { # atender NUMERO PROGRAMA
    local n=$1 programa=$2 salida corrida=""
    trap 'kill "$corrida" 2>/dev/null; exit 1' TERM
    export BIBLIOTECA_NODO__DATOS="$CASA/mostrador-$n"
    export BIBLIOTECA_SOLICITANTE__CARGAS="${CLIENTES[$((n % 2))]},${CLIENTES[$(((n + 1) % 2))]}"
    mkdir -p "$BIBLIOTECA_NODO__DATOS"
    awk -v m="$n" -v hasta="$PRESTAMOS" 'BEGIN { for (i = 0; i < hasta; i++) {
        libro = "Libro" (201 + m * 90 + i); usuario = "mostrador" m "-" i % 8
        print "PRES", libro, usuario; print "RENO", libro, usuario
        print "DEVO", libro, usuario } }' >"$CASA/pedidos-$n.txt"
    while [ ! -e "$CASA/cerrar" ]; do
        salida=0
        "$programa" --role solicitante --archivo "$CASA/pedidos-$n.txt" \
            >>"$CASA/mostrador-$n.log" 2>&1 &
        corrida=$!
        wait "$corrida" || salida=$?
        echo "$salida" >>"$CASA/salidas"
    done
}

reemplazar() { # reemplazar NOMBRE
    local salida=0 desde termino entera
    desde=$(date +%s.%N)
    kill -TERM "${PID[$1]}"
    wait "${PID[$1]}" || salida=$?
    termino=$(date +%s.%N)
    arrancar "$1" "$actual"
    esperar_entera
    entera=$(date +%s.%N)
    printf '   %-20s terminó con %s en %.1f s; todo en orden en %.1f s más\n' "$1" "$salida" \
        "$(bc <<<"$termino - $desde")" "$(bc <<<"$entera - $termino")"
    if [ "$salida" -ne 0 ] || [ "$(bc <<<"$termino - $desde > $SALIDA_S")" = 1 ]; then
        fallar "$1 no terminó como debe"
    fi
}

# The almacenamiento that stands by comes before the one that has the database: so nobody of
# the earlier version has to open what this one may have migrated.
almacenes() {
    local dueno
    dueno=$("$actual" estado --json | python3 -c '
import json, sys
estados = [a["estado"] for a in json.load(sys.stdin)["almacenamientos"]]
print(1 + estados.index("listo"))')
    echo "almacenamiento-$((3 - dueno)) almacenamiento-$dueno"
}

orden_de() { # orden_de CUAL: the names, first to last
    local rol n alm carga=(carga-1 carga-2) actores=()
    read -ra alm <<<"$(almacenes)"
    for n in 1 2; do
        for rol in "${ROLES[@]:1:3}"; do actores+=("$rol-$n"); done
    done
    case $1 in
        almacenamientos) echo "${alm[@]}" "${actores[@]}" "${carga[@]}" ;;
        cargas) echo "${carga[@]}" "${actores[@]}" "${alm[@]}" ;;
        alternos) echo "${alm[0]}" "${actores[@]:0:3}" "${carga[0]}" "${alm[1]}" "${actores[@]:3}" "${carga[1]}" ;;
    esac
}

# "operaciones abiertos" of the database.
cuentas() { "$actual" auditar | sed -n 's/.* guarda \([0-9]*\) operaciones .* y \([0-9]*\) préstamos.*/\1 \2/p'; }

# "operaciones repetidas p50_ms p99_ms mayor_ms" of all receipts.
de_recibos() {
    cat "$CASA"/mostrador-*/solicitante/*.recibos.jsonl | python3 -c '
import json, sys
from datetime import datetime
def hora(texto):
    entero, _, parte = texto.rstrip("Z").partition(".")
    return datetime.fromisoformat(entero).timestamp() + float("0." + (parte or "0"))
recibos = [json.loads(linea) for linea in sys.stdin]
esperas = sorted(hora(r["fin"]) - hora(r["inicio"]) for r in recibos)
cual = lambda parte: 1000 * esperas[min(len(esperas) - 1, int(len(esperas) * parte))]
print(len({r["op_id"] for r in recibos}), sum(r["intentos"] > 1 for r in recibos),
      *("%.0f" % cual(parte) for parte in (0.5, 0.99, 1)))'
}

# What was promised against what is there; one row of the table.
auditar() { # auditar ORDEN OPERACIONES_ANTES ABIERTOS_ANTES
    local recibo con=() dicho malas errores perdidas operaciones repetidas p50 p99 mayor hay abiertos dobles
    for recibo in "$CASA"/mostrador-*/solicitante/*.recibos.jsonl; do con+=(--recibos "$recibo"); done
    dicho=$("$actual" auditar "${con[@]}") || true
    malas=$(grep -c '^  MAL' <<<"$dicho" || true)
    perdidas=$(sed -n 's/^  perdidas \([0-9]*\), cambiadas \([0-9]*\), aplicadas sin deber \([0-9]*\)$/\1+\2+\3/p' <<<"$dicho")
    errores=$(grep -vc '^0$' "$CASA/salidas" || true)
    read -r operaciones repetidas p50 p99 mayor <<<"$(de_recibos)"
    read -r hay abiertos <<<"$(cuentas)"
    # Of each receipt one row, and every book is back.
    dobles=$((hay - $2 - operaciones + abiertos - $3))
    FILAS+=("$1|$operaciones|$repetidas|$p50|$p99|$mayor|$(bc <<<"${perdidas:?}")|$dobles|$errores")
    if [ "$malas" -ne 0 ] || [ "$perdidas" != 0+0+0 ] || [ "$dobles" -ne 0 ] || [ "$errores" -ne 0 ]; then
        MAL=1
        echo "$dicho"
    fi
}

vuelta() { # vuelta ORDEN
    local nombre n programa antes
    paso "$1 primero, en $CARPETA/$1"
    [ "$1" != alternos ] || echo "   (uno de cada rol, y después el otro)"
    CASA=$CARPETA/$1
    CLIENTES=() EVENTOS=() TRABAJO=() ALMACEN=()
    mkdir "$CASA"
    ajustar_biblioteca
    "$anterior" sembrar >"$CASA/sembrar.log" 2>&1 || fallar "la versión anterior no siembra"
    for rol in "${ROLES[@]}"; do
        for n in 1 2; do arrancar "$rol-$n" "$anterior"; done
    done
    esperar_entera
    read -ra antes <<<"$(cuentas)"
    : >"$CASA/salidas"
    for n in $(seq "$MOSTRADORES"); do
        programa=$anterior
        [ $((n % 4)) -lt 2 ] || programa=$actual
        atender "$n" "$programa" &
        PID[mostrador-$n]=$!
    done
    trabajar
    for nombre in $(orden_de "$1"); do
        reemplazar "$nombre"
        trabajar
    done
    touch "$CASA/cerrar"
    for n in $(seq "$MOSTRADORES"); do
        wait "${PID[mostrador-$n]}" || true
        unset "PID[mostrador-$n]"
    done
    auditar "$1" "${antes[@]}"
    for nombre in "${!PID[@]}"; do
        kill -TERM "${PID[$nombre]}"
        wait "${PID[$nombre]}" || fallar "$nombre no terminó en orden"
        unset "PID[$nombre]"
    done
}

[ -z "$de" ] || [ -z "$anterior" ] || morir "o --de o --anterior"
command -v python3 >/dev/null || morir "falta python3"
command -v bc >/dev/null || morir "falta bc"
OBRA=${CARGO_TARGET_DIR:-target}
mkdir -p "$OBRA"
OBRA=$(cd "$OBRA" && pwd)
CARPETA=$(mktemp -d /tmp/biblioteca-actualizacion.XXXXXX)
trap limpiar EXIT
trap 'exit 130' INT TERM
[ -n "$anterior" ] || construir_anterior
if [ -z "$actual" ]; then
    paso "Esta versión"
    cargo build --release --locked
    actual=$OBRA/release/biblioteca
fi
for programa in "$anterior" "$actual"; do [ -x "$programa" ] || morir "no hay programa en $programa"; done
anterior=$(realpath "$anterior")
actual=$(realpath "$actual")
for cual in almacenamientos cargas alternos; do vuelta "$cual"; done

paso "Diez procesos reemplazados en cada vuelta, con $MOSTRADORES mostradores trabajando"
{
    echo "primero|operaciones|repetidas|p50 ms|p99 ms|mayor ms|perdidas|dobles|errores de cliente"
    printf '%s\n' "${FILAS[@]}"
} | column -t -s '|'
[ "$MAL" -eq 0 ] || fallar "se rompió una promesa"
