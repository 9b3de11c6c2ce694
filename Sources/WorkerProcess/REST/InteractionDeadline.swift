internal import Shared

/// How long an interaction's first answer may still take. Discord allows three seconds from the interaction's creation
/// (interactions/receiving-and-responding.mdx), which is in its id.
struct InteractionDeadline: Sendable {
    /// Discord's limit.
    var limit: Duration = .seconds(3)
    /// The least time that is tried. The machine's clock may be ahead of Discord's by seconds, and should not silence the
    /// bot: Discord itself says 10062 if it is too late.
    var minimum: Duration = .seconds(1)
    /// Older than this is not a matter of clocks: the interaction was replayed or waited too long.
    var hopelessAge: Duration = .seconds(15)
    /// Older than any token lives: it has waited that long, or the machine's clock is wrong, and Discord decides.
    var impossibleAge: Duration = .seconds(15 * 60)

    /// How old an interaction is.
    /// - Parameter wallClock: milliseconds since 1970.
    func age(of interaction: Snowflake, wallClock: Int64) -> Duration {
        .milliseconds(wallClock - Int64(clamping: interaction.millisecondsSince1970))
    }

    /// The time left; nil if there is no sense in trying.
    /// - Parameter wallClock: milliseconds since 1970.
    func remaining(of interaction: Snowflake, wallClock: Int64) -> Duration? {
        let age = age(of: interaction, wallClock: wallClock)
        guard age < impossibleAge else { return limit }
        guard age < hopelessAge else { return nil }
        return min(max(limit - age, minimum), limit)
    }
}
