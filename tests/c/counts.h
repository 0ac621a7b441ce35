/* How often a test repeats what it does. */
#ifndef COUNTS_H
#define COUNTS_H

#include <stdlib.h>

/* `few` with EDGELSTM_FEW in the environment, as on emulated processors; `full` with EDGELSTM_ALL.
 */
static inline unsigned counted(unsigned few, unsigned usual, unsigned full) {
    if (getenv("EDGELSTM_ALL") != NULL)
        return full;
    return getenv("EDGELSTM_FEW") != NULL ? few : usual;
}

#endif
