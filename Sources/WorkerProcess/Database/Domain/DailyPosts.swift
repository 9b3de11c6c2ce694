internal import Shared

/// One text of a guild's own rotation.
struct DailyPost: Sendable, Equatable {
    /// How it is called in this guild; never given twice.
    let number: Int
    let text: String
    let author: Snowflake
}

/// What became of a text that was to be added.
enum AddedPost: Sendable, Equatable {
    case added(DailyPost)
    /// The guild has as many as it may.
    case full(limit: Int)
}

/// The texts that a guild's daily posts take turns with. Texts are what admins wrote for everybody to see.
protocol DailyPosts: Sendable {
    /// In the order of the rotation, what is posted next first.
    func dailyPosts(of guild: Snowflake) async throws(StoreError) -> [DailyPost]

    /// Adds a text at the rotation's end. Asked again for the same event it returns the same.
    func addDailyPost(
        _ text: String, by author: Snowflake, to guild: Snowflake, event: EventID
    ) async throws(StoreError) -> AddedPost

    /// Takes a text out of the rotation and returns it; nil if there is none of that number. Asked again for the same event it
    /// returns the same.
    func removeDailyPost(_ number: Int, from guild: Snowflake, event: EventID) async throws(StoreError) -> DailyPost?

    /// Leaves out the guild's daily post on that date; false if it has been posted or left out already by another event.
    func skipDaily(on date: LocalDate, of guild: Snowflake, event: EventID) async throws(StoreError) -> Bool

    /// Says which text a run is to post: the one that was posted longest ago. The same run is given the same text again, also
    /// after the rotation has changed.
    func takeDailyPost(for run: DailyRun.Key) async throws(StoreError) -> DailyPost?
}

enum DailyPostLimits {
    /// Texts in one guild's rotation.
    static let maximumPosts = 100
    /// UTF-16 units of one text, which leaves room for the frame around it in one embed.
    static let maximumLength = 1500
}
