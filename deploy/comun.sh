# shellcheck shell=bash
# What deploy/test.sh and deploy/demo.sh share: said steps, and the system library.
# Sourced, never run.

# Each step is announced, so that a failure is under the name of what failed.
paso() { printf '\n== %s\n' "$*"; }

# One clear sentence and an exit code of its own.
morir() {
    printf '\nerror: %s\n' "$*" >&2
    exit 2
}

# Runs a command as root: directly, or with sudo when that needs no password.
como_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# The same places as deploy/build.rs.
hay_zmq() {
    local carpeta
    local IFS=:
    for carpeta in /usr/include /usr/local/include ${CPATH:-}; do
        [ -f "$carpeta/zmq.h" ] && return 0
    done
    return 1
}

# The programs of PostgreSQL, in the folder of Debian's newest version or in the PATH: the
# tests start servers of their own.
hay_postgres() {
    local programa
    for programa in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$programa" ] && return 0
    done
    command -v initdb >/dev/null
}

# The Python client of the README, which the tests run as it stands there.
hay_pyzmq() { python3 -c 'import zmq.auth' 2>/dev/null; }

# Debian's own Python wants to be asked twice.
instalar_pyzmq() {
    python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore pyzmq ||
        python3 -m pip install -q --disable-pip-version-check --break-system-packages pyzmq
}

# Prometheus and its promtool: the tests try the alert rules and the dashboard's queries with
# them where they are. Debian starts one when the package is installed; nobody here needs it.
hay_prometheus() {
    command -v prometheus >/dev/null && command -v promtool >/dev/null
}

# The browser that the tests of the pages drive.
hay_navegador() { command -v chromium >/dev/null && command -v chromedriver >/dev/null; }

# Rust, a C compiler (SQLite is built from source) and libzmq's development files; with the
# argument "pruebas", also the PostgreSQL, the browser, the network namespaces and the Python client of
# the tests. Debian makes a cluster of its own when the package is installed; nobody here
# needs it.
preparar() {
    paso "Preparación"
    command -v cargo >/dev/null ||
        morir "falta Rust 1.92 o posterior (cargo no está en el PATH)"
    local faltan=()
    hay_zmq || faltan+=(libzmq3-dev)
    command -v cc >/dev/null || faltan+=(gcc libc6-dev)
    if [ "${1:-}" = pruebas ] && ! hay_postgres; then
        faltan+=(postgresql)
    fi
    if [ "${1:-}" = pruebas ]; then
        command -v ip >/dev/null || faltan+=(iproute2)
        command -v nft >/dev/null || faltan+=(nftables)
        command -v python3 >/dev/null || faltan+=(python3)
        python3 -m pip --version >/dev/null 2>&1 || hay_pyzmq || faltan+=(python3-zmq)
    fi
    if [ "${1:-}" = pruebas ] && ! hay_prometheus; then
        faltan+=(prometheus)
    fi
    if [ "${1:-}" = pruebas ] && ! hay_navegador; then
        faltan+=(chromium chromium-driver)
    fi
    if [ ${#faltan[@]} -gt 0 ]; then
        echo "Se instala: ${faltan[*]}"
        command -v apt-get >/dev/null ||
            morir "faltan ${faltan[*]} y aquí no hay apt-get: instálelos y repita"
        { como_root apt-get update -q && como_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-install-recommends "${faltan[@]}"; } ||
            morir "no se pudo instalar ${faltan[*]}: hágalo como root con apt-get install ${faltan[*]}"
    fi
    hay_zmq || morir "falta zmq.h incluso después de instalar libzmq3-dev"
    if [ "${1:-}" = pruebas ] && ! hay_pyzmq; then
        echo "Se instala: pyzmq"
        instalar_pyzmq || omitido+=("el cliente de Python del README: no se pudo instalar pyzmq")
    fi
    cargo --version
}

# What follows is for a script with a node of its own, in a folder of its own.

# How long the node may take to answer its first request, and to stop, in s.
ESPERA_S=30
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
    # The script shows itself, not this PC's own configuration.
    for variable in "${!BIBLIOTECA_@}" GESTOR_ALMACENAMIENTO_ENDPOINTS GESTOR_CARGA_ADDR; do
        unset "$variable"
    done
    for _ in {1..5}; do
        puertos+=("$(puerto_libre "${puertos[@]+"${puertos[@]}"}")")
    done
    export BIBLIOTECA_NODO__ID="$1"
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

# BIN and DATOS for this profile (release, debug) and this name; ends the node whatever
# happens.
carpeta_propia() {
    local carpeta=${CARGO_TARGET_DIR:-target}
    mkdir -p "$carpeta"
    carpeta=$(cd "$carpeta" && pwd)
    BIN="$carpeta/$1/biblioteca"
    DATOS=$(mktemp -d "$carpeta/$2.XXXXXX")
    trap al_salir EXIT
    trap 'exit 130' INT TERM
    ajustar "$2"
}

# Starts it with these roles and waits until it answers.
arrancar_nodo() {
    "$BIN" --role "$1" >"$DATOS/nodo.log" 2>&1 &
    nodo=$!
    esperar_nodo
}
