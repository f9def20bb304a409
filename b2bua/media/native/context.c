/* Contexts: who crosses with whom, who hears whom, and which of them need the tick. */
#include "state.h"

#include <errno.h>
#include <stdlib.h>

static struct context *context_find(struct engine *engine, int handle) { return table_find(&engine->contexts, handle); }

bool context_mixes(const struct context *context) { return context && !context->relay; }

static bool has_audience(const struct context *context, int place) {
    if (context->relay)
        return context->n == 2;
    for (int i = 0; i < context->n; i++)
        if (context->hears[i] >> place & 1)
            return true;
    return false;
}

/* In a relay: its other member plays something over what it gets. */
static bool played_over(const struct context *context, int place) {
    const struct termination *other = context->relay && context->n == 2 ? context->members[!place] : NULL;
    return other && other->play.running && other->play.over;
}

static struct stream *partner_of(const struct termination *other, const struct stream *stream, int number) {
    struct stream *partner = other ? other->streams[number] : NULL;
    return partner && partner->kind == stream->kind ? partner : NULL;
}

static void refresh_streams(struct engine *engine, struct termination *termination) {
    struct context *context = termination->context;
    const struct termination *other = context && context->relay && context->n == 2 ? context->members[!termination->place] : NULL;
    for (int i = 0; i < ENGINE_STREAMS; i++) {
        struct stream *stream = termination->streams[i];
        if (!stream)
            continue;
        stream->partner = partner_of(other, stream, i);
        source_target(engine, stream);
    }
}

/* Packets are due from a party that may send, once it has begun, or when there is somebody who ought to hear it. */
static bool is_due(const struct termination *termination, bool audience) {
    const struct stream *audio = termination->audio;
    if (!audio || !audio->from_party || !audio->rtp.declared.length || !termination->context)
        return false;
    if (termination->last_rtp || !termination->context->relay)
        return termination->last_rtp || audience;
    return audio->partner && audio->partner->rtp.declared.length;
}

static void refresh_member(struct engine *engine, struct termination *termination) {
    struct context *context = termination->context;
    refresh_streams(engine, termination);
    bool audience = context && has_audience(context, termination->place);
    silence_due(engine, termination, is_due(termination, audience));
    struct stream *audio = termination->audio;
    bool wanted = context && ((audience && !context->relay) || termination->inband || played_over(context, termination->place));
    if (audio && wanted != audio->heard) {
        audio->heard = wanted && voice_need(termination);
        if (audio->heard)
            voice_restart(termination);
    }
}

static bool needs_tick(const struct context *context) {
    for (int i = 0; i < context->n; i++) {
        const struct termination *member = context->members[i];
        if ((!context->relay && context->hears[i]) || termination_makes_sound(member) || (member->audio && member->audio->heard))
            return true;
    }
    return false;
}

static void tick_begin(struct engine *engine, struct context *context) {
    int phase = 0;
    for (int i = 1; i < PHASES; i++)
        if (engine->n_phase[i] < engine->n_phase[phase])
            phase = i;
    context->phase = phase;
    context->ticking = true;
    context->previous = NULL;
    context->next = engine->phases[phase];
    if (context->next)
        context->next->previous = context;
    engine->phases[phase] = context;
    engine->n_phase[phase]++;
}

static void tick_end(struct engine *engine, struct context *context) {
    if (context->previous)
        context->previous->next = context->next;
    else
        engine->phases[context->phase] = context->next;
    if (context->next)
        context->next->previous = context->previous;
    context->ticking = false;
    for (int i = 0; i < context->n; i++)
        context->members[i]->sender.talking = false;
    engine->n_phase[context->phase]--;
}

void context_refresh(struct engine *engine, struct context *context) {
    if (!context)
        return;
    for (int i = 0; i < context->n; i++)
        refresh_member(engine, context->members[i]);
    bool needed = needs_tick(context);
    if (needed && !context->ticking)
        tick_begin(engine, context);
    else if (!needed && context->ticking)
        tick_end(engine, context);
}

/* Out of the lists of the context; whoever calls refreshes both. */
static void take_out(struct engine *engine, struct termination *termination) {
    struct context *context = termination->context;
    int place = termination->place;
    uint64_t below = (UINT64_C(1) << place) - 1;
    context->n--;
    for (int i = place; i < context->n; i++) {
        context->members[i] = context->members[i + 1];
        context->members[i]->place = i;
        context->hears[i] = context->hears[i + 1];
    }
    for (int i = 0; i < context->n; i++)
        context->hears[i] = (context->hears[i] & below) | (context->hears[i] >> 1 & ~below);
    termination->context = NULL;
    refresh_member(engine, termination);
}

void context_leave(struct engine *engine, struct termination *termination) {
    struct context *context = termination->context;
    if (!context)
        return;
    take_out(engine, termination);
    context_refresh(engine, context);
}

int context_open(struct engine *engine) {
    struct context *context = calloc(1, sizeof *context);
    if (!context)
        return -ENOMEM;
    context->handle = table_add(&engine->contexts, context);
    int handle = context->handle;
    if (handle < 0)
        free(context);
    return handle;
}

int context_close(struct engine *engine, int handle) {
    struct context *context = context_find(engine, handle);
    if (!context)
        return -EINVAL;
    while (context->n)
        take_out(engine, context->members[context->n - 1]);
    if (context->ticking)
        tick_end(engine, context);
    table_remove(&engine->contexts, handle);
    free(context);
    return 0;
}

static int find_members(struct engine *engine, const int32_t *handles, int n, struct termination **members) {
    for (int i = 0; i < n; i++) {
        members[i] = termination_find(engine, handles[i]);
        if (!members[i])
            return -EINVAL;
        for (int k = 0; k < i; k++)
            if (members[k] == members[i])
                return -EINVAL;
    }
    return 0;
}

int context_set(struct engine *engine, int handle, int relay, const int32_t *handles, int n, const uint64_t *hears) {
    struct context *context = context_find(engine, handle);
    struct termination *members[ENGINE_MEMBERS];
    if (!context || n < 0 || n > (relay ? 2 : ENGINE_MEMBERS) || (n && !handles) || find_members(engine, handles, n, members))
        return -EINVAL;
    for (int i = 0; i < n; i++) {
        if (members[i]->context && members[i]->context != context)
            context_leave(engine, members[i]);
        members[i]->context = NULL;
    }
    for (int i = context->n - 1; i >= 0; i--)
        if (context->members[i]->context == context)
            take_out(engine, context->members[i]);
    context->relay = relay;
    context->n = n;
    uint64_t all = n ? ~UINT64_C(0) >> (64 - n) : 0;
    for (int i = 0; i < n; i++) {
        context->members[i] = members[i];
        members[i]->context = context;
        members[i]->place = i;
        context->hears[i] = hears && !relay ? hears[i] & all & ~(UINT64_C(1) << i) : 0;
    }
    context_refresh(engine, context);
    return 0;
}
