#include "team.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Nanoseconds that a thread looks for work without sleeping, longer than what lies between two
 * shared steps of a frame; and that the caller does for parts that others are at. To wake a thread
 * takes about as long. */
#define HELPER_SPINS 100000
#define CALLER_SPINS 50000
/* Looks at memory between two at the clock. */
#define LOOKS 64

#define LINE 64

/* A part that nobody has taken is done by whoever is free, the caller at last: a thread that does
 * not run is waited for only where it has begun. */
typedef struct place {
    _Alignas(LINE) atomic_uint taken; /* number of the newest step of which this part is taken */
} place;

struct team {
    el_team shown;
    unsigned forks; /* of the process, when the threads were started */
    unsigned started;
    pthread_t threads[EL_MAX_TEAM - 1];
    pthread_mutex_t lock; /* for sleeping */
    pthread_cond_t asked, done;
    const el_step *step;
    _Alignas(LINE) atomic_uint number; /* of the newest step */
    atomic_uint asleep;                /* threads that wait for `asked` */
    atomic_bool ends;
    _Alignas(LINE) atomic_uint left; /* parts of it that are not done */
    atomic_bool waits;               /* the caller, for `done` */
    place places[EL_MAX_TEAM];
};

typedef struct helper {
    team *self;
    unsigned place;
} helper;

/* A child has none of its parent's threads. */
static atomic_uint forks;

static void count_fork(void) {
    atomic_fetch_add(&forks, 1);
}

static void watch_forks(void) {
    pthread_atfork(NULL, NULL, count_fork);
}

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
    __asm__ volatile("yield");
#endif
}

static long long now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

/* Part `n` of step `number`, if nobody has it. Of a step that is over all parts are taken, so that
 * a thread that comes late finds none. */
static void take(team *self, unsigned number, unsigned n) {
    unsigned before = number - 1;
    if (!atomic_compare_exchange_strong(&self->places[n].taken, &before, number))
        return;
    el_step_part(self->step, n);
    if (atomic_fetch_sub(&self->left, 1) == 1 && atomic_load(&self->waits)) {
        pthread_mutex_lock(&self->lock);
        pthread_cond_signal(&self->done);
        pthread_mutex_unlock(&self->lock);
    }
}

/* Its own part first, whose weights its cache has. */
static void take_parts(team *self, unsigned number, unsigned first) {
    for (unsigned n = 0; n < self->shown.parts; n++)
        take(self, number, (first + n) % self->shown.parts);
}

static bool is_new(team *self, unsigned seen) {
    return atomic_load(&self->number) != seen || atomic_load(&self->ends);
}

/* Whether to look on; the clock is asked only then. */
static bool goes_on(long long *end, long long most) {
    long long at = now();
    if (*end == 0)
        *end = at + most;
    return at < *end;
}

/* Until there is a step after number `seen`; returns its number. */
static unsigned next_number(team *self, unsigned seen) {
    long long end = 0;
    do
        for (unsigned n = 0; n < LOOKS; n++, relax())
            if (is_new(self, seen))
                return atomic_load(&self->number);
    while (goes_on(&end, HELPER_SPINS));
    pthread_mutex_lock(&self->lock);
    atomic_fetch_add(&self->asleep, 1); /* before it looks once more: see run */
    while (!is_new(self, seen))
        pthread_cond_wait(&self->asked, &self->lock);
    atomic_fetch_sub(&self->asleep, 1);
    pthread_mutex_unlock(&self->lock);
    return atomic_load(&self->number);
}

static void *help(void *argument) {
    helper mine = *(helper *)argument;
    free(argument);
    for (unsigned seen = 0; !atomic_load(&mine.self->ends);) {
        seen = next_number(mine.self, seen);
        take_parts(mine.self, seen, mine.place);
    }
    return NULL;
}

static void wait_for_others(team *self) {
    long long end = 0;
    do
        for (unsigned n = 0; n < LOOKS; n++, relax())
            if (atomic_load(&self->left) == 0)
                return;
    while (goes_on(&end, CALLER_SPINS));
    pthread_mutex_lock(&self->lock);
    atomic_store(&self->waits, true); /* before it looks once more: see take */
    while (atomic_load(&self->left) != 0)
        pthread_cond_wait(&self->done, &self->lock);
    atomic_store(&self->waits, false);
    pthread_mutex_unlock(&self->lock);
}

static void wake(team *self) {
    pthread_mutex_lock(&self->lock);
    pthread_cond_broadcast(&self->asked);
    pthread_mutex_unlock(&self->lock);
}

/* el_team.run */
static void run(void *context, const el_step *step) {
    team *self = context;
    if (self->forks != atomic_load(&forks)) { /* nobody else is there, and locks may be held */
        for (unsigned n = 0; n < self->shown.parts; n++)
            el_step_part(step, n);
        return;
    }
    unsigned number = atomic_load(&self->number) + 1;
    self->step = step;
    atomic_store(&self->left, self->shown.parts);
    atomic_store(&self->number, number);
    if (atomic_load(&self->asleep) != 0) /* one that is not yet looks at the number first */
        wake(self);
    take_parts(self, number, 0);
    if (atomic_load(&self->left) != 0)
        wait_for_others(self);
}

/* Signals are for the threads that Python knows. */
static bool start(team *self, unsigned place) {
    helper *argument = malloc(sizeof *argument);
    if (argument == NULL)
        return false;
    *argument = (helper){self, place};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&self->threads[self->started], NULL, help, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        self->started++;
    else
        free(argument);
    return started;
}

team *team_new(unsigned threads) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    void *memory;
    if (threads < 2 || threads > EL_MAX_TEAM || posix_memalign(&memory, LINE, sizeof(team)) != 0)
        return NULL;
    pthread_once(&once, watch_forks);
    team *self = memset(memory, 0, sizeof(team));
    self->shown = (el_team){.run = run, .context = self, .parts = threads};
    self->forks = atomic_load(&forks);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->asked, NULL);
    pthread_cond_init(&self->done, NULL);
    for (unsigned place = 1; place < threads; place++)
        if (!start(self, place)) {
            team_free(self);
            return NULL;
        }
    return self;
}

void team_free(team *self) {
    if (self == NULL)
        return;
    if (self->forks == atomic_load(&forks)) {
        atomic_store(&self->ends, true);
        wake(self);
        for (unsigned n = 0; n < self->started; n++)
            pthread_join(self->threads[n], NULL);
        pthread_cond_destroy(&self->done);
        pthread_cond_destroy(&self->asked);
        pthread_mutex_destroy(&self->lock);
    }
    free(self);
}

const el_team *team_for_stream(const team *self) {
    return &self->shown;
}
