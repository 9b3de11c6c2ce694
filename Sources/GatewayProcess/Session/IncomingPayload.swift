internal import NIOCore
internal import Shared

/// What READY says that the gateway needs (gateway-events.mdx, Ready).
struct Ready: Equatable {
    var session: ResumableSession
    var userID: Snowflake?
    var applicationID: Snowflake?

    /// Nil if it names no session.
    init?(_ data: JSONValue) {
        guard let id = data["session_id"]?.string, !id.isEmpty else { return nil }
        session = ResumableSession(id: id, resumeURL: data["resume_gateway_url"]?.string)
        userID = data["user"]?["id"]?.snowflake
        applicationID = data["application"]?["id"]?.snowflake
    }
}

extension InteractionHead {
    /// Subcommand and subcommand group (application-commands.mdx, Application Command Option Type).
    private static let nestingOptionTypes = 1...2

    /// Reads `d` of an INTERACTION_CREATE; nil if it lacks what every interaction has, or is of an unknown type.
    init?(_ data: JSONValue) {
        guard let id = data["id"]?.snowflake, let token = data["token"]?.string,
            let kind = data["type"]?.int.flatMap(Kind.init)
        else { return nil }
        let details = data["data"]
        let name: String
        switch kind {
        case .command, .autocomplete: name = details.map(Self.path) ?? ""
        case .component, .modalSubmit: name = details?["custom_id"]?.string ?? ""
        }
        let hasMessage = data["message"].map { !$0.isNull } ?? false
        self.init(id: id, token: token, kind: kind, name: name, hasMessage: hasMessage)
    }

    /// `config welcome` for the subcommand `welcome` of `config`.
    private static func path(of command: JSONValue) -> String {
        var names: [String] = []
        var level: JSONValue? = command
        while let step = level {
            if let name = step["name"]?.string { names.append(name) }
            level = step["options"]?.elements.first { $0["type"]?.int.map(nestingOptionTypes.contains) ?? false }
        }
        return names.joined(separator: " ")
    }
}
