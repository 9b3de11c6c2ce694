internal import Shared

/// The next text of the guild's own rotation.
struct DailyPostTask: DailyTask {
    let name = DailyTaskName.post

    func content(
        of run: DailyRun, _ configuration: GuildConfiguration, _ services: Services
    ) async throws -> DailyContent {
        guard let post = try await services.store.takeDailyPost(for: run.key) else {
            return .nothing("there are no texts")
        }
        return .message(Self.message(post, footer: run.key.footer))
    }

    static func message(_ post: DailyPost, footer: String? = nil) -> OutgoingMessage {
        var message = OutgoingMessage()
        message.embeds = [Embed(description: post.text, footer: footer).json]
        return message
    }
}
