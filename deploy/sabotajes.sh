#!/usr/bin/env bash
# Plants each bug of src/plantado.rs in turn and requires the suite to fail on it; first it
# requires the same suite to pass with none. Prints which tests caught each.
#
#   deploy/sabotajes.sh [DEFECTO…]      all of them unless told otherwise
#
# Exit 1 when a bug passed unseen. A run stops after BIBLIOTECA_FALLAS_MAX failures (8);
# BIBLIOTECA_PRUEBAS is another selection of tests, as `cargo nextest` takes it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

todos=(ConfirmaAntes RepiteSinEscribir SinFsync OtroOpId CuentaRechazos PermisoPerdido
    PierdeEntrada DobleReparto CommitCancelado LineaVieja)
defectos=("$@")
[[ ${#defectos[@]} -gt 0 ]] || defectos=("${todos[@]}")
registros="$(mktemp -d)"
trap 'rm -rf "$registros"' EXIT

# The tests of PostgreSQL take the longest: they look for the bugs that need it, and the others
# for the rest.
pruebas_de() {
    case $1 in
        CommitCancelado | LineaVieja) echo "binary(postgres)" ;;
        ninguno) echo "all()" ;;
        *) echo "not (binary(postgres) | test(Postgres))" ;;
    esac
}

correr() {
    BIBLIOTECA_SABOTAJE="$1" cargo nextest run --locked --features sabotaje \
        --max-fail "${BIBLIOTECA_FALLAS_MAX:-8}" \
        -E "${BIBLIOTECA_PRUEBAS:-$(pruebas_de "$1")}" >"$registros/$1.log" 2>&1
}

echo "Sin ningún defecto: la suite tiene que pasar…"
if ! correr ninguno; then
    tail -n 60 "$registros/ninguno.log"
    echo "La suite falla sin ningún defecto: no probaría nada." >&2
    exit 1
fi

ciegos=0
for defecto in "${defectos[@]}"; do
    if correr "$defecto"; then
        printf '%-18s NADIE LO VIO\n' "$defecto"
        ciegos=$((ciegos + 1))
        continue
    fi
    fallidas="$(grep -oE 'test [A-Za-z0-9_:]+ \.\.\. FAILED' "$registros/$defecto.log" |
        awk '{print $2}' | sort -u || true)"
    if [[ -z $fallidas ]]; then
        tail -n 30 "$registros/$defecto.log"
        echo "$defecto: la suite no llegó a correr" >&2
        exit 1
    fi
    printf '%-18s lo vieron %s (o más):\n' "$defecto" "$(wc -l <<<"$fallidas")"
    echo "    ${fallidas//$'\n'/$'\n'    }"
done
[[ $ciegos -eq 0 ]]
