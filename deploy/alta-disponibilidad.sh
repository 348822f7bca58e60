#!/usr/bin/env bash
# Three PostgreSQL under Patroni and etcd (Debian's), as plain processes on 127.0.0.1 in a
# folder of its own, from the very templates of deploy/patroni; the library on top of them
# under load; and then what a night brings: the primary killed, its whole host, standbys, etcd.
# Prints how long nothing was confirmed after each and audits every receipt.
#
#   deploy/alta-disponibilidad.sh [REPETICIONES]     # of the two faults with a goal; default 1
#
# Needs root, or to be run as the user postgres; patroni, etcd-server and postgresql.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/comun.sh
. deploy/comun.sh

REPETICIONES=${1:-1}
# Requests under way at once, each at a desk of its own.
MOSTRADORES=8
# Goals, in s: writable again after a crash of the primary, and after the loss of its host.
META_CAIDA_S=8
META_EQUIPO_S=28
# Goal when etcd loses its majority (faults, case 16), the loss itself included: the primary
# goes on while it reaches the other two Patroni (failsafe_mode).
META_ETCD_S=15
# How long the machine may take to become whole again, in s.
ENTERO_S=120

NODOS=(1 2 3)
BIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
PROGRAMA=${BIBLIOTECA:-${CARGO_TARGET_DIR:-target}/release/biblioteca}
CARPETA=""
declare -A PID
# Of the next process of the library.
ARGUMENTOS=()
BASE_PUERTO=0

# A server in the background, as the user that initdb accepts. exec: the number that is kept is
# the server's own, and a kill reaches it.
lanzar() { # lanzar NOMBRE REGISTRO PROGRAMA…
    local nombre=$1 registro=$2 como=(env)
    shift 2
    [ "$(id -u)" -ne 0 ] || como=(setpriv --reuid=postgres --regid=postgres --clear-groups env)
    (exec "${como[@]}" HOME="$CARPETA" "$@") >>"$registro" 2>&1 &
    PID[$nombre]=$!
}

puerto() { echo $((BASE_PUERTO + $1)); } # etcd 1-3, pares 4-6, rest 7-9, postgres 10-12, nodos 20-

lista() { # lista PREFIJO DESDE: addresses of the three, with commas
    local n salida=""
    for n in "${NODOS[@]}"; do
        salida+="${salida:+,}${1//N/$n}127.0.0.1:$(puerto $(($2 + n - 1)))"
    done
    echo "$salida"
}

plantilla() { # plantilla ARCHIVO NODO
    local datos=$CARPETA/pg$2
    sed -e "s|@NODO@|pg$2|g" -e "s|@IP@|127.0.0.1|g" -e "s|@DATOS@|$datos|g" \
        -e "s|@BIN@|$BIN|g" -e "s|@RED@|127.0.0.1/32|g" \
        -e "s|@ETCD@|$(puerto "$2")|g" -e "s|@ETCD_PARES@|$(puerto $((3 + $2)))|g" \
        -e "s|@REST@|$(puerto $((6 + $2)))|g" -e "s|@POSTGRES@|$(puerto $((9 + $2)))|g" \
        -e "s|@MIEMBROS@|$(lista pgN=http:// 4)|g" -e "s|@ETCDS@|$(lista "" 1)|g" \
        -e "s|@CLAVE_[A-Z]*@|simulacro|g" "deploy/patroni/$1" >"$datos/$1"
}

arrancar_etcd() {
    lanzar "etcd$1" "$CARPETA/pg$1/etcd.log" etcd --config-file "$CARPETA/pg$1/etcd.yml"
}

arrancar_patroni() {
    lanzar "patroni$1" "$CARPETA/pg$1/patroni.log" patroni "$CARPETA/pg$1/patroni.yml"
}

matar() { # matar NOMBRE: kill -9 of a process that this script started
    kill -KILL "${PID[$1]}" 2>/dev/null || true
    wait "${PID[$1]}" 2>/dev/null || true
}

# The postmaster's own number, from its own file: it is Patroni's child, not ours.
postmaster() { head -n 1 "$CARPETA/pg$1/postgres/postmaster.pid" 2>/dev/null || true; }

matar_postgres() {
    local pid
    pid=$(postmaster "$1")
    [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
}

sql() { # sql NODO SENTENCIA
    PGPASSWORD=simulacro PGCONNECT_TIMEOUT=1 timeout 3 psql -XqAt -h 127.0.0.1 \
        -p "$(puerto $((9 + $1)))" -U postgres -d postgres -c "$2" 2>/dev/null
}

primario() {
    local n
    for n in "${NODOS[@]}"; do
        if [ "$(sql "$n" 'SELECT pg_is_in_recovery()')" = f ]; then
            echo "$n"
            return
        fi
    done
}

# Whether Patroni has written down who the synchronous one is: until then nobody may take the
# primary's place, whoever replicates.
sincrona_anotada() {
    python3 - "$(puerto 7)" "$(puerto 8)" "$(puerto 9)" <<'FIN'
import json, sys, urllib.request
for puerto in sys.argv[1:]:
    try:
        vista = json.load(urllib.request.urlopen(f"http://127.0.0.1:{puerto}/cluster", timeout=3))
    except OSError:
        continue
    papeles = [miembro["role"] for miembro in vista["members"]]
    sys.exit(0 if "leader" in papeles and "sync_standby" in papeles else 1)
sys.exit(1)
FIN
}

# Three members, one of them synchronous: the state in which a fault is begun.
esperar_entero() {
    local limite=$((SECONDS + ENTERO_S)) n
    while [ "$SECONDS" -lt "$limite" ]; do
        n=$(primario)
        if [ -n "$n" ] && [ "$(sql "$n" "SELECT count(*) || '/' || count(*) FILTER
            (WHERE sync_state IN ('sync', 'quorum')) FROM pg_stat_replication
            WHERE state = 'streaming'")" = 2/1 ] && sincrona_anotada; then
            return
        fi
        sleep 0.3 # between two looks
    done
    tail -n 5 "$CARPETA"/pg?/patroni.log >&2
    morir "los tres PostgreSQL no volvieron a estar completos en $ENTERO_S s; registros en $CARPETA"
}

urls() { # urls USUARIO
    local n salida=""
    for n in "${NODOS[@]}"; do
        salida+="${salida:+,}postgres://$1:simulacro@127.0.0.1:$(puerto $((9 + n)))/biblioteca"
    done
    echo "$salida"
}

nodo() { # nodo NOMBRE ROL CLAVE=VALOR…: a process of the library
    local nombre=$1 rol=$2
    shift 2
    env BIBLIOTECA_NODO__ID="$nombre" BIBLIOTECA_NODO__DATOS="$CARPETA/$nombre" \
        BIBLIOTECA_HTTP__ESCUCHA="" BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS="$(urls biblioteca)" \
        BIBLIOTECA_ACTORES__CARGAS="127.0.0.1:$(puerto 22),127.0.0.1:$(puerto 25)" \
        BIBLIOTECA_ACTORES__ALMACENAMIENTOS="127.0.0.1:$(puerto 26),127.0.0.1:$(puerto 27)" \
        BIBLIOTECA_SOLICITANTE__CARGAS="127.0.0.1:$(puerto 20),127.0.0.1:$(puerto 23)" \
        "$@" "$PROGRAMA" --role "$rol" "${ARGUMENTOS[@]}" >>"$CARPETA/$nombre.log" 2>&1 &
    PID[$nombre]=$!
}

orden() { # orden VERBO…: with the application's rights, or the owner's for migrar
    local quien=biblioteca
    [ "$1" != migrar ] || quien=biblioteca_duena
    BIBLIOTECA_NODO__DATOS="$CARPETA/orden" BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS="$(urls $quien)" \
        BIBLIOTECA_ACTORES__CARGAS="127.0.0.1:$(puerto 22),127.0.0.1:$(puerto 25)" \
        BIBLIOTECA_ACTORES__ALMACENAMIENTOS="127.0.0.1:$(puerto 26),127.0.0.1:$(puerto 27)" \
        BIBLIOTECA_SOLICITANTE__CARGAS="127.0.0.1:$(puerto 20),127.0.0.1:$(puerto 23)" \
        "$PROGRAMA" "$@"
}

# Ends what this script started, each by its own number.
al_salir() {
    local codigo=$? nombre n
    trap - EXIT
    for nombre in "${!PID[@]}"; do
        case $nombre in patroni*) kill -KILL "${PID[$nombre]}" 2>/dev/null || true ;; esac
    done
    for n in "${NODOS[@]}"; do matar_postgres "$n"; done
    for nombre in "${!PID[@]}"; do kill -KILL "${PID[$nombre]}" 2>/dev/null || true; done
    wait 2>/dev/null || true
    if [ "$codigo" -eq 0 ]; then rm -rf "$CARPETA"; else echo "Registros: $CARPETA" >&2; fi
    exit "$codigo"
}

preparar_servidores() {
    local n
    for n in "${NODOS[@]}"; do
        mkdir -p "$CARPETA/pg$n"
        plantilla etcd.yml "$n"
        plantilla patroni.yml "$n"
    done
    [ "$(id -u)" -ne 0 ] || chown -R postgres:postgres "$CARPETA"
    chmod 755 "$CARPETA"
    paso "Tres etcd y tres PostgreSQL con Patroni, en $CARPETA"
    for n in "${NODOS[@]}"; do arrancar_etcd "$n"; done
    for n in "${NODOS[@]}"; do arrancar_patroni "$n"; done
    esperar_entero
    n=$(primario)
    PGPASSWORD=simulacro psql -Xq -v ON_ERROR_STOP=1 -v clave_duena="'simulacro'" \
        -v clave="'simulacro'" -h 127.0.0.1 -p "$(puerto $((9 + n)))" -U postgres -d postgres \
        -f deploy/postgres/roles.sql >/dev/null
    orden migrar
    orden sembrar
}

preparar_biblioteca() {
    local n
    paso "La biblioteca: dos cargas, dos almacenamientos, dos actores de cada clase"
    for n in 1 2; do
        nodo "almacen$n" almacenamiento \
            BIBLIOTECA_ALMACENAMIENTO__ESCUCHA="127.0.0.1:$(puerto $((25 + n)))"
        nodo "carga$n" carga BIBLIOTECA_CARGA__CLIENTES="127.0.0.1:$(puerto $((17 + 3 * n)))" \
            BIBLIOTECA_CARGA__EVENTOS="127.0.0.1:$(puerto $((18 + 3 * n)))" \
            BIBLIOTECA_CARGA__TRABAJO="127.0.0.1:$(puerto $((19 + 3 * n)))"
        nodo "actores$n" actor-prestamo,actor-devolucion,actor-renovacion
    done
    # Users and books of each desk are its own, so that nearly all loans are granted.
    for n in $(seq "$MOSTRADORES"); do
        mkdir -p "$CARPETA/mostrador$n"
        awk -v m="$n" 'BEGIN { for (i = 1; i <= 200000; i++) {
            libro = "Libro" (201 + (m - 1) * 90 + i % 90); usuario = "m" m "-" i % 900
            print "PRES", libro, usuario; print (i % 5 ? "DEVO" : "RENO"), libro, usuario
            if (i % 5 == 0) print "DEVO", libro, usuario } }' >"$CARPETA/mostrador$n/pedidos.txt"
        ARGUMENTOS=(--archivo "$CARPETA/mostrador$n/pedidos.txt")
        nodo "mostrador$n" solicitante
    done
}

# The longest time without a confirmed loan since $1 (s since 1970), and whether one came after.
hueco() {
    cat "$CARPETA"/mostrador*/solicitante/*.recibos.jsonl | python3 -c '
import json, sys
from datetime import datetime
desde, fines = float(sys.argv[1]), []
for linea in sys.stdin:
    try:
        recibo = json.loads(linea)
    except ValueError:
        continue
    if recibo["estado"] == "CONFIRMADO" and recibo["operacion"] == "prestamo":
        fin = recibo["fin"].replace("Z", "")
        fin = (fin.split(".")[0], (fin.split(".") + ["0"])[1][:6].ljust(6, "0"))
        fin = datetime.strptime(".".join(fin) + "+0000", "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
        if fin > desde:
            fines.append(fin)
fines = [desde] + sorted(fines)
saltos = [b - a for a, b in zip(fines, fines[1:])]
print("%.1f %d" % (max(saltos, default=-1), len(saltos)))' "$1"
}

ahora() { date +%s.%N; }

# Waits until loans are confirmed again for 2 s after $1, at most $2 s.
esperar_confirmados() {
    local limite=$((SECONDS + $2))
    while [ "$SECONDS" -lt "$limite" ]; do
        sleep 2 # a window to look at
        [ "$(hueco "$(echo "$(ahora) - 1.5" | bc)" | cut -d' ' -f2)" -eq 0 ] || return 0
    done
    return 0
}

FILAS=()
MAL=0
anotar() { # anotar QUE META DESDE LINEA_ANTES: one row of the table
    local salto cuantas n linea veredicto=bien
    read -r salto cuantas <<<"$(hueco "$3")"
    n=$(primario)
    linea=$(sql "${n:-1}" 'SELECT substring(pg_walfile_name(pg_current_wal_lsn()) FOR 8)' || echo '?')
    if [ "$cuantas" -eq 0 ] || [ "$(echo "$salto > $2" | bc)" = 1 ]; then
        veredicto="NO CUMPLE"
        MAL=1
    fi
    FILAS+=("$1|$salto|$2|$4 → $((16#${linea:-0}))|$veredicto")
    printf '   %s: %s s sin confirmar (meta %s), %s\n' "$1" "$salto" "$2" "$veredicto"
}

linea_de() { echo $((16#$(sql "$1" 'SELECT substring(pg_walfile_name(pg_current_wal_lsn()) FOR 8)'))); }

caida_del_primario() {
    local n linea t
    esperar_entero
    n=$(primario) linea=$(linea_de "$n") t=$(ahora)
    matar_postgres "$n"
    esperar_confirmados "$t" 40
    anotar "kill -9 del primario" "$META_CAIDA_S" "$t" "$linea"
}

equipo_perdido() {
    local n linea t
    esperar_entero
    n=$(primario) linea=$(linea_de "$n") t=$(ahora)
    matar "patroni$n"
    matar_postgres "$n"
    matar "etcd$n"
    esperar_confirmados "$t" 60
    anotar "su equipo entero (patroni, postgres, etcd)" "$META_EQUIPO_S" "$t" "$linea"
    arrancar_etcd "$n"
    arrancar_patroni "$n"
}

replica_sincrona() {
    local n linea t sincrona
    esperar_entero
    n=$(primario) linea=$(linea_de "$n")
    sincrona=$(sql "$n" "SELECT substring(application_name FROM '.$') FROM pg_stat_replication
        WHERE sync_state = 'sync'") t=$(ahora)
    matar "patroni$sincrona"
    matar_postgres "$sincrona"
    esperar_confirmados "$t" 60
    anotar "kill -9 de la réplica síncrona" "$META_CAIDA_S" "$t" "$linea"
    arrancar_patroni "$sincrona"
}

# Which of the three leads the others.
jefe_de_etcd() {
    python3 - "$(puerto 1)" "$(puerto 2)" "$(puerto 3)" <<'FIN'
import json, sys, time, urllib.request
limite = time.monotonic() + 30
while time.monotonic() < limite:
    for n, puerto in enumerate(sys.argv[1:], 1):
        pide = urllib.request.Request(f"http://127.0.0.1:{puerto}/v3/maintenance/status", b"{}")
        try:
            estado = json.load(urllib.request.urlopen(pide, timeout=5))
        except OSError:
            continue
        if estado["leader"] == estado["header"]["member_id"]:
            print(n)
            sys.exit()
    time.sleep(0.2)  # between two looks
sys.exit("ningún etcd manda")
FIN
}

etcd_minoria() { # etcd_minoria QUE N
    local n linea t
    esperar_entero
    n=$(primario) linea=$(linea_de "$n") t=$(ahora)
    matar "etcd$2"
    sleep 10 # the fault itself
    anotar "kill -9 de $1, 10 s" "$META_CAIDA_S" "$t" "$linea"
    arrancar_etcd "$2"
}

etcd_mayoria() {
    local n linea t
    esperar_entero
    n=$(primario) linea=$(linea_de "$n") t=$(ahora)
    matar etcd1
    matar etcd2
    sleep 30 # the fault itself
    arrancar_etcd 1
    arrancar_etcd 2
    esperar_confirmados "$(ahora)" 60
    anotar "mayoría de etcd perdida 30 s" "$META_ETCD_S" "$t" "$linea"
}

[ -x "$PROGRAMA" ] || morir "falta $PROGRAMA: cargo build --release --locked (o BIBLIOTECA=RUTA)"
for programa in patroni etcd psql python3 bc; do
    command -v "$programa" >/dev/null ||
        morir "falta $programa: apt-get install patroni etcd-server postgresql python3 bc"
done
CARPETA=$(mktemp -d /tmp/biblioteca-ad.XXXXXX)
BASE_PUERTO=$((20000 + (RANDOM % 200) * 50))
trap al_salir EXIT
trap 'exit 130' INT TERM
preparar_servidores
preparar_biblioteca
esperar_confirmados "$(ahora)" 60
orden estado || true

paso "Averías, con $MOSTRADORES mostradores prestando"
for _ in $(seq "$REPETICIONES"); do
    caida_del_primario
    equipo_perdido
done
replica_sincrona
jefe=$(jefe_de_etcd)
etcd_minoria "un etcd cualquiera" $((jefe % 3 + 1))
etcd_minoria "el etcd que manda" "$(jefe_de_etcd)"
etcd_mayoria
esperar_entero

paso "Cierre: los mostradores terminan y se audita cada recibo"
for n in $(seq "$MOSTRADORES"); do kill -TERM "${PID[mostrador$n]}" 2>/dev/null || true; done
for n in $(seq "$MOSTRADORES"); do wait "${PID[mostrador$n]}" 2>/dev/null || true; done
recibos=()
for archivo in "$CARPETA"/mostrador*/solicitante/*.recibos.jsonl; do recibos+=(--recibos "$archivo"); done
auditoria=0
orden auditar "${recibos[@]}" || auditoria=$?

paso "Resultado"
{
    echo "avería|s sin confirmar|meta|línea|"
    printf '%s\n' "${FILAS[@]}"
} | column -t -s '|'
[ "$auditoria" -eq 0 ] || morir "la auditoría terminó con $auditoria"
[ "$MAL" -eq 0 ] || morir "alguna meta no se cumplió"
