internal import Glibc

/// The terminal that a command has taken over: no echo, keys one by one, the alternate screen, no cursor. It is as it was
/// before when this is gone.
final class Terminal {
    /// What a command waits for.
    enum Event: Equatable {
        case key(UInt8)
        case resized
        /// A signal that ends the process.
        case ended
        case timeout
    }

    private let before: termios
    private let signals: sigset_t
    /// How long a signal may wait to be noticed.
    private static let signalPause: Int32 = 100

    /// Takes the terminal over; nil if standard input and output are not both one.
    init?() {
        var settings = termios()
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, tcgetattr(STDIN_FILENO, &settings) == 0 else {
            return nil
        }
        // Signals are read like keys, so that none ends the process with the terminal in disorder.
        var awaited = sigset_t()
        sigemptyset(&awaited)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGWINCH] { sigaddset(&awaited, signal) }
        pthread_sigmask(SIG_BLOCK, &awaited, nil)
        signals = awaited
        before = settings
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
        Output.write(bytes: "\u{1B}[?1049h\u{1B}[?25l")
    }

    deinit {
        Output.write(bytes: "\u{1B}[?25h\u{1B}[?1049l")
        var settings = before
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
    }

    /// Columns and rows; 80 by 24 where the terminal does not tell.
    var size: TopScreen.Size {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return TopScreen.Size(columns: 80, rows: 24)
        }
        return TopScreen.Size(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }

    /// Draws the lines from the top, each over what stood there.
    func draw(_ lines: [String]) {
        Output.write(bytes: "\u{1B}[H" + lines.map { "\u{1B}[2K" + $0 }.joined(separator: "\r\n") + "\u{1B}[J")
    }

    /// Waits for a key or a signal.
    func event(within limit: Duration) -> Event {
        let end = ContinuousClock.now + limit
        repeat {
            if let event = pendingSignal() { return event }
            var wish = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            let left = Int32(clamping: (end - .now).milliseconds)
            guard poll(&wish, 1, max(0, min(left, Self.signalPause))) > 0 else { continue }
            var key: UInt8 = 0
            return read(STDIN_FILENO, &key, 1) == 1 ? .key(key) : .ended
        } while ContinuousClock.now < end
        return .timeout
    }

    private func pendingSignal() -> Event? {
        var awaited = signals
        var none = timespec()
        let signal = sigtimedwait(&awaited, nil, &none)
        return signal < 0 ? nil : signal == SIGWINCH ? .resized : .ended
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
