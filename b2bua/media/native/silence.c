/* How long nothing came though something was due. */
#include "state.h"

/* Since when we have been waiting for RTP. */
static int64_t waiting_since(const struct termination *termination) {
    return termination->last_rtp > termination->due_since ? termination->last_rtp : termination->due_since;
}

static double gap(const struct engine *engine, const struct termination *termination) {
    int64_t waited = termination->due ? engine->now - waiting_since(termination) : 0;
    return waited > SECOND ? (double)waited / (double)SECOND : 0;
}

double silence_seconds(const struct engine *engine, const struct termination *termination) {
    return termination->statistics.silent_seconds + gap(engine, termination);
}

void silence_due(struct engine *engine, struct termination *termination, bool due) {
    if (due == termination->due)
        return;
    termination->statistics.silent_seconds = silence_seconds(engine, termination);
    termination->due = due;
    termination->due_since = engine->now;
    termination->told_silent = 0;
}

void silence_packet(struct engine *engine, struct termination *termination, bool rtp) {
    termination->told_silent = 0;
    termination->last_any = engine->now;
    if (!rtp)
        return;
    termination->statistics.silent_seconds = silence_seconds(engine, termination);
    termination->last_rtp = engine->now;
}

static void tell(struct engine *engine, struct termination *termination, int64_t waited) {
    struct engine_event event = {
        .kind = EVENT_SILENT, .termination = termination->handle, .seconds = (double)waited / (double)SECOND};
    if (event_push(engine, &event))
        termination->told_silent = waited / (engine->silent_ms * MILLISECOND);
}

void silence_sweep(struct engine *engine) {
    if (!engine->silent_ms)
        return;
    for (int32_t i = 0; i < engine->terminations.size; i++) {
        struct termination *termination = engine->terminations.entries[i];
        if (!termination || !termination->due)
            continue;
        int64_t since = termination->last_any > termination->due_since ? termination->last_any : termination->due_since;
        int64_t waited = engine->now - since;
        if (waited / (engine->silent_ms * MILLISECOND) > termination->told_silent)
            tell(engine, termination, waited);
    }
}
