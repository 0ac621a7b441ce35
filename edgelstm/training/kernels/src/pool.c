#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define MOST_THREADS 256

static struct {
    pthread_mutex_t in_use; /* by a caller that shares work */
    pthread_mutex_t lock;   /* over what follows, but for `next` */
    pthread_cond_t asked, done;
    size_t started; /* threads, of which number n may take part while n < wanted */
    size_t wanted, busy;
    unsigned long number; /* of the work, so that a thread takes part once */
    bool open;            /* whether threads may still begin to take part */
    size_t pieces;
    el_work *work;
    void *context;
    atomic_size_t next;
} pool = {.in_use = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .asked = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

static _Thread_local size_t worker; /* 0 of all that ask for work */

size_t el_worker(void) {
    return worker;
}

static void take_pieces(el_work *work, void *context, size_t pieces) {
    for (size_t piece; (piece = atomic_fetch_add(&pool.next, 1)) < pieces;)
        work(context, piece);
}

static void *serve(void *number) {
    size_t me = (size_t)number;
    unsigned long seen = 0;
    worker = me + 1;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (!pool.open || pool.number == seen || me >= pool.wanted)
            pthread_cond_wait(&pool.asked, &pool.lock);
        seen = pool.number;
        el_work *work = pool.work;
        void *context = pool.context;
        size_t pieces = pool.pieces;
        pool.busy++;
        pthread_mutex_unlock(&pool.lock);
        take_pieces(work, context, pieces);
        pthread_mutex_lock(&pool.lock);
        if (--pool.busy == 0)
            pthread_cond_signal(&pool.done);
    }
    return NULL;
}

/* A forked child has none of the threads. */
static void forget(void) {
    pthread_mutex_init(&pool.in_use, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.asked, NULL);
    pthread_cond_init(&pool.done, NULL);
    pool.started = pool.busy = 0;
    pool.open = false;
}

static void at_fork(void) {
    pthread_atfork(NULL, NULL, forget);
}

/* As many as can be started; the caller holds `lock`. */
static void start(size_t threads) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, at_fork);
    for (; pool.started < threads && pool.started < MOST_THREADS; pool.started++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)pool.started) != 0)
            return;
        pthread_detach(thread);
    }
}

void el_share(size_t pieces, size_t threads, el_work *work, void *context) {
    if (threads > pieces)
        threads = pieces;
    if (threads < 2 || pthread_mutex_trylock(&pool.in_use) != 0) {
        for (size_t piece = 0; piece < pieces; piece++)
            work(context, piece);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    start(threads - 1);
    pool.work = work;
    pool.context = context;
    pool.pieces = pieces;
    pool.wanted = threads - 1;
    pool.number++;
    pool.open = true;
    atomic_store(&pool.next, 0);
    pthread_cond_broadcast(&pool.asked);
    pthread_mutex_unlock(&pool.lock);
    take_pieces(work, context, pieces);
    pthread_mutex_lock(&pool.lock);
    pool.open = false; /* who did not wake in time is not waited for */
    while (pool.busy)
        pthread_cond_wait(&pool.done, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
    pthread_mutex_unlock(&pool.in_use);
}
