internal import Shared

/// Who a message's text pings, after `allowed_mentions` (resources/message.mdx, Allowed Mentions Object).
struct MentionRules: Equatable {
    var users: [Snowflake] = []
    var roles: [Snowflake] = []
    var everyone = false
    /// Whether the author of the message replied to is pinged.
    var repliedUser = false

    /// - Parameters:
    ///   - allowed: `allowed_mentions`; null or absent means everything for messages, users only for interactions.
    ///   - mayMentionEveryone: whether the author has MENTION_EVERYONE.
    init(in content: String, allowed: JSON?, isInteraction: Bool, mayMentionEveryone: Bool) {
        let allowed = allowed?.nonNull
        let standard = isInteraction ? ["users"] : ["users", "roles", "everyone"]
        let parse = allowed.map { ($0["parse"]?.elements ?? []).compactMap(\.string) } ?? standard
        func isAllowed(_ id: Snowflake, _ kind: String) -> Bool {
            parse.contains(kind) || (allowed?[kind]?.elements ?? []).contains { $0.id == id }
        }
        for match in content.matches(of: /<@(!|&)?(\d{1,20})>/) {
            guard let id = Snowflake(match.2) else { continue }
            if match.1 == "&" {
                if isAllowed(id, "roles"), !roles.contains(id) { roles.append(id) }
            } else if isAllowed(id, "users"), !users.contains(id) {
                users.append(id)
            }
        }
        everyone = mayMentionEveryone && parse.contains("everyone") && content.contains(/@(everyone|here)\b/)
        repliedUser = allowed.map { $0["replied_user"]?.bool ?? false } ?? true
    }
}
