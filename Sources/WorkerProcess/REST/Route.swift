internal import Shared

/// One of Discord's routes with its parameters filled in: where a request goes, and whose limits it counts against.
///
/// Printing one shows method and template only: the path of an interaction's routes contains its token.
struct Route: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// What a route's limits, credentials and deadlines are like.
    enum Class: String, Sendable, CaseIterable {
        /// Needs the bot token and counts against the global limit.
        case bot
        /// The first answer to an interaction: no token header, exempt from the global limit, three seconds.
        case callback
        /// Everything else on an interaction's token: no token header, exempt from the global limit, 15 minutes.
        case interaction
    }

    /// What a route's limits are counted by until Discord names a bucket: method, template and top-level resource
    /// (topics/rate-limits.mdx; the template stays in the key afterwards, because one bucket id may stand for
    /// routes that are counted separately).
    struct Key: Sendable, Hashable {
        let template: String
        let resource: String
    }

    let routeClass: Class
    /// The HTTP method.
    let method: String
    /// The path with names in place of parameters, for logs and errors.
    let template: String
    /// The path below the base URL, with parameters and query.
    let path: String
    let key: Key

    private init(_ routeClass: Class, _ method: String, _ template: String, path: String, resource: String) {
        self.routeClass = routeClass
        self.method = method
        self.template = template
        self.path = path
        key = Key(template: "\(method) \(template)", resource: resource)
    }

    var description: String { "\(method) \(template)" }

    var customMirror: Mirror { Mirror(self, children: ["route": description]) }

    static func createMessage(in channel: Snowflake) -> Route {
        Route(
            .bot, "POST", "/channels/{channel_id}/messages", path: "/channels/\(channel)/messages",
            resource: channel.description)
    }

    static func messages(in channel: Snowflake, after: Snowflake, limit: Int) -> Route {
        Route(
            .bot, "GET", "/channels/{channel_id}/messages",
            path: "/channels/\(channel)/messages?after=\(after)&limit=\(limit)", resource: channel.description)
    }

    static let ownUser = Route(.bot, "GET", "/users/@me", path: "/users/@me", resource: "")

    static func callback(of interaction: InteractionReference) -> Route {
        Route(
            .callback, "POST", "/interactions/{interaction_id}/{interaction_token}/callback",
            path: "/interactions/\(interaction.id)/\(escaped(interaction.token))/callback",
            resource: "\(interaction.id)/\(interaction.token)")
    }

    static func editOriginalResponse(of interaction: InteractionReference) -> Route {
        Route(
            .interaction, "PATCH", "/webhooks/{application_id}/{interaction_token}/messages/@original",
            path: "/webhooks/\(interaction.applicationID)/\(escaped(interaction.token))/messages/@original",
            resource: "\(interaction.applicationID)/\(interaction.token)")
    }

    static func followUp(of interaction: InteractionReference) -> Route {
        Route(
            .interaction, "POST", "/webhooks/{application_id}/{interaction_token}",
            path: "/webhooks/\(interaction.applicationID)/\(escaped(interaction.token))",
            resource: "\(interaction.applicationID)/\(interaction.token)")
    }

    static func originalResponse(of interaction: InteractionReference) -> Route {
        Route(
            .interaction, "GET", "/webhooks/{application_id}/{interaction_token}/messages/@original",
            path: "/webhooks/\(interaction.applicationID)/\(escaped(interaction.token))/messages/@original",
            resource: "\(interaction.applicationID)/\(interaction.token)")
    }

    static func guild(_ guild: Snowflake) -> Route {
        Route(.bot, "GET", "/guilds/{guild_id}", path: "/guilds/\(guild)", resource: guild.description)
    }

    static func channel(_ channel: Snowflake) -> Route {
        Route(.bot, "GET", "/channels/{channel_id}", path: "/channels/\(channel)", resource: channel.description)
    }

    static func globalCommands(of application: Snowflake) -> Route {
        Route(
            .bot, "GET", "/applications/{application_id}/commands",
            path: "/applications/\(application)/commands?with_localizations=true", resource: application.description)
    }

    static func overwriteGlobalCommands(of application: Snowflake) -> Route {
        Route(
            .bot, "PUT", "/applications/{application_id}/commands", path: "/applications/\(application)/commands",
            resource: application.description)
    }

    /// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3): a token comes from outside and must
    /// not be able to name another path.
    private static func escaped(_ segment: String) -> String {
        var result = ""
        for byte in segment.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.count < 2 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }
}
