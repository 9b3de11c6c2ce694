internal import Shared

/// `/about`: which bot this is, and what it keeps.
struct AboutCommand: Command {
    let declaration = CommandDeclaration(name: "about", description: .phrase(.aboutDescription))

    func run(_ invocation: Invocation, _ services: Services) async throws -> Reply {
        let language = invocation.language
        let status = await services.gateway.status()
        var fields = [Embed.Field(name: language(.aboutVersion), value: Version.current)]
        if let uptime = status?["uptime_s"]?.int {
            let since = ProcessClock.wallMicroseconds / 1_000_000 - Int64(uptime)
            fields.append(.init(name: language(.aboutUptime), value: DiscordText.relativeTime(since)))
        }
        if let shards = status?["shards"]?.elements {
            fields.append(.init(name: language(.aboutShards), value: "\(shards.count)"))
        }
        if let workers = status?["workers"]?.elements {
            fields.append(.init(name: language(.aboutWorkers), value: "\(workers.count)"))
        }
        return .embed(
            Embed(
                title: "Olim", description: language(.aboutText, ["privacy": "`/privacy export`"]), fields: fields))
    }
}
