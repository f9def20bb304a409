/* Sums of sounds. */
#include "audio.h"

enum { KNEE = 24576, HEADROOM = INT16_MAX - KNEE };

void mix_add(int32_t *sum, const int16_t *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += samples[i];
}

void mix_add_gain(int32_t *sum, const int16_t *samples, size_t count, int gain)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += samples[i] * gain / 256;
}

/* Rises ever more slowly above the knee, and never beyond full scale. */
static int32_t rounded_off(int32_t value)
{
    int64_t magnitude = value < 0 ? -(int64_t)value : value;
    if (magnitude > KNEE) {
        int64_t above = magnitude - KNEE;
        magnitude = KNEE + above * HEADROOM / (above + HEADROOM);
    }
    return (int32_t)(value < 0 ? -magnitude : magnitude);
}

/* Whether the samples fit as they are; a frame that does is not touched. */
static int fits(const int32_t *sum, const int16_t *own, size_t count)
{
    int32_t least = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t value = own ? sum[i] - own[i] : sum[i];
        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    return least >= INT16_MIN && most <= INT16_MAX;
}

void mix_out(const int32_t *sum, const int16_t *own, int16_t *out, size_t count)
{
    int untouched = fits(sum, own, count);
    for (size_t i = 0; i < count; i++) {
        int32_t value = own ? sum[i] - own[i] : sum[i];
        out[i] = (int16_t)(untouched ? value : rounded_off(value));
    }
}
