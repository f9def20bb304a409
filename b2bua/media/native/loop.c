/* The loop: packets as they come, a tick each 5 ms, and back to Python when there is something for it. */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256                  /* of one epoll_wait */
#define CATCH_UP 8                  /* ticks that are made up for; more than that are left out */

int64_t clock_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

void timer_set(struct engine *engine, bool on) {
    if (on == engine->timer_on)
        return;
    engine->now = clock_now();
    engine->tick_time = engine->now + TICK;
    struct timespec first = {engine->tick_time / SECOND, (long)(engine->tick_time % SECOND)}, every = {0, TICK};
    struct itimerspec setting = {.it_interval = every, .it_value = first}, off = {.it_value = {0, 0}};
    if (timerfd_settime(engine->timer, TFD_TIMER_ABSTIME, on ? &setting : &off, NULL) == 0)
        engine->timer_on = on;
}

static void timer_ready(struct engine *engine) {
    uint64_t due = 0;
    if (read(engine->timer, &due, sizeof due) != sizeof due)
        return;
    int64_t late = engine->now - (engine->tick_time + (int64_t)(due - 1) * TICK);
    engine->counts.ticks_late += late > TICK ? 1 : 0;
    if (due > 1)
        engine->counts.ticks_late += due - 1;
    uint64_t skipped = due > CATCH_UP ? due - CATCH_UP : 0;
    engine->counts.ticks_skipped += skipped;
    engine->counts.ticks += skipped;
    engine->tick_time += (int64_t)due * TICK;
    for (uint64_t i = skipped; i < due; i++) {
        tick(engine);
        engine->counts.ticks++;
    }
    if (engine->muted)
        ports_unmute(engine);
    if (engine->now >= engine->next_sweep) {
        engine->next_sweep = engine->now + SECOND / 2;
        silence_sweep(engine);
    }
}

static void watched_ready(struct engine *engine, const struct watched *watched) {
    if (engine->n_ready < READY)
        engine->ready[engine->n_ready++] = watched->fd;
}

static void dispatch(struct engine *engine, const struct epoll_event *event) {
    enum readiness *what = event->data.ptr;
    engine->now = clock_now();
    switch (*what) {
    case READY_PORT:
        port_readable(engine, event->data.ptr);
        break;
    case READY_TIMER:
        timer_ready(engine);
        break;
    case READY_WATCHED:
        watched_ready(engine, event->data.ptr);
        break;
    }
}

/* Milliseconds, rounded up. */
static int remaining(int64_t deadline, int64_t now) { return deadline > now ? (int)((deadline - now + MILLISECOND - 1) / MILLISECOND) : 0; }

int engine_run(struct engine *engine, int timeout_ms) {
    struct epoll_event events[EVENTS];
    int64_t deadline = clock_now() + timeout_ms * MILLISECOND;
    engine->n_ready = 0;
    for (;;) {
        int wait = engine->queue_n ? 0 : timeout_ms < 0 ? -1 : remaining(deadline, clock_now());
        int n = epoll_wait(engine->epoll, events, EVENTS, wait);
        for (int i = 0; i < n; i++)
            dispatch(engine, &events[i]);
        int told = (engine->queue_n ? ENGINE_RUN_EVENTS : 0) | (engine->n_ready ? ENGINE_RUN_WATCHED : 0);
        if (told || n < 0 || (timeout_ms >= 0 && clock_now() >= deadline))
            return told;
    }
}

static struct watched *watched_of(const struct engine *engine, int fd) {
    for (struct watched *watched = engine->watched; watched; watched = watched->next)
        if (watched->fd == fd)
            return watched;
    return NULL;
}

static int watch_begin(struct engine *engine, int fd, uint32_t interest) {
    struct watched *watched = calloc(1, sizeof *watched);
    struct epoll_event event = {.events = interest, .data.ptr = watched};
    if (!watched)
        return -ENOMEM;
    watched->what = READY_WATCHED;
    watched->fd = fd;
    if (epoll_ctl(engine->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        int error = -errno;
        free(watched);
        return error;
    }
    watched->next = engine->watched;
    engine->watched = watched;
    return 0;
}

static void watch_end(struct engine *engine, struct watched *watched) {
    epoll_ctl(engine->epoll, EPOLL_CTL_DEL, watched->fd, NULL);
    for (struct watched **at = &engine->watched; *at; at = &(*at)->next) {
        if (*at == watched) {
            *at = watched->next;
            break;
        }
    }
    free(watched);
}

int engine_watch(struct engine *engine, int fd, int reading, int writing) {
    struct watched *watched = watched_of(engine, fd);
    uint32_t interest = (reading ? EPOLLIN : 0u) | (writing ? EPOLLOUT : 0u);
    if (!watched)
        return interest ? watch_begin(engine, fd, interest) : 0;
    if (!interest) {
        watch_end(engine, watched);
        return 0;
    }
    struct epoll_event event = {.events = interest, .data.ptr = watched};
    return epoll_ctl(engine->epoll, EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

int engine_ready(struct engine *engine, int *fds, int room) {
    int n = engine->n_ready < room ? engine->n_ready : room;
    for (int i = 0; i < n; i++)
        fds[i] = engine->ready[i];
    return n;
}
