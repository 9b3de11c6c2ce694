internal import Shared

extension RateLimitModel.Request {
    /// Who counts where: the bucket is the operation's, the resource the path's top-level one.
    init(_ operation: Operation, _ parameters: [String: String], address: String, at now: Int) {
        let token = parameters["webhook_token"] ?? parameters["interaction_token"]
        let names = ["channel_id", "guild_id", "webhook_id"]
        var resource = names.first { parameters[$0] != nil }.map { "\($0)=\(parameters[$0] ?? "")" } ?? ""
        if let token { resource += "/\(token)" }
        var bucket = operation.id
        if bucket == "delete_message", let message = parameters["message_id"].flatMap({ Snowflake($0) }),
            now / 1000 - Int(message.millisecondsSince1970) > 14 * 86_400_000
        {
            // One route with two limits, by the age of the message (discord-api-docs #8330).
            bucket = "delete_old_message"
        }
        self.init(
            bucket: bucket, resource: resource, identity: operation.isOpen ? address : "bot",
            isExemptFromGlobal: token != nil)
    }
}
