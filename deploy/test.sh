#!/usr/bin/env bash
# Everything that must hold before a change lands: format, lints, tests, docs, dependencies.
# Installs what it needs where it may; honours CARGO_TARGET_DIR.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/comun.sh
. deploy/comun.sh

omitido=()

comprobar_guiones() {
    paso "Guiones"
    local guiones=(deploy/*.sh .ci/run)
    for guion in "${guiones[@]}"; do bash -n "$guion"; done
    if command -v shellcheck >/dev/null; then
        shellcheck -x "${guiones[@]}"
    else
        omitido+=("shellcheck de los guiones: no está instalado")
    fi
}

probar() {
    if cargo nextest --version >/dev/null 2>&1; then
        paso "Pruebas (cargo nextest)"
        cargo nextest run --locked --all-targets --no-fail-fast
    else
        paso "Pruebas (cargo test)"
        cargo test --locked --all-targets --no-fail-fast
    fi
    paso "Ejemplos de la documentación"
    cargo test --locked --doc
}

# The three PCs of the Compose files, where a container engine runs.
levantar_contenedores() {
    paso "Contenedores (deploy/probar-compose.sh)"
    if ! docker info >/dev/null 2>&1; then
        omitido+=("los tres PC en contenedores: aquí no responde ningún motor de contenedores")
        return
    fi
    local fin=0
    deploy/probar-compose.sh --binario "${CARGO_TARGET_DIR:-target}/debug/biblioteca" || fin=$?
    case $fin in
        0) ;;
        2) omitido+=("los tres PC en contenedores: falta algo para levantarlos (véase arriba)") ;;
        *) return "$fin" ;;
    esac
}

# Licences, bans and sources need no network; advisories need their data, which can be
# missing on a machine that reaches package registries only.
revisar_dependencias() {
    paso "Dependencias (cargo deny)"
    if ! cargo deny --version >/dev/null 2>&1; then
        omitido+=("dependencias (licencias y avisos de seguridad): cargo-deny no está instalado")
        return
    fi
    cargo deny --locked --offline check --config deploy/deny.toml licenses bans sources
    if cargo deny --locked fetch --config deploy/deny.toml db >/dev/null 2>&1; then
        cargo deny --locked check --config deploy/deny.toml --disable-fetch advisories
    else
        omitido+=("avisos de seguridad de dependencias: sus datos no se alcanzan desde aquí")
    fi
}

preparar pruebas
comprobar_guiones
paso "Formato"
cargo fmt --check
paso "Lints"
cargo clippy --locked --all-targets -- -D warnings
probar
levantar_contenedores
paso "Documentación"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
revisar_dependencias

paso "Todo bien"
for cosa in "${omitido[@]+"${omitido[@]}"}"; do
    echo "Se omitió: $cosa"
done
