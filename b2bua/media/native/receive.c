/* The way of a packet: is it from the party, is it sound RTP, and then across the relay, to the ear of the mix, or told as a digit. */
#include "state.h"

#include <errno.h>

#include "audio.h"

#define WINDOW (20 * MILLISECOND)
#define AUDIO_BUDGET 64             /* packets read from one socket in a window; what is above waits, and then the kernel drops it */
#define OTHER_BUDGET 256
#define BURST (200 * MILLISECOND)   /* of a rate limit: what may come at once, in time */

/* 500 packets a second of sound, 2500 of a picture, 250 of RTCP. */
static bool too_many(struct port *port, int64_t now) {
    int64_t step = port->control ? 4 * MILLISECOND : port->stream->kind == KIND_AUDIO ? 2 * MILLISECOND : 2 * MILLISECOND / 5;
    if (port->rate_time < now)
        port->rate_time = now;
    if (port->rate_time - now > BURST)
        return true;
    port->rate_time += step;
    return false;
}

/* STUN comes before the media where a party thinks of ICE: nothing wrong with it (RFC 7983 section 7). */
static bool is_stun(const uint8_t *packet, size_t length) { return length >= 20 && packet[0] < 4; }

/* The partner hears made sound now. What it cannot be sent does not stop what is relayed, but a hold keeps it from hearing in any case. */
static bool replaced(const struct stream *partner) {
    const struct termination *termination = partner->termination;
    if (partner != termination->audio || !termination_makes_sound(termination))
        return false;
    bool able = partner->sound.codec != CODEC_OTHER;
    if (termination->digits.n && (able || partner->event.type >= 0))
        return true;
    return termination->play.running && (able || !termination->play.over);
}

static void relay(struct engine *engine, struct stream *stream, uint8_t *packet, size_t length) {
    struct stream *partner = stream->partner;
    if (!partner || !partner->to_party || !partner->rtp.target || replaced(partner))
        return;
    if (stream->translated && stream->kind != KIND_OTHER) {
        uint8_t type = stream->table[packet[1] & 127];
        if (type >= ENGINE_PAYLOADS)
            return;
        packet[1] = (uint8_t)((packet[1] & 128) | type);
    }
    port_send(engine, &partner->rtp, packet, length);
}

static void tell_digit(struct engine *engine, struct stream *stream, const struct rtp *rtp) {
    char digit = event_take(&stream->events, rtp, engine->now);
    struct engine_event event = {.kind = EVENT_DIGIT, .termination = stream->termination->handle, .number = digit};
    if (digit)
        event_push(engine, &event);
}

static void rtp_packet(struct engine *engine, struct stream *stream, const struct rtp *rtp, uint8_t *packet, size_t length) {
    struct termination *termination = stream->termination;
    int codec = stream->codec[rtp->type];
    int clock = stream->clock[rtp->type] ? stream->clock[rtp->type] : stream->kind == KIND_VIDEO ? 90000 : 8000;
    reception_packet(&stream->reception, rtp, clock, engine->now, codec != CODEC_EVENT);
    if (!stream->from_party)
        return;
    if (codec == CODEC_EVENT && (termination->take || context_mixes(termination->context))) {
        tell_digit(engine, stream, rtp);
        return;
    }
    if (stream->heard)
        voice_hear(termination, rtp, codec);
    relay(engine, stream, packet, length);
}

static void media_packet(struct engine *engine, struct port *port, uint8_t *packet, size_t length, const struct address *from) {
    struct stream *stream = port->stream;
    struct engine_statistics *statistics = &stream->termination->statistics;
    struct rtp rtp;
    enum origin origin = source_of(engine, port, from);
    if (origin == ORIGIN_FOREIGN) {
        statistics->foreign++;
        return;
    }
    if (stream->kind != KIND_OTHER && !rtp_parse(&rtp, packet, length)) {
        statistics->malformed += !is_stun(packet, length);
        return;
    }
    if (origin == ORIGIN_NEW)
        source_learn(engine, port, from);
    if (too_many(port, engine->now)) {
        statistics->flood++;
        return;
    }
    engine->counts.received++;
    silence_packet(engine, stream->termination, stream == stream->termination->audio);
    if (stream->kind != KIND_OTHER) {
        rtp_packet(engine, stream, &rtp, packet, length);
        return;
    }
    statistics->received++;
    if (stream->from_party)
        relay(engine, stream, packet, length);
}

/* Across a relay as it is; in a mix only the time of the party's report is of use. Nothing that it says is done. */
static void control_packet(struct engine *engine, struct port *port, uint8_t *packet, size_t length, const struct address *from) {
    struct stream *stream = port->stream;
    struct engine_statistics *statistics = &stream->termination->statistics;
    enum origin origin = source_of(engine, port, from);
    if (origin == ORIGIN_FOREIGN) {
        statistics->foreign += stream->rtp.learned.length > 0;  /* before its first RTP packet nobody can be told from the party */
        return;
    }
    if (!rtcp_valid(packet, length)) {
        statistics->malformed += !is_stun(packet, length);
        return;
    }
    if (origin == ORIGIN_NEW)
        source_learn(engine, port, from);
    if (too_many(port, engine->now)) {
        statistics->flood++;
        return;
    }
    silence_packet(engine, stream->termination, false);
    rtcp_read(&stream->reception, packet, length, engine->now);
    if (stream->partner && stream->partner->rtcp.target)
        port_send(engine, &stream->partner->rtcp, packet, length);
}

static void packet_came(struct engine *engine, struct port *port, int i) {
    struct msghdr *header = &engine->messages[i].msg_hdr;
    struct address *from = &engine->origins[i];
    size_t length = engine->messages[i].msg_len;
    from->length = header->msg_namelen;
    if (header->msg_flags & MSG_TRUNC)
        port->stream->termination->statistics.malformed++;
    else if (port->control)
        control_packet(engine, port, engine->buffers[i], length, from);
    else
        media_packet(engine, port, engine->buffers[i], length, from);
}

void receive_init(struct engine *engine) {
    for (int i = 0; i < BATCH; i++) {
        engine->vectors[i] = (struct iovec){.iov_base = engine->buffers[i], .iov_len = LARGEST};
        engine->messages[i].msg_hdr = (struct msghdr){.msg_name = &engine->origins[i].any, .msg_iov = &engine->vectors[i], .msg_iovlen = 1};
    }
}

static void clear_error(const struct port *port) {
    int error;
    socklen_t length = sizeof error;
    getsockopt(port->fd, SOL_SOCKET, SO_ERROR, &error, &length);
}

void port_readable(struct engine *engine, struct port *port) {
    if (engine->now - port->window >= WINDOW) {
        port->window = engine->now;
        port->read = 0;
    }
    for (int i = 0; i < BATCH; i++)
        engine->messages[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_in6);
    int n = recvmmsg(port->fd, engine->messages, BATCH, MSG_DONTWAIT, NULL);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            clear_error(port);
        return;
    }
    for (int i = 0; i < n; i++)
        packet_came(engine, port, i);
    port->read += n;
    if (port->read > (port->stream->kind == KIND_AUDIO ? AUDIO_BUDGET : OTHER_BUDGET))
        port_mute(engine, port);
}
