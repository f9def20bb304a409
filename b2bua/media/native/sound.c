/* Sounds that are loaded, and plays of them. */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audio.h"

#define MOST_SOUNDS 4096
#define LONGEST (8000 * 60 * 60)    /* samples of 8 kHz: an hour */
#define PATIENCE 150                /* frames that a play waits for a party of which no address is known yet: 3 s */

static int free_place(struct engine *engine) {
    for (int32_t i = 0; i < engine->n_sounds; i++)
        if (!engine->sounds[i].samples8)
            return i;
    if (engine->n_sounds == MOST_SOUNDS)
        return -ENOSPC;
    struct sound *sounds = realloc(engine->sounds, (size_t)(engine->n_sounds + 1) * sizeof *sounds);
    if (!sounds)
        return -ENOMEM;
    engine->sounds = sounds;
    sounds[engine->n_sounds] = (struct sound){.n = 0};
    return engine->n_sounds++;
}

static void convert(struct sound *sound, const int16_t *samples8, const int16_t *samples16) {
    struct resampler resampler;
    resample_init(&resampler);
    size_t n = (size_t)sound->n;
    if (samples8)
        memcpy(sound->samples8, samples8, n * sizeof *samples8);
    else
        resample_down(&resampler, samples16, n, sound->samples8);
    if (samples16)
        memcpy(sound->samples16, samples16, 2 * n * sizeof *samples16);
    else
        resample_up(&resampler, samples8, n, sound->samples16);
}

int engine_sound(struct engine *engine, const int16_t *samples8, int n8, const int16_t *samples16, int n16) {
    int n = samples8 && samples16 ? (n8 < n16 / 2 ? n8 : n16 / 2) : samples8 ? n8 : n16 / 2;
    if ((!samples8 && !samples16) || n < 1 || n > LONGEST)
        return -EINVAL;
    int number = free_place(engine);
    if (number < 0)
        return number;
    struct sound *sound = &engine->sounds[number];
    sound->n = n;
    sound->samples8 = calloc((size_t)n, sizeof *samples8);
    sound->samples16 = calloc((size_t)n, 2 * sizeof *samples16);
    if (!sound->samples8 || !sound->samples16) {
        engine_sound_forget(engine, number);
        return -ENOMEM;
    }
    convert(sound, samples8, samples16);
    return number;
}

static void sound_free(struct sound *sound) {
    free(sound->samples8);
    free(sound->samples16);
    *sound = (struct sound){.n = 0};
}

int engine_sound_forget(struct engine *engine, int number) {
    if (number < 0 || number >= engine->n_sounds)
        return -EINVAL;
    for (int32_t i = 0; i < engine->terminations.size; i++) {
        struct termination *termination = engine->terminations.entries[i];
        for (int32_t k = 0; termination && k < termination->play.n; k++)
            if (termination->play.sounds[k] == number)
                termination->play.sounds[k] = -1;
    }
    sound_free(&engine->sounds[number]);
    return 0;
}

void sounds_free(struct engine *engine) {
    for (int32_t i = 0; i < engine->n_sounds; i++)
        sound_free(&engine->sounds[i]);
    free(engine->sounds);
}

int sounds_count(const struct engine *engine) {
    int n = 0;
    for (int32_t i = 0; i < engine->n_sounds; i++)
        n += engine->sounds[i].samples8 != NULL;
    return n;
}

static const struct sound *sound_of(const struct engine *engine, int32_t number) {
    return number >= 0 && number < engine->n_sounds && engine->sounds[number].samples8 ? &engine->sounds[number] : NULL;
}

int play_start(struct engine *engine, int handle, int64_t number, const int32_t *sounds, int n, int loop, int over) {
    struct termination *termination = termination_find(engine, handle);
    if (!termination || n < 0 || n > ENGINE_SOUNDS || (n && !sounds))
        return -EINVAL;
    for (int i = 0; i < n; i++)
        if (!sound_of(engine, sounds[i]))
            return -EINVAL;
    struct play *play = &termination->play;
    if (play->known && play->number == number)
        return 0;
    *play = (struct play){.running = true, .known = true, .number = number, .loop = loop, .over = over, .n = n};
    for (int i = 0; i < n; i++)
        play->sounds[i] = sounds[i];
    context_refresh(engine, termination->context);
    return 0;
}

int play_stop(struct engine *engine, int handle) {
    struct termination *termination = termination_find(engine, handle);
    if (!termination)
        return -EINVAL;
    termination->play = (struct play){.running = false};
    context_refresh(engine, termination->context);
    return 0;
}

/* The sound that is to be heard now, or NULL: it is over. */
static const struct sound *current(const struct engine *engine, struct play *play) {
    for (int32_t tried = 0; tried <= play->n; tried++) {
        if (play->sound >= play->n) {
            if (!play->loop)
                return NULL;
            play->sound = 0;
        }
        const struct sound *sound = play->sound < play->n ? sound_of(engine, play->sounds[play->sound]) : NULL;
        if (sound && play->position < sound->n)
            return sound;
        play->sound++;
        play->position = 0;
    }
    return NULL;
}

/* One frame, with zeros after the end. */
static void fill(const struct engine *engine, struct play *play, int rate, int16_t *samples) {
    int32_t factor = rate / AUDIO_NARROW, want = AUDIO_FRAME(AUDIO_NARROW);
    memset(samples, 0, (size_t)AUDIO_FRAME(rate) * sizeof *samples);
    while (want) {
        const struct sound *sound = current(engine, play);
        if (!sound)
            return;
        int32_t n = sound->n - play->position < want ? sound->n - play->position : want;
        const int16_t *from = factor == 2 ? sound->samples16 : sound->samples8;
        memcpy(samples, from + factor * play->position, (size_t)(factor * n) * sizeof *samples);
        samples += factor * n;
        play->position += n;
        want -= n;
    }
}

static void ended(struct engine *engine, struct termination *termination) {
    struct engine_event event = {.kind = EVENT_PLAYED, .termination = termination->handle, .number = termination->play.number};
    if (event_push(engine, &event))     /* else told at the next tick */
        termination->play.running = false;
}

bool play_frame(struct engine *engine, struct termination *termination, bool reachable, int rate, int16_t *samples) {
    struct play *play = &termination->play;
    if (!play->running)
        return false;
    if (!reachable && play->waited < PATIENCE) {
        play->waited++;
        return false;
    }
    if (!current(engine, play)) {
        ended(engine, termination);
        return false;
    }
    fill(engine, play, rate, samples);
    return true;
}
