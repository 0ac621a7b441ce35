#include "edgelstm.h"

const char *el_version(void) {
    return EL_VERSION;
}

const char *el_status_message(el_status status) {
    switch (status) {
    case EL_OK:
        return "done";
    case EL_ERROR_ARGUMENT:
        return "a pointer is null";
    case EL_ERROR_ALIGNMENT:
        return "memory is not aligned to 64 bytes";
    case EL_ERROR_MEMORY:
        return "the memory handed in is too small";
    case EL_ERROR_MAGIC:
        return "not an EdgeLSTM file: it does not start as one";
    case EL_ERROR_VERSION:
        return "written for another version of this library, which reads format version 1 alone";
    case EL_ERROR_TRUNCATED:
        return "truncated or overlong: the size differs from the one that the file states";
    case EL_ERROR_CHECKSUM:
        return "damaged: the checksum does not match";
    case EL_ERROR_FIELD:
        return "a field holds a value that is not allowed";
    case EL_ERROR_BOUNDS:
        return "a table or tensor lies outside the file";
    case EL_ERROR_LIMIT:
        return "larger than this library allows";
    case EL_ERROR_WEIGHTS:
        return "a weight or row record holds a value that is not allowed";
    case EL_ERROR_NOT_FINITE:
        return "NaN or infinity in a frame";
    case EL_ERROR_CAPACITY:
        return "no room for the answers";
    case EL_ERROR_NO_FRAMES:
        return "no frame has been pushed yet";
    case EL_ERROR_IDENTITY:
        return "the snapshot belongs to another model";
    case EL_ERROR_KERNEL:
        return "EDGELSTM_KERNEL names a kernel set that is unknown or cannot run on this processor";
    case EL_ERROR_PRECISION:
        return "a precision that this library was built without";
    case EL_ERROR_ANSWER:
        return "pooling, window or hop are none that this model's answers can have";
    case EL_ERROR_OTHER_ANSWER:
        return "the snapshot is of a stream with another pooling, window or hop";
    case EL_ERROR_SAMPLES:
        return "this model's frames are no samples of a sound: it takes whole frames";
    }
    return "unknown status";
}
