#include "rtp.h"

#include <string.h>

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }

static void put16(uint8_t *p, uint32_t value) {
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value) {
    put16(p, value >> 16);
    put16(p + 2, value);
}

bool rtp_parse(struct rtp *rtp, const uint8_t *packet, size_t length) {
    if (length < RTP_HEADER || packet[0] >> 6 != 2)
        return false;
    if (packet[1] >= 192 && packet[1] <= 223)
        return false;
    size_t start = RTP_HEADER + 4u * (packet[0] & 15u);
    if (packet[0] & 0x10) {
        if (start + 4 > length)
            return false;
        start += 4 + 4u * get16(packet + start + 2);
    }
    if (start > length)
        return false;
    size_t padding = 0;
    if (packet[0] & 0x20) {
        padding = packet[length - 1];
        if (padding == 0 || padding > length - start)
            return false;
    }
    rtp->marker = packet[1] >> 7;
    rtp->type = packet[1] & 127;
    rtp->sequence = get16(packet + 2);
    rtp->timestamp = get32(packet + 4);
    rtp->ssrc = get32(packet + 8);
    rtp->payload = packet + start;
    rtp->length = length - start - padding;
    return true;
}

void rtp_write(uint8_t header[RTP_HEADER], const struct rtp *rtp) {
    header[0] = 0x80;
    header[1] = (uint8_t)(rtp->marker << 7 | rtp->type);
    put16(header + 2, rtp->sequence);
    put32(header + 4, rtp->timestamp);
    put32(header + 8, rtp->ssrc);
}

#define SR 200
#define RR 201
#define SDES 202

bool rtcp_valid(const uint8_t *packet, size_t length) {
    if (length < 8 || length % 4)
        return false;
    uint8_t first = packet[1];
    if (first != SR && first != RR && first != 205 && first != 206)
        return false;
    for (size_t at = 0; at < length;) {
        const uint8_t *part = packet + at;
        size_t size = 4u * (get16(part + 2) + 1u);     /* length % 4 == 0: at least 4 octets are there */
        if (part[0] >> 6 != 2 || part[1] < 192 || part[1] > 223 || size > length - at)
            return false;
        bool last = at + size == length;
        if (part[0] & 0x20 && (!last || at == 0 || part[size - 1] == 0 || part[size - 1] > size - 4))
            return false;
        if ((part[1] == SR && size < 28) || (part[1] == RR && size < 8))
            return false;
        at += size;
    }
    return true;
}

#define NO_BAD 65536u
#define MAX_DROPOUT 3000
#define MAX_MISORDER 100

static uint64_t expected(const struct reception *r) {
    return r->started ? r->cycles + r->highest - r->base + 1 : 0;
}

static uint64_t lost_of_source(const struct reception *r) {
    uint64_t due = expected(r);
    return due > r->received ? due - r->received : 0;
}

static void source_begins(struct reception *r, const struct rtp *rtp) {
    r->lost_before += lost_of_source(r);
    r->received_before += r->received;
    r->started = true;
    r->ssrc = rtp->ssrc;
    r->base = r->highest = rtp->sequence;
    r->cycles = 0;
    r->bad = NO_BAD;
    r->received = 0;
    r->has_transit = false;
    r->expected_prior = r->received_prior = 0;
    r->last_report = 0;
}

static void sequence(struct reception *r, const struct rtp *rtp) {
    uint16_t step = (uint16_t)(rtp->sequence - r->highest);
    if (step < MAX_DROPOUT) {
        if (rtp->sequence < r->highest)
            r->cycles += 65536;
        r->highest = rtp->sequence;
        r->bad = NO_BAD;
    } else if (step <= 65536 - MAX_MISORDER) {
        if (rtp->sequence == r->bad)
            source_begins(r, rtp);
        else
            r->bad = (rtp->sequence + 1) & 65535;
    }
}

static void jitter(struct reception *r, const struct rtp *rtp, int clock, int64_t now) {
    if (clock != r->clock)
        r->has_transit = false;
    r->clock = clock;
    int64_t arrival = now / 1000 * clock / 1000000;
    int64_t transit = (int64_t)(uint32_t)((uint32_t)arrival - rtp->timestamp);
    if (r->has_transit) {
        int32_t difference = (int32_t)(uint32_t)(transit - r->transit);
        double distance = difference < 0 ? -(double)difference : (double)difference;
        if (distance < 10.0 * clock)
            r->jitter += (distance - r->jitter) / 16;
    }
    r->transit = transit;
    r->has_transit = true;
}

void reception_packet(struct reception *r, const struct rtp *rtp, int clock, int64_t now, bool timed) {
    if (!r->started || rtp->ssrc != r->ssrc)
        source_begins(r, rtp);
    else
        sequence(r, rtp);
    r->received++;
    if (timed && clock > 0)
        jitter(r, rtp, clock, now);
}

uint64_t reception_received(const struct reception *r) { return r->received_before + r->received; }
uint64_t reception_lost(const struct reception *r) { return r->lost_before + lost_of_source(r); }
double reception_jitter_ms(const struct reception *r) { return r->clock > 0 ? r->jitter * 1000 / r->clock : 0; }

static const char KEYS[] = "0123456789*#ABCD";

int event_code(char digit) {
    const char *at = digit ? strchr(KEYS, digit >= 'a' && digit <= 'd' ? digit - 'a' + 'A' : digit) : NULL;
    return at ? (int)(at - KEYS) : -1;
}

/* Older than the last by timestamp, but not so old that it must be a clock that began anew. */
static bool late(const struct event_reception *e, const struct rtp *rtp, int64_t now) {
    int32_t step = (int32_t)(rtp->timestamp - e->timestamp);
    return step < 0 && step > -480000 && now - e->time < 10 * INT64_C(1000000000);
}

/* An event that is too long for its duration field goes on as another (RFC 4733 section 2.5.1.3). And some senders let the timestamp go on
 * within one event. */
static bool continues(const struct event_reception *e, const struct rtp *rtp, int64_t now) {
    uint32_t step = rtp->timestamp - e->timestamp;
    if (e->ended || rtp->payload[0] != e->code)
        return false;
    return step == 0xFFFF || (step <= 400 && !rtp->marker && now - e->time < 60 * INT64_C(1000000));
}

char event_take(struct event_reception *e, const struct rtp *rtp, int64_t now) {
    if (rtp->length < 4)
        return 0;
    uint8_t code = rtp->payload[0];
    bool end = rtp->payload[1] & 0x80;
    bool same_source = e->started && e->ssrc == rtp->ssrc;
    if (same_source && late(e, rtp, now))
        return 0;
    bool known = same_source && (rtp->timestamp == e->timestamp || continues(e, rtp, now));
    e->ended = end || (known && rtp->timestamp == e->timestamp && e->ended);
    e->started = true;
    e->ssrc = rtp->ssrc;
    e->timestamp = rtp->timestamp;
    e->code = code;
    e->time = now;
    return known || code > 15 ? 0 : KEYS[code];
}

void event_write(uint8_t payload[4], char digit, bool end, int duration) {
    payload[0] = (uint8_t)event_code(digit);
    payload[1] = (uint8_t)(end << 7 | 10);
    put16(payload + 2, (uint32_t)duration);
}

/* RFC 3550 6.4.1 and A.3; 24 octets. */
static void write_block(uint8_t *p, struct reception *r, int64_t now) {
    uint64_t due = expected(r), interval = due - r->expected_prior, came = r->received - r->received_prior;
    uint64_t gone = interval > came ? interval - came : 0;
    uint64_t lost = lost_of_source(r);
    r->expected_prior = due;
    r->received_prior = r->received;
    put32(p, r->ssrc);
    put32(p + 4, (uint32_t)(lost > 0x7FFFFF ? 0x7FFFFF : lost));
    p[4] = interval ? (uint8_t)(gone * 255 / interval) : 0;
    put32(p + 8, (uint32_t)(r->cycles + r->highest));
    put32(p + 12, (uint32_t)r->jitter);
    put32(p + 16, r->last_report);
    put32(p + 20, r->last_report ? (uint32_t)((now - r->last_report_time) / 1000 * 65536 / 1000000) : 0);
}

size_t rtcp_write(uint8_t packet[REPORT_LARGEST], const struct report *report, struct reception *r, int64_t now) {
    size_t n = 8;
    put32(packet + 4, report->ssrc);
    if (report->sent) {
        put32(packet + 8, (uint32_t)(report->ntp >> 32));
        put32(packet + 12, (uint32_t)report->ntp);
        put32(packet + 16, report->timestamp);
        put32(packet + 20, report->packets);
        put32(packet + 24, report->octets);
        n += 20;
    }
    bool block = r->started;
    if (block) {
        write_block(packet + n, r, now);
        n += 24;
    }
    packet[0] = (uint8_t)(0x80 | block);
    packet[1] = report->sent ? SR : RR;
    put16(packet + 2, (uint32_t)(n / 4 - 1));
    /* SDES with one chunk: SSRC, CNAME of eight hexadecimal digits (random, RFC 7022), END and filling to a word. */
    uint8_t *sdes = packet + n;
    sdes[0] = 0x81;
    sdes[1] = SDES;
    put16(sdes + 2, 4);
    put32(sdes + 4, report->ssrc);
    sdes[8] = 1;
    sdes[9] = 8;
    for (int i = 0; i < 8; i++)
        sdes[10 + i] = (uint8_t)"0123456789abcdef"[report->ssrc >> 4 * i & 15];
    sdes[18] = sdes[19] = 0;
    return n + 20;
}

void rtcp_read(struct reception *r, const uint8_t *packet, size_t length, int64_t now) {
    if (length < 28 || packet[1] != SR || get32(packet + 4) != r->ssrc)
        return;
    r->last_report = get32(packet + 10);
    r->last_report_time = now;
}
