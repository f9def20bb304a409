/* Jitter buffer: a ring of octets by RTP timestamp, with the codec of each beside it, so that neither the length of packets nor their
 * order matters. The margin of a packet is how long before its time to be played it came. Its least over two seconds says whether the
 * delay could be shorter, a packet that came too late that it must be longer; both also follow a sender whose clock is not ours. */
#include "audio.h"

#include <string.h>

enum {
    DEPTH_START = 2 * AUDIO_OCTETS,
    DEPTH_LEAST = AUDIO_OCTETS,
    DEPTH_MOST = 6 * AUDIO_OCTETS,
    EARLY = DEPTH_MOST + AUDIO_OCTETS, /* a margin above that: what lies between is skipped */
    FAR = 8000,                        /* a margin this far from 0 belongs to another time */
    WINDOW_TICKS = 100,
    WINDOW_PACKETS = 10, /* fewer in a window say nothing */
    DRY_TICKS = 10,      /* after 200 ms without sound, the next packet may start the clock anew */
    QUIET = 180,         /* mean magnitude of a frame that nobody misses */
    QUIET_WAIT = 50
};

static int32_t least(int32_t one, int32_t other)
{
    return one < other ? one : other;
}

static int32_t most(int32_t one, int32_t other)
{
    return one > other ? one : other;
}

static int32_t clamped(int32_t value, int32_t low, int32_t high)
{
    return most(low, least(high, value));
}

/* RFC 1982: how far `one` is after `other`. */
static int32_t after(uint32_t one, uint32_t other)
{
    uint32_t distance = one - other;
    return distance <= INT32_MAX ? (int32_t)distance : -(int32_t)(UINT32_MAX - distance) - 1;
}

static int32_t seq_after(uint16_t one, uint16_t other)
{
    int32_t distance = (one - other) & 0xFFFF;
    return distance < 0x8000 ? distance : distance - 0x10000;
}

/* ---- packets in ---- */

void jitter_init(struct jitter *jitter)
{
    memset(jitter, 0, sizeof *jitter);
    decoder_init(&jitter->decoder);
    jitter->depth = DEPTH_START;
}

static void window_begin(struct jitter *jitter)
{
    jitter->window_end = jitter->tick + WINDOW_TICKS;
    jitter->window_low = INT32_MAX;
    jitter->window_high = INT32_MIN;
    jitter->window_packets = 0;
    jitter->window_late = 0;
}

/* From now on this timestamp is the one that is due after the wanted delay. */
static void start_at(struct jitter *jitter, uint32_t timestamp)
{
    jitter->cursor = timestamp - (uint32_t)jitter->depth;
    jitter->played = jitter->cursor;
    memset(jitter->kind, AUDIO_NONE, sizeof jitter->kind);
    jitter->surplus = 0;
    jitter->shortage = 0;
    jitter->late_row = 0;
    window_begin(jitter);
}

static void restart(struct jitter *jitter, uint32_t ssrc, uint16_t seq, uint32_t timestamp)
{
    jitter->restarts += jitter->running;
    jitter->running = 1;
    jitter->strange = 0;
    jitter->ssrc = ssrc;
    jitter->newest_seq = seq;
    jitter->seen = 1;
    start_at(jitter, timestamp);
}

/* Notes the number; 1: it has come before. */
static int seen_before(struct jitter *jitter, uint16_t seq)
{
    int32_t ahead = seq_after(seq, jitter->newest_seq);
    if (ahead <= 0 && ahead > -64) {
        uint64_t bit = UINT64_C(1) << -ahead;
        int seen = (jitter->seen & bit) != 0;
        jitter->seen |= bit;
        return seen;
    }
    jitter->seen = ahead > 0 && ahead < 64 ? jitter->seen << ahead | 1 : 1;
    jitter->newest_seq = seq;
    return 0;
}

/* A packet that fits to nothing is dropped, but if the next one goes on from it, that is what is to be heard now. */
static enum jitter_verdict strange(struct jitter *jitter, uint32_t ssrc, uint16_t seq, uint32_t timestamp)
{
    if (jitter->strange && jitter->strange_ssrc == ssrc && jitter->strange_seq == seq) {
        restart(jitter, ssrc, seq, timestamp);
        return JITTER_TAKEN;
    }
    jitter->strange = 1;
    jitter->strange_ssrc = ssrc;
    jitter->strange_seq = (uint16_t)(seq + 1);
    jitter->strangers++;
    return JITTER_STRANGE;
}

static int dry(const struct jitter *jitter)
{
    return jitter->tick - jitter->last_sound >= DRY_TICKS;
}

/* Everything from now on will have that much more margin. */
static void deepen(struct jitter *jitter, int32_t octets)
{
    if (jitter->window_packets > 0) {
        jitter->window_low += octets;
        jitter->window_high += octets;
    }
    jitter->depth = clamped(jitter->depth + octets, DEPTH_LEAST, DEPTH_MOST);
    jitter->surplus = 0;
}

/* Its time was over when it came: the delay grows, if the packets in time do not wait too long already. If nothing after it was played
 * yet, what there was instead of it was only a pause, and it is played now. Returns the new margin. */
static int32_t late(struct jitter *jitter, uint32_t timestamp, int32_t margin)
{
    int32_t needed = (-margin + AUDIO_OCTETS - 1) / AUDIO_OCTETS * AUDIO_OCTETS;
    int32_t high = jitter->window_packets > 0 ? jitter->window_high : jitter->depth;
    if (jitter->late_row++ == 0)
        jitter->late_since = jitter->tick;
    jitter->late++;
    jitter->window_late++;
    if (dry(jitter) || (jitter->late_row >= 3 && jitter->tick - jitter->late_since >= DRY_TICKS)) {
        jitter->restarts++;
        start_at(jitter, timestamp);
        return after(timestamp, jitter->cursor);
    }
    if (high + needed > DEPTH_MOST)
        return margin;
    if (after(timestamp, jitter->played) >= 0) {
        jitter->cursor -= (uint32_t)needed;
        jitter->put_in += (uint32_t)(needed / AUDIO_OCTETS);
        deepen(jitter, needed);
        return margin + needed;
    }
    if (jitter->window_late >= 2 && jitter->shortage == 0) {
        jitter->shortage = (uint32_t)(needed / AUDIO_OCTETS);
        deepen(jitter, needed);
    }
    return margin;
}

/* Leave out so much. */
static void skip(struct jitter *jitter, uint32_t octets)
{
    for (uint32_t i = 0; i < octets && i < JITTER_RING; i++)
        jitter->kind[(jitter->cursor + i) & (JITTER_RING - 1)] = AUDIO_NONE;
    jitter->cursor += octets;
    conceal_jump(&jitter->conceal);
}

static int32_t early(struct jitter *jitter, int32_t margin)
{
    skip(jitter, (uint32_t)(margin - DEPTH_MOST));
    jitter->surplus = 0;
    jitter->shortage = 0;
    window_begin(jitter);
    return DEPTH_MOST;
}

/* The part of the payload from `from` on, at its place. What is there already stays: sound goes before comfort noise. */
static void store(struct jitter *jitter, uint32_t timestamp, enum audio_kind kind, const uint8_t *payload, size_t from, size_t length)
{
    for (size_t i = from; i < length; i++) {
        uint32_t at = (timestamp + (uint32_t)i) & (JITTER_RING - 1);
        if (kind == AUDIO_NOISE && jitter->kind[at] != AUDIO_NONE)
            continue;
        jitter->kind[at] = (uint8_t)kind;
        jitter->octet[at] = kind == AUDIO_NOISE ? 0 : payload[i];
    }
}

/* The margin of this packet after all that it changes; FAR: it belongs to another time. */
static int32_t place(struct jitter *jitter, uint32_t timestamp)
{
    int32_t margin = after(timestamp, jitter->cursor);
    if (margin >= 0)
        jitter->late_row = 0;
    if (dry(jitter) && (margin < 0 || margin > DEPTH_MOST)) {
        start_at(jitter, timestamp);
        jitter->restarts++;
        return jitter->depth;
    }
    if (margin <= -FAR || margin >= FAR)
        return FAR;
    if (margin > EARLY)
        return early(jitter, margin);
    return margin < 0 ? late(jitter, timestamp, margin) : margin;
}

enum jitter_verdict jitter_put(struct jitter *jitter, uint32_t ssrc, uint16_t seq, uint32_t timestamp, enum audio_kind kind,
                               const uint8_t *payload, size_t length)
{
    if (kind == AUDIO_NOISE)
        length = AUDIO_OCTETS;
    if (length > JITTER_PAYLOAD_MAX)
        length = JITTER_PAYLOAD_MAX;
    if (!jitter->running)
        restart(jitter, ssrc, seq, timestamp);
    else if (ssrc != jitter->ssrc) {
        if (strange(jitter, ssrc, seq, timestamp) == JITTER_STRANGE)
            return JITTER_STRANGE;
    } else if (seen_before(jitter, seq)) {
        jitter->duplicates++;
        return JITTER_DUPLICATE;
    }
    int32_t margin = place(jitter, timestamp);
    if (margin == FAR) {
        if (strange(jitter, ssrc, seq, timestamp) == JITTER_STRANGE)
            return JITTER_STRANGE;
        margin = jitter->depth;
    }
    jitter->strange = 0;
    if (margin < 0 && (size_t)-margin >= length)
        return JITTER_LATE;
    if (margin >= 0) {
        jitter->window_low = least(jitter->window_low, margin);
        jitter->window_high = most(jitter->window_high, margin);
        jitter->window_packets++;
    }
    store(jitter, timestamp, kind, payload, margin < 0 ? (size_t)-margin : 0, length);
    return JITTER_TAKEN;
}

/* ---- frames out ---- */

/* After two seconds: when no packet had less than 40 ms, the delay may shrink by what is above 20. */
static void judge(struct jitter *jitter)
{
    if (jitter->tick != jitter->window_end)
        return;
    if (jitter->window_packets >= WINDOW_PACKETS) {
        jitter->depth = clamped(jitter->window_high, DEPTH_LEAST, DEPTH_MOST);
        if (jitter->window_low >= 2 * AUDIO_OCTETS) {
            jitter->surplus = (uint32_t)(jitter->window_low / AUDIO_OCTETS - 1);
            jitter->surplus_wait = QUIET_WAIT;
        }
    }
    window_begin(jitter);
}

/* One frame of the surplus goes, at a moment when it is not missed, or when there was none for too long. */
static void leave_out(struct jitter *jitter)
{
    if (jitter->surplus_wait > 0 && conceal_level(&jitter->conceal) > QUIET) {
        jitter->surplus_wait--;
        return;
    }
    skip(jitter, AUDIO_OCTETS);
    if (jitter->window_packets > 0) {
        jitter->window_low -= AUDIO_OCTETS;
        jitter->window_high -= AUDIO_OCTETS;
    }
    jitter->depth = clamped(jitter->depth - AUDIO_OCTETS, DEPTH_LEAST, DEPTH_MOST);
    jitter->left_out++;
    jitter->surplus--;
    jitter->surplus_wait = QUIET_WAIT;
}

/* How many octets from the cursor on are of one kind and lie in one piece. */
static size_t run_length(const struct jitter *jitter, size_t at_most)
{
    size_t at = jitter->cursor & (JITTER_RING - 1), count = 1;
    if (at_most > JITTER_RING - at)
        at_most = JITTER_RING - at;
    while (count < at_most && jitter->kind[at + count] == jitter->kind[at])
        count++;
    return count;
}

static size_t play_run(struct jitter *jitter, size_t octets, int16_t *samples)
{
    size_t at = jitter->cursor & (JITTER_RING - 1), count = octets * (size_t)(jitter->conceal.rate / AUDIO_NARROW);
    enum audio_kind kind = (enum audio_kind)jitter->kind[at];
    if (kind == AUDIO_NONE) {
        conceal_make(&jitter->conceal, samples, count);
    } else {
        decoder_decode(&jitter->decoder, kind, jitter->octet + at, octets, jitter->conceal.rate, samples);
        conceal_mend(&jitter->conceal, samples, count);
        memset(jitter->kind + at, AUDIO_NONE, octets);
        jitter->last_sound = jitter->tick;
        jitter->played = jitter->cursor + (uint32_t)octets;
    }
    jitter->cursor += (uint32_t)octets;
    return count;
}

static void play_frame(struct jitter *jitter, int16_t *samples)
{
    uint32_t before = jitter->played;
    for (size_t done = 0; done < AUDIO_OCTETS;) {
        size_t octets = run_length(jitter, AUDIO_OCTETS - done);
        samples += play_run(jitter, octets, samples);
        done += octets;
    }
    jitter->gaps += jitter->played == before && !dry(jitter);
}

static int audible(const int16_t *samples, size_t count)
{
    int any = 0;
    for (size_t i = 0; i < count; i++)
        any |= samples[i];
    return any != 0;
}

int jitter_get(struct jitter *jitter, int rate, int16_t *samples)
{
    size_t count = (size_t)AUDIO_FRAME(rate);
    if (rate != jitter->conceal.rate)
        conceal_init(&jitter->conceal, rate);
    jitter->tick++;
    if (!jitter->running) {
        memset(samples, 0, count * sizeof samples[0]);
        return 0;
    }
    judge(jitter);
    if (jitter->surplus > 0)
        leave_out(jitter);
    if (jitter->shortage > 0) {
        conceal_make(&jitter->conceal, samples, count);
        jitter->shortage--;
        jitter->put_in++;
    } else {
        play_frame(jitter, samples);
    }
    return audible(samples, count);
}

int jitter_depth_ms(const struct jitter *jitter)
{
    return jitter->depth / 8;
}
