/* What bench/load.py calls: many parties that speak G.711 with a server, and what became of their packets. */
#ifndef B2BUA_LOAD_H
#define B2BUA_LOAD_H

#include <stdint.h>

#define LOAD_MEMBERS 8              /* of a group, each with a tone of its own */

#pragma GCC visibility push(default)

struct load_leg {
    char local_host[16], server_host[16];       /* IPv4 literals */
    int32_t local_port, server_port;
    int32_t group, member;                      /* the call or conference, and its place there */
};

struct load_times {                             /* milliseconds */
    double p50, p99, p999, most;
};

struct load_result {
    int32_t warm_ms, measured_ms;               /* in: how long packets flow before and while they are measured */
    uint64_t sent, received;                    /* packets, while measured */
    uint64_t missing;                           /* mixed: by sequence numbers */
    uint64_t strays;                            /* from nobody's port, of another call, or no G.711 of 20 ms */
    uint64_t left_out;                          /* the load could not send them in time */
    uint64_t errors;                            /* the kernel would not send them */
    uint64_t heard_others;                      /* mixed: legs whose last packet has the tones of all the others, and not their own */
    double seconds, server_cpu, load_cpu;       /* while measured */
    struct load_times times;                    /* relayed: from sending to arrival; mixed: from one arrival to the next */
    struct load_times lags;                     /* of sending, after its time */
};

/* sizeof of structure 0 leg, 1 result. */
int load_sizeof(int structure);
/* Runs in the calling thread. The CPU time of the processes `pids` is measured. 0, or a negative errno. */
int load_run(const struct load_leg *legs, int n, int mixed, const int32_t *pids, int n_pids, struct load_result *result);

#pragma GCC visibility pop

#endif
