#!/usr/bin/env bash
# Levanta en este equipo los tres PC de deploy/compose.pc*.yml, cada uno en su dirección, y
# hace las dos pruebas de siempre: parar el almacenamiento que tiene la base, y parar actores.
#
#   deploy/probar-compose.sh [--sin-claves] [--binario RUTA]
#
# Con claves, salvo que se diga que no: las hace como dice el manual. Necesita root (añade tres
# direcciones a lo y las quita) y un motor de contenedores. Quita todo lo que levanta.
# Salida: 0 bien; 1 algo no hizo lo prometido; 2 aquí no se puede probar.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/comun.sh
. deploy/comun.sh

export BIBLIOTECA_PC1=10.77.5.11 BIBLIOTECA_PC2=10.77.5.12 BIBLIOTECA_PC3=10.77.5.13
DIRECCIONES=("$BIBLIOTECA_PC1" "$BIBLIOTECA_PC2" "$BIBLIOTECA_PC3")
CARGAS="$BIBLIOTECA_PC1:5555,$BIBLIOTECA_PC2:5555"
# Por intento de algo que tarda en estar listo; y por respuesta a una solicitud.
ESPERA_S=60
# El usuario de la imagen.
USUARIO=10001
ACTORES=actor-prestamo,actor-devolucion,actor-renovacion

# Lo mismo que se elige en compose.env. Cada PC tiene su carpeta.
export BIBLIOTECA_INSEGURA=false BIBLIOTECA_CLAVES_DENTRO=/claves
claves=si
if [ "${1:-}" = --sin-claves ]; then
    shift
    claves=""
    export BIBLIOTECA_INSEGURA=true BIBLIOTECA_CLAVES_DENTRO=""
fi
CLAVES=$(mktemp -d)

if docker compose version >/dev/null 2>&1; then
    motor=(docker compose)
else
    motor=(docker-compose)
fi

pc() {
    local numero=$1
    shift
    BIBLIOTECA_CLAVES=$CLAVES/pc$numero \
        "${motor[@]}" -p "biblioteca-prueba-pc$numero" -f "deploy/compose.pc$numero.yml" "$@"
}

recoger() {
    for numero in 3 2 1; do
        pc "$numero" down -v --remove-orphans >/dev/null 2>&1 || true
    done
    for direccion in "${DIRECCIONES[@]}"; do
        ip address del "$direccion/32" dev lo 2>/dev/null || true
    done
}

# Desde PC3, con su clave.
pedir() {
    docker run --rm -v "$CLAVES/pc3:/claves:ro" \
        -e BIBLIOTECA_SEGURIDAD__CLAVES="$BIBLIOTECA_CLAVES_DENTRO" \
        biblioteca:local --carga "$CARGAS" pedir "$@" 2>&1
}

sin_clave() {
    docker run --rm biblioteca:local --carga "$CARGAS" pedir "$@" 2>&1
}

en_lista() { # en_lista ARCHIVO NOMBRE PAPELES [--en HOST]
    pc 1 run --rm -T claves claves autorizar "/claves/$1" --nombre "$2" --papeles "${@:3}" >/dev/null 2>&1 ||
        fallar "no se pudo autorizar a $2"
}

# Un par en cada PC, del que solo sale la mitad pública, y una lista igual en los tres.
hacer_claves() {
    local numero
    for numero in 1 2 3; do
        install -d -o "$USUARIO" -g "$USUARIO" "$CLAVES/pc$numero"
        [ -n "$claves" ] || continue
        pc "$numero" run --rm -T claves claves nueva >/dev/null 2>&1 || fallar "no se hizo el par de PC$numero"
        cp "$CLAVES/pc$numero/nodo.publica" "$CLAVES/pc1/pc$numero.publica"
    done
    [ -n "$claves" ] || return 0
    en_lista pc1.publica pc1 carga,almacenamiento,solicitante --en "$BIBLIOTECA_PC1"
    en_lista pc2.publica pc2 carga,solicitante --en "$BIBLIOTECA_PC2"
    en_lista pc3.publica pc3 "$ACTORES,solicitante"
    for numero in 2 3; do cp "$CLAVES/pc1/autorizados.txt" "$CLAVES/pc$numero/"; done
}

# El sistema no hizo lo prometido: 1. Lo que aquí falta para probarlo es 2 (morir).
fallar() {
    printf '\nerror: %s\n' "$*" >&2
    exit 1
}

# Repite una orden hasta que termine bien y su salida tenga un texto.
hasta() {
    local texto=$1 fin salida
    shift
    fin=$((SECONDS + ESPERA_S))
    while :; do
        if salida=$("$@" 2>&1) && grep -q -- "$texto" <<<"$salida"; then return; fi
        [ "$SECONDS" -lt "$fin" ] || fallar "no se vio '$texto' en: $* → $salida"
    done
}

# La orden termina y dice un texto, a la primera.
dice() {
    local texto=$1 salida
    shift
    salida=$("$@" || true)
    grep -q -- "$texto" <<<"$salida" || fallar "se esperaba '$texto' de: $* → $salida"
    echo "   $texto: $*"
}

docker info >/dev/null 2>&1 || morir "aquí no responde ningún motor de contenedores (docker)"
deploy/imagen.sh --sin-registro "$@"
trap 'recoger; rm -rf "$CLAVES"' EXIT
recoger
for direccion in "${DIRECCIONES[@]}"; do
    como_root ip address add "$direccion/32" dev lo ||
        morir "no se pudo añadir $direccion a lo: hace falta root"
done

[ -z "$claves" ] || paso "Un par de claves en cada PC, y la lista de quién entra"
hacer_claves
paso "Se levantan los tres PC"
for numero in 3 1 2; do pc "$numero" up -d >/dev/null 2>&1; done
hasta "" pc 1 exec -T almacenamiento-1 biblioteca sembrar
hasta CONFIRMADO pedir prestamo --isbn Libro301 --usuario compose-1

if [ -n "$claves" ]; then
    paso "A quien no tiene clave no se le contesta"
    if sin_clave consulta --isbn Libro301 --plazo-ms 1000; then fallar "se atendió a quien no tiene clave"; fi
fi

paso "Un archivo de solicitudes, desde PC3"
solicitudes=$(mktemp)
printf 'PRES Libro302 compose-1\nRENO Libro302 compose-1\nDEVO Libro302 compose-1\n' >"$solicitudes"
chmod 0644 "$solicitudes"
pc 3 run --rm -T -v "$solicitudes:/solicitudes.txt:ro" solicitante ||
    fallar "el archivo de solicitudes no terminó bien"
rm -f "$solicitudes"

paso "Se para cada almacenamiento: el otro tiene o toma la base"
for numero in 1 2; do
    pc 1 stop "almacenamiento-$numero" >/dev/null 2>&1
    dice CONFIRMADO pedir prestamo --isbn "Libro31$numero" --usuario compose-2
    pc 1 start "almacenamiento-$numero" >/dev/null 2>&1
    dice CONFIRMADO pedir prestamo --isbn "Libro32$numero" --usuario compose-2
done

paso "Se para un actor de préstamos: el otro sigue"
pc 3 stop prestamo-1 >/dev/null 2>&1
dice CONFIRMADO pedir prestamo --isbn Libro305 --usuario compose-3

paso "Se paran los dos: un préstamo lo dice, una devolución se encola"
pc 3 stop prestamo-2 >/dev/null 2>&1
dice SinActores pedir prestamo --isbn Libro306 --usuario compose-3
dice CONFIRMADO pedir devolucion --isbn Libro305 --usuario compose-3
pc 3 start prestamo-1 prestamo-2 >/dev/null 2>&1
hasta CONFIRMADO pedir prestamo --isbn Libro306 --usuario compose-4

paso "Salud"
for numero in 1 2 3; do
    for contenedor in $(pc "$numero" ps -q); do
        hasta '^healthy' docker inspect --format '{{.State.Health.Status}} {{.Name}}' "$contenedor"
    done
done
echo "Todo bien"
