#include "state.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

static unsigned scope_of(const char *name) {
    unsigned index = if_nametoindex(name);
    return index ? index : (unsigned)strtoul(name, NULL, 10);
}

bool address_parse(struct address *address, const char *host, int port) {
    memset(address, 0, sizeof *address);
    if (!host || port < 0 || port > 65535)
        return false;
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons((uint16_t)port);
        address->length = sizeof address->v4;
        return true;
    }
    char plain[INET6_ADDRSTRLEN];
    size_t length = strcspn(host, "%");
    if (length >= sizeof plain)
        return false;
    memcpy(plain, host, length);
    plain[length] = 0;
    if (inet_pton(AF_INET6, plain, &address->v6.sin6_addr) != 1)
        return false;
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons((uint16_t)port);
    address->v6.sin6_scope_id = host[length] ? scope_of(host + length + 1) : 0;
    address->length = sizeof address->v6;
    return true;
}

/* An interface is told only for link-local addresses, and not by descriptions: it counts when both have one. */
static bool same_scope(const struct address *a, const struct address *b) {
    return !a->v6.sin6_scope_id || !b->v6.sin6_scope_id || a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

bool address_same_host(const struct address *a, const struct address *b) {
    if (!a->length || !b->length || a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0 && same_scope(a, b);
}

bool address_same(const struct address *a, const struct address *b) {
    return address_same_host(a, b) && a->v4.sin_port == b->v4.sin_port;     /* the port is at the same place in both */
}

int address_port(const struct address *address) { return ntohs(address->v4.sin_port); }

bool address_unicast(const struct address *address) {
    if (!address->length || !address->v4.sin_port)
        return false;
    if (address->any.sa_family == AF_INET) {
        uint32_t host = ntohl(address->v4.sin_addr.s_addr);
        return host >> 24 != 0 && host >> 28 < 14;
    }
    const struct in6_addr *host = &address->v6.sin6_addr;
    return !IN6_IS_ADDR_UNSPECIFIED(host) && !IN6_IS_ADDR_MULTICAST(host) && !IN6_IS_ADDR_V4MAPPED(host);
}
