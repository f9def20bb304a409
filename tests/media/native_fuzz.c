/* Hostile packets and random commands for the media plane, to be compiled together with it under sanitizers, and linked with
 * -Wl,--wrap=clock_gettime,--wrap=timerfd_settime: its time goes by 5 ms in each round.
 *
 * usage: native_fuzz ROUNDS SEED      prints what it has done; the exit status is 0 when everything was released at the end
 */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define TERMINATIONS 12
#define CONTEXTS 4
#define PARTIES 6

static struct engine *engine;
static int first_port;             /* of 32; another in each process */
static int terminations[TERMINATIONS], contexts[CONTEXTS], parties[PARTIES], ports[PARTIES];
static uint64_t state, packets, commands, events, echoes;
static uint32_t sequence, timestamp;

static int64_t now = 100 * SECOND;

int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *time) {
    (void)clock;
    time->tv_sec = now / SECOND;
    time->tv_nsec = (long)(now % SECOND);
    return 0;
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *setting, struct itimerspec *before);

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *setting, struct itimerspec *before) {
    (void)fd, (void)flags, (void)setting, (void)before;
    return 0;
}

static uint32_t random_below(uint32_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % n;
}

static bool chance(uint32_t one_in) { return random_below(one_in) == 0; }

static void put(uint8_t *p, uint32_t value, int octets) {
    for (int i = 0; i < octets; i++)
        p[i] = (uint8_t)(value >> 8 * (octets - 1 - i));
}

static int termination(void) { return terminations[random_below(TERMINATIONS)]; }

static struct engine_payload payload(void) {
    static const struct engine_payload known[] = {{0, CODEC_PCMU, 8000},    {8, CODEC_PCMA, 8000},   {9, CODEC_G722, 8000},
                                                  {101, CODEC_EVENT, 8000}, {111, CODEC_OTHER, 48000}, {13, CODEC_COMFORT, 8000},
                                                  {102, CODEC_EVENT, 48000}, {0, CODEC_G722, 1}};
    return known[random_below(sizeof known / sizeof *known)];
}

static void set_payloads(void) {
    struct engine_payload sends[6], receives[6];
    for (int i = 0; i < 6; i++) {
        sends[i] = payload();
        receives[i] = payload();
    }
    stream_payloads(engine, termination(), (int)random_below(2), sends, (int)random_below(7), receives, (int)random_below(7));
}

static void set_remote(void) {
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "224.0.0.1", "0.0.0.0", "nonsense", "::1", "fe80::1%lo", NULL};
    static const char *const sources[] = {"127.0.0.1", "127.0.0.1,127.0.0.2 ::1", "", " , ,x,", NULL};
    const char *host = chance(3) ? hosts[random_below(8)] : "127.0.0.1", *source = chance(4) ? sources[random_below(5)] : "127.0.0.1";
    int port = chance(8) ? first_port + (int)random_below(32) : ports[random_below(PARTIES)];
    stream_remote(engine, termination(), (int)random_below(2), host, port, chance(3) ? hosts[random_below(8)] : NULL, port, source);
}

static void set_context(void) {
    int32_t members[TERMINATIONS];
    uint64_t hears[TERMINATIONS];
    int n = (int)random_below(TERMINATIONS + 1), relay = chance(3);
    for (int i = 0; i < n; i++) {
        members[i] = terminations[(random_below(2) + (uint32_t)i) % TERMINATIONS];
        hears[i] = (uint64_t)random_below(UINT32_MAX) << 32 | random_below(UINT32_MAX);
    }
    context_set(engine, contexts[random_below(CONTEXTS)], relay, members, relay && n > 2 ? 2 : n, chance(5) ? NULL : hears);
}

/* Two in a relay, or five that all hear each other. */
static void usual_context(void) {
    uint32_t at = random_below(CONTEXTS);
    int32_t members[5];
    uint64_t hears[5];
    for (uint32_t i = 0; i < 5; i++) {
        members[i] = terminations[(3 * at + i) % TERMINATIONS];
        hears[i] = 31;
    }
    context_set(engine, contexts[at], at < 2, members, at < 2 ? 2 : 5, hears);
}

static void open_stream(void) {
    stream_open(engine, termination(), (int)random_below(2), (int)random_below(4) % 3, first_port + 2 * (int)random_below(16));
}

/* As a call would make it. */
static void open_usual(int at) {
    static const struct engine_payload wide[] = {{9, CODEC_G722, 8000}, {101, CODEC_EVENT, 8000}, {13, CODEC_COMFORT, 8000}};
    static const struct engine_payload narrow[] = {{0, CODEC_PCMU, 8000}, {8, CODEC_PCMA, 8000}, {101, CODEC_EVENT, 8000}};
    terminations[at] = termination_open(engine, "127.0.0.1");
    stream_open(engine, terminations[at], 0, KIND_AUDIO, first_port + 2 * at);
    stream_payloads(engine, terminations[at], 0, at % 3 ? narrow : wide, 3, at % 3 ? narrow : wide, 3);
    stream_remote(engine, terminations[at], 0, "127.0.0.1", ports[at % PARTIES], NULL, 0, "127.0.0.1");
}

static void reopen(void) {
    struct engine_statistics statistics;
    int at = (int)random_below(TERMINATIONS);
    termination_close(engine, terminations[at], &statistics);
    if (chance(20))
        terminations[at] = termination_open(engine, chance(2) ? "::1" : "127.0.0.1");
    else
        open_usual(at);
}

static void play(void) {
    int32_t sounds[4];
    for (int i = 0; i < 4; i++)
        sounds[i] = (int32_t)random_below(6);
    play_start(engine, termination(), random_below(5), sounds, (int)random_below(5), chance(2), chance(2));
}

static void sound(void) {
    int16_t samples[4000];
    for (int i = 0; i < 4000; i++)
        samples[i] = (int16_t)random_below(65536);
    int n = 1 + (int)random_below(2000);
    if (chance(2))
        engine_sound(engine, samples, n, NULL, 0);
    else
        engine_sound(engine, chance(2) ? samples : NULL, n, samples, 2 * n);
}

static void digits(void) {
    char text[80];
    int n = (int)random_below(79);
    for (int i = 0; i < n; i++)
        text[i] = "0123456789*#ABCDabcd,"[random_below(21)];
    text[n] = 0;
    if (chance(20) && n)
        text[n / 2] = 'x';
    digits_send(engine, termination(), text);
}

static void command(void) {
    uint8_t table[ENGINE_PAYLOADS];
    commands++;
    switch (random_below(24)) {
    case 0: case 17: case 18: case 19: case 20: reopen(); break;
    case 1: set_payloads(); break;
    case 2: set_remote(); break;
    case 3: set_context(); break;
    case 4: play(); break;
    case 5: play_stop(engine, termination()); break;
    case 6: sound(); break;
    case 7: engine_sound_forget(engine, (int)random_below(6)); break;
    case 8: digits(); break;
    case 9: termination_digits(engine, termination(), chance(2), chance(2)); break;
    case 10: stream_direction(engine, termination(), (int)random_below(2), !chance(4), !chance(4)); break;
    case 11: stream_close(engine, termination(), (int)random_below(2)); break;
    case 12:
        for (int i = 0; i < ENGINE_PAYLOADS; i++)
            table[i] = (uint8_t)random_below(256);
        stream_translate(engine, termination(), (int)random_below(2), chance(2) ? table : NULL);
        break;
    case 13:
        context_close(engine, contexts[0]);
        contexts[0] = context_open(engine);
        break;
    case 14: open_stream(); break;
    default: usual_context(); break;
    }
}

/* A packet that is nearly right. */
static size_t make_rtp(uint8_t *packet) {
    static const uint8_t types[] = {0, 8, 9, 13, 101, 102, 111, 127};
    size_t length = 12 + random_below(chance(4) ? 2400 : 170);
    for (size_t i = 0; i < length; i++)
        packet[i] = (uint8_t)random_below(256);
    packet[0] = chance(6) ? packet[0] : 0x80;
    packet[1] = (uint8_t)(types[random_below(8)] | (chance(5) ? 128 : 0));
    sequence += chance(10) ? random_below(70000) : 1;
    timestamp += chance(10) ? random_below(UINT32_MAX) : 160;
    put(packet + 2, sequence, 2);
    put(packet + 4, timestamp, 4);
    put(packet + 8, random_below(3), 4);
    return chance(20) ? random_below((uint32_t)length + 1) : length;
}

static size_t make_rtcp(uint8_t *packet) {
    size_t length = 0;
    for (int parts = 1 + (int)random_below(3); parts; parts--) {
        uint32_t words = random_below(12);
        for (uint32_t i = 0; i < 4 * (words + 1); i++)
            packet[length + i] = (uint8_t)random_below(256);
        packet[length] = chance(6) ? packet[length] : 0x81;
        packet[length + 1] = (uint8_t)(chance(8) ? random_below(256) : 200 + random_below(8));
        put(packet + length + 2, chance(10) ? random_below(65536) : words, 2);
        if (words > 0)
            put(packet + length + 4, random_below(3), 4);
        length += 4 * (words + 1);
    }
    return length;
}

static void send_something(void) {
    uint8_t packet[4096];
    bool control = chance(4);
    size_t length = control ? make_rtcp(packet) : make_rtp(packet);
    uint32_t at = random_below(16), from = chance(8) ? random_below(PARTIES) : at % PARTIES;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)(first_port + 2 * at + (chance(10) ? !control : control)));
    for (uint32_t again = chance(1000) ? 300 : 1; again; again--)
        sendto(parties[from], packet, length, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
    packets++;
}

static void look(void) {
    struct engine_event event;
    struct engine_statistics statistics;
    uint8_t packet[4096];
    while (engine_event(engine, &event)) {
        events++;
        if (event.kind < EVENT_DIGIT || event.kind > EVENT_PORT_LOST || (event.kind == EVENT_DIGIT && event_code((char)event.number) < 0))
            abort();
    }
    for (int i = 0; i < PARTIES; i++)
        while (recv(parties[i], packet, sizeof packet, MSG_DONTWAIT) >= 0)
            echoes++;
    if (termination_statistics(engine, termination(), &statistics) == 0 && !(statistics.jitter_ms >= 0 && statistics.silent_seconds >= 0))
        abort();
}

static void begin(uint64_t seed) {
    state = seed * 2654435761u + 88172645463325252u;
    first_port = 21000 + (int)(getpid() % 200) * 32;
    engine = engine_new(seed, 2000);
    for (int i = 0; i < PARTIES; i++) {
        struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof local;
        parties[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (bind(parties[i], (struct sockaddr *)&local, length) || getsockname(parties[i], (struct sockaddr *)&local, &length))
            abort();
        ports[i] = ntohs(local.sin_port);
    }
    for (int i = 0; i < TERMINATIONS; i++)
        open_usual(i);
    for (int i = 0; i < CONTEXTS; i++)
        contexts[i] = context_open(engine);
    for (int i = 0; i < 6; i++)
        sound();
}

static int end(void) {
    struct engine_counts counts;
    for (int i = 0; i < TERMINATIONS; i++)
        termination_close(engine, terminations[i], NULL);
    for (int i = 0; i < CONTEXTS; i++)
        context_close(engine, contexts[i]);
    for (int i = 0; i < 4096; i++)
        engine_sound_forget(engine, i);
    engine_counts(engine, &counts);
    engine_free(engine);
    printf("packets %llu commands %llu events %llu echoes %llu received %llu sent %llu ticks %llu left %d %d %d %d\n",
           (unsigned long long)packets, (unsigned long long)commands, (unsigned long long)events, (unsigned long long)echoes,
           (unsigned long long)counts.received, (unsigned long long)counts.sent, (unsigned long long)counts.ticks, counts.terminations,
           counts.contexts, counts.ports, counts.sounds);
    return counts.terminations || counts.contexts || counts.ports || counts.sounds;
}

int main(int argc, char **argv) {
    begin(argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
    for (int left = argc > 1 ? atoi(argv[1]) : 10000; left; left--) {
        if (chance(12))
            command();
        for (uint32_t n = random_below(12); n; n--)
            send_something();
        now += 5 * MILLISECOND;
        for (uint32_t n = chance(50) ? 16 : 1; n; n--)
            engine_run(engine, 0);
        tick(engine);               /* the kernel's timer does not go as fast */
        engine->counts.ticks++;
        if (engine->muted)
            ports_unmute(engine);
        silence_sweep(engine);
        look();
    }
    return end();
}
