internal import NIOCore
internal import Shared

/// What is done at Discord. Each of these may be carried out twice without a second effect.
extension DiscordRESTClient {
    @discardableResult
    func createMessage(
        in channel: Snowflake, _ message: OutgoingMessage, nonce: String, until: ContinuousClock.Instant? = nil
    ) async throws(DiscordAPIError) -> Snowflake? {
        let route = Route.createMessage(in: channel)
        guard nonce.count <= MessageBody.maximumNonceLength, !nonce.isEmpty else {
            throw .rejected(route, "a nonce has 1 to \(MessageBody.maximumNonceLength) characters")
        }
        var call = ordinary(route, MessageBody.creation(message, nonce: nonce), message.attachments)
        if let until { call.latest = min(call.latest, until) }
        do {
            // The status says all that matters; the body may have broken off.
            return JSON(parsing: try await perform(call))?["id"]?.string.flatMap { Snowflake($0) }
        } catch  where error.code == 10008 {
            // The nonce is known, and its message was deleted meanwhile: it was sent (resources/message.mdx).
            return nil
        }
    }

    func respond(
        to interaction: InteractionReference, with response: InteractionResponse
    ) async throws(DiscordAPIError) {
        let route = Route.callback(of: interaction)
        guard let remaining = options.interactionDeadline.remaining(of: interaction.id, wallClock: Self.wallClock())
        else {
            throw .tooLate(interaction, "not sent, the interaction is too old")
        }
        let call = Call(
            route: route,
            payload: RequestPayload(json: MessageBody.callback(response), attachments: response.attachments),
            policy: .callback,
            attemptTimeout: options.callbackAttemptTimeout, latest: .now + remaining, endsAtLatest: true)
        _ = try await perform(call)
    }

    func editOriginalResponse(
        of interaction: InteractionReference, to message: OutgoingMessage
    ) async throws(DiscordAPIError) {
        _ = try await perform(
            ordinary(
                .editOriginalResponse(of: interaction), MessageBody.edit(message), message.attachments))
    }

    func followUp(
        _ interaction: InteractionReference, with message: OutgoingMessage
    ) async throws(DiscordAPIError) {
        _ = try await perform(
            ordinary(.followUp(of: interaction), MessageBody.answer(message), message.attachments))
    }

    func globalCommands(of application: Snowflake) async throws(DiscordAPIError) -> JSON {
        try await read(.globalCommands(of: application))
    }

    func overwriteGlobalCommands(of application: Snowflake, with commands: JSON) async throws(DiscordAPIError) {
        _ = try await perform(ordinary(.overwriteGlobalCommands(of: application), commands))
    }

    private static func wallClock() -> Int64 { ProcessClock.wallMicroseconds / 1000 }
}
