internal import Shared

/// The rows by which workers share out daily runs. See `DailyRun`.
protocol DailyRuns: Sendable {
    /// Makes a row for each run that has none. One that has not begun moves to its new time.
    func planRuns(_ runs: [PlannedRun]) async throws(StoreError)

    /// Takes runs that are due, or whose holder has let its lease end, those waiting longest first, for as long as `lease`.
    ///
    /// A claim whose answer gets lost is like one whose worker died: its runs can be claimed when the lease has ended.
    func claimRuns(of tasks: [String], limit: Int, lease: Duration) async throws(StoreError) -> [DailyRun]

    /// Has the lease last for `lease` from now; false if the run is somebody else's by now.
    func renewRun(_ run: DailyRun, lease: Duration) async throws(StoreError) -> Bool

    /// The run's message is at Discord; false if the run is somebody else's by now, who will find the message by its nonce.
    func recordPost(_ post: DailyRun.Post, of run: DailyRun) async throws(StoreError) -> Bool

    /// The run is over; false, with nothing changed, if it is somebody else's by now. True again if it was true before.
    func endRun(_ run: DailyRun, _ ending: DailyRun.Ending) async throws(StoreError) -> Bool

    /// The run cannot be made now: anybody may claim it after this time. Nothing happens if it is somebody else's by now.
    func putOffRun(_ run: DailyRun, for time: Duration, reason: String) async throws(StoreError)
}
