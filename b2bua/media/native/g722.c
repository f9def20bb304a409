/* ITU-T G.722 at 64 kbit/s (mode 1): two bands split by a quadrature mirror filter, each coded by ADPCM with an adaptive quantizer and
 * an adaptive predictor of two poles and six zeros. The names of the values are those of the Recommendation, section 6.2; the low band's
 * predictor works on the upper four of its six bits, so that both ends agree in every mode. */
#include "audio.h"

#include <string.h>

enum { PAST = 22, BLOCK = 160 };
enum { LOW_NB_MAX = 18432, HIGH_NB_MAX = 22528, LOW_DET_START = 32, HIGH_DET_START = 8 };
enum { BAND_MAX = 16383, BAND_MIN = -16384 };

/* The coefficients of both mirror filters with an even number, in 1/8192; backwards, those with an odd one. Table 11. */
static const int16_t mirror[12] = {3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11};

/* Low band: decision levels of the six-bit quantizer (upper ends of intervals 1 to 29), the codes of the intervals when the difference is
 * negative and when not, and the quantized values of six-bit and four-bit codes. Tables 14 to 17. */
static const int16_t q6[30] = {0,   35,  72,  110, 150, 190,  233,  276,  323,  370,  422,  473,  530,  587,  650,
                               714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919};
static const uint8_t iln[31] = {0,  63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19,
                                18, 17, 16, 15, 14, 13, 12, 11, 10, 9,  8,  7,  6,  5,  4};
static const uint8_t ilp[31] = {0,  61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47,
                                46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32};
static const int16_t qm6[64] = {
    -136,   -136,   -136,   -136,   -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
    -7192,  -6576,  -6000,  -5456,  -4944,  -4464,  -4008,  -3576,  -3168,  -2776,  -2400,  -2032,  -1688,  -1360, -1040, -728,
    24808,  21904,  19008,  16704,  14984,  13512,  12280,  11192,  10232,  9360,   8576,   7856,   7192,   6576,  6000,  5456,
    4944,   4464,   4008,   3576,   3168,   2776,   2400,   2032,   1688,   1360,   1040,   728,    432,    136,   -432,  -136};
static const int16_t qm4[16] = {0,     -20456, -12896, -8968, -6288, -4240, -2584, -1200,
                                20456, 12896,  8968,   6288,  4240,  2584,  1200,  0};
/* What each four-bit code adds to the logarithmic scale. */
static const int16_t wl[16] = {-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60};

/* High band: the same for its two-bit codes. */
static const int16_t qm2[4] = {-7408, -1616, 7408, 1616};
static const int16_t wh[4] = {798, -214, 798, -214};

/* 2048 * 2 ** (n / 32) */
static const int16_t ilb[32] = {2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
                                2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008};

static int32_t limit(int32_t value, int32_t least, int32_t most)
{
    return value < least ? least : value > most ? most : value;
}

static int32_t saturate(int32_t value)
{
    return limit(value, INT16_MIN, INT16_MAX);
}

/* value * factor / 32768, rounded down */
static int32_t scaled(int32_t value, int32_t factor)
{
    return (value * factor) >> 15;
}

static int same_sign(int32_t one, int32_t other)
{
    return (one < 0) == (other < 0);
}

/* SCALEL, SCALEH: from the logarithmic scale to the linear one. */
static int32_t linear_scale(int32_t nb, int largest)
{
    int32_t mantissa = ilb[(nb >> 6) & 31];
    int shift = largest - (nb >> 11);
    return (shift < 0 ? mantissa << -shift : mantissa >> shift) << 2;
}

/* LOGSCL, LOGSCH */
static void adapt_quantizer(struct g722_band *band, int32_t step, int32_t nb_max, int largest)
{
    band->nb = limit(scaled(band->nb, 32512) + step, 0, nb_max);
    band->det = linear_scale(band->nb, largest);
}

/* UPPOL2, UPPOL1 */
static void adapt_poles(struct g722_band *band, int32_t p0)
{
    int32_t slope = saturate(band->a[0] * 4);
    if (same_sign(p0, band->p[0]))
        slope = -slope;
    int32_t second = (saturate(slope) >> 7) + (same_sign(p0, band->p[1]) ? 128 : -128) + scaled(band->a[1], 32512);
    second = limit(second, -12288, 12288);
    int32_t first = scaled(band->a[0], 32640) + (same_sign(p0, band->p[0]) ? 192 : -192);
    int32_t bound = 15360 - second;
    band->a[0] = limit(first, -bound, bound);
    band->a[1] = second;
}

/* UPZERO */
static void adapt_zeros(struct g722_band *band, int32_t d0)
{
    int32_t step = d0 == 0 ? 0 : 128;
    for (int i = 0; i < 6; i++)
        band->b[i] = saturate(scaled(band->b[i], 32640) + (same_sign(d0, band->d[i]) ? step : -step));
}

/* Block 4: the quantized difference d0 gives the reconstructed signal, the predictor learns from it and predicts the next one. */
static void predict(struct g722_band *band, int32_t d0)
{
    int32_t p0 = saturate(band->sz + d0);
    int32_t r0 = saturate(band->s + d0);
    adapt_poles(band, p0);
    adapt_zeros(band, d0);
    band->p[1] = band->p[0];
    band->p[0] = p0;
    band->r[1] = band->r[0];
    band->r[0] = r0;
    memmove(band->d + 1, band->d, 5 * sizeof band->d[0]);
    band->d[0] = d0;
    int32_t poles = scaled(saturate(2 * band->r[0]), band->a[0]) + scaled(saturate(2 * band->r[1]), band->a[1]);
    int32_t zeros = 0;
    for (int i = 0; i < 6; i++)
        zeros += scaled(saturate(2 * band->d[i]), band->b[i]);
    band->sz = saturate(zeros);
    band->s = saturate(saturate(poles) + band->sz);
}

static void low_adapt(struct g722_band *low, int code)
{
    int32_t d0 = scaled(low->det, qm4[code >> 2]);
    adapt_quantizer(low, wl[code >> 2], LOW_NB_MAX, 8);
    predict(low, d0);
}

static void high_adapt(struct g722_band *high, int code)
{
    int32_t d0 = scaled(high->det, qm2[code]);
    adapt_quantizer(high, wh[code], HIGH_NB_MAX, 10);
    predict(high, d0);
}

/* QUANTL: the six-bit code of a difference. */
static int low_quantize(int32_t difference, int32_t det)
{
    int32_t magnitude = difference < 0 ? ~difference : difference;
    int interval = 1, beyond = 30;
    while (interval < beyond) {
        int middle = (interval + beyond) / 2;
        if (magnitude < (q6[middle] * det) >> 12)
            beyond = middle;
        else
            interval = middle + 1;
    }
    return difference < 0 ? iln[interval] : ilp[interval];
}

static int low_encode(struct g722_band *low, int32_t signal)
{
    int code = low_quantize(saturate(signal - low->s), low->det);
    low_adapt(low, code);
    return code;
}

/* QUANTH */
static int high_encode(struct g722_band *high, int32_t signal)
{
    int32_t difference = saturate(signal - high->s);
    int32_t magnitude = difference < 0 ? ~difference : difference;
    int outer = magnitude >= (564 * high->det) >> 12;
    int code = (difference < 0 ? 0 : 2) | !outer;
    high_adapt(high, code);
    return code;
}

static int32_t low_decode(struct g722_band *low, int code)
{
    int32_t signal = limit(low->s + scaled(low->det, qm6[code]), BAND_MIN, BAND_MAX);
    low_adapt(low, code);
    return signal;
}

static int32_t high_decode(struct g722_band *high, int code)
{
    int32_t signal = limit(high->s + scaled(high->det, qm2[code]), BAND_MIN, BAND_MAX);
    high_adapt(high, code);
    return signal;
}

static void band_init(struct g722_band *band, int32_t det)
{
    memset(band, 0, sizeof *band);
    band->det = det;
}

void g722_encoder_init(struct g722_encoder *encoder)
{
    band_init(&encoder->low, LOW_DET_START);
    band_init(&encoder->high, HIGH_DET_START);
    memset(encoder->history, 0, sizeof encoder->history);
}

void g722_decoder_init(struct g722_decoder *decoder)
{
    band_init(&decoder->low, LOW_DET_START);
    band_init(&decoder->high, HIGH_DET_START);
    memset(decoder->history, 0, sizeof decoder->history);
}

static uint8_t encode_pair(struct g722_encoder *encoder, const int16_t *newest_24)
{
    int32_t even = 0, odd = 0;
    for (int i = 0; i < 12; i++) {
        even += newest_24[2 * i] * mirror[i];
        odd += newest_24[2 * i + 1] * mirror[11 - i];
    }
    int low = low_encode(&encoder->low, limit((odd + even) >> 14, BAND_MIN, BAND_MAX));
    int high = high_encode(&encoder->high, limit((odd - even) >> 14, BAND_MIN, BAND_MAX));
    return (uint8_t)(high << 6 | low);
}

void g722_encode(struct g722_encoder *encoder, const int16_t *samples, size_t octets, uint8_t *out)
{
    int16_t line[PAST + 2 * BLOCK];
    memcpy(line, encoder->history, PAST * sizeof line[0]);
    while (octets > 0) {
        size_t count = octets < BLOCK ? octets : BLOCK;
        memcpy(line + PAST, samples, 2 * count * sizeof line[0]);
        for (size_t i = 0; i < count; i++)
            out[i] = encode_pair(encoder, line + 2 * i);
        memmove(line, line + 2 * count, PAST * sizeof line[0]);
        samples += 2 * count;
        out += count;
        octets -= count;
    }
    memcpy(encoder->history, line, PAST * sizeof line[0]);
}

static void decode_pair(const int32_t *newest_24, int16_t *samples)
{
    int32_t even = 0, odd = 0;
    for (int i = 0; i < 12; i++) {
        even += newest_24[2 * i] * mirror[i];
        odd += newest_24[2 * i + 1] * mirror[11 - i];
    }
    samples[0] = (int16_t)saturate(odd >> 11);
    samples[1] = (int16_t)saturate(even >> 11);
}

void g722_decode(struct g722_decoder *decoder, const uint8_t *in, size_t octets, int16_t *samples)
{
    int32_t line[PAST + 2 * BLOCK];
    memcpy(line, decoder->history, PAST * sizeof line[0]);
    while (octets > 0) {
        size_t count = octets < BLOCK ? octets : BLOCK;
        for (size_t i = 0; i < count; i++) {
            int32_t low = low_decode(&decoder->low, in[i] & 63);
            int32_t high = high_decode(&decoder->high, in[i] >> 6);
            line[PAST + 2 * i] = low + high;
            line[PAST + 2 * i + 1] = low - high;
            decode_pair(line + 2 * i, samples + 2 * i);
        }
        memmove(line, line + 2 * count, PAST * sizeof line[0]);
        samples += 2 * count;
        in += count;
        octets -= count;
    }
    memcpy(decoder->history, line, PAST * sizeof line[0]);
}
