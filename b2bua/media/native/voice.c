/* The sound of one party: its packets on their way to the mix, and the packets that are made for it. */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "voice.h"

struct voice *voice_need(struct termination *termination) {
    if (termination->voice)
        return termination->voice;
    struct voice *voice = calloc(1, sizeof *voice);
    if (!voice)
        return NULL;
    jitter_init(&voice->jitter);
    dtmf_init(&voice->dtmf);
    resample_init(&voice->narrowing);
    encoder_init(&voice->encoder);
    return termination->voice = voice;
}

void voice_restart(struct termination *termination) {
    jitter_init(&termination->voice->jitter);
    dtmf_init(&termination->voice->dtmf);
}

void voice_free(struct voice *voice) { free(voice); }

static enum audio_kind kind_of(int codec) {
    switch (codec) {
    case CODEC_PCMU: return AUDIO_PCMU;
    case CODEC_PCMA: return AUDIO_PCMA;
    case CODEC_G722: return AUDIO_G722;
    case CODEC_COMFORT: return AUDIO_NOISE;
    default: return AUDIO_NONE;
    }
}

void voice_hear(struct termination *termination, const struct rtp *rtp, int codec) {
    enum audio_kind kind = kind_of(codec);
    if (kind != AUDIO_NONE)
        jitter_put(&termination->voice->jitter, rtp->ssrc, rtp->sequence, rtp->timestamp, kind, rtp->payload, rtp->length);
}

static void find_keys(struct engine *engine, struct termination *termination, int rate) {
    struct voice *voice = termination->voice;
    int16_t narrow[AUDIO_FRAME(AUDIO_NARROW)];
    char digits[4];
    const int16_t *samples = voice->frame;
    if (rate == AUDIO_WIDE) {
        resample_down(&voice->narrowing, voice->frame, AUDIO_FRAME(AUDIO_NARROW), narrow);
        samples = narrow;
    }
    size_t n = dtmf_feed(&voice->dtmf, samples, AUDIO_FRAME(AUDIO_NARROW), digits, sizeof digits);
    for (size_t i = 0; i < n; i++) {
        struct engine_event event = {
            .kind = EVENT_DIGIT, .termination = termination->handle, .number = digits[i], .inband = 1};
        event_push(engine, &event);
    }
}

void voice_frame(struct engine *engine, struct termination *termination, int rate) {
    struct voice *voice = termination->voice;
    voice->loud = jitter_get(&voice->jitter, rate, voice->frame);
    if (termination->inband)
        find_keys(engine, termination, rate);
}

void sender_init(struct engine *engine, struct sender *sender) {
    uint64_t random = engine_random(engine);
    sender->ssrc = (uint32_t)random;
    sender->base = (uint32_t)(random >> 32);
    sender->sequence = (uint16_t)(engine_random(engine) & 0x7FFF);
}

static uint32_t timestamp_now(const struct engine *engine, const struct sender *sender, int clock) {
    return sender->base + (uint32_t)(engine->counts.ticks * (uint64_t)clock / 200);
}

/* 20 ms after the last packet; by the clock after a silence, or when ticks have been left out. */
static void advance(const struct engine *engine, struct sender *sender) {
    uint32_t next = sender->timestamp + AUDIO_OCTETS, now = timestamp_now(engine, sender, AUDIO_NARROW);
    int32_t behind = (int32_t)(now - next);
    if (!sender->started || (behind > 0 && !sender->talking) || behind > 5 * AUDIO_OCTETS)
        next = now;
    sender->timestamp = next;
    sender->started = true;
}

static void send_packet(struct engine *engine, struct termination *termination, const struct rtp *rtp, uint8_t *packet, size_t length) {
    struct sender *sender = &termination->sender;
    rtp_write(packet, rtp);
    if (!port_send(engine, &termination->audio->rtp, packet, RTP_HEADER + length))
        return;
    sender->packets++;
    sender->octets += (uint32_t)length;
}

void send_frame(struct engine *engine, struct termination *termination, const int16_t *samples, int rate) {
    struct sender *sender = &termination->sender;
    const struct stream *audio = termination->audio;
    uint8_t packet[RTP_HEADER + AUDIO_OCTETS];
    advance(engine, sender);
    struct rtp rtp = {.marker = !sender->talking, .type = (uint8_t)audio->sound.type, .sequence = sender->sequence++,
                      .timestamp = sender->timestamp, .ssrc = sender->ssrc};
    encoder_encode(&termination->voice->encoder, kind_of(audio->sound.codec), samples, rate, AUDIO_OCTETS, packet + RTP_HEADER);
    send_packet(engine, termination, &rtp, packet, AUDIO_OCTETS);
    sender->talking = true;
}

/* How a digit goes, in frames: five of sound, the end of the event told three times in all, three of silence altogether. */
#define DIGIT_ON 5
#define DIGIT_LAST_END 6
#define DIGIT_FRAMES 8
#define PAUSE_FRAMES 25
#define PATIENCE 150

static void send_event(struct engine *engine, struct termination *termination) {
    struct digits *digits = &termination->digits;
    struct sender *sender = &termination->sender;
    const struct engine_payload *event = &termination->audio->event;
    int frame = digits->frame;
    sender->talking = false;
    if (frame > DIGIT_LAST_END)
        return;
    if (frame == 0) {
        advance(engine, sender);
        digits->timestamp = event->clock == AUDIO_NARROW ? sender->timestamp : timestamp_now(engine, sender, event->clock);
    }
    uint8_t packet[RTP_HEADER + 4];
    struct rtp rtp = {.marker = frame == 0, .type = (uint8_t)event->type, .sequence = sender->sequence++, .timestamp = digits->timestamp,
                      .ssrc = sender->ssrc};
    int64_t duration = (int64_t)event->clock / 50 * (frame < DIGIT_ON ? frame + 1 : DIGIT_ON);
    event_write(packet + RTP_HEADER, digits->waiting[0], frame >= DIGIT_ON - 1, duration > 0xFFFF ? 0xFFFF : (int)duration);
    send_packet(engine, termination, &rtp, packet, 4);
}

static void send_tone(struct engine *engine, struct termination *termination, int rate) {
    struct digits *digits = &termination->digits;
    struct voice *voice = termination->voice;
    int16_t samples[AUDIO_FRAME_MAX] = {0};
    if (digits->frame == 0 || digits->rate != rate)
        tone_init_dtmf(&voice->tone, rate, digits->waiting[0]);
    digits->rate = rate;
    if (digits->frame < DIGIT_ON)
        tone_make(&voice->tone, samples, (size_t)AUDIO_FRAME(rate));
    send_frame(engine, termination, samples, rate);
}

static void next_digit(struct digits *digits) {
    digits->n--;
    digits->frame = 0;
    memmove(digits->waiting, digits->waiting + 1, (size_t)digits->n);
}

bool digits_frame(struct engine *engine, struct termination *termination, bool reachable, int rate) {
    struct digits *digits = &termination->digits;
    const struct stream *audio = termination->audio;
    if (!digits->n)
        return false;
    if (!reachable && digits->waited++ < PATIENCE)
        return false;
    bool pause = digits->waiting[0] == ',', event = audio && audio->event.type >= 0;
    bool able = audio && audio->rtp.target && audio->to_party && (event || (audio->sound.codec != CODEC_OTHER && termination->voice));
    if (!able) {
        digits->n = digits->frame = 0;
        return false;
    }
    if (!pause && event)
        send_event(engine, termination);
    else if (!pause)
        send_tone(engine, termination, rate);
    else
        termination->sender.talking = false;
    if (++digits->frame >= (pause ? PAUSE_FRAMES : DIGIT_FRAMES))
        next_digit(digits);
    return true;
}

int digits_send(struct engine *engine, int handle, const char *text) {
    struct termination *termination = termination_find(engine, handle);
    size_t n = text ? strlen(text) : 0;
    if (!termination || !n)
        return -EINVAL;
    struct digits *digits = &termination->digits;
    for (size_t i = 0; i < n; i++)
        if (event_code(text[i]) < 0 && text[i] != ',')
            return -EINVAL;
    if (n > (size_t)(ENGINE_DIGITS - digits->n))
        return -ENOSPC;
    if (!digits->n)
        digits->frame = digits->waited = 0;
    memcpy(digits->waiting + digits->n, text, n);
    digits->n += (int32_t)n;
    context_refresh(engine, termination->context);
    return 0;
}

/* Seconds since 1900 with 32 bits of fraction (RFC 3550 4). */
static uint64_t ntp_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return ((uint64_t)time.tv_sec + UINT64_C(2208988800)) << 32 | ((uint64_t)time.tv_nsec << 32) / 1000000000;
}

void send_report(struct engine *engine, struct termination *termination) {
    struct sender *sender = &termination->sender;
    struct stream *audio = termination->audio;
    if (engine->now < sender->next_report || !audio->rtcp.target)
        return;
    bool first = !sender->next_report, sent = sender->packets != sender->reported_packets;
    sender->next_report = engine->now + (first ? 1 : 5) * SECOND;
    if (first || (!sent && !audio->reception.started))
        return;
    uint8_t packet[REPORT_LARGEST];
    struct report report = {.ssrc = sender->ssrc, .sent = sent, .ntp = ntp_now(), .timestamp = timestamp_now(engine, sender, AUDIO_NARROW),
                            .packets = sender->packets, .octets = sender->octets};
    sender->reported_packets = sender->packets;
    port_send(engine, &audio->rtcp, packet, rtcp_write(packet, &report, &audio->reception, engine->now));
}
