#!/usr/bin/env bash
# How fast the full path is, as ratios within one run: a PostgreSQL of its own (fsync and
# synchronous_commit on), pgbench on the equivalent loan, and the library's processes on the
# same server and on SQLite, the measurements taken in turns so that a noisy machine is noisy
# for all of them.
#
#   deploy/velocidad.sh [--fijado] [--vueltas N] [--segundos S]
#   deploy/velocidad.sh --crecimiento [--libros "1000 100000 1000000"] [--operaciones 1000000]
#   deploy/velocidad.sh --sobrecarga [--vueltas N] [--segundos S]
#
# --fijado pins every process to the first core. Needs root, or the user postgres.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/comun.sh
. deploy/comun.sh

VUELTAS=3
SEGUNDOS=6
FIJADO=()
QUE=comparar
LISTA_LIBROS="1000 100000 1000000"
OPERACIONES=1000000
while [ $# -gt 0 ]; do
    case $1 in
        --fijado) FIJADO=(taskset -c 0) ;;
        --vueltas) VUELTAS=$2 && shift ;;
        --segundos) SEGUNDOS=$2 && shift ;;
        --crecimiento) QUE=crecer ;;
        --sobrecarga) QUE=inundar ;;
        --libros) LISTA_LIBROS=$2 && shift ;;
        --operaciones) OPERACIONES=$2 && shift ;;
        *) morir "no se entiende $1" ;;
    esac
    shift
done

BIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
SALIDA=${CARGO_TARGET_DIR:-target}/release
PROGRAMA=$SALIDA/biblioteca
DISPAROS=$SALIDA/examples/disparos
CARPETA=""
declare -A PID=()
# How long a process may take to be ready, in s.
ESPERA_S=60

# What comes before a server's program, which refuses root.
COMO=(env)
[ "$(id -u)" -ne 0 ] || COMO=(setpriv --reuid=postgres --regid=postgres --clear-groups)

al_salir() {
    local codigo=$? nombre
    trap - EXIT
    for nombre in "${!PID[@]}"; do
        [ "$nombre" = postgres ] || kill -KILL "${PID[$nombre]}" 2>/dev/null || true
    done
    [ -z "${PID[postgres]:-}" ] || kill -INT "${PID[postgres]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$CARPETA"
    exit "$codigo"
}

arrancar_postgres() {
    chmod 755 "$CARPETA"
    mkdir "$CARPETA/pg"
    [ "$(id -u)" -ne 0 ] || chown postgres:postgres "$CARPETA/pg"
    "${COMO[@]}" "$BIN/initdb" -D "$CARPETA/pg/datos" -U postgres -A trust -E UTF8 --locale=C \
        >/dev/null
    # What any server of some size has; durability is PostgreSQL's own default.
    "${COMO[@]}" "${FIJADO[@]}" "$BIN/postgres" -D "$CARPETA/pg/datos" -k "$CARPETA/pg" \
        -c listen_addresses= -c shared_buffers=512MB -c max_wal_size=8GB \
        -c checkpoint_timeout=30min -c max_connections=100 >"$CARPETA/postgres.log" 2>&1 &
    PID[postgres]=$!
    local limite=$((SECONDS + ESPERA_S))
    until "$BIN/pg_isready" -q -h "$CARPETA/pg"; do
        [ "$SECONDS" -lt "$limite" ] || morir "PostgreSQL no arranca: $(tail -n 5 "$CARPETA/postgres.log")"
        sleep 0.1
    done
    "$BIN/psql" -Xq -v ON_ERROR_STOP=1 -v clave_duena="'v'" -v clave="'v'" -h "$CARPETA/pg" \
        -U postgres -d postgres -f deploy/postgres/roles.sql >/dev/null
    BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS="$(url biblioteca_duena)" \
        BIBLIOTECA_NODO__DATOS="$CARPETA/orden" "$PROGRAMA" migrar >/dev/null
    sql -f deploy/velocidad/funciones.sql
}

sql() { "$BIN/psql" -XqAt -v ON_ERROR_STOP=1 -h "$CARPETA/pg" -U postgres -d biblioteca "$@"; }

url() { echo "postgres://$1@${CARPETA//\//%2F}%2Fpg/biblioteca"; }

# The books of a measurement: V1…, each with so many copies that what a run leaves lent does
# not exhaust a book.
sembrar_pg() {
    local libros=$1 copias=40
    [ "$libros" -le 1000 ] || copias=4
    sql -c "INSERT INTO sedes VALUES ('sede1') ON CONFLICT DO NOTHING;
        INSERT INTO libros SELECT 'V' || n, 'Libro ' || n, NULL, 'libro ' || n
            FROM generate_series(1, $libros) n ON CONFLICT DO NOTHING;
        INSERT INTO ejemplares SELECT 'V' || n || '-' || k, 'V' || n, 'sede1', 'en_servicio'
            FROM generate_series(1, $libros) n, generate_series(1, $copias) k
            ON CONFLICT DO NOTHING" -c "VACUUM ANALYZE"
}

sembrar_sqlite() {
    awk -v n="$1" 'BEGIN { print "isbn,titulo,sede,ejemplares"
        for (i = 1; i <= n; i++) print "V" i ",Libro " i ",sede1,40" }' >"$CARPETA/catalogo.csv"
    BIBLIOTECA_NODO__DATOS="$CARPETA/orden" \
        BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS="sqlite:$CARPETA/sqlite/b.db" \
        "$PROGRAMA" catalogo importar "$CARPETA/catalogo.csv" >/dev/null
}

# Unanswered requests that a connection, and that all together may have.
POR_CONEXION=4096
EN_VUELO=8192

# What comes before a client's program.
CORTESIA=(env)

# A carga, an actor process of each kind and an almacenamiento, on the given database.
biblioteca() { # biblioteca NOMBRE URL
    local nombre=$1 rol
    local entorno=(
        BIBLIOTECA_ALMACENAMIENTO__BASE_DATOS="$2" BIBLIOTECA_HTTP__ESCUCHA=
        BIBLIOTECA_CARGA__CLIENTES="127.0.0.1:$(puerto_libre)"
        BIBLIOTECA_CARGA__EVENTOS="127.0.0.1:$(puerto_libre)"
        BIBLIOTECA_CARGA__TRABAJO="127.0.0.1:$(puerto_libre)"
        BIBLIOTECA_ALMACENAMIENTO__ESCUCHA="127.0.0.1:$(puerto_libre)"
        BIBLIOTECA_CARGA__POR_CONEXION_MAX="$POR_CONEXION"
        # One connection may have a tenth of it undecided, and the measuring client is one: what
        # is measured is how fast the diario takes, not when it has enough.
        BIBLIOTECA_CARGA__DIARIO_MAX=10000000
        BIBLIOTECA_CARGA__EN_VUELO_MAX="$EN_VUELO" RUST_LOG=warn
    )
    entorno+=(BIBLIOTECA_ACTORES__CARGAS="${entorno[4]#*=}"
        BIBLIOTECA_ACTORES__ALMACENAMIENTOS="${entorno[5]#*=}")
    CLIENTES[$nombre]=tcp://${entorno[2]#*=}
    for rol in carga almacenamiento actor-prestamo actor-devolucion; do
        env "${entorno[@]}" BIBLIOTECA_NODO__DATOS="$CARPETA/$nombre-$rol" \
            "${FIJADO[@]}" "$PROGRAMA" --role "$rol" >>"$CARPETA/$nombre-$rol.log" 2>&1 &
        PID[$nombre-$rol]=$!
    done
    # One request proves the path; a renewal's actor is not needed.
    local limite=$((SECONDS + ESPERA_S)) dicho=""
    until dicho=$("$DISPAROS" "${CLIENTES[$nombre]}" 1 1 1 sincrono 2>&1) &&
        [ "${dicho%% *}" -gt 0 ] 2>/dev/null; do
        [ "$SECONDS" -lt "$limite" ] ||
            morir "no arranca: $dicho; $(tail -n 5 "$CARPETA/$nombre"-*.log)"
    done
}

parar_biblioteca() {
    local rol
    for rol in carga almacenamiento actor-prestamo actor-devolucion; do
        kill -TERM "${PID[$1-$rol]}" 2>/dev/null || true
        wait "${PID[$1-$rol]}" 2>/dev/null || true
        unset "PID[$1-$rol]"
    done
}

# Every measurement gives "por_segundo p50_µs p99_µs negadas otras", a client's also p50 and p99
# of the others.
banco() { # banco GUION CLIENTES LIBROS
    rm -f "$CARPETA"/pgb.*
    (cd "$CARPETA" && "${FIJADO[@]}" "$BIN/pgbench" -n -M prepared -c "$2" -j 1 -T "$SEGUNDOS" \
        -D debe=0 -D "libros=$3" -f "$AQUI/deploy/velocidad/$1.sql" -l --log-prefix=pgb \
        -h "$CARPETA/pg" -U postgres biblioteca >pgbench.txt 2>&1) ||
        morir "pgbench: $(grep -m 3 -iE "error|abort" "$CARPETA/pgbench.txt")"
    cat "$CARPETA"/pgb.* | awk '{ print $3 }' | sort -n | awk -v s="$SEGUNDOS" '{ a[NR] = $1 }
        END { printf "%d %d %d 0 0\n", NR / s, a[int(NR * .5) + 1], a[int(NR * .99) + 1] }'
}

camino() { # camino NOMBRE EN_VUELO LIBROS MODO
    "${CORTESIA[@]}" "${FIJADO[@]}" "$DISPAROS" "${CLIENTES[$1]}" "$2" "$SEGUNDOS" "$3" "$4"
}

# Waits until nothing of the diario is left to decide: it would be decided beside what is
# measured next.
hasta_decidirlo_todo() {
    local antes="" ahora
    until ahora=$(sql -c "SELECT count(*) FROM operaciones") && [ "$ahora" = "$antes" ]; do
        antes=$ahora
        sleep 1
    done
}

mib() { awk '/VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/${PID[$1]}/status"; }

# The median of each column of the lines on standard input.
mediana() {
    awk '{ for (c = 1; c <= NF; c++) v[c, NR] = $c } END { for (c = 1; c <= NF; c++) {
        for (i = 1; i <= NR; i++) for (j = i + 1; j <= NR; j++)
            if (v[c, j] + 0 < v[c, i] + 0) { t = v[c, i]; v[c, i] = v[c, j]; v[c, j] = t }
        printf "%s%s", v[c, int((NR + 1) / 2)], c < NF ? " " : "\n" } }'
}

cociente() { # cociente "cifras" "cifras" CAMPO CAMPO
    awk -v a="$(cut -d' ' -f"$3" <<<"$1")" -v b="$(cut -d' ' -f"$4" <<<"$2")" \
        'BEGIN { printf "%.3f", (b > 0) ? a / b : 0 }'
}

fila() { # fila ETIQUETA "cifras"
    local cifras
    read -ra cifras <<<"$2"
    printf '%s|%s|%.2f|%.2f|%s|%s\n' "$1" "${cifras[0]}" "$(bc -l <<<"${cifras[1]} / 1000")" \
        "$(bc -l <<<"${cifras[2]} / 1000")" "${cifras[3]}" "${cifras[4]}"
}

comparar() {
    local libros=1000 vuelta caso
    # One client is never just before many on the same carga: for a second after it asked, it is
    # counted among those who ask for little, and whoever asks for much has a small share.
    local casos=("banco prestamo 1" "camino pg 1 sincrono" "banco prestamo 32"
        "camino pg 256 sincrono" "camino sqlite 1 sincrono" "banco funcion 1"
        "camino pg 1 asincrono" "banco funcion 32" "camino sqlite 256 sincrono"
        "camino pg 256 asincrono")
    local -A linea=()
    sembrar_pg "$libros"
    sembrar_sqlite "$libros"
    biblioteca pg "$(url biblioteca)"
    biblioteca sqlite "sqlite:$CARPETA/sqlite/b.db"
    for vuelta in $(seq "$VUELTAS"); do
        for caso in "${casos[@]}"; do
            read -ra partes <<<"$caso"
            linea[$caso]+="$("${partes[0]}" "${partes[1]}" "${partes[2]}" "$libros" "${partes[3]:-}")"$'\n'
            printf '   vuelta %s, %s: %s\n' "$vuelta" "$caso" "$(tail -n 1 <<<"${linea[$caso]%$'\n'}")"
            [ "${partes[3]:-}" != asincrono ] || hasta_decidirlo_todo
        done
    done
    paso "Medianas de $VUELTAS vueltas de $SEGUNDOS s${FIJADO[*]:+, todo en un núcleo}"
    for caso in "${casos[@]}"; do
        linea[$caso]=$(grep . <<<"${linea[$caso]}" | mediana)
    done
    {
        echo "caso|por segundo|p50 ms|p99 ms|negadas|otras"
        for caso in "${casos[@]}"; do
            fila "$caso" "${linea[$caso]}"
        done
    } | column -t -s '|'
    paso "Proporciones"
    razon() { # razon QUE NUMERADOR DENOMINADOR CAMPO META
        printf '%s|%.2f|%s\n' "$1" "$(cociente "${linea[$2]}" "${linea[$3]}" "$4" "$4")" "$5"
    }
    cola() { cociente "${linea[$1]}" "${linea[$1]}" 3 2; }
    {
        echo "qué|proporción|meta"
        razon "camino síncrono, 256 en vuelo / pgbench de sentencias, 32" \
            "camino pg 256 sincrono" "banco prestamo 32" 1 "≥ 3"
        razon "camino síncrono, 256 en vuelo / pgbench de función, 32" \
            "camino pg 256 sincrono" "banco funcion 32" 1 ""
        razon "p50 con un cliente / p50 de pgbench con uno" \
            "camino pg 1 sincrono" "banco prestamo 1" 2 "≤ 1"
        printf 'p99/p50 con 256 / p99/p50 de pgbench con 32|%.2f|≤ 2\n' \
            "$(bc -l <<<"$(cola "camino pg 256 sincrono") / $(cola "banco prestamo 32")")"
        razon "p50 de ENCOLADO / p50 de CONFIRMADO, 256 en vuelo" \
            "camino pg 256 asincrono" "camino pg 256 sincrono" 2 "≤ 0.5"
        razon "ritmo de ENCOLADO / ritmo de CONFIRMADO, 256 en vuelo" \
            "camino pg 256 asincrono" "camino pg 256 sincrono" 1 "≥ 1"
        razon "SQLite / PostgreSQL, 256 en vuelo" \
            "camino sqlite 256 sincrono" "camino pg 256 sincrono" 1 ""
    } | column -t -s '|'
    paso "Memoria residente máxima (meta: ≤ 64 MiB por papel)"
    for rol in carga actor-prestamo actor-devolucion almacenamiento; do
        printf '%s|%s MiB en PostgreSQL|%s MiB en SQLite\n' "$rol" "$(mib "pg-$rol")" "$(mib "sqlite-$rol")"
    done | column -t -s '|'
}

# One more row of `tabla` for each number of requests under way, with so many books.
escalar() { # escalar LIBROS
    local cuantos libros=$1 base
    biblioteca pg "$(url biblioteca)"
    for cuantos in 1 8 64 512 4096; do
        base="$libros libros, $(sql -c 'SELECT count(*) FROM operaciones') operaciones"
        tabla+=$(fila "$base|$cuantos" "$(camino pg "$cuantos" "$libros" sincrono)")$'\n'
        tail -n 2 <<<"$tabla" | head -n 1
    done
    parar_biblioteca pg
}

crecer() {
    local libros tabla=""
    for libros in $LISTA_LIBROS; do
        sembrar_pg "$libros"
        escalar "$libros"
    done
    paso "Se añaden $OPERACIONES filas a operaciones"
    sql -c "INSERT INTO operaciones (op_id, tipo, cuerpo_hash, estado, resultado, isbn, usuario, sede, creada_en)
        SELECT 'vieja-' || gen_random_uuid(), 'prestamo', repeat('0', 64), 'CONFIRMADO',
            repeat('x', 300), 'V1', 'nadie', 'sede1', '2026-01-01T00:00:00.000Z'
        FROM generate_series(1, $OPERACIONES)" -c "VACUUM ANALYZE operaciones"
    escalar "${LISTA_LIBROS##* }"
    paso "Cómo crece el coste (síncrono, PostgreSQL, ${SEGUNDOS} s cada fila${FIJADO[*]:+, todo en un núcleo})"
    { echo "base|en vuelo|por segundo|p50 ms|p99 ms|negadas|otras" && echo "$tabla"; } | grep . | column -t -s '|'
    sql -c "SELECT 'Bytes por fila, con sus índices: operaciones ' ||
        pg_total_relation_size('operaciones') / (SELECT count(*) FROM operaciones) ||
        ', prestamos ' || pg_total_relation_size('prestamos') / (SELECT count(*) FROM prestamos) ||
        ', historial ' || pg_total_relation_size('historial') / (SELECT count(*) FROM historial) ||
        ', ejemplares ' || pg_total_relation_size('ejemplares') / (SELECT count(*) FROM ejemplares)"
}

# So many connections with so many requests under way each, added up: "por_segundo p99_buenas
# otras p50_otras p99_otras", the times of the worst connection, in µs.
varias() { # varias NOMBRE CONEXIONES EN_VUELO LIBROS
    local cliente clientes=()
    rm -f "$CARPETA"/varias.*
    for cliente in $(seq "$2"); do
        camino "$1" "$3" "$4" sincrono >"$CARPETA/varias.$cliente" &
        clientes+=($!)
    done
    for cliente in "${clientes[@]}"; do
        wait "$cliente" || { kill "${clientes[@]}" 2>/dev/null; morir "un cliente terminó antes de tiempo"; }
    done
    cat "$CARPETA"/varias.* | awk '{ s += $1; o += $5; for (c = 3; c <= 7; c++) if ($c > m[c]) m[c] = $c }
        END { printf "%d %d %d %d %d\n", s, m[3], o, m[6], m[7] }'
}

# Fault case 33: eight connections with what one commit takes under way between them, and with
# ten times that, each repeating what is refused without a pause. The two take turns, and each
# overload is compared with the peaks on both sides of it: an overload leaves nothing behind, and
# a machine that slows down meanwhile is not taken for one. The clients leave the cores to what
# they measure, as they would from other PCs.
inundar() {
    local libros=1000 vez en_vuelo dicho cifras tabla="" papel ritmos=()
    POR_CONEXION=512 EN_VUELO=4096 CORTESIA=(nice -n 19)
    sembrar_pg "$libros"
    biblioteca pg "$(url biblioteca)"
    for vez in $(seq 0 "$((2 * VUELTAS))"); do
        en_vuelo=$((vez % 2 ? 640 : 64))
        dicho=$(varias pg 8 "$en_vuelo" "$libros") || exit
        read -ra cifras <<<"$dicho"
        ritmos+=("${cifras[0]}")
        [ "${cifras[0]}" -gt 0 ] || morir "no se decidió nada con $((8 * en_vuelo)) en vuelo"
        tabla+="$((8 * en_vuelo))|${cifras[0]}|$(bc -l <<<"scale=1; ${cifras[1]} / 1000")"
        tabla+="|${cifras[2]}|$(bc -l <<<"scale=1; ${cifras[3]} / 1000")"
        tabla+="|$(bc -l <<<"scale=1; ${cifras[4]} / 1000")"$'\n'
    done
    paso "Lo que cabe y diez veces lo que cabe, por turnos, ${SEGUNDOS} s cada fila${FIJADO[*]:+, todo en un núcleo}"
    {
        echo "en vuelo|decididas/s|p99 ms|no tomadas|p50 ms|p99 ms (meta: ≤ 50)"
        echo "$tabla"
    } | grep . | column -t -s '|'
    paso "Decididas con diez veces lo que cabe / con lo que cabe, antes y después (meta: ≥ 0.9)"
    for vez in $(seq 1 2 "$((2 * VUELTAS - 1))"); do
        printf '%.2f\n' "$(bc -l <<<"2 * ${ritmos[vez]} / (${ritmos[vez - 1]} + ${ritmos[vez + 1]})")"
    done | sort -n | awk '{ printf "%s ", $1; v[NR] = $1 } END { print "mediana", v[int((NR + 1) / 2)] }'
    paso "Memoria residente máxima (meta: ≤ 256 MiB por papel)"
    for papel in carga actor-prestamo actor-devolucion almacenamiento; do
        printf '%s|%s MiB\n' "$papel" "$(mib "pg-$papel")"
    done | column -t -s '|'
}

declare -A CLIENTES=()
AQUI=$PWD
{ [ -x "$PROGRAMA" ] && [ -x "$DISPAROS" ]; } ||
    morir "faltan programas: cargo build --release --locked --bin biblioteca --example disparos"
[ "${SALIDA#/}" != "$SALIDA" ] || { PROGRAMA=$AQUI/$PROGRAMA && DISPAROS=$AQUI/$DISPAROS; }
CARPETA=$(mktemp -d /tmp/biblioteca-velocidad.XXXXXX)
trap al_salir EXIT
trap 'exit 130' INT TERM
paso "PostgreSQL, $(nproc) núcleos${FIJADO[*]:+ (se usa uno)}"
arrancar_postgres
"$QUE"
