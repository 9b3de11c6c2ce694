extension CommandList {
    /// All commands of the bot.
    static let standard = CommandList([
        PingCommand(),
        HelpCommand(),
        ConfigCommand(),
    ])
}
