/* ITU-T G.711: pulse code modulation, mu-law and A-law. Encoding follows the decision values of tables 1a to 2b. */
#include "audio.h"

enum { ULAW_BIAS = 33, ULAW_MAX = 8191, ALAW_INVERTED = 0x55, POSITIVE = 0x80 };

/* An octet of mu-law is transmitted inverted: sign (1: positive), segment, step. 14 bits, scaled to 16. */
#define ULAW_SEGMENT(n) (((~(n)) >> 4) & 7)
#define ULAW_STEP(n) ((~(n)) & 15)
#define ULAW_MAGNITUDE(n) ((((2 * ULAW_STEP(n) + ULAW_BIAS) << ULAW_SEGMENT(n)) - ULAW_BIAS) * 4)
#define ULAW(n) (((n) & POSITIVE) ? ULAW_MAGNITUDE(n) : -ULAW_MAGNITUDE(n))

/* An octet of A-law is transmitted with every second bit inverted. 13 bits, scaled to 16. */
#define ALAW_SEGMENT(n) ((((n) ^ ALAW_INVERTED) >> 4) & 7)
#define ALAW_STEP(n) (((n) ^ ALAW_INVERTED) & 15)
#define ALAW_MAGNITUDE(n) \
    (ALAW_SEGMENT(n) ? (2 * ALAW_STEP(n) + 33) * (1 << ((ALAW_SEGMENT(n) + 7) & 7)) * 8 : (2 * ALAW_STEP(n) + 1) * 8)
#define ALAW(n) ((((n) ^ ALAW_INVERTED) & POSITIVE) ? ALAW_MAGNITUDE(n) : -ALAW_MAGNITUDE(n))

#define OF_4(law, n) law(n), law((n) + 1), law((n) + 2), law((n) + 3)
#define OF_16(law, n) OF_4(law, n), OF_4(law, (n) + 4), OF_4(law, (n) + 8), OF_4(law, (n) + 12)
#define OF_64(law, n) OF_16(law, n), OF_16(law, (n) + 16), OF_16(law, (n) + 32), OF_16(law, (n) + 48)
#define OF_256(law) OF_64(law, 0), OF_64(law, 64), OF_64(law, 128), OF_64(law, 192)

static const int16_t ulaw[256] = {OF_256(ULAW)};
static const int16_t alaw[256] = {OF_256(ALAW)};

/* The number of the highest bit that is set; value > 0. */
static int highest_bit(unsigned value)
{
    return 31 - __builtin_clz(value);
}

int16_t g711_ulaw_decode(uint8_t octet)
{
    return ulaw[octet];
}

int16_t g711_alaw_decode(uint8_t octet)
{
    return alaw[octet];
}

uint8_t g711_ulaw_encode(int16_t sample)
{
    int sign = sample < 0 ? 0 : POSITIVE;
    int magnitude = ((sample < 0 ? ~sample : sample) >> 2) + ULAW_BIAS;
    if (magnitude > ULAW_MAX)
        magnitude = ULAW_MAX;
    int segment = highest_bit((unsigned)magnitude) - 5; /* the bias makes it at least 0 */
    int step = (magnitude >> (segment + 1)) & 15;
    return (uint8_t)(sign | (~(segment << 4 | step) & 0x7F));
}

uint8_t g711_alaw_encode(int16_t sample)
{
    int sign = sample < 0 ? 0 : POSITIVE;
    int magnitude = (sample < 0 ? ~sample : sample) >> 4;
    if (magnitude < 16)
        return (uint8_t)((sign | magnitude) ^ ALAW_INVERTED);
    int segment = highest_bit((unsigned)magnitude) - 3;
    int step = (magnitude >> (segment - 1)) & 15;
    return (uint8_t)((sign | segment << 4 | step) ^ ALAW_INVERTED);
}

void g711_decode(enum audio_kind kind, const uint8_t *octets, size_t count, int16_t *samples)
{
    const int16_t *table = kind == AUDIO_PCMA ? alaw : ulaw;
    for (size_t i = 0; i < count; i++)
        samples[i] = table[octets[i]];
}

void g711_encode(enum audio_kind kind, const int16_t *samples, size_t count, uint8_t *octets)
{
    if (kind == AUDIO_PCMA)
        for (size_t i = 0; i < count; i++)
            octets[i] = g711_alaw_encode(samples[i]);
    else
        for (size_t i = 0; i < count; i++)
            octets[i] = g711_ulaw_encode(samples[i]);
}
