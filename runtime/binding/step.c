/* edgelstm.runtime._step: one frame through a stream, without what ctypes costs per call.
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

typedef struct step_object {
    PyObject ob_base;
    el_stream *stream;
    Py_buffer input, output; /* float32, of one frame and of one answer; .buf is NULL until bound */
    PyObject *keep;          /* what owns the stream's memory */
    PyObject *check;
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
    if (view.len == self->input.len)
        memcpy(self->input.buf, view.buf, (size_t)view.len);
    else {
        PyErr_Format(PyExc_ValueError, "step: %zd frames, expected one",
                     self->input.len ? view.len / self->input.len : 0);
        failed = -1;
    }
    PyBuffer_Release(&view);
    return failed;
}

static PyObject *push(step_object *self, const float *frame, PyObject *given) {
    size_t answers = 0;
    PyThreadState *released = self->release ? PyEval_SaveThread() : NULL;
    el_status status = el_stream_push(self->stream, frame, 1, self->output.buf, 1, &answers);
    if (released)
        PyEval_RestoreThread(released);
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

static int bind(PyObject *object, PyObject *arguments, PyObject *keywords) {
    step_object *self = (step_object *)object;
    Py_ssize_t stream;
    int release;
    PyObject *input, *output, *keep, *check;
    if (self->input.obj || keywords) {
        PyErr_SetString(PyExc_TypeError, "bound once, by position");
        return -1;
    }
    if (!PyArg_ParseTuple(arguments, "nOOOOp", &stream, &input, &output, &keep, &check, &release))
        return -1;
    if (PyObject_GetBuffer(input, &self->input, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) ||
        PyObject_GetBuffer(output, &self->output, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE))
        return -1;
    self->stream = (el_stream *)(intptr_t)stream;
    self->keep = Py_NewRef(keep);
    self->check = Py_NewRef(check);
    self->release = release;
    return 0;
}

static void unbind(PyObject *object) {
    step_object *self = (step_object *)object;
    if (self->input.obj)
        PyBuffer_Release(&self->input);
    if (self->output.obj)
        PyBuffer_Release(&self->output);
    Py_XDECREF(self->check);
    Py_XDECREF(self->keep);
    PyTypeObject *type = Py_TYPE(object);
    freefunc free_object = (freefunc)PyType_GetSlot(type, Py_tp_free);
    free_object(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"step", (PyCFunction)(void (*)(void))step, METH_FASTCALL,
     "step(frame=None) -> bool: push `frame`, or what lies in the input; True when an answer was "
     "emitted."},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "Step(stream, input, output, keep, check, release): a stream bound to its buffers.\n\n"
     "stream: address of the el_stream; input, output: writable float32 buffers of one frame and "
     "one\n"
     "answer; keep: what owns the stream's memory; check(frame): the frame as contiguous float32,\n"
     "or an error that names what is wrong."},
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
    PyObject *made = PyType_FromModuleAndSpec(module, &type, NULL);
    int failed = made ? PyModule_AddObjectRef(module, "Step", made) : -1;
    Py_XDECREF(made);
    return failed;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, fill_module},
    {0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_step",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__step(void) {
    return PyModuleDef_Init(&module);
}
