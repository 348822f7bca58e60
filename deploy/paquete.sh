#!/usr/bin/env bash
# Construye el paquete de Debian y dice dónde queda.
#
#   deploy/paquete.sh             lo construye
#   deploy/paquete.sh --probar    y lo instala, lo arranca y lo purga en un Debian aparte
#
# Necesita cargo-deb (cargo install cargo-deb); para probarlo, root y debootstrap. Honra
# CARGO_TARGET_DIR.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/comun.sh
. deploy/comun.sh

destino=${CARGO_TARGET_DIR:-target}

construir() {
    command -v cargo-deb >/dev/null || morir "falta cargo-deb: cargo install cargo-deb"
    paso "Ejecutable"
    cargo build --release --locked
    paso "Página de manual y completados"
    rm -rf "$destino/release/manual"
    "$destino/release/biblioteca" manual "$destino/release/manual"
    gzip -9n "$destino/release/manual/"*.1
    paso "Paquete"
    paquete=$(cargo deb --no-build | tail -n 1)
    dpkg-deb --info "$paquete" | sed -n 's/^ \(Package\|Version\|Depends\): /\1: /p'
}

# En un Debian mínimo y propio, sin tocar el de este equipo.
probar_paquete() {
    command -v debootstrap >/dev/null || como_root apt-get install -y -q debootstrap ||
        morir "falta debootstrap"
    raiz=$(mktemp -d)
    # Inside it is `/`, which everybody passes through.
    chmod 0755 "$raiz"
    trap 'como_root rm -rf "$raiz"' EXIT
    paso "Un Debian aparte (debootstrap)"
    # shellcheck source=/dev/null
    como_root debootstrap --variant=minbase --include=libzmq5,ca-certificates,adduser \
        "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$raiz" >"$raiz.registro" ||
        morir "debootstrap no pudo hacerlo: $(tail -n 1 "$raiz.registro")"
    rm -f "$raiz.registro"
    cp "$paquete" "$raiz/biblioteca.deb"
    dentro() { como_root chroot "$raiz" "$@"; }

    paso "Se instala"
    dentro dpkg -i /biblioteca.deb
    dentro biblioteca --version
    dentro test -s /usr/share/man/man1/biblioteca.1.gz
    [ "$(dentro stat -c '%U %a' /var/lib/biblioteca)" = "biblioteca 750" ] ||
        morir "la carpeta de datos no es de biblioteca"

    paso "Se purga con datos: los datos quedan, y se dice"
    dentro su -s /bin/sh biblioteca -c "cd /var/lib/biblioteca && biblioteca --config /etc/biblioteca/nodo.toml sembrar"
    dentro dpkg --purge biblioteca | grep "quedan los datos"
    dentro test -s /var/lib/biblioteca/datos/biblioteca.db

    paso "Se purga sin datos: no queda nada"
    dentro rm -rf /var/lib/biblioteca/datos
    dentro dpkg -i /biblioteca.deb >/dev/null
    dentro dpkg --purge biblioteca >/dev/null
    for resto in /var/lib/biblioteca /etc/biblioteca /usr/bin/biblioteca; do
        ! dentro test -e "$resto" || morir "quedó $resto"
    done
    ! dentro getent passwd biblioteca || morir "quedó el usuario biblioteca"
    echo "Todo bien"
}

construir
echo "Paquete: $paquete"
if [ "${1:-}" = --probar ]; then probar_paquete; fi
