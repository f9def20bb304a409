/* What voice.c gives to the tick. All frames are 20 ms at the rate of the context, 8000 or 16000. */
#ifndef B2BUA_VOICE_H
#define B2BUA_VOICE_H

#include "audio.h"
#include "state.h"

struct voice {
    struct jitter jitter;
    struct dtmf dtmf;
    struct resampler narrowing;     /* before the dtmf */
    struct encoder encoder;
    struct tone tone;
    bool loud;                      /* the frame is not all zeros */
    int16_t frame[AUDIO_FRAME_MAX]; /* what it says in this tick */
};

/* The next frame of what the party says, into its voice; tones in it are told. */
void voice_frame(struct engine *, struct termination *, int rate);
/* A frame for the party, encoded and sent. It must be reachable and its stream have a codec for sound. */
void send_frame(struct engine *, struct termination *, const int16_t *samples, int rate);
/* True: this tick belongs to a digit that is being sent. */
bool digits_frame(struct engine *, struct termination *, bool reachable, int rate);
/* True: samples are filled. The end is told by it. */
bool play_frame(struct engine *, struct termination *, bool reachable, int rate, int16_t *samples);
/* SR or RR every five seconds. */
void send_report(struct engine *, struct termination *);

#endif
