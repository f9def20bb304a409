/* What the files of the media plane share: the tables behind the handles of engine.h. Times are nanoseconds of CLOCK_MONOTONIC. */
#ifndef B2BUA_STATE_H
#define B2BUA_STATE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* recvmmsg; so this file is included first */
#endif

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "engine.h"
#include "rtp.h"

#define SECOND INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)
#define TICK (5 * MILLISECOND)

struct termination;
struct stream;
struct context;
struct voice;

struct address {                    /* length 0: none */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t length;
};

/* What an epoll event points at. */
enum readiness { READY_TIMER, READY_WATCHED, READY_PORT };

struct watched {
    enum readiness what;
    int fd;
    struct watched *next;
};

struct port {                       /* one UDP socket */
    enum readiness what;
    int fd;                         /* -1: not open */
    uint16_t number;
    bool control;                   /* RTCP */
    bool muted;                     /* too much came in this window: not read until the next */
    bool guessed;                   /* learned is former: another source may take its place until guessed_until */
    int32_t read;                   /* packets read in this window */
    int64_t window;                 /* when it began */
    int64_t guessed_until;
    int64_t rate_time;              /* of the rate limit: the time up to which what came was due */
    uint32_t dropped;               /* by the kernel, as told last */
    struct stream *stream;
    struct port *next_muted;
    struct address declared;        /* by the description */
    struct address learned;         /* from packets */
    struct address former;          /* what was learned under the description before */
    const struct address *target;   /* where packets are sent: learned, or declared, or NULL */
};

struct stream {
    struct termination *termination;
    struct stream *partner;         /* the other side of a relay, or NULL */
    int kind;
    int port;
    bool from_party, to_party;
    bool heard;                     /* its sound is decoded: somebody in a mix hears it, or tones are listened for */
    bool translated;
    uint8_t n_sources;
    struct port rtp, rtcp;
    struct address sources[ENGINE_SOURCES];
    uint8_t codec[ENGINE_PAYLOADS]; /* by payload type that the party sends */
    uint8_t table[ENGINE_PAYLOADS]; /* by payload type that the party sends: the partner's */
    int32_t clock[ENGINE_PAYLOADS];
    struct engine_payload sound;    /* what made sound is encoded in; codec CODEC_OTHER: it cannot be */
    struct engine_payload event;    /* how telephone events are sent; type -1: they cannot be */
    struct reception reception;
    struct event_reception events;
};

struct play {
    bool running, loop, over;
    bool known;                     /* number is that of the last play, running or not */
    int64_t number;
    int32_t waited;                 /* frames without a place to send to */
    int32_t sound, n;               /* index in sounds; how many */
    int32_t position;               /* samples of 8 kHz into that sound */
    int32_t sounds[ENGINE_SOUNDS];
};

struct digits {                     /* on their way to the party */
    char waiting[ENGINE_DIGITS];
    int32_t n;                      /* how many wait; the first is the one being sent */
    int32_t frame;                  /* of 20 ms within the first */
    int32_t waited, rate;           /* frames without a place to send to; of the tone */
    uint32_t timestamp;             /* of the event being sent */
};

struct sender {                     /* the RTP stream of made sound, one for the life of the termination */
    uint32_t ssrc, timestamp, base; /* timestamp: of the last frame */
    uint16_t sequence;
    bool talking;                   /* the last tick sent something */
    bool started;
    uint32_t packets, octets;       /* RFC 3550 6.4.1 */
    int64_t next_report;
    uint32_t reported_packets;      /* as of the last report */
};

struct termination {
    int32_t handle;
    struct context *context;        /* or NULL */
    int32_t place;                  /* index among its members */
    struct address host;
    bool take, inband;
    struct stream *streams[ENGINE_STREAMS];
    struct stream *audio;           /* the first of KIND_AUDIO, or NULL */
    struct voice *voice;            /* made when first needed, lives as long as the termination */
    struct play play;
    struct digits digits;
    struct sender sender;
    struct engine_statistics statistics;    /* of streams that are closed, and what is not counted by stream */
    bool due;                       /* packets ought to come */
    int64_t due_since;
    int64_t last_rtp, last_any;     /* when something came; 0: never */
    int64_t told_silent;            /* how often told in this silence */
};

struct context {
    int32_t handle;
    bool relay;
    bool ticking;                   /* in the list of its phase */
    int32_t phase, n;
    struct termination *members[ENGINE_MEMBERS];
    uint64_t hears[ENGINE_MEMBERS];
    struct context *next, *previous;
};

struct sound {
    int16_t *samples8, *samples16;  /* n and 2 n samples; NULL: no sound */
    int32_t n;
};

struct table {                      /* handles: index in the low 15 bits, generation above */
    void **entries;
    int32_t *generations;
    int32_t *free;                  /* indices, used as a queue, so that an index rests as long as possible */
    int32_t size, n_free, first_free, count;
};

#define PHASES 4
#define QUEUE 8192                  /* events */
#define BATCH 8                     /* packets by one system call */
#define LARGEST 2048                /* octets of a datagram that is taken */
#define READY 64                    /* watched descriptors that are told at a time */

struct engine {
    int epoll, timer;
    enum readiness timer_ready;
    bool timer_on;
    int silent_ms;
    int64_t now;
    int64_t tick_time;              /* when the next tick is due */
    int64_t next_sweep;
    uint64_t random;
    struct watched *watched;
    int32_t ready[READY], n_ready;
    struct port *muted;
    struct table terminations, contexts;
    struct context *phases[PHASES];
    int32_t n_phase[PHASES];
    struct sound *sounds;
    int32_t n_sounds, ports;
    struct engine_counts counts;
    struct engine_event queue[QUEUE];
    uint32_t queue_first, queue_n;
    uint8_t own_ports[65536];       /* how many sockets are open here with this port */
    uint8_t buffers[BATCH][LARGEST];
    struct address origins[BATCH];
    struct iovec vectors[BATCH];
    struct mmsghdr messages[BATCH];
};

/* engine.c */
bool event_push(struct engine *, const struct engine_event *event);
uint64_t engine_random(struct engine *);
struct termination *termination_find(struct engine *, int handle);
struct stream *stream_find(struct engine *, int handle, int stream);

/* table.c */
int table_add(struct table *, void *entry);             /* handle, or negative errno */
void *table_find(const struct table *, int handle);     /* NULL: no such */
void table_remove(struct table *, int handle);
void table_free(struct table *);

/* address.c */
bool address_parse(struct address *, const char *host, int port);
bool address_same_host(const struct address *, const struct address *);
bool address_same(const struct address *, const struct address *);
int address_port(const struct address *);
bool address_unicast(const struct address *);

/* port.c */
int port_open(struct engine *, struct port *, const struct address *host, int number, int kind);
void port_close(struct engine *, struct port *);
void port_mute(struct engine *, struct port *);
void ports_unmute(struct engine *);
bool port_send(struct engine *, struct port *, const void *packet, size_t length);

/* source.c */
enum origin { ORIGIN_FOREIGN, ORIGIN_KNOWN, ORIGIN_NEW };
enum origin source_of(struct engine *, struct port *, const struct address *from);
void source_learn(struct engine *, struct port *, const struct address *from);
void source_target(const struct engine *, struct stream *);
void source_declare(struct engine *, struct stream *, const struct address *rtp, const struct address *rtcp);

/* stream.c */
void stream_free(struct engine *, struct termination *, int number);

/* receive.c */
void receive_init(struct engine *);
void port_readable(struct engine *, struct port *);

/* loop.c */
int64_t clock_now(void);
void timer_set(struct engine *, bool on);

/* context.c */
void context_leave(struct engine *, struct termination *);
void context_refresh(struct engine *, struct context *);    /* after any change of what it consists of; NULL: nothing */
bool context_mixes(const struct context *);

/* silence.c */
void silence_due(struct engine *, struct termination *, bool due);
void silence_packet(struct engine *, struct termination *, bool rtp);
void silence_sweep(struct engine *);
double silence_seconds(const struct engine *, const struct termination *);

/* sound.c */
void sounds_free(struct engine *);
int sounds_count(const struct engine *);

/* voice.c */
struct voice *voice_need(struct termination *);     /* made if there is none; NULL: no memory */
void voice_restart(struct termination *);
void voice_hear(struct termination *, const struct rtp *, int codec);
void voice_free(struct voice *);
void sender_init(struct engine *, struct sender *);

/* tick.c */
bool termination_makes_sound(const struct termination *);
void tick(struct engine *);

#endif
