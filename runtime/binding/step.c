/* edgelstm.runtime._step: one frame through a stream, without what ctypes costs per call; and the
 * guard that keeps a second thread out of a stream.
 *
 * An extra: where this module is not there, edgelstm.runtime.engines.stepping goes through ctypes
 * and answers the same. Only Python's limited API is used, so one file serves every CPython
 * from 3.11 on. */
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "edgelstm.h"
#include "ndarray.h"
#include "team.h"

/* Who is in a stream or a pool. A thread changes this only while it holds the interpreter's lock,
 * which it may let go of in between: no atomics are needed. A build of Python without that lock
 * cannot load this module. */
typedef struct guard_object {
    PyObject ob_base;
    PyObject *what;       /* "stream" or "pool" */
    unsigned long thread; /* that is inside; meaningless when `depth` is 0 */
    unsigned depth;
} guard_object;

/* A thread that is inside already comes from a handler of a signal, between two calls of the core:
 * it may go on. */
static int enter(guard_object *guard) {
    unsigned long thread = PyThread_get_thread_ident();
    if (guard->depth != 0 && guard->thread != thread) {
        PyErr_Format(PyExc_RuntimeError, "%U is in use by another thread", guard->what);
        return -1;
    }
    guard->thread = thread;
    guard->depth++;
    return 0;
}

static void leave(guard_object *guard) {
    if (guard->depth != 0)
        guard->depth--;
}

static PyObject *guard_enter(PyObject *object, PyObject *unused) {
    (void)unused;
    return enter((guard_object *)object) ? NULL : Py_NewRef(object);
}

static PyObject *guard_exit(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
    (void)arguments;
    (void)count;
    leave((guard_object *)object);
    return Py_NewRef(Py_None);
}

static int guard_init(PyObject *object, PyObject *arguments, PyObject *keywords) {
    guard_object *self = (guard_object *)object;
    PyObject *what;
    if (self->what || keywords) {
        PyErr_SetString(PyExc_TypeError, "made once, by position");
        return -1;
    }
    if (!PyArg_ParseTuple(arguments, "U", &what))
        return -1;
    self->what = Py_NewRef(what);
    return 0;
}

static void free_object(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static void guard_free(PyObject *object) {
    Py_XDECREF(((guard_object *)object)->what);
    free_object(object);
}

typedef struct step_object {
    PyObject ob_base;
    el_stream *stream;
    Py_buffer input, output; /* float32, of one frame and of one answer; .buf is NULL until bound */
    PyTypeObject *ndarray; /* the type of arrays whose fields are read, NULL where none is known */
    PyObject *float32;     /* their descr */
    PyObject *empty;       /* numpy's function */
    Py_ssize_t features, outputs;
    PyObject *keep; /* what owns the stream's memory */
    PyObject *check;
    guard_object *guard;
    team *team;   /* that shares the stream's steps; NULL for none */
    bool release; /* let other threads run meanwhile */
} step_object;

/* True when `view` is a frame as C reads it. */
static bool is_frame(const step_object *self, const Py_buffer *view) {
    return view->len == self->input.len && view->ndim == 1 && view->format &&
           strcmp(view->format, "f") == 0 && (uintptr_t)view->buf % sizeof(float) == 0;
}

/* Take what is no frame through `check`, which raises or gives one, into `input`. */
static int convert(step_object *self, PyObject *frame) {
    PyObject *checked = PyObject_CallFunctionObjArgs(self->check, frame, NULL);
    if (!checked)
        return -1;
    Py_buffer view;
    int failed = PyObject_GetBuffer(checked, &view, PyBUF_C_CONTIGUOUS);
    Py_DECREF(checked);
    if (failed)
        return -1;
    if (view.len == self->input.len) {
        failed = enter(self->guard); /* another thread may be reading the input */
        if (!failed) {
            memcpy(self->input.buf, view.buf, (size_t)view.len);
            leave(self->guard);
        }
    } else {
        PyErr_Format(PyExc_ValueError, "step: %zd frames, expected one",
                     self->input.len ? view.len / self->input.len : 0);
        failed = -1;
    }
    PyBuffer_Release(&view);
    return failed;
}

static PyObject *push(step_object *self, const float *frame, PyObject *given) {
    size_t answers = 0;
    if (enter(self->guard))
        return NULL;
    PyThreadState *released = self->release ? PyEval_SaveThread() : NULL;
    el_status status = el_stream_push(self->stream, frame, 1, self->output.buf, 1, &answers);
    if (released)
        PyEval_RestoreThread(released);
    leave(self->guard);
    if (status == EL_OK)
        return PyBool_FromLong(answers != 0);
    PyObject *checked = PyObject_CallFunctionObjArgs(self->check, given, NULL);
    if (checked) { /* which should have raised, naming the feature */
        Py_DECREF(checked);
        PyErr_SetString(PyExc_ValueError, el_status_message(status));
    }
    return NULL;
}

static PyObject *step(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
    step_object *self = (step_object *)object;
    if (count > 1)
        return PyErr_Format(PyExc_TypeError, "step: %zd arguments, expected a frame or none",
                            count);
    if (count != 0 && Py_TYPE(arguments[0]) == self->ndarray &&
        ndarray_is(arguments[0], self->float32, 1, self->features))
        return push(self, (const float *)(const void *)((ndarray_fields *)arguments[0])->data,
                    arguments[0]);
    if (count == 0 || Py_IsNone(arguments[0]))
        return push(self, self->input.buf, self->input.obj);
    Py_buffer view;
    if (PyObject_GetBuffer(arguments[0], &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) == 0) {
        PyObject *result = NULL;
        bool whole = is_frame(self, &view);
        if (whole)
            result = push(self, view.buf, arguments[0]);
        PyBuffer_Release(&view);
        if (whole)
            return result;
    } else
        PyErr_Clear(); /* a list, or an array with gaps */
    if (convert(self, arguments[0]))
        return NULL;
    return push(self, self->input.buf, arguments[0]);
}

/* Many frames, without the interpreter's lock. NotImplemented for what is no array of frames, or
 * holds what is not finite. */
static PyObject *push_many(PyObject *object, PyObject *frames) {
    step_object *self = (step_object *)object;
    if (Py_TYPE(frames) != self->ndarray || !ndarray_is(frames, self->float32, 2, self->features))
        return Py_NewRef(Py_NotImplemented);
    const ndarray_fields *taken = (const ndarray_fields *)frames;
    size_t count = (size_t)taken->dimensions[0], due;
    if (enter(self->guard))
        return NULL;
    due = el_stream_answers(self->stream, count);
    PyObject *made =
        PyObject_CallFunction(self->empty, "(nn)O", (Py_ssize_t)due, self->outputs, self->float32);
    if (!made || Py_TYPE(made) != self->ndarray ||
        !ndarray_is(made, self->float32, 2, self->outputs)) {
        leave(self->guard);
        Py_XDECREF(made);
        return made ? Py_NewRef(Py_NotImplemented) : NULL;
    }
    float *answers = (float *)(void *)((ndarray_fields *)made)->data;
    PyThreadState *released = PyEval_SaveThread();
    el_status status = el_stream_push(self->stream, (const float *)(const void *)taken->data, count,
                                      answers, due, NULL);
    PyEval_RestoreThread(released);
    leave(self->guard);
    if (status == EL_OK)
        return made;
    Py_DECREF(made);
    return Py_NewRef(Py_NotImplemented);
}

/* Find out whether frames that are numpy's arrays may be read by their fields. */
static int know_arrays(step_object *self, PyObject *input, PyObject *output) {
    PyObject *numpy = PyImport_ImportModule("numpy");
    PyObject *type = numpy ? PyObject_GetAttrString(numpy, "ndarray") : NULL;
    self->empty = type ? PyObject_GetAttrString(numpy, "empty") : NULL;
    Py_XDECREF(numpy);
    Py_XDECREF(type); /* which its arrays keep */
    if (!self->empty)
        return -1;
    bool are_arrays = (PyObject *)Py_TYPE(input) == type && (PyObject *)Py_TYPE(output) == type;
    if (are_arrays && is_frame(self, &self->input) && ndarray_is_known(input, &self->input) &&
        ndarray_is_known(output, &self->output)) {
        self->ndarray = Py_TYPE(input);
        self->float32 = Py_NewRef(((ndarray_fields *)input)->descr);
        self->features = self->input.len / self->input.itemsize;
        self->outputs = self->output.len / self->output.itemsize;
    }
    return 0;
}

/* Let `threads` share the stream's steps. */
static int share(step_object *self, Py_ssize_t threads) {
    if (threads < 1 || threads > EL_MAX_TEAM) {
        PyErr_Format(PyExc_ValueError, "threads: %zd, expected 1 to %d", threads, EL_MAX_TEAM);
        return -1;
    }
    if (threads == 1)
        return 0;
    self->team = team_new((unsigned)threads);
    if (!self->team) {
        PyErr_Format(PyExc_OSError, "threads: the system does not give %zd", threads);
        return -1;
    }
    el_stream_set_team(self->stream, team_for_stream(self->team));
    return 0;
}

static int bind(PyObject *object, PyObject *arguments, PyObject *keywords) {
    step_object *self = (step_object *)object;
    PyObject *guard_type = *(PyObject **)PyType_GetModuleState(Py_TYPE(object));
    Py_ssize_t stream, threads;
    int release;
    PyObject *input, *output, *keep, *check, *guard;
    if (self->input.obj || keywords) {
        PyErr_SetString(PyExc_TypeError, "bound once, by position");
        return -1;
    }
    if (!PyArg_ParseTuple(arguments, "nOOOOO!pn", &stream, &input, &output, &keep, &check,
                          guard_type, &guard, &release, &threads))
        return -1;
    if (PyObject_GetBuffer(input, &self->input,
                           PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE | PyBUF_FORMAT) ||
        PyObject_GetBuffer(output, &self->output, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE))
        return -1;
    if (know_arrays(self, input, output))
        return -1;
    self->stream = (el_stream *)(intptr_t)stream;
    self->keep = Py_NewRef(keep);
    self->check = Py_NewRef(check);
    self->guard = (guard_object *)Py_NewRef(guard);
    self->release = release;
    return share(self, threads);
}

static void unbind(PyObject *object) {
    step_object *self = (step_object *)object;
    if (self->team) {
        el_stream_set_team(self->stream, NULL);
        team_free(self->team);
    }
    if (self->input.obj)
        PyBuffer_Release(&self->input);
    if (self->output.obj)
        PyBuffer_Release(&self->output);
    Py_XDECREF(self->empty);
    Py_XDECREF(self->float32);
    Py_XDECREF((PyObject *)self->guard);
    Py_XDECREF(self->check);
    Py_XDECREF(self->keep);
    free_object(object);
}

static PyMethodDef guard_methods[] = {
    {"__enter__", guard_enter, METH_NOARGS, "RuntimeError while another thread is inside."},
    {"__exit__", (PyCFunction)(void (*)(void))guard_exit, METH_FASTCALL, NULL},
    {0},
};

static PyType_Slot guard_slots[] = {
    {Py_tp_doc,
     "Guard(what): a block that one thread at a time may be in; others get a RuntimeError.\n\n"
     "what: \"stream\" or \"pool\", for the error."},
    {Py_tp_init, guard_init},
    {Py_tp_dealloc, guard_free},
    {Py_tp_methods, guard_methods},
    {0, NULL},
};

static PyType_Spec guard_type = {
    .name = "edgelstm.runtime._step.Guard",
    .basicsize = sizeof(guard_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = guard_slots,
};

static PyMethodDef methods[] = {
    {"step", (PyCFunction)(void (*)(void))step, METH_FASTCALL,
     "step(frame=None) -> bool: push `frame`, or what lies in the input; True when an answer was "
     "emitted."},
    {"push", push_many, METH_O,
     "push(frames) -> answers: an array (T, features) of float32; NotImplemented for what is none, "
     "or holds\nNaN or infinity."},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "Step(stream, input, output, keep, check, guard, release, threads): a stream bound to its\n"
     "buffers.\n\n"
     "stream: address of the el_stream; input, output: writable float32 buffers of one frame and "
     "one\n"
     "answer; keep: what owns the stream's memory; check(frame): the frame as contiguous float32,\n"
     "or an error that names what is wrong; guard: that of the stream; release: let other threads\n"
     "run during a step; threads: that share its steps, the caller's among them."},
    {Py_tp_init, bind},
    {Py_tp_dealloc, unbind},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "edgelstm.runtime._step.Step",
    .basicsize = sizeof(step_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

static int fill_module(PyObject *module) {
    PyObject **guard = PyModule_GetState(module);
    *guard = PyType_FromModuleAndSpec(module, &guard_type, NULL);
    if (!*guard || PyModule_AddObjectRef(module, "Guard", *guard))
        return -1;
    PyObject *made = PyType_FromModuleAndSpec(module, &type, NULL);
    int failed = made ? PyModule_AddObjectRef(module, "Step", made) : -1;
    Py_XDECREF(made);
    return failed;
}

static void empty_module(void *module) {
    PyObject **guard = PyModule_GetState(module);
    if (guard)
        Py_CLEAR(*guard);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, fill_module},
    {0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,        .m_name = "_step",
    .m_size = sizeof(PyObject *), /* the type of guards */
    .m_slots = module_slots,      .m_free = empty_module,
};

PyMODINIT_FUNC PyInit__step(void) {
    return PyModuleDef_Init(&module);
}
