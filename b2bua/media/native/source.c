/* Where packets may come from, and where they go: symmetric RTP (RFC 4961), learned once and then locked. */
#include "state.h"

#define GUESS (5 * SECOND)

static bool allowed(const struct stream *stream, const struct address *host) {
    for (int i = 0; i < stream->n_sources; i++)
        if (address_same_host(&stream->sources[i], host))
            return true;
    return false;
}

/* A packet from one of our own ports would let packets go round in a circle. */
static bool our_own(const struct engine *engine, const struct port *port, const struct address *from) {
    int number = address_port(from);
    return engine->own_ports[number] && address_same_host(from, &port->stream->termination->host);
}

static bool may_learn(const struct engine *engine, const struct port *port, const struct address *from) {
    const struct stream *stream = port->stream;
    if (!address_unicast(from) || our_own(engine, port, from))
        return false;
    if (port->control)      /* that of the party whose RTP was learned; of nobody before */
        return stream->rtp.learned.length && address_same_host(from, &stream->rtp.learned);
    return allowed(stream, from);
}

enum origin source_of(struct engine *engine, struct port *port, const struct address *from) {
    if (port->learned.length) {
        if (address_same(&port->learned, from))
            return ORIGIN_KNOWN;
        /* What was learned may be packets that were still on their way when the description changed. */
        if (!port->guessed || engine->now >= port->guessed_until)
            return ORIGIN_FOREIGN;
    }
    return may_learn(engine, port, from) ? ORIGIN_NEW : ORIGIN_FOREIGN;
}

static const struct address *target(const struct engine *engine, const struct port *port) {
    const struct address *declared = &port->declared;
    if (port->fd < 0)
        return NULL;
    if (port->learned.length)
        return &port->learned;
    /* Only the first of the sources is vouched for: the others are what the description names, maybe a third party. */
    const struct stream *stream = port->stream;
    bool vouched = stream->n_sources && address_same_host(&stream->sources[0], declared);
    return vouched && address_unicast(declared) && !our_own(engine, port, declared) ? declared : NULL;
}

void source_target(const struct engine *engine, struct stream *stream) {
    stream->rtp.target = target(engine, &stream->rtp);
    stream->rtcp.target = target(engine, &stream->rtcp);
}

void source_learn(struct engine *engine, struct port *port, const struct address *from) {
    struct stream *stream = port->stream;
    if (!port->control && !address_same_host(&port->learned, from))
        stream->rtcp.learned.length = 0;
    port->guessed = engine->now < port->guessed_until && address_same(from, &port->former);
    port->learned = *from;
    source_target(engine, stream);
}

static void forget(struct engine *engine, struct port *port) {
    if (port->learned.length) {
        port->former = port->learned;
        port->guessed_until = engine->now + GUESS;
    }
    port->guessed = false;
    port->learned.length = 0;
}

void source_declare(struct engine *engine, struct stream *stream, const struct address *rtp, const struct address *rtcp) {
    bool changed = !address_same(rtp, &stream->rtp.declared) && (rtp->length || stream->rtp.declared.length);
    bool changed_control = !address_same(rtcp, &stream->rtcp.declared) && (rtcp->length || stream->rtcp.declared.length);
    stream->rtp.declared = *rtp;
    stream->rtcp.declared = *rtcp;
    if (changed || (stream->rtp.learned.length && !allowed(stream, &stream->rtp.learned)))
        forget(engine, &stream->rtp);
    if (changed || changed_control || (stream->rtcp.learned.length && !allowed(stream, &stream->rtcp.learned)))
        forget(engine, &stream->rtcp);
    source_target(engine, stream);
}
