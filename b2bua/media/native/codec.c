/* From one rate to the other, and any codec at either rate. */
#include "audio.h"

#include <string.h>

enum { UP_PAST = 23, DOWN_PAST = 46, BLOCK = 160, UNIT = 14 };

/* A half-band low-pass (47 taps, Kaiser window): flat to 3.4 kHz, 50 dB down from 4.6 kHz. Every second tap is zero but the middle one;
 * these are the others from the middle outwards, in 1 / 2 ** UNIT of the gain that interpolation needs. */
static const int16_t half_band[12] = {10399, -3360, 1893, -1229, 839, -580, 397, -266, 171, -103, 57, -26};

static int16_t saturated(int32_t value)
{
    return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

void resample_init(struct resampler *resampler)
{
    memset(resampler, 0, sizeof *resampler);
}

static void up_block(const int16_t *line, size_t count, int16_t *out)
{
    for (size_t i = 0; i < count; i++) {
        int32_t between = 1 << (UNIT - 1);
        for (int tap = 0; tap < 12; tap++)
            between += half_band[tap] * (line[i + 11 - tap] + line[i + 12 + tap]);
        out[2 * i] = line[i + 11];
        out[2 * i + 1] = saturated(between >> UNIT);
    }
}

void resample_up(struct resampler *resampler, const int16_t *in, size_t count, int16_t *out)
{
    int16_t line[UP_PAST + BLOCK];
    memcpy(line, resampler->history, UP_PAST * sizeof line[0]);
    while (count > 0) {
        size_t now = count < BLOCK ? count : BLOCK;
        memcpy(line + UP_PAST, in, now * sizeof line[0]);
        up_block(line, now, out);
        memmove(line, line + now, UP_PAST * sizeof line[0]);
        in += now;
        out += 2 * now;
        count -= now;
    }
    memcpy(resampler->history, line, UP_PAST * sizeof line[0]);
}

static void down_block(const int16_t *line, size_t count, int16_t *out)
{
    for (size_t i = 0; i < count; i++) {
        const int16_t *middle = line + 2 * i + 24;
        int32_t sum = (1 << UNIT) + middle[0] * (1 << UNIT);
        for (int tap = 0; tap < 12; tap++)
            sum += half_band[tap] * (middle[-2 * tap - 1] + middle[2 * tap + 1]);
        out[i] = saturated(sum >> (UNIT + 1));
    }
}

void resample_down(struct resampler *resampler, const int16_t *in, size_t count, int16_t *out)
{
    int16_t line[DOWN_PAST + 2 * BLOCK];
    memcpy(line, resampler->history, DOWN_PAST * sizeof line[0]);
    while (count > 0) {
        size_t now = count < BLOCK ? count : BLOCK;
        memcpy(line + DOWN_PAST, in, 2 * now * sizeof line[0]);
        down_block(line, now, out);
        memmove(line, line + 2 * now, DOWN_PAST * sizeof line[0]);
        in += 2 * now;
        out += now;
        count -= now;
    }
    memcpy(resampler->history, line, DOWN_PAST * sizeof line[0]);
}

static int is_sound(enum audio_kind kind)
{
    return kind == AUDIO_PCMU || kind == AUDIO_PCMA || kind == AUDIO_G722;
}

void decoder_init(struct decoder *decoder)
{
    memset(decoder, 0, sizeof *decoder);
    g722_decoder_init(&decoder->g722);
}

/* What was kept of another codec or rate must not be heard in this one. */
static void decoder_become(struct decoder *decoder, enum audio_kind kind, int rate)
{
    if ((kind == AUDIO_G722) != (decoder->kind == AUDIO_G722) || rate != decoder->rate) {
        resample_init(&decoder->resampler);
        if (decoder->kind != AUDIO_G722)
            g722_decoder_init(&decoder->g722);
    }
    decoder->kind = kind;
    decoder->rate = rate;
}

static void decode_block(struct decoder *decoder, const uint8_t *octets, size_t count, int16_t *samples)
{
    int16_t native[2 * BLOCK];
    if (decoder->kind == AUDIO_G722 && decoder->rate == AUDIO_WIDE) {
        g722_decode(&decoder->g722, octets, count, samples);
    } else if (decoder->kind == AUDIO_G722) {
        g722_decode(&decoder->g722, octets, count, native);
        resample_down(&decoder->resampler, native, count, samples);
    } else if (decoder->rate == AUDIO_NARROW) {
        g711_decode(decoder->kind, octets, count, samples);
    } else {
        g711_decode(decoder->kind, octets, count, native);
        resample_up(&decoder->resampler, native, count, samples);
    }
}

size_t decoder_decode(struct decoder *decoder, enum audio_kind kind, const uint8_t *octets, size_t count, int rate, int16_t *samples)
{
    size_t per_octet = rate == AUDIO_WIDE ? 2 : 1, total = count * per_octet;
    if (!is_sound(kind)) {
        memset(samples, 0, total * sizeof samples[0]);
        return total;
    }
    if (kind != decoder->kind || rate != decoder->rate)
        decoder_become(decoder, kind, rate);
    for (size_t done = 0; done < count; done += BLOCK)
        decode_block(decoder, octets + done, count - done < BLOCK ? count - done : BLOCK, samples + done * per_octet);
    return total;
}

void encoder_init(struct encoder *encoder)
{
    memset(encoder, 0, sizeof *encoder);
    g722_encoder_init(&encoder->g722);
}

static void encoder_become(struct encoder *encoder, enum audio_kind kind, int rate)
{
    if ((kind == AUDIO_G722) != (encoder->kind == AUDIO_G722) || rate != encoder->rate) {
        resample_init(&encoder->resampler);
        if (encoder->kind != AUDIO_G722)
            g722_encoder_init(&encoder->g722);
    }
    encoder->kind = kind;
    encoder->rate = rate;
}

static void encode_block(struct encoder *encoder, const int16_t *samples, size_t octets, uint8_t *out)
{
    int16_t native[2 * BLOCK];
    if (encoder->kind == AUDIO_G722 && encoder->rate == AUDIO_WIDE) {
        g722_encode(&encoder->g722, samples, octets, out);
    } else if (encoder->kind == AUDIO_G722) {
        resample_up(&encoder->resampler, samples, octets, native);
        g722_encode(&encoder->g722, native, octets, out);
    } else if (encoder->rate == AUDIO_NARROW) {
        g711_encode(encoder->kind, samples, octets, out);
    } else {
        resample_down(&encoder->resampler, samples, octets, native);
        g711_encode(encoder->kind, native, octets, out);
    }
}

void encoder_encode(struct encoder *encoder, enum audio_kind kind, const int16_t *samples, int rate, size_t octets, uint8_t *out)
{
    size_t per_octet = rate == AUDIO_WIDE ? 2 : 1;
    if (kind != encoder->kind || rate != encoder->rate)
        encoder_become(encoder, kind, rate);
    for (size_t done = 0; done < octets; done += BLOCK)
        encode_block(encoder, samples + done * per_octet, octets - done < BLOCK ? octets - done : BLOCK, out + done);
}
