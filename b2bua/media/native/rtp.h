/* RTP and RTCP as octets (RFC 3550), telephone events (RFC 4733), and what is counted of a stream that comes in. No sockets, no clock. */
#ifndef B2BUA_RTP_H
#define B2BUA_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTP_HEADER 12

struct rtp {
    bool marker;
    uint8_t type;
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    const uint8_t *payload;
    size_t length;                  /* of the payload, without padding */
};

/* False: not a valid RTP packet of version 2 (or RTCP, which looks like one: types 64 to 95 with marker, RFC 5761 section 4). */
bool rtp_parse(struct rtp *, const uint8_t *packet, size_t length);
void rtp_write(uint8_t header[RTP_HEADER], const struct rtp *);
/* False: not a sound compound packet (RFC 3550 A.2, or RFC 5506: a feedback packet alone). */
bool rtcp_valid(const uint8_t *packet, size_t length);

struct reception {                  /* of one stream, RFC 3550 A.1, A.3, A.8 */
    bool started;
    uint32_t ssrc;
    uint16_t highest;
    uint64_t cycles;                /* wide: a sender that jumps makes them quickly */
    uint32_t base;                  /* first of this source */
    uint32_t bad;                   /* the sequence number after a jump, were it to go on from there; 65536: none */
    uint64_t received;              /* of this source */
    uint64_t received_before, lost_before;      /* of sources before this one */
    int64_t transit;                /* in timestamp units */
    bool has_transit;
    int32_t clock;
    double jitter;                  /* in timestamp units */
    uint64_t expected_prior, received_prior;    /* as of the last report */
    uint32_t last_report;           /* middle of the NTP time of the sender's last SR; 0: none */
    int64_t last_report_time;
};

/* clock in Hz; timed: its timestamp tells when it was made (not so of telephone events). */
void reception_packet(struct reception *, const struct rtp *, int clock, int64_t now, bool timed);
uint64_t reception_received(const struct reception *);
uint64_t reception_lost(const struct reception *);
double reception_jitter_ms(const struct reception *);

struct event_reception {            /* of telephone events of one stream */
    bool started, ended;
    uint32_t ssrc, timestamp;
    uint8_t code;
    int64_t time;
};

/* The character of a key that has just gone down, or 0: a packet of an event that was told already, no key, or no event at all. */
char event_take(struct event_reception *, const struct rtp *, int64_t now);
/* Four octets of payload. duration in timestamp units. */
void event_write(uint8_t payload[4], char digit, bool end, int duration);
/* 0 to 15, or -1. */
int event_code(char digit);

struct report {                     /* for our own SR or RR */
    uint32_t ssrc;
    bool sent;                      /* an SR */
    uint64_t ntp;
    uint32_t timestamp, packets, octets;
};

#define REPORT_LARGEST 128
/* SR or RR with a report block on what was received, and SDES; its length. */
size_t rtcp_write(uint8_t packet[REPORT_LARGEST], const struct report *, struct reception *, int64_t now);
/* Keep what the report block needs of the sender's SR. */
void rtcp_read(struct reception *, const uint8_t *packet, size_t length, int64_t now);

#endif
