/* For sets whose gates have no product beside them: see body_overlap.h. */
#ifndef EL_PRODUCT_ALONE_H
#define EL_PRODUCT_ALONE_H

typedef void product_beside;

static inline __attribute__((always_inline)) void advance(product_beside *beside) {
    (void)beside;
}

#endif
