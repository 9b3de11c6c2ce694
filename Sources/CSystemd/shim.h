#pragma once
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

// Swift 6 refuses the global `environ` itself, because it is mutable; both programs read it once, before any thread starts.
static inline char **olim_environment(void) {
    extern char **environ;
    return environ;
}
