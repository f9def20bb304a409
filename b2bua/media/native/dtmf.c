/* DTMF keys found in sound (Q.23, Q.24), by the Goertzel algorithm in windows of 13 ms that overlap.
 *
 * A key counts when ROW_DOWN windows in a row, which takes 30 to 38 ms, hold its two tones and hardly anything else, and both frequencies,
 * measured by how their phases go on from window to window, are near enough to the standard's. Speech rarely does that. */
#include "audio.h"

#include <math.h>
#include <string.h>

enum { ROW_DOWN = 5, ABSENT_UP = 6 };

#define TURN 6.283185307f
#define RATE 8000.0f
#define LEAST_POWER 4.0e4f /* mean square of the samples: about -41 dBFS */
#define PURITY 0.65f       /* share of the power that must be in the two tones */
#define TWIST 6.4f         /* one tone may be 8 dB above the other */
#define DOMINANCE 6.4f     /* and is that much above the others of its group */
#define OFF_MAX 0.028f     /* frequency: Q.24 wants 1.5 % accepted, 3.5 % refused */

static const char keys[] = "123A456B789C*0#D";
static const float hertz[8] = {697, 770, 852, 941, 1209, 1336, 1477, 1633};

struct spectrum {
    float re[8], im[8], power[8];
};

void dtmf_init(struct dtmf *dtmf)
{
    memset(dtmf, 0, sizeof *dtmf);
}

/* 2 cos and sin of each frequency's angle per sample. */
static const float twice[8] = {1.7077378f, 1.6452810f, 1.5686870f, 1.4782046f, 1.1641040f, 0.9963702f, 0.7986184f, 0.5685327f};
static const float sine[8] = {0.5204881f, 0.5685619f, 0.6203268f, 0.6735932f, 0.8131516f, 0.8670707f, 0.9168163f, 0.9587453f};

static void analyse(const int16_t *window, struct spectrum *spectrum)
{
    float one[8] = {0}, two[8] = {0};
    for (int n = 0; n < DTMF_WINDOW; n++) {
        float sample = window[n];
        for (int i = 0; i < 8; i++) {
            float next = sample + twice[i] * one[i] - two[i];
            two[i] = one[i];
            one[i] = next;
        }
    }
    for (int i = 0; i < 8; i++) {
        spectrum->re[i] = one[i] - two[i] * twice[i] / 2;
        spectrum->im[i] = two[i] * sine[i];
        spectrum->power[i] = spectrum->re[i] * spectrum->re[i] + spectrum->im[i] * spectrum->im[i];
    }
}

/* The strongest of four; -1: another one is nearly as strong. */
static int dominant(const float *power)
{
    int best = 0;
    for (int i = 1; i < 4; i++)
        if (power[i] > power[best])
            best = i;
    for (int i = 0; i < 4; i++)
        if (i != best && power[i] * DOMINANCE > power[best])
            return -1;
    return best;
}

/* The key whose tones are in this window, and where it stands; 0: none. */
static char key_of(const struct spectrum *spectrum, float energy, int *row, int *column)
{
    *row = dominant(spectrum->power);
    *column = dominant(spectrum->power + 4);
    if (*row < 0 || *column < 0)
        return 0;
    float low = spectrum->power[*row], high = spectrum->power[4 + *column];
    if (low > high * TWIST || high > low * TWIST || (low + high) * 2 / DTMF_WINDOW < PURITY * energy)
        return 0;
    return keys[4 * *row + *column];
}

static float principal(float angle)
{
    return angle - TURN * roundf(angle / TURN);
}

/* Whether the mean deviation over the row of windows is small enough. */
static int in_tune(const struct dtmf *dtmf, int row, int column)
{
    float unit = TURN * DTMF_HOP / RATE * (float)(dtmf->row - 1);
    return fabsf(dtmf->drift[0]) <= OFF_MAX * hertz[row] * unit && fabsf(dtmf->drift[1]) <= OFF_MAX * hertz[4 + column] * unit;
}

static void follow(struct dtmf *dtmf, const struct spectrum *spectrum, char key, int row, int column)
{
    const int at[2] = {row, 4 + column};
    int goes_on = key == dtmf->candidate;
    dtmf->candidate = key;
    dtmf->row = goes_on ? dtmf->row + 1 : 1;
    for (int i = 0; i < 2; i++) {
        float phase = atan2f(spectrum->im[at[i]], spectrum->re[at[i]]);
        float off = principal(phase - dtmf->phase[i] - TURN * DTMF_HOP / RATE * hertz[at[i]]);
        dtmf->drift[i] = goes_on ? dtmf->drift[i] + off : 0;
        dtmf->phase[i] = phase;
    }
}

/* The key that went down with this window; 0: none. */
static char hop(struct dtmf *dtmf)
{
    struct spectrum spectrum;
    float energy = 0;
    int row = -1, column = -1;
    char key = 0;
    for (int n = 0; n < DTMF_WINDOW; n++)
        energy += (float)dtmf->window[n] * (float)dtmf->window[n];
    if (energy >= LEAST_POWER * DTMF_WINDOW) {
        analyse(dtmf->window, &spectrum);
        key = key_of(&spectrum, energy, &row, &column);
    }
    dtmf->absent = key && key == dtmf->down ? 0 : dtmf->absent + 1;
    if (dtmf->absent >= ABSENT_UP)
        dtmf->down = 0;
    if (!key) {
        dtmf->candidate = 0;
        return 0;
    }
    follow(dtmf, &spectrum, key, row, column);
    if (dtmf->row < ROW_DOWN || key == dtmf->down || !in_tune(dtmf, row, column))
        return 0;
    dtmf->down = key;
    dtmf->absent = 0;
    return key;
}

size_t dtmf_feed(struct dtmf *dtmf, const int16_t *samples, size_t count, char *digits, size_t max)
{
    size_t told = 0;
    while (count > 0) {
        size_t now = (size_t)(DTMF_HOP - dtmf->filled);
        if (now > count)
            now = count;
        memmove(dtmf->window, dtmf->window + now, (DTMF_WINDOW - now) * sizeof dtmf->window[0]);
        memcpy(dtmf->window + DTMF_WINDOW - now, samples, now * sizeof dtmf->window[0]);
        dtmf->filled += (int)now;
        samples += now;
        count -= now;
        if (dtmf->filled < DTMF_HOP)
            continue;
        dtmf->filled = 0;
        char key = hop(dtmf);
        if (key && told < max)
            digits[told++] = key;
    }
    return told;
}
