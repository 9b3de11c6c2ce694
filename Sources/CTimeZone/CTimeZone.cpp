#include "CTimeZone.h"

#include <cctz/time_zone.h>
#include <chrono>

bool olim_time_zone_exists(const char *name) {
    cctz::time_zone zone;
    return cctz::load_time_zone(name, &zone);
}

int32_t olim_time_zone_offset(const char *name, int64_t instant) {
    cctz::time_zone zone;
    cctz::load_time_zone(name, &zone);
    return zone.lookup(std::chrono::time_point<std::chrono::system_clock, cctz::seconds>(cctz::seconds(instant))).offset;
}
