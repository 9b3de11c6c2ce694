internal import Glibc

/// The time that others read.
///
/// Everything that waits goes by `NIODeadline.now()`, which is CLOCK_MONOTONIC and not CLOCK_BOOTTIME: it stands still while the
/// machine is suspended, and so do all deadlines, so that nothing has to be put off afterwards.
public enum ProcessClock {
    /// Microseconds since 1970: ids, times in frames, past identifies. It can jump either way.
    public static var wallMicroseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
