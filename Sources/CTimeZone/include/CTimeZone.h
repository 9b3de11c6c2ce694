// A C face for CCTZ (https://github.com/google/cctz), which reads the machine's database of time zones.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Whether the database has a zone of this IANA name.
bool olim_time_zone_exists(const char *name);

/// Seconds east of UTC in a zone at an instant in seconds since 1970; those of UTC if there is no such zone.
///
/// CCTZ keeps every zone that was ever asked for, so that this reads a file once in a process's life.
int32_t olim_time_zone_offset(const char *name, int64_t instant);

#ifdef __cplusplus
}
#endif
