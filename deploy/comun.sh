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

# Rust, a C compiler (SQLite is built from source) and libzmq's development files; with the
# argument "pruebas", also the PostgreSQL that the tests start, network namespaces and pyzmq. Debian makes a cluster of its
# own when the package is installed; nobody here needs it.
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
