/// How a program ends, as supervisors see it: they restart on everything but 64, 77 and 78 (BSD's sysexits).
public enum ProcessExit: Int32, Sendable, CaseIterable {
    /// Ended on request, drained or not.
    case success = 0
    /// The command line is wrong (EX_USAGE).
    case usage = 64
    /// A required service is unavailable and retrying is pointless (EX_UNAVAILABLE).
    case unavailable = 69
    /// Discord rejects the token or the intents (EX_NOPERM).
    case rejected = 77
    /// The configuration is wrong, also where Discord is the one to say so (EX_CONFIG).
    case configuration = 78
}
