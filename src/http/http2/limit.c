/* SPDX-License-Identifier: MIT */
/*
 * limit.c — what a client may do, but not too often.
 *
 * Streams that are reset as soon as they were opened cost the server more than
 * the client, and do not count among those that are open (CVE-2023-44487). So
 * do frames that ask for an answer or for attention and bring nothing. Each
 * kind has a budget that fills up with time.
 */
#include "http/http2/http2.h"

#define RESETS_AT_ONCE 200
#define RESETS_A_SECOND 20
#define NUISANCE_AT_ONCE 1000
#define NUISANCE_A_SECOND 100

/* Returns whether there was something left. */
static bool spend(struct bide__http2_budget *budget, double most, double rate)
{
    double now = bide_time();
    double left = budget->begun
                      ? budget->left + (now - budget->when) * rate
                      : most;
    budget->begun = true;
    budget->when = now;
    budget->left = (left < most ? left : most) - 1;
    return budget->left >= 0;
}

static void end_connection(struct bide__http2 *http2)
{
    (void)nghttp2_session_terminate_session(http2->session,
                                            NGHTTP2_ENHANCE_YOUR_CALM);
    bide__http2_wake(http2);
}

void bide__http2_note_reset(struct bide__http2 *http2)
{
    if (!spend(&http2->resets, RESETS_AT_ONCE, RESETS_A_SECOND))
        end_connection(http2);
}

void bide__http2_note_nuisance(struct bide__http2 *http2)
{
    if (!spend(&http2->nuisance, NUISANCE_AT_ONCE, NUISANCE_A_SECOND))
        end_connection(http2);
}
