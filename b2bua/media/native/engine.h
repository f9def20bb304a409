/* The media plane: what b2bua/media/engine.py specifies, for one thread. Flat functions for ctypes, everything in one opaque engine.
 *
 * Python calls `engine_run`, which carries packets until a watched descriptor is ready or something is to be told, then changes tables
 * with the other functions, reads the events, and calls `engine_run` again. No function but `engine_run` waits. None keeps a pointer that
 * it was given. Functions that return int give a number >= 0, or a negative errno (-EINVAL: a handle or number that is none).
 *
 * A handle (termination, context) is given out once in a very long time, so that an event about a closed one is known as stale.
 * After a termination is closed nothing of it is left; after all are closed `engine_counts` is zero.
 */
#ifndef B2BUA_ENGINE_H
#define B2BUA_ENGINE_H

#include <stdint.h>

#define ENGINE_VERSION 1            /* engine_version(): header and library belong together */
#define ENGINE_STREAMS 8            /* streams of a termination */
#define ENGINE_MEMBERS 32           /* terminations of a context */
#define ENGINE_SOURCES 8            /* hosts that a stream may be sent from */
#define ENGINE_PAYLOADS 128
#define ENGINE_SOUNDS 64            /* sounds of one play */
#define ENGINE_DIGITS 64            /* digits that wait to be sent to one termination */
#define ENGINE_DROP 255             /* in a table for `stream_translate`: this payload type does not cross */

enum engine_kind { KIND_AUDIO = 0, KIND_VIDEO = 1, KIND_OTHER = 2 };    /* KIND_OTHER: datagrams that are not RTP, relayed as they are */

enum engine_codec {
    CODEC_OTHER = 0,                /* crosses a relay; nothing else can be done with it */
    CODEC_PCMU = 1,
    CODEC_PCMA = 2,
    CODEC_G722 = 3,                 /* RTP clock 8000, sound 16000 (RFC 3551 4.5.2) */
    CODEC_EVENT = 4,                /* telephone-event, RFC 4733 */
    CODEC_COMFORT = 5,              /* CN, RFC 3389: silence in a mix */
};

struct engine_payload {
    int32_t type;                   /* 0-127 */
    int32_t codec;                  /* enum engine_codec */
    int32_t clock;                  /* Hz */
};

struct engine_statistics {          /* engine.py `Statistics`, and why packets were dropped */
    uint64_t received, sent, lost, foreign;
    uint64_t flood;                 /* too many a second */
    uint64_t malformed;             /* not RTP, not RTCP, too long */
    uint64_t unsent;                /* the kernel would not take it */
    double jitter_ms, silent_seconds;
};

enum engine_event_kind { EVENT_DIGIT = 1, EVENT_PLAYED = 2, EVENT_SILENT = 3, EVENT_PORT_LOST = 4 };

struct engine_event {
    int32_t kind;                   /* enum engine_event_kind */
    int32_t termination;
    int64_t number;                 /* PLAYED: number of the play. PORT_LOST: the port. DIGIT: the character */
    int32_t inband;                 /* DIGIT: heard as tones */
    int32_t error;                  /* PORT_LOST: errno */
    double seconds;                 /* SILENT */
};

struct engine_counts {
    int32_t terminations, contexts, ports, sounds;      /* ports: sockets open, RTCP ones included */
    uint64_t received, sent;                            /* packets since the start, of all terminations */
    uint64_t ticks;                                     /* of 5 ms since the start */
    uint64_t ticks_late;                                /* that began more than 5 ms after their time */
    uint64_t ticks_skipped;                             /* that were left out because the process had stood still */
    uint64_t events_lost;                               /* the queue was full */
};

#pragma GCC visibility push(default)     /* all else may be hidden (-fvisibility=hidden) */

struct engine;

#define ENGINE_RUN_EVENTS 1         /* engine_run: engine_event has something */
#define ENGINE_RUN_WATCHED 2        /* engine_run: a watched descriptor is ready; engine_ready tells which */

int engine_version(void);
/* sizeof of structure 0 payload, 1 statistics, 2 event, 3 counts: for a check of the ctypes mirror. */
int engine_sizeof(int structure);

/* NULL: no memory or no descriptors. The seed makes SSRC, first sequence numbers and timestamps (RFC 3550 8): give it true randomness.
 * `silent_ms`: a termination from which nothing came for that long though something was due is told as SILENT (and again after as long);
 * 0: never. */
struct engine *engine_new(uint64_t seed, int silent_ms);
void engine_free(struct engine *);

/* Return from engine_run when fd can be read (reading), or written (writing). Call again to change; both 0: no more. Before close(fd)! */
int engine_watch(struct engine *, int fd, int reading, int writing);
/* Carry packets for at most timeout_ms (-1: no limit). 0: time is over, or a signal came. Else ENGINE_RUN_* together. */
int engine_run(struct engine *, int timeout_ms);
/* The watched descriptors that were ready when engine_run returned; how many. */
int engine_ready(struct engine *, int *fds, int room);
/* 1: the oldest event taken out of the queue into *event; 0: there is none. */
int engine_event(struct engine *, struct engine_event *event);
void engine_counts(struct engine *, struct engine_counts *counts);

/* A sound, copied: n8 samples of 8 kHz, n16 of 16 kHz mono; either may be NULL and 0, and is made from the other. Gives its number. */
int engine_sound(struct engine *, const int16_t *samples8, int n8, const int16_t *samples16, int n16);
/* Forget a sound (plays of it end). Its number may be given out again. */
int engine_sound_forget(struct engine *, int sound);

/* host: our address, an IPv4 or IPv6 literal (fe80::1%eth0 too). Gives the handle. It has no stream and is in no context. */
int termination_open(struct engine *, const char *host);
/* statistics may be NULL. Leaves its context. */
int termination_close(struct engine *, int termination, struct engine_statistics *statistics);
int termination_statistics(struct engine *, int termination, struct engine_statistics *statistics);
/* take: telephone events are taken out and told (in a mix always). inband: listen for DTMF tones. Both 0/1. */
int termination_digits(struct engine *, int termination, int take, int inband);

/* Stream number 0..7 (the m-line; gaps are allowed). Opens port (RTP) and port + 1 (RTCP; not for KIND_OTHER). Nothing happens when it is
 * open with this kind and port; another kind or port closes the old one. A port that cannot be opened is told as PORT_LOST (returns 0). */
int stream_open(struct engine *, int termination, int stream, int kind, int port);
int stream_close(struct engine *, int termination, int stream);
/* Where the party wants its packets (host NULL: nowhere; rtcp_host NULL: at the next higher port), and the hosts that its packets may
 * come from, separated by spaces or commas. A change of remote or RTCP remote forgets the learned source; else it stays
 * (unless it is not among the sources any more). Until a packet came, nothing is sent to a host but the first of the sources. */
int stream_remote(struct engine *, int termination, int stream, const char *host, int port, const char *rtcp_host, int rtcp_port,
                  const char *sources);
int stream_direction(struct engine *, int termination, int stream, int from_party, int to_party);
/* The tables of `Stream.sends` and `.receives`, in their order. */
int stream_payloads(struct engine *, int termination, int stream, const struct engine_payload *sends, int n_sends,
                    const struct engine_payload *receives, int n_receives);
/* For a relay: what a payload type that comes from this party is called at the other: table[type] = type there, or ENGINE_DROP.
 * 128 entries. NULL: as it is. */
int stream_translate(struct engine *, int termination, int stream, const uint8_t *table);

int context_open(struct engine *);
/* The terminations in it stay open, in no context. */
int context_close(struct engine *, int context);
/* Make it so: these members, no others (those leave what they were in). relay: two members (one alone may wait for the other), stream by
 * stream; hears is not looked at. Else hears[i] has bit k set when members[i] hears members[k]; NULL: nobody hears anybody. */
int context_set(struct engine *, int context, int relay, const int32_t *members, int n, const uint64_t *hears);

/* Plays belong to the termination and go on when it changes context. number: told by PLAYED. The same number as the running one, or the
 * one that was played to its end last: nothing happens; another: it begins anew. */
int play_start(struct engine *, int termination, int64_t number, const int32_t *sounds, int n, int loop, int over);
/* Nothing is told, and every number begins anew. */
int play_stop(struct engine *, int termination);
/* 0-9 * # A-D; a comma is half a second of nothing. Appended to what waits. -ENOSPC: too many; nothing of it is sent. */
int digits_send(struct engine *, int termination, const char *digits);

#pragma GCC visibility pop

#endif
