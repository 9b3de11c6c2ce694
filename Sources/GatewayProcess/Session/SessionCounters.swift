/// What one session has counted since the process started.
struct SessionCounters: Sendable {
    var dispatches = 0
    var payloadBytes = 0
    var identifies = 0
    var resumes = 0
    var reconnects = 0
    var sessionsLost = 0
    var unreadable = 0
}
