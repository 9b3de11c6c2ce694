internal import Shared

/// Something that is done once a day for each guild, at its local time. To add one, write a file like DigestTask.swift and name it
/// in `DailyTasks.all`.
protocol DailyTask: Sendable {
    /// Names its runs in the database; never changed.
    var name: String { get }

    /// What is to be posted, with the run's footer below its embed. It may be asked for again for the same run, and must then
    /// have no second effect.
    func content(of run: DailyRun, _ configuration: GuildConfiguration, _ services: Services) async throws
        -> DailyContent
}

enum DailyContent: Sendable, Equatable {
    case message(OutgoingMessage)
    /// There is nothing to post today, and why.
    case nothing(String)
}

enum DailyTasks {
    static let all: [any DailyTask] = [DailyPostTask(), DigestTask()]
}
