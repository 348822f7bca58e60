/* Preloaded into a node under test: makes its disk fail, or its clock lie.
 *
 * TRAMPA_ARCHIVO  part of the name of the files that fail, while TRAMPA_SENAL exists
 * TRAMPA_MODO     "sync": fsync and fdatasync; "escritura": pwrite; each fails with EIO
 * TRAMPA_RELOJ_S  seconds that the calendar clock is ahead (or, negative, behind)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define REAL(nombre, tipo) ((tipo)dlsym(RTLD_NEXT, nombre))

static int falla(int fd, const char *como) {
    const char *senal = getenv("TRAMPA_SENAL"), *archivo = getenv("TRAMPA_ARCHIVO");
    const char *modo = getenv("TRAMPA_MODO");
    char enlace[64], ruta[4096];
    if (!senal || !archivo || !modo || strcmp(modo, como) != 0 || access(senal, F_OK) != 0)
        return 0;
    snprintf(enlace, sizeof enlace, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(enlace, ruta, sizeof ruta - 1);
    if (n < 0)
        return 0;
    ruta[n] = 0;
    if (strstr(ruta, archivo) == NULL)
        return 0;
    errno = EIO;
    return 1;
}

int fsync(int fd) { return falla(fd, "sync") ? -1 : REAL("fsync", int (*)(int))(fd); }

int fdatasync(int fd) { return falla(fd, "sync") ? -1 : REAL("fdatasync", int (*)(int))(fd); }

ssize_t pwrite(int fd, const void *p, size_t n, off_t d) {
    typedef ssize_t (*tipo)(int, const void *, size_t, off_t);
    return falla(fd, "escritura") ? -1 : REAL("pwrite", tipo)(fd, p, n, d);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t d) {
    typedef ssize_t (*tipo)(int, const void *, size_t, off64_t);
    return falla(fd, "escritura") ? -1 : REAL("pwrite64", tipo)(fd, p, n, d);
}

static time_t adelanto(void) {
    const char *segundos = getenv("TRAMPA_RELOJ_S");
    return segundos ? (time_t)atoll(segundos) : 0;
}

int clock_gettime(clockid_t reloj, struct timespec *t) {
    int r = REAL("clock_gettime", int (*)(clockid_t, struct timespec *))(reloj, t);
    if (reloj == CLOCK_REALTIME)
        t->tv_sec += adelanto();
    return r;
}

int gettimeofday(struct timeval *t, void *zona) {
    int r = REAL("gettimeofday", int (*)(struct timeval *, void *))(t, zona);
    t->tv_sec += adelanto();
    return r;
}
