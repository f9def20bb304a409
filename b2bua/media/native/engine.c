/* The engine itself, its terminations, its events. */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

int engine_version(void) { return ENGINE_VERSION; }

int engine_sizeof(int structure) {
    static const size_t sizes[] = {sizeof(struct engine_payload), sizeof(struct engine_statistics), sizeof(struct engine_event),
                                   sizeof(struct engine_counts)};
    return structure >= 0 && structure < 4 ? (int)sizes[structure] : -EINVAL;
}

struct engine *engine_new(uint64_t seed, int silent_ms) {
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    engine->random = seed;
    engine->silent_ms = silent_ms > 0 ? silent_ms : 0;
    engine->now = clock_now();
    engine->timer_ready = READY_TIMER;
    engine->epoll = epoll_create1(EPOLL_CLOEXEC);
    engine->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    receive_init(engine);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &engine->timer_ready};
    if (engine->epoll < 0 || engine->timer < 0 || epoll_ctl(engine->epoll, EPOLL_CTL_ADD, engine->timer, &event) < 0) {
        engine_free(engine);
        return NULL;
    }
    return engine;
}

void engine_free(struct engine *engine) {
    if (!engine)
        return;
    for (int32_t i = 0; i < engine->terminations.size; i++) {
        struct termination *termination = engine->terminations.entries[i];
        if (termination)
            termination_close(engine, termination->handle, NULL);
    }
    for (int32_t i = 0; i < engine->contexts.size; i++) {
        struct context *context = engine->contexts.entries[i];
        if (context)
            context_close(engine, context->handle);
    }
    while (engine->watched)
        engine_watch(engine, engine->watched->fd, 0, 0);
    sounds_free(engine);
    table_free(&engine->terminations);
    table_free(&engine->contexts);
    if (engine->timer >= 0)
        close(engine->timer);
    if (engine->epoll >= 0)
        close(engine->epoll);
    free(engine);
}

/* splitmix64: not secret, only different each time (RFC 3550 8.1). */
uint64_t engine_random(struct engine *engine) {
    uint64_t z = engine->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

bool event_push(struct engine *engine, const struct engine_event *event) {
    if (engine->queue_n == QUEUE) {
        engine->counts.events_lost++;
        return false;
    }
    engine->queue[(engine->queue_first + engine->queue_n++) % QUEUE] = *event;
    return true;
}

int engine_event(struct engine *engine, struct engine_event *event) {
    if (!engine->queue_n)
        return 0;
    *event = engine->queue[engine->queue_first];
    engine->queue_first = (engine->queue_first + 1) % QUEUE;
    engine->queue_n--;
    return 1;
}

void engine_counts(struct engine *engine, struct engine_counts *counts) {
    *counts = engine->counts;
    counts->terminations = engine->terminations.count;
    counts->contexts = engine->contexts.count;
    counts->ports = engine->ports;
    counts->sounds = sounds_count(engine);
}

struct termination *termination_find(struct engine *engine, int handle) { return table_find(&engine->terminations, handle); }

struct stream *stream_find(struct engine *engine, int handle, int stream) {
    const struct termination *termination = termination_find(engine, handle);
    return termination && stream >= 0 && stream < ENGINE_STREAMS ? termination->streams[stream] : NULL;
}

int termination_open(struct engine *engine, const char *host) {
    struct address address;
    if (!address_parse(&address, host, 0))
        return -EINVAL;
    struct termination *termination = calloc(1, sizeof *termination);
    if (!termination)
        return -ENOMEM;
    int handle = table_add(&engine->terminations, termination);
    if (handle < 0) {
        free(termination);
        return handle;
    }
    termination->handle = handle;
    termination->host = address;
    sender_init(engine, &termination->sender);
    timer_set(engine, true);
    return handle;
}

static void count(const struct engine *engine, const struct termination *termination, struct engine_statistics *statistics) {
    *statistics = termination->statistics;
    statistics->silent_seconds = silence_seconds(engine, termination);
    for (int i = 0; i < ENGINE_STREAMS; i++) {
        const struct stream *stream = termination->streams[i];
        if (!stream)
            continue;
        statistics->received += reception_received(&stream->reception);
        statistics->lost += reception_lost(&stream->reception);
    }
    if (termination->audio)
        statistics->jitter_ms = reception_jitter_ms(&termination->audio->reception);
}

int termination_statistics(struct engine *engine, int handle, struct engine_statistics *statistics) {
    const struct termination *termination = termination_find(engine, handle);
    if (!termination)
        return -EINVAL;
    engine->now = clock_now();
    count(engine, termination, statistics);
    return 0;
}

int termination_close(struct engine *engine, int handle, struct engine_statistics *statistics) {
    struct termination *termination = termination_find(engine, handle);
    if (!termination)
        return -EINVAL;
    if (statistics)
        termination_statistics(engine, handle, statistics);
    context_leave(engine, termination);
    for (int i = 0; i < ENGINE_STREAMS; i++)
        stream_free(engine, termination, i);
    voice_free(termination->voice);
    table_remove(&engine->terminations, handle);
    free(termination);
    timer_set(engine, engine->terminations.count > 0);
    return 0;
}

int termination_digits(struct engine *engine, int handle, int take, int inband) {
    struct termination *termination = termination_find(engine, handle);
    if (!termination)
        return -EINVAL;
    termination->take = take;
    termination->inband = inband;
    context_refresh(engine, termination->context);
    return 0;
}
