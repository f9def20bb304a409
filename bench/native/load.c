/* Parties that send G.711 and measure what comes back: relayed packets by the stamps in them, mixed ones by their arrival.
 *
 * One thread that waits for nobody: it sends what is due, asks every socket 100 times a second for what has come, and takes the kernel's
 * word for when that was (SO_TIMESTAMPNS). So neither its own slowness nor its being woken is counted as the server's, and the
 * server wakes nobody with each packet, as it would not when it sends to a network card.
 */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define FRAME (SECOND / 50)         /* ns of sound in a packet */
#define SAMPLES 160
#define HEADER 12                   /* octets of RTP */
#define PACKET (HEADER + SAMPLES)
#define POLL (SECOND / 100)         /* how often a socket is read */
#define DRAIN (SECOND / 3)          /* for what is under way at the end */
#define TOO_LATE (SECOND / 10)      /* what could not be sent by then is left out and counted */
#define NAP (SECOND / 20000)        /* waiting less than this is not worth sleeping */
#define BATCH 32
#define SPAN 200000                 /* of a histogram, in microseconds; longer counts as that long */
#define ROOM (1 << 20)              /* of a socket, so that nothing is lost here */
#define MOST_PROCESSES 16
#define LOUD 1000.0                 /* amplitude of a tone that is heard; each is sent with AMPLITUDE */
#define AMPLITUDE 6000.0

struct stamp {                      /* after the header of a packet that is to be relayed */
    uint32_t magic, leg;
    int64_t time;
};

struct party {
    int socket;
    struct sockaddr_in to;
    int32_t group, member;
    uint16_t sequence, heard_sequence;
    int64_t arrived;                /* the last packet; 0: none yet */
    uint8_t heard[SAMPLES];
};

struct histogram {
    uint64_t n;
    uint32_t counts[SPAN + 1];
    int64_t most;
};

struct batch {
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_in addresses[BATCH];
    uint8_t packets[BATCH][PACKET + 64];
    char control[BATCH][64];
};

struct load {
    struct party *parties;
    int *sockets;
    int n, n_sockets;
    bool mixed;
    uint32_t magic;
    int64_t begin, from, until;     /* what is sent, or comes when mixed, between these is measured */
    int64_t sent;                   /* since the beginning, the left out included: tells who is next, and when */
    int64_t read;                   /* sockets read since the beginning */
    int32_t by_port[65536];         /* the party that a port of the server belongs to; -1: none */
    uint8_t tones[LOAD_MEMBERS][SAMPLES];
    struct histogram times, lags;
    struct batch out, in;
    struct load_result *result;
};

/* Wall clock, because that is what the kernel stamps with. */
static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void count(struct histogram *histogram, int64_t time) {
    int64_t microseconds = time / 1000;
    histogram->n++;
    histogram->counts[microseconds < 0 ? 0 : microseconds < SPAN ? microseconds : SPAN]++;
    if (time > histogram->most)
        histogram->most = time;
}

static double percentile(const struct histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)ceil(share * (double)histogram->n), seen = 0;
    for (int i = 0; i <= SPAN && histogram->n; i++)
        if ((seen += histogram->counts[i]) >= wanted)
            return i / 1000.0;
    return 0;
}

static struct load_times summary(const struct histogram *histogram) {
    return (struct load_times){percentile(histogram, 0.5), percentile(histogram, 0.99), percentile(histogram, 0.999),
                               (double)histogram->most / 1e6};
}

/* ---- sound ---- */

static double hertz(int member) { return 400 + 250 * member; }      /* whole waves in a frame, so that any frame tells them apart */

/* ITU-T G.711. */
static uint8_t to_ulaw(int sample) {
    int sign = sample < 0 ? 0x80 : 0, magnitude = (sample < 0 ? -sample : sample) + 132, exponent = 7;
    while (exponent && !(magnitude & (1 << (exponent + 7))))
        exponent--;
    return (uint8_t) ~(sign | exponent << 4 | ((magnitude >> (exponent + 3)) & 15));
}

static int from_ulaw(uint8_t octet) {
    octet = (uint8_t)~octet;
    int magnitude = ((((octet & 15) << 3) + 132) << ((octet >> 4) & 7)) - 132;
    return octet & 0x80 ? -magnitude : magnitude;
}

static double angle(int member, int sample) { return 2 * M_PI * hertz(member) * sample / 8000; }

static void make_tones(struct load *load) {
    for (int member = 0; member < LOAD_MEMBERS; member++)
        for (int i = 0; i < SAMPLES; i++)
            load->tones[member][i] = to_ulaw((int)(AMPLITUDE * sin(angle(member, i))));
}

static double loudness(const uint8_t *octets, int member) {
    double re = 0, im = 0;
    for (int i = 0; i < SAMPLES; i++) {
        re += from_ulaw(octets[i]) * cos(angle(member, i));
        im += from_ulaw(octets[i]) * sin(angle(member, i));
    }
    return 2 * hypot(re, im) / SAMPLES;
}

/* Whether the last frame that it heard has the tones of all the others of its group, and not its own. */
static bool heard_others(const struct load *load, const struct party *party) {
    bool right = party->arrived != 0;
    for (int i = 0; i < load->n && right; i++)
        if (load->parties[i].group == party->group)
            right = (loudness(party->heard, load->parties[i].member) > LOUD) == (&load->parties[i] != party);
    return right;
}

/* ---- sending ---- */

static void fill(struct load *load, int slot, int index, int64_t time) {
    struct party *party = &load->parties[index];
    uint8_t *packet = load->out.packets[slot];
    uint16_t sequence = htons(++party->sequence);
    uint32_t timestamp = htonl(party->sequence * (uint32_t)SAMPLES), ssrc = htonl(load->magic + (uint32_t)index);
    struct stamp stamp = {load->magic, (uint32_t)index, time};
    packet[0] = 0x80;
    packet[1] = 0;                  /* PCMU */
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    memcpy(packet + HEADER, load->tones[party->member], SAMPLES);
    if (!load->mixed)
        memcpy(packet + HEADER, &stamp, sizeof stamp);
    load->out.headers[slot].msg_hdr.msg_name = &party->to;
}

static int64_t due(const struct load *load, int64_t number) { return load->begin + (int64_t)((double)FRAME * (double)number / load->n); }

/* What is due, as many at once as have one socket. */
static void send_due(struct load *load, int64_t time) {
    int first = (int)(load->sent % load->n), n = 0, fd = load->parties[first].socket;
    while (n < BATCH && first + n < load->n && load->parties[first + n].socket == fd && due(load, load->sent + n) <= time) {
        fill(load, n, first + n, time);
        n++;
    }
    if (time - due(load, load->sent) > TOO_LATE) {
        load->result->left_out += (uint64_t)n;
        load->sent += n;
        return;
    }
    int done = sendmmsg(fd, load->out.headers, (unsigned)n, MSG_DONTWAIT);
    bool measured = time >= load->from && time < load->until;
    for (int i = 0; i < n && measured; i++)
        count(&load->lags, time - due(load, load->sent + i));
    if (measured) {
        load->result->sent += (uint64_t)(done < 0 ? 0 : done);
        load->result->errors += (uint64_t)(done < 0 ? n : n - done);
    }
    load->sent += n;
}

/* ---- receiving ---- */

static int64_t stamped(struct msghdr *header) {
    struct timespec time;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control))
        if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&time, CMSG_DATA(control), sizeof time);
            return time.tv_sec * SECOND + time.tv_nsec;
        }
    return now();
}

static void relayed(struct load *load, const struct party *party, const uint8_t *packet, int64_t time) {
    struct stamp stamp;
    memcpy(&stamp, packet + HEADER, sizeof stamp);
    if (stamp.magic != load->magic || stamp.leg >= (uint32_t)load->n || &load->parties[stamp.leg] == party ||
        load->parties[stamp.leg].group != party->group) {
        load->result->strays++;
    } else if (stamp.time >= load->from && stamp.time < load->until) {
        load->result->received++;
        count(&load->times, time - stamp.time);
    }
}

static void mixed(struct load *load, struct party *party, const uint8_t *packet, int64_t time) {
    uint16_t sequence;
    memcpy(&sequence, packet + 2, 2);
    sequence = ntohs(sequence);
    if (party->arrived && time >= load->from && time < load->until) {
        load->result->received++;
        load->result->missing += (uint16_t)(sequence - party->heard_sequence - 1);
        count(&load->times, time - party->arrived);
    }
    party->heard_sequence = sequence;
    memcpy(party->heard, packet + HEADER, SAMPLES);
}

static void came(struct load *load, int slot) {
    struct msghdr *header = &load->in.headers[slot].msg_hdr;
    int index = load->by_port[ntohs(load->in.addresses[slot].sin_port)];
    const uint8_t *packet = load->in.packets[slot];
    if (load->in.headers[slot].msg_len != PACKET || (packet[1] & 127) != 0 || index < 0) {
        load->result->strays++;
        return;
    }
    struct party *party = &load->parties[index];
    int64_t time = stamped(header);
    if (load->mixed)
        mixed(load, party, packet, time);
    else
        relayed(load, party, packet, time);
    party->arrived = time;
}

static void read_socket(struct load *load, int fd) {
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            load->in.headers[i].msg_hdr.msg_namelen = sizeof load->in.addresses[i];
            load->in.headers[i].msg_hdr.msg_controllen = sizeof load->in.control[i];
        }
        int n = recvmmsg(fd, load->in.headers, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
            came(load, i);
        if (n < BATCH)
            return;
    }
}

/* ---- the run ---- */

static int64_t next_read(const struct load *load) {
    return load->begin + (int64_t)((double)POLL * (double)load->read / load->n_sockets);
}

static double cpu_seconds(const clockid_t *clocks, int n) {
    double sum = 0;
    struct timespec time;
    for (int i = 0; i < n; i++)
        if (clock_gettime(clocks[i], &time) == 0)
            sum += (double)time.tv_sec + (double)time.tv_nsec / 1e9;
    return sum;
}

static void nap(int64_t until) {
    struct timespec time = {until / SECOND, until % SECOND};
    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL);
}

static void carry(struct load *load, int64_t end, bool sending) {
    int64_t time;
    while ((time = now()) < end) {
        bool idle = true;
        if (sending && due(load, load->sent) <= time) {
            send_due(load, time);
            idle = false;
        }
        if (next_read(load) <= time) {
            read_socket(load, load->sockets[load->read % load->n_sockets]);
            load->read++;
            idle = false;
        }
        int64_t next = next_read(load);
        if (sending && due(load, load->sent) < next)
            next = due(load, load->sent);
        if (idle && next - time > NAP)
            nap(next < end ? next : end);
    }
}

static void measure(struct load *load, const clockid_t *clocks, int n_clocks) {
    const clockid_t own = CLOCK_PROCESS_CPUTIME_ID;
    load->begin = now();
    load->from = load->until = INT64_MAX;
    carry(load, load->begin + load->result->warm_ms * (SECOND / 1000), true);
    double server = cpu_seconds(clocks, n_clocks), load_own = cpu_seconds(&own, 1);
    int64_t since = now();
    load->from = since;
    load->until = since + load->result->measured_ms * (SECOND / 1000);
    carry(load, load->until, true);
    load->result->server_cpu = cpu_seconds(clocks, n_clocks) - server;
    load->result->load_cpu = cpu_seconds(&own, 1) - load_own;
    load->result->seconds = (double)(now() - since) / 1e9;
    carry(load, load->until + DRAIN, load->mixed);
}

static void prepare(struct batch *batch, bool incoming) {
    for (int i = 0; i < BATCH; i++) {
        batch->vectors[i] = (struct iovec){batch->packets[i], incoming ? sizeof batch->packets[i] : PACKET};
        struct msghdr *header = &batch->headers[i].msg_hdr;
        *header = (struct msghdr){.msg_iov = &batch->vectors[i], .msg_iovlen = 1, .msg_name = &batch->addresses[i],
                                  .msg_namelen = sizeof batch->addresses[i]};
        if (incoming)
            header->msg_control = batch->control[i];
    }
}

static int open_socket(const struct sockaddr_in *local) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = ROOM, one = 1;
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)local, sizeof *local) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

/* Legs next to each other with the same local port share its socket. */
static int open_parties(struct load *load, const struct load_leg *legs) {
    for (int i = 0; i < load->n; i++) {
        struct party *party = &load->parties[i];
        struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons((uint16_t)legs[i].local_port)};
        party->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)legs[i].server_port)};
        if (inet_pton(AF_INET, legs[i].local_host, &local.sin_addr) != 1 || inet_pton(AF_INET, legs[i].server_host, &party->to.sin_addr) != 1 ||
            legs[i].member < 0 || legs[i].member >= LOAD_MEMBERS || legs[i].server_port < 1 || legs[i].server_port > 65535)
            return -EINVAL;
        party->group = legs[i].group;
        party->member = legs[i].member;
        load->by_port[legs[i].server_port] = i;
        if (i == 0 || legs[i].local_port != legs[i - 1].local_port) {
            int fd = open_socket(&local);
            if (fd < 0)
                return fd;
            load->sockets[load->n_sockets++] = fd;
        }
        party->socket = load->sockets[load->n_sockets - 1];
    }
    return 0;
}

static void finish(struct load *load) {
    struct load_result *result = load->result;
    result->times = summary(&load->times);
    result->lags = summary(&load->lags);
    for (int i = 0; i < load->n && load->mixed; i++)
        result->heard_others += heard_others(load, &load->parties[i]);
}

static int run(struct load *load, const struct load_leg *legs, const int32_t *pids, int n_pids) {
    clockid_t clocks[MOST_PROCESSES];
    for (int i = 0; i < n_pids; i++) {
        int error = clock_getcpuclockid(pids[i], &clocks[i]);
        if (error)
            return -error;
    }
    int error = open_parties(load, legs);
    if (error)
        return error;
    make_tones(load);
    prepare(&load->out, false);
    prepare(&load->in, true);
    load->magic = (uint32_t)now() | 1;
    prctl(PR_SET_TIMERSLACK, 1UL);
    measure(load, clocks, n_pids);
    prctl(PR_SET_TIMERSLACK, 0UL);
    finish(load);
    return 0;
}

int load_sizeof(int structure) { return (int)(structure ? sizeof(struct load_result) : sizeof(struct load_leg)); }

int load_run(const struct load_leg *legs, int n, int is_mixed, const int32_t *pids, int n_pids, struct load_result *result) {
    struct load *load = calloc(1, sizeof *load);
    if (!load || n < 1 || n_pids < 0 || n_pids > MOST_PROCESSES) {
        free(load);
        return load ? -EINVAL : -ENOMEM;
    }
    load->n = n;
    load->mixed = is_mixed;
    load->result = result;
    memset(load->by_port, 0xff, sizeof load->by_port);
    load->parties = calloc((size_t)n, sizeof *load->parties);
    load->sockets = calloc((size_t)n, sizeof *load->sockets);
    int error = load->parties && load->sockets ? run(load, legs, pids, n_pids) : -ENOMEM;
    for (int i = 0; i < load->n_sockets; i++)
        close(load->sockets[i]);
    free(load->parties);
    free(load->sockets);
    free(load);
    return error;
}
