#include "state.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define AUDIO_BUFFER (48 * 1024)    /* octets asked of the kernel: a second or two of packets */
#define OTHER_BUFFER (256 * 1024)
#define EXPEDITED (46 << 2)         /* class of service of sound and of pictures (RFC 4594): EF, AF41 */
#define ASSURED (34 << 2)

static int open_socket(const struct address *host, int number, int kind) {
    struct address local = *host;
    local.v4.sin_port = htons((uint16_t)number);
    int fd = socket(local.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int one = 1, room = kind == KIND_AUDIO ? AUDIO_BUFFER : OTHER_BUFFER, service = kind == KIND_AUDIO ? EXPEDITED : ASSURED;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (local.any.sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
        setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &service, sizeof service);
    } else {
        setsockopt(fd, IPPROTO_IP, IP_TOS, &service, sizeof service);
    }
    if (bind(fd, &local.any, local.length) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static int listen_to(struct engine *engine, struct port *port, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = port};
    return epoll_ctl(engine->epoll, operation, port->fd, &event) < 0 ? -errno : 0;
}

int port_open(struct engine *engine, struct port *port, const struct address *host, int number, int kind) {
    int fd = open_socket(host, number, kind);
    if (fd < 0)
        return fd;
    port->what = READY_PORT;
    port->fd = fd;
    port->number = (uint16_t)number;
    int error = listen_to(engine, port, EPOLL_CTL_ADD, EPOLLIN);
    if (error) {
        close(fd);
        port->fd = -1;
        return error;
    }
    engine->own_ports[number]++;
    engine->ports++;
    return 0;
}

void port_close(struct engine *engine, struct port *port) {
    if (port->fd < 0)
        return;
    for (struct port **at = &engine->muted; port->muted && *at; at = &(*at)->next_muted) {
        if (*at == port) {
            *at = port->next_muted;
            break;
        }
    }
    close(port->fd);
    port->fd = -1;
    engine->own_ports[port->number]--;
    engine->ports--;
}

void port_mute(struct engine *engine, struct port *port) {
    if (port->muted || listen_to(engine, port, EPOLL_CTL_MOD, 0))
        return;
    port->muted = true;
    port->next_muted = engine->muted;
    engine->muted = port;
}

/* What the kernel dropped meanwhile, because nobody read it. */
static void count_dropped(struct port *port) {
    uint32_t values[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof values;
    if (getsockopt(port->fd, SOL_SOCKET, SO_MEMINFO, values, &length) < 0)
        return;
    port->stream->termination->statistics.flood += values[SK_MEMINFO_DROPS] - port->dropped;
    port->dropped = values[SK_MEMINFO_DROPS];
}

void ports_unmute(struct engine *engine) {
    for (struct port **at = &engine->muted; *at;) {
        struct port *port = *at;
        if (engine->now - port->window < 20 * MILLISECOND || listen_to(engine, port, EPOLL_CTL_MOD, EPOLLIN)) {
            at = &port->next_muted;
            continue;
        }
        *at = port->next_muted;
        port->muted = false;
        count_dropped(port);
    }
}

bool port_send(struct engine *engine, struct port *port, const void *packet, size_t length) {
    const struct address *to = port->target;
    struct engine_statistics *statistics = &port->stream->termination->statistics;
    if (sendto(port->fd, packet, length, MSG_DONTWAIT | MSG_NOSIGNAL, &to->any, to->length) < 0) {
        statistics->unsent++;
        return false;
    }
    if (!port->control) {
        statistics->sent++;
        engine->counts.sent++;
    }
    return true;
}
