/* Sound: codecs, rates, jitter, mixing, tones, DTMF.
 *
 * Pure functions over structs that the caller owns; nothing is allocated, no state is global, no input bytes are undefined behaviour.
 * A struct is ready after its *_init, may be copied, and needs no release.
 *
 * Samples are int16_t, mono, at 8000 or 16000 Hz: `rate` is always one of AUDIO_NARROW and AUDIO_WIDE. The tick is 20 ms:
 * AUDIO_FRAME(rate) samples. PCMU, PCMA and G722 all have 8 octets per millisecond and an RTP clock of 8000 Hz (RFC 3551 4.5.2), so
 * one octet is one unit of the RTP timestamp, and 20 ms are AUDIO_OCTETS octets, in every codec here.
 *
 * The way of a sound:  jitter_put (any time) -> jitter_get (each tick) -> [dtmf_feed] -> mix_add -> mix_out -> encoder_encode. */
#ifndef B2BUA_AUDIO_H
#define B2BUA_AUDIO_H

#include <stddef.h>
#include <stdint.h>

enum { AUDIO_NARROW = 8000, AUDIO_WIDE = 16000, AUDIO_TICK_MS = 20, AUDIO_OCTETS = 160, AUDIO_FRAME_MAX = 320 };

/* Samples of one tick. */
#define AUDIO_FRAME(rate) ((rate) / 50)

/* How a payload is to be understood: the numbers of engine.h. AUDIO_NOISE is comfort noise (RFC 3389, static payload type 13), which is
 * played as silence. */
enum audio_kind { AUDIO_NONE = 0, AUDIO_PCMU = 1, AUDIO_PCMA = 2, AUDIO_G722 = 3, AUDIO_NOISE = 5 };

/* ---- g711.c: ITU-T G.711, one octet per sample at 8000 Hz ---- */

int16_t g711_ulaw_decode(uint8_t octet);
int16_t g711_alaw_decode(uint8_t octet);
uint8_t g711_ulaw_encode(int16_t sample);
uint8_t g711_alaw_encode(int16_t sample);
/* `kind` is AUDIO_PCMU or AUDIO_PCMA. */
void g711_decode(enum audio_kind kind, const uint8_t *octets, size_t count, int16_t *samples);
void g711_encode(enum audio_kind kind, const int16_t *samples, size_t count, uint8_t *octets);

/* ---- g722.c: ITU-T G.722, mode 1 (64 kbit/s), one octet per two samples at 16000 Hz ---- */

/* The state of one of the two bands: adaptive quantizer and predictor, in the symbols of G.722 6.2. */
struct g722_band {
    int32_t s;    /* what the predictor expects next */
    int32_t sz;   /* the share of its zeros in that */
    int32_t p[2]; /* the last partial reconstructions, newest first */
    int32_t r[2]; /* the last reconstructions */
    int32_t a[2]; /* coefficients of the poles */
    int32_t b[6]; /* coefficients of the zeros */
    int32_t d[6]; /* the last quantized differences */
    int32_t nb;   /* logarithm of the quantizer's scale */
    int32_t det;  /* the scale */
};

struct g722_encoder {
    struct g722_band low, high;
    int16_t history[24]; /* of the transmit quadrature mirror filter, oldest first */
};

struct g722_decoder {
    struct g722_band low, high;
    int32_t history[24]; /* of the receive quadrature mirror filter, oldest first */
};

void g722_encoder_init(struct g722_encoder *encoder);
void g722_decoder_init(struct g722_decoder *decoder);
/* `octets` octets out of 2 * `octets` samples, and back. */
void g722_encode(struct g722_encoder *encoder, const int16_t *samples, size_t octets, uint8_t *out);
void g722_decode(struct g722_decoder *decoder, const uint8_t *in, size_t octets, int16_t *samples);

/* ---- codec.c: rates, and any codec at any rate ---- */

enum { RESAMPLE_TAPS = 24 };

/* One direction of one sound. */
struct resampler {
    int16_t history[2 * RESAMPLE_TAPS];
};

void resample_init(struct resampler *resampler);
/* `count` samples at 8000 Hz become 2 * `count` at 16000 Hz. */
void resample_up(struct resampler *resampler, const int16_t *in, size_t count, int16_t *out);
/* 2 * `count` samples at 16000 Hz become `count` at 8000 Hz. */
void resample_down(struct resampler *resampler, const int16_t *in, size_t count, int16_t *out);

/* What one party sends, decoded to the rate that is wanted. The kind may change from call to call. */
struct decoder {
    struct g722_decoder g722;
    struct resampler resampler;
    enum audio_kind kind;
    int rate;
};

void decoder_init(struct decoder *decoder);
/* `count` octets become count * rate / 8000 samples, whose number is returned. AUDIO_NOISE and AUDIO_NONE become zeros. */
size_t decoder_decode(struct decoder *decoder, enum audio_kind kind, const uint8_t *octets, size_t count, int rate, int16_t *samples);

/* What one party is sent. The kind and the rate may change from call to call. */
struct encoder {
    struct g722_encoder g722;
    struct resampler resampler;
    enum audio_kind kind;
    int rate;
};

void encoder_init(struct encoder *encoder);
/* `octets` octets (20 ms: AUDIO_OCTETS) out of octets * rate / 8000 samples; `kind` is PCMU, PCMA or G722. */
void encoder_encode(struct encoder *encoder, enum audio_kind kind, const int16_t *samples, int rate, size_t octets, uint8_t *out);

/* ---- conceal.c ---- */

enum { CONCEAL_HISTORY = 640, CONCEAL_CYCLE = 240 };

/* Bridges what is missing in one sound, at one rate. */
struct conceal {
    int rate;
    int16_t history[CONCEAL_HISTORY]; /* what was heard, newest last */
    int16_t cycle[CONCEAL_CYCLE];     /* the period that is repeated */
    int32_t length;                   /* of it; 0: nothing is being bridged */
    int32_t at;
    int32_t made;  /* samples made of it */
    int32_t blend; /* samples in which it fades into the real ones */
};

void conceal_init(struct conceal *conceal, int rate);
/* Instead of samples that are missing (at most AUDIO_FRAME_MAX): the last period repeated, silence after 60 ms. */
void conceal_make(struct conceal *conceal, int16_t *samples, size_t count);
/* Every other sample has to pass here (at most AUDIO_FRAME_MAX at once): after a gap they are cross-faded with what bridged it. */
void conceal_mend(struct conceal *conceal, int16_t *samples, size_t count);
/* What comes next does not follow on from what was heard: bridge the break. */
void conceal_jump(struct conceal *conceal);
/* Mean magnitude of the last 20 ms. */
int conceal_level(const struct conceal *conceal);

/* ---- jitter.c: packets in as they come, one frame out per tick ---- */

enum { JITTER_RING = 4096 /* octets, a power of two */, JITTER_PAYLOAD_MAX = 960 /* octets: 120 ms */ };

enum jitter_verdict {
    JITTER_TAKEN,
    JITTER_LATE,      /* its time was over */
    JITTER_DUPLICATE, /* had it already */
    JITTER_STRANGE    /* of another source or time; if the next one goes on from it, the buffer follows that */
};

/* Delay from arrival to playing: starts at 40 ms, adapts between 20 and 120 ms. Losses, and the frames that are put in or left out
 * to adapt and to follow the sender's clock, are bridged. */
struct jitter {
    struct decoder decoder;
    struct conceal conceal;
    uint8_t octet[JITTER_RING]; /* by timestamp modulo JITTER_RING */
    uint8_t kind[JITTER_RING];  /* enum audio_kind of each octet, AUDIO_NONE where nothing came */
    uint32_t ssrc;
    uint32_t cursor;   /* timestamp that is played next */
    uint32_t played;   /* timestamp after the newest octet that was played */
    uint64_t seen;     /* bit n: newest_seq - n has come */
    uint16_t newest_seq;
    uint16_t strange_seq; /* the number that would confirm a strange packet */
    uint32_t strange_ssrc;
    uint8_t running;   /* a packet has come since init */
    uint8_t strange;
    int32_t depth;     /* wanted, in octets */
    uint32_t tick;
    uint32_t window_end; /* tick at which the margins of this window are judged */
    int32_t window_low, window_high; /* least and greatest margin of its packets, in octets */
    uint32_t window_packets, window_late;
    uint32_t last_sound;   /* tick of the last octet played */
    uint32_t late_since;   /* tick of the first of a row of late packets */
    uint32_t late_row;     /* length of that row */
    uint32_t surplus;      /* frames to leave out */
    uint32_t surplus_wait; /* ticks that the next of them may wait for a quiet moment */
    uint32_t shortage;     /* frames to put in */
    /* counters */
    uint32_t late, duplicates, strangers, restarts, put_in, left_out, gaps;
};

/* Empty, as new. Also to be called when frames were not taken for a while (the member was in a relay). */
void jitter_init(struct jitter *jitter);
/* `kind` PCMU, PCMA, G722 or NOISE; telephone-events are not for the buffer. Too long a payload is cut to JITTER_PAYLOAD_MAX. */
enum jitter_verdict jitter_put(struct jitter *jitter, uint32_t ssrc, uint16_t seq, uint32_t timestamp, enum audio_kind kind,
                               const uint8_t *payload, size_t length);
/* The next 20 ms at `rate`: AUDIO_FRAME(rate) samples. To be called once per tick. 0: it is all silence (and zeros), else 1. */
int jitter_get(struct jitter *jitter, int rate, int16_t *samples);
/* The delay in milliseconds that it has now settled on. */
int jitter_depth_ms(const struct jitter *jitter);

/* ---- mix.c ---- */

/* sum += samples; a sum holds at least 65,000 members. */
void mix_add(int32_t *sum, const int16_t *samples, size_t count);
/* sum += samples * gain / 256; 0 <= gain <= 256. */
void mix_add_gain(int32_t *sum, const int16_t *samples, size_t count, int gain);
/* out = sum without the member's own samples (`own` may be NULL: nothing is taken away), with loud peaks rounded off, never wrapped.
 * N - 1: the sum of all once, then one call per member. `own` must have been added with mix_add. */
void mix_out(const int32_t *sum, const int16_t *own, int16_t *out, size_t count);

/* ---- tone.c ---- */

struct tone {
    double cosine[2], sine[2];           /* rotation per sample */
    double re[2], im[2];                 /* phase and amplitude */
    double gain;                         /* 0 to 1: it fades in within 5 ms, so that it does not click */
    double gain_step;
};

/* Two sines; amplitudes are peak values in samples (0: not that one). */
void tone_init(struct tone *tone, int rate, double hertz_1, double amplitude_1, double hertz_2, double amplitude_2);
/* The two of a DTMF key, 0-9 * # A-D (either case), at -9 dBFS together with 2 dB twist. 0: no such key; the tone is silence then. */
int tone_init_dtmf(struct tone *tone, int rate, char digit);
/* The next samples; the phase goes on from call to call. */
void tone_make(struct tone *tone, int16_t *samples, size_t count);
/* Let it fade out within the next 5 ms that are made; silence from then on. */
void tone_end(struct tone *tone);

/* ---- dtmf.c: keys in sound (ITU-T Q.23, Q.24) ---- */

enum { DTMF_WINDOW = 104, DTMF_HOP = 40 };

/* At 8000 Hz. A key is told once, 40 ms of it suffice, less than 23 ms never do. */
struct dtmf {
    int16_t window[DTMF_WINDOW]; /* the newest samples, newest last */
    int filled;                  /* samples since the last hop */
    char candidate;              /* key of the last windows in a row, 0 for none */
    int row;                     /* how many they are */
    char down;                   /* the key that was told and is still down */
    int absent;                  /* windows in a row without it */
    float phase[2];              /* of the candidate's two tones in the last window, radians */
    float drift[2];              /* their summed deviation, radians per hop */
};

void dtmf_init(struct dtmf *dtmf);
/* Any number of samples. Writes the keys that went down (at most `max`, '0'-'9' '*' '#' 'A'-'D', no terminator) and returns how many;
 * there is never more than one per 25 ms. */
size_t dtmf_feed(struct dtmf *dtmf, const int16_t *samples, size_t count, char *digits, size_t max);

#endif
