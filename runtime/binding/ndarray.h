/* Where numpy's arrays keep what a buffer of them says: the beginning of PyArrayObject_fields of
 * numpy's ndarraytypes.h, which extensions compiled once read in every later numpy. Asking for a
 * buffer takes as long as a small model's product. */
#ifndef EL_NDARRAY_H
#define EL_NDARRAY_H

#include <Python.h>

#include <stdbool.h>

typedef struct ndarray_fields {
    PyObject ob_base;
    char *data;
    int nd;
    Py_ssize_t *dimensions;
    Py_ssize_t *strides;
    PyObject *base;
    PyObject *descr; /* one object for all of the same native dtype */
    int flags;
} ndarray_fields;

enum { NDARRAY_C_CONTIGUOUS = 0x1, NDARRAY_ALIGNED = 0x100 };

/* True when `array` has `nd` dimensions, `count` values of `descr` in the last, as C reads them. */
static inline bool ndarray_is(const PyObject *array, const PyObject *descr, int nd,
                              Py_ssize_t count) {
    const ndarray_fields *fields = (const ndarray_fields *)array;
    const int wanted = NDARRAY_C_CONTIGUOUS | NDARRAY_ALIGNED;
    return fields->nd == nd && fields->descr == descr && fields->dimensions[nd - 1] == count &&
           (fields->flags & wanted) == wanted;
}

/* True when the fields lie where they are looked for, as a buffer of `array`, one-dimensional and
 * of floats, tells. */
static inline bool ndarray_is_known(const PyObject *array, const Py_buffer *view) {
    const ndarray_fields *fields = (const ndarray_fields *)array;
    return fields->data == view->buf && fields->nd == 1 && fields->dimensions &&
           fields->dimensions[0] * view->itemsize == view->len && fields->strides &&
           fields->strides[0] == view->itemsize && fields->descr &&
           ndarray_is(array, fields->descr, 1, fields->dimensions[0]);
}

#endif
