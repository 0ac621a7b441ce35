/* Threads that share the steps of one stream with the thread that pushes into it. */
#ifndef EL_BINDING_TEAM_H
#define EL_BINDING_TEAM_H

#include "edgelstm.h"

typedef struct team team;

/* `threads`, 2 to EL_MAX_TEAM, with the one that calls; null where the system gives no more. */
team *team_new(unsigned threads);

/* Ends the threads. No stream may have the team any more. */
void team_free(team *self);

/* For el_stream_set_team. One call at a time. */
const el_team *team_for_stream(const team *self);

#endif
