#include "team.h"

el_status el_stream_set_team(el_stream *stream, const el_team *team) {
    if (stream == NULL ||
        (team != NULL && (team->run == NULL || team->parts < 1 || team->parts > EL_MAX_TEAM)))
        return EL_ERROR_ARGUMENT;
    stream->team = team;
    return EL_OK;
}

void el_step_part(const el_step *step, uint32_t part) {
    const uint64_t fours = (step->groups + EL_PART_GROUPS - 1) / EL_PART_GROUPS;
    uint32_t first = (uint32_t)(fours * part / step->parts) * EL_PART_GROUPS;
    uint32_t behind = (uint32_t)(fours * (part + 1) / step->parts) * EL_PART_GROUPS;
    behind = behind < step->groups ? behind : step->groups;
    if (first < behind)
        step->take(step, first, behind - first);
}

void el_share(const el_stream *stream, el_step *step) {
    const el_team *team = stream->team;
    step->parts = team->parts;
    team->run(team->context, step);
}
