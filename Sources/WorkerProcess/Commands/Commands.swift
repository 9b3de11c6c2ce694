extension CommandList {
    /// All commands of the bot.
    static let standard = CommandList([
        AboutCommand(), ConfigCommand(), DailyCommand(), HelpCommand(), LeaderboardCommand(), PingCommand(),
        PrivacyCommand(), StatsCommand(),
    ])
}
