#!/usr/bin/env bash
# Construye la imagen biblioteca:local.
#
#   deploy/imagen.sh                                   con las bases de un registro de imágenes
#   deploy/imagen.sh --sin-registro                    con una base Debian hecha aquí (debootstrap)
#   deploy/imagen.sh --sin-registro --binario RUTA     y además con un ejecutable ya construido
#
# Sin registro no hay imagen con Rust: el ejecutable se construye fuera, con cargo. Para eso
# este equipo debe ser el mismo Debian que la base. Honra CARGO_TARGET_DIR.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/comun.sh
. deploy/comun.sh

BASE_LOCAL=biblioteca-base:local
sin_registro=
binario=
while [ $# -gt 0 ]; do
    case "$1" in
        --sin-registro) sin_registro=si ;;
        --binario) shift; binario=${1:?falta la ruta del ejecutable} ;;
        *) morir "no se entiende '$1': deploy/imagen.sh [--sin-registro [--binario RUTA]]" ;;
    esac
    shift
done

# Un Debian mínimo con lo que la imagen necesita, sin ningún registro.
hacer_base() {
    docker image inspect "$BASE_LOCAL" >/dev/null 2>&1 && return
    paso "Base Debian (debootstrap)"
    command -v debootstrap >/dev/null || como_root apt-get install -y -q debootstrap ||
        morir "falta debootstrap"
    local raiz
    raiz=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$raiz'" RETURN
    # shellcheck source=/dev/null
    como_root debootstrap --variant=minbase --include=libzmq5,ca-certificates \
        "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$raiz/sistema" >"$raiz/registro" ||
        { tail -n 20 "$raiz/registro" >&2; morir "debootstrap no pudo hacer la base"; }
    tar -C "$raiz/sistema" -c . | docker import - "$BASE_LOCAL" >/dev/null
}

docker info >/dev/null 2>&1 ||
    morir "aquí no responde ningún motor de contenedores (docker)"
contexto=$(mktemp -d)
trap 'rm -rf "$contexto"' EXIT
opciones=()
if [ -n "$sin_registro" ]; then
    hacer_base
    opciones=(--build-arg "BASE_RUST=$BASE_LOCAL" --build-arg "BASE=$BASE_LOCAL")
    if [ -z "$binario" ]; then
        paso "Ejecutable"
        cargo build --release --locked
        binario=${CARGO_TARGET_DIR:-target}/release/biblioteca
    fi
fi
paso "Imagen"
git ls-files -z | tar --null -T - -c | tar -C "$contexto" -x
if [ -n "$binario" ]; then
    install -D "$binario" "$contexto/precompilado/biblioteca"
fi
docker build -q -f deploy/Dockerfile -t biblioteca:local "${opciones[@]}" "$contexto"
