/* Threads that share pieces of work. They sleep while there is none; nobody spins. */
#ifndef EL_POOL_H
#define EL_POOL_H

#include <stddef.h>

typedef void el_work(void *context, size_t piece);

/* Do `work` for every piece from 0 to pieces - 1, in the caller's thread and at most `threads` - 1
 * others; returns when all are done. Pieces are taken from one counter, so a thread that the system
 * holds up holds up one piece. Where another caller has the threads, or none can be started, the
 * caller does all of them. */
void el_share(size_t pieces, size_t threads, el_work *work, void *context);

/* Within a piece of work: which of the `threads` does it, from 0. */
size_t el_worker(void);

#endif
