internal import ArgumentParser
internal import Shared

@main
struct ControlTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "olimctl",
        abstract: "Looks at a running gateway and tells it what to do.",
        discussion: """
            It connects to the gateway's control socket, which lets in the gateway's own user and root. Where that is, it \
            reads from CONTROL_SOCKET, else from QUEUE_SOCKET, in the environment or in .env, as the gateway does.

            Exit codes: 0 done; 64 the command line is wrong, or names something that is not there; 69 the gateway cannot \
            be reached, or is not healthy; 78 the configuration is wrong.
            """,
        version: Version.current,
        subcommands: [
            StatusCommand.self, TopCommand.self, HealthCommand.self, CheckCommand.self, DeadLettersCommand.self,
            WorkersCommand.self, ShardsCommand.self, TailCommand.self, TasksCommand.self,
        ]
    )
}
