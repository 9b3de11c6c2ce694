/// The version that all four programs report.
public enum Version {
    /// Semantic version of this release, as in `CHANGELOG.md`.
    public static let current = "0.1.0"
}
