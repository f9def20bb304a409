/* Tones: two sines, each a phasor that is turned by a fixed angle per sample. */
#include "audio.h"

#include <math.h>
#include <string.h>

#define TURN 6.283185307179586

/* Dual-tone multi-frequency keys (Q.23): rows, then columns. */
static const char keys[] = "123A456B789C*0#D";
static const double rows[4] = {697, 770, 852, 941};
static const double columns[4] = {1209, 1336, 1477, 1633};
static const double row_peak = 7336, column_peak = 9235; /* -13 and -11 dBFS */

void tone_init(struct tone *tone, int rate, double hertz_1, double amplitude_1, double hertz_2, double amplitude_2)
{
    const double hertz[2] = {hertz_1, hertz_2}, amplitude[2] = {amplitude_1, amplitude_2};
    memset(tone, 0, sizeof *tone);
    for (int i = 0; i < 2; i++) {
        tone->cosine[i] = cos(TURN * hertz[i] / rate);
        tone->sine[i] = sin(TURN * hertz[i] / rate);
        tone->re[i] = amplitude[i];
    }
    tone->gain_step = 200.0 / rate;
}

int tone_init_dtmf(struct tone *tone, int rate, char digit)
{
    char upper = digit >= 'a' && digit <= 'd' ? (char)(digit - 'a' + 'A') : digit;
    const char *key = upper ? strchr(keys, upper) : NULL;
    if (!key) {
        tone_init(tone, rate, 0, 0, 0, 0);
        return 0;
    }
    tone_init(tone, rate, rows[(key - keys) / 4], row_peak, columns[(key - keys) % 4], column_peak);
    return 1;
}

static double next_of(struct tone *tone, int i)
{
    double re = tone->re[i] * tone->cosine[i] - tone->im[i] * tone->sine[i];
    double im = tone->re[i] * tone->sine[i] + tone->im[i] * tone->cosine[i];
    tone->re[i] = re;
    tone->im[i] = im;
    return im;
}

static int16_t saturated(double value)
{
    return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}

void tone_make(struct tone *tone, int16_t *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double value = next_of(tone, 0) + next_of(tone, 1);
        samples[i] = saturated(value * tone->gain);
        tone->gain += tone->gain_step;
        tone->gain = tone->gain < 0 ? 0 : tone->gain > 1 ? 1 : tone->gain;
    }
}

void tone_end(struct tone *tone)
{
    if (tone->gain_step > 0)
        tone->gain_step = -tone->gain_step;
}
