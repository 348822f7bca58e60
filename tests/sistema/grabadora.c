/* Preloaded into a node under test: writes down, in one file and one order, what the node does
 * to the files of a folder and what it sends (read by corte/grabacion.rs).
 *
 * GRABADORA_REGISTRO  that file; each life of a node goes on at its end
 * GRABADORA_CARPETA   the folder, without symbolic links
 *
 * A record is its kind (1 byte), the lengths of its name (2) and of its data (4) and a number
 * (8), as this machine writes numbers; then name and data.
 *
 *   N                        a process begins
 *   C name, 1 if emptied     opened so that it is there
 *   W name, offset, bytes    written; recorded before, and nothing else until it is done
 *   T name, size / U name    cut or extended, gone; as W
 *   R name, to               renamed
 *   S name, n / F n          its sync number n begins / has returned 0; a folder has one too
 *   E bytes, fd and port     about to be sent from this local port
 *   A taken, fd              of the last E of fd only so much was taken
 *
 * One lock orders the records. Each W, T, C, U and R is done under it, so that an S stands after
 * all that its sync covers. Files that end in -shm are left out: mapped memory, never synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(nombre) ((__typeof__(&nombre))dlsym(RTLD_NEXT, #nombre))
/* More parts than this in one call nobody has here. */
#define PARTES_MAX 64

static pthread_mutex_t turno = PTHREAD_MUTEX_INITIALIZER;
static int registro = -1;
static const char *carpeta;

static size_t largo_de(const struct iovec *datos, int partes) {
    size_t largo = 0;
    for (int i = 0; i < partes; i++)
        largo += datos[i].iov_len;
    return largo;
}

static void anotar(char clase, const char *nombre, uint64_t numero, const struct iovec *datos,
                   int partes) {
    struct iovec todo[PARTES_MAX + 2];
    uint32_t largo = largo_de(datos, partes);
    uint16_t largo_nombre = strlen(nombre);
    char cabeza[15];
    if (partes > PARTES_MAX)
        abort();
    for (int i = 0; i < partes; i++)
        todo[i + 2] = datos[i];
    cabeza[0] = clase;
    memcpy(cabeza + 1, &largo_nombre, 2);
    memcpy(cabeza + 3, &largo, 4);
    memcpy(cabeza + 7, &numero, 8);
    todo[0] = (struct iovec){cabeza, sizeof cabeza};
    todo[1] = (struct iovec){(void *)nombre, largo_nombre};
    /* The system call itself: writev is one of the functions below. */
    if (syscall(SYS_writev, registro, todo, partes + 2) !=
        (ssize_t)(sizeof cabeza + largo_nombre + largo))
        abort();
}

__attribute__((constructor)) static void empezar(void) {
    const char *ruta = getenv("GRABADORA_REGISTRO");
    carpeta = getenv("GRABADORA_CARPETA");
    if (!ruta || !carpeta)
        abort();
    registro = syscall(SYS_openat, AT_FDCWD, ruta, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (registro < 0)
        abort();
    anotar('N', "", 0, NULL, 0);
}

/* The name within the folder, "" for the folder itself; NULL for what is not recorded. */
static const char *dentro(const char *ruta) {
    const char *aparte[] = {"-shm", " (deleted)"};
    size_t n = registro < 0 ? 0 : strlen(carpeta), m = strlen(ruta);
    if (n == 0 || strncmp(ruta, carpeta, n) != 0 || (ruta[n] != '/' && ruta[n] != 0))
        return NULL;
    for (int i = 0; i < 2; i++)
        if (m > strlen(aparte[i]) && strcmp(ruta + m - strlen(aparte[i]), aparte[i]) == 0)
            return NULL;
    return ruta + n + (ruta[n] == '/');
}

static const char *de_fd(int fd, char ruta[PATH_MAX]) {
    char enlace[64];
    snprintf(enlace, sizeof enlace, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(enlace, ruta, PATH_MAX - 1);
    if (n < 0)
        return NULL;
    ruta[n] = 0;
    return dentro(ruta);
}

static mode_t clase_de(int fd) {
    struct stat datos;
    return fstat(fd, &datos) == 0 ? datos.st_mode & S_IFMT : 0;
}

/* Runs `hacer` (of type ssize_t) once what it will do to the file of `fd` is recorded. */
#define CON_APUNTE(fd, clase, numero, datos, partes, hacer)                                        \
    ({                                                                                             \
        char ruta[PATH_MAX];                                                                       \
        pthread_mutex_lock(&turno);                                                                \
        const char *nombre = de_fd(fd, ruta);                                                      \
        if (nombre)                                                                                \
            anotar(clase, nombre, numero, datos, partes);                                          \
        ssize_t hecho = hacer;                                                                     \
        /* What was recorded must be true. */                                                      \
        if (nombre && hecho != (ssize_t)largo_de(datos, partes))                                   \
            abort();                                                                               \
        pthread_mutex_unlock(&turno);                                                              \
        hecho;                                                                                     \
    })

static uint64_t donde(int fd) {
    struct stat datos;
    if ((fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &datos) == 0)
        return datos.st_size;
    return lseek(fd, 0, SEEK_CUR);
}

/* Runs `hacer` once what it will send is recorded. */
#define CON_ENVIO(fd, datos, partes, hacer)                                                        \
    ({                                                                                             \
        anotar_envio(fd, datos, partes);                                                           \
        ssize_t hecho = hacer;                                                                     \
        if (hecho < (ssize_t)largo_de(datos, partes))                                              \
            anotar_tomado(fd, hecho);                                                              \
        hecho;                                                                                     \
    })

static void anotar_envio(int fd, const struct iovec *datos, int partes) {
    struct sockaddr_in aqui = {0};
    socklen_t n = sizeof aqui;
    if (registro < 0)
        return;
    getsockname(fd, (struct sockaddr *)&aqui, &n);
    uint64_t puerto = aqui.sin_family == AF_INET ? ntohs(aqui.sin_port) : 0;
    pthread_mutex_lock(&turno);
    anotar('E', "", (uint64_t)fd << 16 | puerto, datos, partes);
    pthread_mutex_unlock(&turno);
}

static void anotar_tomado(int fd, ssize_t tomado) {
    int causa = errno;
    char texto[32];
    if (registro < 0)
        return;
    snprintf(texto, sizeof texto, "%zd", tomado < 0 ? 0 : tomado);
    pthread_mutex_lock(&turno);
    anotar('A', texto, (uint64_t)fd << 16, NULL, 0);
    pthread_mutex_unlock(&turno);
    errno = causa;
}

ssize_t send(int fd, const void *p, size_t n, int b) {
    struct iovec datos = {(void *)p, n};
    return CON_ENVIO(fd, &datos, 1, REAL(send)(fd, p, n, b));
}

ssize_t sendto(int fd, const void *p, size_t n, int b, const struct sockaddr *a, socklen_t l) {
    struct iovec datos = {(void *)p, n};
    return CON_ENVIO(fd, &datos, 1, REAL(sendto)(fd, p, n, b, a, l));
}

ssize_t sendmsg(int fd, const struct msghdr *m, int b) {
    return CON_ENVIO(fd, m->msg_iov, (int)m->msg_iovlen, REAL(sendmsg)(fd, m, b));
}

ssize_t writev(int fd, const struct iovec *datos, int partes) {
    switch (clase_de(fd)) {
    case S_IFSOCK:
        return CON_ENVIO(fd, datos, partes, REAL(writev)(fd, datos, partes));
    case S_IFREG:
        return CON_APUNTE(fd, 'W', donde(fd), datos, partes, REAL(writev)(fd, datos, partes));
    default:
        return REAL(writev)(fd, datos, partes);
    }
}

ssize_t write(int fd, const void *p, size_t n) {
    struct iovec datos = {(void *)p, n};
    switch (clase_de(fd)) {
    case S_IFSOCK:
        return CON_ENVIO(fd, &datos, 1, REAL(write)(fd, p, n));
    case S_IFREG:
        return CON_APUNTE(fd, 'W', donde(fd), &datos, 1, REAL(write)(fd, p, n));
    default:
        return REAL(write)(fd, p, n);
    }
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t d) {
    struct iovec datos = {(void *)p, n};
    return CON_APUNTE(fd, 'W', d, &datos, 1, REAL(pwrite)(fd, p, n, d));
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t d) {
    struct iovec datos = {(void *)p, n};
    return CON_APUNTE(fd, 'W', d, &datos, 1, REAL(pwrite64)(fd, p, n, d));
}

int ftruncate(int fd, off_t d) {
    const struct iovec *nada = NULL;
    return CON_APUNTE(fd, 'T', d, nada, 0, REAL(ftruncate)(fd, d));
}

int ftruncate64(int fd, off64_t d) {
    const struct iovec *nada = NULL;
    return CON_APUNTE(fd, 'T', d, nada, 0, REAL(ftruncate64)(fd, d));
}

static int sincronizar(int fd, int (*real)(int)) {
    static uint64_t veces;
    char ruta[PATH_MAX];
    const char *nombre = de_fd(fd, ruta);
    if (!nombre)
        return real(fd);
    pthread_mutex_lock(&turno);
    uint64_t vez = ++veces;
    anotar('S', nombre, vez, NULL, 0);
    pthread_mutex_unlock(&turno);
    int hecho = real(fd);
    if (hecho == 0) {
        pthread_mutex_lock(&turno);
        anotar('F', "", vez, NULL, 0);
        pthread_mutex_unlock(&turno);
    }
    return hecho;
}

int fsync(int fd) { return sincronizar(fd, REAL(fsync)); }

int fdatasync(int fd) { return sincronizar(fd, REAL(fdatasync)); }

/* Runs `hacer`, that opens a file; only what may make or empty one is recorded. */
#define CON_APERTURA(banderas, hacer)                                                              \
    ({                                                                                             \
        va_list resto;                                                                             \
        mode_t modo = 0;                                                                           \
        if ((banderas & O_CREAT) || (banderas & O_TMPFILE) == O_TMPFILE) {                         \
            va_start(resto, banderas);                                                             \
            modo = va_arg(resto, mode_t);                                                          \
            va_end(resto);                                                                         \
        }                                                                                          \
        int cambia = banderas & (O_CREAT | O_TRUNC);                                               \
        if (cambia)                                                                                \
            pthread_mutex_lock(&turno);                                                            \
        int hecho = hacer;                                                                         \
        if (cambia) {                                                                              \
            anotar_apertura(hecho, banderas);                                                      \
            pthread_mutex_unlock(&turno);                                                          \
        }                                                                                          \
        hecho;                                                                                     \
    })

static void anotar_apertura(int fd, int banderas) {
    int causa = errno;
    char ruta[PATH_MAX];
    const char *nombre = fd < 0 ? NULL : de_fd(fd, ruta);
    if (nombre && clase_de(fd) == S_IFREG)
        anotar('C', nombre, (banderas & O_TRUNC) != 0, NULL, 0);
    errno = causa;
}

int open(const char *r, int b, ...) { return CON_APERTURA(b, REAL(open)(r, b, modo)); }

int open64(const char *r, int b, ...) { return CON_APERTURA(b, REAL(open64)(r, b, modo)); }

int openat(int c, const char *r, int b, ...) { return CON_APERTURA(b, REAL(openat)(c, r, b, modo)); }

int openat64(int c, const char *r, int b, ...) {
    return CON_APERTURA(b, REAL(openat64)(c, r, b, modo));
}

int unlink(const char *r) {
    char ruta[PATH_MAX];
    pthread_mutex_lock(&turno);
    const char *nombre = realpath(r, ruta) ? dentro(ruta) : NULL;
    if (nombre)
        anotar('U', nombre, 0, NULL, 0);
    int hecho = REAL(unlink)(r);
    if (nombre && hecho != 0)
        abort();
    pthread_mutex_unlock(&turno);
    return hecho;
}

int rename(const char *de, const char *a) {
    char ruta[PATH_MAX], nueva[PATH_MAX];
    pthread_mutex_lock(&turno);
    const char *nombre = realpath(de, ruta) ? dentro(ruta) : NULL;
    int hecho = REAL(rename)(de, a);
    const char *otro = hecho == 0 && nombre && realpath(a, nueva) ? dentro(nueva) : NULL;
    if (otro) {
        struct iovec datos = {(void *)otro, strlen(otro)};
        anotar('R', nombre, 0, &datos, 1);
    }
    pthread_mutex_unlock(&turno);
    return hecho;
}
