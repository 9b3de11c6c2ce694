/// The version that all four programs report.
public enum Version {
    /// Semantic version of this release, as in `CHANGELOG.md`.
    public static let current = "0.1.0"
    /// Where Discord's staff finds out what this program is.
    public static let projectURL = "https://github.com/olim-bot/olim"
    /// How every request to Discord names itself; without this form Cloudflare may block it (reference.mdx, User Agent).
    public static let userAgent = "DiscordBot (\(projectURL), \(current))"
}
