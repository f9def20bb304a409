/* Every 20 ms for each context that needs it: what its members say is summed, and each gets its share, its play or its digits. */
#include "state.h"

#include <string.h>

#include "voice.h"

struct mix {
    struct context *context;
    int rate;
    uint64_t speakers;              /* members that say something in this tick */
    int32_t sum[AUDIO_FRAME_MAX];   /* of all of them */
};

bool termination_makes_sound(const struct termination *termination) { return termination->play.running || termination->digits.n; }

static int rate_of(const struct context *context) {
    for (int i = 0; i < context->n; i++)
        if (context->members[i]->audio && context->members[i]->audio->sound.codec == CODEC_G722)
            return AUDIO_WIDE;
    return AUDIO_NARROW;
}

static void listen_to_all(struct engine *engine, struct mix *mix) {
    for (int i = 0; i < mix->context->n; i++) {
        struct termination *member = mix->context->members[i];
        if (!member->audio || !member->audio->heard)
            continue;
        voice_frame(engine, member, mix->rate);
        if (!member->voice->loud)
            continue;
        mix->speakers |= UINT64_C(1) << i;
        mix_add(mix->sum, member->voice->frame, (size_t)AUDIO_FRAME(mix->rate));
    }
}

/* Bits of those whom it hears. */
static uint64_t heard_by(const struct context *context, int place) {
    if (!context->relay)
        return context->hears[place];
    return context->n == 2 && context->members[!place]->audio && context->members[!place]->audio->heard ? UINT64_C(1) << !place : 0;
}

/* What it hears, with what is played over it (or NULL). */
static void share(const struct mix *mix, int place, uint64_t heard, const int16_t *played, int16_t *samples) {
    size_t n = (size_t)AUDIO_FRAME(mix->rate);
    uint64_t self = UINT64_C(1) << place, wanted = heard & mix->speakers;
    int32_t sum[AUDIO_FRAME_MAX] = {0};
    const int16_t *own = mix->speakers & self ? mix->context->members[place]->voice->frame : NULL;
    if (wanted == (mix->speakers & ~self)) {
        memcpy(sum, mix->sum, n * sizeof *sum);
    } else {
        own = NULL;
        for (int i = 0; i < mix->context->n; i++)
            if (wanted >> i & 1)
                mix_add(sum, mix->context->members[i]->voice->frame, n);
    }
    if (played)
        mix_add(sum, played, n);
    mix_out(sum, own, samples, n);
}

static bool reachable(const struct termination *member) { return member->audio && member->audio->rtp.target; }

static void serve(struct engine *engine, const struct mix *mix, int place) {
    struct termination *member = mix->context->members[place];
    struct stream *audio = member->audio;
    int16_t played[AUDIO_FRAME_MAX], samples[AUDIO_FRAME_MAX];
    uint64_t heard = heard_by(mix->context, place);
    if (!heard && !termination_makes_sound(member)) {
        member->sender.talking = false;
        return;
    }
    bool able = audio && audio->to_party && reachable(member) && audio->sound.codec != CODEC_OTHER && voice_need(member);
    if (digits_frame(engine, member, reachable(member), mix->rate))
        return;
    bool playing = play_frame(engine, member, reachable(member), mix->rate, played);
    bool listening = heard && (!playing || member->play.over) && (playing || !mix->context->relay);
    if (!able || (!playing && !listening)) {
        member->sender.talking = false;
        return;
    }
    if (listening)
        share(mix, place, heard, playing ? played : NULL, samples);
    send_frame(engine, member, listening ? samples : played, mix->rate);
}

static void tick_context(struct engine *engine, struct context *context) {
    struct mix mix = {.context = context, .rate = rate_of(context)};
    bool ended = false;
    listen_to_all(engine, &mix);
    for (int i = 0; i < context->n; i++) {
        bool made = termination_makes_sound(context->members[i]);
        serve(engine, &mix, i);
        ended |= made && !termination_makes_sound(context->members[i]);
        if (!context->relay && context->members[i]->audio)
            send_report(engine, context->members[i]);
    }
    if (ended)
        context_refresh(engine, context);
}

void tick(struct engine *engine) {
    for (struct context *context = engine->phases[engine->counts.ticks % PHASES], *next; context; context = next) {
        next = context->next;
        tick_context(engine, context);
    }
}
