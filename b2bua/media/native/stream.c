/* Streams: their ports, their payload types, who may send. */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void tell_port_lost(struct engine *engine, const struct termination *termination, int number, int error) {
    struct engine_event event = {.kind = EVENT_PORT_LOST, .termination = termination->handle, .number = number, .error = -error};
    event_push(engine, &event);
}

static void open_ports(struct engine *engine, struct stream *stream, int number) {
    struct termination *termination = stream->termination;
    int error = port_open(engine, &stream->rtp, &termination->host, number, stream->kind);
    if (error)
        tell_port_lost(engine, termination, number, error);
    if (stream->kind == KIND_OTHER)
        return;
    error = port_open(engine, &stream->rtcp, &termination->host, number + 1, stream->kind);
    if (error)
        tell_port_lost(engine, termination, number + 1, error);
}

static struct stream *stream_new(struct termination *termination, int kind) {
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->termination = termination;
    stream->kind = kind;
    stream->from_party = stream->to_party = true;
    stream->rtp.fd = stream->rtcp.fd = -1;
    stream->rtp.stream = stream->rtcp.stream = stream;
    stream->rtcp.control = true;
    stream->event.type = -1;
    return stream;
}

static void find_audio(struct termination *termination) {
    termination->audio = NULL;
    for (int i = 0; i < ENGINE_STREAMS && !termination->audio; i++)
        if (termination->streams[i] && termination->streams[i]->kind == KIND_AUDIO)
            termination->audio = termination->streams[i];
}

/* What it counted stays with the termination. */
static void keep_counts(struct stream *stream) {
    struct engine_statistics *statistics = &stream->termination->statistics;
    statistics->received += reception_received(&stream->reception);
    statistics->lost += reception_lost(&stream->reception);
    if (stream == stream->termination->audio)
        statistics->jitter_ms = reception_jitter_ms(&stream->reception);
}

void stream_free(struct engine *engine, struct termination *termination, int number) {
    struct stream *stream = termination->streams[number];
    if (!stream)
        return;
    keep_counts(stream);
    port_close(engine, &stream->rtp);
    port_close(engine, &stream->rtcp);
    termination->streams[number] = NULL;
    free(stream);
    find_audio(termination);
}

int stream_open(struct engine *engine, int handle, int number, int kind, int port) {
    struct termination *termination = termination_find(engine, handle);
    if (!termination || number < 0 || number >= ENGINE_STREAMS || kind < KIND_AUDIO || kind > KIND_OTHER || port < 1 || port > 65534)
        return -EINVAL;
    struct stream *stream = termination->streams[number];
    if (stream && stream->kind == kind && stream->port == port)
        return 0;
    stream_free(engine, termination, number);
    stream = stream_new(termination, kind);
    if (stream) {
        stream->port = port;
        termination->streams[number] = stream;
        find_audio(termination);
        open_ports(engine, stream, port);
    }
    context_refresh(engine, termination->context);
    return stream ? 0 : -ENOMEM;
}

int stream_close(struct engine *engine, int handle, int number) {
    if (!stream_find(engine, handle, number))
        return -EINVAL;
    struct termination *termination = termination_find(engine, handle);
    stream_free(engine, termination, number);
    context_refresh(engine, termination->context);
    return 0;
}

/* Hosts separated by spaces or commas; those that are no address literals are left out, but the first one's place stays its own. */
static void parse_sources(struct stream *stream, const char *hosts) {
    stream->n_sources = 0;
    for (const char *at = hosts ? hosts : ""; *at && stream->n_sources < ENGINE_SOURCES;) {
        size_t length = strcspn(at, " ,");
        char host[80];
        if (length && length < sizeof host) {
            memcpy(host, at, length);
            host[length] = 0;
            if (address_parse(&stream->sources[stream->n_sources], host, 0) || stream->n_sources == 0)
                stream->n_sources++;
        }
        at += length;
        at += strspn(at, " ,");
    }
}

int stream_remote(struct engine *engine, int handle, int number, const char *host, int port, const char *rtcp_host, int rtcp_port,
                  const char *sources) {
    struct stream *stream = stream_find(engine, handle, number);
    struct address rtp = {.length = 0}, rtcp = {.length = 0};
    if (!stream || (host && !address_parse(&rtp, host, port)) || (rtcp_host && !address_parse(&rtcp, rtcp_host, rtcp_port)))
        return -EINVAL;
    int family = stream->termination->host.any.sa_family;
    if ((rtp.length && rtp.any.sa_family != family) || (rtcp.length && rtcp.any.sa_family != family))
        return -EAFNOSUPPORT;
    if (host && !rtcp_host && port < 65535)
        address_parse(&rtcp, host, port + 1);
    parse_sources(stream, sources);
    source_declare(engine, stream, &rtp, &rtcp);
    context_refresh(engine, stream->termination->context);
    return 0;
}

int stream_direction(struct engine *engine, int handle, int number, int from_party, int to_party) {
    struct stream *stream = stream_find(engine, handle, number);
    if (!stream)
        return -EINVAL;
    stream->from_party = from_party;
    stream->to_party = to_party;
    context_refresh(engine, stream->termination->context);
    return 0;
}

static bool sound_codec(int codec) { return codec == CODEC_PCMU || codec == CODEC_PCMA || codec == CODEC_G722; }

static bool valid_payloads(const struct engine_payload *payloads, int n) {
    for (int i = 0; i < n; i++)
        if (payloads[i].type < 0 || payloads[i].type >= ENGINE_PAYLOADS || payloads[i].codec < CODEC_OTHER ||
            payloads[i].codec > CODEC_COMFORT || payloads[i].clock < 0)
            return false;
    return n >= 0 && (payloads || !n);
}

/* The first that we can encode, and of telephone events the one with the clock of that, else the first. */
static void choose_receives(struct stream *stream, const struct engine_payload *receives, int n) {
    stream->sound = (struct engine_payload){.codec = CODEC_OTHER, .clock = 8000};
    stream->event = (struct engine_payload){.type = -1};
    for (int i = 0; i < n && !sound_codec(stream->sound.codec); i++)
        if (sound_codec(receives[i].codec))
            stream->sound = receives[i];
    for (int i = 0; i < n; i++)
        if (receives[i].codec == CODEC_EVENT && receives[i].clock > 0 &&
            (stream->event.type < 0 || (stream->event.clock != 8000 && receives[i].clock == 8000)))
            stream->event = receives[i];
}

int stream_payloads(struct engine *engine, int handle, int number, const struct engine_payload *sends, int n_sends,
                    const struct engine_payload *receives, int n_receives) {
    struct stream *stream = stream_find(engine, handle, number);
    if (!stream || !valid_payloads(sends, n_sends) || !valid_payloads(receives, n_receives))
        return -EINVAL;
    memset(stream->codec, CODEC_OTHER, sizeof stream->codec);
    memset(stream->clock, 0, sizeof stream->clock);
    for (int i = 0; i < n_sends; i++) {
        stream->codec[sends[i].type] = (uint8_t)sends[i].codec;
        stream->clock[sends[i].type] = sends[i].clock;
    }
    choose_receives(stream, receives, n_receives);
    context_refresh(engine, stream->termination->context);
    return 0;
}

int stream_translate(struct engine *engine, int handle, int number, const uint8_t *table) {
    struct stream *stream = stream_find(engine, handle, number);
    if (!stream)
        return -EINVAL;
    stream->translated = table;
    if (table)
        memcpy(stream->table, table, sizeof stream->table);
    return 0;
}
