/* Bridges over what is missing: the last period of the sound is repeated, and fades away. */
#include "audio.h"

#include <math.h>
#include <string.h>

enum { SHORTEST_MS = 5, LONGEST_MS = 15, COMPARED_MS = 10, WHOLE_MS = 10, GONE_MS = 60, BLEND_MS = 5 };

static int32_t in_samples(const struct conceal *conceal, int32_t milliseconds)
{
    return conceal->rate / 1000 * milliseconds;
}

void conceal_init(struct conceal *conceal, int rate)
{
    memset(conceal, 0, sizeof *conceal);
    conceal->rate = rate;
}

/* How alike the newest samples are to those `lag` before them; every `step`th is looked at. */
static float likeness(const int16_t *end, int32_t lag, int32_t length, int32_t step)
{
    float product = 0, energy = 1;
    for (int32_t i = 1; i <= length; i += step) {
        product += (float)end[-i] * (float)end[-i - lag];
        energy += (float)end[-i - lag] * (float)end[-i - lag];
    }
    return product / sqrtf(energy);
}

static int32_t best_lag(const struct conceal *conceal)
{
    const int16_t *end = conceal->history + CONCEAL_HISTORY;
    int32_t step = conceal->rate / AUDIO_NARROW, compared = in_samples(conceal, COMPARED_MS), best = in_samples(conceal, SHORTEST_MS);
    float best_likeness = likeness(end, best, compared, step);
    for (int32_t lag = best + step; lag <= in_samples(conceal, LONGEST_MS); lag += step) {
        float this_likeness = likeness(end, lag, compared, step);
        if (this_likeness > best_likeness) {
            best_likeness = this_likeness;
            best = lag;
        }
    }
    return best;
}

/* Takes the period out of what was heard; its last quarter leads over to its beginning. */
static void find_cycle(struct conceal *conceal)
{
    int32_t lag = best_lag(conceal), lead = lag - lag / 4;
    const int16_t *last = conceal->history + CONCEAL_HISTORY - lag;
    for (int32_t i = 0; i < lag; i++) {
        int32_t weight = i < lead ? 0 : (i - lead) * 256 / (lag - lead);
        conceal->cycle[i] = (int16_t)((last[i] * (256 - weight) + last[i - lag] * weight) / 256);
    }
    conceal->length = lag;
    conceal->at = 0;
    conceal->made = 0;
}

static int16_t next_sample(struct conceal *conceal)
{
    int32_t fade = in_samples(conceal, GONE_MS - WHOLE_MS), remaining = in_samples(conceal, GONE_MS) - conceal->made;
    int16_t sample = (int16_t)(conceal->cycle[conceal->at] * (remaining < fade ? remaining : fade) / fade);
    conceal->at = (conceal->at + 1) % conceal->length;
    if (remaining > 0)
        conceal->made++;
    return sample;
}

static void remember(struct conceal *conceal, const int16_t *samples, size_t count)
{
    memmove(conceal->history, conceal->history + count, (CONCEAL_HISTORY - count) * sizeof samples[0]);
    memcpy(conceal->history + CONCEAL_HISTORY - count, samples, count * sizeof samples[0]);
}

void conceal_make(struct conceal *conceal, int16_t *samples, size_t count)
{
    conceal_jump(conceal);
    for (size_t i = 0; i < count; i++)
        samples[i] = next_sample(conceal);
    remember(conceal, samples, count);
}

void conceal_mend(struct conceal *conceal, int16_t *samples, size_t count)
{
    int32_t total = in_samples(conceal, BLEND_MS);
    for (size_t i = 0; i < count && conceal->blend > 0; i++, conceal->blend--)
        samples[i] = (int16_t)((next_sample(conceal) * conceal->blend + samples[i] * (total - conceal->blend)) / total);
    if (conceal->blend == 0)
        conceal->length = 0;
    remember(conceal, samples, count);
}

void conceal_jump(struct conceal *conceal)
{
    if (conceal->rate == 0)
        return;
    if (conceal->length == 0)
        find_cycle(conceal);
    conceal->blend = in_samples(conceal, BLEND_MS);
}

int conceal_level(const struct conceal *conceal)
{
    int32_t count = AUDIO_FRAME(conceal->rate), sum = 0;
    for (int32_t i = CONCEAL_HISTORY - count; i < CONCEAL_HISTORY; i++)
        sum += conceal->history[i] < 0 ? -conceal->history[i] : conceal->history[i];
    return count > 0 ? sum / count : 0;
}
