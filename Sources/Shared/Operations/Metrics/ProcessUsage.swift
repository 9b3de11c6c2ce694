internal import Glibc

/// What this process uses of the machine, under the names that Prometheus' own client libraries give
/// (prometheus.io/docs/instrumenting/writing_clientlibs, Process metrics).
public struct ProcessUsage: Sendable, Equatable {
    /// User and system time, in seconds.
    public var processorSeconds = 0.0
    /// Memory that is in RAM.
    public var residentBytes = 0
    /// Address space.
    public var virtualBytes = 0
    /// Open file descriptors.
    public var openFiles = 0
    /// The most that may be open (RLIMIT_NOFILE).
    public var maximumFiles = 0
    /// When the process began, in seconds since 1970.
    public var startSeconds = 0.0

    /// Asks the kernel (getrusage(2), proc(5)).
    public static func now() -> ProcessUsage {
        var usage = ProcessUsage()
        var times = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &times) == 0 {
            usage.processorSeconds = seconds(times.ru_utime) + seconds(times.ru_stime)
        }
        if let pages = fields("/proc/self/statm"), pages.count > 1 {
            let page = Int(sysconf(Int32(_SC_PAGESIZE)))
            usage.virtualBytes = (Int(pages[0]) ?? 0) * page
            usage.residentBytes = (Int(pages[1]) ?? 0) * page
        }
        usage.openFiles = openFileCount()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            usage.maximumFiles = Int(clamping: limit.rlim_cur)
        }
        usage.startSeconds = startedAt
        return usage
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    /// The kernel tells when it began since the machine did (field 22), and the clock how long ago that was.
    private static let startedAt: Double = {
        var sinceBoot = timespec()
        clock_gettime(CLOCK_BOOTTIME, &sinceBoot)
        // Behind the program's name, which may contain anything.
        guard let stat = fields("/proc/self/stat", after: ")"), stat.count > 19, let ticks = Double(stat[19]) else {
            return 0
        }
        let now = Double(sinceBoot.tv_sec) + Double(sinceBoot.tv_nsec) / 1e9
        let age = now - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        return Double(ProcessClock.wallMicroseconds) / 1e6 - age
    }()

    private static func fields(_ path: String, after mark: Character? = nil) -> [Substring]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = fread(&bytes, 1, bytes.count, file)
        let text = String(decoding: bytes[..<count], as: UTF8.self)
        let start = mark.flatMap { text.lastIndex(of: $0) }.map { text.index(after: $0) } ?? text.startIndex
        return text[start...].split(whereSeparator: \.isWhitespace)
    }

    private static func openFileCount() -> Int {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Less `.`, `..` and the directory itself.
        return max(0, count - 3)
    }
}

extension MetricsText {
    /// Which program this is, and what it uses of the machine.
    public mutating func process(_ program: String, _ usage: ProcessUsage = .now()) {
        gauge(
            "olim_build_info", "Which program this is.",
            [Sample(["program": program, "version": Version.current], 1)])
        counter("process_cpu_seconds_total", "User and system CPU time spent.", usage.processorSeconds)
        gauge("process_resident_memory_bytes", "Resident memory size.", usage.residentBytes)
        gauge("process_virtual_memory_bytes", "Virtual memory size.", usage.virtualBytes)
        gauge("process_open_fds", "Open file descriptors.", usage.openFiles)
        gauge("process_max_fds", "Most file descriptors that may be open.", usage.maximumFiles)
        gauge("process_start_time_seconds", "When the process began, in seconds since 1970.", usage.startSeconds)
    }
}
