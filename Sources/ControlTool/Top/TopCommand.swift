internal import ArgumentParser
internal import Shared

struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Show the status live, with charts; q quits.",
        discussion: "For pipes and programs there is `olimctl status`, with --json too.")

    @OptionGroup var options: ControlOptions

    /// Between two looks.
    static let pause = Duration.seconds(1)
    /// A gateway that is stuck must not keep the keys from being heard.
    static let patience = Duration.seconds(1)

    func validate() throws {
        if options.json { throw ValidationError("top has no --json; use olimctl status --json") }
    }

    func run() throws {
        try ending { () throws(ControlFailure) in
            // Before the terminal is taken over, so that a wrong setting is told as by every other command.
            var connection: ControlConnection? = try options.connect()
            guard let terminal = Terminal() else {
                throw ControlFailure(.usage, "top needs a terminal; use olimctl status")
            }
            var history = TopHistory()
            var status: JSON?
            var failure: String?
            let clock = ContinuousClock()
            let start = clock.now
            var next = start
            while true {
                if clock.now >= next {
                    do throws(ControlFailure) {
                        let asked: ControlConnection
                        if let connection { asked = connection } else { asked = try options.connect() }
                        connection = asked
                        let found = try asked.request("status", within: Self.patience).value["status"] ?? [:]
                        history.add(found, at: (clock.now - start) / .seconds(1))
                        (status, failure) = (found, nil)
                    } catch {
                        // It may be starting anew.
                        connection = nil
                        history.addGap()
                        failure = error.message
                    }
                    next = max(next + Self.pause, clock.now)
                }
                terminal.draw(
                    TopScreen.lines(status: status, failure: failure, history: history, size: terminal.size))
                switch terminal.event(within: max(.zero, next - clock.now)) {
                case .key(UInt8(ascii: "q")), .key(UInt8(ascii: "Q")), .ended: return
                case .key, .resized, .timeout: continue
                }
            }
        }
    }
}
