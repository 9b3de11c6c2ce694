// Stands before sigsuspend (LD_PRELOAD): valgrind 3.19 writes into the mask that it is given, and libdispatch's is constant.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int sigsuspend(const sigset_t *mask) {
    sigset_t copy = *mask;
    return (int)syscall(SYS_rt_sigsuspend, &copy, _NSIG / 8);
}
